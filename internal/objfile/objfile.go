// Package objfile recognises native programs: ELF, PE, Mach-O and WebAssembly.
// A model file that begins with one of them is code, whatever it is called.
//
// # Security
//
// This package is made for hostile input. It looks only at the bytes it is
// given, allocates nothing that grows, and never panics.
//
// # Limits
//
// HeadLen bytes are enough for every answer except the machine of a PE file
// whose header lies further on; then Arch is empty.
//
// # Specification
//
// System V ABI gABI 4.2 chapter 4 (ELF header), Microsoft PE/COFF revision 11
// §2, Apple mach-o/loader.h and mach-o/fat.h, WebAssembly core 1.0 §5.5.16.
package objfile

import (
	"encoding/binary"
	"strconv"
)

// HeadLen is how many leading bytes of a file Detect wants to see.
const HeadLen = 4096

// Kind is a format of native code.
type Kind string

// The formats that are told apart.
const (
	None     Kind = ""
	ELF      Kind = "elf"
	PE       Kind = "pe"
	DOS      Kind = "dos" // MZ without a PE header
	MachO    Kind = "mach-o"
	MachOFat Kind = "mach-o-fat" // several machines in one file
	Wasm     Kind = "wasm"
)

// Info says what a file that is native code is made for.
type Info struct {
	Kind   Kind
	Arch   string // "x86-64", "aarch64", …; empty when it could not be told
	Bits   int    // 32 or 64; 0 when it could not be told
	Big    bool   // big-endian
	Shared bool   // a library or plug-in: something a loader maps into a process
}

var elfMachines = map[uint16]string{
	3: "x86", 8: "mips", 20: "powerpc", 21: "powerpc64", 22: "s390", 40: "arm",
	62: "x86-64", 183: "aarch64", 190: "cuda", 224: "amdgpu", 243: "riscv", 258: "loongarch",
}

var peMachines = map[uint16]string{0x14c: "x86", 0x1c0: "arm", 0x1c4: "arm", 0x8664: "x86-64", 0xaa64: "aarch64"}

var machMachines = map[uint32]string{
	7: "x86", 0x01000007: "x86-64", 12: "arm", 0x0100000c: "aarch64", 18: "powerpc", 0x01000012: "powerpc64",
}

// Detect reports what native code head begins with. Kind is None when it is
// none that this package knows.
func Detect(head []byte) Info {
	if len(head) < 4 {
		return Info{}
	}
	switch {
	case string(head[:4]) == "\x7fELF":
		return elf(head)
	case string(head[:4]) == "\x00asm":
		return Info{Kind: Wasm, Arch: "wasm", Shared: true}
	case string(head[:2]) == "MZ":
		return pe(head)
	}
	return macho(head)
}

func elf(b []byte) Info {
	info := Info{Kind: ELF}
	if len(b) < 20 {
		return info
	}
	switch b[4] {
	case 1:
		info.Bits = 32
	case 2:
		info.Bits = 64
	}
	order := binary.ByteOrder(binary.LittleEndian)
	if b[5] == 2 {
		order, info.Big = binary.BigEndian, true
	}
	info.Shared = order.Uint16(b[16:]) == 3 // ET_DYN, also position-independent programs
	info.Arch = machine(elfMachines, order.Uint16(b[18:]))
	return info
}

// pe follows e_lfanew. A file with MZ and no PE header still runs on DOS, and
// is reported as such only if it is long enough to hold a DOS header.
func pe(b []byte) Info {
	if len(b) < 0x40 {
		return Info{}
	}
	at := uint64(binary.LittleEndian.Uint32(b[0x3c:]))
	if at+24 > uint64(len(b)) {
		return Info{Kind: DOS}
	}
	h := b[at:]
	if string(h[:4]) != "PE\x00\x00" {
		return Info{Kind: DOS}
	}
	info := Info{Kind: PE, Arch: machine(peMachines, binary.LittleEndian.Uint16(h[4:]))}
	info.Shared = binary.LittleEndian.Uint16(h[22:])&0x2000 != 0 // IMAGE_FILE_DLL
	if len(h) >= 26 {
		switch binary.LittleEndian.Uint16(h[24:]) {
		case 0x10b:
			info.Bits = 32
		case 0x20b:
			info.Bits = 64
		}
	}
	return info
}

func macho(b []byte) Info {
	if len(b) < 8 {
		return Info{}
	}
	var info Info
	order := binary.ByteOrder(binary.LittleEndian)
	switch binary.BigEndian.Uint32(b) {
	case 0xcefaedfe:
		info = Info{Kind: MachO, Bits: 32}
	case 0xcffaedfe:
		info = Info{Kind: MachO, Bits: 64}
	case 0xfeedface:
		info, order = Info{Kind: MachO, Bits: 32, Big: true}, binary.BigEndian
	case 0xfeedfacf:
		info, order = Info{Kind: MachO, Bits: 64, Big: true}, binary.BigEndian
	case 0xcafebabe, 0xcafebabf:
		// Java class files share the first magic; their second word is a
		// version above 44, where a fat file counts its machines.
		if n := binary.BigEndian.Uint32(b[4:]); n == 0 || n > 32 {
			return Info{}
		}
		return Info{Kind: MachOFat, Big: true}
	default:
		return Info{}
	}
	info.Arch = machine(machMachines, order.Uint32(b[4:]))
	if len(b) >= 16 {
		t := order.Uint32(b[12:])
		info.Shared = t == 6 || t == 8 // MH_DYLIB, MH_BUNDLE
	}
	return info
}

func machine[K uint16 | uint32](names map[K]string, k K) string {
	if s, ok := names[k]; ok {
		return s
	}
	return "machine " + strconv.FormatUint(uint64(k), 10)
}
