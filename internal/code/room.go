// Package code is the room that looks at Python code: what does it load, how, and
// who decides what? It reads a file with package pysrc and reports loads that run
// what a file says, loads that are verified, and what a request can bring to one.
// Of all files together, [Forwards] says which models hold their inputs against a
// schema and which do not.
//
// # Security
//
// Nothing is executed by looking. A part of a file that does not parse is an
// undetermined finding; what stands around it is looked at. A name that may stand
// for several things is judged by all of them, and an argument that is not seen
// is never taken for the safe one. In a test (test_*.py, *_test.py, conftest.py, and
// what lies in tests) nothing is worse than low.
//
// # Limits
//
// Those of package pysrc. A notebook may have 64 MiB and 20,000 cells; of one
// rule 200 findings are reported in one file. Of one file 20,000 calls and 5,000
// classes and functions and 2,000 guards and exports are kept for [Forwards]; more is
// an undetermined finding. It reports 200 findings of one rule in one file.
//
// # Specification
//
// torch.load, torch.jit.load, torch.hub and torch.package as of torch 1.13 to 2.14;
// the default of weights_only is that of torch 2.6. Findings stand at the call:
// line and column from 1, the column in characters.
package code

import (
	"bytes"
	"context"
	"fmt"
	"path"
	"slices"
	"strings"
	"sync/atomic"

	"github.com/andiron-dev/andiron/finding"
	"github.com/andiron-dev/andiron/internal/artifact"
	"github.com/andiron-dev/andiron/internal/bounded"
	"github.com/andiron-dev/andiron/internal/pysrc"
	"github.com/andiron-dev/andiron/internal/rule"
)

// Options say what is known of the project as a whole.
type Options struct {
	Torch Torch  // the versions that its requirements allow
	Root  string // its folder, as the names of files begin
	// Memory is what is left of bytes to keep the text of files in until Forwards knows
	// whether they matter; nil is none, and each is looked at in full at once.
	Memory *atomic.Int64
	Fix    *Fix   // say how what can be rewritten is, and what becomes of each file; nil does not
	Again  *Again // look once more, knowing what other files say; nil is the first look
}

// Rules are the rules of the room.
var Rules = slices.Concat(loadRules, unpickleRules, sourceRules, otherRules, moreRules, forwardRules, evidenceRules)

// Facts say what was looked at.
type Facts struct {
	Python  bool     // the file is Python code, or a notebook
	Lines   int      // of code in it
	Modules *Modules // what it says about models, for Forwards; nil if it is no Python code that could be read
	Flow    *Flow    // what it hands on, for Flows; nil as well
	Allows  []Allow  // what somebody answers for in it
	Before  string   // its text, where it is rewritten
	After   string   // and what that becomes; empty where nothing changes
	Left    []Left   // what is not rewritten, and why
}

// Reads reports whether the room looks at files of this name.
func Reads(name string) bool { return readerOf(name) != nil }

// MayRead reports whether it does, or may: a file whose name has no ending is Python
// where its first line says so.
func MayRead(name string) bool { return Reads(name) || unnamed(name) }

func unnamed(name string) bool {
	ext := path.Ext(name)
	return ext == "" || ext == ".cgi" || ext == ".fcgi"
}

// IsCode reports whether the room looks at a file, by its name or by its first line.
func IsCode(a *artifact.Artifact) bool {
	is, _ := script(a) // what cannot be read is said when it is looked at
	return Reads(a.Name()) || unnamed(a.Name()) && is
}

// scriptHead is how much of a file is read for its first line.
const scriptHead = 256

// script reports whether a file is a program that Python runs, as its first line says:
// #!/usr/bin/env python3.
func script(a *artifact.Artifact) (bool, error) {
	head, err := bounded.ReadRange(a.ReaderAt(), a.Size(), 0, min(a.Size(), scriptHead), scriptHead)
	if err != nil || !bytes.HasPrefix(head, []byte("#!")) {
		return false, err
	}
	line, _, _ := bytes.Cut(head, []byte("\n"))
	for _, runs := range []string{"python", "pypy", "uv run"} {
		if bytes.Contains(line, []byte(runs)) {
			return true, nil
		}
	}
	return false, nil
}

