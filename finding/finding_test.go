package finding

import (
	"encoding/json"
	"slices"
	"testing"
)

func TestWhereString(t *testing.T) {
	file := Where{Path: "model.pt"}
	tests := []struct {
		where Where
		want  string
	}{
		{file, "model.pt"},
		{file.In("archive/data.pkl").At(0x1f), "model.pt!archive/data.pkl@0x1f"},
		{file.In("a.zip").In("b.pkl").At(0), "model.pt!a.zip!b.pkl@0x0"},
		{Where{Path: "train.py"}.Line1(12, 5), "train.py:12:5"},
		{Where{Path: "train.py"}.Line1(12, 0), "train.py:12"},
	}
	for _, tt := range tests {
		if got := tt.where.String(); got != tt.want {
			t.Errorf("String = %q, want %q", got, tt.want)
		}
	}
}

func TestCompare(t *testing.T) {
	at := func(path string, off int64, s Severity) Finding {
		return Finding{Where: Where{Path: path}.At(off), Severity: s}
	}
	want := []Finding{at("a", 1, High), at("a", 1, Low), at("a", 2, Critical), at("b", 0, Info)}
	got := []Finding{want[3], want[1], want[2], want[0]}
	slices.SortFunc(got, Compare)
	for i := range want {
		if Compare(got[i], want[i]) != 0 {
			t.Errorf("finding %d is %v, want %v", i, got[i], want[i])
		}
	}
}

func TestNames(t *testing.T) {
	for _, v := range Verdicts() {
		b, err := json.Marshal(v)
		var back Verdict
		if err != nil || json.Unmarshal(b, &back) != nil || back != v {
			t.Errorf("%v becomes %s and %v", v, b, back)
		}
		if want := v == Safe || v == Framework; v.Passes() != want {
			t.Errorf("%v passes: %v, want %v", v, v.Passes(), want)
		}
	}
	var s Severity
	if err := s.UnmarshalText([]byte("worst")); err == nil {
		t.Error("a severity of no name is read")
	}
	if Severities()[0] != Critical || len(Strategies()) != 8 {
		t.Error("the worst severity is not first, or the strategies are not eight")
	}
}

// TestFindingNames: places within messages are no part of a name, and what else has
// numbers is.
func TestFindingNames(t *testing.T) {
	name := func(message string) string { return (&Finding{Message: message}).Names()[0] }
	for _, same := range [][2]string{
		{"it is made at train.py:5:9, outside", "it is made at train.py:16:13, outside"},
		{"load at a.ipynb!cell 3:5:9", "load at a.ipynb!cell 3:6:9"},
		{"torch (requirements.txt:1) and b (Dockerfile:2)", "torch (requirements.txt:11) and b (Dockerfile:3)"},
		{"m.pt!data.pkl@0x1f and 3 bytes at 0x20", "m.pt!data.pkl@0x2f and 3 bytes at 0x30"},
		{"lost when line 4 leaves, at offset 12", "lost when line 5 leaves, at offset 13"},
	} {
		if a, b := name(same[0]), name(same[1]); a != b {
			t.Errorf("%s is not called like %s", a, b)
		}
	}
	for _, other := range [][2]string{
		{"it is made at train.py:5:9", "it is made at serve.py:5:9"},
		{"torch 2.4.1 is old", "torch 2.4.2 is old"},
		{"it listens on 0.0.0.0:80", "it listens on 0.0.0.0:81"},
		{"the index http://pypi.example.com:8080/simple", "the index http://pypi.example.com:8081/simple"},
		{"FROM pytorch/pytorch:2.1.0 is not pinned", "FROM pytorch/pytorch:3.1.0 is not pinned"},
		{"opcode 0x1f", "opcode 0x2f"},
	} {
		if a, b := name(other[0]), name(other[1]); a == b {
			t.Errorf("%q is called like %q", other[0], other[1])
		}
	}
	of := Finding{Message: "a", Package: &Package{Name: "torch", Version: "2.4.1"}, Advisory: &Advisory{ID: "CVE-1", Aliases: []string{"GHSA-1"}}}
	if names := of.Names(); len(names) != 2 || names[0] == names[1] {
		t.Errorf("an advisory with two names: %q", names)
	}
}
