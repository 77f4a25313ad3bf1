package report

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"math"
	"regexp"
	"strconv"
	"strings"
	"sync"

	"github.com/owenrumney/go-sarif/v2/sarif"

	"github.com/andiron-dev/andiron/finding"
	"github.com/andiron-dev/andiron/internal/rule"
	"github.com/andiron-dev/andiron/internal/safetext"
)

const (
	sarifSchema = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
	project     = "https://github.com/andiron-dev/andiron"
)

// writeSARIF writes one SARIF 2.1.0 run.
//
// A finding is a result, of kind "fail", or "open" where it is undetermined. What
// is only information stands in the properties of its artifact instead: code
// scanning services make an alert of every result, and a model that loads with
// weights_only=True needs none. Nothing undetermined is lost: it is also a
// notification, and executionSuccessful is false.
func writeSARIF(w io.Writer, r *run) error {
	s := sarifRun{run: r, index: map[string]int{}, seen: map[string]int{}}
	s.out = sarif.NewRun(*sarif.NewTool(s.driver())).WithColumnKind("unicodeCodePoints")
	invocation := sarif.NewInvocation().WithExecutionSuccess(!r.summary.Incomplete)
	s.out.Invocations = []*sarif.Invocation{invocation}
	s.artifacts(invocation)
	s.looseFindings(invocation)
	for _, reason := range r.summary.Reasons {
		invocation.ToolExecutionNotifications = append(invocation.ToolExecutionNotifications,
			notification("error", "incomplete: "+reason))
	}
	s.posture(invocation)
	s.packages()
	return encode(w, "  ", &sarif.Report{Version: string(sarif.Version210), Schema: sarifSchema, Runs: []*sarif.Run{s.out}})
}

type sarifRun struct {
	*run
	out   *sarif.Run
	index map[string]int // rule id -> its place in the driver's rules
	seen  map[string]int // fingerprint -> how often it was made
}

func (s *sarifRun) driver() *sarif.ToolComponent {
	driver := sarif.NewDriver(safetext.Plain(s.config.Tool)).WithInformationURI(project)
	if s.config.Version != "" {
		driver.WithVersion(safetext.Plain(s.config.Version))
	}
	for i, r := range s.opt.Catalogue {
		s.index[r.ID] = i
		driver.Rules = append(driver.Rules, sarifRule(r))
	}
	return driver
}

func sarifRule(r *rule.Rule) *sarif.ReportingDescriptor {
	d := sarif.NewRule(r.ID).WithName(camel(r.Title)).
		WithShortDescription(both(r.Title, "")).
		WithFullDescription(both(r.Text, "")).
		WithHelp(both(helpText(r), helpMarkdown(r))).
		WithHelpURI(project + "/blob/main/docs/rules/" + r.ID + ".md")
	d.DefaultConfiguration = sarif.NewReportingConfiguration().WithLevel(level(r.Severity))
	d.Properties = sarif.Properties{
		"security-severity": securitySeverity(r.Severity),
		"strategy":          string(r.Strategy),
		"since":             r.Since,
		"tags":              []string{"security", string(r.Strategy)},
	}
	return d
}

func helpText(r *rule.Rule) string {
	s := r.Text + "\n\nFix: " + r.Fix
	for _, ref := range r.Refs {
		s += "\n" + ref
	}
	return s
}

func helpMarkdown(r *rule.Rule) string {
	s := r.Text + "\n\n**Fix:** " + r.Fix
	if len(r.Refs) > 0 {
		s += "\n\nReferences:\n"
	}
	for _, ref := range r.Refs {
		s += "\n- " + ref
	}
	return s
}

