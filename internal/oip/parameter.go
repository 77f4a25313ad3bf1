package oip

import (
	"slices"
	"strconv"
	"strings"
)

// place is where parameters stand, which says what the framing has there.
type place uint8

const (
	frameRequest place = iota // binary_data_output
	frameTensor               // binary_data_size, shared memory
	frameOutput               // binary_data, shared memory
	frameAnswer               // nothing
)

const (
	memoryRegion = "shared_memory_region"
	memorySize   = "shared_memory_byte_size"
	memoryOffset = "shared_memory_offset"
)

// parameters reads those of a message or of a tensor: what belongs to the framing,
// and what is let through.
func (r *reader) parameters(pl place) (ps []Parameter, f frame, err error) {
	f.size = -1
	if r.null() {
		return nil, f, nil
	}
	seen := map[string]bool{}
	err = r.members(func(name string, at int) (err error) {
		switch {
		case seen[name]:
			return faultAt(at, CodeDuplicate, "parameter %q stands twice", clip(name))
		case len(seen) == r.lim.Parameters:
			return faultAt(at, CodeLimit, "more than %d parameters", r.lim.Parameters)
		}
		seen[name] = true
		r.next()
		if framing, err := r.framing(&f, pl, name, at); framing {
			return within(err, name)
		}
		if !slices.Contains(r.o.Parameters, name) {
			if r.o.DropParameters {
				return r.skip(maxDepth)
			}
			return faultAt(at, CodeParameter, "parameter %q is not let through", clip(name))
		}
		v, err := r.scalar()
		ps = append(ps, Parameter{name, v})
		return within(err, name)
	})
	if err == nil {
		err = f.complete()
	}
	sortParameters(ps)
	return ps, f, err
}

const maxDepth = 8 // of what is stepped over

func sortParameters(ps []Parameter) {
	slices.SortFunc(ps, func(a, b Parameter) int { return strings.Compare(a.Name, b.Name) })
}

// framing reads a parameter of the protocol's extensions, if it is one.
func (r *reader) framing(f *frame, pl place, name string, at int) (is bool, err error) {
	switch {
	case name == "classification":
		return true, faultAt(at, CodeParameter, "parameter %q is not let through: it changes what the output is", name)
	case name == "binary_data_size" && pl == frameTensor:
		f.at = at
		if f.size, err = r.integer(); err == nil && f.size < 0 {
			err = faultAt(at, CodeSize, "binary_data_size %d is below 0", f.size)
		}
	case name == "binary_data_output" && pl == frameRequest, name == "binary_data" && pl == frameOutput:
		var yes bool
		yes, err = r.bool()
		f.binary = choice(yes)
	case strings.HasPrefix(name, "shared_memory_"):
		err = r.sharedMemory(f, pl, name, at)
	default:
		return false, nil
	}
	return true, err
}

func choice(yes bool) Choice {
	if yes {
		return Yes
	}
	return No
}

func (r *reader) sharedMemory(f *frame, pl place, name string, at int) (err error) {
	if err := f.allows(r.o, pl, at); err != nil {
		return err
	}
	if name == memoryRegion {
		v, err := r.name()
		if err != nil {
			return err
		}
		return f.remember(name, Value{Kind: KindText, Text: v}, at)
	}
	n, err := r.integer()
	if err != nil {
		return err
	}
	return f.remember(name, Value{Kind: KindInt, Int: n}, at)
}

func (f *frame) allows(o Options, pl place, at int) error {
	if !o.SharedMemory || pl == frameRequest || pl == frameAnswer {
		return faultAt(at, CodeMemory, "shared memory is not let through: nobody could check what is in it")
	}
	f.at = at
	return nil
}

// remember takes one of the three parameters of shared memory.
func (f *frame) remember(name string, v Value, at int) error {
	f.memorySeen++
	switch {
	case name == memoryRegion && v.Kind == KindText && isName(v.Text):
		f.memory.Region = v.Text
	case name == memorySize && v.Kind == KindInt && v.Int > 0:
		f.memory.Size = uint64(v.Int)
	case name == memoryOffset && v.Kind == KindInt && v.Int >= 0:
		f.memory.Offset = uint64(v.Int)
	case name != memoryRegion && name != memorySize && name != memoryOffset:
		return faultAt(at, CodeParameter, "parameter %q is not known", clip(name))
	default:
		return faultAt(at, CodeMemory, "parameter %q is no place in shared memory", name)
	}
	return nil
}

// complete makes sure that a place in shared memory has all of its parts.
func (f *frame) complete() error {
	if f.memorySeen > 0 && (f.memory.Region == "" || f.memory.Size == 0) {
		return faultAt(f.at, CodeMemory, "shared memory needs a region and a size")
	}
	return nil
}

// scalar reads the value of a parameter.
func (r *reader) scalar() (v Value, err error) {
	switch r.next() {
	case '"':
		v.Kind = KindText
		v.Text, err = r.text(r.lim.Text)
		return v, err
	case 't', 'f':
		v.Bool, err = r.bool()
		return v, err
	}
	text, integer, err := r.number()
	if err != nil {
		return v, r.asType(err, "a text, a number, true or false")
	}
	return numberValue(text, integer, r.p-len(text))
}

// numberValue keeps an integer an integer.
func numberValue(text []byte, integer bool, at int) (v Value, err error) {
	s := string(text)
	if integer && s != "-0" {
		if v.Int, err = strconv.ParseInt(s, 10, 64); err == nil {
			v.Kind = KindInt
			return v, nil
		}
		if v.Uint, err = strconv.ParseUint(s, 10, 64); err == nil {
			v.Int, v.Kind = 0, KindUint
			return v, nil
		}
		return v, faultAt(at, CodeNumber, "%s is no integer of 64 bits", clip(s))
	}
	f, ok := slow(text, 64)
	if !ok {
		return v, faultAt(at, CodeNumber, "%s is no float64", clip(s))
	}
	return Value{Kind: KindFloat, Float: f}, nil
}

func itoa(n int64) string { return strconv.FormatInt(n, 10) }
