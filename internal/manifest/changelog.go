package manifest

import (
	"regexp"
	"slices"
	"strings"
	"sync"
)

// Repair is a vulnerability that the changelog of a distribution's package names, and
// the version whose entry did so first.
type Repair struct {
	ID      string `json:"id"`
	Version string `json:"version"`
}

var cve = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`\bCVE-[0-9]{4}-[0-9]{4,7}\b`) })

// maxRepairs bounds what a changelog can name.
const maxRepairs = 1000

// Changelog reads the changelog of a package of Debian or Ubuntu, deb-changelog(5): an
// entry begins with a line "NAME (VERSION) …" that is not indented, the newest entry
// first. What it names need not be what it repairs, though that is the custom
// (Debian Developer's Reference §5.8.5).
func Changelog(b []byte) (list []Repair) {
	version := ""
	for line := range strings.Lines(string(b)) {
		if line[0] != ' ' && line[0] != '\t' {
			if _, rest, ok := strings.Cut(line, " ("); ok {
				version, _, _ = strings.Cut(rest, ")")
			}
			continue
		}
		for _, id := range cve().FindAllString(line, -1) {
			i := slices.IndexFunc(list, func(r Repair) bool { return r.ID == id })
			if i >= 0 {
				list[i].Version = version // an older entry
			} else if len(list) < maxRepairs {
				list = append(list, Repair{id, version})
			}
		}
	}
	slices.SortFunc(list, func(a, b Repair) int { return strings.Compare(a.ID, b.ID) })
	return list
}
