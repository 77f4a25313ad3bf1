package tensorfile

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/andiron-dev/andiron/pickle"
	"github.com/andiron-dev/andiron/torchfile"
)

// Left is an entry of the object of a torch file that is no tensor.
type Left struct {
	Name string
	What string // its type
	Data bool   // it may hold samples or labels: an array, an object, a list as long as the tensors
}

// The bounds of the search.
const (
	maxLeft      = 1000
	maxLeftSteps = 100_000
	maxLeftDepth = 50
)

// Left lists what the object of a torch file holds beside its tensors, the first of it.
// It reports whether that is all.
func (f *File) Left() (list []Left, all bool) {
	if f.torch == nil || f.torch.Object < 0 || f.torch.Object >= len(f.torch.Pickles) {
		return nil, true
	}
	l := &leavings{f: f, rows: map[int64]bool{}, above: map[string]bool{}, all: true}
	for i := range f.Tensors {
		t := &f.Tensors[i]
		if len(t.Shape) > 0 {
			l.rows[t.Shape[0]] = true
		}
		if len(t.Name) > 1<<12 || len(l.above) > maxLeftSteps {
			continue
		}
		for name, ok := t.Name, true; ok; {
			l.above[name] = true
			at := strings.LastIndexByte(name, '.')
			if ok = at >= 0; ok {
				name = name[:at]
			}
		}
	}
	l.visit("", f.torch.Pickles[f.torch.Object].Trace.Result, 0)
	return l.list, l.all
}

// leavings is one search.
type leavings struct {
	f     *File
	rows  map[int64]bool  // how long the tensors are
	above map[string]bool // the names that lead to tensors
	list  []Left
	steps int
	all   bool
}

func (l *leavings) keep(name string, v pickle.Value, data bool) {
	if len(l.list) == maxLeft {
		l.all = false
		return
	}
	what := v.Kind().String()
	if g, ok := v.Func().Global(); ok && v.Kind() == pickle.KindObject {
		what = fmt.Sprintf("%.40s.%.40s", g.Module, g.Name)
	}
	l.list = append(l.list, Left{name, what, data})
}

func (l *leavings) visit(name string, v pickle.Value, depth int) {
	if l.steps++; l.steps > maxLeftSteps || depth > maxLeftDepth {
		l.all = false
		return
	}
	switch v.Kind() {
	case pickle.KindPersistent: // a storage, or a tensor of an old file
	case pickle.KindNone, pickle.KindBool, pickle.KindInt, pickle.KindFloat, pickle.KindStr, pickle.KindGlobal:
		l.keep(name, v, false)
	case pickle.KindDict:
		l.pairs(name, v, depth)
	case pickle.KindList, pickle.KindTuple:
		l.row(name, v, depth)
	case pickle.KindObject:
		l.object(name, v, depth)
	default:
		l.keep(name, v, true)
	}
}

func (l *leavings) pairs(name string, v pickle.Value, depth int) {
	for k, x := range v.Pairs() {
		if !l.all {
			return
		}
		key, ok := k.Text()
		if !ok {
			key = k.String()
		}
		l.visit(under(name, key), x, depth+1)
	}
}

// row is a list: one entry if it holds no tensors.
func (l *leavings) row(name string, v pickle.Value, depth int) {
	switch {
	case v.Len() == 0:
		return
	case !l.above[name] && (name != "" || len(l.f.Tensors) == 0) && (l.rows[int64(v.Len())] || l.plain(v)):
		l.keep(name, v, l.rows[int64(v.Len())])
		return
	}
	i := 0
	for x := range v.Items() {
		if !l.all {
			return
		}
		l.visit(under(name, strconv.Itoa(i)), x, depth+1)
		i++
	}
}

// plain reports whether a list has nothing but numbers and texts.
func (l *leavings) plain(v pickle.Value) bool {
	for x := range v.Items() {
		l.steps++
		switch x.Kind() {
		case pickle.KindNone, pickle.KindBool, pickle.KindInt, pickle.KindFloat, pickle.KindStr:
		default:
			return false
		}
		if l.steps > maxLeftSteps {
			return false
		}
	}
	return true
}

func (l *leavings) object(name string, v pickle.Value, depth int) {
	if l.f.torch.TensorOf(l.f.torch.Object, v) != nil || torchfile.BuildsTensor(v) {
		return
	}
	g, _ := v.Func().Global()
	switch full := g.Module + "." + g.Name; {
	case full == "torch.Size" || full == "torch.device" || full == "torch.serialization._get_layout":
		l.keep(name, v, false)
		return
	case full == "collections.OrderedDict" || full == "collections.defaultdict" || full == "collections.Counter":
		l.pairs(name, v, depth)
		return
	case name != "" && !l.above[name] || len(l.f.Tensors) == 0:
		l.keep(name, v, true)
		return
	}
	l.pairs(name, v, depth)
	for s := range v.States() {
		if s.Kind() == pickle.KindDict && !module(s) {
			l.pairs(name, s, depth)
		}
	}
}

// module reports whether a state is that of a torch.nn.Module, which is no data.
func module(s pickle.Value) bool {
	for k := range s.Pairs() {
		if name, _ := k.Text(); name == "_modules" {
			return true
		}
	}
	return false
}

func under(name, key string) string {
	if name == "" {
		return key
	}
	return name + "." + key
}
