package cli

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/andiron-dev/andiron/finding"
	"github.com/andiron-dev/andiron/internal/engine"
	"github.com/andiron-dev/andiron/internal/opbuild"
	"github.com/andiron-dev/andiron/internal/opreport"
	"github.com/andiron-dev/andiron/internal/optest"
	"github.com/andiron-dev/andiron/internal/pyrun"
	"github.com/andiron-dev/andiron/internal/safetext"
)

type opsTestFlags struct {
	runFlags

	yes, thorough          bool
	python, config, corpus string
	tests, builds          []string
	seed                   int64
	budget                 time.Duration
	cases, compilers       atLeast1
}

func (a *app) opsTestCommand() *cobra.Command {
	f := opsTestFlags{cases: 300}
	cmd := &cobra.Command{
		Use:   "test [DIR]",
		Short: "Build a project's operators and call them with all that may break them",
		Long: `THIS BUILDS AND RUNS THE PROJECT'S CODE, with your rights: its build, its tests and
its operators. It asks first, and without a terminal it needs --yes.

The extension is built in throw-away copies through the project's own setup.py or
CMakeLists.txt: as it is, with AddressSanitizer and UndefinedBehaviorSanitizer, and,
where it starts threads, with ThreadSanitizer. The project's tests run once, and what
they call each operator with is where the calls begin: edge cases of every argument
first, then mutations of what was new, each in a child process, so that a crash is a
finding. Of calls that come back it is asked whether the result depends on how tensors
lie in memory, on their dtype, on memory that nobody wrote, on the number of threads;
whether arguments changed that the schema does not name, whether memory is kept,
whether the gradient is right. Where there is a GPU and the extension has kernels for
it, the calls are made there as well, and under compute-sanitizer. Each finding is made as small as it can be and written
as a Python script to DIR/.andiron/ops-test, whose cases the next run begins with.

An operator of which no call came back is not tested, and the exit code is 3. DIR is the
current folder if not given. ops-test.yaml in it may name examples and references.`,
		Example: `  andiron ops test
  andiron ops test --yes --python .venv/bin/python --format html -o ops.html
  andiron ops test --yes --build plain --budget 2m --seed 7 csrc/`,
		Args: wants("DIR", 0, 1),
		RunE: func(cmd *cobra.Command, args []string) error {
			dir, err := folderOf(args, ".")
			if err != nil {
				return err
			}
			return a.opsTest(cmd, &f, dir)
		},
		ValidArgsFunction: completeFolders,
	}
	flags := cmd.Flags()
	flags.BoolVar(&f.yes, "yes", false, "build and run the project's code without asking")
	flags.StringVar(&f.python, "python", "", "run this interpreter (default $VIRTUAL_ENV/bin/python, then python3 on PATH)")
	flags.StringSliceVar(&f.tests, "tests", nil, "the project's tests, a `LIST` of files and folders beneath DIR (default all)")
	flags.StringSliceVar(&f.builds, "build", []string{"plain", "asan", "tsan", "gpu"}, "the builds, a `LIST` of plain, asan and tsan, and gpu for calls on a GPU")
	flags.BoolVar(&f.thorough, "thorough", false, "run under valgrind as well, which takes long")
	flags.Int64Var(&f.seed, "seed", 0, "`N` that the cases follow from")
	flags.Var(&f.cases, "cases", "make `N` calls of each operator besides those of the tests")
	flags.DurationVar(&f.budget, "budget", 10*time.Minute, "spend this `TIME` on calls; builds come on top")
	flags.StringVar(&f.config, "config", "", "read what is said of operators from `FILE` instead of DIR/"+optest.ConfigName)
	flags.StringVar(&f.corpus, "corpus", "", "keep scripts and cases in `FOLDER` instead of DIR/.andiron/ops-test")
	flags.Var(&f.compilers, "jobs", "start `N` compilers, or call `N` operators, at once (default as the build does, and one for each processor)")
	flags.Lookup("jobs").DefValue = "0"
	f.addReport(cmd)
	return cmd
}

func (a *app) opsTest(cmd *cobra.Command, f *opsTestFlags, dir string) error {
	o, err := a.opsTestOptions(f, dir)
	if err != nil {
		return err
	}
	none := o.Project.Dir == ""
	if !none {
		if err := a.consent(cmd.Context(), f.yes, o); err != nil {
			return err
		}
		if o.Work, err = os.MkdirTemp("", "andiron-*"); err != nil {
			return err
		}
		defer func() { _ = os.RemoveAll(o.Work) }() // what is left is a private temporary folder
	}
	var failed error
	err = a.run(cmd.Context(), cmd, &f.runFlags, dir, []string{dir}, func(ctx context.Context, opt engine.Options, h finding.Handler) error {
		return engine.Tested(ctx, dir, opt, h, func(progress func(finding.Progress)) (*opreport.Result, error) {
			if none {
				return &opreport.Result{Seed: f.seed}, nil
			}
			o.Say = func(what string, done, total int) {
				progress(finding.Progress{Path: what, Done: done, Total: max(total, 1)})
			}
			var r *opreport.Result
			r, failed = optest.Run(ctx, *o)
			return r, failed
		})
	})
	if failed != nil && cmd.Context().Err() == nil {
		return a.opsFailed(failed)
	}
	return err
}

