package optest

import (
	"bytes"
	"cmp"
	"context"
	"embed"
	"encoding/json"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/andiron-dev/andiron/internal/bounded"
	"github.com/andiron-dev/andiron/internal/child"
	"github.com/andiron-dev/andiron/internal/opbuild"
	"github.com/andiron-dev/andiron/internal/opreport"
)

//go:embed runner/*.py runner/andiron_ops/*.py
var runner embed.FS

// writeRunner writes the runner to the private folder.
func writeRunner(work string) error {
	return fs.WalkDir(runner, "runner", func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		to := filepath.Join(work, filepath.FromSlash(name))
		if d.IsDir() {
			return os.MkdirAll(to, 0o700)
		}
		b, err := runner.ReadFile(name)
		if err != nil {
			return err
		}
		return os.WriteFile(to, b, 0o600)
	})
}

// operator is one as the runner says it, and is told it.
type operator struct {
	Name      string     `json:"name"`
	Overload  string     `json:"overload"`
	Kind      string     `json:"kind"`
	Schema    string     `json:"schema"`
	Args      []argument `json:"args"`
	Returns   []string   `json:"returns"`
	Where     string     `json:"where"`
	Composite bool       `json:"composite"`
	Reference string     `json:"reference,omitempty"`
	Declared  string     `json:"declared,omitempty"`
}

type argument struct {
	Name    string `json:"name"`
	Type    string `json:"type"`
	Default bool   `json:"default"`
	Keyword bool   `json:"keyword"`
	Write   *bool  `json:"write"`
}

func (o *operator) full() string { return opreport.FullName(o.Name, o.Overload) }

// rawCase is what an operator is called with. Only the runner reads it.
type rawCase = json.RawMessage

// plan is what the runner is told.
type plan struct {
	Task      string               `json:"task"`
	Build     string               `json:"build"` // the kind of the project's
	Path      []string             `json:"path"`
	Libraries []string             `json:"libraries"`
	Modules   []string             `json:"modules"`
	Result    string               `json:"result,omitempty"`
	Dir       string               `json:"dir,omitempty"`
	Tests     []string             `json:"tests"`
	Operators []operator           `json:"operators,omitempty"`
	Refs      []string             `json:"references"`
	Seeds     map[string][]rawCase `json:"seeds"`
	Replay    map[string][]rawCase `json:"replay"`
	Cases     int                  `json:"cases"`
	Jobs      int                  `json:"jobs"`
	Seconds   float64              `json:"seconds,omitempty"`
	Events    string               `json:"events,omitempty"`
	Settings  *settings            `json:"settings,omitempty"`
	Log       string               `json:"log,omitempty"`
	Calls     []call               `json:"calls,omitempty"`
	First     int                  `json:"first"`
	Smaller   bool                 `json:"smaller"`
	Times     int                  `json:"times"`
	Found     []toldFinding        `json:"found,omitempty"`
}

// toldFinding is what the runner is told of a finding that a script is written for.
type toldFinding struct {
	Op     int     `json:"op"`
	Kind   string  `json:"kind"`
	Title  string  `json:"title"`
	Detail string  `json:"detail"`
	Case   rawCase `json:"case"`
	Tool   string  `json:"tool"`
}

type settings struct {
	Seed        int64    `json:"seed"`
	Oracles     bool     `json:"oracles"`
	Sanitizer   bool     `json:"sanitizer"`
	Memory      int64    `json:"memory"`
	Resident    int64    `json:"resident"`
	CaseSeconds int      `json:"case_seconds"`
	Only        string   `json:"only"`
	Asks        []string `json:"asks"`
	Tripwire    string   `json:"tripwire"` // the library; empty where it could not be built
	Rounds      int      `json:"thread_rounds"`
	Sources     string   `json:"sources"`
	Device      string   `json:"device"`
	ToolLog     string   `json:"tool_log"` // where valgrind writes, a file for each process: a dot and its number stand behind; or empty
}

const (
	caseMemory   = 1 << 30
	caseResident = 2 << 30
	gpuResident  = 12 << 30 // with what CUDA maps
	caseSeconds  = 10
	answerLimit  = 64 << 20
)

