package finding

import (
	"fmt"
	"regexp"
	"sync"
)

// Names are what a finding is called in each report that has it. They stay the same
// when only lines and offsets move, in its own file or in one that its message speaks
// of. A finding about an advisory has one for each name of that, and any of them will do.
// Findings that differ in nothing else have the same names.
func (f *Finding) Names() (names []string) {
	name := func(about string) string {
		var d Package
		if f.Package != nil {
			d = *f.Package
		}
		return fmt.Sprintf("%q", []string{f.Rule, f.Where.Path, f.Where.Member, d.Name, d.Version, about})
	}
	if f.Advisory == nil {
		return []string{name(placeRE().ReplaceAllString(f.Message, "$1"))}
	}
	names = append(names, name(f.Advisory.ID))
	for _, id := range f.Advisory.Aliases {
		names = append(names, name(id))
	}
	return names
}

// placeRE matches how messages say where something is: as Where does, and in words. One
// number after a colon is a line only behind the name of a file that andiron reads by
// lines: it may be a port, or the tag of an image.
var placeRE = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`(?:@|\bat )0x[0-9a-f]+|\b(?:line|row|column|offset) (?:0x[0-9a-f]+|[0-9]+)|` +
		`(\.(?:pyi?|ipynb|txt|in|toml|lock|cfg|ini|ya?ml|json|c|cc|cpp|cxx|cuh?|h|hpp|cmake|sh|xml|csv)|[Ff]ile|!cell [0-9]+):[0-9]+(?::[0-9]+)?\b|:[0-9]+:[0-9]+\b`)
})
