package report

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/andiron-dev/andiron/finding"
	"github.com/andiron-dev/andiron/internal/safetext"
)

// document is andiron/report/v1. Its members are those of the JSON lines too.
type document struct {
	Schema    string               `json:"schema"`
	Tool      tool                 `json:"tool"`
	Config    config               `json:"config"`
	Artifacts []finding.Artifact   `json:"artifacts"`
	Findings  []finding.Finding    `json:"findings"`
	Packages  []finding.Dependency `json:"packages,omitempty"` // only of runs that look at dependencies
	Posture   []finding.Posture    `json:"posture,omitempty"`  // only in andiron audit
	Summary   finding.Summary      `json:"summary"`
}

type tool struct {
	Name    string `json:"name"`
	Version string `json:"version"`
}

type config struct {
	Verb   string   `json:"verb"`
	Paths  []string `json:"paths"`
	FailOn string   `json:"fail_on"`
	Rules  int      `json:"rules"`
}

func toolOf(c finding.Config) tool { return tool{c.Tool, c.Version} }

func configOf(c finding.Config) config { return config{c.Verb, c.Paths, c.FailOn, c.Rules} }

func writeJSON(w io.Writer, r *run) error {
	return encode(w, "  ", document{
		Schema:    Schema,
		Tool:      toolOf(r.config),
		Config:    configOf(r.config),
		Artifacts: each(r.artifacts, normalArtifact),
		Findings:  each(r.findings, normalFinding),
		Packages:  each(r.dependencies, normalDependency),
		Posture:   each(r.posture, normalPosture),
		Summary:   r.summary,
	})
}

// lines writes the stream as it comes, one JSON value a line.
type lines struct {
	w   io.Writer
	opt Options
}

func (l *lines) Config(m finding.Config) error {
	m = normalConfig(m, l.opt)
	return encode(l.w, "", struct {
		Schema string `json:"schema"`
		Tool   tool   `json:"tool"`
		Config config `json:"config"`
	}{Schema, toolOf(m), configOf(m)})
}

func (l *lines) Progress(finding.Progress) error { return nil }

func (l *lines) Artifact(m finding.Artifact) error {
	return encode(l.w, "", struct {
		Artifact finding.Artifact `json:"artifact"`
	}{normalArtifact(m)})
}

func (l *lines) Finding(m finding.Finding) error {
	return encode(l.w, "", struct {
		Finding finding.Finding `json:"finding"`
	}{normalFinding(m)})
}

func (l *lines) Dependency(m finding.Dependency) error {
	return encode(l.w, "", struct {
		Package finding.Dependency `json:"package"`
	}{normalDependency(m)})
}

func (l *lines) Posture(m finding.Posture) error {
	return encode(l.w, "", struct {
		Posture finding.Posture `json:"posture"`
	}{normalPosture(m)})
}

func (l *lines) Summary(m finding.Summary) error {
	return encode(l.w, "", struct {
		Summary finding.Summary `json:"summary"`
	}{normalSummary(m)})
}

// encode writes v and a newline. A terminal may show the output, so whatever is
// not a visible character is written as an escape; the value stays the same.
func encode(w io.Writer, indent string, v any) error {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", indent)
	if err := enc.Encode(v); err != nil {
		return err
	}
	_, err := w.Write(visible(b.Bytes()))
	return err
}

// visible escapes what is not shown in JSON text. Outside of strings JSON has
// only ASCII, so no escape can land there.
func visible(b []byte) []byte {
	out := make([]byte, 0, len(b))
	for len(b) > 0 {
		if c := b[0]; c < utf8.RuneSelf && c != 0x7f {
			out, b = append(out, c), b[1:]
			continue
		}
		r, n := utf8.DecodeRune(b)
		if safetext.Shown(r) {
			out = append(out, b[:n]...)
		} else if hi, lo := utf16.EncodeRune(r); r > 0xffff {
			out = fmt.Appendf(out, `\u%04x\u%04x`, hi, lo)
		} else {
			out = fmt.Appendf(out, `\u%04x`, r)
		}
		b = b[n:]
	}
	return out
}
