package cli

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/andiron-dev/andiron/finding"
	"github.com/andiron-dev/andiron/internal/cpptool"
	"github.com/andiron-dev/andiron/internal/engine"
	"github.com/andiron-dev/andiron/internal/opbuild"
	"github.com/andiron-dev/andiron/internal/ops"
	"github.com/andiron-dev/andiron/internal/pyrun"
	"github.com/andiron-dev/andiron/internal/safetext"
)

// withTools are the other programs that ops scan asks.
type withTools struct {
	names  []string
	python string
}

func (w *withTools) add(cmd *cobra.Command) {
	cmd.Flags().StringSliceVar(&w.names, "with", nil, "have `TOOLS` look as well, a list of "+strings.Join(cpptool.Names(), ", ")+" (starts them)")
	cmd.Flags().StringVar(&w.python, "python", "", "the `INTERPRETER` whose torch has the headers for --with")
}

func (w *withTools) check() error {
	for _, name := range w.names {
		if !slices.Contains(cpptool.Names(), name) {
			return usage(fmt.Sprintf("--with: unknown tool %q", name), "the tools are "+strings.Join(cpptool.Names(), ", "))
		}
	}
	return nil
}

// mostCommands is how large a compile_commands.json may be.
const mostCommands = 16 << 20

// outside gives the engine what asks them; nil if none was named.
func (a *app) outside(w *withTools, dir string) engine.Outside {
	if len(w.names) == 0 {
		return nil
	}
	return func(ctx context.Context, files []ops.SourceFile) (ops.Outside, error) {
		o := cpptool.Options{Standard: "-std=c++17", Getenv: a.getenv, Say: a.tell}
		var missing string
		if slices.ContainsFunc(w.names, func(n string) bool { return n != "cppcheck" }) { // which reads no headers
			missing = a.headers(ctx, w, &o)
		}
		o.Commands = a.commands(dir)
		var sources, known []cpptool.Source
		for _, f := range files {
			abs, err := filepath.Abs(filepath.FromSlash(f.Path))
			if err != nil {
				return ops.Outside{}, err
			}
			s := cpptool.Source{Path: f.Path, Abs: abs}
			known = append(known, s)
			if !f.Header && !f.Test {
				sources = append(sources, s)
			}
		}
		r, err := cpptool.Run(ctx, w.names, sources, known, o)
		return said(r, missing), err
	}
}

// headers asks Python where those of torch are, and says why it does not know.
func (a *app) headers(ctx context.Context, w *withTools, o *cpptool.Options) (missing string) {
	python, err := pyrun.FindPython(w.python, a.getenv("VIRTUAL_ENV"))
	if err == nil {
		a.tell(fmt.Sprintf("this runs %q, for the headers of its torch", python))
		var standard string
		o.Include, standard, err = opbuild.Headers(ctx, python)
		if standard != "" {
			o.Standard = standard
		}
	}
	if err != nil {
		o.Include = nil
		return err.Error()
	}
	return ""
}

// commands reads what a build of the project says of its sources, if it left that.
func (a *app) commands(dir string) cpptool.Commands {
	for _, name := range []string{"compile_commands.json", "build/compile_commands.json"} {
		name = filepath.Join(dir, filepath.FromSlash(name))
		b, err := readSmall(name, mostCommands)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		var c cpptool.Commands
		if err == nil {
			c, err = cpptool.ParseCommands(b)
		}
		if err != nil {
			a.warn(fmt.Sprintf("%q is not read: %v", name, err))
			continue
		}
		return c
	}
	return nil
}

// tell says which program is started.
func (a *app) tell(text string) {
	_, _ = fmt.Fprintf(a.stderr, "andiron: %s\n", safetext.Plain(text)) // as complain does
}

// said makes what other programs say what the room takes. A source that lacks headers
// says so, and why they are not known.
func said(r cpptool.Result, missing string) ops.Outside {
	o := ops.Outside{CUDA: r.CUDA}
	for _, w := range r.Warnings {
		where := finding.Where{Path: w.Path}.Line1(w.Line, w.Column)
		o.Warnings = append(o.Warnings, ops.Warning{Tool: w.Tool, Where: where, Check: w.Check, Class: string(w.Class), Text: w.Text})
	}
	for _, u := range r.Unchecked {
		if missing != "" && strings.Contains(u.Why, "file not found") || missing != "" && strings.Contains(u.Why, "No such file") {
			u.Why += "; " + missing
		}
		o.Unchecked = append(o.Unchecked, ops.Unchecked(u))
	}
	return o
}
