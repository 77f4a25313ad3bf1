// Package cli is the command line: one file per verb, and the wiring between the
// engine, the policy and the reports.
//
// # Security
//
// Errors and file names are written with control characters escaped, so that a
// hostile name cannot drive the terminal. A report that goes to a file appears
// there whole or not at all.
//
// # Limits
//
// The limits on what is looked at are flags, and keys of the policy file; the
// defaults are those of the packages that hold them.
//
// # Specification
//
// Exit codes, the same for every verb and format: 0 clean; 1 findings at or above
// the level; 2 usage; 3 incomplete.
package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"
	"strings"
	"syscall"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"golang.org/x/term"

	"github.com/andiron-dev/andiron/internal/policy"
	"github.com/andiron-dev/andiron/internal/safetext"
)

// app is one run of the program.
type app struct {
	program        string // its name, as it was started
	getenv         func(string) string
	stdin          io.Reader
	stdout, stderr io.Writer
	code           int
	heap           heap
}

// Main runs the program with its arguments, the first of which is its name, and
// returns its exit code. A cancelled ctx ends the run with what was found so far.
func Main(ctx context.Context, args []string, getenv func(string) string, stdin io.Reader, stdout, stderr io.Writer) (code int) {
	a := &app{program: slices.Concat(args, []string{"andiron"})[0], getenv: getenv, stdin: stdin, stdout: stdout, stderr: stderr}
	defer func() {
		if r := recover(); r != nil {
			a.complain(ours(fmt.Errorf("internal error: %v", r)))
			code = policy.ExitIncomplete
		}
	}()
	args = args[min(1, len(args)):]
	root := a.root(args)
	root.SetArgs(args)
	if err := a.heap.run(func() error { return root.ExecuteContext(ctx) }); err != nil {
		return a.complain(err)
	}
	return a.code
}

// ours words an error that only this program is to blame for.
func ours(err error) *fault {
	return &fault{text: err.Error(), hint: "report this as SECURITY.md says"}
}

// root makes the program for its arguments: with the verb that they begin with, or
// with all of them for help, for completion, and to say what may have been meant.
func (a *app) root(args []string) *cobra.Command {
	var asked bool
	root := &cobra.Command{
		Use:   "andiron",
		Short: "Use PyTorch models without letting them burn the house down",
		Long: `andiron looks at PyTorch model files and projects and says what loading them
would execute. Nothing is executed by looking.

Exit codes, the same for every verb and format:
  0  clean
  1  findings at or above the level of --fail-on; for scan, also any verdict
     other than safe and framework
  2  usage
  3  incomplete: something could not be looked at, and nothing worse was found`,
		Example: `  andiron scan model.pt
  andiron scan --format sarif --output scan.sarif models/
  andiron audit .
  andiron rules PKL001`,
		Args:          cobra.ArbitraryArgs,
		SilenceErrors: true,
		SilenceUsage:  true,
		RunE: func(cmd *cobra.Command, args []string) error {
			if asked {
				return a.say("andiron " + version() + "\n")
			}
			if len(args) == 0 {
				return usage("no verb given", `"andiron --help" lists the verbs`)
			}
			return unknownVerb(cmd, args[0])
		},
	}
	root.SetIn(a.stdin)
	root.SetOut(a.stdout)
	root.SetErr(a.stderr)
	root.SetFlagErrorFunc(flagError)
	// Not as cobra does it: its template would link all that templates may call.
	root.Flags().BoolVarP(&asked, "version", "v", false, "version for andiron")
	root.SetHelpCommand(&cobra.Command{Use: "help [VERB]", Short: "Explain a verb", RunE: helpOn})
	verbs := a.verbs()
	if i := slices.IndexFunc(verbs, func(v verb) bool { return len(args) > 0 && v.name == args[0] }); i >= 0 {
		root.AddCommand(verbs[i].command())
		root.CompletionOptions.DisableDefaultCmd = true
		return root
	}
	for _, v := range verbs {
		root.AddCommand(v.command())
	}
	root.InitDefaultCompletionCmd()
	strictCompletion(root)
	return root
}

type verb struct {
	name    string
	command func() *cobra.Command
}

func (a *app) verbs() []verb {
	return []verb{
		{"audit", a.auditCommand},
		{"code", a.codeCommand},
		{"convert", a.convertCommand},
		{"data", a.dataCommand},
		{"db", a.dbCommand},
		{"deps", a.depsCommand},
		{"enforce", a.enforceCommand},
		{"exec", a.execCommand},
		{"guard", a.guardCommand},
		{"init", a.initCommand},
		{"inspect", a.inspectCommand},
		{"keygen", a.keygenCommand},
		{"ops", a.opsCommand},
		{"robust", a.robustCommand},
		{"rules", a.rulesCommand},
		{"sandbox", a.sandboxCommand},
		{"scan", a.scanCommand},
		{"sign", a.signCommand},
		{"torch", a.torchCommand},
		{"trust", a.trustCommand},
		{"verify", a.verifyCommand},
		{"version", a.versionCommand},
	}
}

// strictCompletion makes cobra's own verb complain as the others do.
func strictCompletion(root *cobra.Command) {
	completion, _, err := root.Find([]string{"completion"})
	if err != nil || completion == root {
		return
	}
	completion.Args = cobra.ArbitraryArgs
	completion.RunE = func(_ *cobra.Command, args []string) error {
		const hint = "usage: andiron completion bash|fish|powershell|zsh"
		if len(args) == 0 {
			return usage("completion: no shell given", hint)
		}
		return usage(fmt.Sprintf("completion: %q is not a shell that is known", args[0]), hint)
	}
}

