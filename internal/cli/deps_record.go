package cli

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/andiron-dev/andiron/finding"
	"github.com/andiron-dev/andiron/internal/deps"
	"github.com/andiron-dev/andiron/internal/digest"
	"github.com/andiron-dev/andiron/internal/record"
)

// recording is the record that a scan is written to, and answered from.
type recording struct {
	log    *record.Log
	secret record.Secret
	scan   record.Scan
	quick  string // the key of the question without its inputs
}

// openRecording opens the record of a project. Without a secret nothing is answered
// from what is stored, and everything else is as usual.
func (a *app) openRecording(root, database string, options []string) (*recording, error) {
	log, err := record.Open(root)
	if err != nil {
		return nil, err
	}
	r := &recording{log: log}
	if dir := digest.Private(a.getenv); dir != "" {
		r.secret, _ = record.OpenSecret(dir) // without one the scan is done anew
	}
	r.scan = record.Scan{Tool: version(), Scope: options[0], Database: database, Options: options}
	r.quick = record.Question{Tool: r.scan.Tool, Database: database, Options: append(slices.Clone(options), "traced")}.Key()
	return r, nil
}

// ask completes the question with what was read.
func (r *recording) ask(root string, p *deps.Project) {
	for _, in := range p.Inputs {
		r.scan.Inputs = append(r.scan.Inputs, record.Input{Path: relativeTo(root, in.Path), SHA256: in.SHA256})
	}
	for _, u := range p.Unread { // what could not be read is a part of the question
		sum := sha256.Sum256([]byte(u.Text))
		r.scan.Inputs = append(r.scan.Inputs, record.Input{Path: fmt.Sprintf("%s:%d", relativeTo(root, u.Path), u.Line), SHA256: hex.EncodeToString(sum[:])})
	}
	r.scan.Commit = commitOf(root)
	r.scan.Key = record.Question{Tool: r.scan.Tool, Database: r.scan.Database, Options: r.scan.Options, Inputs: r.scan.Inputs}.Key()
}

func (r *recording) close() {
	if r != nil {
		_ = r.log.Close() // a folder that was only read
	}
}

func relativeTo(root, p string) string {
	rel, err := filepath.Rel(root, filepath.FromSlash(p))
	if err != nil {
		return p
	}
	return filepath.ToSlash(rel)
}

// same answers from what is stored if every file that the result depended on is what
// it was. Nothing is taken apart for that.
func (r *recording) same(ctx context.Context, root string, paths []string, config finding.Config, h finding.Handler) (done bool, t deps.Trace, err error) {
	b, ok := r.log.Answer(r.secret, r.quick)
	if !ok {
		return false, t, nil
	}
	head, stream, _ := bytes.Cut(b, []byte("\n"))
	if !decoded(head, &t) || !deps.Same(ctx, root, paths, t) {
		return false, t, nil
	}
	done, err = replay(stream, config, h)
	return done, t, err
}

// decoded reads what stands before a stored result. One that another version of andiron
// wrote is none.
func decoded(head []byte, to any) bool { return json.Unmarshal(head, to) == nil }

// storedReport stands before the text of a report.
type storedReport struct {
	deps.Trace

	Code int `json:"code"`
}

// report returns the text of a report that is stored, and its exit code, if every file
// that it depended on is what it was.
func (r *recording) report(ctx context.Context, form, root string, paths []string) (text []byte, code int, ok bool) {
	b, ok := r.log.Answer(r.secret, r.formKey(form))
	if !ok {
		return nil, 0, false
	}
	head, text, _ := bytes.Cut(b, []byte("\n"))
	var s storedReport
	if !decoded(head, &s) || !deps.Same(ctx, root, paths, s.Trace) {
		return nil, 0, false
	}
	return text, s.Code, true
}

func (r *recording) keepReport(form string, t deps.Trace, code int, text []byte) error {
	head, err := json.Marshal(storedReport{t, code})
	if err != nil {
		return err
	}
	_, err = r.log.Keep(r.secret, r.formKey(form), append(append(head, '\n'), text...))
	return err
}

func (r *recording) formKey(form string) string {
	return record.Question{Tool: r.scan.Tool, Database: r.scan.Database, Options: append(slices.Clone(r.scan.Options), "report", form)}.Key()
}

// answer hands on the stream that is stored for the question, if there is one.
func (r *recording) answer(config finding.Config, h finding.Handler) (done bool, err error) {
	b, ok := r.log.Answer(r.secret, r.scan.Key)
	if !ok {
		return false, nil
	}
	return replay(b, config, h)
}

