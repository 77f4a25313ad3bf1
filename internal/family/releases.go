package family

import (
	"strings"
	"sync"
)

// Version is a final release of torch.
type Version struct {
	Number string // "2.14.1"
	Date   string // 2026-09-30; "" if not known
}

// Versions returns the final releases of torch that are known, oldest first: what was
// out on Date.
func Versions() []Version {
	return append([]Version{}, versions()...)
}

var versions = sync.OnceValue(func() (list []Version) {
	for line := range strings.Lines(releasesText) {
		if f := strings.Fields(line); len(f) == 2 && f[0] != "#" {
			list = append(list, Version{f[0], strings.Trim(f[1], "-")})
		}
	}
	return list
})