type reader func(*looker, *artifact.Artifact) error

func readerOf(name string) reader {
	base := strings.ToLower(path.Base(name))
	switch path.Ext(base) {
	case ".py", ".pyw", ".wsgi":
		return (*looker).python
	case ".pyx", ".pxi":
		return (*looker).cython
	case ".ipynb":
		return (*looker).notebook
	}
	if setsEnvironment(base) {
		return (*looker).settings
	}
	return nil
}

// Look looks at one file and reports what it finds. The error is the context's or
// the operating system's; all else is in the findings.
func Look(ctx context.Context, a *artifact.Artifact, opt Options, report func(finding.Finding)) (Facts, error) {
	read := readerOf(a.Name())
	if read == nil && unnamed(a.Name()) {
		switch is, err := script(a); {
		case err != nil:
			return Facts{}, err
		case is:
			read = (*looker).python
		}
	}
	if read == nil {
		return Facts{}, nil
	}
	l := &looker{name: a.Name(), opt: opt, out: report, kept: map[string]int{}, said: map[reportedAt]bool{}, test: isTest(beneath(opt.Root, a.Name()))}
	err := read(l, a)
	if ctx.Err() != nil {
		return Facts{}, ctx.Err()
	}
	return Facts{Python: l.code, Lines: l.lines, Modules: l.modules, Flow: l.flow, Allows: l.allows, Before: l.before(), After: l.fixed, Left: l.left}, err
}

// looker looks at one file.
type looker struct {
	name    string
	opt     Options
	out     func(finding.Finding)
	kept    map[string]int
	moved   func(finding.Where) finding.Where // from the text of a notebook to a cell; nil for other files
	test    bool                              // the file is a test
	code    bool
	lines   int
	modules *Modules
	flow    *Flow
	allows  []Allow
	bytes   string // of the file, where it may be rewritten
	fixed   string
	edits   []edit  // that make it so
	groups  []group // and those of each call
	left    []Left
	said    map[reportedAt]bool
	hold    bool // what other files do has to be known
}

func (l *looker) before() string {
	if l.fixed == "" {
		return ""
	}
	return l.bytes
}

// mostKept is how many findings of one rule are reported of one file.
const mostKept = 200

func (l *looker) report(f finding.Finding) {
	f.Where = l.place(f.Where)
	if l.test {
		f = tested(f)
	}
	if !l.fresh(f) {
		return
	}
	l.kept[f.Rule]++
	switch n := l.kept[f.Rule]; {
	case n < mostKept:
		l.out(f)
	case n == mostKept:
		f.Message += fmt.Sprintf(" (no more findings of %s are listed)", f.Rule)
		l.out(f)
	}
}

// tested is a finding in a test: it loads what it made itself, or does on purpose what
// nobody should, and does so nowhere else.
func tested(f finding.Finding) finding.Finding {
	if f.Outcome == finding.Present {
		f.Severity = min(f.Severity, finding.Low)
	}
	return f
}

func (l *looker) place(w finding.Where) finding.Where {
	if l.moved == nil {
		return w
	}
	return l.moved(w)
}

const maxSource = 16 << 20

func (l *looker) python(a *artifact.Artifact) error {
	l.code = true
	b, err := l.read(a, "was not read")
	if b != nil {
		l.source(b, finding.Where{Path: a.Name()})
	}
	return err
}

// cython says that a file of Cython was passed over: it is no Python, and compiled.
func (l *looker) cython(a *artifact.Artifact) error {
	l.report(cythonLeft.Finding(finding.Where{Path: a.Name()}, "the file is Cython, which is not read, so that what it loads is not known"))
	return nil
}

// read gives a file's bytes, or nil and has said why.
func (l *looker) read(a *artifact.Artifact, otherwise string) ([]byte, error) {
	if a.Size() > maxSource {
		l.report(notRead.Undetermined(finding.Where{Path: a.Name()}, fmt.Sprintf("the file has more than %d bytes, and %s", maxSource, otherwise)))
		return nil, nil
	}
	return bounded.ReadRange(a.ReaderAt(), a.Size(), 0, a.Size(), maxSource)
}

