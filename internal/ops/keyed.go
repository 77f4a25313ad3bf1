package ops

import (
	"slices"
	"strings"

	"github.com/andiron-dev/andiron/internal/cppsrc"
)

// What stands in brackets behind a map is a key: any value is one, and no memory is reached
// by it. mapTypes are not those that lie over memory, as Eigen::Map does.
var (
	mapTypes = words("map unordered_map hash_map flat_map node_map ordered_map flat_hash_map node_hash_map parallel_flat_hash_map parallel_node_hash_map btree_map " +
		"unordered_flat_map unordered_node_map dense_hash_map sparse_hash_map order_preserving_flat_hash_map bytell_hash_map robin_map robin_pg_map sparse_map hopscotch_map " +
		"concurrent_hash_map concurrent_unordered_map F14FastMap F14ValueMap F14NodeMap Dict OrderedDict DenseMap SmallDenseMap")
	listTypes = words("vector array deque span SmallVector ArrayRef MutableArrayRef List unique_ptr")
	keyTakers = words("at find count contains erase")
)

// typeNames are what a file calls types, and the fields and globals of it that are maps. A
// name that has several meanings has no words.
type typeNames struct {
	aliases, maps map[string][]string
}

func newTypeNames() typeNames {
	return typeNames{aliases: map[string][]string{}, maps: map[string][]string{}}
}

// means notes that a name stands for words.
func means(names map[string][]string, name string, words []string) {
	if old, ok := names[name]; ok && !slices.Equal(old, words) {
		words = nil
	}
	names[name] = words
}

// readTypes finds using M = ...;, typedef ... M;, and maps that are declared outside functions.
func readTypes(f *cppsrc.File) typeNames {
	t := newTypeNames()
	body := 0               // of the function that is next
	named := map[int]bool{} // the names of maps
	var outside []int       // what is declared outside functions
	for i := range f.Tokens {
		for body < len(f.Functions) && f.Functions[body].Body.Last <= i {
			body++
		}
		switch inside := body < len(f.Functions) && i >= f.Functions[body].Body.First; {
		case f.Is(i, "using") && f.Is(i+2, "="):
			means(t.aliases, f.Word(i+1), wordsIn(f, span{First: i + 3, Last: statementEnd(f, i+3)}))
		case f.Is(i, "typedef"):
			end := statementEnd(f, i+1)
			means(t.aliases, f.Word(end-1), wordsIn(f, span{First: i + 1, Last: end - 1}))
		case !inside && f.IsIdent(i) && mapTypes[f.Word(i)] && f.Is(i+1, "<"):
			end := f.Angles(i + 1)
			if w := f.Word(end + 1); f.IsIdent(end) && (w == ";" || w == "=" || w == "{") {
				means(t.maps, f.Word(end), wordsIn(f, span{First: i, Last: end}))
				named[end] = true
			}
		case !inside && f.IsIdent(i) && !named[i] && declares(f, i):
			outside = append(outside, i)
		}
	}
	for _, i := range outside { // a field of another class that has the name of a map
		if _, ok := t.maps[f.Word(i)]; ok {
			means(t.maps, f.Word(i), nil)
		}
	}
	return t
}

// declares reports whether a name outside functions is that of a field or a global.
func declares(f *cppsrc.File, i int) bool {
	switch f.Word(i + 1) {
	case ";", "=", "{", "[":
	default:
		return false
	}
	switch w := f.Word(i - 1); w {
	case ">", ">>", "*", "&", "&&", ",":
		return true
	default:
		return f.IsIdent(i-1) && !notTypes[w] && w != "class" && w != "struct" && w != "namespace" && w != "enum"
	}
}

// mostTypeWords bounds how far the end of a name for a type is looked for.
const mostTypeWords = 64

// statementEnd is where a short statement ends that goes on at a token.
func statementEnd(f *cppsrc.File, i int) int {
	for n := 0; n < mostTypeWords && i < len(f.Tokens) && !f.Is(i, ";"); n++ {
		i++
	}
	return i
}

// isKey reports whether what stands in the bracket at a token is a key: k of m[k], and of
// v[i][k] where v is a list of maps.
func (a *fn) isKey(open int) bool {
	base, level := open-1, 0
	for n := 0; n < mostLinks && a.f.Is(base, "]") && a.f.Mate(base) > a.def.Body.First; n++ {
		base, level = a.f.Mate(base)-1, level+1
	}
	if !a.f.IsIdent(base) {
		return false
	}
	keys := a.keysOf(base)
	return level < len(keys) && keys[level]
}

// keysIn lists the keys that stand in a span: of m[k], m.at(k).
func (a *fn) keysIn(s span) (list []span) {
	for i := s.First; i < s.Last; i++ {
		if end := a.behindKey(i); end > i {
			list = append(list, span{First: i + 1, Last: end})
			i = end
		}
	}
	return list
}

// behindKey is the end of the bracket at a token if there is a key in it.
func (a *fn) behindKey(i int) int {
	if a.f.Is(i, "[") && a.isKey(i) || a.f.Is(i, "(") && keyTakers[a.f.Word(i-1)] && a.member(i-1) && a.isKey(i-2) {
		return a.f.Mate(i)
	}
	return i
}