// opsTestOptions checks the flags and finds what builds the project. A folder without
// sources of operators has no project.
func (a *app) opsTestOptions(f *opsTestFlags, dir string) (*optest.Options, error) {
	o := &optest.Options{
		Seed: f.seed, Cases: int(f.cases), Budget: f.budget, Jobs: int(f.compilers), Thorough: f.thorough, Tests: f.tests, Corpus: f.corpus,
	}
	if f.budget < time.Second {
		return nil, usage("ops test: --budget is less than a second", "such as --budget 10m")
	}
	for _, b := range f.builds {
		if !slices.Contains(optest.Variants(), opbuild.Variant(b)) {
			return nil, usage(fmt.Sprintf("ops test: --build %q is not one of plain, asan, tsan, gpu", b), "such as --build plain,asan")
		}
		o.Builds = append(o.Builds, opbuild.Variant(b))
	}
	var err error
	if o.Config, err = opsConfig(f.config, dir); err != nil {
		return nil, err
	}
	if len(o.Tests) == 0 {
		o.Tests = o.Config.Tests
	}
	for _, t := range o.Tests {
		if !filepath.IsLocal(filepath.FromSlash(t)) {
			return nil, usage(fmt.Sprintf("ops test: --tests %q is not beneath %q", t, dir), "name it from there, such as tests/test_ops.py")
		}
	}
	if o.Corpus == "" {
		o.Corpus = filepath.Join(dir, ".andiron", "ops-test")
	}
	if o.Corpus, err = filepath.Abs(o.Corpus); err != nil {
		return nil, err
	}
	o.Project, err = opbuild.Find(dir)
	if errors.Is(err, opbuild.ErrNoBuild) {
		return o, noBuild(dir)
	}
	if err != nil {
		return nil, a.opsFailed(err)
	}
	if o.Python, err = pyrun.FindPython(f.python, a.getenv("VIRTUAL_ENV")); err != nil {
		return nil, usage(fmt.Sprintf("ops test: %v", err), "--python names an interpreter that has torch and what the project needs")
	}
	o.Python, err = filepath.Abs(o.Python)
	return o, err
}

// noBuild complains about a folder that has sources and nothing that builds them.
func noBuild(dir string) error {
	source := ""
	err := filepath.WalkDir(dir, func(name string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && name != dir && strings.HasPrefix(d.Name(), "."):
			return fs.SkipDir
		case slices.Contains([]string{".cpp", ".cc", ".cxx", ".cu"}, strings.ToLower(filepath.Ext(name))):
			source = name
			return fs.SkipAll
		}
		return nil
	})
	if err != nil {
		return err
	}
	if source == "" {
		return nil
	}
	return &fault{
		text: fmt.Sprintf("ops test: %q has sources, such as %q, and no build of an extension that is known", dir, source),
		hint: "a setup.py with CppExtension or CUDAExtension, or a CMakeLists.txt with find_package(Torch); \"andiron ops scan\" needs no build",
	}
}

func opsConfig(named, dir string) (*optest.Config, error) {
	name := named
	if name == "" {
		name = filepath.Join(dir, optest.ConfigName)
	}
	b, err := readSmall(name, smallLimit)
	if errors.Is(err, fs.ErrNotExist) && named == "" {
		return &optest.Config{}, nil
	}
	if err != nil {
		return nil, usage("ops test: "+err.Error(), "docs/spec/optest-v1.md says what is in it")
	}
	c, err := optest.ParseConfig(b)
	if err != nil {
		return nil, usage(fmt.Sprintf("ops test: %q: %v", name, err), "docs/spec/optest-v1.md says what is in it")
	}
	return c, nil
}

// consent says what will run, and asks.
func (a *app) consent(ctx context.Context, yes bool, o *optest.Options) error {
	_, _ = fmt.Fprintf(a.stderr, "andiron: ops test builds and runs the code of %q with %q: its build, its tests and its operators\n",
		safetext.Plain(filepath.ToSlash(o.Project.Dir)), safetext.Plain(o.Python))
	if yes {
		return nil
	}
	if !isTerminal(a.stdin) || !isTerminal(a.stderr) {
		return usage("ops test: it was not said that the project's code may run", "--yes says so; do that only for code that you trust, or in a machine that you can lose")
	}
	_, _ = fmt.Fprint(a.stderr, "Run it? [y/N] ")
	line := make(chan string, 1)
	go func() { // nothing but the terminal ends a read of it, so that this may outlive the question
		text, err := bufio.NewReader(a.stdin).ReadString('\n')
		if err != nil {
			text = "" // half a line is no answer
		}
		line <- strings.ToLower(strings.TrimSpace(text))
	}()
	select {
	case <-ctx.Done():
		_, _ = fmt.Fprintln(a.stderr)
	case answer := <-line:
		if answer == "y" || answer == "yes" {
			return nil
		}
	}
	return usage("ops test: nothing was run", "it asked, and the answer was not y")
}

// opsFailed says what a program said that did not do what it was started for.
func (a *app) opsFailed(err error) error {
	e, ok := errors.AsType[*opbuild.Error](err)
	if !ok {
		return err
	}
	for _, line := range e.Output {
		_, _ = fmt.Fprintf(a.stderr, "  | %s\n", safetext.Plain(line))
	}
	return &fault{text: "ops test: " + e.Text, hint: e.Hint}
}
