// Package sandbox loads a checkpoint that nobody trusts with the real torch.load, in a
// process that the kernel holds, and lets nothing out but tensors.
//
// A worker is Python in a view of the file system that has nothing but Python. It imports
// torch, which are bytes that the user trusts, and is then given the open checkpoint.
// Between its last trusted instruction and the first untrusted byte it puts a filter of
// system calls in force (LoadFilter), under which it can read that file, take memory, and
// write to what andiron gave it. It writes the tensors as safetensors; once it says that
// it is done, the file is sealed, read by the strict reader of this project, and only
// then given out.
//
// # Security
//
// Nothing that the worker says is believed, and no pickle crosses the border. A call that
// the filter does not have, a signal, a word out of turn, a limit, a file that changed
// while it was read, or a result that is not exactly safetensors: the result is an error,
// and there are no tensors. That nothing forbidden was observed does not make a model
// benign.
//
// The layers are the filter and limits of resources, Landlock, namespaces, a control
// group, or gVisor in the place of the two before. A layer that is missing and wanted is
// an error before anything is loaded.
//
// # Specification
//
// Linux 6.1 and later: user_namespaces(7), pivot_root(2), landlock(7), seccomp(2),
// seccomp_unotify(2), memfd_create(2), F_SETLEASE in fcntl(2).
package sandbox

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/andiron-dev/andiron/internal/allowance"
	"github.com/andiron-dev/andiron/safetensors"
)

// Layer is one of the things that hold a worker.
type Layer = allowance.Layer

// The layers, from what every kernel has to what some have.
const (
	Seccomp    = allowance.Seccomp
	Landlock   = allowance.Landlock
	Namespaces = allowance.Namespaces
	Cgroup     = allowance.Cgroup
	GVisor     = allowance.GVisor
)

// Limits bound a worker. The zero value is the defaults.
type Limits struct {
	Start   time.Duration `json:"start"`   // until torch is imported, 60 s
	Load    time.Duration `json:"load"`    // from the first untrusted byte to the last tensor, 60 s
	CPU     time.Duration `json:"cpu"`     // of the processor, 120 s
	Memory  int64         `json:"memory"`  // bytes of data; 0 is 1 GiB and twice the checkpoint
	Result  int64         `json:"result"`  // bytes of tensors; 0 is 64 MiB and eight times the checkpoint
	Files   int           `json:"files"`   // open descriptors, 64
	Threads int           `json:"threads"` // and processes, 16
	Events  int           `json:"events"`  // calls that are refused before the worker is ended, 40
}

// Filled has the defaults for a checkpoint of so many bytes.
func (l Limits) Filled(size int64) Limits {
	fill := func(d *time.Duration, to time.Duration) {
		if *d == 0 {
			*d = to
		}
	}
	fill(&l.Start, time.Minute)
	fill(&l.Load, time.Minute)
	fill(&l.CPU, 2*time.Minute)
	if l.Memory == 0 {
		l.Memory = 1<<30 + 2*size
	}
	if l.Result == 0 {
		l.Result = 64<<20 + 8*size
	}
	if l.Files == 0 {
		l.Files = 64
	}
	if l.Threads == 0 {
		l.Threads = 16
	}
	if l.Events == 0 {
		l.Events = 40
	}
	return l
}

// within has the lower of each limit; one that is 0 is none of its own.
func (l Limits) within(most Limits) Limits {
	return Limits{
		Start: lower(l.Start, most.Start), Load: lower(l.Load, most.Load), CPU: lower(l.CPU, most.CPU),
		Memory: lower(l.Memory, most.Memory), Result: lower(l.Result, most.Result),
		Files: lower(l.Files, most.Files), Threads: lower(l.Threads, most.Threads), Events: lower(l.Events, most.Events),
	}
}

func lower[T int | int64 | time.Duration](n, most T) T {
	if n == 0 || most != 0 && most < n {
		return most
	}
	return n
}

// cpuSeconds is the limit as the kernel counts.
func (l Limits) cpuSeconds() int64 { return int64(l.CPU/time.Second) + 1 }

// Options say how a worker is started.
type Options struct {
	Python  string   // the interpreter; it has torch
	Path    []string // folders with modules that the policy trusts
	Imports []string // modules that the policy trusts, imported before the filter is in force
	Wants   []string // modules that the checkpoint names
	Mode    Mode     // as in Job
	Runsc   string   // of gVisor, which then holds the worker in the place of namespaces and Landlock
	Need    []Layer  // refuse to load without them; nil is the filter, and Landlock or namespaces
	Without []Layer  // leave out, for tests of the others
	Size    int64    // of the largest checkpoint, for limits that depend on it
	Limits  Limits
}

// PoolOptions say how a pool is kept.
type PoolOptions struct {
	Options
	Places int           // how many workers there are at most
	Wait   time.Duration // how long a load waits for one
}

// Mode is how tensors leave a worker.
type Mode string

// The modes. A reference says where in the checkpoint the bytes of a tensor are; the
// worker then never has them.
const (
	Auto      Mode = "auto" // by reference where that can be, from a size on
	Full      Mode = "full"
	Reference Mode = "reference"
)

// referenceFrom is the size of a zip from which on references are worth it.
const referenceFrom = 32 << 20

// Job is what a worker does.
type Job struct {
	Mode    Mode     // "" is Auto
	Imports []string // modules as in Options, for this checkpoint
	Warm    []string // modules of torch itself, imported if this torch has them: Late
	Need    []Layer  // as in Options, beside those that the worker was started with
	Limits  Limits   // as in Options, and no higher
	// Wants says which modules the checkpoint names; nil is none. It is asked when the load
	// is over.
	Wants func() []string
}

