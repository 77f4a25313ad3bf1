package safetensors

import (
	"errors"
	"io"
	"unicode/utf8"

	"github.com/andiron-dev/andiron/internal/bounded"
)

// Each reads the header of a file of size bytes without holding it: f is given one
// tensor after the other, in the order in which they stand there, which has to be
// that of their bytes. It is as strict as [Open], ends with the first violation or
// error of f, and leaves to f that no name comes twice. The metadata is returned.
//
// Memory is that of the longest entry.
func Each(r io.ReaderAt, size int64, lim Limits, f func(t Tensor) error) (map[string]string, error) {
	lim = lim.withDefaults()
	n, err := headerLen(r, size, lim)
	if err != nil {
		return nil, err
	}
	e := &entries{r: r, base: 8, end: 8 + n}
	p := &parser{lim: lim, file: &File{HeaderLen: n, DataStart: 8 + n}}
	at := p.file.DataStart
	took := func(t Tensor, key int64) error {
		p.place(t, key, at)
		if len(p.file.Problems) > 0 {
			return p.file.Problems[0]
		}
		at = t.End
		return f(t)
	}
	if err := p.entries(e, took); err != nil {
		return p.file.Metadata, err
	}
	if at != size {
		p.problemAt(min(at, size), "data", "the tensors end at %d, the file at %d", at, size)
		return p.file.Metadata, p.file.Problems[0]
	}
	return p.file.Metadata, nil
}

// entries parses the header's object entry by entry.
func (p *parser) entries(e *entries, took func(t Tensor, key int64) error) error {
	if err := p.window(e, 1); err != nil {
		return err
	}
	if len(p.b) == 0 || p.b[0] != '{' {
		return &FormatError{8, "header", errors.New("the first byte is not '{'")}
	}
	e.skip(1)
	for count := 0; ; count++ {
		n, err := e.next()
		if err != nil {
			return err
		}
		p.syntax = syntax{b: e.buf[:n], base: e.base}
		if !utf8.Valid(p.b) {
			return &FormatError{e.base, "header", errors.New("not UTF-8")}
		}
		if c := p.peek(); c == '}' && count == 0 {
			p.pos++
		} else if err := p.one(took); err != nil {
			return err
		} else if c = p.peek(); c == ',' {
			p.pos++
			e.skip(p.pos)
			continue
		} else if err := p.expect('}', "header"); err != nil {
			return err
		}
		e.skip(p.pos)
		return p.padding(e)
	}
}

// one parses one entry.
func (p *parser) one(took func(t Tensor, key int64) error) error {
	p.space()
	at := p.offset()
	name, err := p.str("header")
	if err == nil {
		err = p.expect(':', "header")
	}
	if err != nil {
		return err
	}
	if name == metadataKey {
		if p.file.Metadata != nil {
			return &FormatError{at, name, errors.New("the key was given before")}
		}
		if err := p.metadata(); err != nil {
			return err
		}
		return p.first()
	}
	t, err := p.tensor(name, at)
	if err == nil {
		err = p.first()
	}
	if err != nil {
		return err
	}
	if p.count++; p.count > p.lim.Tensors {
		return bounded.Exceeded("safetensors tensors", int64(p.lim.Tensors))
	}
	return took(t, at)
}

// first is the first problem.
func (p *parser) first() error {
	if len(p.file.Problems) > 0 {
		return p.file.Problems[0]
	}
	return nil
}

// padding reads what follows the object: spaces.
func (p *parser) padding(e *entries) error {
	for e.base < e.end {
		if err := p.window(e, 1); err != nil {
			return err
		}
		for i, c := range p.b {
			if c != ' ' {
				p.problemAt(e.base+int64(i), "padding", "byte %#x after the header's object, where only spaces may stand", c)
				return p.first()
			}
		}
		e.skip(len(p.b))
	}
	return nil
}

// window makes what is held the text to parse: at least n bytes, or what is left.
func (p *parser) window(e *entries, n int) error {
	if err := e.fill(n); err != nil {
		return err
	}
	p.syntax = syntax{b: e.buf, base: e.base}
	return nil
}

const entryStep = 64 << 10 // bytes of a header that are read at once

// entries holds a part of a header: one entry at least.
type entries struct {
	r    io.ReaderAt
	base int64 // offset of buf
	end  int64 // of the header
	buf  []byte
	room []byte // what buf is a part of
}

func (e *entries) skip(n int) {
	e.buf = e.buf[n:]
	e.base += int64(n)
}

// fill holds at least n bytes, or what is left.
func (e *entries) fill(n int) error {
	have, left := len(e.buf), e.end-e.base
	if have >= n || int64(have) == left {
		return nil
	}
	want := int(min(max(int64(n), entryStep), left))
	if len(e.room) < want {
		e.room = make([]byte, want)
	}
	copy(e.room, e.buf)
	e.buf = e.room[:want]
	if k, err := e.r.ReadAt(e.buf[have:], e.base+int64(have)); k < want-have {
		if err == nil || errors.Is(err, io.EOF) {
			err = io.ErrUnexpectedEOF
		}
		return &FormatError{e.base, "header", err}
	}
	return nil
}

// next holds a whole entry and what ends it, or what is left, and returns its
// length. It looks at no more than quotes and brackets.
func (e *entries) next() (int, error) {
	depth, quoted := 0, false
	for i := 0; ; i++ {
		if i >= len(e.buf) {
			if err := e.fill(2 * max(i, entryStep/2)); err != nil {
				return 0, err
			}
			if i >= len(e.buf) {
				return len(e.buf), nil
			}
		}
		switch c := e.buf[i]; {
		case quoted && c == '\\':
			i++ // what is escaped
		case c == '"':
			quoted = !quoted
		case quoted:
		case c == '{' || c == '[':
			depth++
		case depth == 0 && (c == ',' || c == '}'):
			return i + 1, nil
		case c == '}' || c == ']':
			depth--
		}
	}
}
