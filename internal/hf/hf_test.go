package hf

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/andiron-dev/andiron/internal/bounded"
	"github.com/andiron-dev/andiron/internal/tarball"
)

func read(s string, lim Limits) (*Facts, error) {
	return Read(strings.NewReader(s), int64(len(s)), lim)
}

func at(s, sub string) int64 { return int64(strings.Index(s, sub)) }

func TestRead(t *testing.T) {
	const (
		auto     = `{"auto_map":{"AutoModel":"modeling_x.XModel","AutoTokenizer":["u/r--tok.Slow",null]}}`
		pipe     = `{"custom_pipelines":{"my":{"impl":"../pipe.P","pt":["AutoModel"]}}}`
		trust    = `{"a":[{"trust_remote_code":true}],"_name_or_path":"x/y"}`
		chat     = `{"chat_template":"{{ x }}"}`
		chats    = `{"chat_template":[{"name":"tool","template":"{{ y }}"},{"name":"d","template":"z"}]}`
		weights  = `{"weight_map":{"a":"m-1.bin","b":"m-1.bin","c":"../m.bin","a":"/abs"}}`
		diffuser = `{"_class_name":"P","unet":["my_unet","Net"],"x":[1,2]}`
		modules  = `[{"idx":0,"name":"0","path":"","type":"custom_st.Transformer"}]`
		numbers  = `{"time_step_limit":[0.0,Infinity],"n":NaN,"s":"\ud800","auto_map":null}`
		dup      = `{"a":1,"b":{"c":1,"\u0063":2}}`
	)
	for _, tt := range []struct {
		name, json string
		want       Facts
	}{
		{"auto_map", auto, Facts{AutoMap: []CodeRef{
			{"auto_map.AutoModel", "modeling_x.XModel", "", "modeling_x.py", "XModel", nil, at(auto, `"modeling`)},
			{"auto_map.AutoTokenizer[0]", "u/r--tok.Slow", "u/r", "tok.py", "Slow", nil, at(auto, `"u/r`)},
		}}},
		{"custom_pipelines", pipe, Facts{CustomPipelines: []CodeRef{
			{"custom_pipelines.my.impl", "../pipe.P", "", "../pipe.py", "P", []tarball.Flaw{tarball.FlawParent}, at(pipe, `"../`)},
		}}},
		{"trust", trust, Facts{
			TrustRemoteCode: []Setting{{"a[0].trust_remote_code", "true", at(trust, "true}")}},
			Origins:         []Setting{{"_name_or_path", "x/y", at(trust, `"x/y`)}},
		}},
		{"chat", chat, Facts{Templates: []Template{{"chat_template", "", "{{ x }}", at(chat, `"{{`)}}}},
		{"chats", chats, Facts{Templates: []Template{
			{"chat_template[0]", "tool", "{{ y }}", at(chats, `"{{`)},
			{"chat_template[1]", "d", "z", at(chats, `"z`)},
		}}},
		{"weights", weights, Facts{
			Files: []FileRef{
				{"m-1.bin", nil, at(weights, `"m-1`), 2},
				{"../m.bin", []tarball.Flaw{tarball.FlawParent}, at(weights, `"../`), 1},
				{"/abs", []tarball.Flaw{tarball.FlawAbsolute}, at(weights, `"/abs`), 1},
			},
			Duplicates: []Setting{{"weight_map", "a", at(weights, `"a":"/`)}},
		}},
		{"diffusers", diffuser, Facts{Components: []Component{{"unet", "my_unet", "Net", at(diffuser, `["my`)}}}},
		{"modules", modules, Facts{Components: []Component{{"[0].type", "custom_st", "Transformer", at(modules, `"custom`)}}}},
		{"numbers", numbers, Facts{}},
		{"duplicates", dup, Facts{Duplicates: []Setting{{"b.c", "c", at(dup, `"\u0063`)}}}},
	} {
		got, err := read(tt.json, Limits{})
		if err != nil {
			t.Errorf("%s: %v", tt.name, err)
			continue
		}
		if d := cmp.Diff(&tt.want, got); d != "" {
			t.Errorf("%s: %s", tt.name, d)
		}
	}
}

func TestRefused(t *testing.T) {
	for _, s := range []string{
		"", "{", `{"a"}`, `{"a":}`, `{"a":1,}`, `[1 2]`, `{'a':1}`, `{"a":1} x`, "\xff", `"\x"`, `"abc`, `nul`, `+1`, "\xef\xbb\xbf{}", `{1:2}`,
	} {
		var se *SyntaxError
		if _, err := read(s, Limits{}); !errors.As(err, &se) {
			t.Errorf("%q: got %v", s, err)
		}
	}
	for _, tt := range []struct {
		s   string
		lim Limits
	}{{strings.Repeat("[", 1000), Limits{}}, {"[1,2,3]", Limits{Values: 2}}, {"[1,2,3]", Limits{Bytes: 3}}} {
		if _, err := read(tt.s, tt.lim); !errors.Is(err, bounded.ErrLimit) {
			t.Errorf("%.10q: got %v, want a limit", tt.s, err)
		}
	}
}

func FuzzRead(f *testing.F) {
	f.Add(`{"auto_map":{"AutoModel":"modeling_x.XModel"},"chat_template":[{"name":"tool","template":"\u00e9"}]}`)
	f.Add(`{"weight_map":{"a":"m-1.bin","b":"../m.bin"},"_class_name":"P","u":["a","B"]}`)
	f.Fuzz(func(t *testing.T, s string) {
		lim := Limits{Values: 1000}
		got, err := read(s, lim)
		again, err2 := read(s, lim)
		if d := cmp.Diff(got, again); d != "" || (err == nil) != (err2 == nil) {
			t.Error("two answers for one input", d)
		}
	})
}
