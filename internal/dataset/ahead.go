package dataset

import "github.com/andiron-dev/andiron/internal/tensor"

// ahead is a set whose samples are read before their turn comes, while images are
// decoded elsewhere.
type ahead struct {
	read  func() (*sample, error)
	most  int64 // bytes of the samples that wait
	queue []*sample
	size  int64
	err   error // behind the last of them
}

// aheadSamples bounds how many wait.
const aheadSamples = 512

// sample is one that has been read, and what its columns wait for.
type sample struct {
	rows  *Rows
	size  int64
	waits []func() error
}

// await fills a column when wait has its tensor. The name of the column stays.
func (s *sample) await(column int, wait func() (tensor.Tensor, error), wrapped func(error) error) {
	s.waits = append(s.waits, func() error {
		t, err := wait()
		if err != nil {
			return wrapped(err)
		}
		t.Name = s.rows.Columns[column].Name
		s.rows.Columns[column] = t
		return nil
	})
}

func (a *ahead) Next() (*Rows, error) {
	if len(a.queue) <= aheadSamples/2 && a.size <= a.most/2 { // many at a time
		a.fill()
	}
	if len(a.queue) == 0 {
		return nil, a.err
	}
	s := a.queue[0]
	a.queue[0], a.queue = nil, a.queue[1:]
	a.size -= s.size
	for _, wait := range s.waits {
		if err := wait(); err != nil {
			return nil, &SampleError{s.rows.First, err}
		}
	}
	return s.rows, nil
}

func (a *ahead) fill() {
	for a.err == nil && len(a.queue) < aheadSamples && a.size < a.most {
		var s *sample
		if s, a.err = a.read(); a.err == nil {
			a.queue, a.size = append(a.queue, s), a.size+s.size
		}
	}
}
