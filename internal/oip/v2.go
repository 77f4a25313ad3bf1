package oip

import (
	"slices"
	"strings"

	"github.com/andiron-dev/andiron/internal/bounded"
	"github.com/andiron-dev/andiron/internal/tensor"
)

// reader reads one message of the V2 protocol.
type reader struct {
	lexer
	o     Options
	left  int64 // elements that may still come
	names map[string]bool

	answer   bool // an answer, where null stands for what is left out
	inHeader bool // data may stand behind the JSON
	behind   []behind
}

// behind is a tensor whose data stand behind the header.
type behind struct {
	tensor int
	size   int64
	at     int
}

func newReader(b []byte, o Options) *reader {
	o.Limits = o.Limits.filled()
	return &reader{lexer: lexer{b: b, lim: o.Limits}, o: o, left: o.Limits.Elements, names: map[string]bool{}}
}

// piece is a tensor as it is read.
type piece struct {
	tensor.Tensor
	parameters []Parameter
	frame      frame
	seen       uint64
	data       int   // where the data begin, if they came before type and shape
	typed      typed // where they are in a message of gRPC
}

// frame is what the parameters of the protocol's extensions say.
type frame struct {
	at         int
	size       int64 // binary_data_size, or -1
	binary     Choice
	memory     Memory
	memorySeen int
}

const (
	pieceName = iota
	pieceShape
	pieceType
	pieceParameters
	pieceData
)

var pieceMembers = []string{"name", "shape", "datatype", "parameters", "data"}

// null reads null where answers may have it for nothing.
func (r *reader) null() bool {
	r.next()
	return r.answer && r.word("null")
}

// piece reads an input of a request or an output of an answer.
func (r *reader) piece() (t piece, err error) {
	at := r.p
	t.frame.size, t.data = -1, -1
	t.seen, err = r.object(pieceMembers, func(i int) (err error) {
		switch i {
		case pieceName:
			t.Name, err = r.name()
		case pieceShape:
			t.Shape, err = r.shape()
		case pieceType:
			t.DType, err = r.datatype()
		case pieceParameters:
			t.parameters, t.frame, err = r.parameters(frameTensor)
		default:
			err = r.dataOf(&t)
		}
		return within(err, pieceMembers[i])
	})
	if err != nil {
		return t, err
	}
	for _, i := range []int{pieceName, pieceShape, pieceType} {
		if t.seen>>i&1 == 0 {
			return t, faultAt(at, CodeMissing, "member %q is missing", pieceMembers[i])
		}
	}
	if r.names[t.Name] {
		return t, faultAt(at, CodeDuplicate, "a tensor with the name %q stands twice", t.Name)
	}
	r.names[t.Name] = true
	return t, r.source(&t, at)
}

// source makes sure that there is one source of data.
func (r *reader) source(t *piece, at int) error {
	inJSON := t.seen>>pieceData&1 == 1
	inMemory := t.frame.memorySeen > 0
	sources := 0
	for _, is := range []bool{inJSON, inMemory, t.frame.size >= 0} {
		if is {
			sources++
		}
	}
	switch {
	case sources == 0:
		return faultAt(at, CodeSource, "there are no data")
	case sources > 1:
		return faultAt(at, CodeSource, "there is more than one source of data")
	case t.frame.size >= 0 && !r.inHeader:
		return faultAt(t.frame.at, CodeSource, "binary_data_size needs the header Inference-Header-Content-Length")
	case t.data >= 0:
		back := r.p
		r.p = t.data
		if err := r.read(t); err != nil {
			return within(err, "data")
		}
		r.p = back
	}
	return nil
}

// dataOf reads the data, or remembers where they are until type and shape are
// known.
func (r *reader) dataOf(t *piece) error {
	if t.Shape != nil && t.DType != 0 {
		from := r.p
		err := r.read(t)
		r.data += int64(r.p - from)
		return err
	}
	t.data = r.p
	err := r.stepOver()
	r.data += int64(r.p - t.data)
	return err
}

