package finding

// Handler receives the stream of one run: Config first, Summary last, the rest
// between. A stream without a Summary is of a run that died.
//
// A handler is called by one goroutine at a time. An error ends the run.
type Handler interface {
	Config(Config) error
	Progress(Progress) error // droppable
	Artifact(Artifact) error // a model artifact that was looked at, with its findings
	Finding(Finding) error   // a finding that belongs to no artifact
	Dependency(Dependency) error
	Posture(Posture) error // a strategy of the project; only in andiron audit
	Summary(Summary) error
}

// Config says what ran and how.
type Config struct {
	Tool    string   `json:"tool"`    // "andiron"
	Version string   `json:"version"` // of the tool
	Verb    string   `json:"verb"`
	Paths   []string `json:"paths"`
	FailOn  string   `json:"fail_on"` // a severity or "none"
	Rules   int      `json:"rules"`   // how many rules the catalogue holds
}

// Progress says how far the run is.
type Progress struct {
	Path        string // what is looked at
	Done, Total int    // artifacts, or what a verb counts else
}

// Artifact is one model file, or a folder that is one model, and what was found in it.
type Artifact struct {
	Path     string    `json:"path"`
	Format   string    `json:"format"` // "torch-zip", "pickle", "safetensors"
	Size     int64     `json:"size"`
	SHA256   string    `json:"sha256,omitempty"`
	Verdict  Verdict   `json:"verdict"`
	Findings []Finding `json:"findings"`
}

// Dependency is one package that a project uses, and how it ended.
type Dependency struct {
	Package

	Status     DependencyStatus `json:"status"`
	Reason     string           `json:"reason,omitempty"`    // why it is unauditable
	Requested  string           `json:"requested,omitempty"` // the range, where no version is fixed
	Advisories []string         `json:"advisories"`          // that apply to it, or to a version that the range allows
	Where      Where            `json:"where"`
}

// DependencyStatus is how looking at a package ended.
type DependencyStatus string

// The statuses of packages. What nobody could look at is not clean.
const (
	Vulnerable  DependencyStatus = "vulnerable"
	MayResolve  DependencyStatus = "may-resolve" // a range that allows vulnerable versions
	Clean       DependencyStatus = "clean"
	Unauditable DependencyStatus = "unauditable"
)

// Posture says how a project stands on one strategy.
type Posture struct {
	Strategy    Strategy   `json:"strategy"`
	Title       string     `json:"title"`
	Text        string     `json:"text"`
	Threats     []Threat   `json:"threats"`
	Impact      string     `json:"impact"`
	Status      Status     `json:"status"`
	Required    Status     `json:"required,omitempty"` // the least that the policy asks for
	Reason      string     `json:"reason,omitempty"`   // what was searched, or what was not looked at
	Implemented []Evidence `json:"implemented"`
	Missing     []Evidence `json:"missing"`
	Residual    string     `json:"residual_risk"` // what remains possible as it is
}

// Short reports whether a strategy is less in place than the policy asks for. One that
// is undetermined is not short of anything; nobody knows.
func (p Posture) Short() bool {
	switch p.Required {
	case Implemented:
		return p.Status == Partial || p.Status == Missing
	case Partial:
		return p.Status == Missing
	case Missing, NotApplicable, Undecided:
	}
	return false
}

// Threat is what a strategy mitigates.
type Threat struct {
	Name     string   `json:"name"`
	Severity Severity `json:"severity"`
}

// Status is how far a strategy is in place.
type Status string

// Statuses lists all of them, best first.
func Statuses() []Status { return []Status{Implemented, Partial, Missing, Undecided, NotApplicable} }

// The statuses.
const (
	Implemented   Status = "implemented"
	Partial       Status = "partial"
	Missing       Status = "missing"
	NotApplicable Status = "not applicable" // there is nothing that it is about
	Undecided     Status = "undetermined"   // it could not be looked at, which is never good
)

// Evidence is one thing seen, where, and, for what is missing, the command that
// fixes it.
type Evidence struct {
	Text  string `json:"text"`
	Where Where  `json:"where"`
	Fix   string `json:"fix,omitempty"`
}

