package tensor

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
)

const maxShort = 1024 // bytes of a form

// Short is a tensor on one line: float32[B, 3, H, W] in [0, 1].
type Short struct {
	DTypes []DType
	Shape  []string // numbers, symbols and _
	Range  []string // two bounds, or none
}

// ParseShort reads the short form of a tensor.
func ParseShort(form string) (Short, error) {
	var s Short
	if len(form) > maxShort {
		return s, fmt.Errorf("the short form has more than %d bytes", maxShort)
	}
	types, rest, ok := strings.Cut(form, "[")
	shape, rest, closed := strings.Cut(rest, "]")
	if !ok || !closed {
		return s, fmt.Errorf("%q is not a type and a shape, such as float32[B, 3]", clip(form))
	}
	err := s.types(types)
	if err == nil {
		err = s.sizes(shape)
	}
	if err == nil {
		err = s.bounds(strings.Trim(rest, " "))
	}
	return s, err
}

func (s *Short) types(text string) error {
	for name := range strings.SplitSeq(text, "|") {
		d, err := ParseDType(strings.Trim(name, " "))
		if err != nil {
			return err
		}
		if slices.Contains(s.DTypes, d) {
			return fmt.Errorf("dtype %s stands twice", d)
		}
		s.DTypes = append(s.DTypes, d)
	}
	return nil
}

func (s *Short) sizes(text string) error {
	if strings.Trim(text, " ") == "" {
		return nil
	}
	for size := range strings.SplitSeq(text, ",") {
		size = strings.Trim(size, " ")
		if _, err := whole(size, 0, maxDim); err != nil && size != "_" && !isSymbol(size) {
			return fmt.Errorf("%q is not a size: a number, a symbol or _", clip(size))
		}
		s.Shape = append(s.Shape, size)
	}
	if len(s.Shape) > maxRank {
		return fmt.Errorf("a shape has at most %d sizes", maxRank)
	}
	return nil
}

func (s *Short) bounds(text string) error {
	if text == "" {
		return nil
	}
	rest, ok := strings.CutPrefix(text, "in")
	rest = strings.TrimLeft(rest, " ")
	inner, open := strings.CutPrefix(rest, "[")
	inner, closed := strings.CutSuffix(inner, "]")
	if !ok || !open || !closed {
		return fmt.Errorf("%q is not a range, such as in [0, 1]", clip(text))
	}
	lo, hi, two := strings.Cut(inner, ",")
	s.Range = []string{strings.Trim(lo, " "), strings.Trim(hi, " ")}
	_, err := parseBound(s.Range[0])
	_, err2 := parseBound(s.Range[1])
	if err = errors.Join(err, err2); err != nil || !two {
		return fmt.Errorf("%q is not a range, such as in [0, 1]", clip(text))
	}
	return nil
}

// ParseShorts makes the schema of inputs in the short form, by their names.
func ParseShorts(forms map[string]string) (*Schema, error) {
	if len(forms) == 0 {
		return nil, errors.New("there is no input")
	}
	var inputs strings.Builder
	dims := map[string]bool{}
	for _, name := range slices.Sorted(maps.Keys(forms)) {
		if !isName(name) {
			return nil, fmt.Errorf("%q cannot name a tensor", clip(name))
		}
		s, err := ParseShort(forms[name])
		if err != nil {
			return nil, fmt.Errorf("%q: %w", name, err)
		}
		for _, size := range s.Shape {
			if size != "_" && isSymbol(size) {
				dims[size] = true
			}
		}
		fmt.Fprintf(&inputs, "  %q: {%s}\n", name, s.yaml())
	}
	text := "andiron: " + Form + "\n"
	if len(dims) > 0 {
		text += "dims:\n"
	}
	for _, name := range slices.Sorted(maps.Keys(dims)) {
		text += fmt.Sprintf("  %q: 1..%d\n", name, int64(maxDim))
	}
	s, err := Parse([]byte(text + "inputs:\n" + inputs.String()))
	if err != nil { // the line is of a text that nobody has written
		_, why, _ := strings.Cut(err.Error(), ": ")
		return nil, errors.New(why)
	}
	return s, nil
}

// yaml is the form as keys of a schema.
func (s Short) yaml() string {
	names := make([]string, 0, len(s.DTypes))
	for _, d := range s.DTypes {
		names = append(names, d.String())
	}
	shape := make([]string, 0, len(s.Shape))
	for _, size := range s.Shape {
		shape = append(shape, `"`+size+`"`)
	}
	text := "dtype: [" + strings.Join(names, ", ") + "], shape: [" + strings.Join(shape, ", ") + "]"
	if s.Range != nil {
		text += ", range: [" + strings.Join(s.Range, ", ") + "]"
	}
	return text
}
