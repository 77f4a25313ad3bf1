// Package ruledoc writes the pages of docs/rules from the rule catalogue, so that
// they cannot say anything else than the rules do.
package ruledoc

import (
	"fmt"
	"regexp"
	"strings"
	"sync"

	"github.com/andiron-dev/andiron/finding"
	"github.com/andiron-dev/andiron/internal/rule"
)

// Files gives every page by its file name: README.md and one for each rule.
func Files(c rule.Catalogue) map[string]string {
	out := map[string]string{"README.md": Index(c)}
	for _, r := range c {
		out[r.ID+".md"] = Markdown(r)
	}
	return out
}

// Markdown is the page of one rule.
func Markdown(r *rule.Rule) string {
	var b strings.Builder
	fmt.Fprintf(&b, "# %s: %s\n\n", r.ID, r.Title)
	b.WriteString("| severity | verdict | strategy | since |\n| --- | --- | --- | --- |\n")
	fmt.Fprintf(&b, "| %s | %s | %s | %s |\n", r.Severity, verdict(r), r.Strategy, r.Since)
	fmt.Fprintf(&b, "\n%s\n\n## What to do\n\n%s\n", strings.TrimSpace(r.Text), sentence(r.Fix))
	if len(r.Refs) > 0 {
		b.WriteString("\n## References\n\n")
	}
	for _, ref := range r.Refs {
		fmt.Fprintf(&b, "- %s\n", link(ref))
	}
	fmt.Fprintf(&b, "\n`andiron rules %s` prints this page. [All rules](README.md)\n", r.ID)
	return b.String()
}

// Index is the page that lists all rules, by family.
func Index(c rule.Catalogue) string {
	var b strings.Builder
	fmt.Fprintf(&b, "# Rules\n\nGenerated from the rule catalogue, which holds %d. An id is never used again for another meaning.\n", len(c))
	last := ""
	for _, r := range c {
		if f := r.ID[:len(r.ID)-3]; f != last {
			last = f
			fmt.Fprintf(&b, "\n## %s\n\n| rule | severity | verdict | strategy |\n| --- | --- | --- | --- |\n", family(f))
		}
		fmt.Fprintf(&b, "| [%s](%s.md) %s | %s | %s | %s |\n", r.ID, r.ID, cell(r.Title), r.Severity, verdict(r), r.Strategy)
	}
	return b.String()
}

var families = map[string]string{
	"PKL": "Pickles", "ZIP": "ZIP archives", "TAR": "tar archives", "NPY": "numpy arrays", "TS": "TorchScript",
	"PT2": "torch.export archives", "ST": "safetensors", "GGUF": "GGUF", "ONNX": "ONNX", "HF": "Hugging Face folders",
	"FMT": "Formats", "TRC": "PyTorch containers", "DEP": "Dependencies", "PIN": "Pinning", "UPD": "Framework updates",
	"PY": "Python code", "OPS": "Custom operators", "TRU": "Trust", "TEN": "Tensors and data",
}

func family(prefix string) string {
	if name, ok := families[prefix]; ok {
		return name + " (" + prefix + ")"
	}
	return prefix
}

// verdict says what a finding of the rule makes of a model artifact.
func verdict(r *rule.Rule) string {
	if r.Verdict == finding.Safe {
		return "as it is"
	}
	return "at least " + r.Verdict.String()
}

// sentence ends a fix, which carries no period of its own, and begins it, unless it begins
// with code: yaml.safe_load(text), which ...
func sentence(s string) string {
	s = strings.TrimSpace(s)
	if s == "" {
		return s
	}
	first, _, _ := strings.Cut(s, " ")
	code := first == "andiron" || strings.ContainsAny(strings.TrimRight(first, ",.:;"), ".:_(")
	if c := s[0]; c >= 'a' && c <= 'z' && !code {
		s = string(c-'a'+'A') + s[1:]
	}
	if !strings.HasSuffix(s, ".") {
		s += "."
	}
	return s
}

var cve = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^CVE-[0-9]{4}-[0-9]+$`) })

func link(ref string) string {
	switch {
	case strings.HasPrefix(ref, "https://"):
		return "<" + ref + ">"
	case cve().MatchString(ref):
		return "[" + ref + "](https://www.cve.org/CVERecord?id=" + ref + ")"
	}
	return ref
}

func cell(s string) string { return strings.ReplaceAll(s, "|", `\|`) }
