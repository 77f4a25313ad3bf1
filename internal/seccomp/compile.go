package seccomp

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"slices"
)

// Instruction is one of a program: struct sock_filter of linux/filter.h.
type Instruction struct {
	Op     uint16
	JT, JF uint8 // instructions that are passed over if the test is met, and if it is not
	K      uint32
}

// Program is what the kernel runs for each system call.
type Program []Instruction

// maxProgram is BPF_MAXINSNS.
const maxProgram = 4096

// The instructions that Compile uses: BPF_ of linux/bpf_common.h.
const (
	opLoad   = 0x20 // the accumulator is the word at K
	opAnd    = 0x54 // the accumulator has only the bits of K
	opGoto   = 0x05 // K instructions are passed over
	opEqual  = 0x15 // is it K?
	opReturn = 0x06 // the action is K
)

// Where the fields of struct seccomp_data are.
const (
	offNumber = 0
	offAudit  = 4
	offArgs   = 16
)

// size of struct seccomp_data.
const sizeData = 64

// Compile makes a program of the filter. It asks for one number after another, in the
// order in which the filter first names them: those that come often belong first.
func (f *Filter) Compile() (Program, error) {
	if err := f.check(); err != nil {
		return nil, err
	}
	p := Program{
		{Op: opLoad, K: offAudit},
		{Op: opEqual, K: f.Arch.audit, JT: 1},
		{Op: opReturn, K: uint32(KillProcess)},
		{Op: opLoad, K: offNumber},
	}
	if f.Arch.other != 0 {
		p = append(p,
			Instruction{Op: opAnd, K: f.Arch.other},
			Instruction{Op: opEqual, K: 0, JT: 1},
			Instruction{Op: opReturn, K: uint32(KillProcess)},
			Instruction{Op: opLoad, K: offNumber})
	}
	done := map[string]bool{}
	for _, r := range f.Rules {
		if done[r.Call] {
			continue
		}
		done[r.Call] = true
		body, err := f.body(r.Call)
		if err != nil {
			return nil, err
		}
		n, _ := f.Arch.Number(r.Call) // check has looked it up
		p = append(p, unless(Instruction{Op: opEqual, K: uint32(n)}, len(body))...)
		p = append(p, body...)
	}
	p = append(p, Instruction{Op: opReturn, K: uint32(f.Else)})
	if len(p) > maxProgram {
		return nil, fmt.Errorf("the filter takes %d instructions, and a program has at most %d", len(p), maxProgram)
	}
	return p, nil
}

// body decides about one call, and never runs beyond its end.
func (f *Filter) body(name string) (Program, error) {
	var p Program
	for _, r := range f.Rules {
		if r.Call != name {
			continue
		}
		rule, err := r.compile()
		if err != nil {
			return nil, err
		}
		p = append(p, rule...)
		if len(r.When) == 0 {
			return p, nil
		}
	}
	return append(p, Instruction{Op: opReturn, K: uint32(f.Else)}), nil
}

// unless passes over n instructions if a test is not met.
func unless(test Instruction, n int) Program {
	if n <= math.MaxUint8 {
		test.JF = uint8(n)
		return Program{test}
	}
	test.JT = 1
	return Program{test, {Op: opGoto, K: uint32(n)}}
}

// compile returns the action if all conditions are met, and runs beyond its end if not.
func (r *Rule) compile() (Program, error) {
	p := Program{{Op: opReturn, K: uint32(r.Do)}}
	for _, c := range slices.Backward(r.When) { // so that it is known how far to jump
		at := uint32(offArgs + 8*c.Arg)
		p = append(half(at, uint32(c.Mask), uint32(c.Value), len(p)), p...)
		p = append(half(at+4, uint32(c.Mask>>32), uint32(c.Value>>32), len(p)), p...)
		if len(p) > math.MaxUint8 {
			return nil, errors.New("a rule has too many conditions")
		}
	}
	return p, nil
}

// half compares 32 bits of an argument, and passes over n instructions if they differ.
func half(at, mask, value uint32, n int) Program {
	if mask == 0 {
		return nil
	}
	p := Program{{Op: opLoad, K: at}}
	if mask != math.MaxUint32 {
		p = append(p, Instruction{Op: opAnd, K: mask})
	}
	return append(p, Instruction{Op: opEqual, K: value, JF: uint8(n)})
}

// Bytes is the program as the kernel takes it.
func (p Program) Bytes() []byte {
	b := make([]byte, 0, 8*len(p))
	for _, i := range p {
		b = binary.LittleEndian.AppendUint16(b, i.Op)
		b = append(b, i.JT, i.JF)
		b = binary.LittleEndian.AppendUint32(b, i.K)
	}
	return b
}

// Bytes is struct seccomp_data.
func (d *Data) Bytes() []byte {
	b := make([]byte, 0, sizeData)
	b = binary.LittleEndian.AppendUint32(b, uint32(d.Number))
	b = binary.LittleEndian.AppendUint32(b, d.Audit)
	b = binary.LittleEndian.AppendUint64(b, d.IP)
	for _, a := range d.Args {
		b = binary.LittleEndian.AppendUint64(b, a)
	}
	return b
}
