package contract

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/andiron-dev/andiron/finding"
	"github.com/andiron-dev/andiron/pickle"
)

// Judge does not panic, is deterministic, and says something about every global.
func FuzzJudge(f *testing.F) {
	for _, e := range examples {
		f.Add(assemble(e.fires))
		if e.quiet != "" {
			f.Add(assemble(e.quiet))
		}
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		opt := pickle.Options{Limits: pickle.Limits{MaxOps: 1 << 14}}
		judge := func() Judgement {
			return Judge(pickle.Run(bytes.NewReader(b), int64(len(b)), opt), Options{Container: "torch-zip"})
		}
		began := time.Now()
		j := judge()
		if d := time.Since(began); d > 20*time.Second { // what grows with the square takes minutes
			t.Errorf("it took %v", d)
		}
		if a, b := fmt.Sprintf("%v%v", show(j), j.Uses), fmt.Sprintf("%v%v", show(judge()), j.Uses); a != b {
			t.Errorf("two judgements differ:\n%s\n%s", a, b)
		}
		if bad := above(j, finding.Framework); bad == nil {
			for _, u := range j.Uses {
				if u.Tier == TierUnknown || u.Tier == TierSink {
					t.Errorf("%s is %s and no issue says so", u.Name, u.Tier)
				}
			}
		}
	})
}

// Streams that make a judge work end in time, and never as clean.
func TestHostileSizes(t *testing.T) {
	repeat := func(head, body string, n int, tail string) []byte {
		return slices.Concat(assemble(head), bytes.Repeat(assemble(body), n), assemble(tail))
	}
	for name, data := range map[string][]byte{
		"calls":   repeat("PROTO 2;EMPTY_LIST;MARK", "GLOBAL vendor.model make;BINUNICODE touch $HOME/x;TUPLE1;REDUCE", 50_000, "APPENDS;STOP"),
		"globals": repeat("PROTO 2;EMPTY_LIST;MARK", "GLOBAL os system", 50_000, "APPENDS;STOP"),
		"chain":   repeat("PROTO 2;GLOBAL os path", "PUT 1;GLOBAL builtins getattr;GET 1;BINUNICODE a;TUPLE2;REDUCE", 200_000, "EMPTY_TUPLE;REDUCE;STOP"),
		"join":    repeat("PROTO 2;BINUNICODE a", "PUT 1;GLOBAL builtins str.join;BINUNICODE x;EMPTY_LIST;MARK;GET 1;GET 1;APPENDS;TUPLE2;REDUCE", 5_000, "PUT 1;GLOBAL os system;GET 1;TUPLE1;REDUCE;STOP"),
		"decoys":  repeat("PROTO 2;GLOBAL builtins map;MARK;GLOBAL builtins len;EMPTY_LIST;MARK", "BINUNICODE decoy", 50_000, "GLOBAL os system;APPENDS;TUPLE;REDUCE;STOP"),
		"states":  repeat("PROTO 2;EMPTY_LIST;MARK", "GLOBAL vendor.model Net;EMPTY_TUPLE;NEWOBJ;EMPTY_DICT;BINUNICODE k;NONE;SETITEM;BUILD", 30_000, "APPENDS;STOP"),
	} {
		began := time.Now()
		tr := pickle.Run(bytes.NewReader(data), int64(len(data)), pickle.Options{})
		if tr.Err != nil {
			t.Errorf("%s: %v", name, tr.Err)
		}
		j := Judge(tr, Options{})
		if above(j, finding.Framework) == nil {
			t.Errorf("%s passes", name)
		}
		if d := time.Since(began); d > 30*time.Second { // what grows with the square takes minutes
			t.Errorf("%s took %v", name, d)
		} else {
			t.Logf("%s took %v, %d issues", name, d, len(j.Issues))
		}
	}
}

// A checkpoint of 50,000 tensors.
func BenchmarkJudge(b *testing.B) {
	var data []byte
	data = append(data, assemble("PROTO 2;EMPTY_LIST;MARK")...)
	put := strings.NewReplacer("GLOBAL torch._utils _rebuild_tensor_v2", "GLOBAL torch._utils _rebuild_tensor_v2;BINPUT 0", "BINUNICODE storage", "BINUNICODE storage;BINPUT 1",
		"GLOBAL torch FloatStorage", "GLOBAL torch FloatStorage;BINPUT 2", "GLOBAL collections OrderedDict", "GLOBAL collections OrderedDict;BINPUT 3")
	get := strings.NewReplacer("GLOBAL torch._utils _rebuild_tensor_v2", "BINGET 0", "BINUNICODE storage", "BINGET 1", "GLOBAL torch FloatStorage", "BINGET 2", "GLOBAL collections OrderedDict", "BINGET 3")
	data = append(data, assemble(put.Replace(tensor))...)
	one := assemble(get.Replace(tensor))
	for range 50_000 {
		data = append(data, one...)
	}
	data = append(data, assemble("APPENDS;STOP")...)
	tr := pickle.Run(bytes.NewReader(data), int64(len(data)), pickle.Options{})
	if tr.Err != nil {
		b.Fatal(tr.Err)
	}
	b.ReportAllocs()
	b.ReportMetric(float64(tr.Len()), "events")
	for b.Loop() {
		Judge(tr, Options{Container: "torch-zip"})
	}
}
