package contract

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

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
		j := judge()
		if a, b := fmt.Sprintf("%v%v", show(j), j.Uses), fmt.Sprintf("%v%v", show(judge()), j.Uses); a != b {
			t.Errorf("two judgements differ:\n%s\n%s", a, b)
		}
		if bad := above(j, 1); bad == nil {
			for _, u := range j.Uses {
				if u.Tier == TierUnknown || u.Tier == TierSink {
					t.Errorf("%s is %s and no issue says so", u.Name, u.Tier)
				}
			}
		}
	})
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
	b.ReportMetric(float64(len(tr.Events)), "events")
	for b.Loop() {
		Judge(tr, Options{Container: "torch-zip"})
	}
}
