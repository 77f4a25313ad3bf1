package optest

import (
	"cmp"
	"slices"
	"strings"

	"github.com/andiron-dev/andiron/internal/opreport"
)

// crashing are kinds that may be one and the same mistake seen in two builds.
var crashing = []string{"crash", "device"}

// merge adds a finding to those of an operator. Two are the same if kind, key and place
// are. A crash of the plain build says nothing of the place; one with a sanitizer that
// does stands for it. Of several at one place the gravest does.
func merge(list []opreport.Found, f opreport.Found) []opreport.Found {
	for i := range list {
		have := &list[i]
		if have.Kind == f.Kind && (have.Key == f.Key || f.Where.File != "" && have.Where.File == f.Where.File && have.Where.Line == f.Where.Line) {
			if have.Build == f.Build && grave(f) > grave(*have) {
				f.Times, f.Also = f.Times+have.Times, cmp.Or(f.Also, have.Also)
				*have = f
				return list
			}
			have.Times += f.Times
			return list
		}
	}
	if f.Build != "asan" {
		return append(list, f)
	}
	if i := slices.IndexFunc(list, func(have opreport.Found) bool { return standsFor(f, have) }); i >= 0 {
		plain := list[i]
		if f.Kind == "leak" {
			// What the C library counts is what a user sees; only the place is new.
			list[i].Where, list[i].Also = f.Where, f.Detail
			return list
		}
		f.Also = "the plain build: " + plain.Detail
		list[i] = f
		return list
	}
	return append(list, f)
}

// grave orders what a sanitizer says of one place: memory that was written before
// memory that was read, and both before what C++ merely does not define.
func grave(f opreport.Found) int {
	switch {
	case strings.HasPrefix(opreport.Access(f.Output), "WRITE"):
		return 2
	case strings.HasPrefix(f.Detail, "AddressSanitizer: "):
		return 1
	}
	return 0
}

func standsFor(f, have opreport.Found) bool {
	if have.Build != "plain" || have.Where.File != "" {
		return false
	}
	return slices.Contains(crashing, f.Kind) && have.Kind == f.Kind || f.Kind == "leak" && have.Kind == "leak"
}
