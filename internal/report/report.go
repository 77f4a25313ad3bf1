// Package report writes the stream of one run as text, JSON, JSON lines, SARIF,
// Markdown, HTML or workflow commands of GitHub Actions. Each format is a [finding.Handler]; none of them changes
// what was found, and none decides an exit code.
//
// # Security
//
// File names, messages and evidence come from hostile files. Every format
// writes them so that they cannot act on the reader: control characters, escape
// sequences, newlines, bidirectional overrides, invisible characters and invalid
// UTF-8 are spelled out as \n, \x1b or \u202e; Markdown gives no link, mention
// or HTML a chance; HTML is joined of constants and escaped texts, and forbids
// scripts and remote content by its own content security policy; SARIF URIs are
// percent-encoded and SARIF messages hold neither placeholders nor links; every
// line for GitHub Actions is a workflow command of ours, whose values are escaped so
// that none of them can end it or begin another.
//
// # Limits
//
// The formats for machines (json, jsonl, sarif) hold everything. The formats for
// people shorten very long texts and many findings of one rule in one artifact,
// and say how many they left out; of clean packages they give the number. text and jsonl are written as the run goes; the
// others are held in memory until the summary, so a run that died writes nothing
// that looks complete.
//
// # Specification
//
// andiron/report/v1 is docs/spec/report-v1.md, with its schema beside it. SARIF
// is version 2.1.0 (OASIS, errata 01), its schema is kept in docs/spec too.
// The output holds no time and no random value: the same stream gives the same bytes.
package report

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/andiron-dev/andiron/finding"
	"github.com/andiron-dev/andiron/internal/rule"
)

// Schema names the form of the JSON document and of the JSON lines.
const Schema = "andiron/report/v1"

// Options is what a report may be told. The zero value is a plain report.
type Options struct {
	Color     bool // ANSI colours in text
	Width     int  // text only: columns of the terminal; 0 breaks no line
	Quiet     bool // text only: leave out what passes and what is only information
	Catalogue rule.Catalogue
	Version   string // of andiron, where the stream's Config has none
}

// Formats lists the names that New knows.
func Formats() []string {
	return []string{"text", "json", "jsonl", "sarif", "markdown", "html", "github"}
}

// New returns a handler that writes a stream to w in a format.
func New(format string, w io.Writer, opt Options) (finding.Handler, error) {
	switch format {
	case "text":
		return newText(w, opt), nil
	case "json":
		return collect(w, opt, writeJSON), nil
	case "jsonl":
		return &lines{w: w, opt: opt}, nil
	case "sarif":
		return collect(w, opt, writeSARIF), nil
	case "markdown":
		return collect(w, opt, writeMarkdown), nil
	case "html":
		return collect(w, opt, writeHTML), nil
	case "github":
		return collect(w, opt, writeGitHub), nil
	}
	return nil, fmt.Errorf("format %q is not one of %s", format, strings.Join(Formats(), ", "))
}

// run is one whole stream.
type run struct {
	opt          Options
	config       finding.Config
	artifacts    []finding.Artifact   // by path
	findings     []finding.Finding    // those that belong to no artifact
	dependencies []finding.Dependency // by name, version and place
	posture      []finding.Posture    // in the order they came
	summary      finding.Summary
}

// collector holds a stream until its summary, then writes it at once.
type collector struct {
	run
	w     io.Writer
	write func(io.Writer, *run) error
}

func collect(w io.Writer, opt Options, write func(io.Writer, *run) error) *collector {
	return &collector{run: run{opt: opt}, w: w, write: write}
}

func (c *collector) Config(m finding.Config) error {
	c.config = normalConfig(m, c.opt)
	return nil
}

func (c *collector) Progress(finding.Progress) error { return nil }

func (c *collector) Artifact(m finding.Artifact) error {
	m.Findings = sorted(m.Findings)
	c.artifacts = append(c.artifacts, m)
	return nil
}

func (c *collector) Finding(m finding.Finding) error {
	c.findings = append(c.findings, m)
	return nil
}

func (c *collector) Dependency(m finding.Dependency) error {
	c.dependencies = append(c.dependencies, m)
	return nil
}

func (c *collector) Posture(m finding.Posture) error {
	c.posture = append(c.posture, m)
	return nil
}

func (c *collector) Summary(m finding.Summary) error {
	c.summary = normalSummary(m)
	slices.SortStableFunc(c.artifacts, func(a, b finding.Artifact) int { return strings.Compare(a.Path, b.Path) })
	slices.SortStableFunc(c.findings, finding.Compare)
	slices.SortStableFunc(c.dependencies, compareDependencies)
	return c.write(c.w, &c.run)
}

func sorted(fs []finding.Finding) []finding.Finding {
	return slices.SortedStableFunc(slices.Values(fs), finding.Compare)
}
