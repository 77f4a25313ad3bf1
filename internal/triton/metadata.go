package triton

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"

	"github.com/andiron-dev/andiron/internal/bounded"
	"github.com/andiron-dev/andiron/internal/tensor"
)

// ParseMetadata reads the metadata of a model as a server gives it, in JSON. A name
// that stands twice in an object is an error; members that the protocol does not
// have are read over.
func ParseMetadata(b []byte) (*Model, error) {
	if len(b) > MaxBytes {
		return nil, bounded.Exceeded("bytes of metadata", MaxBytes)
	}
	if !utf8.Valid(b) {
		return nil, errors.New("the metadata are no UTF-8")
	}
	if err := unique(json.NewDecoder(bytes.NewReader(b))); err != nil {
		return nil, err
	}
	var doc struct {
		Name     string     `json:"name"`
		Platform string     `json:"platform"`
		Inputs   []metadata `json:"inputs"`
		Outputs  []metadata `json:"outputs"`
	}
	if err := json.Unmarshal(b, &doc); err != nil {
		return nil, fmt.Errorf("these are no metadata of a model: %w", err)
	}
	m := &Model{Name: doc.Name, Platform: doc.Platform}
	var err error
	if m.Inputs, err = described(doc.Inputs); err == nil {
		m.Outputs, err = described(doc.Outputs)
	}
	if err == nil && len(m.Inputs) == 0 {
		err = errors.New("the metadata have no inputs: some servers know none, and then the model itself says more")
	}
	return m, err
}

type metadata struct {
	Name     string          `json:"name"`
	DataType string          `json:"datatype"`
	Shape    []int64         `json:"shape"`
	Data     json.RawMessage `json:"data"`
}

// ErrRequest is a request, or an answer, in place of metadata.
var ErrRequest = errors.New("this is a request with its data, and no metadata")

func described(all []metadata) (ts []Tensor, err error) {
	if len(all) > maxTensors {
		return nil, bounded.Exceeded("tensors", maxTensors)
	}
	for _, x := range all {
		d, err := tensor.ParseDType(x.DataType)
		switch {
		case x.Data != nil:
			return nil, ErrRequest
		case x.Name == "":
			return nil, errors.New("a tensor has no name")
		case err != nil || d.V2() != x.DataType:
			return nil, fmt.Errorf("tensor %q: datatype %q is none of the protocol", clip(x.Name), clip(x.DataType))
		case len(x.Shape) > maxDims:
			return nil, bounded.Exceeded("dimensions", maxDims)
		}
		for _, n := range x.Shape {
			if n < -1 {
				return nil, fmt.Errorf("tensor %q: %d is no size", clip(x.Name), n)
			}
		}
		ts = append(ts, Tensor{Name: x.Name, DType: d, Dims: x.Shape})
	}
	return ts, nil
}

// unique wants one JSON value without a name twice in an object. encoding/json also
// takes names that differ in case for one, so those may not stand together either.
func unique(dec *json.Decoder) error {
	dec.UseNumber()
	if err := value(dec, 0); err != nil {
		return err
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return fmt.Errorf("at offset %d: something follows the metadata", dec.InputOffset())
	}
	return nil
}

func value(dec *json.Decoder, depth int) error {
	t, err := dec.Token()
	if err != nil {
		return fmt.Errorf("at offset %d: %w", dec.InputOffset(), err)
	}
	d, ok := t.(json.Delim)
	if !ok {
		return nil
	}
	if depth == maxDepth {
		return bounded.Exceeded("levels of metadata", maxDepth)
	}
	seen := map[string]bool{}
	for dec.More() {
		if d == '{' {
			k, err := dec.Token()
			if err != nil {
				return fmt.Errorf("at offset %d: %w", dec.InputOffset(), err)
			}
			name, _ := k.(string)
			folded := strings.ToLower(strings.ToUpper(name))
			if seen[folded] {
				return fmt.Errorf("at offset %d: %q stands twice", dec.InputOffset(), clip(name))
			}
			seen[folded] = true
		}
		if err := value(dec, depth+1); err != nil {
			return err
		}
	}
	_, err = dec.Token()
	return err
}
