package objfile

import (
	"strings"
	"testing"
)

func pad(s string, n int) []byte { return []byte(s + strings.Repeat("\x00", n-len(s))) }

func TestDetect(t *testing.T) {
	peHead := pad("MZ", 0x80)
	peHead[0x3c] = 0x40
	copy(peHead[0x40:], "PE\x00\x00\x64\x86")
	peHead[0x40+23] = 0x20
	copy(peHead[0x40+24:], "\x0b\x02")
	for _, tt := range []struct {
		name string
		head []byte
		want Info
	}{
		{"elf so", pad("\x7fELF\x02\x01\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x03\x00\x3e\x00", 64), Info{ELF, "x86-64", 64, false, true}},
		{"elf program, big-endian", pad("\x7fELF\x01\x02\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x02\x00\x14", 64), Info{ELF, "powerpc", 32, true, false}},
		{"elf cut", []byte("\x7fELF"), Info{Kind: ELF}},
		{"dll", peHead, Info{PE, "x86-64", 64, false, true}},
		{"dos", pad("MZ", 0x40), Info{Kind: DOS}},
		{"mz text", []byte("MZ is not a program"), Info{}},
		{"mach-o dylib", []byte("\xcf\xfa\xed\xfe\x0c\x00\x00\x01\x00\x00\x00\x00\x06\x00\x00\x00"), Info{MachO, "aarch64", 64, false, true}},
		{"fat", []byte("\xca\xfe\xba\xbe\x00\x00\x00\x02"), Info{Kind: MachOFat, Big: true}},
		{"java", []byte("\xca\xfe\xba\xbe\x00\x00\x00\x34"), Info{}},
		{"wasm", []byte("\x00asm\x01\x00\x00\x00"), Info{Kind: Wasm, Arch: "wasm", Shared: true}},
		{"zip", []byte("PK\x03\x04aaaaaaaaaaaaa"), Info{}},
		{"unknown machine", pad("\x7fELF\x02\x01\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x03\x00\xff\xff", 64), Info{ELF, "machine 65535", 64, false, true}},
		{"empty", nil, Info{}},
	} {
		if got := Detect(tt.head); got != tt.want {
			t.Errorf("%s: got %+v, want %+v", tt.name, got, tt.want)
		}
	}
}

func FuzzDetect(f *testing.F) {
	f.Add([]byte("\x7fELF\x02\x01\x01"))
	f.Add(pad("MZ", 0x80))
	f.Add([]byte("\xca\xfe\xba\xbe\x00\x00\x00\x02"))
	f.Fuzz(func(t *testing.T, b []byte) {
		first := Detect(b)
		if again := Detect(b); again != first {
			t.Error("two answers for one input")
		}
	})
}
