package cli

import (
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"

	"github.com/spf13/cobra"

	"github.com/andiron-dev/andiron/internal/engine"
	"github.com/andiron-dev/andiron/internal/rule"
	"github.com/andiron-dev/andiron/internal/ruledoc"
)

func (a *app) rulesCommand() *cobra.Command {
	var format choice
	cmd := &cobra.Command{
		Use:   "rules [ID]",
		Short: "List the rules, or explain one",
		Example: `  andiron rules
  andiron rules PKL001
  andiron rules --format json`,
		Args: wants("ID", 0, 1),
		RunE: func(_ *cobra.Command, args []string) error {
			all, err := engine.Catalogue()
			if err != nil {
				return fmt.Errorf("internal error: %w", err)
			}
			out, err := openOutput("", a.stdout)
			if err != nil {
				return err
			}
			if len(args) == 0 {
				err = writeRules(out, all, format.value)
			} else {
				err = explain(out, all, args[0], format.value)
			}
			return cmp.Or(err, out.finish())
		},
		ValidArgsFunction: completeRule,
	}
	addChoice(cmd, &format, "format", "how to write", "text", "json", "markdown")
	return cmd
}

func completeRule(_ *cobra.Command, args []string, _ string) (ids []string, _ cobra.ShellCompDirective) {
	all, err := engine.Catalogue()
	if err != nil || len(args) > 0 {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	for _, r := range all {
		ids = append(ids, r.ID+"\t"+r.Title)
	}
	return ids, cobra.ShellCompDirectiveNoFileComp
}

func writeRules(w io.Writer, all rule.Catalogue, format string) error {
	switch format {
	case "json":
		list := make([]ruleJSON, len(all))
		for i, r := range all {
			list[i] = asJSON(r)
		}
		return writeJSON(w, list)
	case "markdown":
		_, err := io.WriteString(w, ruledoc.Index(all))
		return err
	}
	for _, r := range all {
		if _, err := fmt.Fprintf(w, "%-8s%-10s%-22s%s\n", r.ID, r.Severity, r.Strategy, r.Title); err != nil {
			return err
		}
	}
	return nil
}

func explain(w io.Writer, all rule.Catalogue, id, format string) error {
	r := all.Find(strings.ToUpper(id))
	if r == nil {
		return usage(fmt.Sprintf("no rule has the id %q", id), `"andiron rules" lists them`)
	}
	var err error
	switch format {
	case "json":
		return writeJSON(w, asJSON(r))
	case "markdown":
		_, err = io.WriteString(w, ruledoc.Markdown(r))
	default:
		_, err = fmt.Fprintf(w, "%s  %s\n\n%s\n\nSeverity: %s\nStrategy: %s\nVerdict:  %s\nSince:    %s\nFix:      %s\n%s",
			r.ID, r.Title, wrap(r.Text), r.Severity, r.Strategy, r.Verdict, r.Since, r.Fix, references(r.Refs))
	}
	return err
}

const textWidth = 80

// wrap breaks paragraphs at spaces. Lines that begin with a space stay as they
// are: they are examples.
func wrap(text string) string {
	var b strings.Builder
	for line := range strings.SplitSeq(text, "\n") {
		col := 0
		if strings.HasPrefix(line, " ") {
			b.WriteString(line)
		} else {
			for word := range strings.FieldsSeq(line) {
				if n := utf8.RuneCountInString(word); col > 0 && col+1+n > textWidth {
					b.WriteByte('\n')
					col = 0
				} else if col > 0 {
					b.WriteByte(' ')
					col++
				}
				b.WriteString(word)
				col += utf8.RuneCountInString(word)
			}
		}
		b.WriteByte('\n')
	}
	return strings.TrimSuffix(b.String(), "\n")
}

func references(refs []string) string {
	if len(refs) == 0 {
		return ""
	}
	return "See:      " + strings.Join(refs, "\n          ") + "\n"
}

// ruleJSON is a rule as scripts see it.
type ruleJSON struct {
	ID         string   `json:"id"`
	Title      string   `json:"title"`
	Strategy   string   `json:"strategy"`
	Severity   string   `json:"severity"`
	Verdict    string   `json:"verdict"`
	Text       string   `json:"text"`
	Fix        string   `json:"fix"`
	Since      string   `json:"since"`
	References []string `json:"references"`
}

func asJSON(r *rule.Rule) ruleJSON {
	return ruleJSON{
		ID: r.ID, Title: r.Title, Strategy: string(r.Strategy), Severity: r.Severity.String(),
		Verdict: r.Verdict.String(), Text: r.Text, Fix: r.Fix, Since: r.Since, References: append([]string{}, r.Refs...),
	}
}

func writeJSON(w io.Writer, v any) error {
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	return enc.Encode(v)
}
