package ops

import (
	"slices"
	"strings"
)

// kind is what a type means here.
type kind int

const (
	otherKind kind = iota
	tensor
	tensorList
	maybeTensor // an optional
	integer32
	integer64
	floating
	pointer
	accessor
)

// kindOf says what the words of a type mean.
func kindOf(typ string) kind {
	w := " " + typ + " "
	has := func(s string) bool { return strings.Contains(w, " "+s+" ") }
	switch {
	case strings.Contains(w, "TensorAccessor") || strings.Contains(w, "PackedTensor"):
		return accessor
	case has("optional") && has("Tensor"):
		return maybeTensor
	case has("TensorList") || has("ITensorListRef") || (has("vector") || has("ArrayRef") || has("List")) && has("Tensor"):
		return tensorList
	case has("vector") || has("ArrayRef") || has("array") || has("unique_ptr") || has("shared_ptr") || has("tuple") || has("function") || has("optional"):
		return otherKind
	case has("Tensor") || has("Variable"):
		return tensor
	case has("*"):
		return pointer
	case has("float") || has("double") || has("scalar_t") || has("accscalar_t") || has("acc_t") || has("opmath_t") || has("half") || has("Half") || has("T"):
		return floating
	case has("int64_t") || has("long") || has("size_t") || has("uint64_t") || has("ptrdiff_t") || has("ssize_t"):
		return integer64
	case has("int") || has("int32_t") || has("uint32_t") || has("unsigned") || has("short") || has("int16_t"):
		return integer32
	}
	return otherKind
}

func (k kind) integer() bool { return k == integer32 || k == integer64 }

// natural reports whether numbers of a type are never negative, so that what was negative
// is large: k < n of size_t k = p[i] says what 0 <= p[i] && p[i] < n does.
func natural(typ string) bool {
	return !strings.Contains(typ, "*") && slices.ContainsFunc(strings.Fields(typ), func(w string) bool {
		switch w {
		case "unsigned", "size_t", "uint64_t", "uint32_t", "uint16_t", "uint8_t":
			return true
		}
		return false
	})
}
