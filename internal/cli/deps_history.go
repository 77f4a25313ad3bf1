package cli

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/andiron-dev/andiron/internal/osfile"
	"github.com/andiron-dev/andiron/internal/record"
	"github.com/andiron-dev/andiron/internal/safetext"
)

type historyFlags struct {
	format         choice
	output, anchor string
	verify, repair bool
}

func (a *app) depsHistoryCommand() *cobra.Command {
	var f historyFlags
	cmd := &cobra.Command{
		Use:   "history [DIR]",
		Short: "Show what was found and done over time",
		Long: `Show what the record in ` + record.FileName + ` says of a project: every finding with
when it was first and last seen and whether it is open, waived, fixed, or only left
the advisory feed, and the releases that are watched. DIR is the current folder if
not given.

The record is a chain: each entry holds the digest of the one before it. A broken
chain is an error that names the line. --verify prints the digest of the last entry;
kept elsewhere, it shows later with --anchor that nothing before it was taken away.`,
		Example: `  andiron deps history
  andiron deps history --format json service/
  andiron deps history --verify`,
		Args: wants("DIR", 0, 1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.depsHistory(cmd.Context(), &f, cmp.Or(strings.Join(args, ""), "."))
		},
	}
	addChoice(cmd, &f.format, "format", "how to write it", "text", "json")
	cmd.Flags().StringVarP(&f.output, "output", "o", "", "write to `FILE`, whole or not at all")
	cmd.Flags().BoolVar(&f.verify, "verify", false, "check the chain and print its length and its last digest")
	cmd.Flags().StringVar(&f.anchor, "anchor", "", "with --verify: demand that an entry has this `SHA256`")
	cmd.Flags().BoolVar(&f.repair, "repair", false, "cut off a last line that a crash left incomplete, and note it")
	cmd.Flags().SortFlags = false
	return cmd
}

func (a *app) depsHistory(ctx context.Context, f *historyFlags, dir string) error {
	if f.anchor != "" && !f.verify {
		return usage("deps history: --anchor needs --verify", "for example: andiron deps history --verify --anchor SHA256")
	}
	if b, err := hex.DecodeString(f.anchor); f.anchor != "" && (err != nil || len(b) != sha256.Size) {
		return usage(fmt.Sprintf("deps history: --anchor %q is not a SHA-256", f.anchor), "it has 64 hexadecimal digits; andiron deps history --verify prints it")
	}
	f.anchor = strings.ToLower(f.anchor)
	if err := folder(dir); err != nil {
		return err
	}
	l, err := record.Open(dir)
	if err != nil {
		return fmt.Errorf("%q cannot be opened: %w", dir, osfile.Cause(err))
	}
	defer func() { _ = l.Close() }() // it was read, or Append synced it
	if f.repair {
		if err := a.repairRecord(ctx, l); err != nil {
			return err
		}
	}
	out, err := openOutput(f.output, a.stdout)
	if err != nil {
		return err
	}
	if f.verify {
		err = verifyRecord(ctx, out, l, f)
	} else {
		err = writeHistory(ctx, out, l, f)
	}
	if err != nil {
		out.abandon()
		return recordFault(err)
	}
	return out.finish()
}

// recordFault says what to do about a record that cannot be used.
func recordFault(err error) error {
	f := &fault{text: err.Error()}
	if _, ok := errors.AsType[*fault](err); ok {
		return err
	}
	switch {
	case errors.Is(err, record.ErrTorn):
		f.hint = "andiron deps history --repair cuts the incomplete line off"
	case isLineError(err):
		f.hint = "compare it with an older copy of " + record.FileName + ", for example in version control"
	}
	return f
}

func isLineError(err error) bool {
	_, ok := errors.AsType[*record.LineError](err)
	return ok
}

func (a *app) repairRecord(ctx context.Context, l *record.Log) error {
	now, err := a.now()
	if err != nil {
		return err
	}
	cut, err := l.Repair(ctx, now)
	if err != nil {
		return recordFault(err)
	}
	if cut > 0 {
		a.warn(fmt.Sprintf("%d bytes of an incomplete entry were cut off", cut))
	}
	return nil
}

// verified is the answer to --verify, as scripts see it.
type verified struct {
	Entries int64  `json:"entries"`
	Head    string `json:"head"`
	Anchor  string `json:"anchor,omitempty"`
}

func verifyRecord(ctx context.Context, w io.Writer, l *record.Log, f *historyFlags) error {
	found := f.anchor == ""
	s, err := l.Read(ctx, func(e *record.Entry) error {
		found = found || e.Digest == f.anchor
		return nil
	})
	if err != nil {
		return err
	}
	if !found {
		return &fault{text: fmt.Sprintf("no entry has the digest %q: the record was cut short or written anew", f.anchor)}
	}
	if f.format.value == "json" {
		return writeJSON(w, verified{s.Entries, s.Head, f.anchor})
	}
	_, err = fmt.Fprintf(w, "the chain of %s holds\nhead sha256 %s\n", quantity(s.Entries, "entry", "entries"), s.Head)
	return err
}

