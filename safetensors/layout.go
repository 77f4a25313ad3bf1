package safetensors

import (
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"unicode/utf8"

	"github.com/andiron-dev/andiron/internal/bounded"
)

// metadataKey is the one name that is no tensor's.
const metadataKey = "__metadata__"

// Layout is the header of a file that is to be written, and where its tensors go.
type Layout struct {
	Header  []byte   // the length, the JSON and its padding: the file up to the first tensor
	Tensors []Tensor // in the order of their bytes
	Size    int64    // of the whole file
}

// NewLayout lays out a file as the reference writer does: the same tensors and
// metadata give the same bytes. Of the tensors, Begin and End are set here; the
// slice is not changed. Metadata of several keys is sorted, where the order of
// the reference differs from run to run.
//
// A name given twice, a dtype that the format does not have, a size that
// overflows and a header that is too long are errors.
func NewLayout(tensors []Tensor, metadata map[string]string) (*Layout, error) {
	l := &Layout{Tensors: slices.Clone(tensors)}
	slices.SortFunc(l.Tensors, func(a, b Tensor) int {
		return cmp.Or(cmp.Compare(writeRank[a.DType], writeRank[b.DType]), cmp.Compare(a.Name, b.Name))
	})
	if err := checkNames(l.Tensors); err != nil {
		return nil, err
	}
	end := int64(0)
	for i := range l.Tensors {
		t := &l.Tensors[i]
		n, why := byteSize(t.DType, t.Shape)
		if why != "" {
			return nil, fmt.Errorf("safetensors: tensor %s of %s %v: %s", quote(t.Name), quote(string(t.DType)), t.Shape, why)
		}
		var ok bool
		t.Begin = end
		if end, ok = bounded.Add(end, n); !ok {
			return nil, fmt.Errorf("safetensors: tensor %s: the size of the file overflows", quote(t.Name))
		}
		t.End = end
	}
	return l, l.place(metadata, end)
}

// place writes the header, whose length decides where the tensors begin.
func (l *Layout) place(metadata map[string]string, end int64) error {
	b, err := l.appendJSON(make([]byte, 8, 8+l.guess()), metadata)
	if err != nil {
		return err
	}
	for len(b)%8 != 0 {
		b = append(b, ' ')
	}
	n := len(b) - 8
	if n > MaxHeader {
		return fmt.Errorf("safetensors: the header takes %d bytes: %w", n, bounded.Exceeded("safetensors header bytes", MaxHeader))
	}
	binary.LittleEndian.PutUint64(b, uint64(n))
	l.Header = b
	size, ok := bounded.Add(int64(len(b)), end)
	if !ok {
		return errors.New("safetensors: the size of the file overflows")
	}
	l.Size = size
	for i := range l.Tensors {
		l.Tensors[i].Begin += int64(len(b))
		l.Tensors[i].End += int64(len(b))
	}
	return nil
}

// guess is about the length of the header.
func (l *Layout) guess() int {
	n := 64
	for i := range l.Tensors {
		n += len(l.Tensors[i].Name) + 96
	}
	return n
}

func checkNames(tensors []Tensor) error {
	seen := make(map[string]bool, len(tensors))
	for i := range tensors {
		name := tensors[i].Name
		switch {
		case name == metadataKey:
			return fmt.Errorf("safetensors: a tensor cannot be called %s", quote(name))
		case !utf8.ValidString(name):
			return fmt.Errorf("safetensors: the name %s is not UTF-8", quote(name))
		case seen[name]:
			return fmt.Errorf("safetensors: two tensors are called %s", quote(name))
		}
		seen[name] = true
	}
	return nil
}

func (l *Layout) appendJSON(b []byte, metadata map[string]string) ([]byte, error) {
	b = append(b, '{')
	// With neither tensors nor keys, the reference writes a header that nothing
	// reads back: {},"__metadata__":{}}.
	if metadata != nil && len(metadata)+len(l.Tensors) > 0 {
		b = append(b, `"`+metadataKey+`":{`...)
		for i, k := range slices.Sorted(maps.Keys(metadata)) {
			if !utf8.ValidString(k) || !utf8.ValidString(metadata[k]) {
				return nil, fmt.Errorf("safetensors: the metadata %s is not UTF-8", quote(k))
			}
			if i > 0 {
				b = append(b, ',')
			}
			b = append(appendString(b, k), ':')
			b = appendString(b, metadata[k])
		}
		b = append(b, '}')
	}
	for i := range l.Tensors {
		if b[len(b)-1] != '{' || i > 0 {
			b = append(b, ',')
		}
		b = l.Tensors[i].appendJSON(b)
	}
	return append(b, '}'), nil
}

func (t *Tensor) appendJSON(b []byte) []byte {
	b = appendString(b, t.Name)
	b = append(b, `:{"dtype":"`+string(t.DType)+`","shape":[`...)
	for i, n := range t.Shape {
		if i > 0 {
			b = append(b, ',')
		}
		b = strconv.AppendInt(b, n, 10)
	}
	b = append(b, `],"data_offsets":[`...)
	b = append(strconv.AppendInt(b, t.Begin, 10), ',')
	b = strconv.AppendInt(b, t.End, 10)
	return append(b, "]}"...)
}

// appendString escapes as serde_json does: what must be, and nothing else.
func appendString(b []byte, s string) []byte {
	const hex = "0123456789abcdef"
	b = append(b, '"')
	for i := range len(s) {
		switch c := s[i]; {
		case c == '"' || c == '\\':
			b = append(b, '\\', c)
		case c >= 0x20:
			b = append(b, c)
		default:
			if short := escapes[c]; short != 0 {
				b = append(b, '\\', short)
			} else {
				b = append(b, '\\', 'u', '0', '0', hex[c>>4], hex[c&15])
			}
		}
	}
	return append(b, '"')
}

// escapes are the control characters that have a short form.
var escapes = [0x20]byte{'\b': 'b', '\f': 'f', '\n': 'n', '\r': 'r', '\t': 't'}