// artifacts lists every artifact and reports its findings.
func (s *sarifRun) artifacts(inv *sarif.Invocation) {
	s.out.Artifacts = []*sarif.Artifact{}
	for i, a := range s.run.artifacts {
		out := sarif.NewArtifact().WithLocation(artifactLocation(a.Path, i)).WithRole("analysisTarget").
			WithLength(int(min(a.Size, math.MaxInt)))
		if a.SHA256 != "" {
			out.Hashes = map[string]string{"sha-256": a.SHA256}
		}
		out.Properties = sarif.Properties{"verdict": a.Verdict.String(), "format": safetext.Plain(a.Format)}
		var notes []string
		for _, f := range a.Findings {
			if matters(f) || isWaived(f) {
				s.finding(f, i, inv)
			} else {
				notes = append(notes, f.Rule+": "+brief(f.Message, maxMessage))
			}
		}
		if notes != nil {
			out.Properties["notes"] = notes
		}
		s.out.Artifacts = append(s.out.Artifacts, out)
	}
}

func (s *sarifRun) looseFindings(inv *sarif.Invocation) {
	for _, f := range s.findings {
		if matters(f) || isWaived(f) {
			s.finding(f, -1, inv)
			continue
		}
		n := notification("note", f.Message)
		n.Locations = []*sarif.Location{location(f.Where, -1)}
		inv.ToolExecutionNotifications = append(inv.ToolExecutionNotifications, n)
	}
}

// finding adds a result, and a notification where it is undetermined. artifact
// is the place of the finding's artifact in the run, or -1.
func (s *sarifRun) finding(f finding.Finding, artifact int, inv *sarif.Invocation) {
	res := sarif.NewRuleResult(f.Rule)
	if i, ok := s.index[f.Rule]; ok {
		res.WithRuleIndex(i)
	}
	res.WithKind("fail").WithLevel(level(f.Severity))
	if f.Outcome == finding.Undetermined {
		res.WithKind("open").WithLevel("none") // 2.1.0 §3.27.10: none unless the kind is fail
	}
	res.WithMessage(sarif.NewTextMessage(message(f)))
	res.Locations = []*sarif.Location{location(f.Where, artifact)}
	res.PartialFingerprints = map[string]any{"andironFinding/v1": s.fingerprint(f)}
	res.Properties = resultProperties(f)
	if len(f.Flow) > 0 {
		res.CodeFlows = []*sarif.CodeFlow{codeFlow(f.Flow)}
	}
	if len(f.Edits) > 0 {
		res.AddFix(repair(f, artifact))
	}
	if f.Waived != nil {
		res.AddSuppression(suppression(f))
	}
	if s.run.summary.Baseline != nil { // 2.1.0 §3.27.24
		state := "new"
		if f.Known {
			state = "unchanged"
		}
		res.BaselineState = &state
	}
	s.out.Results = append(s.out.Results, res)
	if f.Outcome != finding.Undetermined {
		return
	}
	n := notification("warning", "undetermined: "+f.Message)
	n.Locations = []*sarif.Location{location(f.Where, artifact)}
	n.AssociatedRule = sarif.NewReportingDescriptorReference().WithId(f.Rule)
	n.AssociatedRule.Index = res.RuleIndex
	inv.ToolExecutionNotifications = append(inv.ToolExecutionNotifications, n)
}

// repair is what puts a finding right (2.1.0 §3.55): all its edits in one change.
func repair(f finding.Finding, artifact int) *sarif.Fix {
	change := sarif.NewArtifactChange(artifactLocation(f.Where.Path, artifact))
	for _, e := range f.Edits {
		region := sarif.NewRegion().WithStartLine(e.Line).WithStartColumn(e.Column).WithEndLine(e.EndLine).WithEndColumn(e.EndColumn)
		change.WithReplacement(sarif.NewReplacement(region).WithInsertedContent(sarif.NewArtifactContent().WithText(e.Text)))
	}
	fix := sarif.NewFix().WithDescriptionText(literal(brief(f.Fix, maxMessage)))
	fix.AddArtifactChanges(change)
	return fix
}

