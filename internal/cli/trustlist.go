package cli

import (
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/andiron-dev/andiron/internal/lockfile"
	"github.com/andiron-dev/andiron/internal/openvex"
	"github.com/andiron-dev/andiron/internal/policy"
	"github.com/andiron-dev/andiron/internal/safetext"
	"github.com/andiron-dev/andiron/internal/trust"
	"github.com/andiron-dev/andiron/internal/waiver"
)

type listFlags struct {
	format               choice
	lock, policy, output string
}

func (a *app) trustListCommand() *cobra.Command {
	var f listFlags
	cmd := &cobra.Command{
		Use:   "list",
		Short: "List what is trusted, and what was waived",
		Long: `List the models in ` + lockfile.FileName + ` and the waivers in ` + policy.FileName + `.

--format openvex writes the waivers as an OpenVEX 0.2.0 document, for tools that
collect such statements. OpenVEX has no expiry; the day stands in the notes.`,
		Example: `  andiron trust list
  andiron trust list --format openvex --output waivers.vex.json`,
		Args: wants("argument", 0, 0),
		RunE: func(*cobra.Command, []string) error { return a.trustList(&f) },
	}
	addChoice(cmd, &f.format, "format", "how to write the list", "text", "json", "openvex")
	cmd.Flags().StringVarP(&f.output, "output", "o", "", "write to `FILE`, whole or not at all")
	addLock(cmd, &f.lock)
	cmd.Flags().StringVar(&f.policy, "policy", "", "read the policy from `FILE` instead of "+policy.FileName)
	cmd.Flags().SortFlags = false
	return cmd
}

func (a *app) trustList(f *listFlags) error {
	p, err := openProject(".", f.policy, f.lock)
	if err == nil {
		err = p.wantLock(f.lock)
	}
	if err != nil {
		return err
	}
	if p.lock == nil {
		p.lock = &lockfile.File{}
	}
	out, err := openOutput(f.output, a.stdout)
	if err != nil {
		return err
	}
	switch f.format.value {
	case "json":
		err = writeJSON(out, listOf(&p))
	case "openvex":
		err = a.writeVEX(out, &p)
	default:
		err = writeTrust(out, &p)
	}
	if err != nil {
		out.abandon()
		return err
	}
	return out.finish()
}

func (a *app) writeVEX(w io.Writer, p *project) error {
	when, err := a.when(trust.Now())
	if err != nil {
		return err
	}
	return openvex.Write(w, p.policy.Waivers, p.lock, when, version())
}

// trustJSON is the list as scripts see it.
type trustJSON struct {
	Models  []lockfile.Model `json:"models"`
	Waivers []waiverJSON     `json:"waivers"`
}

type waiverJSON struct {
	Rule    string `json:"rule"`
	Path    string `json:"path,omitempty"`
	SHA256  string `json:"sha256,omitempty"`
	Owner   string `json:"owner"`
	Reason  string `json:"reason"`
	Expires string `json:"expires"`
	Expired bool   `json:"expired"`
}

func listOf(p *project) trustJSON {
	list := trustJSON{Models: append([]lockfile.Model{}, p.lock.Models...), Waivers: []waiverJSON{}}
	now := trust.Now()
	for i := range list.Models {
		list.Models[i].Waivers = append([]string{}, list.Models[i].Waivers...)
	}
	for _, w := range p.policy.Waivers {
		list.Waivers = append(list.Waivers, waiverJSON{w.Rule, w.Path, w.SHA256, w.Owner, w.Reason, w.Expires.String(), w.Expires.Over(now)})
	}
	return list
}

func writeTrust(w io.Writer, p *project) error {
	var b strings.Builder
	if len(p.lock.Models) == 0 {
		b.WriteString("no models are locked\n")
	}
	for _, m := range p.lock.Models {
		fmt.Fprintf(&b, "%s\n  sha256 %s  %d bytes  %s  %s%s\n  added by %s at %s\n", safetext.Plain(m.Path), m.SHA256, m.Size,
			safetext.Plain(m.Format), m.Verdict, waivedBy(m), safetext.Plain(m.AddedBy), m.AddedAt)
		detail(&b, "source", m.Source)
		detail(&b, "signature", m.Signature)
		detail(&b, "reason", m.Reason)
	}
	if len(p.policy.Waivers) > 0 {
		b.WriteString("\nwaivers\n")
	}
	for _, x := range p.policy.Waivers {
		fmt.Fprintf(&b, "  %s  %s  until %s%s\n    %s: %s\n", x.Rule, safetext.Plain(x.Subject()), x.Expires, expired(x), safetext.Plain(x.Owner), safetext.Plain(x.Reason))
	}
	_, err := io.WriteString(w, b.String())
	return err
}

func detail(b *strings.Builder, what, value string) {
	if value != "" {
		fmt.Fprintf(b, "  %s %s\n", what, safetext.Plain(value))
	}
}

func expired(w waiver.Waiver) string {
	if w.Expires.Over(trust.Now()) {
		return " (expired)"
	}
	return ""
}
