// Package mobile reads PyTorch's mobile flatbuffer modules (.ptl with the
// identifier PTMF) and the header of ExecuTorch programs (.pte, .ptd).
//
// # Security
//
// This package is made for hostile input. Every offset is checked against the
// size of the source before it is followed, vectors are counted before they are
// walked, and nothing is allocated that a header claims. It never panics.
//
// # Limits
//
// Limits bounds the elements walked in all; reaching it is an error that wraps
// bounded.ErrLimit.
//
// # Specification
//
// PyTorch v2.6.0 torch/csrc/jit/serialization/mobile_bytecode.fbs (table Module)
// and FlatBuffers "Internals" (tables, vtables, vectors). ExecuTorch v1.0
// runtime/executor/program.cpp and schema/extended_header.h.
package mobile

import (
	"errors"
	"fmt"
	"io"

	"github.com/andiron-dev/andiron/internal/bounded"
)

// Limits bounds a read. The zero value means the defaults.
type Limits struct {
	MaxElements int64 // vector elements, tables and strings followed in all; default 4 Mi
	MaxText     int64 // bytes of one string; default 64 KiB
}

func (l Limits) orDefault() Limits {
	if l.MaxElements == 0 {
		l.MaxElements = 4 << 20
	}
	if l.MaxText == 0 {
		l.MaxText = 64 << 10
	}
	return l
}

// Module is what a PTMF file holds, as far as it decides what loading and
// calling it would run.
type Module struct {
	BytecodeVersion uint32
	Functions       []Function
	Types           []Type
	ExtraFiles      []string // names
	Sources         []string // names of the TorchScript sources beside the bytecode
	Storages        []Storage
	Tensors         []Tensor
}

// Function is one function of the bytecode.
type Function struct {
	Name      string   // qualified: __torch__.Net.forward
	Operators []string // "aten::add.Tensor", in order of the table
	Calls     []byte   // the instructions' opcodes, each once, in order of first use
}

// Type is one object type.
type Type struct {
	Name     string
	SetState bool // __setstate__ runs when the module is loaded
	Custom   bool // a class that native code registered
}

// Storage is one storage's bytes in the file.
type Storage struct {
	Offset, Size int64
}

// FormatError says what is wrong and where.
type FormatError struct {
	Offset int64
	What   string
	Err    error
}

func (e *FormatError) Error() string {
	return fmt.Sprintf("mobile: at offset %#x: %s: %v", e.Offset, e.What, e.Err)
}

// Unwrap returns the cause.
func (e *FormatError) Unwrap() error { return e.Err }

var errOutside = errors.New("an offset leads outside of the file")

// Slots of the tables, in the order of mobile_bytecode.fbs.
const (
	moduleVersion, moduleExtra, moduleIValues    = 0, 1, 4
	moduleStorage, moduleTypes, moduleSources    = 6, 7, 8
	functionName, functionInstr, functionOps     = 0, 1, 2
	operatorName, operatorOverload               = 0, 1
	typeName, typeKind                           = 0, 1
	ivalueKind, ivalueValue                      = 0, 1
	extraName, storageBytes                      = 0, 0
	kindCustomClass, kindSetState, unionFunction = 2, 3, 16
	instructionSize                              = 8
)

// ReadModule reads a PTMF file.
func ReadModule(r io.ReaderAt, size int64, lim Limits) (*Module, error) {
	lim = lim.orDefault()
	b := &buffer{r: r, size: size, lim: lim, budget: bounded.NewBudget("flatbuffer elements", lim.MaxElements)}
	id, err := b.bytes(4, 4)
	if err != nil {
		return nil, err
	}
	if string(id) != "PTMF" {
		return nil, &FormatError{4, "identifier", fmt.Errorf("%q is not %q", id, "PTMF")}
	}
	root, err := b.follow(0)
	if err != nil {
		return nil, err
	}
	return b.module(root)
}

func (b *buffer) module(root int64) (*Module, error) {
	m := &Module{}
	var err error
	if m.BytecodeVersion, err = b.slotU32(root, moduleVersion); err != nil {
		return nil, err
	}
	if m.ExtraFiles, err = b.names(root, moduleExtra, extraName); err != nil {
		return nil, err
	}
	if m.Sources, err = b.names(root, moduleSources, extraName); err != nil {
		return nil, err
	}
	steps := []func() error{
		func() error {
			return b.tables(root, moduleIValues, func(at int64) error { return b.ivalue(at, m) })
		},
		func() error { return b.tables(root, moduleTypes, func(at int64) error { return b.typ(at, m) }) },
		func() error { return b.tables(root, moduleStorage, func(at int64) error { return b.storage(at, m) }) },
		func() error { return b.state(root, m) },
	}
	for _, step := range steps {
		if err := step(); err != nil {
			return m, err
		}
	}
	return m, nil
}

func (b *buffer) ivalue(at int64, m *Module) error {
	kind, err := b.slotU8(at, ivalueKind)
	if err != nil || kind != unionFunction {
		return err
	}
	pos, err := b.slot(at, ivalueValue)
	if err != nil {
		return err
	}
	if pos == 0 {
		return &FormatError{at, "value", errors.New("a function has no table")}
	}
	table, err := b.follow(pos)
	if err != nil {
		return err
	}
	f, err := b.function(table)
	m.Functions = append(m.Functions, f)
	return err
}

func (b *buffer) function(at int64) (Function, error) {
	var f Function
	var err error
	if f.Name, err = b.slotText(at, functionName); err != nil {
		return f, err
	}
	err = b.tables(at, functionOps, func(op int64) error {
		name, err := b.slotText(op, operatorName)
		if err != nil {
			return err
		}
		overload, err := b.slotText(op, operatorOverload)
		if overload != "" {
			name += "." + overload
		}
		f.Operators = append(f.Operators, name)
		return err
	})
	if err != nil {
		return f, err
	}
	return f, b.instructions(at, &f)
}

func (b *buffer) instructions(at int64, f *Function) error {
	start, n, err := b.vector(at, functionInstr, instructionSize)
	if err != nil {
		return err
	}
	var seen [256]bool
	for i := range n {
		op, err := b.bytes(start+i*instructionSize, 1)
		if err != nil {
			return err
		}
		if !seen[op[0]] {
			seen[op[0]] = true
			f.Calls = append(f.Calls, op[0])
		}
	}
	return nil
}

func (b *buffer) typ(at int64, m *Module) error {
	name, err := b.slotText(at, typeName)
	if err != nil {
		return err
	}
	kind, err := b.slotU8(at, typeKind)
	m.Types = append(m.Types, Type{Name: name, SetState: kind == kindSetState, Custom: kind == kindCustomClass})
	return err
}

func (b *buffer) storage(at int64, m *Module) error {
	start, n, err := b.vector(at, storageBytes, 1)
	m.Storages = append(m.Storages, Storage{Offset: start, Size: n})
	return err
}

// names reads one string slot of every table of a vector.
func (b *buffer) names(root int64, vector, slot int) ([]string, error) {
	var names []string
	err := b.tables(root, vector, func(at int64) error {
		s, err := b.slotText(at, slot)
		names = append(names, s)
		return err
	})
	return names, err
}
