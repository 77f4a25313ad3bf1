package manifest

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestChangelog(t *testing.T) {
	const text = `pytorch (2.6.0+dfsg-7) unstable; urgency=medium

  * New patch for CVE-2025-2953 and XCVE-2025-0001.
    Closes: #1, CVE-2025-3730

 -- A Person <a@example.com>  Fri, 01 Aug 2025 10:00:00 +0000

pytorch (2.6.0+dfsg-1) unstable; urgency=medium

  * CVE-2025-3730 is looked at
CVE-2020-0001 stands where an entry begins
`
	want := []Repair{{"CVE-2025-2953", "2.6.0+dfsg-7"}, {"CVE-2025-3730", "2.6.0+dfsg-1"}}
	if d := cmp.Diff(want, Changelog([]byte(text))); d != "" {
		t.Error(d)
	}
	if got := Changelog(nil); got != nil {
		t.Errorf("an empty one names %v", got)
	}
}

func FuzzChangelog(f *testing.F) {
	f.Add([]byte("a (1) x\n  CVE-2025-2953\n"))
	f.Add([]byte(" CVE-2025-2953\n\n (\n\tCVE-2025-29530"))
	f.Fuzz(func(t *testing.T, b []byte) {
		if list := Changelog(b); len(list) > maxRepairs || len(list) > len(b)/13+1 {
			t.Fatalf("%d repairs of %d bytes", len(list), len(b))
		}
	})
}
