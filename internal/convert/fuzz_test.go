package convert

import (
	"bytes"
	"testing"

	"github.com/andiron-dev/andiron/internal/testkit"
	"github.com/andiron-dev/andiron/pickle"
	"github.com/andiron-dev/andiron/safetensors"
)

// FuzzOpen: no file makes us panic, and what comes out is a file that the strict
// reader takes.
func FuzzOpen(f *testing.F) {
	testkit.Goldens(f, goldenDir, func(path string, m testkit.Golden) {
		if m.Container == "dcp" {
			return
		}
		if b := readSmall(f, path); b != nil {
			f.Add(b, uint8(0))
		}
	})
	f.Add(checkpointOf(dict(text("a"), floats("0", 2), number(1), view("FloatStorage", "0", 2, 0, []int64{2, 2}, []int64{0, 1})), count(2)), uint8(3))
	f.Fuzz(func(t *testing.T, b []byte, flags uint8) {
		opt := Options{SkipUnsupported: flags&1 != 0, DuplicateShared: flags&2 != 0}
		if flags&4 != 0 {
			opt.Select = []Selector{{text: "state_dict"}}
		}
		opt.Torch.Pickle = pickle.Limits{MaxOps: 1 << 16, MaxValues: 1 << 14}
		p, err := Open(bytes.NewReader(b), int64(len(b)), opt)
		if err != nil {
			return
		}
		if err := p.WriteExtra(&bytes.Buffer{}); err != nil {
			t.Logf("extra: %v", err)
		}
		if p.Layout.Size > 8<<20 {
			return // a small file can describe a large tensor by strides of 0
		}
		var out bytes.Buffer
		if err := p.Write(t.Context(), &out, nil); err != nil {
			return // a record that does not inflate
		}
		r := bytes.NewReader(out.Bytes())
		if err := p.Check(r, r.Size()); err != nil {
			t.Error(err)
		}
		if _, err := safetensors.Open(r, r.Size(), readLimits); err != nil {
			t.Error(err)
		}
	})
}
