package cli

import (
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/andiron-dev/andiron/internal/advisory"
	"github.com/andiron-dev/andiron/internal/safetext"
)

func (a *app) dbStatusCommand(db *string) *cobra.Command {
	var format choice
	cmd := &cobra.Command{
		Use:   "status",
		Short: "Say what the database holds, and how old it is",
		Long: `Verify the database, and say where it came from, until when it is known to be
complete, what it holds, and which records could not be read. The age counts from
the last update; of imported records, from the newest of them.`,
		Example: `  andiron db status
  andiron db status --format json`,
		Args: wants("argument", 0, 0),
		RunE: func(*cobra.Command, []string) error { return a.dbStatus(*db, format.value) },
	}
	addChoice(cmd, &format, "format", "how to write it", "text", "json")
	return cmd
}

// dbStatus is the status as scripts see it.
type dbStatus struct {
	Path       string      `json:"path,omitempty"`
	Builtin    bool        `json:"builtin"`
	Source     string      `json:"source"`
	Newest     string      `json:"newest"`
	Current    string      `json:"current"`
	Built      string      `json:"built"`
	AgeSeconds int64       `json:"age_seconds"`
	Records    int         `json:"records"`
	Packages   int         `json:"packages"`
	Malicious  int         `json:"malicious"`
	Withdrawn  int         `json:"withdrawn"`
	Foreign    int         `json:"foreign"`
	Rejected   int         `json:"rejected"`
	Repaired   int         `json:"repaired"`
	SHA256     string      `json:"sha256"`
	Bytes      int64       `json:"bytes"`
	Problems   []dbProblem `json:"problems"`
}

type dbProblem struct {
	ID       string `json:"id"`
	Rejected bool   `json:"rejected"`
	Reason   string `json:"reason"`
}

func (a *app) dbStatus(flag, format string) error {
	now, err := a.now()
	if err != nil {
		return err
	}
	db, err := a.openDatabase(flag)
	if err != nil {
		return err
	}
	defer db.close()
	var problems []advisory.Problem
	if err = db.Verify(); err == nil {
		problems, err = db.Problems()
	}
	if err != nil {
		return databaseFault(fmt.Errorf("%q: %w", db.name, err))
	}
	s := statusOf(db.name, db.Info(), problems, now)
	if format == "json" {
		return writeJSON(a.stdout, s)
	}
	return writeStatus(a.stdout, s)
}

func statusOf(name string, i advisory.Info, problems []advisory.Problem, now time.Time) *dbStatus {
	s := &dbStatus{
		Path: safetext.Valid(name), Builtin: i.Builtin, Source: safetext.Valid(i.Source), Newest: stampOf(i.Newest), Current: stampOf(i.Current), Built: stampOf(i.Built),
		AgeSeconds: now.Unix() - i.Current, Records: i.Records, Packages: i.Packages, Malicious: i.Malicious, Withdrawn: i.Withdrawn,
		Foreign: i.Foreign, Rejected: i.Rejected, Repaired: i.Repaired, SHA256: i.Digest, Bytes: i.Size, Problems: []dbProblem{},
	}
	for _, p := range problems {
		s.Problems = append(s.Problems, dbProblem{safetext.Valid(p.ID), p.Whole, safetext.Valid(p.Reason)})
	}
	return s
}

// fewProblems is how many of the rejected records the text shows.
const fewProblems = 10

func writeStatus(w io.Writer, s *dbStatus) error {
	var b strings.Builder
	if s.Builtin {
		b.WriteString(builtinOnly + "\n")
	} else {
		fmt.Fprintf(&b, "database   %s\nsource     %s\n", safetext.Plain(s.Path), safetext.Plain(s.Source))
	}
	fmt.Fprintf(&b, "complete   until %s, %s\nnewest     %s\nbuilt      %s\n", s.Current, age(s.AgeSeconds), s.Newest, s.Built)
	fmt.Fprintf(&b, "records    %d, of them malware %d\npackages   %d\n", s.Records, s.Malicious, s.Packages)
	fmt.Fprintf(&b, "left out   %d withdrawn, %d of other ecosystems\n", s.Withdrawn, s.Foreign)
	fmt.Fprintf(&b, "rejected   %d, and of %d something was passed over\n", s.Rejected, s.Repaired)
	n := 0
	for _, p := range s.Problems {
		if !p.Rejected {
			continue
		}
		if n++; n > fewProblems {
			continue
		}
		fmt.Fprintf(&b, "  %s: %s\n", safetext.Plain(p.ID), safetext.Plain(p.Reason))
	}
	if more := n - fewProblems; more > 0 {
		fmt.Fprintf(&b, "  and %d more; --format json lists all\n", more)
	}
	fmt.Fprintf(&b, "sha256     %s\n", s.SHA256)
	_, err := io.WriteString(w, b.String())
	return err
}

func age(sec int64) string {
	switch d := time.Duration(sec) * time.Second; {
	case sec < 0:
		return "which is to come: the clock of this machine or that of the other is wrong"
	case d < time.Hour:
		return "less than an hour ago"
	case d < 48*time.Hour:
		return fmt.Sprintf("%d hours ago", int(d.Hours()))
	default:
		return fmt.Sprintf("%d days ago", int(d.Hours()/24))
	}
}
