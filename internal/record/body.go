package record

import (
	"fmt"
	"slices"

	"github.com/andiron-dev/andiron/internal/bounded"
)

// Kind is what an entry is about.
type Kind string

// The kinds.
const (
	KindScan        Kind = "scan"
	KindFinding     Kind = "finding"
	KindDecision    Kind = "decision"
	KindRemediation Kind = "remediation"
	KindRelease     Kind = "release"
	KindTest        Kind = "test"
	KindRepair      Kind = "repair"
	KindAudit       Kind = "audit"
)

// maxIDs is how many ids one vulnerability has.
const maxIDs = 1000

type body interface{ check() error }

// meaning returns a body to read a kind into, or nil if the kind is not known.
func meaning(k Kind) body {
	switch k {
	case KindScan:
		return &Scan{}
	case KindFinding:
		return &Finding{}
	case KindDecision:
		return &Decision{}
	case KindRemediation:
		return &Remediation{}
	case KindRelease:
		return &Release{}
	case KindTest:
		return &Test{}
	case KindRepair:
		return &Repair{}
	case KindAudit:
		return &Audit{}
	}
	return nil
}

// Input is a file that a scan read.
type Input struct {
	Path   string `json:"path"`
	SHA256 string `json:"sha256"`
}

// Scan is one look at everything. It stands after the events of its findings.
type Scan struct {
	Tool     string   `json:"tool"`             // andiron's version
	Scope    string   `json:"scope"`            // what was looked at; scans of one scope are compared
	Database string   `json:"database"`         // digest of the advisory database
	Options  []string `json:"options"`          // what else decides the result
	Commit   string   `json:"commit,omitempty"` // of the project, where it is known
	Inputs   []Input  `json:"inputs"`
	Complete bool     `json:"complete"` // everything could be looked at
	Findings int      `json:"findings"` // that are open
	Result   string   `json:"result"`   // SHA-256 of the result document
	Key      string   `json:"key"`      // of Question
}

func (s *Scan) check() error {
	if !isDigest(s.Result) || !isDigest(s.Key) {
		return fmt.Errorf("result %.80q or key %.80q is not a SHA-256", s.Result, s.Key)
	}
	for _, in := range s.Inputs {
		if !isDigest(in.SHA256) {
			return fmt.Errorf("input %.80q: %.80q is not a SHA-256", in.Path, in.SHA256)
		}
	}
	return nil
}

// Event is what happened to a finding.
type Event string

// The events.
const (
	Opened      Event = "opened"
	Changed     Event = "changed"     // still there, with other versions, advisories or another severity
	Waived      Event = "waived"      // somebody answers for it
	Reopened    Event = "reopened"    // it is back, or nobody answers for it any more
	Fixed       Event = "fixed"       // the package changed or is gone
	Disappeared Event = "disappeared" // the package is the same, and nothing reports it any more
)

// Finding is an event in the life of a finding. Rule, package and any advisory in
// common make two events one of the same finding.
type Finding struct {
	Event      Event    `json:"event"`
	Scope      string   `json:"scope"`
	Rule       string   `json:"rule"`
	Package    string   `json:"package"`
	Versions   []string `json:"versions"`   // in use, as written; sorted
	Advisories []string `json:"advisories"` // all ids of the one vulnerability; sorted; none for other rules
	Severity   string   `json:"severity"`
	Where      string   `json:"where"`
	Message    string   `json:"message"`
}

func (f *Finding) check() error {
	if !slices.Contains([]Event{Opened, Changed, Waived, Reopened, Fixed, Disappeared}, f.Event) {
		return fmt.Errorf("event %.80q is not known", f.Event)
	}
	if f.Rule == "" {
		return fmt.Errorf("the rule of package %.80q is empty", f.Package)
	}
	if len(f.Advisories) > maxIDs || len(f.Versions) > maxIDs {
		return bounded.Exceeded("ids or versions of one finding", maxIDs)
	}
	if !slices.IsSorted(f.Advisories) || !slices.IsSorted(f.Versions) {
		return fmt.Errorf("versions or advisories of package %.80q are not sorted", f.Package)
	}
	return nil
}

// Decision is what somebody decided about a finding.
type Decision struct {
	Action     string   `json:"action"` // "accept", "revoke"
	Rule       string   `json:"rule"`
	Package    string   `json:"package"`
	Advisories []string `json:"advisories"`
	Owner      string   `json:"owner"`
	Reason     string   `json:"reason"`
	Expires    string   `json:"expires,omitempty"` // 2027-01-31
	UntilFixed bool     `json:"until_fixed,omitempty"`
}

