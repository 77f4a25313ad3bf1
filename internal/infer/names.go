package infer

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/andiron-dev/andiron/internal/tensor"
)

// Whose names count where sources have no name in common: those that come over the wire.
const (
	byProgram = 1 + iota // arguments of forward()
	byONNX
	byServer
)

// naming is who named the tensors of a group, and with which names.
type naming struct {
	by     int
	source string
}

// align finds out how a source that names tensors calls those that another source has
// described. Without a name in common they are the same by their places, if there are as
// many, and have the names that come over the wire. It returns what each is called.
func (d *Draft) align(g group, by int, source string, names []string) (map[string]string, error) {
	to, had := d.group(g)
	called := map[string]string{}
	for _, n := range names {
		called[n] = n
	}
	was := *had
	if by > was.by {
		*had = naming{by, source}
	}
	known := func(n string) bool { return slices.ContainsFunc(*to, func(e *entry) bool { return e.name == n }) }
	if was.by == 0 || len(names) == 0 || len(*to) == 0 || slices.ContainsFunc(names, known) {
		return called, nil
	}
	if len(names) != len(*to) {
		return d.apart(g, by > was.by, source, was.source, called)
	}
	here := inPlace(names, func(n string) string { return n })
	there := inPlace(*to, func(e *entry) string { return e.name })
	for i, e := range there {
		n := here[i]
		if !tensor.IsName(n) {
			return nil, fmt.Errorf("%.80q cannot name a tensor of a schema", n)
		}
		other, of := n, source
		if by > was.by {
			other, of, e.name = e.name, was.source, n
		}
		e.alias = fmt.Sprintf("; decide: by its place it is %s of %s", safe(other), of)
		e.others = append(e.others, other)
		called[n] = e.name
	}
	return called, nil
}

// byName is the tensor that has a name, here or elsewhere, or nil.
func byName(list []*entry, name string) *entry {
	i := slices.IndexFunc(list, func(e *entry) bool { return e.name == name })
	if i < 0 {
		i = slices.IndexFunc(list, func(e *entry) bool { return slices.Contains(e.others, name) })
	}
	if i < 0 {
		return nil
	}
	return list[i]
}

// apart is what becomes of names of which there are not as many as of those before. What
// a program calls its outputs is seen nowhere; a server names them.
func (d *Draft) apart(g group, better bool, source, other string, called map[string]string) (map[string]string, error) {
	to, _ := d.group(g)
	if g == inGroup {
		var was []string
		for _, e := range *to {
			was = append(was, safe(e.name))
		}
		return nil, fmt.Errorf("the inputs of %s have no name in common with those of %s (%s), and are not as many: learn from one of them", source, other, strings.Join(was, ", "))
	}
	if better {
		*to = nil
		return called, nil
	}
	return map[string]string{}, nil
}

type group int

const (
	inGroup group = iota
	outGroup
)

func (d *Draft) group(g group) (*[]*entry, *naming) {
	if g == inGroup {
		return &d.inputs, &d.whose[inGroup]
	}
	return &d.outputs, &d.whose[outGroup]
}

// inPlace sorts tensors by the numbers at the ends of their names, if all have one, as
// Triton's INPUT__0 stands for the first argument.
func inPlace[T any](list []T, name func(T) string) []T {
	at := make([]T, len(list))
	seen := make([]bool, len(list))
	for _, x := range list {
		_, digits, ok := strings.Cut(name(x), "__")
		i, err := strconv.Atoi(digits)
		if !ok || err != nil || i < 0 || i >= len(list) || seen[i] {
			return list
		}
		at[i], seen[i] = x, true
	}
	return at
}
