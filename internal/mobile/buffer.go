package mobile

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"github.com/andiron-dev/andiron/internal/bounded"
)

const pageSize = 64 << 10

// buffer reads a flatbuffer through one cached page.
type buffer struct {
	r      io.ReaderAt
	size   int64
	lim    Limits
	budget *bounded.Budget
	page   []byte
	pageAt int64
}

// bytes returns n bytes at off; they are valid until the next call.
func (b *buffer) bytes(off, n int64) ([]byte, error) {
	if off < 0 || n < 0 || off > b.size || n > b.size-off {
		return nil, &FormatError{off, "read", errOutside}
	}
	if n > pageSize {
		return bounded.ReadRange(b.r, b.size, off, n, b.lim.MaxText)
	}
	if b.page == nil || off < b.pageAt || off+n > b.pageAt+int64(len(b.page)) {
		page, err := bounded.ReadRange(b.r, b.size, off, min(pageSize, b.size-off), pageSize)
		if err != nil {
			return nil, &FormatError{off, "read", err}
		}
		b.page, b.pageAt = page, off
	}
	i := off - b.pageAt
	return b.page[i : i+n], nil
}

func (b *buffer) u32(off int64) (uint32, error) {
	p, err := b.bytes(off, 4)
	if err != nil {
		return 0, err
	}
	return binary.LittleEndian.Uint32(p), nil
}

// follow reads the unsigned offset at off and returns where it leads.
func (b *buffer) follow(off int64) (int64, error) {
	if err := b.budget.Spend(1); err != nil {
		return 0, &FormatError{off, "offset", err}
	}
	d, err := b.u32(off)
	if err != nil {
		return 0, err
	}
	to := off + int64(d)
	if d == 0 || to >= b.size {
		return 0, &FormatError{off, "offset", errOutside}
	}
	return to, nil
}

// slot returns where field i of the table at at lies, or 0 if it is absent.
func (b *buffer) slot(at int64, i int) (int64, error) {
	d, err := b.u32(at)
	if err != nil {
		return 0, err
	}
	vtable := at - int64(int32(d))
	head, err := b.bytes(vtable, 4)
	if err != nil {
		return 0, &FormatError{at, "vtable", errOutside}
	}
	vsize, tsize := int64(binary.LittleEndian.Uint16(head)), int64(binary.LittleEndian.Uint16(head[2:]))
	pos := int64(4 + 2*i)
	if pos+2 > vsize {
		return 0, nil
	}
	p, err := b.bytes(vtable+pos, 2)
	if err != nil {
		return 0, err
	}
	field := int64(binary.LittleEndian.Uint16(p))
	if field >= tsize && field != 0 {
		return 0, &FormatError{vtable + pos, "vtable", fmt.Errorf("field %d lies outside of its table", i)}
	}
	if field == 0 {
		return 0, nil
	}
	return at + field, nil
}

func (b *buffer) slotU32(at int64, i int) (uint32, error) {
	pos, err := b.slot(at, i)
	if err != nil || pos == 0 {
		return 0, err
	}
	return b.u32(pos)
}

func (b *buffer) slotU8(at int64, i int) (byte, error) {
	pos, err := b.slot(at, i)
	if err != nil || pos == 0 {
		return 0, err
	}
	p, err := b.bytes(pos, 1)
	if err != nil {
		return 0, err
	}
	return p[0], nil
}

func (b *buffer) slotText(at int64, i int) (string, error) {
	pos, err := b.slot(at, i)
	if err != nil || pos == 0 {
		return "", err
	}
	v, err := b.follow(pos)
	if err != nil {
		return "", err
	}
	return b.text(v)
}

// text reads the string at an offset: a length, then UTF-8.
func (b *buffer) text(at int64) (string, error) {
	n, err := b.u32(at)
	if err != nil {
		return "", err
	}
	if int64(n) > b.lim.MaxText {
		return "", &FormatError{at, "string", bounded.Exceeded("bytes of a string", b.lim.MaxText)}
	}
	p, err := b.bytes(at+4, int64(n))
	return string(p), err
}

// vector returns where the elements of a vector field lie and how many there
// are, after proving that all of them are inside of the file.
func (b *buffer) vector(at int64, i int, elem int64) (start, n int64, err error) {
	pos, err := b.slot(at, i)
	if err != nil || pos == 0 {
		return 0, 0, err
	}
	v, err := b.follow(pos)
	if err != nil {
		return 0, 0, err
	}
	count, err := b.u32(v)
	if err != nil {
		return 0, 0, err
	}
	start, n = v+4, int64(count)
	bytes, ok := bounded.Mul(n, elem)
	if !ok || bytes > b.size-start {
		return 0, 0, &FormatError{v, "vector", fmt.Errorf("%d elements of %d bytes: %w", n, elem, errOutside)}
	}
	return start, n, nil
}

// tables calls visit for every table of a vector of tables.
func (b *buffer) tables(at int64, i int, visit func(at int64) error) error {
	start, n, err := b.vector(at, i, 4)
	if err != nil {
		return err
	}
	for k := range n {
		to, err := b.follow(start + 4*k)
		if err != nil {
			return err
		}
		if err := visit(to); err != nil {
			return err
		}
	}
	return nil
}

// Program is the header of an ExecuTorch program or data file.
type Program struct {
	Identifier  string // ET12, FT01, …
	Extended    bool   // an eh00 header follows the root offset
	ProgramSize int64  // bytes of the flatbuffer
	SegmentBase int64  // where the segments start; 0 if there are none
}

// ReadProgram reads the header of an ExecuTorch file. The header is all that it
// reads: operators and delegates stay unseen.
func ReadProgram(r io.ReaderAt, size int64) (*Program, error) {
	b := &buffer{r: r, size: size, lim: Limits{}.orDefault()}
	head, err := b.bytes(0, min(40, size))
	if err != nil {
		return nil, err
	}
	if len(head) < 8 {
		return nil, &FormatError{0, "header", errors.New("shorter than 8 bytes")}
	}
	p := &Program{Identifier: string(head[4:8]), ProgramSize: size}
	if len(head) < 32 || string(head[8:12]) != "eh00" {
		return p, nil
	}
	p.Extended = true
	prog, seg := binary.LittleEndian.Uint64(head[16:]), binary.LittleEndian.Uint64(head[24:])
	if prog > uint64(size) || seg > uint64(size) {
		return p, &FormatError{8, "extended header", errOutside}
	}
	p.ProgramSize, p.SegmentBase = int64(prog), int64(seg)
	return p, nil
}
