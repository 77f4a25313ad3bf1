package tensor

import "slices"

// Field is what a schema says about the form of one tensor, for readers of bodies
// that name neither types nor shapes.
type Field struct {
	Name     string
	DTypes   []DType // at least one, sorted by name
	Least    []int64 // the smallest size of each dimension
	Most     []int64 // the largest
	Optional bool
}

// Fields lists the tensors of a group, sorted by name.
func (s *Schema) Fields(g Group) []Field {
	fields := make([]Field, 0, len(s.groups[g]))
	for _, t := range s.groups[g] {
		f := Field{Name: t.name, DTypes: slices.Clone(t.dtypes), Optional: t.optional}
		for _, d := range t.shape {
			f.Least, f.Most = append(f.Least, d.lo), append(f.Most, d.hi)
		}
		fields = append(fields, f)
	}
	return fields
}
