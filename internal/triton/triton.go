// Package triton reads what model servers say of their models' tensors: Triton's
// config.pbtxt, and the metadata of the Open Inference Protocol V2.
//
// # Security
//
// This package is made for hostile input. It never panics, and its memory is bounded
// by the size of the document. A field that may stand once and stands twice is an
// error, because readers differ in which one they take; so is a value of another
// kind than the field has. Fields that say nothing about tensors are read over, but
// must be well formed.
//
// # Limits
//
// A document has at most 1 MiB, 32 levels, 10,000 tensors of 64 dimensions.
//
// # Specification
//
// Protocol Buffers Text Format Language Specification (2023), without extensions,
// Any and angle brackets, which Triton's files do not have; ModelConfig,
// ModelInput and ModelOutput of model_config.proto of Triton 2.50; Open Inference
// Protocol V2, Model Metadata.
package triton

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"

	"github.com/andiron-dev/andiron/internal/bounded"
	"github.com/andiron-dev/andiron/internal/tensor"
)

const (
	// MaxBytes bounds a document.
	MaxBytes   = 1 << 20
	maxDepth   = 32
	maxTensors = 10_000
	maxDims    = 64
)

// Model is what a server says of a model.
type Model struct {
	Name     string
	Platform string // or backend
	// MaxBatch is the largest batch, 0 where the dimensions have the batch already.
	MaxBatch int64
	Inputs   []Tensor
	Outputs  []Tensor
}

// Tensor is an input or an output. A size below 0 is any.
type Tensor struct {
	Name     string
	DType    tensor.DType
	Dims     []int64
	Format   string // NCHW, NHWC, or empty
	Optional bool
	Ragged   bool // the sizes of a batch's elements may differ
	Reshaped bool // the model sees another shape than the client sends
}

// ParseConfig reads a config.pbtxt.
func ParseConfig(b []byte) (*Model, error) {
	top, err := parse(b)
	if err != nil {
		return nil, err
	}
	m := &Model{}
	f := fields{}
	for _, n := range top {
		var err error
		switch n.name {
		case "name":
			m.Name, err = f.text(n)
		case "platform", "backend":
			var s string
			if s, err = f.text(n); s != "" && m.Platform == "" {
				m.Platform = s
			}
		case "max_batch_size":
			m.MaxBatch, err = f.number(n, 0, math.MaxInt32)
		case "input":
			err = tensors(&m.Inputs, n)
		case "output":
			err = tensors(&m.Outputs, n)
		}
		if err != nil {
			return nil, err
		}
	}
	if len(m.Inputs) == 0 {
		return nil, errors.New("there is no input in this configuration: Triton may complete it when it loads the model; ask the server for its metadata")
	}
	return m, nil
}

// tensors reads a message, or a list of them.
func tensors(to *[]Tensor, n *node) error {
	for _, x := range n.each() {
		if !x.message {
			return x.fault("%q is a message", n.name)
		}
		t, err := tensorOf(x)
		if err != nil {
			return err
		}
		if len(*to) == maxTensors {
			return x.fault("%w", bounded.Exceeded("tensors", maxTensors))
		}
		*to = append(*to, t)
	}
	return nil
}

func tensorOf(x *node) (t Tensor, err error) {
	f := fields{}
	for _, n := range x.children {
		switch n.name {
		case "name":
			t.Name, err = f.text(n)
		case "data_type":
			var word string
			if word, err = f.word(n); err == nil {
				t.DType, err = dtype(n, word)
			}
		case "format":
			var word string
			if word, err = f.word(n); err == nil && word != "FORMAT_NONE" {
				t.Format = strings.TrimPrefix(word, "FORMAT_")
			}
		case "dims":
			err = dims(&t, n)
		case "optional":
			t.Optional, err = f.boolean(n)
		case "allow_ragged_batch":
			t.Ragged, err = f.boolean(n)
		case "reshape":
			t.Reshaped, err = true, f.once(n)
		}
		if err != nil {
			return t, err
		}
	}
	switch {
	case t.Name == "":
		return t, x.fault("a tensor has no name")
	case t.DType == 0:
		return t, x.fault("tensor %q has no data_type", clip(t.Name))
	}
	return t, nil
}

func dtype(n *node, word string) (tensor.DType, error) {
	name, ok := strings.CutPrefix(word, "TYPE_")
	if name == "STRING" {
		name = "BYTES"
	}
	d, err := tensor.ParseDType(name)
	if !ok || err != nil || d.V2() != name {
		return 0, n.fault("data_type %q is none that schemas have", clip(word))
	}
	return d, nil
}

func dims(t *Tensor, n *node) error {
	for _, x := range n.each() {
		d, err := strconv.ParseInt(x.value, 10, 64)
		if err != nil || x.kind != number || d < -1 {
			return x.fault("%q is no size", clip(x.value))
		}
		if len(t.Dims) == maxDims {
			return x.fault("%w", bounded.Exceeded("dimensions", maxDims))
		}
		t.Dims = append(t.Dims, d)
	}
	return nil
}

// fields remembers what has been there.
type fields map[string]bool

func (f fields) once(n *node) error {
	if f[n.name] {
		return n.fault("field %q stands twice", n.name)
	}
	f[n.name] = true
	return nil
}

func (f fields) scalar(n *node, k kind) error {
	if err := f.once(n); err != nil {
		return err
	}
	if n.list || n.message || n.kind != k {
		return n.fault("field %q has %q", n.name, clip(n.value))
	}
	return nil
}

func (f fields) text(n *node) (string, error) { return n.value, f.scalar(n, text) }
func (f fields) word(n *node) (string, error) { return n.value, f.scalar(n, word) }

func (f fields) boolean(n *node) (bool, error) {
	err := f.once(n)
	switch {
	case err != nil:
		return false, err
	case n.value == "true" || n.value == "True" || n.value == "t" || n.value == "1":
		return true, nil
	case n.value == "false" || n.value == "False" || n.value == "f" || n.value == "0":
		return false, nil
	}
	return false, n.fault("field %q is neither true nor false", n.name)
}

func (f fields) number(n *node, lo, hi int64) (int64, error) {
	if err := f.scalar(n, number); err != nil {
		return 0, err
	}
	v, err := strconv.ParseInt(n.value, 10, 64)
	if err != nil || v < lo || v > hi {
		return 0, n.fault("field %q is not a number from %d to %d", n.name, lo, hi)
	}
	return v, nil
}

func clip(s string) string {
	if len(s) > 64 {
		return s[:64] + "…"
	}
	return s
}

func (n *node) fault(format string, args ...any) error {
	return fmt.Errorf("line %d: %w", n.line, fmt.Errorf(format, args...))
}
