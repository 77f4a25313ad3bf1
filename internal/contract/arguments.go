package contract

import (
	"fmt"
	"strings"

	"github.com/andiron-dev/andiron/pickle"
)

// arguments is a contract on the arguments of a call.
//
// The language is closed: "(storage,int,ints,dict|none?)" lists one pattern per
// argument; "|" separates alternatives, "?" after the last makes an argument
// optional, "*" lets it stand any number of times; 'text' is that very string.
// "(@name)" is a predicate over the whole call.
type arguments []argument

type argument struct {
	oneOf    []pattern
	words    string // as written, for messages
	optional bool
	repeated bool
	whole    predicate
}

// pattern reports whether a value is of a form.
type pattern func(j *judge, v pickle.Value) bool

// predicate says what is wrong with the arguments of a call; "" is nothing.
type predicate func(j *judge, args pickle.Value) string

func parseArguments(text string) (arguments, error) {
	inner, ok := strings.CutPrefix(text, "(")
	inner, end := strings.CutSuffix(inner, ")")
	if !ok || !end {
		return nil, fmt.Errorf("arguments %q are not in parentheses", text)
	}
	if pred, ok := strings.CutPrefix(inner, "@"); ok {
		f := predicates[pred]
		if f == nil {
			return nil, fmt.Errorf("predicate %q", pred)
		}
		return arguments{{whole: f}}, nil
	}
	out := arguments{}
	if inner == "" {
		return out, nil
	}
	for word := range strings.SplitSeq(inner, ",") {
		a, err := parseArgument(word)
		if err != nil {
			return nil, err
		}
		out = append(out, a)
	}
	return out, nil
}

func parseArgument(word string) (argument, error) {
	a := argument{words: word}
	word, a.optional = strings.CutSuffix(word, "?")
	word, a.repeated = strings.CutSuffix(word, "*")
	for alt := range strings.SplitSeq(word, "|") {
		p := patterns[alt]
		if want, ok := strings.CutPrefix(alt, "'"); ok {
			want = strings.TrimSuffix(want, "'")
			p = func(_ *judge, v pickle.Value) bool {
				s, ok := text(v)
				return ok && s == want
			}
		}
		if p == nil {
			return a, fmt.Errorf("pattern %q", alt)
		}
		a.oneOf = append(a.oneOf, p)
	}
	return a, nil
}

// check says what is wrong with a call's arguments; "" is nothing.
func (as arguments) check(j *judge, args, kwargs pickle.Value) string {
	if as == nil {
		return ""
	}
	if args.Kind() != pickle.KindTuple {
		return "the arguments are not a tuple that the stream made"
	}
	if !kwargs.IsZero() && kwargs.Len() > 0 {
		return "it has keyword arguments"
	}
	if len(as) == 1 && as[0].whole != nil {
		return as[0].whole(j, args)
	}
	i, n := 0, args.Len()
	for _, a := range as {
		if a.repeated {
			for i < n && a.match(j, args.Index(i)) {
				i++
			}
			continue
		}
		if i >= n {
			if a.optional {
				continue
			}
			return fmt.Sprintf("argument %d (%s) is missing", i+1, a.words)
		}
		if !a.match(j, args.Index(i)) {
			return fmt.Sprintf("argument %d is not %s", i+1, a.words)
		}
		i++
	}
	if i < n {
		return fmt.Sprintf("argument %d is not expected", i+1)
	}
	return ""
}

func (a argument) match(j *judge, v pickle.Value) bool {
	for _, p := range a.oneOf {
		if p(j, v) {
			return true
		}
	}
	return false
}

// text returns a str, or bytes as they are.
func text(v pickle.Value) (string, bool) {
	if s, ok := v.Text(); ok {
		return s, true
	}
	b, ok := v.Bytes()
	return string(b), ok
}

func kinds(want ...pickle.Kind) pattern {
	var set uint32
	for _, k := range want {
		set |= 1 << k
	}
	return func(_ *judge, v pickle.Value) bool { return set&(1<<v.Kind()) != 0 }
}

