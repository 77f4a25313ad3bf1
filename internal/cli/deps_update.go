package cli

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/andiron-dev/andiron/finding"
	"github.com/andiron-dev/andiron/internal/osfile"
	"github.com/andiron-dev/andiron/internal/pep440"
	"github.com/andiron-dev/andiron/internal/pep508"
	"github.com/andiron-dev/andiron/internal/policy"
	"github.com/andiron-dev/andiron/internal/record"
	"github.com/andiron-dev/andiron/internal/relock"
	"github.com/andiron-dev/andiron/internal/safetext"
	"github.com/andiron-dev/andiron/internal/supply"
)

type updateFlags struct {
	toolFlags

	format             choice
	names              []string
	cooldown           time.Duration
	test, by, index    string
	write, noLock, age bool
}

func (a *app) depsUpdateCommand() *cobra.Command {
	var f updateFlags
	cmd := &cobra.Command{
		Use:   "update [DIR]",
		Short: "Find the smallest step of torch and its family that closes vulnerabilities",
		Long: `Find the lowest release of torch that has no advisories, or else fewer or less severe
ones, with
what has to go with it: torchvision, torchaudio and the others that the project
pins. A release is taken if it is stable, not yanked, past its cooldown, for the same
accelerator, for the project's Python, and on an index that the project's files name.
--package updates others in the same way.

Pins are edited in place, the lock is made anew and verified as by "andiron deps
lock", and --test runs the project's own command on a copy with all of that. By
default nothing is changed, and the update is a patch on the standard output; --write
changes the files, and notes what was done in ` + record.FileName + `. DIR is the current
folder if not given.

Exit code 1 says that vulnerabilities at or above the level stay, or that the tests
failed.`,
		Example: `  andiron deps update | git apply
  andiron deps update --write --test 'uv run pytest'
  andiron deps update --format markdown > body.md`,
		Args: wants("DIR", 0, 1),
		RunE: func(cmd *cobra.Command, args []string) error {
			l, err := a.locking(cmd, &f.toolFlags, cmp.Or(strings.Join(args, ""), "."))
			if err != nil {
				return err
			}
			defer l.db.close()
			return a.depsUpdate(cmd, l, &f)
		},
	}
	flags := cmd.Flags()
	addChoice(cmd, &f.format, "format", "how to write the update; patch is for git apply", "patch", "text", "markdown", "json")
	flags.StringArrayVar(&f.names, "package", nil, "update this package; torch stands for its family (default torch)")
	flags.StringVar(&f.index, "index-url", "", "the `URL` of the index for packages that the project's files name none for (default $PIP_INDEX_URL or $UV_DEFAULT_INDEX)")
	flags.BoolVar(&f.write, "write", false, "change the files")
	flags.StringVar(&f.test, "test", "", "run this `COMMAND` of the project's own on a copy with the update")
	flags.DurationVar(&f.cooldown, "cooldown", 0, "take no release younger than this `TIME` (default that of the policy, or 7 days)")
	flags.BoolVar(&f.age, "allow-unknown-age", false, "also take releases whose age no index tells")
	flags.BoolVar(&f.noLock, "no-lock", false, "leave the lock as it is")
	flags.StringVar(&f.by, "by", "", "with --write: `WHO` did it (default $USER)")
	f.add(cmd)
	return cmd
}

func (a *app) depsUpdate(cmd *cobra.Command, l *locking, f *updateFlags) error {
	ctx := cmd.Context()
	opt := relock.UpdateOptions{
		Options: l.opt, Affected: l.affected, WithoutAgeUnsafe: f.age, WithoutLock: f.noLock, Test: f.test,
		Index:    cmp.Or(f.index, a.getenv("PIP_INDEX_URL"), a.getenv("UV_DEFAULT_INDEX")),
		Cooldown: cmp.Or(l.proj.policy.Supply.Cooldown, supply.DefaultCooldown),
	}
	if cmd.Flags().Changed("cooldown") {
		if opt.Cooldown = f.cooldown; f.cooldown < 0 {
			return usage(fmt.Sprintf("update: --cooldown %v is below 0", f.cooldown), "such as 168h, which is a week; 0 waits for nothing")
		}
	}
	for _, name := range f.names {
		opt.Names = append(opt.Names, pep508.Normalize(name))
	}
	if f.age {
		a.warn("releases are taken whose age is not known")
	}
	plan, err := relock.Update(ctx, l.project, opt)
	if err != nil {
		return a.toolFault(err)
	}
	written := false
	if f.write && len(plan.Edits) > 0 && plan.Good() {
		if err := a.writeUpdate(ctx, l, plan, f.by); err != nil {
			return err
		}
		written = true
	}
	if a.code, err = l.planCode(plan); err != nil {
		return err
	}
	return a.showPlan(l, plan, f.format.value, written)
}