// codeFlow shows how something comes to where a finding is, step by step.
func codeFlow(steps []finding.Step) *sarif.CodeFlow {
	thread := sarif.NewThreadFlow()
	for _, s := range steps {
		l := location(s.Where, -1)
		l.Message = sarif.NewTextMessage(literal(brief(s.Text, maxMessage)))
		thread.Locations = append(thread.Locations, sarif.NewThreadFlowLocation().WithLocation(l))
	}
	flow := sarif.NewCodeFlow()
	flow.ThreadFlows = []*sarif.ThreadFlow{thread}
	return flow
}

func resultProperties(f finding.Finding) sarif.Properties {
	p := sarif.Properties{
		"severity": f.Severity.String(),
		"strategy": string(f.Strategy),
		"outcome":  string(f.Outcome),
		"where":    safetext.Plain(f.Where.String()),
	}
	if len(f.Evidence) > 0 {
		p["evidence"] = each(f.Evidence, safetext.Plain)
	}
	if f.Fix != "" {
		p["fix"] = safetext.Plain(f.Fix)
	}
	if d := f.Package; d != nil {
		p["package"], p["version"], p["purl"] = safetext.Plain(d.Name), safetext.Plain(d.Version), safetext.Plain(d.PURL)
	}
	if f.Code != "" {
		p["code"] = safetext.Plain(f.Code)
	}
	if f.Input != "" {
		p["input"] = safetext.Plain(f.Input)
	}
	if a := f.Advisory; a != nil {
		p["advisory"], p["fixed"] = safetext.Plain(a.ID), safetext.Plain(a.Fixed)
		p["aliases"] = each(a.Aliases, safetext.Plain)
		if a.Class != "" {
			p["class"] = safetext.Plain(a.Class)
			p["reach"] = safetext.Plain(a.Reach)
		}
	}
	return p
}

// suppression says who answers for a finding (2.1.0 §3.35). The library writes the
// location and the guid also where there are none, so the one is empty and the other
// made from the waiver, in the form of a UUID that is made from a name.
func suppression(f finding.Finding) *sarif.Suppression {
	text := waiver(f)
	h := sha256.Sum256([]byte(f.Waived.Rule + "\x00" + text))
	h[6], h[8] = h[6]&0x0f|0x50, h[8]&0x3f|0x80
	return sarif.NewSuppression("external").WithStatus("accepted").WithJustifcation(literal(text)).
		WithLocation(sarif.NewLocation()).
		WithGuid(fmt.Sprintf("%x-%x-%x-%x-%x", h[:4], h[4:6], h[6:8], h[8:10], h[10:16]))
}

// fingerprint stays the same when only offsets and lines move, and for a package also
// when its version or the words do. Equal findings of one member are numbered.
func (s *sarifRun) fingerprint(f finding.Finding) string {
	if f.Package != nil {
		f.Message, f.Package = "", &finding.Package{Name: f.Package.Name}
	}
	h := sha256.Sum256([]byte(f.Names()[0]))
	sum := hex.EncodeToString(h[:16])
	s.seen[sum]++
	return sum + ":" + strconv.Itoa(s.seen[sum])
}

// posture keeps an audit's strategies as properties of the run.
func (s *sarifRun) posture(inv *sarif.Invocation) {
	if len(s.run.posture) == 0 {
		return
	}
	states := map[string]string{}
	for _, p := range s.run.posture {
		states[string(p.Strategy)] = string(p.Status)
		if p.Short() { // it makes the exit code 1, so it is said
			inv.ToolExecutionNotifications = append(inv.ToolExecutionNotifications, notification("error", fmt.Sprintf("%s is %s: %s", p.Title, p.Status, short(p))))
		}
	}
	s.property("posture", states)
}

// packages keeps how each package ended, and what they were held against, as
// properties of the run: one that nobody could look at is no result, and not clean.
// So it does with how many tensors were held against which schema, and how much code was read.
func (s *sarifRun) packages() {
	if s.summary.Tensors != nil {
		s.property("tensors", s.summary.Tensors)
	}
	if s.summary.Code != nil {
		s.property("code", s.summary.Code)
	}
	if s.summary.Operators != nil {
		s.property("operators", normalOperators(s.summary.Operators))
	}
	if s.summary.Dependencies == nil {
		return
	}
	s.property("packages", each(s.dependencies, normalDependency))
	s.property("packageStatuses", s.summary.Dependencies)
	s.property("advisories", s.summary.Database)
}

