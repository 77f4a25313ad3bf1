package npy

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/andiron-dev/andiron/internal/bounded"
)

// DType is what can be said about a NumPy dtype.
type DType struct {
	Name   string  // as written; "struct" for fields
	Size   int64   // of an item in bytes; -1 when not known
	Object bool    // holds Python objects, here or in a field
	Known  bool    // false: NumPy may know it, and it may hold objects
	Fields []Field // of a structured dtype
}

// Field is a member of a structured dtype.
type Field struct {
	Name  string
	DType DType
}

// codes are one-letter types, with their size. 'l', 'L', 'p' and 'g' differ
// between platforms.
var codes = map[string]int64{
	"?": 1, "b": 1, "B": 1, "h": 2, "H": 2, "i": 4, "I": 4, "q": 8, "Q": 8,
	"e": 2, "f": 4, "d": 8, "F": 8, "D": 16, "c": 1,
	"l": -1, "L": -1, "p": -1, "P": -1, "g": -1, "G": -1, "n": -1, "N": -1,
}

// names are the spellings without codes that people write by hand.
var names = map[string]int64{
	"bool": 1, "int8": 1, "uint8": 1, "int16": 2, "uint16": 2, "int32": 4, "uint32": 4, "int64": 8, "uint64": 8,
	"float16": 2, "float32": 4, "float64": 8, "complex64": 8, "complex128": 16,
}

// sizes are the sizes that kinds come in.
var sizes = map[byte]string{'b': " 1 ", 'i': " 1 2 4 8 ", 'u': " 1 2 4 8 ", 'f': " 2 4 8 12 16 ", 'c': " 8 16 24 32 "}

// ParseDType reads a dtype string, as in a header's descr or as the argument of
// a pickled numpy.dtype: "<f4", "|O", "O8", "<M8[ns]", "U7", "V12". For a
// pickled structured dtype ("V" and a size) the fields are in its state, and
// bit 0 of the flags at state[7] says whether they hold objects.
func ParseDType(s string) DType {
	d := DType{Name: s, Size: -1}
	t := strings.TrimLeft(s, "<>=|")
	if len(s)-len(t) > 1 || t == "" {
		return d
	}
	known := func(n int64) DType { d.Known, d.Size = true, n; return d }
	if n, ok := codes[t]; ok {
		return known(n)
	}
	if n, ok := names[s]; ok {
		return known(n)
	}
	switch t {
	case "O", "O4", "O8", "object", "object_":
		d.Object = true
		return known(8)
	}
	num, unit, _ := strings.Cut(t[1:], "[")
	if (t[0] == 'M' || t[0] == 'm') && (num == "8" || num == "") && plainUnit(unit) {
		return known(8)
	}
	if strings.Contains(sizes[t[0]], " "+t[1:]+" ") {
		n, _ := strconv.ParseInt(t[1:], 10, 64)
		return known(n)
	}
	if strings.IndexByte("SUVa", t[0]) >= 0 {
		n, err := strconv.ParseUint(t[1:], 10, 31)
		if t == t[:1] || err == nil && t[1] != '+' {
			width := map[bool]int64{true: 4, false: 1}[t[0] == 'U']
			return known(int64(n) * width)
		}
	}
	return d
}

func plainUnit(u string) bool {
	if u == "" {
		return true
	}
	u, ok := strings.CutSuffix(u, "]")
	return ok && strings.Trim(u, "0123456789") != "" && strings.Trim(u, "0123456789YMWDhmsunpfaeric/") == ""
}

// dtypeOf follows numpy.lib.format.descr_to_dtype.
func dtypeOf(v any, depth int) DType {
	unknown := DType{Name: fmt.Sprintf("%.80v", v), Size: -1}
	if depth > 32 {
		return unknown
	}
	switch v := v.(type) {
	case string:
		return ParseDType(v)
	case tuple: // (base, shape)
		if len(v) == 2 {
			return subarray(dtypeOf(v[0], depth+1), v[1])
		}
	case list:
		return structOf(v, depth)
	}
	return unknown
}

func subarray(d DType, shape any) DType {
	dims, ok := shape.(tuple)
	if n, one := shape.(int64); one {
		dims, ok = tuple{n}, true
	}
	for _, x := range dims {
		n, isInt := x.(int64)
		if ok = ok && isInt; !ok || d.Size < 0 {
			continue
		}
		var fits bool
		if d.Size, fits = bounded.Mul(d.Size, n); !fits {
			d.Size = -1
		}
	}
	if !ok {
		d.Known, d.Size = false, -1
	}
	return d
}

func structOf(fields list, depth int) DType {
	d := DType{Name: "struct", Known: true}
	for _, f := range fields {
		t, _ := f.(tuple)
		if len(t) < 2 || len(t) > 3 {
			d.Known, d.Size = false, -1
			continue
		}
		x := dtypeOf(t[1], depth+1)
		if len(t) == 3 {
			x = subarray(x, t[2])
		}
		name, ok := t[0].(string)
		if pair, isPair := t[0].(tuple); isPair && len(pair) == 2 { // (title, name)
			name, ok = pair[1].(string)
		}
		d.Known = d.Known && x.Known && ok
		d.Object = d.Object || x.Object
		d.Fields = append(d.Fields, Field{name, x})
		if sum, fits := bounded.Add(d.Size, x.Size); fits {
			d.Size = sum
		} else {
			d.Size = -1
		}
	}
	return d
}
