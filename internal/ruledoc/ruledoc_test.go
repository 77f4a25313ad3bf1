package ruledoc

import (
	"maps"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/andiron-dev/andiron/finding"
	"github.com/andiron-dev/andiron/internal/rule"
)

func catalogue(t *testing.T) rule.Catalogue {
	t.Helper()
	c, err := rule.NewCatalogue([]*rule.Rule{
		{
			ID: "PT2001", Title: "An expression | a program", Strategy: finding.SecureLoading, Severity: finding.Critical,
			Verdict: finding.Dangerous, Text: "It is evaluated.\n\nAs Python.", Fix: "do not load it", Since: "0.1.0",
			Refs: []string{"CVE-2025-32434", "https://example.org/x", "PyTorch v2.6.0 torch/export"},
		},
		{
			ID: "PKL095", Title: "What weights_only says", Strategy: finding.SecureLoading, Text: "A note.",
			Fix: "andiron scan shows it.", Since: "0.1.0",
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestMarkdown(t *testing.T) {
	const want = `# PT2001: An expression | a program

| severity | verdict | strategy | since |
| --- | --- | --- | --- |
| critical | at least dangerous | secure-loading | 0.1.0 |

It is evaluated.

As Python.

## What to do

Do not load it.

## References

- [CVE-2025-32434](https://www.cve.org/CVERecord?id=CVE-2025-32434)
- <https://example.org/x>
- PyTorch v2.6.0 torch/export

` + "`andiron rules PT2001` prints this page. [All rules](README.md)\n"
	if diff := cmp.Diff(want, Markdown(catalogue(t).Find("PT2001"))); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestIndex(t *testing.T) {
	const want = `# Rules

Generated from the rule catalogue, which holds 2. An id is never used again for another meaning.

## Pickles (PKL)

| rule | severity | verdict | strategy |
| --- | --- | --- | --- |
| [PKL095](PKL095.md) What weights_only says | info | as it is | secure-loading |

## torch.export archives (PT2)

| rule | severity | verdict | strategy |
| --- | --- | --- | --- |
| [PT2001](PT2001.md) An expression \| a program | critical | at least dangerous | secure-loading |
`
	if diff := cmp.Diff(want, Index(catalogue(t))); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestFiles(t *testing.T) {
	got := slices.Sorted(maps.Keys(Files(catalogue(t))))
	if diff := cmp.Diff([]string{"PKL095.md", "PT2001.md", "README.md"}, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// A fix begins with a capital letter, and code as it is written.
func TestSentence(t *testing.T) {
	for s, want := range map[string]string{
		"do not load it": "Do not load it.", "begin: x": "Begin: x.", "andiron scan": "andiron scan.",
		"yaml.safe_load(text), which": "yaml.safe_load(text), which.", "m.def(s)": "m.def(s).", "std::copy, or": "std::copy, or.",
	} {
		if got := sentence(s); got != want {
			t.Errorf("%q is %q, want %q", s, got, want)
		}
	}
}