// python runs the runner on a plan in a build. It returns how that ended.
func (r *run) python(ctx context.Context, b opbuild.Built, name string, p *plan, env []string, heard func([]byte)) (*child.Tail, error) {
	p.Build = r.Project.Kind
	p.Libraries, p.Modules, p.Path = libraries(b), append([]string{}, b.Modules...), append([]string{}, b.PythonPath...)
	text, err := json.Marshal(p)
	if err != nil {
		return nil, err
	}
	file := filepath.Join(r.Work, name+".plan")
	if err := os.WriteFile(file, text, 0o600); err != nil {
		return nil, err
	}
	words := append(slices.Clone(b.Launch), r.Python, filepath.Join(r.Work, "runner", "main.py"), file)
	cmd := exec.CommandContext(ctx, words[0], words[1:]...) //nolint:gosec // the user's own interpreter
	said := new(child.Tail)
	cmd.Stderr = said
	cmd.Stdout = &listener{heard: heard}
	cmd.Dir = b.Dir
	cmd.Env = append(os.Environ(), "TMPDIR="+r.Work, "PYTHONDONTWRITEBYTECODE=1", "OMP_NUM_THREADS=4", "OMP_WAIT_POLICY=passive")
	cmd.Env = append(append(cmd.Env, b.Env...), env...)
	err = child.Run(cmd)
	if ctx.Err() != nil {
		err = ctx.Err()
	}
	return said, err
}

// libraries are those that are loaded by their path: what Python does not import.
func libraries(b opbuild.Built) []string {
	list := []string{}
	for _, l := range b.Libraries {
		base, _, _ := strings.Cut(filepath.Base(l), ".")
		if !slices.ContainsFunc(b.Modules, func(m string) bool { return m[strings.LastIndexByte(m, '.')+1:] == base }) {
			list = append(list, l)
		}
	}
	return list
}

// listener hands lines that begin as an event on, and drops the others.
type listener struct {
	heard func([]byte)
	line  []byte
}

const mostLine = 64 << 10

func (l *listener) Write(b []byte) (int, error) {
	n := len(b)
	for {
		i := bytes.IndexByte(b, '\n')
		if i < 0 {
			if len(l.line)+len(b) <= mostLine {
				l.line = append(l.line, b...)
			}
			return n, nil
		}
		l.line = append(l.line, b[:i+1]...)
		if l.heard != nil && bytes.HasPrefix(l.line, []byte(`{"event"`)) {
			l.heard(l.line)
		}
		l.line, b = l.line[:0], b[i+1:]
	}
}

// answer reads what the runner wrote.
func answer(name string, into any) error {
	f, err := os.Open(name) //nolint:gosec // in the private folder
	if err != nil {
		return fmt.Errorf("%w: %w", errRunner, err)
	}
	defer func() { _ = f.Close() }() // it was only read
	b, err := bounded.ReadAll(f, answerLimit)
	if err == nil {
		err = json.Unmarshal(b, into)
	}
	if err != nil {
		return fmt.Errorf("%w: %w", errRunner, err)
	}
	return nil
}