// keysOf says of each subscript that a name may have whether it is a key.
func (a *fn) keysOf(at int) []bool {
	v := a.lookup(a.f.Word(at), at)
	if v == nil || a.member(at) {
		return a.keysOfType(a.src.types.maps[a.f.Word(at)])
	}
	keys, ok := a.keys[v]
	if !ok {
		a.keys[v] = nil // for one that begins as itself
		keys = a.keysOfVariable(v)
		a.keys[v] = keys
	}
	return keys
}

func (a *fn) keysOfVariable(v *variable) []bool {
	typ := strings.Fields(v.typ)
	switch {
	case slices.Contains(typ, "auto"):
		return a.keysOfValue(v.init)
	case v.array.First < v.array.Last:
		return append([]bool{false}, a.keysOfType(typ)...)
	}
	return a.keysOfType(typ)
}

// putInto lists what is put into a map whose values a token takes: v of m[k] = v, m.emplace(k, v).
func (a *fn) putInto(v *variable, at int) (list []span) {
	if keys := a.keysOf(at); len(keys) == 0 || !keys[0] || !a.spend(a.def.Body.Last-a.def.Body.First) {
		return nil
	}
	for i := v.at + 1; i < v.scope.Last; i++ {
		if !a.f.Is(i, v.name) || a.member(i) || a.lookup(v.name, i) != v {
			continue
		}
		open := i + 1
		switch put := a.f.Word(i + 2); {
		case a.f.Is(open, "[") && a.f.Is(a.f.Mate(open)+1, "="):
			list = append(list, a.argument(a.f.Mate(open)+2))
		case put == "emplace" || put == "try_emplace" || put == "insert" || put == "insert_or_assign":
			open += 2
			if a.f.Is(open+1, "{") {
				open++
			}
			if args := a.f.Split(span{First: open + 1, Last: max(open+1, a.f.Mate(open))}); len(args) == 2 {
				list = append(list, args[1])
			}
		}
	}
	return list
}

// keysOfValue is keysOf for what an auto begins as: m, lists[i], or a type with arguments.
func (a *fn) keysOfValue(s span) []bool {
	i, taken := s.First, 0
	if i >= s.Last || !a.spend(s.Last-s.First) {
		return nil
	}
	if a.f.Is(i-1, ":") { // for (auto& m : maps)
		taken++
	}
	if a.f.Is(i, "*") {
		i, taken = i+1, taken+1
	}
	if a.lookup(a.f.Word(i), i) == nil {
		for i < s.Last && (a.f.IsIdent(i) || a.f.Is(i, "::")) {
			i++
		}
		if a.f.Is(i, "<") {
			i = a.f.Angles(i)
		}
		if a.f.Is(i, "(") || a.f.Is(i, "{") {
			return a.keysOfType(a.wordsOf(span{First: s.First, Last: i}))
		}
		return nil
	}
	keys := a.keysOf(i)
	for i++; a.f.Is(i, "[") && a.f.Mate(i) > i; taken++ {
		i = a.f.Mate(i) + 1
	}
	if i != s.Last || taken > len(keys) {
		return nil
	}
	return keys[taken:]
}

// keysOfType is keysOf for the words of a type.
func (a *fn) keysOfType(typ []string) (keys []bool) {
	for range mostSteps {
		for len(typ) > 0 && pointing[typ[len(typ)-1]] {
			if typ[len(typ)-1] == "*" {
				keys = append(keys, false)
			}
			typ = typ[:len(typ)-1]
		}
		open := slices.Index(typ, "<")
		if open < 0 {
			open = len(typ)
		}
		if open == 0 || !a.spend(len(typ)) {
			return keys
		}
		name := typ[open-1]
		if words := a.alias(name); len(words) > 0 {
			typ = words
			continue
		}
		args := arguments(typ[open:])
		own := a.p.defines(name) && (open < 2 || typ[open-2] != "::") // and no copy of a library
		switch {
		case mapTypes[name] && len(args) > 1 && !own:
			keys, typ = append(keys, true), args[1]
		case listTypes[name] && len(args) > 0:
			keys, typ = append(keys, false), args[0]
		default:
			return keys
		}
	}
	return keys
}

// alias gives the words that the name of a type stands for: in the file before others.
func (a *fn) alias(name string) []string {
	if words, ok := a.src.types.aliases[name]; ok {
		return words
	}
	return a.p.aliases[name]
}

// arguments are those of a template, in the words of a type from its <.
func arguments(typ []string) (list [][]string) {
	depth, arg := 0, []string(nil)
	for _, w := range typ {
		one := []string{w}
		if strings.Trim(w, ">") == "" { // >> closes two
			one = strings.Split(w, "")
		}
		for _, w := range one {
			switch w {
			case "<":
				depth++
			case ">":
				depth--
			}
			switch {
			case depth == 0:
				return append(list, arg)
			case depth == 1 && w == ",":
				list, arg = append(list, arg), nil
			case depth > 1 || w != "<":
				arg = append(arg, w)
			}
		}
	}
	return nil
}
