// Package enforce has the kernel let a program open only the models that a project
// trusts: a program that was started for it (Exec), or all that runs on a machine, in
// folders (Watch).
//
// # Security
//
// Exec holds a program that is trusted itself, and that might be led to a model which is
// not: by a setting, an upload, a link, a file that was exchanged. Every open of it and of
// what it starts waits for a supervisor, which opens the file itself, looks at the
// content, has the digest judged, and hands in a descriptor of what it looked at. No path
// is looked up a second time. Supervisor and program are in the same Landlock domain, so
// the supervisor can open nothing that the program may not. If the supervisor ends, every
// open fails.
//
// What counts as a model is decided by content (Looks), and else by name. The digest is of
// bytes that cannot change while they are held: a lease keeps writers waiting, or the
// bytes are a sealed copy, or only root could write.
//
// Watch asks fanotify, which tells of opens by anybody. If its process ends, the kernel
// allows everything; a second process starts it again.
//
// Bytes that a program has in memory, or is handed as open descriptors, pass both.
//
// # Limits
//
// At most 256 verified models are held at a time.
//
// # Specification
//
// Linux: seccomp_unotify(2), landlock(7), fanotify(7), F_SETLEASE in fcntl(2), openat2(2).
package enforce

import (
	"errors"
	"path/filepath"
	"strings"

	"github.com/andiron-dev/andiron/internal/magic"
)

// Places say what is where. All are absolute and without links.
type Places struct {
	Code      []string `json:"code"`      // as trusted as the program: no file is looked into
	Models    []string `json:"models"`    // where models may come from
	Unchecked []string `json:"unchecked"` // data that no digest is asked of
}

// Candidate is a model that was opened.
type Candidate struct {
	Path   string // without links
	SHA256 string
	Size   int64
	Mode   uint32 // st_mode
	UID    uint32
	File   string // a path by which this process can read the same bytes
}

// Judge says whether a model may be opened, and why not.
type Judge func(Candidate) (why string, ok bool)

// Event is an open that was refused, or a model that was let through.
type Event struct {
	Path   string
	Kind   magic.Kind // what the content looks like
	SHA256 string     // empty where it was not asked for
	Size   int64
	Why    string // empty: it was let through
	Report bool   // it was let through all the same
	Held   string // how the bytes are kept as they are
	PID    int
}

// changes says of a model that was let through that somebody opens it for writing.
func (e *Event) changes() Event {
	return Event{SHA256: e.SHA256, Size: e.Size, Held: e.Held, Why: "it is opened for writing; who has it open may read other bytes soon"}
}

// Changes reports whether it is about one that was let through before.
func (e *Event) Changes() bool { return e.Path == "" && e.Why != "" }

// Counts say what became of opens.
type Counts struct {
	Opens     int64 // that were asked about
	Models    int64 // of them, of models that were let through
	Denied    int64 // refused for their content or place
	Failed    int64 // of files that are not there or may not be opened
	Continued int64 // left to the kernel
}

// ErrUnsupported is for systems without the interfaces.
var ErrUnsupported = errors.New("this needs Linux on amd64 or arm64; the Python package's andiron.load asks the same policy everywhere")

// ErrMissing says that the kernel lacks something.
var ErrMissing = errors.New("the kernel cannot hold the program")

// Beneath reports whether a path is one of some folders or lies beneath one.
func Beneath(path string, dirs []string) bool {
	for _, d := range dirs {
		if rest, ok := strings.CutPrefix(path, d); ok && (rest == "" || rest[0] == filepath.Separator || strings.HasSuffix(d, "/")) {
			return true
		}
	}
	return false
}

// trusted reports whether a file is as trusted as the program.
func (p *Places) trusted(path string) bool {
	return Beneath(path, p.Code) && !Beneath(path, p.Models)
}
