package cli

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/andiron-dev/andiron/finding"
	"github.com/andiron-dev/andiron/internal/engine"
	"github.com/andiron-dev/andiron/internal/osfile"
	"github.com/andiron-dev/andiron/internal/policy"
	"github.com/andiron-dev/andiron/internal/safetext"
	"github.com/andiron-dev/andiron/internal/trust"
	"github.com/andiron-dev/andiron/internal/whole"
)

// initFlags are the flags of init.
type initFlags struct {
	by, db string
	dryRun bool
}

func (a *app) initCommand() *cobra.Command {
	var f initFlags
	cmd := &cobra.Command{
		Use:   "init [DIR]",
		Short: "Write the files with which a project follows the strategies",
		Long: `Look at a project as "andiron audit" does, and write what it lacks of these files:
andiron.yaml, a policy of what is there today; andiron.lock, the models that pass;
a schema for each model that says what it takes; a hook for pre-commit; and a workflow
that audits each push and each week. Each is explained in a sentence. In the end the
strategies are compared before and after. DIR is the current folder if not given.

A file that is there already is never changed: what it would need is printed. The
models in the lock are trusted from then on, so look at the list before you commit it.`,
		Example: `  andiron init
  andiron init --dry-run service/`,
		Args: wants("DIR", 0, 1),
		RunE: func(cmd *cobra.Command, args []string) error {
			dir, err := folderOf(args, ".")
			if err != nil {
				return err
			}
			return a.initProject(cmd, &f, dir)
		},
		ValidArgsFunction: completeFolders,
	}
	flags := cmd.Flags()
	flags.StringVar(&f.by, "by", "", "`WHO` vouches for the models in the lock (default $USER@host)")
	flags.BoolVar(&f.dryRun, "dry-run", false, "write nothing, and print what would be written as a diff")
	flags.StringVar(&f.db, "db", "", "hold packages against the advisory database `FILE`")
	flags.SortFlags = false
	return cmd
}

// starter is a file that init may write.
type starter struct {
	name string // relative to the project
	why  string // one sentence, without its period
	text []byte // nil where there is nothing to write
	need string // what a file that is there already would need
	has  string // what a file has that needs nothing
}

func (a *app) initProject(cmd *cobra.Command, f *initFlags, dir string) error {
	before, err := a.audited(cmd, f, dir)
	if err != nil {
		return err
	}
	models := passing(dir, before)
	list, err := a.starters(cmd.Context(), f, dir, before, models)
	if err != nil {
		return err
	}
	if err := a.leftOut(before, models); err != nil {
		return err
	}
	wrote := false
	for _, s := range list {
		done, err := a.start(f, dir, s)
		if err != nil {
			return err
		}
		wrote = wrote || done
	}
	if f.dryRun || !wrote {
		return nil
	}
	after, err := a.audited(cmd, f, dir)
	if err != nil {
		return err
	}
	return a.say(turned(before, after))
}

// leftOut says what is in none of the files because it could not be read, or has no place
// in the project that a lock can name; the exit code is then that of what is incomplete.
func (a *app) leftOut(now *stood, models []initModel) error {
	left := map[string]string{}
	note := func(list []finding.Finding) {
		for _, f := range list {
			if f.Outcome == finding.Undetermined && strings.HasPrefix(f.Rule, "FMT90") {
				left[f.Where.Path] = "could not be read"
			}
		}
	}
	for i := range now.artifacts {
		m := &now.artifacts[i]
		if note(m.Findings); m.Verdict.Passes() && !slices.ContainsFunc(models, func(x initModel) bool { return x.Path == m.Path }) {
			left[m.Path] = "has no place in the project that a lock can name"
		}
	}
	note(now.loose)
	if len(left) > 0 {
		a.code = policy.ExitIncomplete
	}
	var text strings.Builder
	for _, p := range slices.Sorted(maps.Keys(left)) {
		fmt.Fprintf(&text, "andiron: init: %q %s, and nothing is written for it\n", safetext.Plain(p), left[p])
	}
	_, err := io.WriteString(a.stderr, text.String())
	return err
}

// stood is an audit, kept instead of reported.
type stood struct {
	gathered

	postures []finding.Posture
	summary  finding.Summary
	policy   policy.Policy
}

func (s *stood) Posture(p finding.Posture) error {
	s.postures = append(s.postures, p)
	return nil
}

func (s *stood) Summary(m finding.Summary) error {
	s.summary = m
	return nil
}

// audited audits the project.
func (a *app) audited(cmd *cobra.Command, f *initFlags, dir string) (*stood, error) {
	ctx := cmd.Context()
	rules, err := engine.Catalogue()
	if err != nil {
		return nil, fmt.Errorf("internal error: %w", err)
	}
	run := runFlags{trusting: asAsked, sha256: true}
	proj, err := a.project(cmd, &run, dir, rules)
	if err != nil {
		return nil, err
	}
	now := trust.Now()
	room, err := a.room(&run, &proj, now)
	if err != nil {
		return nil, err
	}
	defer closeRoom(room)
	opt := a.engineOptions(&run, finding.Config{Tool: "andiron", Version: version(), Verb: verbOf(cmd)}, &proj, room, rules, now)
	past, err := folded(ctx, dir)
	if err != nil {
		return nil, err
	}
	a.heap.widen()
	done, err := a.auditedDependencies(dir, f.db, past, &opt)
	if err != nil {
		return nil, err
	}
	defer done()
	s := &stood{policy: proj.policy}
	err = engine.Audit(ctx, dir, opt, s)
	a.keep(opt.Digests)
	if err == nil && ctx.Err() != nil {
		err = &fault{text: "init: " + engine.Interrupted, hint: "files that were written are whole; run again for the others"}
	}
	return s, err
}

