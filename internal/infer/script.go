package infer

import (
	"slices"
	"strings"
)

// Script is a TorchScript archive: the source of its classes and its weights.
type Script struct {
	Root    string            // the class of the model: __torch__.Net
	Code    map[string]string // by module: __torch__.net
	Weights []Weight
}

var (
	classHead  = pattern(`^class ([A-Za-z_][A-Za-z0-9_]*)\(Module\):$`)
	attribute  = pattern(`^  ([A-Za-z_][A-Za-z0-9_]*|__annotations__\["[^"]+"\]) [:=] (__torch__\.[A-Za-z0-9_.]+)$`)
	forward    = pattern(`^  def forward\(([A-Za-z_][A-Za-z0-9_]*): `)
	argument   = pattern(`([A-Za-z_][A-Za-z0-9_]*): Tensor\b`)
	alias      = pattern(`^    ([A-Za-z_][A-Za-z0-9_]*) = (?:([A-Za-z_][A-Za-z0-9_]*)\.([A-Za-z_][A-Za-z0-9_]*)|getattr\(([A-Za-z_][A-Za-z0-9_]*), "([^"]+)"\))$`)
	submodule  = pattern(`\(([A-Za-z_][A-Za-z0-9_]*)\)\.forward\(([A-Za-z_][A-Za-z0-9_]*), `)
	layerKinds = pattern(`^__torch__\.torch\.nn\.modules\.(?:(conv)\.(?:___torch_mangle_[0-9]+\.)?Conv[123]d|(linear)\.(?:___torch_mangle_[0-9]+\.)?Linear|(sparse)\.(?:___torch_mangle_[0-9]+\.)?Embedding)$`)
)

// module is a class as far as it matters here.
type module struct {
	types   map[string]string // of attributes
	args    []string          // of forward, those that are tensors
	aliases map[string]string // names in forward for attributes
	calls   [][2]string       // a name, and the first argument of its forward
}

// Script learns from a TorchScript archive: what the arguments of forward are, and
// which of them goes first into a layer whose weights say its shape.
func (d *Draft) Script(source string, s Script) error {
	d.used(source)
	root := s.class(s.Root)
	if len(root.args) == 0 {
		return errNothing
	}
	called, err := d.align(inGroup, byProgram, source, root.args)
	if err != nil {
		return err
	}
	for _, arg := range root.args {
		e, err := d.add(&d.inputs, called[arg])
		if err != nil {
			return err
		}
		if l, ok := s.follow(root, arg, "", 0); ok {
			if err := d.input(e, source, l, ""); err != nil {
				return err
			}
		}
	}
	return nil
}

// follow finds the layer that an argument goes into, through modules that pass it on.
func (s *Script) follow(m module, arg, prefix string, depth int) (layer, bool) {
	if depth > 32 {
		return layer{}, false
	}
	for _, call := range m.calls {
		attr := m.aliases[call[0]]
		if call[1] != arg || attr == "" {
			continue
		}
		class := m.types[attr]
		if kind := layerKinds().FindStringSubmatch(class); kind != nil {
			return s.layer(strings.Join(kind[1:], ""), prefix+attr+".weight")
		}
		if inner := s.class(class); len(inner.args) > 0 {
			if l, ok := s.follow(inner, inner.args[0], prefix+attr+".", depth+1); ok {
				return l, true
			}
		}
	}
	return layer{}, false
}

func (s *Script) layer(module, name string) (layer, bool) {
	i := slices.IndexFunc(s.Weights, func(w Weight) bool { return w.Name == name })
	if i < 0 {
		return layer{}, false
	}
	w := s.Weights[i]
	switch rank := len(w.Shape); {
	case module == "conv" && rank >= 3 && rank <= 5:
		return layer{"conv", w}, true
	case module == "linear" && rank == 2:
		return layer{"linear", w}, true
	case module == "sparse" && rank == 2:
		return layer{"embedding", w}, true
	}
	return layer{}, false
}

// class reads the source of a class, line by line.
func (s *Script) class(name string) module {
	m := module{types: map[string]string{}, aliases: map[string]string{}}
	at := strings.LastIndexByte(name, '.')
	if at < 0 {
		return m
	}
	in, head, self := false, "", ""
	for line := range strings.Lines(s.Code[name[:at]]) {
		line = strings.TrimRight(line, "\n")
		if c := classHead().FindStringSubmatch(line); c != nil {
			in = c[1] == name[at+1:]
			continue
		}
		if !in {
			continue
		}
		switch {
		case forward().MatchString(line) || head != "" && !strings.HasSuffix(head, ":"):
			if f := forward().FindStringSubmatch(line); f != nil {
				self = f[1]
			}
			head += line
			if strings.HasSuffix(head, ":") {
				_, list, _ := strings.Cut(head, ",")
				list, _, _ = strings.Cut(list, ") ->")
				for _, a := range argument().FindAllStringSubmatch(list, -1) {
					m.args = append(m.args, a[1])
				}
			}
		case head == "":
			if a := attribute().FindStringSubmatch(line); a != nil {
				m.types[strings.TrimSuffix(strings.TrimPrefix(a[1], `__annotations__["`), `"]`)] = a[2]
			}
		case strings.HasPrefix(line, "  def "):
			return m
		default:
			if a := alias().FindStringSubmatch(line); a != nil && a[2]+a[4] == self {
				m.aliases[a[1]] = a[3] + a[5]
			}
			for _, c := range submodule().FindAllStringSubmatch(line, -1) {
				m.calls = append(m.calls, [2]string{c[1], c[2]})
			}
		}
	}
	return m
}
