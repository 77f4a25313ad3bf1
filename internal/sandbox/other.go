//go:build !linux

package sandbox

import (
	"context"
	"io"
	"net"
	"os"
	"time"
)

// Stage does nothing here.
func Stage() {}

// OpenInput has nothing to hold a file with.
func OpenInput(string) (*Input, error) { return nil, ErrUnsupported }

// AdoptInput has nothing to hold a file with.
func AdoptInput(*os.File) (*Input, error) { return nil, ErrUnsupported }

// Path names nothing here.
func (in *Input) Path() string { return "" }

// Worker is none here.
type Worker struct{}

// Start starts nothing.
func Start(context.Context, Options) *Worker { return &Worker{} }

// Close ends nothing.
func (w *Worker) Close() {}

// Load has nothing to hold a process with.
func (w *Worker) Load(context.Context, *Input, Job) (*Result, *Report, error) {
	return nil, nil, ErrUnsupported
}

// Load has nothing to hold a process with.
func Load(context.Context, *Input, Options) (*Result, *Report, error) {
	return nil, nil, ErrUnsupported
}

// Try has nothing to try.
func Try(context.Context, Options) []Trial { return nil }

// Pool keeps nothing here.
type Pool struct{}

// NewPool starts nothing.
func NewPool(context.Context, PoolOptions) *Pool { return &Pool{} }

// Close ends nothing.
func (p *Pool) Close() {}

// Wait has nothing to wait for.
func (p *Pool) Wait(context.Context) (*Report, error) { return nil, ErrUnsupported }

// Load has nothing to hold a process with.
func (p *Pool) Load(context.Context, *Input, Job, func(*Result) (*Result, error)) (*Result, *Report, error) {
	return nil, nil, ErrUnsupported
}

// Server answers nobody here.
type Server struct {
	Load        func(ctx context.Context, r *Request, f *os.File) *Answer
	Idle, Drain time.Duration
	Failed      func(error)
}

// Listen has no descriptors to take.
func Listen(context.Context, string) (*net.UnixListener, error) { return nil, ErrUnsupported }

// Serve answers nobody.
func (s *Server) Serve(context.Context, *net.UnixListener) error { return ErrUnsupported }

// ServeConn answers nobody.
func (s *Server) ServeConn(context.Context, *net.UnixConn) {}

// Ask asks nobody.
func Ask(context.Context, string, *Request, *os.File) (*Answer, error) { return nil, ErrUnsupported }

// OpenResult has no sealed files.
func OpenResult(*os.File) (*Result, error) { return nil, ErrUnsupported }

// Copy has no memory to seal.
func (r *Result) Copy(func(w io.Writer, r *Result) error) (*Result, error) {
	return nil, ErrUnsupported
}

// Unchanged has no input.
func (in *Input) Unchanged() error { return nil }

// OpenOnly opens a file to hand it to a pool.
func OpenOnly(string) (*os.File, error) { return nil, ErrUnsupported }