// starters are the files, in the order in which they are explained.
func (a *app) starters(ctx context.Context, f *initFlags, dir string, now *stood, models []initModel) ([]starter, error) {
	lock, err := a.starterLock(f, models)
	if err != nil {
		return nil, err
	}
	yaml, err := starterPolicy(models, now)
	if err != nil {
		return nil, err
	}
	list := []starter{yaml, lock}
	list = append(list, starterSchemas(ctx, dir, models)...)
	return append(list, starterHook(), starterWorkflow()), nil
}

// start writes one file, or says why not.
func (a *app) start(f *initFlags, dir string, s starter) (wrote bool, err error) {
	name := filepath.Join(dir, filepath.FromSlash(s.name))
	if s.text == nil {
		return false, a.say(fmt.Sprintf("no     %s\n         %s\n", safetext.Plain(s.name), safetext.Plain(s.why)))
	}
	if err := beneathOnly(dir, s.name); err != nil {
		return false, err
	}
	_, err = os.Lstat(name)
	there := err == nil
	if !there && !errors.Is(err, fs.ErrNotExist) {
		return false, fmt.Errorf("%q: %w", name, osfile.Cause(err))
	}
	switch {
	case there:
		if s.has != "" && holds(name, s.has) {
			s.need = ""
		}
		return false, a.say(fmt.Sprintf("kept   %s\n         it is there already, and is not changed%s\n%s", safetext.Plain(s.name), needs(s), indented("         | ", s.need)))
	case f.dryRun:
		return false, a.say(fmt.Sprintf("would write %s\n         %s\n%s", safetext.Plain(s.name), safetext.Plain(s.why), added(s.name, s.text)))
	}
	if err = os.MkdirAll(filepath.Dir(name), 0o755); err == nil { //nolint:gosec // a folder of the project, as others are
		err = whole.AddFile(name, s.text)
	}
	if err != nil {
		return false, &fault{text: fmt.Sprintf("%q cannot be written: %v", name, osfile.Cause(err)), hint: folderFirst}
	}
	return true, a.say(fmt.Sprintf("wrote  %s\n         %s\n", safetext.Plain(s.name), safetext.Plain(s.why)))
}

// holds reports whether a file has a text.
func holds(name, text string) bool {
	b, err := readSmall(name, smallLimit)
	return err == nil && bytes.Contains(b, []byte(text))
}

func needs(s starter) string {
	if s.need == "" {
		return ""
	}
	return "; it would need:"
}

// beneathOnly complains about a folder of the project that is a link to elsewhere.
func beneathOnly(dir, name string) error {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return fmt.Errorf("%q: %w", dir, osfile.Cause(err))
	}
	defer func() { _ = root.Close() }() // nothing was written
	for parent := filepath.Dir(filepath.FromSlash(name)); parent != "."; parent = filepath.Dir(parent) {
		info, err := root.Lstat(parent)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil || !info.IsDir() {
			return usage(fmt.Sprintf("%q is not a folder of the project", filepath.Join(dir, parent)), "init follows no links; make it a folder, or write the file by hand: andiron init --dry-run prints it")
		}
	}
	return nil
}

// added is a new file as a unified diff.
func added(name string, text []byte) string {
	lines := strings.SplitAfter(strings.TrimSuffix(string(text), "\n"), "\n")
	return fmt.Sprintf("--- /dev/null\n+++ b/%s\n@@ -0,0 +1,%d @@\n%s", safetext.Plain(name), len(lines), indented("+", string(text)))
}

func indented(with, text string) string {
	var b strings.Builder
	for line := range strings.Lines(text) {
		b.WriteString(with + safetext.Plain(strings.TrimSuffix(line, "\n")) + "\n")
	}
	return b.String()
}

// turned compares the strategies before and after.
func turned(before, after *stood) string {
	var b strings.Builder
	b.WriteString("\nbefore and after\n")
	closed := 0
	for i, is := range after.postures {
		was := before.postures[i]
		closed += len(was.Missing) - len(is.Missing)
		change := string(is.Status)
		if was.Status != is.Status {
			change = fmt.Sprintf("%s -> %s", was.Status, is.Status)
		}
		fmt.Fprintf(&b, "  %-20s %-30s %d in place, was %d; %d missing, was %d\n", is.Strategy, change, len(is.Implemented), len(was.Implemented), len(is.Missing), len(was.Missing))
	}
	if after.summary.Incomplete {
		b.WriteString("not everything could be looked at: andiron audit says what\n")
	}
	b.WriteString("andiron audit says what is missing, and what closes it\n")
	return b.String()
}

// passing are the models that the lock and schemas are made for: those beneath the
// project that pass.
func passing(dir string, s *stood) (list []initModel) {
	for _, a := range s.artifacts {
		rel := trust.Relative(dir, filepath.FromSlash(a.Path))
		if a.Verdict.Passes() && rel != "" && namedLiterally(rel) == nil {
			list = append(list, initModel{a, rel})
		}
	}
	return list
}

// initModel is a model, and its path in the project.
type initModel struct {
	finding.Artifact

	rel string
}

// least is what the policy asks of a strategy: no less than today. Trusted sources are
// what the files are about, so they are measured once they are there.
func least(postures []finding.Posture) (list []finding.Posture) {
	for _, p := range postures {
		if p.Strategy != finding.TrustedSources && slices.Contains([]finding.Status{finding.Implemented, finding.Partial}, p.Status) {
			list = append(list, p)
		}
	}
	return list
}

// checkedPolicy holds what was made against the reader.
func checkedPolicy(text string) ([]byte, error) {
	if _, err := policy.Parse([]byte(text)); err != nil {
		return nil, fmt.Errorf("internal error: the policy that was made: %w", err)
	}
	return []byte(text), nil
}
