package report

import (
	"bytes"
	"strings"
	"testing"

	"github.com/andiron-dev/andiron/finding"
)

func ranOperators() finding.Summary {
	return finding.Summary{Operators: &finding.Operators{
		Torch: "2.6.0", Seed: 7,
		Rows: []finding.OperatorRow{
			{Name: "ns::gather", Seeds: 2, Valid: 30, Raised: 12, Crashed: 4, Found: []string{"crash", "poison"}, Asked: []string{"leak"}, Skipped: map[string]string{"opcheck": "torch 1.13 has none"}},
			{Name: "ns::<b>", Blind: true, Raised: 400, Reason: "its time was up", Skipped: map[string]string{"leak": "no call", "opcheck": "torch 1.13 has none"}},
		},
		Passes: []finding.OperatorPass{{Name: "plain", Run: true, Note: "2 operators"}, {Name: "valgrind", Reason: "it is not installed"}},
	}}
}

// Every format that people read has the rows, and why something was not run.
func TestOperators(t *testing.T) {
	wants := map[string][]string{
		"text": {
			"operator            seeds  valid  raised  crashed  found\n", "ns::gather              2     30      12        4  crash, poison\n",
			"ns::<b>     none, made up      0     400        0  its time was up\n",
			"valgrind: not run: it is not installed", "plain: 2 operators", "opcheck: not run: torch 1.13 has none",
			"operators: 2; 30 calls with a result, 412 with an exception, 4 that ended the process; torch 2.6.0, seed 7",
		},
		"html": {
			"<td><code>ns::gather</code></td>", "ns::&lt;b&gt;", "1 of 2 operators showed something", "<strong>valgrind</strong>: not run: it is not installed",
			"its operators were run.",
		},
		"markdown": {"| `ns::gather` | 2 | 30 | 12 | 4 | crash, poison |", "- valgrind: not run: it is not installed"},
		"json":     {`"torch": "2.6.0"`, `"reason": "it is not installed"`},
		"jsonl":    {`"torch":"2.6.0"`},
		"sarif":    {`"operators": {`, `"ns::gather"`},
	}
	for format, list := range wants {
		var b bytes.Buffer
		h, err := New(format, &b, Options{Version: "test"})
		if err != nil {
			t.Fatal(err)
		}
		for _, err := range []error{h.Config(finding.Config{Tool: "andiron", Verb: "ops test", Paths: []string{"p"}, FailOn: "high"}), h.Summary(ranOperators())} {
			if err != nil {
				t.Fatal(err)
			}
		}
		for _, want := range list {
			if !strings.Contains(b.String(), want) {
				t.Errorf("%s: no %q in\n%s", format, want, b.String())
			}
		}
		if strings.Contains(b.String(), "not run: no call") {
			t.Errorf("%s: leak was asked of one operator, and is said not to be run", format)
		}
	}
	var b bytes.Buffer
	h, err := New("text", &b, Options{})
	if err != nil {
		t.Fatal(err)
	}
	none := finding.Summary{Operators: &finding.Operators{Rows: []finding.OperatorRow{}, Passes: []finding.OperatorPass{}}}
	_ = h.Config(finding.Config{Verb: "ops test"})
	if err := h.Summary(none); err != nil || b.String() != "no custom operators\n" {
		t.Errorf("%v: %q", err, b.String())
	}
	none.Incomplete = true
	if got := packageTotals(none); got != "no operator was reached" {
		t.Errorf("a run that came to nothing says %q", got)
	}
}