func (s *sarifRun) property(name string, v any) {
	if s.out.Properties == nil {
		s.out.Properties = sarif.Properties{}
	}
	s.out.Properties[name] = v
}

// location is a place in SARIF. The physical location is the file that the user
// has; a place inside of a member is a logical location, because its offset
// counts from the start of the member and not of the file.
func location(w finding.Where, artifact int) *sarif.Location {
	physical := sarif.NewPhysicalLocation().WithArtifactLocation(artifactLocation(w.Path, artifact))
	l := sarif.NewLocationWithPhysicalLocation(physical)
	switch {
	case w.Member != "":
		l.AddLogicalLocations(sarif.NewLogicalLocation().WithKind("member").
			WithName(safetext.Plain(w.Member)).WithFullyQualifiedName(safetext.Plain(w.String())))
	case w.Line > 0:
		physical.Region = sarif.NewRegion().WithStartLine(w.Line)
		if w.Column > 0 {
			physical.Region.WithStartColumn(w.Column)
		}
	case w.Offset != nil:
		physical.Region = sarif.NewRegion().WithByteOffset(int(min(max(*w.Offset, 0), math.MaxInt)))
	}
	return l
}

// artifactLocation names a file; index is its place among the artifacts of the
// run, or negative where it is none of them.
func artifactLocation(path string, index int) *sarif.ArtifactLocation {
	l := sarif.NewSimpleArtifactLocation(uri(path))
	if index >= 0 {
		l.WithIndex(index)
	}
	return l
}

func notification(level, text string) *sarif.Notification {
	return sarif.NewNotification().WithLevel(level).
		WithMessage(sarif.NewTextMessage(literal(brief(text, maxMessage))))
}

// message is the whole of a result: services show nothing else beside the rule.
func message(f finding.Finding) string {
	s := brief(f.Message, maxMessage)
	if f.Where.Member != "" || f.Where.Offset != nil {
		s += " (" + safetext.Plain(f.Where.String()) + ")"
	}
	return literal(undetermined(f) + s)
}

var placeholder = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`\{[0-9]|\{\{|\}\}`) })

// literal keeps a text from being read as a message with placeholders (2.1.0
// §3.11.5: braces are doubled) or embedded links (§3.11.6: brackets are escaped).
func literal(s string) string {
	if strings.Contains(s, "](") {
		s = strings.NewReplacer(`\`, `\\`, `[`, `\[`, `]`, `\]`).Replace(s)
	}
	if placeholder().MatchString(s) {
		s = strings.NewReplacer(`{`, `{{`, `}`, `}}`).Replace(s)
	}
	return s
}

func both(text, markdown string) *sarif.MultiformatMessageString {
	m := sarif.NewMultiformatMessageString(literal(text))
	if markdown != "" {
		m.WithMarkdown(markdown)
	}
	return m
}

func level(s finding.Severity) string {
	switch s {
	case finding.Critical, finding.High:
		return "error"
	case finding.Medium:
		return "warning"
	case finding.Low, finding.Info:
	}
	return "note"
}

// securitySeverity is the number that code scanning services sort by: over 9 is
// critical, from 7 high, from 4 medium.
func securitySeverity(s finding.Severity) string {
	scores := map[finding.Severity]string{
		finding.Critical: "9.5", finding.High: "8.0", finding.Medium: "5.5", finding.Low: "2.5",
	}
	if v, ok := scores[s]; ok {
		return v
	}
	return "0.0"
}

var notWord = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`[^A-Za-z0-9]+`) })

// camel makes a SARIF rule name: "Runs a command" is "RunsACommand".
func camel(title string) string {
	var b strings.Builder
	for _, w := range notWord().Split(title, -1) {
		if w != "" {
			b.WriteString(strings.ToUpper(w[:1]) + w[1:])
		}
	}
	return b.String()
}