// discover asks the libraries which operators they bring.
func (r *run) discover(ctx context.Context) error {
	r.say("loading", 0, 0)
	p := &plan{Task: "discover", Result: filepath.Join(r.Work, "discover.json"), Dir: r.plain.Dir, Refs: r.Config.references()}
	said, ended := r.python(ctx, r.plain, "discover", p, nil, nil)
	var got struct {
		Operators     []operator `json:"operators"`
		Torch, Python string
		Unusable      map[string]string // references, and why
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if err := answer(p.Result, &got); err != nil || ended != nil {
		return &opbuild.Error{
			Text: "the extension was built, and cannot be loaded", Output: said.Lines(),
			Hint: "the last lines above are of Python; the module has to be importable by itself",
		}
	}
	r.result.Torch, r.result.Python = got.Torch, got.Python
	if names := r.Config.unknown(got.Operators); len(names) > 0 {
		return &opbuild.Error{Text: fmt.Sprintf("%s names operator %q, which the extension does not bring", ConfigName, names[0]), Hint: "such as ns::name, or module.function of a pybind11 module"}
	}
	for _, name := range r.Config.references() {
		if why := got.Unusable[name]; why != "" {
			return &opbuild.Error{Text: fmt.Sprintf("%s names reference %q, which cannot be called: %s", ConfigName, name, why), Hint: "such as mypkg.reference.gather: a function of a module that the tests can import"}
		}
	}
	for _, o := range r.Config.apply(got.Operators) {
		op := &opreport.Operator{Name: o.Name, Overload: o.Overload, Kind: o.Kind, Schema: o.Schema, Skip: r.Config.skip(o)}
		r.result.Operators = append(r.result.Operators, op)
		if op.Skip == "" {
			r.operators = append(r.operators, o)
			r.byName[o.full()] = op
		}
	}
	return nil
}

// recorded is what running the project's tests gave.
type recorded struct {
	Calls   map[string][]rawCase `json:"calls"`
	LeftOut map[string]string    `json:"left_out"`
	Code    int                  `json:"code"`
	Crashed []struct {
		Test   string `json:"test"`
		Signal int    `json:"signal"`
	} `json:"crashed"`
	Problems []string `json:"problems"`
}

// record runs the project's tests once.
func (r *run) record(ctx context.Context) error {
	r.seeds = r.Config.seeds()
	r.say("running the project's tests", 0, 0)
	p := &plan{Task: "record", Result: filepath.Join(r.Work, "record.json"), Dir: r.plain.Dir, Tests: append([]string{}, r.Tests...)}
	own, cancel := context.WithTimeout(ctx, r.Budget)
	defer cancel()
	said, ended := r.python(own, r.plain, "record", p, nil, nil)
	if ctx.Err() != nil {
		return ctx.Err()
	}
	var got recorded
	if err := answer(p.Result, &got); err != nil || ended != nil {
		lines := said.Lines()
		last := ""
		if len(lines) > 0 {
			last = ": " + lines[len(lines)-1]
		}
		r.pass("tests", "", "the project's tests could not be run"+last)
		return nil
	}
	n := 0
	for name, calls := range got.Calls {
		r.seeds[name] = append(r.seeds[name], calls...)
		n += len(calls)
	}
	r.pass("tests", recordNote(got, n), "")
	return nil
}

// noTests is how a run of tests ends where there are none.
const noTests = 5

func recordNote(got recorded, calls int) string {
	note := fmt.Sprintf("%s of %s recorded", count(calls, "call", "calls"), count(len(got.Calls), "operator", "operators"))
	if n := len(got.Crashed); n > 0 {
		note += fmt.Sprintf("; %s ended the process, such as %s", count(n, "test", "tests"), got.Crashed[0].Test)
	}
	switch got.Code {
	case 0:
	case noTests:
		note += "; no tests were found"
	default:
		note += fmt.Sprintf("; the tests ended with exit code %d", got.Code)
	}
	if len(got.Problems) > 0 {
		note += "; " + got.Problems[0]
	}
	return note
}

// drive says how one build is driven.
type drive struct {
	what      string
	name      string     // of its files; that of the build if empty
	operators []operator // all if nil
	device    string     // "cuda", or the CPU
	seconds   time.Duration
	oracles   bool
	sanitizer bool
	only      string
	asks      []string
	replay    map[string][]rawCase
	env       []string
	toolLog   string
}

// drive makes all calls in one build, and takes in what was found. It says whether the
// runner came to its end.
func (r *run) drive(ctx context.Context, b opbuild.Built, d drive) (whole bool, err error) {
	if d.operators == nil {
		d.name, d.operators = string(b.Variant), r.operators
	}
	p := &plan{
		Task: "drive", Operators: d.operators, Seeds: r.seeds, Replay: orEmpty(d.replay), Cases: r.Cases, Jobs: cmp.Or(r.Jobs, runtime.NumCPU()), Seconds: d.seconds.Seconds(),
		Events: filepath.Join(r.Work, d.name+".events"), Dir: b.Dir,
		Settings: &settings{
			Seed: r.Seed, Oracles: d.oracles, Sanitizer: d.sanitizer, Memory: caseMemory, Resident: caseResident, CaseSeconds: caseSeconds,
			Only: d.only, Asks: append([]string{}, d.asks...), Tripwire: r.tripwire, Rounds: 12, Sources: r.Project.Dir, Device: "cpu", ToolLog: d.toolLog,
		},
	}
	if d.device != "" {
		p.Settings.Device, p.Settings.Resident, p.Settings.CaseSeconds = d.device, gpuResident, 2*caseSeconds
		p.Jobs, p.Settings.Tripwire = 1, "" // there are several such programs
	}
	if d.sanitizer {
		p.Settings.Rounds, p.Settings.CaseSeconds = 3, 3*caseSeconds
	}
	// The runner keeps to its time by itself; this is for one that hangs.
	own, cancel := context.WithTimeout(ctx, d.seconds+2*time.Minute)
	defer cancel()
	said, ended := r.python(own, b, d.name, p, d.env, func(line []byte) {
		var e opreport.Event
		if json.Unmarshal(line, &e) == nil && e.Event == "progress" {
			r.say(d.what+" "+e.Operator, e.Done, e.Total)
		}
	})
	r.taking.Lock()
	defer r.taking.Unlock()
	whole, err = r.take(p.Events, b)
	if ctx.Err() != nil {
		return false, ctx.Err()
	}
	if err != nil && ended != nil {
		return false, &opbuild.Error{Text: fmt.Sprintf("the runner ended: %v", ended), Output: said.Lines(), Hint: "its last words are above"}
	}
	return whole, err
}

// take reads the events of a build.
func (r *run) take(name string, b opbuild.Built) (whole bool, err error) {
	f, err := os.Open(name) //nolint:gosec // in the private folder
	if err != nil {
		return false, fmt.Errorf("%w: %w", errRunner, err)
	}
	defer func() { _ = f.Close() }() // it was only read
	return opreport.ReadEvents(f, func(e opreport.Event) error {
		key := opreport.FullName(e.Operator, e.Overload)
		op := r.byName[key]
		if op != nil && e.Event == "row" && e.Lost > 0 {
			r.result.Incomplete = append(r.result.Incomplete, fmt.Sprintf("%s of %s (%s) could not be judged, as the runner failed: %s", count(e.Lost, "call", "calls"), key, b.Variant, e.Failed))
		}
		switch {
		case op == nil:
		case e.Event == "row" && b.Variant == valgrind:
			r.under.add(&e)
		case e.Event == "finding":
			r.add(op, e.Found(string(b.Variant)), b)
		case e.Event == "row" && b.Variant == opbuild.Plain:
			op.Counts, op.Asked, op.Skipped, op.Cut, op.Stage = e.Counts, e.Asked, e.Skipped, e.Cut, e.Stage
			r.pools[key] = e.Pool
		case e.Event == "row" && b.Variant == OnGPU:
			r.takeGPU(op, &e)
		}
		return nil
	})
}

// add keeps a finding, beside or in place of one of an earlier build that is the same.
func (r *run) add(op *opreport.Operator, f opreport.Found, b opbuild.Built) {
	f.Where, _ = opreport.Top(f.Output, r.known(b))
	op.Found = merge(op.Found, f)
}

// known accepts files of the project.
func (r *run) known(b opbuild.Built) func(string) (string, bool) {
	return func(file string) (string, bool) {
		for _, dir := range []string{r.Project.Dir, b.Dir} {
			if rel, err := filepath.Rel(dir, file); err == nil && filepath.IsLocal(rel) && slices.Contains(sourceEndings, strings.ToLower(filepath.Ext(rel))) {
				return filepath.ToSlash(rel), true
			}
		}
		return "", false
	}
}

var sourceEndings = []string{".cpp", ".cc", ".cxx", ".c", ".cu", ".h", ".hpp", ".hh", ".cuh", ".inl", ".hxx"}

// threads is what a source says that starts some.
var threads = regexp.MustCompile(`parallel_for|parallel_reduce|#pragma omp|std::thread|std::async|pthread_create|at::launch|tbb::`)

// orEmpty is a map that is {} in JSON, and not null.
func orEmpty(m map[string][]rawCase) map[string][]rawCase {
	if m == nil {
		m = map[string][]rawCase{}
	}
	return m
}