// source looks at Python source that stands in a place.
func (l *looker) source(b []byte, where finding.Where) {
	if l.opt.Fix != nil {
		l.bytes = string(b)
	}
	l.lines = bytes.Count(b, []byte("\n"))
	if len(b) > 0 && b[len(b)-1] != '\n' {
		l.lines++
	}
	f, err := pysrc.Parse(b, pysrc.Limits{})
	if err != nil {
		l.report(notRead.Undetermined(where, fmt.Sprintf("the file could not be read as Python: %v", err)))
		return
	}
	for i, e := range f.Errors {
		if i == mostErrors {
			break
		}
		line, column := f.Place(int32(e.Offset))
		l.report(notRead.Undetermined(where.Line1(line, column), "this does not parse as Python, so what it does is not known: "+e.What))
	}
	newView(l, f, where).look()
}

// mostErrors is how many places of one file are said not to parse.
const mostErrors = 10

// view is one file as the checks see it.
type view struct {
	l     *looker
	f     *pysrc.File
	m     *pysrc.Module
	where finding.Where
	done  map[placed]bool

	calls    map[*pysrc.Scope][]*pysrc.Invocation // by function; nil is the module
	hashed   map[*pysrc.Scope]int32               // where a function first computes a digest
	hashers  hashers                              // functions of the file that do
	sought   int                                  // comparisons of digests that were looked for
	searches int                                  // calls that are still looked at for them
	set      map[string]bool                      // attributes that something in the file sets; made when it is asked for
	listed   map[*pysrc.Scope][]listed            // what functions look up on lists
	waits    []waiting                            // findings that may be put right
	attempts []attempt                            // calls that may load again what another failed to load
	edits    map[int32][]edit                     // by the call that they put right
	own      map[*pysrc.Scope][]int               // lines in which functions check what they are given
	work     int                                  // left to follow what requests bring
	kept     map[objectsIn]kept                   // files that objects are saved to; nil until it is asked for
	puts     map[variable][]pysrc.Arg             // what is put into dictionaries, by their names; nil until it is asked for
}

// placed is a rule at a place, which it is reported at once.
type placed struct {
	rule string
	at   int32
}

func newView(l *looker, f *pysrc.File, where finding.Where) *view {
	v := &view{
		l: l, f: f, m: pysrc.ResolveBy(f, l.opt.Again.stands()), where: where, done: map[placed]bool{}, listed: map[*pysrc.Scope][]listed{}, work: mostWork, searches: mostSearches,
		calls: map[*pysrc.Scope][]*pysrc.Invocation{}, hashed: map[*pysrc.Scope]int32{}, own: map[*pysrc.Scope][]int{},
		hashers: hashers{gives: map[*pysrc.Scope]hasher{}, compares: map[*pysrc.Scope]bool{}, calls: map[*pysrc.Scope][]*pysrc.Invocation{}, kinds: map[*pysrc.Call]hasher{}, lookups: map[*pysrc.Compare][]pysrc.Expr{}, digests: map[*pysrc.Compare]bool{}, verdicts: map[*pysrc.Call]bool{}, asked: map[*pysrc.Call]bool{}, verified: map[*pysrc.Scope]proof{}, work: mostHashWork},
	}
	for _, c := range v.m.Calls {
		fn := c.Scope.Function()
		v.calls[fn] = append(v.calls[fn], c)
	}
	v.findHashers()
	return v
}

// checks are what is looked for, in order; a check may rely on those before it.
var checks = []func(*view){
	(*view).retries, (*view).torchLoads, (*view).unpickles, (*view).hubs, (*view).saves,
	(*view).lateDigests, (*view).libraries, (*view).texts, (*view).natives, (*view).listeners, (*view).pickles, (*view).secrets, (*view).allows,
	(*view).environment, (*view).evidence, (*view).trace, (*view).modules, (*view).fix,
}

