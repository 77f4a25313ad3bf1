package convert

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/andiron-dev/andiron/internal/bounded"
	"github.com/andiron-dev/andiron/pickle"
	"github.com/andiron-dev/andiron/torchfile"
)

// ExtraSchema names the form of what WriteExtra writes.
const ExtraSchema = "andiron/extra/v1"

const (
	mostExtra      = 256 << 20 // bytes of JSON
	mostExtraDepth = 200
)

// WriteExtra writes the plain values of the input as JSON. docs/spec/convert-v1.md
// says how what JSON does not have is represented.
func (p *Plan) WriteExtra(w io.Writer) error {
	if p.noExtra {
		return errors.New("internal error: the plan was made without what its extra values need")
	}
	e := &extra{w: w, left: bounded.NewBudget("bytes of JSON", mostExtra), plan: p, written: map[string]bool{}}
	for t := range p.Layout.Tensors() {
		e.written[t.Name] = true
	}
	e.raw(`{"schema":"` + ExtraSchema + `","values":`)
	e.roots()
	e.raw("}\n")
	return e.err
}

// extra writes values. Errors stick.
type extra struct {
	w       io.Writer
	left    *bounded.Budget
	plan    *Plan
	written map[string]bool
	file    *torchfile.File
	at      int // the pickle
	path    map[uint32]bool
	err     error
}

func (e *extra) raw(s string) {
	if e.err == nil {
		e.err = e.left.Spend(int64(len(s)))
	}
	if e.err == nil {
		_, e.err = io.WriteString(e.w, s)
	}
}

// roots writes the object of a file; the items of a checkpoint by their names.
func (e *extra) roots() {
	p := e.plan
	if len(p.roots) == 1 && len(p.roots[0].prefix) == 0 {
		e.root(p.roots[0].file, p.roots[0].pickle)
		return
	}
	e.raw("{")
	first := true
	for _, it := range p.items {
		e.comma(&first)
		e.text(it.name)
		e.raw(":")
		e.root(it.file, it.file.Object)
	}
	for _, r := range p.roots {
		e.comma(&first)
		name := r.file.Pickles[r.pickle].Record
		if len(r.prefix) > 0 {
			name = join(r.prefix)
		}
		e.text(name)
		e.raw(":")
		e.root(r.file, r.pickle)
	}
	e.raw("}")
}

func (e *extra) root(f *torchfile.File, k int) {
	e.file, e.at, e.path = f, k, map[uint32]bool{}
	e.value(f.Pickles[k].Trace.Result)
}

func (e *extra) comma(first *bool) {
	if !*first {
		e.raw(",")
	}
	*first = false
}

// text writes a string. One that is no Unicode is written as bytes.
func (e *extra) text(s string) {
	b, err := json.Marshal(s)
	if err != nil {
		e.err = err
		return
	}
	e.raw(string(b))
}

// tagged writes an object of one member whose name begins with a dollar sign:
// what JSON does not have.
func (e *extra) tagged(tag string, value func()) {
	e.raw(`{"$` + tag + `":`)
	value()
	e.raw("}")
}

func (e *extra) value(v pickle.Value) {
	switch v.Kind() {
	case pickle.KindNone:
		e.raw("null")
	case pickle.KindBool:
		b, _ := v.Bool()
		e.raw(strconv.FormatBool(b))
	case pickle.KindInt:
		e.integer(v)
	case pickle.KindFloat:
		e.float(v)
	case pickle.KindStr:
		e.string(v)
	case pickle.KindBytes, pickle.KindByteArray:
		e.bytes(v)
	case pickle.KindGlobal:
		e.tagged("global", func() { e.text(globalOf(v)) })
	default:
		e.nested(v)
	}
}

// exact is how far whole numbers are read alike by every reader of JSON.
const exact = 1 << 53

func (e *extra) integer(v pickle.Value) {
	if n, ok := v.Int(); ok && n >= -exact && n <= exact {
		e.raw(strconv.FormatInt(n, 10))
		return
	}
	n, ok := v.BigInt()
	if !ok {
		e.omitted(v)
		return
	}
	e.tagged("int", func() { e.text(n.String()) })
}

func (e *extra) float(v pickle.Value) {
	x, _ := v.Float()
	switch {
	case math.IsNaN(x):
		e.tagged("float", func() { e.raw(`"nan"`) })
	case math.IsInf(x, 0):
		e.tagged("float", func() { e.text(strings.TrimPrefix(strings.ToLower(strconv.FormatFloat(x, 'g', -1, 64)), "+")) })
	default:
		s := strconv.FormatFloat(x, 'g', -1, 64)
		if !strings.ContainsAny(s, ".e") {
			s += ".0" // so that it stays a float
		}
		e.raw(s)
	}
}

func (e *extra) string(v pickle.Value) {
	s, ok := v.Text()
	switch {
	case !ok:
		e.omitted(v)
	case utf8.ValidString(s):
		e.text(s)
	default:
		e.tagged("surrogates", func() { e.text(base64.StdEncoding.EncodeToString([]byte(s))) })
	}
}

func (e *extra) bytes(v pickle.Value) {
	b, ok := v.Bytes()
	if !ok {
		e.omitted(v)
		return
	}
	e.tagged(v.Kind().String(), func() { e.text(base64.StdEncoding.EncodeToString(b)) })
}

// omitted says what is too long to be kept.
func (e *extra) omitted(v pickle.Value) {
	e.tagged("omitted", func() { e.text(fmt.Sprintf("%s of %d bytes", v.Kind(), v.Len())) })
}

