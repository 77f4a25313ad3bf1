package convert

import (
	"cmp"
	"context"
	"errors"
	"io"

	"github.com/andiron-dev/andiron/safetensors"
	"github.com/andiron-dev/andiron/torchfile"
)

// Streamer is a source that hands out runs of its bytes as something that a file
// can be copied from without passing through memory. The next call ends the one
// before.
type Streamer interface {
	Stream(off, n int64) (io.Reader, error)
}

const copyStep = 16 << 20 // bytes between two looks at the context

// Write streams the file. Progress is called now and then with the bytes of
// tensors that are done; it may be nil.
func (p *Plan) Write(ctx context.Context, w io.Writer, progress func(done int64)) error {
	done, at := int64(0), 0
	step := func(n int64) error {
		if done += n; progress != nil {
			progress(done)
		}
		return ctx.Err()
	}
	err := p.Layout.Write(w, func(w io.Writer, t safetensors.Tensor) error {
		from := p.rows.origin(at)
		at++
		if err := from.copyTo(w, step); err != nil {
			return &tensorError{t.Name, err}
		}
		return nil
	})
	return cmp.Or(p.rows.space.Err(), err)
}

// tensorError names the tensor whose bytes could not be copied.
type tensorError struct {
	name string
	err  error
}

func (e *tensorError) Error() string {
	return "tensor " + quoted([]string{e.name}) + ": " + e.err.Error()
}
func (e *tensorError) Unwrap() error { return e.err }

// extent is a run of bytes of a source.
type extent struct {
	r      io.ReaderAt
	off, n int64
}

func (e extent) copyTo(w io.Writer, step func(int64) error) error {
	for e.n > 0 {
		n := min(e.n, copyStep)
		k, err := io.Copy(w, e.stream(n))
		if err == nil && k < n {
			err = io.ErrUnexpectedEOF
		}
		if err == nil {
			err = step(n)
		}
		if err != nil {
			return err
		}
		e.off, e.n = e.off+n, e.n-n
	}
	return nil
}

func (e extent) stream(n int64) io.Reader {
	if s, ok := e.r.(Streamer); ok {
		if r, err := s.Stream(e.off, n); err == nil {
			return r
		}
	}
	return io.NewSectionReader(e.r, e.off, n)
}

// rebuilt is a tensor that the container of PyTorch makes again.
type rebuilt struct {
	file   *torchfile.File
	pickle int
	key    uint32 // of the value that it is
}

func (r rebuilt) copyTo(w io.Writer, step func(int64) error) error {
	t := r.file.TensorOf(r.pickle, r.file.Pickles[r.pickle].Trace.Value(r.key))
	if t == nil {
		return errors.New("internal error: it cannot be rebuilt")
	}
	return dense{r.file, t}.copyTo(w, step)
}

// dense is a tensor of a container of PyTorch.
type dense struct {
	file *torchfile.File
	t    *torchfile.Tensor
}

func (d dense) copyTo(w io.Writer, step func(int64) error) error {
	if r, off, ok := d.file.Extent(d.t); ok {
		return extent{r, off, d.t.NBytes()}.copyTo(w, step)
	}
	r, err := d.file.TensorData(d.t)
	if err != nil {
		return err
	}
	n, err := io.Copy(w, &stepped{r, step})
	if err == nil && n != d.t.NBytes() {
		err = io.ErrUnexpectedEOF
	}
	return err
}

// stepped counts what is read.
type stepped struct {
	r    io.Reader
	step func(int64) error
}

func (s *stepped) Read(b []byte) (int, error) {
	n, err := s.r.Read(b)
	if stop := s.step(int64(n)); stop != nil && (err == nil || errors.Is(err, io.EOF)) {
		err = stop
	}
	return n, err
}
