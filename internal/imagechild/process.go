package imagechild

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"sync"
	"time"

	"github.com/andiron-dev/andiron/internal/child"
	"github.com/andiron-dev/andiron/internal/dataset"
)

// process is the program that decodes, as it runs.
type process struct {
	cmd      *exec.Cmd
	requests *writer
	answers  *bufio.Reader
	said     *head
	answered int64

	mu    sync.Mutex
	ended bool
}

// start starts it, without an environment: nothing in there is for it.
func start(ctx context.Context, name string) (*process, error) {
	self, err := program()
	if err != nil {
		return nil, fmt.Errorf("its decoder: %w: %w", child.ErrNotStarted, err)
	}
	cmd := exec.CommandContext(ctx, self) //nolint:gosec // it is this program
	cmd.Args = []string{name, verb}
	cmd.Env = []string{}
	child.OwnGroup(cmd) // an interruption is for the program that started it
	p := &process{cmd: cmd, said: &head{}}
	cmd.Stderr = p.said
	in, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("its decoder: %w: %w", child.ErrNotStarted, err)
	}
	p.requests, p.answers = newWriter(in), bufio.NewReaderSize(out, atOnce)
	return p, nil
}

// program is this one. On Linux it has this name whatever became of its file.
func program() (string, error) {
	if runtime.GOOS == "linux" {
		return "/proc/self/exe", nil
	}
	return os.Executable()
}

// receive waits for the answer to a request, but not for long.
func (p *process) receive(j *job, patience time.Duration) (picture dataset.Picture, failed, broke error) {
	p.requests.flush()
	late := time.AfterFunc(patience, p.kill)
	picture, failed, broke = readAnswer(p.answers, j.n, &j.q)
	inTime := late.Stop()
	if _, lied := errors.AsType[*lieError](broke); broke == nil || lied {
		return picture, failed, broke
	}
	if !inTime {
		return picture, nil, fmt.Errorf("its decoder took longer than %s", patience)
	}
	return picture, nil, errors.New("its decoder ended")
}

// kill ends it, unless that has been done.
func (p *process) kill() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.ended {
		_ = p.cmd.Cancel() // it has ended by itself
	}
}

// end ends it, and waits for all that belongs to it.
func (p *process) end() {
	p.requests.stop()
	p.kill()
	_ = p.cmd.Wait() // it was killed; why it ended before that, it has said
	p.mu.Lock()
	p.ended = true // its number may be another's now
	p.mu.Unlock()
}

// head keeps the first of what is written to it.
type head struct{ b []byte }

func (h *head) Write(b []byte) (int, error) {
	h.b = append(h.b, b[:min(len(b), maxError-len(h.b))]...)
	return len(b), nil
}

// line is the first one, in which Go says why a program ended.
func (h *head) line() string {
	line, _, _ := strings.Cut(strings.TrimSpace(string(h.b)), "\n")
	return strings.ToValidUTF8(line, "?")
}

// atOnce is what is gathered before the other process is woken.
const atOnce = 1 << 16

// writer writes requests beside the goroutine that reads the answers, because two
// processes that both write would wait for each other.
type writer struct {
	to io.WriteCloser

	mu     sync.Mutex
	wake   *sync.Cond
	list   []request // to be written
	size   int
	wanted bool // somebody waits for an answer
	ended  bool
	gone   chan struct{}
}

type request struct {
	head  [requestSize]byte
	image []byte
}

func newWriter(to io.WriteCloser) *writer {
	w := &writer{to: to, gone: make(chan struct{})}
	w.wake = sync.NewCond(&w.mu)
	go w.run()
	return w
}

func (w *writer) add(n uint32, q *dataset.Request) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.list = append(w.list, request{requestHead(n, q), q.Image})
	if w.size += requestSize + len(q.Image); w.size >= atOnce {
		w.wake.Signal()
	}
}

// flush has everything written that was added.
func (w *writer) flush() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.list) > 0 {
		w.wanted = true
		w.wake.Signal()
	}
}

// stop ends the goroutine, and waits for that.
func (w *writer) stop() {
	w.mu.Lock()
	w.ended = true
	w.wake.Signal()
	w.mu.Unlock()
	_ = w.to.Close() // ends a write as well
	<-w.gone
}

func (w *writer) run() {
	defer close(w.gone)
	b := bufio.NewWriterSize(w.to, atOnce)
	for {
		list := w.take()
		if list == nil {
			return
		}
		for _, r := range list {
			_, _ = b.Write(r.head[:]) // errors stay, and whoever reads sees the end
			_, _ = b.Write(r.image)
		}
		_ = b.Flush()
	}
}

// take waits until there is enough to write.
func (w *writer) take() []request {
	w.mu.Lock()
	defer w.mu.Unlock()
	for !w.ended && !w.wanted && w.size < atOnce {
		w.wake.Wait()
	}
	if w.ended {
		return nil
	}
	list := w.list
	w.list, w.size, w.wanted = nil, 0, false
	return list
}