// stepOver finds the end of lists that are read later.
func (r *reader) stepOver() error {
	if r.next() != '[' {
		return r.asType(r.wrong("a list"), "a list")
	}
	for depth := 0; ; {
		if r.p == len(r.b) {
			return r.wrong(`"]"`)
		}
		switch r.b[r.p] {
		case '[':
			depth++
		case ']':
			depth--
		case '"':
			if err := r.stepOverText(); err != nil {
				return err
			}
		}
		if r.p++; depth == 0 {
			return nil
		}
	}
}

// stepOverText stops at the quote that ends a text.
func (r *reader) stepOverText() error {
	for r.p = plain(r.b, r.p+1); ; r.p = plain(r.b, r.p) {
		switch {
		case r.p >= len(r.b):
			r.p = len(r.b)
			return r.wrong("the end of a text")
		case r.b[r.p] == '"':
			return nil
		case r.b[r.p] == '\\':
			r.p++
		}
		r.p = min(r.p+1, len(r.b))
	}
}

// read reads data: a list of all elements, or lists as the shape says.
func (r *reader) read(t *piece) error {
	if !inJSON(t.DType) {
		return r.fault(CodeDType, "%s cannot be in JSON: send it in binary", t.DType.V2())
	}
	all, _ := numel(t.Shape)
	if rest := int64(len(r.b)-r.p) / 2; all > rest {
		return r.fault(CodeCount, "a shape of %d elements, but %d bytes of text", all, len(r.b)-r.p)
	}
	if r.next() != '[' {
		return r.asType(r.wrong("a list"), "a list")
	}
	at := r.p
	s := newSink(t.DType, all, CodeCount)
	s.buf = make([]byte, 0, all*int64(s.size))
	if t.DType == tensor.Bytes { // a text has two quotes and a comma, and gets four bytes
		if err := r.stepOver(); err != nil {
			return err
		}
		s.buf = make([]byte, 0, int64(r.p-at)+all)
		r.p = at
	}
	n := nest{dims: []int64{-1}, rank: 1}
	if p := space(r.b, r.p+1); p < len(r.b) && r.b[p] == '[' {
		n.dims, n.rank = slices.Clone(t.Shape), len(t.Shape)
	}
	if err := r.value(s, &n, 0); err != nil {
		return withinElement(err, s)
	}
	if s.n != all {
		return faultAt(at, CodeCount, "%d elements, and the shape has %d", s.n, all)
	}
	t.Data = s.buf
	return nil
}

func withinElement(err error, s *sink) error { return withinIndex(err, "", int(s.n)) }

// numel multiplies sizes that are not below 0. ok is false beyond 63 bits.
func numel(shape []int64) (n int64, ok bool) {
	n = 1
	for _, d := range shape {
		if n, ok = bounded.Mul(n, d); !ok {
			return 0, false
		}
	}
	return n, true
}