// late are modules of torch that it imports only when it loads what names another one:
// those of the other are all that costs a load nothing which needs none of them.
var late = map[string][]string{
	"torch.nested._internal.nested_tensor": {"torch._dynamo.decorators", "torch.nested._internal.ops"}, // jagged tensors
}

// Late are the modules that torch would import late, of those that a checkpoint names.
func Late(named []string) (list []string) {
	for _, m := range named {
		list = append(list, late[m]...)
	}
	return list
}

// Input is a checkpoint that cannot change while it is loaded, or it shows.
type Input struct {
	Size int64
	// Kept is how: "verity", where nobody can write, "lease", where the kernel holds back
	// who wants to, or "copy", a sealed one in memory.
	Kept   string
	Verity string // the digest of fs-verity, with its algorithm

	file   *os.File
	hashed chan struct{} // closed when the digest is known
	digest string
	failed error
}

// mostPickle is how far into a checkpoint MayNameLate looks. What torch writes has its
// pickle at the beginning.
const mostPickle = 4 << 20

// MayNameLate reports whether it may be that a checkpoint names a module for which there
// are others that are Late. It is far quicker than to read all names.
func (in *Input) MayNameLate() bool {
	b := make([]byte, min(in.Size, mostPickle))
	n, _ := in.file.ReadAt(b, 0) // a file that is shorter is one that changed
	for m := range late {
		if bytes.Contains(b[:n], []byte(m)) {
			return true
		}
	}
	return false
}

// Digest is the SHA-256 of the checkpoint, once it is known.
func (in *Input) Digest() (string, error) {
	<-in.hashed
	return in.digest, in.failed
}

// Close gives up the lease or the copy.
func (in *Input) Close() error {
	err := in.file.Close()
	<-in.hashed // it reads no more
	return err
}

// ErrChanged says that somebody opened the checkpoint for writing.
var ErrChanged = errors.New("the file was opened for writing while it was loaded")

// Event is a system call that was refused.
type Event struct {
	Call string        `json:"call"` // with what is known of its arguments
	At   time.Duration `json:"at"`   // since the first untrusted byte

	looked string // the path, if the call only looked for a file or read one
}

// Report is what is known of a load, whether it gave tensors or not.
type Report struct {
	Torch, Python string
	Layers        []Layer          // in force
	Missing       map[Layer]string // not in force, and why
	WeightsOnly   bool             // torch.load(weights_only=True) did it
	Type          string           // of what was loaded, as the worker says
	Events        []Event
	Mode          Mode     // Full or Reference
	Lacks         []string // of the modules that it names, those that were not imported
	Input         string   // how the input was kept from changing
	Limits        Limits   // in force
	Started, Ran  time.Duration
	CPU           time.Duration
	MaxRSS        int64
}

// Tried says how many calls were refused.
func (r *Report) Tried() string {
	if len(r.Events) == 1 {
		return "1 forbidden system call"
	}
	return fmt.Sprintf("%d forbidden system calls", len(r.Events))
}

// Trial is what came of trying a layer, or of all together if Layer is "".
type Trial struct {
	Layer         Layer
	OK            bool
	Optional      bool   // it is not needed
	Why, Remedy   string // if it is missing
	About         string // if it is there
	Torch, Python string
}

// Result is what came out. Close gives the memory back.
type Result struct {
	File   *os.File // sealed; it cannot change any more. Nil if the bytes are in the checkpoint
	Size   int64
	Header *safetensors.File

	refs *references
}

// CopyTo copies the tensors, and returns the SHA-256 of the copy. The checkpoint must be
// open still.
func (r *Result) CopyTo(w io.Writer) (digest string, err error) {
	from := io.Reader(io.NewSectionReader(r.File, 0, r.Size))
	if r.refs != nil {
		from = r.refs.reader()
	}
	n, digest, err := copyHashed(w, from, r.Size)
	if err == nil && n != r.Size {
		err = fmt.Errorf("they have %d bytes, not %d", n, r.Size)
	}
	if err == nil && r.refs != nil {
		err = r.refs.in.Unchanged()
	}
	return digest, err
}

// Close gives the tensors back.
func (r *Result) Close() error {
	if r.refs != nil {
		return nil
	}
	return r.File.Close()
}

// Errors that callers tell apart.
var (
	ErrUnsupported = errors.New("the sandbox needs Linux; andiron convert reads the same files without running them")
	ErrMissing     = errors.New("a layer of the sandbox is missing")
	ErrContained   = errors.New("what the checkpoint does was stopped")
	ErrFailed      = errors.New("it cannot be loaded")
	ErrNeeds       = errors.New("it needs modules that were not imported")
	ErrNoWorker    = errors.New("no worker is ready")
	// ErrImport is what some are that are ErrFailed: a module that the user names cannot be
	// imported.
	ErrImport = errors.New("a module that is to be imported cannot be")
	// ErrLimit is what some are that are ErrContained or ErrFailed: more was needed than a limit allows.
	ErrLimit = errors.New("a limit was reached")
)

// ImportRemedy is what helps against an ErrImport.
func ImportRemedy(err error) string {
	if strings.Contains(err.Error(), "ModuleNotFoundError") {
		return "modules of your own are found where sandbox.path of the policy says that they lie, if --policy names that file"
	}
	return "it was found; while it is imported it may read, and write to a temporary folder, and nothing else"
}

// limitError says which limit was reached.
type limitError string

func (e limitError) Error() string { return string(e) }

// Is makes it an ErrLimit.
func (limitError) Is(target error) bool { return target == ErrLimit }
