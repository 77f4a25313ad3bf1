// Package contract judges what a pickle would do, by contract: an allowlist of
// exact names, each with the operations that are permitted on it and, where it
// is called, what its arguments must be.
//
// [Judge] reads a [pickle.Trace] and says for every import, call, BUILD and item
// assignment which of these it is: covered by a contract of the safe tier
// (torch's own weights_only names and plain containers), covered by one of the
// framework tier (reviewed classes that checkpoints carry, whose package's code
// runs), the call of a known sink, or unknown. It also says which torch versions
// load the stream with weights_only=True, and which bytes flow into another
// loader and must be judged on their own.
//
// The contracts (data/contracts.txt, data/classes_*.txt), the sinks
// (data/sinks.txt) and torch's lists (data/weights_only.txt) are data, versioned
// by [Version]. What nobody reviewed is unknown: the table of sinks only explains
// and raises, it never decides what is clean.
//
// # Security
//
// This package is made for hostile input: it never imports, calls or executes
// anything that it reads about, and never panics on a trace. A name in the
// contracts is a promise that was read in the source of the package: that the
// permitted operations, with arguments inside the contract, run no code that the
// file chooses.
//
// # Limits
//
// The work is linear in the events of the trace. Arguments are searched for
// evidence only below calls that no contract covers, each value once, and at most
// maxVisits of them; strings are rebuilt up to maxFolded bytes. Reaching a limit
// makes the judgement harder, never milder.
//
// # Specification
//
// PyTorch v1.13.0, v2.6.0 and v2.14.1: torch/_weights_only_unpickler.py,
// torch/_utils.py, torch/_tensor.py, torch/serialization.py. CPython v3.13.0:
// Lib/copyreg.py, Lib/enum.py, Modules/_pickle.c. numpy v2.2:
// numpy/_core/src/multiarray, numpy/random/_pickle.py.
package contract

import (
	"cmp"
	"slices"

	"github.com/andiron-dev/andiron/internal/rule"
	"github.com/andiron-dev/andiron/internal/scratch"
	"github.com/andiron-dev/andiron/pickle"
)

// Version is of the contracts and sinks: it changes with their data.
const Version = "2026-11-22"

// Options say what reads the stream.
type Options struct {
	// Container is the format that holds the stream: "torch-zip", "torch-legacy",
	// "torch-tar", "torchscript", "pickle", "joblib", "npy", "dcp" or "". It says
	// which persistent ids and names the loader knows.
	Container string
	// StorageOK, when set, says whether a persistent id is one that the container
	// resolves to a storage.
	StorageOK func(pid pickle.Value) bool
	// OwnMain says that classes of __main__ are the project's own.
	OwnMain bool
	// Scratch, when set, is where lies what is kept of each value and is not in use.
	Scratch *scratch.Space
}

// Judgement is what is to be said about a stream.
type Judgement struct {
	Issues      []Issue       // in order of offset; each becomes one finding
	Packages    []string      // reviewed packages whose code would run, sorted
	Uses        []Use         // every distinct global, sorted by name
	Nested      []Nested      // bytes that flow into a loader, in order
	WeightsOnly []WeightsOnly // per torch release line, oldest first
	CVEs        []CVE         // what the stream itself triggers
}

// Issue is one thing that a rule says about the stream.
type Issue struct {
	Rule         *rule.Rule
	Offset       int64
	Message      string
	Evidence     []string
	Undetermined bool
}

// Tier says who vouches for a global.
type Tier string

// The tiers.
const (
	TierSafe      Tier = "safe"
	TierFramework Tier = "framework"
	TierUnknown   Tier = "unknown"
	TierArchive   Tier = "archive" // a TorchScript class, whose code is in the archive and is judged there
	TierSink      Tier = "sink"
)

// Use is a global that the stream imports, and what it does with it.
type Use struct {
	Name       string // "torch._utils._rebuild_tensor_v2"
	Module     string
	Tier       Tier
	Package    string   // who brings the code, for the safe and framework tiers
	Rationale  string   // why it is listed, or what a sink does
	Operations []string // "call", "new", "build" ...; empty where it is only a value
	Offset     int64    // of the first import
}

// Nested is bytes of the stream that another loader would deserialise.
type Nested struct {
	Value  pickle.Value // Bytes, ByteArray or Str
	Loader string       // "torch.storage._load_from_bytes"
	Kind   string       // what the loader reads: "pickle", "torch", "numpy", "marshal", "yaml", "joblib"
	Offset int64        // of the call
}

// Bytes returns what the loader would read; false if it is longer than the
// trace's MaxText. Protocols below 3 write bytes as text, which
// encode(text, "latin1") turns back.
func (n Nested) Bytes() ([]byte, bool) {
	if b, ok := n.Value.Bytes(); ok {
		return b, true
	}
	s, ok := n.Value.Text()
	if !ok {
		return nil, false
	}
	return latin1(s), true
}

// latin1 encodes text as Latin-1; what does not fit is cut to a byte.
func latin1(s string) []byte {
	b := make([]byte, 0, len(s))
	for _, r := range s {
		b = append(b, byte(r))
	}
	return b
}

// CVE is a vulnerability that loading the stream would trigger.
type CVE struct {
	ID     string
	Fixed  string // the torch release that fixed it
	Offset int64
	Text   string
}

// Judge says what loading the stream would do, and what vouches for it.
func Judge(t *pickle.Trace, opt Options) Judgement {
	j := &judge{
		t: t, opt: opt, table: table(),
		names:   map[key]*name{},
		byRef:   map[uint32]*name{},
		issues:  map[string]*Issue{},
		excused: map[string]bool{},
		seen:    map[uint32]struct{}{},
		callee:  map[uint32]target{},
	}
	j.imports()
	for e := range t.Events() {
		j.event(e)
	}
	j.standing()
	j.leftovers()
	j.stream()
	j.exhaustion()
	j.framework()
	weights := j.weightsOnly()
	j.weightsReport(weights)
	return Judgement{
		Issues: j.sorted(), Packages: j.packages(), Uses: j.uses(),
		Nested: j.nested, WeightsOnly: weights, CVEs: j.cves,
	}
}