// affected says which advisories a version has. What cannot be told counts.
func (l *locking) affected(name, version string) ([]relock.Advisory, error) {
	v, err := pep440.Parse(version)
	if err != nil {
		return nil, err
	}
	hits, err := l.db.Match(name, v)
	if err != nil {
		return nil, err
	}
	var list []relock.Advisory
	for _, h := range hits {
		list = append(list, relock.Advisory{ID: h.ID, Summary: h.Summary, Severity: h.Severity.Level})
	}
	return list, nil
}

// planCode is the exit code of an update.
func (l *locking) planCode(p *relock.Plan) (int, error) {
	var list []finding.Finding
	if p.Lock != nil {
		list = p.Lock.Findings // of all packages, those that are not updated included
	} else {
		list = l.waive(remaining(p))
	}
	code, err := l.judged(list)
	if err != nil {
		return 0, err
	}
	unseen := len(p.Problems) > 0
	for _, q := range p.Problems {
		unseen = unseen && q.Incomplete
	}
	switch {
	case len(p.Problems) > 0 && !unseen, p.Trial != nil && p.Trial.ExitCode != 0:
		return policy.ExitFindings, nil
	case unseen && code == policy.ExitClean:
		return policy.ExitIncomplete, nil
	}
	return code, nil
}

// remaining are the advisories that stay, as findings.
func remaining(p *relock.Plan) (list []finding.Finding) {
	for _, s := range slices.Concat(p.Steps, p.Open) {
		for _, a := range s.Remains {
			f := finding.Finding{
				Rule: "DEP001", Outcome: finding.Present, Severity: finding.High, // where the severity is not known
				Package: &finding.Package{Name: s.Name, Version: cmp.Or(s.To, s.From)}, Advisory: &finding.Advisory{ID: a.ID},
			}
			var known finding.Severity
			if known.UnmarshalText([]byte(a.Severity)) == nil {
				f.Severity = known
			}
			f.Where.Path, _, _ = strings.Cut(s.Places[0], ":")
			list = append(list, f)
		}
	}
	return list
}

// writeUpdate changes the files, and notes it in the record of the project.
func (a *app) writeUpdate(ctx context.Context, l *locking, p *relock.Plan, by string) error {
	if err := p.Unchanged(l.root); err != nil {
		return &fault{text: err.Error(), hint: "nothing was written; run it again"}
	}
	if err := p.Write(l.root); err != nil {
		return err
	}
	if p.Lock != nil {
		if err := p.Lock.Write(l.root, version(), l.now); err != nil {
			return err
		}
	}
	var drafts []record.Draft
	var with []string
	by = cmp.Or(by, a.getenv("USER"), "unknown")
	for _, s := range p.Steps {
		ids := []string{}
		for _, c := range s.Closes {
			ids = append(ids, c.ID)
		}
		with = append(with, s.Name+" "+s.To)
		drafts = append(drafts, record.Draft{Kind: record.KindRemediation, Body: record.Remediation{
			Package: s.Name, From: s.From, To: s.To, Advisories: ids, By: by,
		}})
	}
	if t := p.Trial; t != nil {
		drafts = append(drafts, record.Draft{Kind: record.KindTest, Body: record.Test{
			Command: t.Command, Exit: t.ExitCode, Milliseconds: int64(t.Seconds * 1000), Output: t.SHA256, Packages: with,
		}})
	}
	log, err := record.Open(l.root)
	if err != nil {
		return fmt.Errorf("the files are written, and the record cannot be opened: %w", osfile.Cause(err))
	}
	defer func() { _ = log.Close() }() // Append has synced it
	if _, err := log.Append(ctx, l.now, drafts...); err != nil {
		return fmt.Errorf("the files are written, and %q is not: %w", filepath.ToSlash(record.FileName), err)
	}
	return nil
}

func (a *app) showPlan(l *locking, p *relock.Plan, format string, written bool) error {
	switch format {
	case "json":
		return writeJSON(a.stdout, struct {
			Schema string `json:"schema"`
			*relock.Plan

			Patch   string `json:"patch"`
			Written bool   `json:"written"`
		}{"andiron/update/v1", p, string(p.Diff()), written})
	case "markdown":
		return a.say(planMarkdown(p, l.db))
	case "text":
		return a.say(planText(p, l.db, written))
	}
	// The patch is for a program; what people read goes to the other stream.
	for line := range strings.Lines(planText(p, l.db, written)) {
		_, _ = io.WriteString(a.stderr, safetext.Plain(strings.TrimSuffix(line, "\n"))+"\n") // as complain does
	}
	if written || !p.Good() {
		return nil
	}
	_, err := a.stdout.Write(p.Diff())
	return err
}

func ids(list []relock.Advisory) string {
	if len(list) == 0 {
		return "none"
	}
	var names []string
	for _, a := range list {
		names = append(names, a.ID)
	}
	return strings.Join(names, ", ")
}

