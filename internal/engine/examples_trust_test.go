package engine_test

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/andiron-dev/andiron/internal/day"
	"github.com/andiron-dev/andiron/internal/engine"
	"github.com/andiron-dev/andiron/internal/lockfile"
	"github.com/andiron-dev/andiron/internal/source"
	"github.com/andiron-dev/andiron/internal/trust"
	"github.com/andiron-dev/andiron/internal/waiver"
)

// clock is the time of all examples.
var clock = time.Date(2027, 1, 10, 12, 0, 0, 0, time.UTC)

// trusting holds a scene against a lock and sources.
func trusting(change func(t *testing.T, dir string, o *trust.Options)) func(*testing.T, string, *engine.Options) {
	return func(t *testing.T, dir string, opt *engine.Options) {
		t.Helper()
		o := trust.Options{Root: dir, Name: dir, LockName: filepath.Join(dir, lockfile.FileName), PolicyName: filepath.Join(dir, "andiron.yaml"), Now: clock}
		change(t, dir, &o)
		room, err := trust.New(o)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = room.Close() })
		opt.Project, opt.Trust, opt.Whole = dir, room, true
	}
}

// lock lists files of a scene as they are.
func lock(t *testing.T, dir string, names ...string) *lockfile.File {
	t.Helper()
	f := &lockfile.File{}
	for _, name := range names {
		b, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		sum := sha256.Sum256(b)
		f.Models = append(f.Models, lockfile.Model{
			Path: name, SHA256: hex.EncodeToString(sum[:]), Size: int64(len(b)), Format: "pickle", Verdict: "safe",
			AddedBy: "alice", AddedAt: "2027-01-10T00:00:00Z", Line: 4,
		})
	}
	return f
}

// locking locks files of a scene, and may then change more.
func locking(names []string, more ...func(t *testing.T, dir string, o *trust.Options)) func(*testing.T, string, *engine.Options) {
	return trusting(func(t *testing.T, dir string, o *trust.Options) {
		t.Helper()
		o.Lock = lock(t, dir, names...)
		for _, f := range more {
			f(t, dir, o)
		}
	})
}

// under gives a scene one source rule.
func under(r source.Rule) func(*testing.T, string, *engine.Options) {
	return trusting(func(_ *testing.T, _ string, o *trust.Options) {
		o.Sources = source.Policy{Named: true, Rules: []source.Rule{r}}
	})
}

// signedBy asks for a signature, and has a verifier that takes one bundle.
func signedBy(verify trust.VerifyFunc) func(*testing.T, string, *engine.Options) {
	return locking([]string{"a.pkl"}, func(_ *testing.T, _ string, o *trust.Options) {
		o.Sources.RequireSignature, o.Sources.Signers, o.Verify = true, []source.Signer{{Name: "release", Key: "k.pub"}}, verify
	})
}

func takes(signature string) trust.VerifyFunc {
	return func(_ context.Context, _, bundle, _ string, signers []source.Signer) error {
		b, err := os.ReadFile(bundle)
		if err == nil && (string(b) != signature || signers[0].Name != "release") {
			err = errors.New("the signature is of nobody who may sign")
		}
		return err
	}
}

// waiving applies one waiver.
func waiving(w waiver.Waiver) func(*testing.T, string, *engine.Options) {
	return func(t *testing.T, dir string, opt *engine.Options) {
		t.Helper()
		if w.Expires.IsZero() {
			w.Expires = until(t, "2027-12-31")
		}
		opt.Project, opt.Policy, opt.Whole = dir, filepath.Join(dir, "andiron.yaml"), true
		opt.Waivers = waiver.NewList([]waiver.Waiver{w}, clock)
	}
}

