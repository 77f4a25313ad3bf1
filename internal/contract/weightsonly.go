package contract

import (
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/andiron-dev/andiron/finding"
	"github.com/andiron-dev/andiron/pickle"
)

// WeightsOnly says what torch.load(weights_only=True) makes of the stream on a
// line of torch releases. Lines whose lists were not measured (2.1 to 2.3) are
// not among them.
type WeightsOnly struct {
	Torch  string // "2.6-2.9"
	Loads  bool
	Reason string   // why not
	Allow  []string // what add_safe_globals would have to be given so that it loads
}

// line is a line of torch releases with the same unpickler.
type line struct {
	label string
	ver   int // index into versions
}

var versions = []string{"1.13", "2.4", "2.5", "2.6", "2.10", "2.14"}

var lines = []line{{"1.13-2.0", 0}, {"2.4", 1}, {"2.5", 2}, {"2.6-2.9", 3}, {"2.10-2.12", 4}, {"2.13+", 5}}

// span is in which versions torch's own list has a name.
type span struct {
	from, to int
	kind     string
}

var torchLists = sync.OnceValue(func() map[string]span {
	b, err := data.ReadFile("data/weights_only.txt")
	if err != nil {
		panic("contract: internal error: " + err.Error())
	}
	out := map[string]span{}
	for l := range strings.Lines(string(b)) {
		f := strings.Fields(l)
		if len(f) != 4 || l[0] == '#' {
			continue
		}
		s := span{slices.Index(versions, f[0]), len(versions) - 1, f[2]}
		if f[1] != "-" {
			s.to = slices.Index(versions, f[1])
		}
		out[f[3]] = s
	}
	return out
})

// weightsOpcodes are the opcodes of torch's unpickler, the same in all versions
// but for BINFLOAT, which came after 2.0.
//
// PyTorch v2.6.0 torch/_weights_only_unpickler.py: Unpickler.load.
var weightsOpcodes = func() (set [256]bool) {
	for _, c := range []pickle.Code{
		pickle.PROTO, pickle.STOP, pickle.GLOBAL, pickle.NEWOBJ, pickle.REDUCE, pickle.BUILD, pickle.APPEND, pickle.APPENDS, pickle.SETITEM, pickle.SETITEMS,
		pickle.MARK, pickle.TUPLE, pickle.TUPLE1, pickle.TUPLE2, pickle.TUPLE3, pickle.EMPTY_TUPLE, pickle.EMPTY_LIST, pickle.EMPTY_DICT, pickle.EMPTY_SET,
		pickle.NONE, pickle.NEWTRUE, pickle.NEWFALSE, pickle.BININT, pickle.BININT1, pickle.BININT2, pickle.BINFLOAT, pickle.BINUNICODE, pickle.SHORT_BINSTRING,
		pickle.LONG1, pickle.BINPERSID, pickle.BINGET, pickle.LONG_BINGET, pickle.BINPUT, pickle.LONG_BINPUT,
	} {
		set[c] = true
	}
	return set
}()

// blocked are modules that add_safe_globals cannot open.
var blocked = []string{"sys", "os", "posix", "nt"}

// weightsOnly judges the stream as torch's own unpickler would, per release line.
func (j *judge) weightsOnly() []WeightsOnly {
	u := unpickler{t: j.t, facts: j.facts(), allow: map[string]bool{}}
	out := make([]WeightsOnly, 0, len(lines))
	for _, l := range lines {
		out = append(out, u.run(l))
	}
	return out
}

type unpickler struct {
	t     *pickle.Trace
	facts []fact
	ver   int
	allow map[string]bool // names that add_safe_globals would have to be given
}

// fact is a distinct thing that a stream asks of the unpickler.
type fact struct {
	kind pickle.EventKind
	name string // of the global that is imported, called, or made the instance
	raw  string // as written
	ok   bool   // there is such a global; a storage's tag
}

// facts finds the distinct facts, in order.
func (j *judge) facts() []fact {
	var out []fact
	seen := map[fact]bool{}
	var last fact
	for e := range j.t.Events() {
		f := fact{kind: e.Kind}
		var n *name
		switch e.Kind {
		case pickle.EventImport, pickle.EventCall, pickle.EventNew:
			n = j.name(e.Target(), e.Offset)
		case pickle.EventBuild, pickle.EventSetItem:
			if e.Target().Kind() == pickle.KindObject {
				n = j.name(e.Target().Func(), e.Offset)
			}
		case pickle.EventPersistent:
			f.ok = j.tag(e.Args().Index(0)) == "storage"
		}
		if n != nil {
			f.name, f.raw, f.ok = n.full, n.raw, true
		}
		if f != last && !seen[f] {
			seen[f] = true
			out = append(out, f)
		}
		last = f
	}
	return out
}