func (d *Decision) check() error {
	if d.Action != "accept" && d.Action != "revoke" {
		return fmt.Errorf("action %.80q is neither accept nor revoke", d.Action)
	}
	if d.Owner == "" || d.Reason == "" {
		return fmt.Errorf("the decision on %.80q has no owner or no reason", d.Package)
	}
	return nil
}

// Remediation is a change that closes findings.
type Remediation struct {
	Package    string   `json:"package"`
	From       string   `json:"from"`
	To         string   `json:"to"`
	Advisories []string `json:"advisories"`
	Commit     string   `json:"commit,omitempty"`
	Reference  string   `json:"reference,omitempty"` // a pull request, a ticket
	By         string   `json:"by"`
	Scan       string   `json:"scan,omitempty"` // digest of the result that shows it
}

func (r *Remediation) check() error {
	if r.Package == "" || r.Scan != "" && !isDigest(r.Scan) {
		return fmt.Errorf("package %.80q is empty, or scan %.80q is not a SHA-256", r.Package, r.Scan)
	}
	return nil
}

// Release is a step of a release on its way to production.
type Release struct {
	Package  string   `json:"package"`
	Version  string   `json:"version"`
	From     string   `json:"from"` // states, as internal/release has them
	To       string   `json:"to"`
	By       string   `json:"by"`       // who, or "andiron" where a rule decided
	Evidence []string `json:"evidence"` // how it is known, in order
	Uploaded string   `json:"uploaded,omitempty"`
}

func (r *Release) check() error {
	if r.Package == "" || r.Version == "" || r.To == "" || r.By == "" {
		return fmt.Errorf("package, version, to or by of %.80q is empty", r.Version)
	}
	if len(r.Evidence) == 0 {
		return fmt.Errorf("the step of %.80q to %.80q has no evidence", r.Version, r.To)
	}
	return nil
}

// Test is a run of the project's own tests.
type Test struct {
	Command      string   `json:"command"`
	Exit         int      `json:"exit"`
	Milliseconds int64    `json:"milliseconds"`
	Output       string   `json:"output"`   // SHA-256 of what it wrote
	Packages     []string `json:"packages"` // what it ran with: "torch 2.6.0+cpu"
	Commit       string   `json:"commit,omitempty"`
}

func (t *Test) check() error {
	if t.Command == "" || !isDigest(t.Output) {
		return fmt.Errorf("command %.80q is empty, or output %.80q is not a SHA-256", t.Command, t.Output)
	}
	return nil
}

// Repair says that an incomplete last line was cut off.
type Repair struct {
	Bytes  int64  `json:"bytes"`
	SHA256 string `json:"sha256"`
}

func (r *Repair) check() error {
	if r.Bytes < 1 || !isDigest(r.SHA256) {
		return fmt.Errorf("bytes %d or sha256 %.80q makes no sense", r.Bytes, r.SHA256)
	}
	return nil
}

// Audit is how a project stood on the strategies.
type Audit struct {
	Tool       string     `json:"tool"`             // andiron's version
	Commit     string     `json:"commit,omitempty"` // of the project, where it is known
	Complete   bool       `json:"complete"`         // everything could be looked at
	Strategies []Standing `json:"strategies"`
	Critical   int        `json:"critical"` // findings that nobody answers for, by severity
	High       int        `json:"high"`
	Medium     int        `json:"medium"`
	Low        int        `json:"low"`
}

// Standing is one strategy in an audit.
type Standing struct {
	Strategy    string `json:"strategy"`
	Status      string `json:"status"`
	Implemented int    `json:"implemented"` // pieces of evidence
	Missing     int    `json:"missing"`
}

func (a *Audit) check() error {
	if len(a.Strategies) == 0 || len(a.Strategies) > maxIDs {
		return fmt.Errorf("an audit of %d strategies", len(a.Strategies))
	}
	for _, s := range a.Strategies {
		if s.Strategy == "" || s.Status == "" || s.Implemented < 0 || s.Missing < 0 {
			return fmt.Errorf("strategy %.80q with status %.80q makes no sense", s.Strategy, s.Status)
		}
	}
	if min(a.Critical, a.High, a.Medium, a.Low) < 0 {
		return fmt.Errorf("an audit with %d findings", min(a.Critical, a.High, a.Medium, a.Low))
	}
	return nil
}
