// Package gguf reads the header of GGUF files: metadata, chat templates and
// where tensors lie.
//
// # Security
//
// This package is made for hostile input. It never panics, reads no tensor
// bytes, and allocates nothing for a length or count that the file does not
// hold: arrays are stepped over item by item, in a window.
//
// # Limits
//
// Limits bounds keys, tensors, array items and the length of strings that are
// kept. Exceeding one is an error that wraps bounded.ErrLimit; the facts up to
// there come with it.
//
// # Specification
//
// ggml docs/gguf.md, versions 1 to 3, and the block sizes of ggml.c at
// November 2025. Version 1 has 32-bit counts. Big-endian files exist since
// version 3 and are told by a version whose low half is zero.
package gguf

import (
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math/bits"
	"strings"

	"github.com/andiron-dev/andiron/internal/bounded"
)

// Limits bounds what Read does. Zero fields have defaults.
type Limits struct {
	Keys       int   // 65,536
	Tensors    int   // 200,000
	ArrayItems int64 // in all arrays: 16,000,000
	Depth      int   // arrays of arrays: 8
	StrSize    int64 // bytes of a string that is kept: 1 MiB
}

func (l Limits) withDefaults() Limits {
	l.Keys = cmp.Or(l.Keys, 65_536)
	l.Tensors = cmp.Or(l.Tensors, 200_000)
	l.ArrayItems = cmp.Or(l.ArrayItems, 16_000_000)
	l.Depth = cmp.Or(l.Depth, 8)
	l.StrSize = cmp.Or(l.StrSize, 1<<20)
	return l
}

// Pair is an entry of the metadata.
type Pair struct {
	Key    string
	Type   string // "u32", "string", "array of string", …
	Count  uint64 // items of an array
	Offset int64  // of the value
	Value  any    // string, bool, uint64, int64 or raw bits as uint64 for floats; nil for arrays
}

// Template is a chat template.
type Template struct {
	Key    string // tokenizer.chat_template or tokenizer.chat_template.NAME
	Text   string
	Offset int64 // of its first byte
}

// Tensor is an entry of the tensor table.
type Tensor struct {
	Name   string
	Type   uint32
	Dims   []uint64
	Offset int64 // in the file; -1 when it does not fit
	Size   int64 // -1 when the type is not known or the size does not fit
}

// File is what a header says.
type File struct {
	Version    uint32
	BigEndian  bool
	Alignment  int64
	DataOffset int64
	Metadata   []Pair
	Templates  []Template
	Tensors    []Tensor
	Problems   []string // what a strict reader refuses although the rest can be read
}

// SyntaxError says where the bytes stop being GGUF.
type SyntaxError struct {
	Offset int64
	Err    error
}

func (e *SyntaxError) Error() string { return fmt.Sprintf("gguf: at offset %#x: %v", e.Offset, e.Err) }

// Unwrap returns what is wrong without the position.
func (e *SyntaxError) Unwrap() error { return e.Err }

// Read reads the header of a file of size bytes. An error comes with what was
// read before it.
func Read(r io.ReaderAt, size int64, lim Limits) (*File, error) {
	p := &parser{
		cursor: cursor{r: r, size: size, order: binary.LittleEndian}, lim: lim.withDefaults(),
		file: &File{Alignment: 32}, seen: make(map[string]bool),
	}
	p.items = bounded.NewBudget("GGUF array items", p.lim.ArrayItems)
	err := p.header()
	if err != nil {
		err = &SyntaxError{p.pos, err}
	}
	return p.file, err
}

type parser struct {
	cursor
	lim   Limits
	file  *File
	seen  map[string]bool
	items *bounded.Budget
}

func (p *parser) problem(format string, args ...any) {
	if len(p.file.Problems) < 100 {
		p.file.Problems = append(p.file.Problems, fmt.Sprintf(format, args...))
	}
}

func (p *parser) header() error {
	magic, err := p.take(8)
	if err != nil || string(magic[:4]) != "GGUF" {
		return errors.New("no GGUF magic")
	}
	f := p.file
	f.Version = binary.LittleEndian.Uint32(magic[4:])
	if f.Version&0xffff == 0 {
		f.Version, f.BigEndian, p.order = bits.ReverseBytes32(f.Version), true, binary.BigEndian
	}
	if f.Version < 1 || f.Version > 3 {
		return fmt.Errorf("version %d", f.Version)
	}
	if f.BigEndian && f.Version < 3 {
		p.problem("version %d is never big-endian", f.Version)
	}
	p.narrow = f.Version == 1
	tensors, err := p.length()
	if err != nil {
		return err
	}
	pairs, err := p.length()
	if err != nil {
		return err
	}
	for i := range pairs {
		if i >= uint64(p.lim.Keys) {
			return bounded.Exceeded("GGUF keys", int64(p.lim.Keys))
		}
		if err := p.pair(); err != nil {
			return err
		}
	}
	for i := range tensors {
		if i >= uint64(p.lim.Tensors) {
			return bounded.Exceeded("GGUF tensors", int64(p.lim.Tensors))
		}
		if err := p.tensor(); err != nil {
			return err
		}
	}
	p.place()
	return nil
}

