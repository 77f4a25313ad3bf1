package optest

import (
	"cmp"
	"slices"
	"strings"

	"github.com/andiron-dev/andiron/internal/opreport"
)

// crashing are kinds that may be one and the same mistake seen in two builds.
var crashing = []string{"crash", "device"}

// shown are kinds that the plain build says more of than a sanitizer, but for the place.
var shown = []string{"leak", "poison", "cuda-error"}

// locates says of which build a tool knows the places.
var locates = map[string]string{"asan": "plain", "valgrind": "plain", "memcheck": string(OnGPU), "initcheck": string(OnGPU)}

var plainly = map[string]string{"plain": "the plain build: ", string(OnGPU): "without compute-sanitizer: "}

// merge adds a finding to those of an operator. Two are the same if kind, key and place
// are. A crash of the plain build says nothing of the place; one with a sanitizer that
// does stands for it. Of several at one place the gravest does.
func merge(list []opreport.Found, f opreport.Found) []opreport.Found {
	plainer := locates[f.Build]
	for i := range list {
		have := &list[i]
		if f.Where.File != "" && have.Build == plainer && standsFor(f, *have) {
			continue // of a leak the key is the same, and the place is not
		}
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
	if plainer == "" {
		return append(list, f)
	}
	if i := slices.IndexFunc(list, func(have opreport.Found) bool { return have.Build == plainer && standsFor(f, have) }); i >= 0 {
		plain := list[i]
		if slices.Contains(shown, f.Kind) {
			// What the plain build shows is what a user sees; only the place is new.
			list[i].Where, list[i].Also = f.Where, strings.TrimSuffix(underTool(f.Build)+f.Detail+": "+f.Values, ": ")
			return list
		}
		f.Also = plainly[plainer] + plain.Detail
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
	if have.Where.File != "" || have.Kind != f.Kind {
		return false
	}
	return slices.Contains(crashing, f.Kind) || slices.Contains(shown, f.Kind)
}

// underTool says of what another build showed that it was not it alone.
func underTool(build string) string {
	switch {
	case locates[build] == string(OnGPU):
		return "under compute-sanitizer " + build + ": "
	case build == "valgrind":
		return "under valgrind: "
	}
	return ""
}
