package contract

import (
	"strings"

	"github.com/andiron-dev/andiron/pickle"
)

// maxFields is how many parts of one dtype are looked at.
const maxFields = 1 << 12

// dtypeFlaw says what is wrong with the state of a numpy dtype; "" is nothing.
// numpy believes the flags of a state: without the one for objects, the bytes of
// an array become pointers that the first access follows.
//
// numpy v2.2.0 numpy/_core/src/multiarray/descriptor.c: arraydescr_setstate.
func dtypeFlaw(dtype, state pickle.Value) string {
	flags, known := state.Index(7).Int()
	version, _ := state.Index(0).Int()
	left := maxFields
	if version < 3 && !known { // the flags are worked out from the fields
		return ""
	}
	if holdsObjects(dtype, 8, &left) && (!known || flags&1 == 0) {
		return "the state of a dtype denies that it holds objects"
	}
	size, sized := state.Index(5).Int()
	for _, f := range state.Index(4).Pairs() {
		at, ok := f.Index(1).Int()
		if left--; left < 0 || !ok || at < 0 || !sized || at > size {
			return "a field of a dtype lies outside of its elements"
		}
	}
	return ""
}

// holdsObjects reports whether a dtype, or one that it is made of, is of objects.
func holdsObjects(dtype pickle.Value, depth int, left *int) bool {
	if *left--; *left < 0 || depth == 0 {
		return true
	}
	code, _ := text(dtype.Args().Index(0))
	if strings.HasPrefix(strings.TrimLeft(code, "|<>="), "O") || strings.HasPrefix(code, "object") {
		return true
	}
	for s := range dtype.States() {
		if sub := s.Index(2); sub.Kind() == pickle.KindTuple && holdsObjects(sub.Index(0), depth-1, left) {
			return true
		}
		for _, f := range s.Index(4).Pairs() {
			if holdsObjects(f.Index(0), depth-1, left) {
				return true
			}
		}
	}
	return false
}