func replay(stream []byte, config finding.Config, h finding.Handler) (done bool, err error) {
	messages, err := decodeStream(stream)
	if err != nil {
		return false, nil //nolint:nilerr // it is sealed, and of another version of andiron: the scan is done anew
	}
	if err := h.Config(config); err != nil {
		return true, err
	}
	for _, m := range messages {
		if err := m.hand(h); err != nil {
			return true, err
		}
	}
	return true, nil
}

// message is one line of a stream.
type message struct {
	Finding    *finding.Finding    `json:"finding,omitempty"`
	Dependency *finding.Dependency `json:"package,omitempty"`
	Summary    *finding.Summary    `json:"summary,omitempty"`
}

func (m *message) hand(h finding.Handler) error {
	switch {
	case m.Finding != nil:
		return h.Finding(*m.Finding)
	case m.Dependency != nil:
		return h.Dependency(*m.Dependency)
	case m.Summary != nil:
		return h.Summary(*m.Summary)
	}
	return nil
}

// decodeStream reads a stream that ended.
func decodeStream(b []byte) (list []message, err error) {
	for line := range bytes.Lines(b) {
		var m message
		if err := json.Unmarshal(line, &m); err != nil {
			return nil, err
		}
		list = append(list, m)
	}
	if n := len(list); n == 0 || list[n-1].Summary == nil {
		return nil, fmt.Errorf("the stream has %d messages and no end", n)
	}
	return list, nil
}

// memory is a handler that remembers a scan for the record.
type memory struct {
	list []message
}

func (m *memory) Config(finding.Config) error     { return nil }
func (m *memory) Progress(finding.Progress) error { return nil }
func (m *memory) Artifact(finding.Artifact) error { return nil }
func (m *memory) Posture(finding.Posture) error   { return nil }

func (m *memory) Finding(f finding.Finding) error {
	m.list = append(m.list, message{Finding: &f})
	return nil
}

func (m *memory) Dependency(d finding.Dependency) error {
	m.list = append(m.list, message{Dependency: &d})
	return nil
}

func (m *memory) Summary(s finding.Summary) error {
	m.list = append(m.list, message{Summary: &s})
	return nil
}

// encode is what decodeStream reads.
func (m *memory) encode() ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	for i := range m.list {
		if err := e.Encode(&m.list[i]); err != nil {
			return nil, err
		}
	}
	return b.Bytes(), nil
}

// keep stores the result of a scan, and adds to the record what happened since the
// one before.
func (r *recording) keep(ctx context.Context, now time.Time, p *deps.Project, m *memory) error {
	result, err := m.encode()
	if err != nil {
		return err
	}
	sum := sha256.Sum256(result)
	r.scan.Result = hex.EncodeToString(sum[:])
	seen, dated := m.observe(r.scan.Scope)
	r.scan.Complete = seen.Complete
	for _, f := range seen.Findings {
		if !f.Waived {
			r.scan.Findings++
		}
	}
	_, err = r.log.Update(ctx, now, func(f *record.Folded) ([]record.Draft, error) {
		var drafts []record.Draft
		for _, e := range f.Events(seen) {
			if e.Event == record.Disappeared && dated {
				continue // other advisories may have it still
			}
			drafts = append(drafts, record.Draft{Kind: record.KindFinding, Body: &e})
		}
		for _, d := range m.decisions() {
			if was := f.Decided(d.Rule, d.Package, d.Advisories); was == nil || was.Owner != d.Owner || was.Reason != d.Reason || was.Expires != d.Expires {
				drafts = append(drafts, record.Draft{Kind: record.KindDecision, Body: d})
			}
		}
		return append(drafts, record.Draft{Kind: record.KindScan, Body: &r.scan}), nil
	})
	if err != nil || len(r.secret) == 0 {
		return err
	}
	if t, ok := p.Trace(); ok {
		head, err := json.Marshal(t)
		if err != nil {
			return err
		}
		_, err = r.log.Keep(r.secret, r.quick, append(append(head, '\n'), result...))
		return err
	}
	_, err = r.log.Keep(r.secret, r.scan.Key, result)
	return err
}