// historyJSON is the history as scripts see it.
type historyJSON struct {
	Schema   string          `json:"schema"`
	Entries  int64           `json:"entries"`
	Head     string          `json:"head"`
	Foreign  int64           `json:"unknown_entries"`
	Scans    int64           `json:"scans"`
	LastScan *lastScan       `json:"last_scan,omitempty"`
	Findings []*record.State `json:"findings"`

	Decisions    []record.Decided  `json:"decisions"`
	Remediations []record.Remedied `json:"remediations"`
	Tests        []record.Tested   `json:"tests"`
	Releases     []record.Step     `json:"releases"`
	Audits       []record.Audited  `json:"audits"`
}

type lastScan struct {
	Time string `json:"time"`
	*record.Scan
}

func writeHistory(ctx context.Context, w io.Writer, l *record.Log, f *historyFlags) error {
	h, err := l.Fold(ctx)
	if err != nil {
		return err
	}
	rank := []record.Status{record.IsOpen, record.IsWaived, record.IsDisappeared, record.IsFixed}
	slices.SortStableFunc(h.States, func(a, b *record.State) int {
		return cmp.Compare(slices.Index(rank, a.Status), slices.Index(rank, b.Status))
	})
	if f.format.value == "json" {
		doc := historyJSON{
			Schema: "andiron/history/v1", Entries: h.Entries, Head: h.Head, Foreign: h.Foreign, Scans: h.Scans,
			Findings: append([]*record.State{}, h.States...), Decisions: append([]record.Decided{}, h.Decisions...),
			Remediations: append([]record.Remedied{}, h.Remediations...), Tests: append([]record.Tested{}, h.Tests...), Releases: append([]record.Step{}, h.Steps...),
			Audits: append([]record.Audited{}, h.Audits...),
		}
		if h.Last != nil {
			doc.LastScan = &lastScan{h.LastTime, h.Last}
		}
		return writeJSON(w, doc)
	}
	_, err = io.WriteString(w, historyText(h))
	return err
}

func historyText(h *record.Folded) string {
	var b strings.Builder
	if h.Entries == 0 {
		return "there is no record yet\n"
	}
	for _, st := range h.States {
		fmt.Fprintf(&b, "%-11s  %s  %s %s%s\n", st.Status, st.Rule, safetext.Plain(st.Package), safetext.Plain(strings.Join(st.Versions, ", ")), idsOf(st))
		fmt.Fprintf(&b, "  %s\n", safetext.Plain(st.Message))
		fmt.Fprintf(&b, "  %s  first seen %s, last seen %s, %s since %s\n", safetext.Plain(st.Where), st.FirstSeen, st.LastSeen, st.Status, st.Since)
	}
	doneText(&b, h)
	for _, s := range h.Steps {
		fmt.Fprintf(&b, "%s  %s %s: %s, by %s\n", s.Time, safetext.Plain(s.Package), safetext.Plain(s.Version), safetext.Plain(s.To), safetext.Plain(s.By))
		for _, e := range s.Evidence {
			fmt.Fprintf(&b, "  %s\n", safetext.Plain(e))
		}
	}
	for _, a := range h.Audits {
		fmt.Fprintf(&b, "%s  audit: %s\n", a.Time, safetext.Plain(auditLine(&a.Audit)))
	}
	fmt.Fprintf(&b, "%s, %s", quantity(h.Entries, "entry", "entries"), quantity(h.Scans, "scan", "scans"))
	if h.Last != nil {
		fmt.Fprintf(&b, ", the last at %s", h.LastTime)
	}
	if h.Foreign > 0 {
		fmt.Fprintf(&b, "; %s of kinds that only a newer andiron knows", quantity(h.Foreign, "entry is", "entries are"))
	}
	b.WriteString("\n")
	return b.String()
}

// auditLine is an audit in one line: "secure-loading partial, 4 missing; …".
func auditLine(a *record.Audit) string {
	var parts []string
	for _, s := range a.Strategies {
		part := s.Strategy + " " + s.Status
		if s.Missing > 0 {
			part += fmt.Sprintf(", %d missing", s.Missing)
		}
		parts = append(parts, part)
	}
	return strings.Join(parts, "; ")
}

// doneText says what was done about findings.
func doneText(b *strings.Builder, h *record.Folded) {
	for _, d := range h.Decisions {
		until := ""
		if d.Expires != "" {
			until = " until " + d.Expires
		}
		fmt.Fprintf(b, "%s  %s of %s %s, by %s%s: %s\n", d.Time, d.Action, d.Rule, safetext.Plain(strings.Join(append([]string{d.Package}, d.Advisories...), ", ")),
			safetext.Plain(d.Owner), safetext.Plain(until), safetext.Plain(d.Reason))
	}
	for _, r := range h.Remediations {
		fmt.Fprintf(b, "%s  %s %s is now %s, by %s, which closes %s\n", r.Time, safetext.Plain(r.Package), safetext.Plain(r.From), safetext.Plain(r.To),
			safetext.Plain(r.By), safetext.Plain(cmp.Or(strings.Join(r.Advisories, ", "), "nothing that is known")))
	}
	for _, t := range h.Tests {
		fmt.Fprintf(b, "%s  tested with %s, exit code %d after %d ms: %s\n", t.Time, safetext.Plain(strings.Join(t.Packages, ", ")), t.Exit, t.Milliseconds, safetext.Plain(t.Command))
	}
}

func idsOf(st *record.State) string {
	if len(st.Advisories) == 0 {
		return ""
	}
	return "  " + safetext.Plain(strings.Join(st.Advisories, ", "))
}

// quantity writes a number with its word.
func quantity(n int64, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}