func helpOn(cmd *cobra.Command, args []string) error {
	root := cmd.Root()
	if len(args) == 0 {
		return root.Help()
	}
	verb, _, err := root.Find(args)
	if err != nil || verb == root {
		return unknownVerb(root, args[0])
	}
	verb.InitDefaultHelpFlag()
	return verb.Help()
}

func unknownVerb(root *cobra.Command, verb string) error {
	root.SuggestionsMinimumDistance = 2
	if near := root.SuggestionsFor(verb); len(near) > 0 {
		return usage(fmt.Sprintf("unknown verb %q", verb), fmt.Sprintf("did you mean %q?", near[0]))
	}
	return usage(fmt.Sprintf("unknown verb %q", verb), `"andiron --help" lists the verbs`)
}

// Hints that several verbs give.
const (
	nameFile    = "name a file that is there and may be read"
	noRoom      = "make room on the disk and run again; what was there before is as it was"
	folderFirst = "the folder must exist and be writable"
	sinceEpoch  = "whole seconds since 1970, such as the output of: git log -1 --format=%ct"
	policyForm  = "docs/spec/policy-v1.md explains every key"
	lockForm    = "docs/spec/lock-v1.md explains every key; \"andiron trust add\" writes the file"
)

// fault is an error with an exit code and perhaps a hint.
type fault struct {
	text, hint string
	code       int // 0 is incomplete
}

func (f *fault) Error() string { return f.text }

func usage(text, hint string) error { return &fault{text: text, hint: hint, code: policy.ExitUsage} }

// hintFor is for errors of the system that no verb has said more about.
func hintFor(err error) string {
	switch {
	case errors.Is(err, syscall.ENOSPC):
		return noRoom
	case errors.Is(err, fs.ErrPermission):
		return "run it as a user who may, or name another place"
	case errors.Is(err, fs.ErrNotExist):
		return nameFile
	}
	return ""
}

// complain writes an error the way all of them are written, and returns its exit
// code.
func (a *app) complain(err error) int {
	f, ok := errors.AsType[*fault](err)
	if !ok {
		f = &fault{text: err.Error(), hint: hintFor(err)}
	}
	// Nothing can be done about a stderr that does not take the error.
	_, _ = fmt.Fprintf(a.stderr, "andiron: %s\n", safetext.Plain(strings.ReplaceAll(f.text, "\n", "; ")))
	if f.hint != "" {
		_, _ = fmt.Fprintf(a.stderr, "hint: %s\n", safetext.Plain(f.hint))
	}
	if f.code != 0 {
		return f.code
	}
	return policy.ExitIncomplete
}

func (a *app) warn(text string) {
	_, _ = fmt.Fprintf(a.stderr, "andiron: warning: %s\n", safetext.Plain(text))
}

// flagError words pflag's errors the way andiron words its own.
func flagError(cmd *cobra.Command, err error) error {
	hint := fmt.Sprintf("%q lists the flags", cmd.CommandPath()+" --help")
	if e, ok := errors.AsType[*pflag.NotExistError](err); ok {
		name := e.GetSpecifiedName()
		if e.GetSpecifiedShortnames() != "" {
			return usage(fmt.Sprintf("unknown flag %q", "-"+name), hint)
		}
		return usage(fmt.Sprintf("unknown flag %q", "--"+name), hint)
	}
	if e, ok := errors.AsType[*pflag.ValueRequiredError](err); ok {
		return usage(fmt.Sprintf("flag %q needs a value", "--"+e.GetFlag().Name), hint)
	}
	if e, ok := errors.AsType[*pflag.InvalidValueError](err); ok {
		return usage(fmt.Sprintf("flag %q: %s", "--"+e.GetFlag().Name, reason(e)), hint)
	}
	return usage(err.Error(), hint)
}

func reason(e *pflag.InvalidValueError) string {
	switch e.GetFlag().Value.Type() {
	case "int":
		return fmt.Sprintf("%q is not a number", e.GetValue())
	case "float64Slice":
		return fmt.Sprintf("%q is not a list of numbers with commas between them", e.GetValue())
	case "bool":
		return fmt.Sprintf("%q is neither true nor false", e.GetValue())
	}
	return e.Unwrap().Error()
}

// args wants at least one argument and no more than most; most below 0 is any
// number.
func wants(what string, least, most int) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		hint := "usage: " + cmd.UseLine()
		if len(args) < least {
			return usage(fmt.Sprintf("%s: no %s given", cmd.Name(), what), hint)
		}
		if most >= 0 && len(args) > most {
			return usage(fmt.Sprintf("%s: %q is one argument too many", cmd.Name(), args[most]), hint)
		}
		return nil
	}
}

// isTerminal reports whether a stream is one that a person looks at.
func isTerminal(stream any) bool {
	f, ok := stream.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}

// columns is how wide a terminal is, or 0.
func columns(stream any) int {
	f, ok := stream.(*os.File)
	if !ok {
		return 0
	}
	width, _, err := term.GetSize(int(f.Fd()))
	if err != nil {
		return 0
	}
	return width
}