func (p *parser) pair() error {
	key, err := p.str()
	if err != nil {
		return err
	}
	if p.seen[key] {
		p.problem("the key %.80q twice", key)
	}
	p.seen[key] = true
	typ, err := p.u32()
	if err != nil {
		return err
	}
	kv := Pair{Key: key, Type: typeName(typ), Offset: p.pos}
	switch typ {
	case typeString:
		kv.Value, err = p.str()
	case typeArray:
		kv.Type, kv.Count, err = p.array(0)
	default:
		kv.Value, err = p.scalar(typ)
	}
	if err != nil {
		return err
	}
	p.file.Metadata = append(p.file.Metadata, kv)
	p.meaning(kv)
	return nil
}

func (p *parser) meaning(kv Pair) {
	text, isText := kv.Value.(string)
	if isText && strings.HasPrefix(kv.Key, "tokenizer.chat_template") {
		p.file.Templates = append(p.file.Templates, Template{kv.Key, text, p.pos - int64(len(text))})
	}
	if kv.Key == "general.alignment" {
		n, ok := kv.Value.(uint64)
		if !ok || n == 0 || n%8 != 0 || n > 1<<20 {
			p.problem("general.alignment is not a multiple of 8: %v", kv.Value)
			return
		}
		p.file.Alignment = int64(n)
	}
}

// array steps over an array and returns its type.
func (p *parser) array(depth int) (name string, n uint64, err error) {
	if depth >= p.lim.Depth {
		return "", 0, bounded.Exceeded("nested GGUF arrays", int64(p.lim.Depth))
	}
	typ, err := p.u32()
	if err == nil {
		n, err = p.length()
	}
	if err != nil {
		return "", 0, err
	}
	name = "array of " + typeName(typ)
	if width := widths[typ]; width > 0 {
		size, ok := bounded.Mul(int64(n>>1), 2*width)
		if !ok {
			return name, n, io.ErrUnexpectedEOF
		}
		return name, n, p.skip(size + int64(n&1)*width)
	}
	if typ != typeString && typ != typeArray {
		return name, n, fmt.Errorf("value type %d", typ)
	}
	for range n {
		if err := p.items.Spend(1); err != nil {
			return name, n, err
		}
		if typ == typeArray {
			_, _, err = p.array(depth + 1)
		} else if k, lerr := p.length(); lerr != nil || k > uint64(p.size) {
			err = io.ErrUnexpectedEOF
		} else {
			err = p.skip(int64(k))
		}
		if err != nil {
			return name, n, err
		}
	}
	return name, n, nil
}

func (p *parser) tensor() error {
	t := Tensor{}
	var err error
	if t.Name, err = p.str(); err != nil {
		return err
	}
	n, err := p.u32()
	if err != nil {
		return err
	}
	if n > 8 { // GGML_MAX_DIMS is 4
		return fmt.Errorf("a tensor of %d dimensions", n)
	}
	for range n {
		dim, err := p.length()
		if err != nil {
			return err
		}
		t.Dims = append(t.Dims, dim)
	}
	if t.Type, err = p.u32(); err != nil {
		return err
	}
	off, err := p.u64()
	if err != nil {
		return err
	}
	t.Offset = -1
	if off>>62 == 0 {
		t.Offset = int64(off)
	}
	if p.seen["tensor\x00"+t.Name] {
		p.problem("the tensor %.80q twice", t.Name)
	}
	p.seen["tensor\x00"+t.Name] = true
	p.file.Tensors = append(p.file.Tensors, t)
	return nil
}

// place turns offsets into file offsets and checks that tensors lie in the file.
func (p *parser) place() {
	f := p.file
	f.DataOffset = (p.pos + f.Alignment - 1) / f.Alignment * f.Alignment
	for i := range f.Tensors {
		t := &f.Tensors[i]
		t.Size = tensorSize(t)
		if t.Offset < 0 || t.Offset%f.Alignment != 0 {
			p.problem("the tensor %.80q is not aligned", t.Name)
		}
		if t.Offset >= 0 {
			t.Offset += f.DataOffset
		}
		switch {
		case t.Size < 0:
			p.problem("the tensor %.80q has type %d and dimensions %v", t.Name, t.Type, t.Dims)
		case t.Offset < 0 || t.Offset > p.size || t.Size > p.size-t.Offset:
			p.problem("the tensor %.80q reaches behind the end of the file", t.Name)
		}
	}
}
