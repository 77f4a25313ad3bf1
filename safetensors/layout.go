package safetensors

import (
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"iter"
	"maps"
	"slices"
	"strconv"
	"unicode/utf8"

	"github.com/andiron-dev/andiron/internal/bounded"
)

// metadataKey is the one name that is no tensor's.
const metadataKey = "__metadata__"

// Layout is a file that is to be written: its header, and where its tensors go.
type Layout struct {
	HeaderLen int64 // the length, the JSON and its padding: the file up to the first tensor
	Size      int64 // of the whole file
	Count     int   // of the tensors

	tensors  iter.Seq[Tensor] // in order; of each its name, dtype and shape
	metadata []byte           // the JSON that comes before the tensors
}

// NewLayout lays out a file as the reference writer does: the same tensors and
// metadata give the same bytes. Of the tensors, Begin and End need not be set; the
// slice is not changed. Metadata of several keys is sorted, where the order of
// the reference differs from run to run.
//
// A name given twice, a dtype that the format does not have, a size that
// overflows and a header that is too long are errors.
func NewLayout(tensors []Tensor, metadata map[string]string) (*Layout, error) {
	list := slices.Clone(tensors)
	slices.SortFunc(list, Compare)
	seen := make(map[string]bool, len(list))
	for i := range list {
		if seen[list[i].Name] {
			return nil, fmt.Errorf("safetensors: two tensors are called %s", quote(list[i].Name))
		}
		seen[list[i].Name] = true
	}
	return NewSortedLayout(slices.Values(list), metadata)
}

// Compare says in which order the reference writer puts two tensors.
func Compare(a, b Tensor) int {
	return cmp.Or(cmp.Compare(writeRank[a.DType], writeRank[b.DType]), cmp.Compare(a.Name, b.Name))
}

// NewSortedLayout is NewLayout for tensors that need not all be in memory. They are
// gone through more than once, in the order of [Compare]; another order is an error.
// That no name is given to tensors of two dtypes is for the caller to know.
func NewSortedLayout(tensors iter.Seq[Tensor], metadata map[string]string) (*Layout, error) {
	l := &Layout{tensors: tensors}
	end, last := int64(0), Tensor{}
	n, b := int64(len("{}")), []byte(nil)
	for t := range tensors {
		if err := check(&t); err != nil {
			return nil, err
		}
		if l.Count > 0 && Compare(last, t) >= 0 {
			return nil, fmt.Errorf("safetensors: tensor %s does not come behind %s", quote(t.Name), quote(last.Name))
		}
		if err := t.place(end); err != nil {
			return nil, err
		}
		end, last = t.End, t
		b = t.appendJSON(b[:0])
		n += int64(len(b)) + 1 // a comma follows all but the last
		if l.Count++; n > 2*MaxHeader {
			break
		}
	}
	if l.Count > 0 {
		n--
	}
	return l, l.finish(metadata, n, end)
}

// check says what is wrong with the name of a tensor.
func check(t *Tensor) error {
	if t.Name == metadataKey {
		return fmt.Errorf("safetensors: a tensor cannot be called %s", quote(t.Name))
	}
	if !utf8.ValidString(t.Name) {
		return fmt.Errorf("safetensors: the name %s is not UTF-8", quote(t.Name))
	}
	return nil
}

// place puts a tensor behind what ends at begin.
func (t *Tensor) place(begin int64) error {
	n, why := byteSize(t.DType, t.Shape)
	if why != "" {
		return fmt.Errorf("safetensors: tensor %s of %s %v: %s", quote(t.Name), quote(string(t.DType)), t.Shape, why)
	}
	end, ok := bounded.Add(begin, n)
	if !ok {
		return fmt.Errorf("safetensors: tensor %s: the size of the file overflows", quote(t.Name))
	}
	t.Begin, t.End = begin, end
	return nil
}

// finish works out the header, whose length decides where the tensors begin: n
// bytes of JSON without the metadata.
func (l *Layout) finish(metadata map[string]string, n, end int64) error {
	var err error
	if l.metadata, err = appendMetadata(metadata, l.Count); err != nil {
		return err
	}
	n += int64(len(l.metadata))
	if l.Count > 0 && len(l.metadata) > 0 {
		n++ // the comma between them
	}
	n = (n + 7) &^ 7
	if n > MaxHeader {
		return fmt.Errorf("safetensors: the header takes %d bytes: %w", n, bounded.Exceeded("safetensors header bytes", MaxHeader))
	}
	size, ok := bounded.Add(8+n, end)
	if !ok {
		return errors.New("safetensors: the size of the file overflows")
	}
	l.HeaderLen, l.Size = 8+n, size
	return nil
}

func appendMetadata(metadata map[string]string, tensors int) ([]byte, error) {
	// With neither tensors nor keys, the reference writes a header that nothing
	// reads back: {},"__metadata__":{}}.
	if metadata == nil || len(metadata)+tensors == 0 {
		return nil, nil
	}
	b := []byte(`"` + metadataKey + `":{`)
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
	return append(b, '}'), nil
}

// Tensors yields the tensors in the order of their bytes, Begin and End as offsets
// into the file.
func (l *Layout) Tensors() iter.Seq[Tensor] {
	return func(yield func(Tensor) bool) {
		at := l.HeaderLen
		for t := range l.tensors {
			if t.place(at) != nil { // it was without fault before
				return
			}
			at = t.End
			if !yield(t) {
				return
			}
		}
	}
}

// WriteHeader writes the file up to the first tensor.
func (l *Layout) WriteHeader(w io.Writer) error {
	b := binary.LittleEndian.AppendUint64(nil, uint64(l.HeaderLen-8))
	b = append(append(b, '{'), l.metadata...)
	done, first := int64(0), len(l.metadata) == 0
	for t := range l.Tensors() {
		if !first {
			b = append(b, ',')
		}
		first = false
		t.Begin, t.End = t.Begin-l.HeaderLen, t.End-l.HeaderLen
		if b = t.appendJSON(b); len(b) >= headerStep {
			if _, err := w.Write(b); err != nil {
				return err
			}
			done, b = done+int64(len(b)), b[:0]
		}
	}
	b = append(b, '}')
	pad := l.HeaderLen - done - int64(len(b))
	if pad < 0 || pad > 7 {
		return fmt.Errorf("safetensors: the tensors are not those that were laid out: the header is %d bytes off", pad)
	}
	_, err := w.Write(append(b, "       "[:pad]...))
	return err
}

// headerStep is how much of a header is made before it is written.
const headerStep = 64 << 10

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
