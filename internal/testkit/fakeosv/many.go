package fakeosv

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"time"
)

// Many makes records like those of the real feed, always the same: two fifths are
// malware, the rest are pairs of twins with long lists of versions and details.
func Many(n int) []Record {
	r := rand.New(rand.NewPCG(5, 6))
	modified := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	out := make([]Record, n)
	for i := range out {
		out[i] = Record{ID: fmt.Sprintf("MAL-2025-%d", i), Modified: modified}
		rest := `"summary":"Malicious code in a package","affected":[{"package":{"ecosystem":"PyPI","name":"evil-package-%d"},"versions":["1.0.0","1.0.1"]}]`
		if i%5 < 2 {
			rest = fmt.Sprintf(rest, i)
		} else {
			out[i].ID = fmt.Sprintf("PYSEC-2025-%d", i)
			rest = vulnerability(r, i)
		}
		out[i].JSON = fmt.Sprintf(`{"id":%q,"modified":%q,%s}`, out[i].ID, modified.Format(time.RFC3339), rest)
	}
	return out
}

func vulnerability(r *rand.Rand, i int) string {
	var versions strings.Builder
	for j := range 40 {
		fmt.Fprintf(&versions, `"%d.%d.%d",`, j/10, j%10, r.IntN(5))
	}
	words := strings.Fields("improper handling of some input in the parser allows a remote user to read files write memory or stop the service when a crafted request is sent")
	var details strings.Builder
	for range 120 {
		details.WriteString(words[r.IntN(len(words))] + " ")
	}
	return fmt.Sprintf(`"aliases":["CVE-2025-%d","GHSA-%04x-%04x-%04x"],"summary":"%s of package %d","details":%q,"published":"2025-01-01T00:00:00Z",`+
		`"severity":[{"type":"CVSS_V3","score":"CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H"}],"references":[{"type":"WEB","url":"https://example.org/%d"}],`+
		`"affected":[{"package":{"ecosystem":"PyPI","name":"package-%d"},"ranges":[{"type":"GIT","repo":"https://example.org/r","events":[{"introduced":"0"},{"fixed":"%x"}]},`+
		`{"type":"ECOSYSTEM","events":[{"introduced":"0"},{"fixed":"%d.%d"}]}],"versions":[%s"0.1"]}]`,
		i/2, i/2, r.IntN(65536), r.IntN(65536), details.String()[:60], i, details.String(), i, r.IntN(6)*r.IntN(600), r.Uint64(), 1+r.IntN(4), r.IntN(10), versions.String())
}
