package main

import (
	"archive/zip"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

// told is what a report in JSON says of dependencies, as far as a test asks.
type told struct {
	Packages []struct {
		Name, Version, Status, Reason, Requested string
		Advisories                               []string
		Where                                    place
	}
	Findings []struct {
		Rule, Severity, Outcome, Message, Fix string
		Evidence                              []string
		Where                                 place
		Waived                                *struct{ Owner string }
	}
	Posture []struct {
		Strategy, Status     string
		Implemented, Missing []struct {
			Text  string
			Where place
		}
	}
	Summary struct {
		Incomplete bool
		Reasons    []string
	}
}

type place struct {
	Path string
	Line int
}

func (p place) String() string {
	if p.Line == 0 {
		return p.Path
	}
	return p.Path + ":" + strconv.Itoa(p.Line)
}

// varies is what differs from day to day.
var (
	varies  = regexp.MustCompile(` as of \d{4}-\d\d-\d\d, (\d+ records?), digest [0-9a-f]{12}`)
	moments = regexp.MustCompile(`\d{4}-\d\d-\d\dT[0-9:]+Z`)
)

// lines writes a report as a person would note it down: one line for each package and
// for each finding, "?" where it is undetermined.
func (t *told) lines() string {
	var b strings.Builder
	for _, p := range t.Packages {
		fmt.Fprintf(&b, "%s: %s %s %s", p.Where, p.Name, p.Version+p.Requested, p.Status)
		if len(p.Advisories) > 0 {
			fmt.Fprintf(&b, " (%s)", strings.Join(p.Advisories, " "))
		}
		if p.Reason != "" {
			fmt.Fprintf(&b, ": %s", p.Reason)
		}
		b.WriteByte('\n')
	}
	for _, f := range t.Findings {
		mark := ""
		if f.Outcome == "undetermined" {
			mark = "?"
		}
		if f.Waived != nil {
			mark += " waived by " + f.Waived.Owner
		}
		fmt.Fprintf(&b, "%s: %s %s%s: %s\n", f.Where, f.Rule, f.Severity, mark, f.Message)
		for _, e := range f.Evidence {
			fmt.Fprintf(&b, "  %s\n", e)
		}
	}
	return moments.ReplaceAllString(varies.ReplaceAllString(b.String(), ", $1"), "TIME")
}

// tells runs a command with --format json, and writes what its report says to the file
// told: tells 1 andiron deps scan
func tells(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: tells CODE COMMAND [ARG...]")
	}
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	got := 0
	if err := ts.Exec(args[1], append(args[2:], "--format", "json")...); err != nil {
		exit, ok := errors.AsType[*exec.ExitError](err)
		if !ok {
			ts.Fatalf("%v", err)
		}
		got = exit.ExitCode()
	}
	var t told
	ts.Check(json.Unmarshal([]byte(ts.ReadFile("stdout")), &t))
	ts.Check(os.WriteFile(ts.MkAbs("told"), []byte(t.lines()), 0o644))
	if got != want {
		ts.Fatalf("%s exited %d, want %d", strings.Join(args[1:], " "), got, want)
	}
}

// zipped packs a folder, and may keep the first bytes alone: zipped IN OUT [BYTES]
func zipped(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: zipped IN OUT [BYTES]")
	}
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	ts.Check(w.AddFS(os.DirFS(ts.MkAbs(args[0]))))
	ts.Check(w.Close())
	if len(args) > 2 {
		n, err := strconv.Atoi(args[2])
		ts.Check(err)
		b.Truncate(n)
	}
	ts.Check(os.WriteFile(ts.MkAbs(args[1]), b.Bytes(), 0o644))
}

// repeated writes a file of a beginning, a text many times, and an end:
// repeated OUT BEGIN TEXT TIMES END
func repeated(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 5 {
		ts.Fatalf("usage: repeated OUT BEGIN TEXT TIMES END")
	}
	n, err := strconv.Atoi(args[3])
	ts.Check(err)
	text := strings.NewReplacer(`\n`, "\n").Replace
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), []byte(text(args[1])+strings.Repeat(text(args[2]), n)+text(args[4])), 0o644))
}

var ago = regexp.MustCompile(`\{(day|time)-(\d+)([dh])\}`)

// dated replaces {day-3d} and {time-36h} in files by what was then.
func dated(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) == 0 {
		ts.Fatalf("usage: dated FILE...")
	}
	for _, name := range args {
		b, err := os.ReadFile(ts.MkAbs(name))
		ts.Check(err)
		ts.Check(os.WriteFile(ts.MkAbs(name), sinceNow(b), 0o644))
	}
}

func sinceNow(b []byte) []byte {
	return ago.ReplaceAllFunc(b, func(m []byte) []byte {
		part := ago.FindSubmatch(m)
		n, err := strconv.Atoi(string(part[2]))
		if err != nil {
			panic(err)
		}
		d := time.Duration(n) * time.Hour
		if bytes.Equal(part[3], []byte("d")) {
			d *= 24
		}
		layout := time.RFC3339
		if string(part[1]) == "day" {
			layout = time.DateOnly
		}
		return time.Now().UTC().Add(-d).AppendFormat(nil, layout)
	})
}