// patterns are the words of the argument language. Object and Global arguments
// are judged where they are made and imported; here only their place matters.
var patterns = map[string]pattern{
	"any":       func(*judge, pickle.Value) bool { return true },
	"none":      kinds(pickle.KindNone),
	"bool":      kinds(pickle.KindBool, pickle.KindInt),
	"int":       kinds(pickle.KindInt, pickle.KindBool),
	"float":     kinds(pickle.KindFloat),
	"num":       kinds(pickle.KindInt, pickle.KindBool, pickle.KindFloat),
	"const":     kinds(pickle.KindNone, pickle.KindBool, pickle.KindInt, pickle.KindFloat, pickle.KindStr, pickle.KindBytes),
	"str":       kinds(pickle.KindStr),
	"bytearray": kinds(pickle.KindByteArray),
	"buffer":    kinds(pickle.KindBuffer),
	"tuple":     kinds(pickle.KindTuple),
	"dict":      kinds(pickle.KindDict),
	"storage":   isRebuilt,
	"tensor":    isRebuilt,
	"dtype":     kinds(pickle.KindGlobal, pickle.KindObject, pickle.KindStr, pickle.KindNone),
	"layout":    kinds(pickle.KindGlobal, pickle.KindObject),
	"device":    kinds(pickle.KindObject, pickle.KindStr, pickle.KindNone),
	"state":     kinds(pickle.KindDict, pickle.KindTuple, pickle.KindNone, pickle.KindObject),
	"bytes":     isBytes,
	"text":      func(j *judge, v pickle.Value) bool { return v.Kind() == pickle.KindStr || isBytes(j, v) },
	"ints":      isInts,
	"zero":      isZeroShape,
	"plain":     isPlain,
	"hooks":     isHooks,
	"type":      isType,
	"nptype":    isTypeOf("numpy"),
	"pdtype":    isTypeOf("pandas"),
	"bitgen":    isBitGenerator,
	"factory":   isFactory,
}

// isBytes also takes the way that protocols below 3 write bytes.
func isBytes(j *judge, v pickle.Value) bool {
	switch v.Kind() {
	case pickle.KindBytes, pickle.KindByteArray, pickle.KindBuffer:
		return true
	case pickle.KindStr:
		switch v.Via() { // Python 2 strings
		case pickle.STRING, pickle.BINSTRING, pickle.SHORT_BINSTRING:
			return true
		}
	case pickle.KindObject:
		n := j.funcName(v)
		return n != nil && (n.key == key{"_codecs", "encode"} || n.key == key{"builtins", "bytes"} || n.key == key{"builtins", "bytearray"})
	}
	return false
}

// maxInts is the longest size or stride that is looked at item by item.
const maxInts = 1 << 16

func isInts(j *judge, v pickle.Value) bool {
	switch v.Kind() {
	case pickle.KindTuple, pickle.KindList:
	case pickle.KindObject: // torch.Size
		n := j.funcName(v)
		return n != nil && n.key == key{"torch", "Size"}
	default:
		return false
	}
	if v.Len() > maxInts {
		return false
	}
	for item := range v.Items() {
		if k := item.Kind(); k != pickle.KindInt && k != pickle.KindBool {
			return false
		}
	}
	return true
}

// isZeroShape takes the shape of an array without elements, which is what numpy
// writes before the state fills it; a large one allocates what it says.
func isZeroShape(j *judge, v pickle.Value) bool {
	if !isInts(j, v) || v.Len() == 0 {
		return false
	}
	for item := range v.Items() {
		if n, ok := item.Int(); ok && n == 0 {
			return true
		}
	}
	return false
}

// isPlain takes constants and containers that the stream made: iterating over
// them runs nothing. Instances may iterate with code of their own.
func isPlain(j *judge, v pickle.Value) bool {
	switch v.Kind() {
	case pickle.KindObject:
		n := j.funcName(v)
		if n == nil || n.entry == nil || n.entry.tier != TierSafe {
			return false
		}
		return n.module == "collections" || n.module == "_codecs" || n.module == "builtins" && n.key.name != "range"
	case pickle.KindUnknown, pickle.KindGlobal, pickle.KindPersistent, pickle.KindExt:
		return false
	}
	return true
}