func (v *view) look() {
	for _, check := range checks {
		check(v)
	}
	for _, h := range v.waits {
		h.f.Edits = v.placed(v.edits[h.at])
		v.l.report(h.f)
	}
	if v.m.Exhausted {
		v.l.report(notRead.Undetermined(v.where, "the file is made so that what its names stand for could not be found out"))
	}
}

// at is the place of a node.
func (v *view) at(n pysrc.Node) finding.Where {
	line, column := v.f.Place(n.Where().Start)
	return v.where.Line1(line, column)
}

// line is the one of a node, in a notebook of its cell.
func (v *view) line(n pysrc.Node) int { return v.l.place(v.at(n)).Line }

// found reports a finding at a node, once.
func (v *view) found(r *rule.Rule, n pysrc.Node, message string, evidence ...string) {
	v.foundAs(r, r.Severity, n, message, evidence...)
}

// foundAs is found with a severity that the rule's text gives a reason for.
func (v *view) foundAs(r *rule.Rule, s finding.Severity, n pysrc.Node, message string, evidence ...string) {
	f := r.Finding(v.at(n), message, evidence...)
	f.Severity = s
	v.put(r, n, f)
}

// put reports a finding, once at a node.
func (v *view) put(r *rule.Rule, n pysrc.Node, f finding.Finding) {
	key := placed{r.ID, n.Where().Start}
	if v.done[key] {
		return
	}
	v.done[key] = true
	if v.l.opt.Fix != nil && slices.Contains(fixed, r) {
		v.waits = append(v.waits, waiting{f, n.Where().Start})
		return
	}
	v.l.report(f)
}

// waiting is a finding that waits for what would put it right.
type waiting struct {
	f  finding.Finding
	at int32
}

// shown is source on one line and of a length that fits a sentence.
func (v *view) shown(n pysrc.Node) string {
	s := strings.Join(strings.Fields(v.f.Source(n)), " ")
	r := []rune(s)
	if len(r) > mostShown {
		return string(r[:mostShown]) + "…"
	}
	return s
}

const mostShown = 80

// words are the constants that an argument may be: True, False, None, and Unknown
// as an empty word. No argument is no words.
func (v *view) words(c *pysrc.Invocation, position int, name string) []string {
	args, open := c.Arg(position, name)
	var out []string
	for _, a := range args {
		out = append(out, v.wordsOf(a)...)
	}
	if open {
		out = append(out, "")
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// wordsOf are the constants that an expression may be.
func (v *view) wordsOf(a pysrc.Arg) (out []string) {
	if not, ok := a.Expr.(*pysrc.Unary); ok && not.Op == "not" {
		for _, w := range v.wordsOf(pysrc.Arg{Expr: not.Value, Scope: a.Scope}) {
			out = append(out, map[string]string{"True": "False", "False": "True", "None": "True"}[w])
		}
		return out
	}
	for _, value := range v.m.Eval(a.Expr, a.Scope) {
		w := ""
		switch value.Kind {
		case pysrc.Word:
			w = value.Name
		case pysrc.Digits: // 0 and 1 are what people write as well
			w = map[bool]string{true: "False", false: "True"}[value.Name == "0"]
		default:
		}
		out = append(out, w)
	}
	return out
}

// text is an argument where it is one constant string.
func (v *view) text(c *pysrc.Invocation, position int, name string) (string, bool) {
	args, _ := c.Arg(position, name)
	if len(args) != 1 {
		return "", false
	}
	values := v.m.Eval(args[0].Expr, args[0].Scope)
	if len(values) != 1 || values[0].Kind != pysrc.Text {
		return "", false
	}
	return values[0].Name, true
}

// given reports whether an argument is passed, as far as is seen.
func given(c *pysrc.Invocation, position int, name string) bool {
	args, _ := c.Arg(position, name)
	return len(args) > 0
}

// name is the first of names that a call may be, or empty.
func nameOf(c *pysrc.Invocation, names ...string) string {
	for _, n := range names {
		if c.Is(n) {
			return n
		}
	}
	return ""
}