func (u *unpickler) run(l line) WeightsOnly {
	u.ver = l.ver
	clear(u.allow)
	w := WeightsOnly{Torch: l.label}
	if why := u.refusal(); why != "" {
		w.Reason = why
		return w
	}
	for _, f := range u.facts {
		if why := u.judge(f); why != "" {
			w.Reason = why
			return w
		}
	}
	if len(u.allow) == 0 {
		w.Loads = true
		return w
	}
	for n := range u.allow {
		w.Allow = append(w.Allow, n)
	}
	slices.Sort(w.Allow)
	w.Reason = fmt.Sprintf("it imports %s, which torch does not list", w.Allow[0])
	if len(w.Allow) > 1 {
		w.Reason = fmt.Sprintf("it imports %s and %d more that torch does not list", w.Allow[0], len(w.Allow)-1)
	}
	if u.ver == 0 {
		w.Allow = nil // add_safe_globals came with 2.4
	}
	return w
}

// refusal is what stops the unpickler whatever the globals are.
func (u *unpickler) refusal() string {
	if u.t.Err != nil {
		return "the stream is broken"
	}
	for c, n := range u.t.Ops {
		code := pickle.Code(c)
		if n > 0 && (!weightsOpcodes[c] || code == pickle.BINFLOAT && u.ver == 0) {
			return fmt.Sprintf("its unpickler does not know the opcode %v", code)
		}
	}
	return ""
}

// lists reports whether torch's own list has a global, under the name that this
// version looks up: Python 2 names are mapped since 2.5.
func (u *unpickler) lists(f fact) bool {
	full := f.name
	if u.ver < 2 {
		full = f.raw
	}
	s, ok := torchLists()[full]
	return ok && u.ver >= s.from && u.ver <= s.to
}

// judge says why one fact stops the unpickler; "" is that it does not.
func (u *unpickler) judge(f fact) string {
	switch f.kind {
	case pickle.EventImport:
		module, _, _ := strings.Cut(f.name, ".")
		if u.ver > 0 && slices.Contains(blocked, module) && strings.Count(f.name, ".") == 1 {
			return fmt.Sprintf("it imports %s, whose module torch blocks", f.name)
		}
		if !u.lists(f) {
			u.allow[f.name] = true
		}
	case pickle.EventCall, pickle.EventNew:
		if !f.ok {
			return "it calls what is no global"
		}
		if u.ver == 0 && f.kind == pickle.EventNew && f.name != "torch.nn.parameter.Parameter" {
			return "it instantiates " + f.name
		}
	case pickle.EventBuild:
		if !f.ok {
			return "it sets the state of what is no instance of a global"
		}
		if u.ver == 0 && f.name != "torch.Tensor" && f.name != "torch.nn.parameter.Parameter" && f.name != "collections.OrderedDict" {
			return "it sets the state of " + f.name
		}
	case pickle.EventAppend, pickle.EventAddItem:
		return "it appends to what is no list"
	case pickle.EventSetItem:
		if u.ver >= 4 && f.name != "collections.OrderedDict" && f.name != "collections.Counter" {
			return "it assigns items of what is no dictionary"
		}
	case pickle.EventPersistent:
		if !f.ok {
			return "it has a persistent id that is no storage"
		}
	}
	return ""
}

// weightsReport adds the report for formats that torch.load reads.
func (j *judge) weightsReport(ws []WeightsOnly) {
	switch j.opt.Container {
	case "torch-zip", "torch-legacy", "torch":
	default:
		return
	}
	var loads, lines []string
	harm := j.harms()
	for i, w := range ws {
		switch {
		case w.Loads:
			loads = append(loads, w.Torch)
		case i+1 < len(ws) && !ws[i+1].Loads && ws[i+1].Reason == w.Reason && slices.Equal(ws[i+1].Allow, w.Allow):
			// said with the next line
		case len(w.Allow) > 0 && !harm:
			lines = append(lines, fmt.Sprintf("up to torch %s: %s; add_safe_globals([%s]) would allow it", w.Torch, w.Reason, strings.Join(w.Allow, ", ")))
		default:
			lines = append(lines, fmt.Sprintf("up to torch %s: %s", w.Torch, w.Reason))
		}
	}
	j.add("weights", pkl095, j.t.Start, weightsMessage(loads, ws[len(ws)-1], harm), lines...)
}

// weightsMessage says which torch loads the stream, and what the newest would
// have to be told. Nobody is told to allow what does harm.
func weightsMessage(loads []string, newest WeightsOnly, harm bool) string {
	message := "torch.load(weights_only=True) loads it on torch " + strings.Join(loads, ", ")
	switch len(loads) {
	case 0:
		message = "torch.load(weights_only=True) loads it on no torch"
	case len(lines):
		message = "torch.load(weights_only=True) loads it on every torch that has it"
	}
	if !newest.Loads && len(newest.Allow) > 0 && !harm {
		message += fmt.Sprintf("; torch %s loads it after torch.serialization.add_safe_globals([%s])", newest.Torch, strings.Join(newest.Allow, ", "))
	}
	return message
}

// harms reports whether an issue says that the stream means harm.
func (j *judge) harms() bool {
	for _, is := range j.issues {
		if is.Rule.Verdict >= finding.Suspicious {
			return true
		}
	}
	return false
}
