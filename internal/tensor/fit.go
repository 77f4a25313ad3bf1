package tensor

import "maps"

// Fit finds those of several sets of sizes that the shapes of tensors go with:
// symbols have the same size in both, and the constraints hold. It looks at no
// element, and at nothing else that Check would say.
func (s *Schema) Fit(g Group, tensors []Tensor, among []map[string]int64) (which []int) {
	own := s.checker(g, nil, nil)
	for i, in := range own.names(tensors) {
		if in != nil {
			own.structure(s.groups[g][i], in)
		}
	}
	for i, dims := range among {
		if s.agree(g, own.dims, dims) {
			which = append(which, i)
		}
	}
	return which
}

func (s *Schema) agree(g Group, own, dims map[string]int64) bool {
	for name, n := range own {
		if had, bound := dims[name]; bound && had != n {
			return false
		}
	}
	c := s.checker(g, dims, nil)
	maps.Copy(c.dims, own)
	c.constraints()
	return len(c.found) == 0
}
