package convert

import (
	"regexp"
	"strconv"
	"strings"
	"sync"

	"github.com/andiron-dev/andiron/pickle"
	"github.com/andiron-dev/andiron/torchfile"
)

const maxUnit = 4 << 20 // bytes of one record of code

func isScript(class string) bool { return strings.HasPrefix(class, "__torch__.") }

// scriptObject walks an object of TorchScript. Of the tensors among a module's
// attributes, those that its class lists as parameters and buffers are in the
// state_dict.
func (w *walker) scriptObject(s *scope, v pickle.Value, class string) {
	if strings.HasPrefix(class, "__torch__.torch.classes.") {
		why := "it is packed in an object of " + strings.TrimPrefix(class, "__torch__.")
		s.in(mode{kind: deny, why: why}, func() {
			s.items(v.Args())
			for state := range v.States() {
				s.child(key{"(state)", textKey}, state)
			}
		})
		return
	}
	code := w.code.class(class)
	for state := range v.States() {
		switch {
		case code.base != "Module":
			s.in(mode{kind: leave, why: "an attribute of an object that is no module, in no state_dict"}, func() { s.child(key{"(state)", textKey}, state) })
		case state.Kind() == pickle.KindDict:
			for k, x := range state.Pairs() {
				s.slot(code, keyOf(k), x)
			}
		default:
			s.computed(state, code, class)
		}
	}
	if s.found && w.mode.kind == take {
		w.c.dropped.add(Item{nameOf(w.path), "the other attributes of " + class})
	}
}

// slot walks an attribute of a module.
func (s *scope) slot(code scriptClass, k key, x pickle.Value) {
	script := x.Kind() == pickle.KindObject && isScript(globalOf(x.Func()))
	switch {
	case x.Kind() == pickle.KindNone:
	case script, code.lists(k.text) && s.w.file.TensorOf(s.w.pickle, x) != nil:
		s.child(k, x)
	default:
		s.in(mode{kind: leave, why: "an attribute of a module, in no state_dict"}, func() { s.child(k, x) })
	}
}

// computed walks a state that __setstate__ puts into attributes: if that does
// nothing but give names to the parts, they are the attributes.
func (s *scope) computed(state pickle.Value, code scriptClass, class string) {
	if state.Kind() != pickle.KindTuple || code.slots == nil {
		why := "the __setstate__ of " + class + " decides what becomes of it"
		s.in(mode{kind: deny, why: why}, func() { s.child(key{"(state)", textKey}, state) })
		return
	}
	for i := range state.Len() {
		if name, ok := code.slots[i]; ok {
			s.slot(code, key{name, textKey}, state.Index(i))
			continue
		}
		s.in(mode{kind: leave, why: "a part of the state that no attribute keeps"}, func() {
			s.child(key{strconv.Itoa(i), intKey}, state.Index(i))
		})
	}
}

// scripts reads as much of the code of a TorchScript archive as the names of
// tensors depend on.
type scripts struct {
	file    *torchfile.File
	units   map[string]string
	classes map[string]scriptClass
}

// scriptClass is a class of TorchScript.
type scriptClass struct {
	base  string         // Module, NamedTuple, …; "Module" where there is no code, "" for a plain class
	slots map[int]string // attributes by the part of the state that they are; nil if __setstate__ does more
	// kept are the parameters and buffers; nil where the class does not say,
	// which torch did not do before buffers had their list: it took every tensor.
	kept map[string]bool
}

func (c *scriptClass) lists(name string) bool { return c.kept == nil || c.kept[name] }

func (c *scripts) class(name string) scriptClass {
	if known, ok := c.classes[name]; ok {
		return known
	}
	if c.classes == nil {
		c.classes, c.units = map[string]scriptClass{}, map[string]string{}
	}
	dot := strings.LastIndexByte(name, '.')
	out := parseClass(c.unit("code/"+strings.ReplaceAll(name[:dot], ".", "/")+".py"), name[dot+1:])
	c.classes[name] = out
	return out
}

func (c *scripts) unit(path string) string {
	if text, ok := c.units[path]; ok {
		return text
	}
	text := ""
	if f := c.file; f.Archive != nil {
		if i := f.Archive.Locate(f.Root + "/" + path); i >= 0 {
			b, err := f.Archive.Read(i, maxUnit)
			if err == nil {
				text = string(b)
			}
		}
	}
	c.units[path] = text
	return text
}

// The forms that torch prints: a class, its __setstate__, and a statement there.
var (
	keptNames = compiled(`^  __(parameters|buffers)__ = \[(.*)\]$`)
	keptName  = compiled(`"([^"\\]*)"`)
	classHead = compiled(`^class ([A-Za-z0-9_]+)(?:\(([A-Za-z0-9_.]*)\))?:`)
	stateHead = compiled(`^  def __setstate__\(self: [^,]*,$`)
	stateArg  = compiled(`^    ([A-Za-z0-9_]+): .*\) -> NoneType:$`)
	statePart = compiled(`^    self\.([A-Za-z0-9_]+) = \(([A-Za-z0-9_]+)\)\[([0-9]{1,4})\]$`)
)

// compiled compiles a pattern at its first use: most runs need none.
func compiled(pattern string) func() *regexp.Regexp {
	return sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(pattern) })
}

func parseClass(text, name string) scriptClass {
	out := scriptClass{base: "Module"}
	inside, buffers := false, false
	var names [][]string
	lines := strings.Split(text, "\n")
	for i, line := range lines {
		if m := classHead().FindStringSubmatch(line); m != nil {
			if inside = m[1] == name; inside {
				out.base = m[2]
			}
		}
		if inside && stateHead().MatchString(line) {
			out.slots = parseSetState(lines[i+1:])
		}
		if m := keptNames().FindStringSubmatch(line); inside && m != nil {
			names = append(names, keptName().FindAllStringSubmatch(m[2], -1)...)
			buffers = buffers || m[1] == "buffers"
		}
	}
	if buffers {
		out.kept = map[string]bool{}
		for _, m := range names {
			out.kept[m[1]] = true
		}
	}
	return out
}

// parseSetState reads the body of a __setstate__ that only takes its argument
// apart.
func parseSetState(lines []string) map[int]string {
	if len(lines) == 0 || !stateArg().MatchString(lines[0]) {
		return nil
	}
	arg := stateArg().FindStringSubmatch(lines[0])[1]
	slots := map[int]string{}
	for _, line := range lines[1:] {
		if line == "    return None" {
			return slots
		}
		m := statePart().FindStringSubmatch(line)
		if m == nil || m[2] != arg {
			return nil
		}
		i, err := strconv.Atoi(m[3])
		if _, twice := slots[i]; err != nil || twice {
			return nil
		}
		slots[i] = m[1]
	}
	return nil
}