// judge is the state of one judgement.
type judge struct {
	t     *pickle.Trace
	opt   Options
	table *contracts

	names   map[key]*name    // distinct globals
	byRef   map[uint32]*name // Global values
	order   []*name          // in order of first import
	doubt   bool             // a global is imported that no contract covers
	issues  map[string]*Issue
	excused map[string]bool // helpers that are part of another issue
	nested  []Nested
	cves    []CVE

	seen                map[uint32]struct{} // values that the search for evidence has visited
	visits              int
	lured, shown, steps int // bytes matched, events rendered, values explained
	keys                int // BUILD keys looked at
	folds, folding      int
	callee              map[uint32]target
	tags                map[uint32]string
}

// name is a distinct global.
type name struct {
	key
	full     string
	raw      string // as written, before Python 2 names are mapped
	entry    *entry // nil when it is not listed
	sink     *sink  // nil when it is not known to do harm
	own      bool   // of the saver's __main__
	script   bool   // a TorchScript class: its code is in the archive
	computed bool
	first    int64
	ops      ops      // operations seen
	broken   bool     // an operation left the contract
	vouched  bool     // an operation stayed inside the contract
	blamed   bool     // an issue names it
	helper   bool     // it served another sink that an issue names
	evidence []string // what was done with it
	lures    []string // suspicious arguments
}

// imports collects the distinct globals.
func (j *judge) imports() {
	for off, v := range j.t.Imports() {
		j.name(v, off)
	}
}

// name returns what is known of a Global value.
func (j *judge) name(v pickle.Value, off int64) *name {
	if n := j.byRef[v.Key()]; n != nil {
		return n
	}
	g, ok := v.Global()
	if !ok {
		return nil
	}
	k := key{g.Module, g.Name}
	n := j.names[k]
	if n == nil {
		n = j.newName(g, k, off)
		j.names[k] = n
		j.order = append(j.order, n)
	}
	if len(j.byRef) < maxKnown {
		j.byRef[v.Key()] = n
	}
	return n
}

// maxKnown is how many values are remembered by what they are. Picklers write a
// name once; who writes it each time has it looked up each time.
const maxKnown = 1 << 14

func (j *judge) newName(g pickle.Global, k key, off int64) *name {
	n := &name{key: k, full: g.String(), raw: g.RawModule + "." + g.RawName, first: off, computed: g.Computed}
	n.entry = j.table.entries[k]
	switch {
	case g.Computed:
	case k.module == "__main__" || k.module == "__mp_main__":
		n.own = true
	case j.opt.Container == "torchscript" && isScript(k.module):
		n.script = true
	default:
		n.sink = findSink(k)
	}
	if n.entry == nil && !n.script || n.sink != nil || n.entry != nil && n.entry.ops&opNever != 0 {
		j.doubt = true
	}
	return n
}

// isScript reports whether a module is one that TorchScript's unpickler looks up
// in the archive's own code.
func isScript(module string) bool {
	return module == "__torch__" || len(module) > 10 && module[:10] == "__torch__."
}

// add records an issue once per key; later ones only add evidence.
func (j *judge) add(k string, r *rule.Rule, off int64, message string, evidence ...string) *Issue {
	is := j.issues[k+r.ID]
	if is == nil {
		is = &Issue{Rule: r, Offset: off, Message: message}
		j.issues[k+r.ID] = is
	}
	for _, e := range evidence {
		if e != "" && len(is.Evidence) < maxEvidence && !slices.Contains(is.Evidence, e) {
			is.Evidence = append(is.Evidence, e)
		}
	}
	return is
}

// maxEvidence is how many lines of evidence one issue keeps.
const maxEvidence = 24

func (j *judge) sorted() []Issue {
	out := make([]Issue, 0, len(j.issues))
	for _, is := range j.issues {
		out = append(out, *is)
	}
	slices.SortFunc(out, func(a, b Issue) int {
		return cmp.Or(cmp.Compare(a.Offset, b.Offset), cmp.Compare(a.Rule.ID, b.Rule.ID), cmp.Compare(a.Message, b.Message))
	})
	return out
}

func (j *judge) packages() []string {
	var out []string
	for _, n := range j.order {
		if n.tier() == TierFramework && !slices.Contains(out, n.entry.pkg) {
			out = append(out, n.entry.pkg)
		}
	}
	slices.Sort(out)
	return out
}

func (j *judge) uses() []Use {
	out := make([]Use, 0, len(j.order))
	for _, n := range j.order {
		u := Use{Name: n.full, Module: n.module, Tier: n.tier(), Offset: n.first, Operations: n.ops.words()}
		switch {
		case n.sink != nil && u.Tier == TierSink:
			u.Rationale = n.sink.does()
		case n.entry != nil:
			u.Package, u.Rationale = n.entry.pkg, n.entry.why
		}
		out = append(out, u)
	}
	slices.SortFunc(out, func(a, b Use) int { return cmp.Or(cmp.Compare(a.Name, b.Name), cmp.Compare(a.Module, b.Module)) })
	return out
}

// tier says who vouches for the global as it is used here.
func (n *name) tier() Tier {
	switch {
	case n.entry != nil && !n.broken:
		return n.entry.tier
	case n.sink != nil:
		return TierSink
	case n.script:
		return TierArchive
	}
	return TierUnknown
}
