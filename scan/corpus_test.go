//go:build oracle

package scan_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/andiron-dev/andiron/finding"
	"github.com/andiron-dev/andiron/scan"
)

// hostile is an entry of the malicious corpus's manifest.
type hostile struct {
	File, Class, Technique, Note string
	Sink                         bool
}

func manifest(t *testing.T, dir string, into any) string {
	t.Helper()
	root := os.Getenv("ANDIRON_CORPUS")
	if root == "" {
		t.Fatal("ANDIRON_CORPUS is empty: run make oracle")
	}
	root = filepath.Join(root, dir)
	b, err := os.ReadFile(filepath.Join(root, "manifest.json"))
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(b, into); err != nil {
		t.Fatal(err)
	}
	return root
}

func judge(t *testing.T, path string) finding.Artifact {
	t.Helper()
	a, err := scan.File(t.Context(), path, scan.Options{})
	if err != nil {
		t.Fatalf("%s: %v", path, err)
	}
	return a
}

// reasons are the rules that decided, for a failing test's message.
func reasons(a finding.Artifact) string {
	var rules []string
	for _, f := range a.Findings {
		if f.Severity > finding.Info || f.Outcome == finding.Undetermined {
			rules = append(rules, f.Rule+" "+f.Message)
		}
	}
	slices.Sort(rules)
	return strings.Join(slices.Compact(rules), "\n\t\t")
}

// TestBenignCorpus: real files by real libraries. None is dangerous or
// suspicious, at most 3 % are unknown, and all are read.
func TestBenignCorpus(t *testing.T) {
	var kinds map[string]string
	root := manifest(t, "benign", &kinds)
	count := map[finding.Verdict]int{}
	for file, kind := range kinds {
		a := judge(t, filepath.Join(root, file))
		count[a.Verdict]++
		switch a.Verdict {
		case finding.Safe, finding.Framework:
		case finding.Unknown:
			t.Logf("unknown: %s (%s): %s", file, kind, reasons(a))
		case finding.Unreadable, finding.Suspicious, finding.Dangerous:
			t.Errorf("%s (%s) is %s: %s", file, kind, a.Verdict, reasons(a))
		}
	}
	t.Logf("%d benign files: %v", len(kinds), count)
	if len(kinds) < 150 {
		t.Errorf("only %d benign files", len(kinds))
	}
	if n := count[finding.Unknown]; n*100 > len(kinds)*3 {
		t.Errorf("%d of %d benign files are unknown, more than 3 %%", n, len(kinds))
	}
}

// TestHostileCorpus: no inert attack passes, and of those that call a known sink
// at least 95 % are dangerous.
func TestHostileCorpus(t *testing.T) {
	var files []hostile
	root := manifest(t, "malicious", &files)
	sinks, dangerous := 0, 0
	classes := map[string]map[finding.Verdict]int{}
	for _, h := range files {
		a := judge(t, filepath.Join(root, h.File))
		if classes[h.Class] == nil {
			classes[h.Class] = map[finding.Verdict]int{}
		}
		classes[h.Class][a.Verdict]++
		if a.Verdict.Passes() {
			t.Errorf("%s (class %s, %s) is %s", h.File, h.Class, h.Technique, a.Verdict)
		}
		if !h.Sink {
			continue
		}
		sinks++
		if a.Verdict == finding.Dangerous {
			dangerous++
		} else {
			t.Logf("sink, but %s: %s (%s, %s): %s", a.Verdict, h.File, h.Technique, h.Note, reasons(a))
		}
	}
	for _, class := range slices.Sorted(func(yield func(string) bool) {
		for c := range classes {
			if !yield(c) {
				return
			}
		}
	}) {
		t.Logf("class %s: %v", class, classes[class])
	}
	t.Logf("%d hostile files, %d call a known sink, %d of those are dangerous", len(files), sinks, dangerous)
	if len(files) < 400 || len(classes) < 17 {
		t.Errorf("only %d hostile files in %d classes", len(files), len(classes))
	}
	if dangerous*100 < sinks*95 {
		t.Errorf("%d of %d are dangerous, less than 95 %%", dangerous, sinks)
	}
}
