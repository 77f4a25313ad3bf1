package manifest

import (
	"cmp"
	"fmt"
	"strings"

	"github.com/andiron-dev/andiron/internal/bounded"
)

// Limits bounds what reading a file may take. Zero fields have defaults.
type Limits struct {
	Bytes    int64 // of a file; 64 MiB
	Packages int   // statements of a file; 200,000
	Line     int   // bytes of a line, also of one that is continued; 1 MiB. JSON has no lines
	Values   int   // of a TOML, JSON or YAML document; 2,000,000, in YAML a quarter of it
	Depth    int   // of values within values; 100
	Problems int   // that are kept; 1,000
}

func (l Limits) withDefaults() Limits {
	l.Bytes = cmp.Or(l.Bytes, 64<<20)
	l.Packages = cmp.Or(l.Packages, 200_000)
	l.Line = cmp.Or(l.Line, 1<<20)
	l.Values = cmp.Or(l.Values, 2_000_000)
	l.Depth = cmp.Or(l.Depth, 100)
	l.Problems = cmp.Or(l.Problems, 1000)
	return l
}

// SyntaxError says why nothing of a file could be read.
type SyntaxError struct {
	Path string
	Line int // 0 if it is not of one line
	Err  error
}

func (e *SyntaxError) Error() string {
	if e.Line > 0 {
		return fmt.Sprintf("manifest: %q: line %d: %v", e.Path, e.Line, e.Err)
	}
	return fmt.Sprintf("manifest: %q: %v", e.Path, e.Err)
}

// Unwrap gives the cause, which wraps bounded.ErrLimit where that is what it was.
func (e *SyntaxError) Unwrap() error { return e.Err }

// lineError is an error of one line, before the file has a name.
type lineError struct {
	line int
	err  error
}

func (e *lineError) Error() string { return e.err.Error() }

func (e *lineError) Unwrap() error { return e.err }

// reader collects what a file says.
type reader struct {
	file File
	lim  Limits
	err  error // the first limit that was met
	more int   // problems beyond the limit

	commands int // of a container file, so far
	command  int // the one that is read; 0 is none
	stage    int // of a container file; 0 is none
}

// full reports that reading has to stop.
func (r *reader) full() bool { return r.err != nil }

func (r *reader) add(p Package) {
	if r.err != nil {
		return
	}
	if len(r.file.Packages) >= r.lim.Packages {
		r.err = &lineError{p.Line, bounded.Exceeded("packages of a file", int64(r.lim.Packages))}
		return
	}
	p.Command, p.Stage = r.command, r.stage
	r.file.Packages = append(r.file.Packages, p)
}

func (r *reader) index(x Index) {
	if len(r.file.Indexes) >= r.lim.Packages {
		r.err = cmp.Or[error](r.err, &lineError{x.Line, bounded.Exceeded("indexes of a file", int64(r.lim.Packages))})
		return
	}
	x.Command = r.command
	r.file.Indexes = append(r.file.Indexes, x)
}

func (r *reader) include(x Include) {
	if len(r.file.Includes) >= r.lim.Packages {
		r.err = cmp.Or[error](r.err, &lineError{x.Line, bounded.Exceeded("includes of a file", int64(r.lim.Packages))})
		return
	}
	x.Command, x.Stage = r.command, r.stage
	r.file.Includes = append(r.file.Includes, x)
}

// within has what is added belong to one more command.
func (r *reader) within(read func()) {
	r.commands++
	r.command = r.commands
	read()
	r.command = 0
}

func (r *reader) problem(line int, format string, args ...any) {
	if len(r.file.Problems) >= r.lim.Problems {
		r.more++
		return
	}
	for i, a := range args {
		if s, ok := a.(string); ok {
			args[i] = clip(withoutSecrets(s[:min(len(s), 4096)]))
		}
	}
	r.file.Problems = append(r.file.Problems, Problem{line, fmt.Sprintf(format, args...)})
}

// done gives the file, or why there is none.
func (r *reader) done() (*File, error) {
	if r.err != nil {
		return nil, r.err
	}
	if r.more > 0 {
		r.file.Problems = append(r.file.Problems, Problem{0, fmt.Sprintf("%d more problems are not listed", r.more)})
	}
	return &r.file, nil
}

// withoutSecrets takes the credentials out of every URL of a text.
func withoutSecrets(s string) string {
	out := ""
	for {
		from, to, ok := userinfo(s)
		if !ok {
			i := strings.Index(s, "://")
			if i < 0 {
				return out + s
			}
			out, s = out+s[:i+3], s[i+3:]
			continue
		}
		out, s = out+s[:from], s[to+1:]
	}
}

// clip shortens what goes into a sentence.
func clip(s string) string {
	const most = 120
	if len(s) <= most {
		return s
	}
	return strings.ToValidUTF8(s[:most], "") + "…"
}
