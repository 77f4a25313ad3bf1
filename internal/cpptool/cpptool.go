// Package cpptool asks other programs about C++ sources: clang-tidy, cppcheck and the
// compiler itself. It keeps of what they say what tells a fault in an operator of
// PyTorch, each with the class of faults that it is of.
//
// # Security
//
// It starts other programs, and only a verb that says so may call it. They are those on
// PATH, never of the project. Nothing of the project is built or run: the compiler
// checks syntax and types. A project's own settings for them are not read, because such
// may name what is loaded: .clang-tidy, and of compile_commands.json all but
// folders of headers, macros and the version of the language.
//
// # Limits
//
// A program gets ten minutes for a file and says at most 16 MiB of it; 1,000 warnings
// are kept. What cannot be checked is said, and never taken for clean.
//
// # Specification
//
// clang-tidy 14 to 21, cppcheck 2.10 to 2.18 and GCC 10 to 15, as their documentation
// lists checks.
package cpptool

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/andiron-dev/andiron/internal/child"
)

// Class is what kind of fault a warning is of.
type Class string

// The classes.
const (
	Narrowed      Class = "narrowed"      // a number of 64 bits goes into one of fewer
	Leak          Class = "leak"          // memory is lost
	Bounds        Class = "bounds"        // an index is beyond the end
	Division      Class = "division"      // by zero
	Null          Class = "null"          // a null pointer is followed
	Uninitialised Class = "uninitialised" // what was never written is read
	Dangling      Class = "dangling"      // memory is used that is gone
	Fault         Class = "fault"         // another fault
)

// Names are the programs that can be asked.
func Names() []string { return []string{"clang-tidy", "cppcheck", "gcc"} }

// Source is a file to ask about.
type Source struct {
	Path string // as it is named in reports
	Abs  string
}

// Options say how to ask.
type Options struct {
	Include  []string // folders with headers of others, those of torch
	Standard string   // -std=c++17
	Commands Commands // what a build says of files
	Getenv   func(string) string
	Say      func(string) // what is started
}

// Warning is something that a program says of a source.
type Warning struct {
	Tool         string
	Path         string
	Line, Column int
	Check        string // the program's name for it
	Class        Class
	Text         string
}

// Unchecked is a source that a program could not check, or the program itself.
type Unchecked struct {
	Tool, Path string // Path is empty where the program is missing
	Why        string
}

// Result is what was said.
type Result struct {
	Warnings  []Warning
	Unchecked []Unchecked
	CUDA      []string // sources that none of them reads
}

const (
	mostTime     = 10 * time.Minute
	mostSaid     = 16 << 20
	mostWarnings = 1000
)

// tool is a program and how it is asked.
type tool struct {
	name     string
	programs []string // names that it goes by
	args     func(s Source, o Options) []string
	read     func(out string, r *reader)
}

var tools = []tool{
	{"clang-tidy", []string{"clang-tidy"}, clangTidyArgs, readClangTidy},
	{"cppcheck", []string{"cppcheck"}, cppcheckArgs, readCppcheck},
	{"gcc", []string{"g++", "c++"}, gccArgs, readGCC},
}

// Run asks programs about sources, one after the other. known are all files that a
// warning may be about: headers, too.
func Run(ctx context.Context, names []string, sources, known []Source, o Options) (Result, error) {
	var r Result
	paths := map[string]string{}
	for _, s := range slices.Concat(known, sources) {
		paths[s.Abs] = s.Path
	}
	asked := slices.DeleteFunc(slices.Clone(sources), func(s Source) bool {
		if !isCUDA(s.Path) {
			return false
		}
		r.CUDA = append(r.CUDA, s.Path)
		return true
	})
	for _, t := range tools {
		if !slices.Contains(names, t.name) {
			continue
		}
		program, err := find(t, o.Getenv)
		if err != nil {
			r.Unchecked = append(r.Unchecked, Unchecked{Tool: t.name, Why: err.Error()})
			continue
		}
		if len(asked) > 0 {
			o.Say(fmt.Sprintf("this runs %s, %q, on %d sources", t.name, program, len(asked)))
		}
		for _, s := range asked {
			t.ask(ctx, program, s, o, &reader{tool: t.name, paths: paths, r: &r})
			if ctx.Err() != nil {
				return r, ctx.Err()
			}
		}
	}
	return r, nil
}

func isCUDA(name string) bool {
	ext := strings.ToLower(filepath.Ext(name))
	return ext == ".cu" || ext == ".cuh" || ext == ".hip"
}

// find looks for a program on the caller's PATH.
func find(t tool, getenv func(string) string) (string, error) {
	for _, name := range t.programs {
		for _, dir := range filepath.SplitList(getenv("PATH")) {
			if !filepath.IsAbs(dir) {
				continue // the current folder may be anyone's
			}
			if found, err := exec.LookPath(filepath.Join(dir, name)); err == nil {
				return found, nil
			}
		}
	}
	return "", fmt.Errorf("there is no %s on PATH", t.programs[0])
}

// ask asks a program about one source.
func (t tool) ask(ctx context.Context, program string, s Source, o Options, to *reader) {
	limited, cancel := context.WithTimeout(ctx, mostTime)
	defer cancel()
	said := &child.Head{Most: mostSaid}
	cmd := exec.CommandContext(limited, program, t.args(s, o)...) //nolint:gosec // a program of the user's, with arguments of ours
	cmd.Stdout, cmd.Stderr = said, said
	cmd.Dir = filepath.Dir(s.Abs)
	cmd.Env = environment(o.Getenv)
	err := child.Run(cmd)
	_, exited := errors.AsType[*exec.ExitError](err)
	switch {
	case ctx.Err() != nil:
	case limited.Err() != nil:
		to.unchecked(s, fmt.Sprintf("it was still running after %v", mostTime))
	case said.Full():
		to.unchecked(s, "it says more than is read")
	case err != nil && !exited:
		to.unchecked(s, "it cannot be run: "+err.Error())
	default:
		before := len(to.r.Unchecked)
		to.source, to.last = s, -1
		t.read(string(said.Bytes()), to)
		if err != nil && cmd.ProcessState.ExitCode() < 0 && len(to.r.Unchecked) == before {
			to.unchecked(s, "it ended with "+err.Error())
		}
	}
}

// environment is that of a program: nothing that could have it load something else.
func environment(getenv func(string) string) []string {
	env := []string{"LC_ALL=C", "GCC_COLORS="}
	for _, name := range []string{"PATH", "HOME", "TMPDIR", "SYSTEMROOT"} {
		if value := getenv(name); value != "" {
			env = append(env, name+"="+value)
		}
	}
	return env
}
