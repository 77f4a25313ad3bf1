//go:build bench

package survey

import "testing"

// TestRecallOfMany measures on larger sets what TestRecall and TestQuiet do on small
// ones: go test -tags bench -run RecallOfMany -v.
func TestRecallOfMany(t *testing.T) {
	const n, side = 10_000, 28
	for _, noise := range []uint64{0, 12} {
		alarms := 0
		for seed := range uint64(10) {
			if p := drawn(n, side, noise, 1000+seed); len(p.patches(t).Patches) > 0 {
				alarms++
			}
		}
		t.Logf("noise %d: alarms on %d of 10 clean sets of %d", noise, alarms, n)
		base := drawn(n, side, noise, 1)
		for _, share := range []float64{0.002, 0.005, 0.01} {
			for _, k := range triggers {
				stamped, lost, wrong := 0, 0, 0
				for seed := range uint64(3) {
					a, b, c, _ := missed(t, base.copied(), k, seed, share)
					stamped, lost, wrong = stamped+a, lost+b, wrong+c
				}
				t.Logf("noise %d, %.1f %% %s: recall %.3f, others %d", noise, 100*share, k.name, 1-float64(lost)/float64(stamped), wrong)
				if share >= 0.005 && lost > 0 {
					t.Errorf("%d of %d stamped pictures are not found", lost, stamped)
				}
			}
		}
		if alarms > 0 {
			t.Errorf("alarms on %d clean sets", alarms)
		}
	}
}