func (r *reader) shape() ([]int64, error) {
	at := r.p
	shape := make([]int64, 0, 4) // most have no more
	err := r.list(len(r.b), func(int) error {
		n, err := r.integer()
		shape = append(shape, n)
		if err == nil && len(shape) > r.lim.Rank {
			err = r.fault(CodeShape, "more than %d dimensions", r.lim.Rank)
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	return shape, r.sized(shape, at)
}

// sized checks the sizes of a shape, and takes its elements from what is left.
func (r *reader) sized(shape []int64, at int) error {
	for _, d := range shape {
		if d < 0 {
			return faultAt(at, CodeShape, "a size of %d is below 0", d)
		}
	}
	n, ok := numel(shape)
	if !ok {
		return faultAt(at, CodeShape, "a shape of more elements than 63 bits count")
	}
	if n > r.left {
		return faultAt(at, CodeLimit, "more than %d elements", r.lim.Elements)
	}
	r.left -= n
	return nil
}

func (r *reader) datatype() (tensor.DType, error) {
	at := r.p
	s, err := r.text(r.lim.Name)
	if err != nil {
		return 0, err
	}
	return dtypeOf(s, at)
}

// dtypeOf knows the names of the protocol, and no others.
func dtypeOf(s string, at int) (tensor.DType, error) {
	for d := tensor.Float64; d <= tensor.Bytes; d++ {
		if s != "" && d.V2() == s {
			return d, nil
		}
	}
	return 0, faultAt(at, CodeDType, "datatype %q is not known", clip(s))
}

// name reads the name of a tensor.
func (r *reader) name() (string, error) {
	at := r.p
	s, err := r.text(r.lim.Name)
	if err == nil && !isName(s) {
		err = faultAt(at, CodeName, "%q is no name", clip(s))
	}
	return s, err
}

// identity reads an id, a model or a version, which may be empty.
func (r *reader) identity() (string, error) {
	if r.null() {
		return "", nil
	}
	at := r.p
	s, err := r.text(r.lim.Name)
	if err == nil && s != "" && !isName(s) {
		err = faultAt(at, CodeName, "%q has characters that cannot be seen", clip(s))
	}
	return s, err
}

// tensors reads the inputs of a request or the outputs of an answer.
func (r *reader) tensors() (ps []piece, err error) {
	err = r.list(r.lim.Tensors, func(i int) error {
		r.next()
		p, err := r.piece()
		if err != nil {
			return withinIndex(err, "", i)
		}
		if p.frame.size >= 0 {
			r.behind = append(r.behind, behind{i, p.frame.size, p.frame.at})
		}
		ps = append(ps, p)
		return nil
	})
	return ps, err
}

// attach gives tensors their data behind the header, and makes sure that nothing
// is left.
func (r *reader) attach(ps []piece, list string, rest []byte, off int) error {
	p := 0
	for _, b := range r.behind {
		t := &ps[b.tensor]
		if b.size > int64(len(rest)-p) {
			return withinIndex(faultAt(b.at, CodeSize, "binary_data_size %d, and %d bytes are left", b.size, len(rest)-p), list, b.tensor)
		}
		t.Data = rest[p : p+int(b.size) : p+int(b.size)]
		if err := fits(&t.Tensor, off+p); err != nil {
			return withinIndex(err, list, b.tensor)
		}
		p += int(b.size)
	}
	if p < len(rest) {
		return faultAt(off+p, CodeSize, "%d bytes belong to no tensor", len(rest)-p)
	}
	return nil
}

// fits checks that the data are those of as many elements as the shape has.
func fits(t *tensor.Tensor, at int) error {
	n, _ := numel(t.Shape)
	if size := int64(t.DType.Size()); size > 0 {
		if want := n * size; int64(len(t.Data)) != want { // both are below the limits
			return faultAt(at, CodeSize, "%d bytes, and %s%s has %d", len(t.Data), t.DType.V2(), spell(t.Shape), want)
		}
		return nil
	}
	return framed(t.Data, n, at)
}

// framed checks lengths and texts: n of them, and nothing behind.
func framed(b []byte, n int64, at int) error {
	p := 0
	for i := range n {
		if len(b)-p < 4 {
			return withinIndex(faultAt(at+p, CodeText, "the data end before the length of an element"), "", int(i))
		}
		size := uint32(b[p]) | uint32(b[p+1])<<8 | uint32(b[p+2])<<16 | uint32(b[p+3])<<24
		if p += 4; int64(size) > int64(len(b)-p) {
			return withinIndex(faultAt(at+p-4, CodeText, "an element of %d bytes, and %d are left", size, len(b)-p), "", int(i))
		}
		p += int(size)
	}
	if p < len(b) {
		return faultAt(at+p, CodeText, "%d bytes stand behind the last element", len(b)-p)
	}
	return nil
}

func spell(shape []int64) string {
	var b strings.Builder
	b.WriteByte('[')
	for i, d := range shape {
		if i > 0 {
			b.WriteByte(',')
		}
		b.WriteString(itoa(d))
	}
	b.WriteByte(']')
	return b.String()
}
