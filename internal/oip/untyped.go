package oip

import (
	"slices"

	"github.com/andiron-dev/andiron/internal/tensor"
)

// untyped reads bodies that name neither types nor shapes: the fields of a schema
// say the types, and the nesting of the lists is the shape.
type untyped struct {
	reader
	fields []tensor.Field
	cols   []column
	rows   int64 // of a list of rows, or 0

	objects bool // there are bytes in base64
	strings bool // and texts that are not
}

// column is a tensor as it grows.
type column struct {
	s    *sink
	n    nest
	rows int64
}

func newUntyped(body []byte, fields []tensor.Field, o Options) (*untyped, error) {
	u := &untyped{reader: *newReader(body, o), fields: fields, cols: make([]column, len(fields))}
	for i := range u.cols {
		u.cols[i].n.rank = -1
	}
	if len(fields) == 0 {
		return nil, faultAt(0, CodeForm, "the schema has no tensors that this body could be")
	}
	return u, u.fitsLimit(body)
}

// typeFor chooses the type in which numbers are read: the widest that the field
// has and JSON can have.
func typeFor(f tensor.Field, at int) (tensor.DType, error) {
	for d := tensor.Float64; d <= tensor.Bytes; d++ {
		if inJSON(d) && slices.Contains(f.DTypes, d) {
			return d, nil
		}
	}
	return 0, faultAt(at, CodeDType, "%s cannot be in JSON: send it in binary", f.DTypes[0])
}

// add reads the value of a field, which is a row of it at level 1 and all of it at
// level 0.
func (u *untyped) add(i, level int) (err error) {
	c := &u.cols[i]
	if c.s == nil {
		var d tensor.DType
		if d, err = typeFor(u.fields[i], u.p); err != nil {
			return err
		}
		c.s = newSink(d, u.left, CodeLimit)
		c.s.objects = true
		if level == 1 {
			c.n.dims = []int64{-1}
		}
	}
	from, before := u.p, c.s.n
	c.s.most = before + u.left
	if err := u.value(c.s, &c.n, level); err != nil {
		return withinElement(err, c.s)
	}
	u.data += int64(u.p - from)
	u.left -= c.s.n - before
	c.rows++
	if c.s.n > before && c.s.size == 0 {
		u.objects = u.objects || c.s.base64
		u.strings = u.strings || !c.s.base64
		if u.objects && u.strings {
			return faultAt(from, CodeType, "texts and base64 in one message")
		}
	}
	return nil
}

// named reads an object with the names of fields.
func (u *untyped) named(level int) error {
	names := make([]string, len(u.fields))
	for i, f := range u.fields {
		names[i] = f.Name
	}
	_, err := u.object(names, func(i int) error {
		return within(u.add(i, level), names[i])
	})
	return err
}

// alone reads the value of the only field.
func (u *untyped) alone(level int) error {
	if len(u.fields) > 1 {
		return u.fault(CodeMissing, "the model has %d tensors: name them in an object", len(u.fields))
	}
	return u.add(0, level)
}

// isNamed reports whether an object follows that is no text in base64, and the name
// of its first member.
func (u *untyped) isNamed() (first string, is bool) {
	if u.next() != '{' {
		return "", false
	}
	back := u.p
	defer func() { u.p = back }()
	u.p++
	if u.next() == '"' {
		first, _ = u.text(u.lim.Name)
	}
	return first, first != "b64" || u.has("b64")
}

func (u *untyped) has(name string) bool {
	return slices.ContainsFunc(u.fields, func(f tensor.Field) bool { return f.Name == name })
}

// alias reports whether a member stands for the only tensor: TorchServe's handlers
// look for "data" and "body".
func (u *untyped) alias(name string) bool {
	return (name == "data" || name == "body") && len(u.fields) == 1 && !u.has(name)
}

// aliased reads an object with such a member.
func (u *untyped) aliased(name string, level int) error {
	_, err := u.object([]string{name}, func(int) error { return within(u.add(0, level), name) })
	return err
}

// rowsOf reads a list of rows, which are all named or all not.
func (u *untyped) rowsOf(aliases bool) (named bool, member string, err error) {
	first := true
	from, before := u.p, u.data
	err = u.list(len(u.b), func(i int) error {
		name, is := u.isNamed()
		if first {
			first, named = false, is
			if is && aliases && u.alias(name) {
				member = name
			}
		}
		u.rows++
		var err error
		switch {
		case is != named:
			err = u.fault(CodeNesting, "rows with and without names in one list")
		case member != "":
			err = u.aliased(member, 1)
		case named:
			err = u.named(1)
		default:
			err = u.alone(1)
		}
		u.data = before + int64(u.p-from) // the names of each row as well
		return withinIndex(err, "", i)
	})
	if err != nil || u.rows > 0 {
		return named, member, err
	}
	return false, "", faultAt(from, CodeCount, "there are no rows")
}

// tensors makes sure that every row has the same tensors, and returns them.
func (u *untyped) tensors() ([]tensor.Tensor, error) {
	var ts []tensor.Tensor
	for i := range u.cols {
		c := &u.cols[i]
		switch {
		case c.rows == 0 && u.fields[i].Optional:
			continue
		case c.rows == 0:
			return nil, faultAt(0, CodeMissing, "member %q is missing", u.fields[i].Name)
		case u.rows > 0 && c.rows != u.rows:
			return nil, faultAt(0, CodeMissing, "member %q is in %d of %d rows", u.fields[i].Name, c.rows, u.rows)
		case u.rows > 0:
			c.n.dims[0] = u.rows
		}
		ts = append(ts, tensor.Tensor{Name: u.fields[i].Name, DType: c.s.dtype, Shape: append([]int64{}, c.n.dims...), Data: c.s.buf})
	}
	return ts, nil
}