// isHooks takes what torch writes for no hooks; any others are callables.
func isHooks(j *judge, v pickle.Value) bool {
	switch v.Kind() {
	case pickle.KindNone:
		return true
	case pickle.KindDict:
		return v.Len() == 0
	case pickle.KindObject:
		n := j.funcName(v)
		if n == nil || n.key != (key{"collections", "OrderedDict"}) {
			return false
		}
		for range v.Pairs() {
			return false
		}
		for a := range v.Args().Items() {
			if a.Len() > 0 {
				return false
			}
		}
		return true
	}
	return false
}

// isType takes a listed class. An unlisted one is reported where it is imported,
// so it is not held against the call as well.
func isType(j *judge, v pickle.Value) bool {
	n := j.name(v, v.Offset())
	return n != nil && (n.entry != nil || n.sink == nil)
}

// isTypeOf takes a listed class of a package, or one that nobody reviewed and
// that is reported for it: what makes an instance of it calls its constructor.
func isTypeOf(pkg string) pattern {
	return func(j *judge, v pickle.Value) bool {
		n := j.name(v, v.Offset())
		return n != nil && (n.entry != nil && n.entry.pkg == pkg || n.entry == nil && n.sink == nil)
	}
}

// isBitGenerator takes what numpy's random state is made of: the name, class or
// instance of a bit generator, or the function that makes one. Any other function
// here is called with the argument before it.
func isBitGenerator(j *judge, v pickle.Value) bool {
	n := j.name(v, v.Offset())
	if v.Kind() == pickle.KindObject {
		n = j.classOf(v)
	}
	return n != nil && (n.entry != nil && n.entry.pkg == "numpy" && strings.HasPrefix(n.module, "numpy.random.") || n.entry == nil && n.sink == nil)
}

// isRebuilt takes a storage of the file or what a rebuild function made. The
// functions of torch call methods of it, which an instance of another class may
// have from the file.
func isRebuilt(j *judge, v pickle.Value) bool {
	switch v.Kind() {
	case pickle.KindPersistent:
		return true
	case pickle.KindObject:
	default:
		return false
	}
	n := j.funcName(v)
	switch {
	case n == nil:
		return false
	case n.entry == nil:
		return n.sink == nil
	}
	return n.module == "torch" || strings.HasPrefix(n.module, "torch.") && n.entry.tier == TierSafe ||
		n.key == key{"torch.storage", "_load_from_bytes"} || n.key.name == "_rebuild_njt"
}

func isFactory(j *judge, v pickle.Value) bool {
	if v.Kind() == pickle.KindNone {
		return true
	}
	if n := j.dillType(v); n != nil {
		return n.entry != nil && n.entry.ops&opFactory != 0
	}
	n := j.name(v, v.Offset())
	if v.Kind() == pickle.KindObject {
		n = j.funcName(v)
		return n != nil && n.entry != nil && !n.broken && n.entry.ops&opFactory != 0
	}
	return n != nil && (n.entry != nil && n.entry.ops&opFactory != 0 || n.entry == nil && n.sink == nil)
}

// unwrap returns the class inside of the persistent id that torch's legacy format
// wraps classes of whole modules in: ('module', class, source file, source).
//
// PyTorch v2.6.0 torch/serialization.py: _legacy_save, persistent_id.
func unwrap(v pickle.Value) pickle.Value {
	if v.Kind() != pickle.KindPersistent {
		return v
	}
	pid := v.PersistentID()
	if tag, _ := text(pid.Index(0)); tag == "module" && pid.Index(1).Kind() == pickle.KindGlobal {
		return pid.Index(1)
	}
	return v
}

// funcName returns the global that made an object, or nil.
func (j *judge) funcName(v pickle.Value) *name {
	f := unwrap(v.Func())
	if f.Kind() != pickle.KindGlobal {
		return j.dillType(f)
	}
	return j.name(f, f.Offset())
}