func planText(p *relock.Plan, db *database, written bool) string {
	var b strings.Builder
	for _, s := range p.Steps {
		fmt.Fprintf(&b, "%s %s -> %s: %s; closes %s; remaining %s\n", s.Name, s.From, s.To, s.Reason, ids(s.Closes), ids(s.Remains))
		fmt.Fprintf(&b, "  from %s, uploaded %s (%s), in %s\n", s.Index, cmp.Or(s.Upload, "at a time that is not known"), s.Age, strings.Join(s.Places, ", "))
	}
	for _, s := range p.Open {
		fmt.Fprintf(&b, "open: %s %s in %s: %s; %s\n", s.Name, s.From, strings.Join(s.Places, ", "), ids(s.Remains), s.Reason)
	}
	for _, r := range p.Rejected {
		fmt.Fprintf(&b, "not taken: %s %s: %s\n", r.Name, r.Version, r.Reason)
	}
	for _, q := range p.Problems {
		fmt.Fprintf(&b, "problem: %s\n", q)
	}
	if p.Lock != nil {
		b.WriteString(lockText(p.Lock, nil, false, false))
	}
	if t := p.Trial; t != nil {
		fmt.Fprintf(&b, "test %q: exit %d after %.1f s, output sha256 %s\n", t.Command, t.ExitCode, t.Seconds, t.SHA256)
	}
	if db.Info().Builtin {
		fmt.Fprintf(&b, "note: held against %s\n", builtinOnly)
	}
	switch {
	case len(p.Steps) == 0 && len(p.Open) == 0 && len(p.Problems) == 0:
		b.WriteString("nothing to update\n")
	case written:
		fmt.Fprintf(&b, "written: %s\n", strings.Join(p.Names(), ", "))
	}
	return b.String()
}

// planMarkdown is the body of a pull request.
func planMarkdown(p *relock.Plan, db *database) string {
	var b strings.Builder
	b.WriteString("## Update of dependencies\n\n| package | before | after | closes | remaining | uploaded | why |\n|---|---|---|---|---|---|---|\n")
	for _, s := range p.Steps {
		row(&b, s.Name, s.From, s.To, ids(s.Closes), ids(s.Remains), cmp.Or(s.Upload, "not known")+" ("+s.Age+")", s.Reason)
	}
	for _, s := range p.Open {
		row(&b, s.Name, s.From, s.From, "none", ids(s.Remains), "", s.Reason)
	}
	b.WriteString("\nEvidence:\n\n")
	for _, s := range p.Steps {
		fmt.Fprintf(&b, "- %s comes from %s; it is bound in %s\n", cell(s.Name), code(s.Index), code(strings.Join(s.Places, ", ")))
		for _, c := range s.Closes {
			fmt.Fprintf(&b, "- %s: %s\n", cell(c.ID), cell(c.Summary))
		}
	}
	if l := p.Lock; l != nil {
		fmt.Fprintf(&b, "- %s was made by %s %s and verified: %s, %s as it has them, %d computed, %s\n", code(l.Lock), cell(l.Tool), cell(l.ToolVersion),
			many(l.Packages, "package"), many(l.ByTool, "digest"), len(l.Vouched), many(len(l.Findings), "finding"))
	}
	if t := p.Trial; t != nil {
		fmt.Fprintf(&b, "- %s ended with exit code %d after %.1f s; SHA-256 of its output: %s\n", code(t.Command), t.ExitCode, t.Seconds, code(t.SHA256))
	}
	if db.Info().Builtin {
		fmt.Fprintf(&b, "- advisories: %s\n", builtinOnly)
	}
	for _, q := range p.Problems {
		fmt.Fprintf(&b, "- problem: %s\n", cell(q.String()))
	}
	if len(p.Rejected) > 0 {
		b.WriteString("\nNot taken:\n\n")
		for _, r := range p.Rejected {
			fmt.Fprintf(&b, "- %s %s: %s\n", cell(r.Name), cell(r.Version), cell(r.Reason))
		}
	}
	return b.String()
}

func row(b *strings.Builder, cells ...string) {
	for _, c := range cells {
		b.WriteString("| " + cell(c) + " ")
	}
	b.WriteString("|\n")
}

// cell is text that markdown shows as it is, also between pipes.
func cell(s string) string {
	var b strings.Builder
	for _, r := range strings.Join(strings.Fields(s), " ") {
		if strings.ContainsRune("\\`*_{}[]<>|#!@", r) {
			b.WriteByte('\\')
		}
		b.WriteRune(r)
	}
	return b.String()
}

// code is text in a fixed font.
func code(s string) string {
	return "`" + strings.ReplaceAll(strings.Join(strings.Fields(s), " "), "`", "'") + "`"
}
