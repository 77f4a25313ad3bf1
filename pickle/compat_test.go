package pickle

import "testing"

func TestMapPython2(t *testing.T) {
	tests := [][4]string{
		{"__builtin__", "eval", "builtins", "eval"},
		{"__builtin__", "reduce", "functools", "reduce"},
		{"copy_reg", "_reconstructor", "copyreg", "_reconstructor"},
		{"exceptions", "ValueError", "builtins", "ValueError"},
		{"os", "system", "os", "system"},
	}
	for _, tt := range tests {
		if module, name := mapPython2(tt[0], tt[1]); module != tt[2] || name != tt[3] {
			t.Errorf("%s.%s maps to %s.%s, want %s.%s", tt[0], tt[1], module, name, tt[2], tt[3])
		}
	}
}

func TestCodes(t *testing.T) {
	n := 0
	for c := range 256 {
		if info, ok := Code(c).Info(); ok {
			n++
			if info.Stack == "" || info.Proto > maxProto || Code(c).String() != info.Name {
				t.Errorf("%#02x: %+v", c, info)
			}
		}
	}
	if n != 68 {
		t.Errorf("%d opcodes, want 68", n)
	}
}