// Summary ends the stream.
type Summary struct {
	Artifacts  int              `json:"artifacts"`
	Other      int              `json:"other"` // files in the folders that are not model files
	Verdicts   map[Verdict]int  `json:"verdicts"`
	Severities map[Severity]int `json:"severities"`       // of the findings that nobody waived
	Waived     int              `json:"waived,omitempty"` // findings that somebody answers for
	// Dependencies counts packages by how they ended; nil where none were looked at.
	Dependencies map[DependencyStatus]int `json:"dependencies,omitempty"`
	// Database is the advisory database that they were held against.
	Database string `json:"database,omitempty"`
	// Tensors counts what was held against a schema of tensors; nil where nothing was.
	Tensors *Tensors `json:"tensors,omitempty"`
	// Code counts what a run over Python code looked at; nil where it was about more.
	Code *Code `json:"code,omitempty"`
	// Operators says what became of operators that were run; nil where none were.
	Operators *Operators `json:"operators,omitempty"`
	// Baseline says how the findings compare with those of an earlier report; nil where
	// they were compared with none.
	Baseline *Baseline `json:"baseline,omitempty"`
	// Trend says what changed since the last audit on record; nil where there is none.
	Trend      *Trend   `json:"trend,omitempty"`
	Incomplete bool     `json:"incomplete"` // something could not be looked at
	Reasons    []string `json:"reasons"`    // why it is incomplete, sorted
}

// Baseline is how a run compares with an earlier report. What is only information, what
// somebody answers for and what could not be looked at is left aside.
type Baseline struct {
	Report string    `json:"report"` // the file, as the user named it
	Known  int       `json:"known"`  // findings that it has as well
	New    int       `json:"new"`    // findings that it has not
	Gone   []Finding `json:"gone"`   // those that are not found any more, by place
}

// Trend is how a project stands to the last audit on record.
type Trend struct {
	Since      string           `json:"since"` // when that was, RFC 3339 in UTC
	Commit     string           `json:"commit,omitempty"`
	Complete   bool             `json:"complete"` // everything could be looked at then
	Strategies []Turn           `json:"strategies"`
	Severities map[Severity]int `json:"severities"` // of the findings then
}

// Turn is one strategy then and now.
type Turn struct {
	Strategy   Strategy `json:"strategy"`
	Was        Status   `json:"was"`
	Is         Status   `json:"is"`
	MissingWas int      `json:"missing_was"` // pieces of evidence
	MissingIs  int      `json:"missing_is"`
}

// Code is what a run over Python code looked at.
type Code struct {
	Files int   `json:"files"` // of Python, notebooks among them
	Lines int64 `json:"lines"` // in them
}

// Operators is what running the operators of a project gave.
type Operators struct {
	Torch  string         `json:"torch"` // the version that they ran with
	Seed   int64          `json:"seed"`
	Rows   []OperatorRow  `json:"rows"`
	Passes []OperatorPass `json:"passes"`
}

// OperatorRow says how the calls of one operator ended.
type OperatorRow struct {
	Name    string            `json:"name"`
	Seeds   int               `json:"seeds"`   // calls of the project's tests and examples
	Blind   bool              `json:"blind"`   // calls were made up from the schema alone
	Valid   int               `json:"valid"`   // came back with a result
	Raised  int               `json:"raised"`  // ended with an exception
	Crashed int               `json:"crashed"` // ended the process
	Limited int               `json:"limited"` // took more time or memory than a case may
	Found   []string          `json:"found"`   // kinds of what was found, sorted
	Asked   []string          `json:"asked"`   // questions that were asked, sorted
	Skipped map[string]string `json:"skipped"` // those that were not, and why
	Reason  string            `json:"reason,omitempty"`
}

// OperatorPass is something that a run does with all operators.
type OperatorPass struct {
	Name   string `json:"name"`
	Run    bool   `json:"run"`
	Reason string `json:"reason,omitempty"` // why it was not run
	Note   string `json:"note,omitempty"`   // what it did
}

// Tensors is what was held against a schema of tensors.
type Tensors struct {
	Schema   string `json:"schema"`   // the SHA-256 of its canonical form
	Requests int    `json:"requests"` // sets of tensors that belong together
	Rejected int    `json:"rejected"` // of those, the ones that violate the schema
	Unread   int    `json:"unread"`   // and the ones that could not be read
	Tensors  int    `json:"tensors"`
	Bytes    int64  `json:"bytes"` // of the tensors
}