func until(t *testing.T, s string) day.Day {
	t.Helper()
	d, err := day.Parse(s)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func mode(name string, m os.FileMode) func(*testing.T, string, *trust.Options) {
	return func(t *testing.T, dir string, _ *trust.Options) {
		t.Helper()
		if err := os.Chmod(filepath.Join(dir, name), m); err != nil {
			t.Fatal(err)
		}
	}
}

func trustExamples(t *testing.T) map[string]example {
	t.Helper()
	model := string(assemble("PROTO 2;EMPTY_DICT;STOP"))
	other := string(assemble("PROTO 2;EMPTY_LIST;STOP"))
	one := folder("a.pkl", model)
	two := folder("a.pkl", model, "b.pkl", other)
	signed := folder("a.pkl", model, "a.pkl.sig", "good")
	past, future := until(t, "2027-01-09"), until(t, "2027-02-09")
	scan := func(change func(*source.Rule)) source.Rule {
		r := source.Rule{Name: "released", Path: "*.pkl", Trust: source.Scan, Line: 3}
		change(&r)
		return r
	}
	rewritten := func(t *testing.T, dir string, _ *trust.Options) { t.Helper(); put(t, dir, "a.pkl", other) }
	gone := func(t *testing.T, dir string, _ *trust.Options) {
		t.Helper()
		if err := os.Remove(filepath.Join(dir, "b.pkl")); err != nil {
			t.Fatal(err)
		}
	}
	aged := func(d time.Duration) func(*testing.T, string, *engine.Options) {
		return func(t *testing.T, dir string, opt *engine.Options) {
			t.Helper()
			if err := os.Chtimes(filepath.Join(dir, "a.pkl"), clock, clock.Add(-d)); err != nil {
				t.Fatal(err)
			}
			under(scan(func(r *source.Rule) { r.MinAge = time.Hour }))(t, dir, opt)
		}
	}
	return map[string]example{
		"TRU001": {two.with(locking([]string{"a.pkl"})), two.with(locking([]string{"a.pkl", "b.pkl"}))},
		"TRU002": {one.with(locking([]string{"a.pkl"}, rewritten)), two.with(locking([]string{"a.pkl", "b.pkl"}))},
		"TRU003": {two.with(locking([]string{"a.pkl", "b.pkl"}, gone)), two.with(locking([]string{"a.pkl"}, gone))},
		"TRU004": {one.with(under(scan(func(r *source.Rule) { r.Path = "b.pkl" }))), one.with(under(scan(func(*source.Rule) {})))},
		"TRU005": {one.with(locking([]string{"a.pkl"}, mode("a.pkl", 0o620))), one.with(locking([]string{"a.pkl"}, mode("a.pkl", 0o755)))},
		"TRU006": {
			one.with(func(t *testing.T, dir string, opt *engine.Options) {
				t.Helper()
				away := t.TempDir()
				put(t, away, "b.pkl", other)
				linked(filepath.Join(away, "b.pkl"), "b.pkl")(t, dir, opt)
				locking([]string{"a.pkl", "b.pkl"})(t, dir, opt)
			}),
			one.with(both(linked("a.pkl", "b.pkl"), locking([]string{"a.pkl", "b.pkl"}))),
		},
		"TRU007": {
			one.with(under(scan(func(r *source.Rule) { r.Formats = []string{"safetensors"} }))),
			one.with(under(scan(func(r *source.Rule) { r.Formats = []string{"pickle"} }))),
		},
		"TRU008": {
			one.with(under(scan(func(r *source.Rule) { r.MaxSize = int64(len(model)) - 1 }))),
			one.with(under(scan(func(r *source.Rule) { r.MaxSize = int64(len(model)) }))),
		},
		"TRU009": {one.with(aged(time.Minute)), one.with(aged(time.Hour))},
		"TRU010": {
			one.with(under(scan(func(r *source.Rule) { r.ReviewBy = past }))),
			one.with(under(scan(func(r *source.Rule) { r.ReviewBy = future }))),
		},
		"TRU011": {folder("a.pkl", model, "a.pkl.sig", "bad").with(signedBy(takes("good"))), signed.with(signedBy(takes("good")))},
		"TRU012": {
			one.with(waiving(waiver.Waiver{Rule: "PKL095", Path: "a.pkl", Expires: past})),
			one.with(waiving(waiver.Waiver{Rule: "PKL095", Path: "a.pkl", Expires: future})),
		},
		"TRU013": {
			one.with(both(locking([]string{"a.pkl"}), waiving(waiver.Waiver{Rule: "TRU090", Path: "b.pkl"}))),
			one.with(both(locking([]string{"a.pkl"}), waiving(waiver.Waiver{Rule: "TRU090", Path: "a.pkl"}))),
		},
		"TRU014": {signed.with(signedBy(nil)), signed.with(signedBy(takes("good")))},
		"TRU015": {one.with(trusting(func(*testing.T, string, *trust.Options) {})), one.with(locking([]string{"a.pkl"}))},
		"TRU090": {one.with(locking([]string{"a.pkl"})), one.with(under(scan(func(*source.Rule) {})))},
		"TRU091": {one.with(under(scan(func(*source.Rule) {}))), one.with(locking([]string{"a.pkl"}))},
		"TRU092": {signed.with(signedBy(takes("good"))), signed.with(locking([]string{"a.pkl"}))},
	}
}

// both prepares a scene in two steps.
func both(first, then func(*testing.T, string, *engine.Options)) func(*testing.T, string, *engine.Options) {
	return func(t *testing.T, dir string, opt *engine.Options) {
		t.Helper()
		first(t, dir, opt)
		then(t, dir, opt)
	}
}