// decisions are the waivers behind findings, each once.
func (m *memory) decisions() (list []*record.Decision) {
	seen := map[string]bool{}
	for _, x := range m.list {
		if x.Finding == nil || x.Finding.Waived == nil || x.Finding.Package == nil {
			continue
		}
		o, w := observed(x.Finding), x.Finding.Waived
		key := fmt.Sprintf("%q", append([]string{o.Rule, o.Package}, o.Advisories...))
		if seen[key] {
			continue
		}
		seen[key] = true
		list = append(list, &record.Decision{
			Action: "accept", Rule: o.Rule, Package: o.Package, Advisories: o.Advisories, Owner: w.Owner, Reason: w.Reason, Expires: w.Expires,
		})
	}
	return list
}

// blinding are the rules on what was not seen at all. A package that nobody can look
// at hides no finding of another.
var blinding = []string{"DEP006", "DEP007"}

// observe is what a scan saw, as the record takes it, and whether the advisories were
// not all that there are.
func (m *memory) observe(scope string) (o record.Observation, dated bool) {
	o = record.Observation{Scope: scope, Packages: map[string][]string{}, Complete: true}
	for _, x := range m.list {
		switch {
		case x.Dependency != nil:
			name := x.Dependency.Name
			if v := x.Dependency.Version; v != "" && !slices.Contains(o.Packages[name], v) {
				o.Packages[name] = append(o.Packages[name], v)
			}
		case x.Finding == nil:
		case x.Finding.Outcome == finding.Undetermined:
			o.Complete = o.Complete && !slices.Contains(blinding, x.Finding.Rule)
			dated = dated || x.Finding.Rule == "DEP005"
		case x.Finding.Package != nil:
			o.Findings = append(o.Findings, observed(x.Finding))
		}
	}
	return o, dated
}

func observed(f *finding.Finding) record.Observed {
	x := record.Observed{
		Rule: f.Rule, Package: f.Package.Name, Severity: f.Severity.String(), Where: f.Where.String(), Message: f.Message, Waived: f.Waived != nil,
	}
	if f.Package.Version != "" {
		x.Versions = []string{f.Package.Version}
	}
	if f.Advisory != nil {
		x.Advisories = append([]string{f.Advisory.ID}, f.Advisory.Aliases...)
		slices.Sort(x.Advisories)
	}
	return x
}

// commitOf is the commit that a project is at, or empty: what Git wrote down, read
// and not asked for.
func commitOf(root string) string {
	dir, err := filepath.Abs(root)
	for ; err == nil; dir = filepath.Dir(dir) {
		if head := gitHead(filepath.Join(dir, ".git")); head != "" {
			return head
		}
		if dir == filepath.Dir(dir) {
			break
		}
	}
	return ""
}

func gitHead(git string) string {
	const most = 4096
	b, err := readSmall(filepath.Join(git, "HEAD"), most)
	if err != nil {
		return ""
	}
	head := strings.TrimSpace(string(b))
	ref, ok := strings.CutPrefix(head, "ref: ")
	if !ok {
		return commitForm(head)
	}
	if !filepath.IsLocal(ref) {
		return ""
	}
	if b, err := readSmall(filepath.Join(git, filepath.FromSlash(ref)), most); err == nil {
		return commitForm(strings.TrimSpace(string(b)))
	}
	packed, err := os.ReadFile(filepath.Join(git, "packed-refs")) //nolint:gosec // the project's own
	if err != nil {
		return ""
	}
	for line := range strings.Lines(string(packed)) {
		if sum, name, ok := strings.Cut(strings.TrimSpace(line), " "); ok && name == ref {
			return commitForm(sum)
		}
	}
	return ""
}

// commitForm passes what is a commit.
func commitForm(s string) string {
	if b, err := hex.DecodeString(s); err == nil && (len(b) == 20 || len(b) == 32) {
		return s
	}
	return ""
}

// folded is what is true now by the project's record.
func folded(ctx context.Context, root string) (*record.Folded, error) {
	log, err := record.Open(root)
	if err != nil {
		return nil, err
	}
	defer func() { _ = log.Close() }() // a folder that was only read
	f, err := log.Fold(ctx)
	if err != nil {
		return nil, recordFault(err)
	}
	return f, nil
}

// recorded is what the project's record has of earlier scans.
func recorded(root string, f *record.Folded) (out *deps.Record, err error) {
	out = &deps.Record{File: filepath.ToSlash(filepath.Join(root, record.FileName))}
	out.Scans = f.Scans
	if f.Last != nil {
		out.Open = f.Last.Findings
		if out.Last, err = time.Parse(time.RFC3339, f.LastTime); err != nil {
			return nil, fmt.Errorf("record %q: %w", out.File, err)
		}
	}
	return out, nil
}