func (e *extra) nested(v pickle.Value) {
	switch {
	case e.tensor(v):
		return
	case e.path[v.Key()]:
		e.raw(`{"$cycle":true}`)
		return
	case len(e.path) > mostExtraDepth:
		e.err = bounded.Exceeded("levels of the values", mostExtraDepth)
	}
	if e.err != nil {
		return
	}
	e.path[v.Key()] = true
	e.container(v)
	delete(e.path, v.Key())
}

func (e *extra) container(v pickle.Value) {
	switch v.Kind() {
	case pickle.KindList:
		e.list(v)
	case pickle.KindTuple, pickle.KindSet, pickle.KindFrozenSet:
		e.tagged(v.Kind().String(), func() { e.list(v) })
	case pickle.KindDict:
		e.dict(pairsOf(v))
	case pickle.KindObject:
		e.object(v)
	case pickle.KindPersistent:
		e.raw(`{"$storage":true}`)
	default:
		e.tagged("omitted", func() { e.text(v.Kind().String()) })
	}
}

// tensor writes the name that a tensor has in the safetensors file, or what it
// is if it is not there.
func (e *extra) tensor(v pickle.Value) bool {
	t := e.file.TensorOf(e.at, v)
	if t == nil {
		return false
	}
	e.tagged("tensor", func() {
		name, ok := e.plan.names[e.file][valueID{e.at, v.Key()}]
		if kept, same := e.plan.Aliases[name]; same {
			name = kept
		}
		if ok && e.written[name] {
			e.text(name)
			return
		}
		e.raw(`{"dtype":`)
		e.text(t.DType)
		e.raw(`,"shape":`)
		b, err := json.Marshal(append([]int64{}, t.Shape...))
		if e.raw(string(b)); err != nil {
			e.err = err
		}
		e.raw("}")
	})
	return true
}

func (e *extra) list(v pickle.Value) {
	e.raw("[")
	first := true
	for x := range v.Items() {
		e.comma(&first)
		if e.value(x); e.err != nil {
			return
		}
	}
	e.raw("]")
}

type pair struct{ k, v pickle.Value }

func pairsOf(v pickle.Value) (out []pair) {
	for k, x := range v.Pairs() {
		out = append(out, pair{k, x})
	}
	return out
}

// dict writes an object if its keys are texts, no two are the same, and none
// looks like a tag; else a list of pairs.
func (e *extra) dict(pairs []pair) {
	keys := make([]string, len(pairs))
	seen := make(map[string]bool, len(pairs))
	plain := true
	for i, p := range pairs {
		s, ok := p.k.Text()
		keys[i] = s
		plain = plain && ok && utf8.ValidString(s) && !strings.HasPrefix(s, "$") && !seen[s]
		seen[s] = true
	}
	if !plain {
		e.tagged("dict", func() { e.pairs(pairs) })
		return
	}
	e.raw("{")
	first := true
	for i, p := range pairs {
		e.comma(&first)
		e.text(keys[i])
		e.raw(":")
		if e.value(p.v); e.err != nil {
			return
		}
	}
	e.raw("}")
}

func (e *extra) pairs(pairs []pair) {
	e.raw("[")
	first := true
	for _, p := range pairs {
		e.comma(&first)
		e.raw("[")
		e.value(p.k)
		e.raw(",")
		e.value(p.v)
		e.raw("]")
		if e.err != nil {
			return
		}
	}
	e.raw("]")
}

// object writes an instance: a dict of the collections module as a dict, sets
// and bytes as what they are, all others as the class and what it was given.
// Nothing is called.
func (e *extra) object(v pickle.Value) {
	class := globalOf(v.Func())
	args := v.Args()
	switch class {
	case "collections.OrderedDict", "collections.Counter":
		e.dict(allPairs(v))
		return
	case "torch.Size":
		e.tagged("tuple", func() { e.list(args.Index(0)) })
		return
	case "builtins.set", "builtins.frozenset":
		if args.Len() == 1 && args.Index(0).Kind() == pickle.KindList {
			e.tagged(strings.TrimPrefix(class, "builtins."), func() { e.list(args.Index(0)) })
			return
		}
	case "_codecs.encode":
		if e.latin1(args) {
			return
		}
	}
	e.raw(`{"$object":`)
	e.text(class)
	e.part("args", args.Len() > 0, func() { e.list(args) })
	e.part("kwargs", !v.KwArgs().IsZero(), func() { e.value(v.KwArgs()) })
	items, pairs := !isEmpty(v), pairsOf(v)
	e.part("items", items, func() { e.list(v) })
	e.part("pairs", len(pairs) > 0, func() { e.pairs(pairs) })
	for state := range v.States() {
		e.part("state", true, func() { e.value(state) })
		break // torch and Python give one
	}
	e.raw("}")
}

func isEmpty(v pickle.Value) bool {
	for range v.Items() {
		return false
	}
	return true
}

func (e *extra) part(name string, there bool, value func()) {
	if there && e.err == nil {
		e.raw(`,"` + name + `":`)
		value()
	}
}

func allPairs(v pickle.Value) (out []pair) {
	for k, x := range entries(v) {
		out = append(out, pair{k, x})
	}
	return out
}

// latin1 writes what protocol 2 has for bytes: _codecs.encode(text, 'latin1').
func (e *extra) latin1(args pickle.Value) bool {
	s, ok := args.Index(0).Text()
	codec, _ := args.Index(1).Text()
	if !ok || codec != "latin1" && codec != "latin-1" {
		return false
	}
	b := make([]byte, 0, len(s))
	for _, r := range s {
		if r > 0xff {
			return false
		}
		b = append(b, byte(r))
	}
	e.tagged("bytes", func() { e.text(base64.StdEncoding.EncodeToString(b)) })
	return true
}
