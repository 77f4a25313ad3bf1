// Package optest tests the operators of a PyTorch extension by running them: it builds
// the project's extension in several ways with package opbuild, records what the
// project's own tests call the operators with, and has a program in Python, the runner,
// call them with that and with what lies near it. What it saw comes back as the facts of
// package opreport.
//
// # Security
//
// All of this runs the project's code, and what it does is not contained: this package
// starts other programs, and only a verb that says so may call it. It bounds them. A
// program has no standard input and a process group of its own, which is killed when the
// context ends; each call of an operator is made in a child that ends with its parent,
// with limits of memory, time and output. No pickle is read or written: arguments are
// data in JSON.
//
// # Limits
//
// What the runner writes: 256 MiB. A case: 10 s, 1 GiB more than the process had. Of an
// operator 25 crashes are looked at. The caller's context bounds the time of all.
//
// # Specification
//
// docs/spec/optest-v1.md. torch 1.13 to 2.14: torch.ops, torch._C._jit_get_all_schemas,
// torch._C._dispatch_dump, torch.library.opcheck; glibc's mallopt(3) M_PERTURB and
// mallinfo2(3).
package optest

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/andiron-dev/andiron/internal/opbuild"
	"github.com/andiron-dev/andiron/internal/opreport"
)

// Options say how to test.
type Options struct {
	Project  opbuild.Project
	Python   string   // the interpreter that has torch and the project's dependencies
	Work     string   // a private throw-away folder
	Corpus   string   // where scripts and cases are kept
	Config   *Config  // of the project; may be nil
	Tests    []string // what the project's tests are; its folder if empty
	Seed     int64
	Cases    int           // of each operator, besides seeds
	Budget   time.Duration // for the calls, not for the builds
	Builds   []opbuild.Variant
	Jobs     int
	Thorough bool // under valgrind as well
	// Say is told what is being done, and how far that is.
	Say func(what string, done, total int)
}

// run is a test that goes on.
type run struct {
	Options

	result    opreport.Result
	byName    map[string]*opreport.Operator
	operators []operator
	seeds     map[string][]rawCase
	plain     opbuild.Built
	ahead     ahead
	tripwire  string
	replay    map[string][]rawCase
	pools     map[string][]rawCase
	taking    sync.Mutex // what several programs at once have found
	saying    sync.Mutex
	gpu       gpuFacts
	noGPU     string               // why no call is made on a GPU
	watched   map[string][]rawCase // calls on the GPU that compute-sanitizer looks at
	broken    map[string][]rawCase // those that ended what a process may ask of the GPU
	under     underValgrind
}

// Run tests all operators of a project. If the context ends, it returns what was seen
// until then, with the error.
func Run(ctx context.Context, o Options) (*opreport.Result, error) {
	r := &run{Options: o, byName: map[string]*opreport.Operator{}, seeds: map[string][]rawCase{}, pools: map[string][]rawCase{}, watched: map[string][]rawCase{}, broken: map[string][]rawCase{}}
	r.result.Seed = o.Seed
	if r.Config == nil {
		r.Config = &Config{}
	}
	err := r.all(ctx)
	r.sort()
	switch {
	case ctx.Err() != nil:
		return &r.result, ctx.Err()
	case err != nil:
		return nil, err
	}
	return &r.result, r.keep()
}

// all does everything in order.
func (r *run) all(ctx context.Context) error {
	if err := writeRunner(r.Work); err != nil {
		return err
	}
	if err := r.buildPlain(ctx); err != nil {
		return err
	}
	if err := r.discover(ctx); err != nil || len(r.operators) == 0 {
		return err
	}
	end := r.buildAhead(ctx)
	defer end()
	r.place()
	if err := r.lookForGPU(ctx); err != nil {
		return err
	}
	if err := r.record(ctx); err != nil {
		return err
	}
	var err error
	if r.replay, err = r.replayed(); err != nil {
		return err
	}
	r.addTripwire()
	if err := r.drivePlain(ctx); err != nil {
		return err
	}
	for _, v := range []opbuild.Variant{opbuild.ASan, opbuild.TSan} {
		if err := r.sanitized(ctx, v); err != nil {
			return err
		}
	}
	if err := r.underValgrind(ctx); err != nil {
		return err
	}
	return r.onGPU(ctx)
}

func (r *run) say(what string, done, total int) {
	if r.Say != nil {
		r.saying.Lock()
		defer r.saying.Unlock()
		r.Say(what, done, total)
	}
}

// pass adds a pass that was run, with a note, or was not, with the reason.
func (r *run) pass(name, note, reason string) {
	r.result.Passes = append(r.result.Passes, opreport.Pass{Name: name, Run: reason == "", Reason: reason, Note: note})
}

func (r *run) options() opbuild.Options {
	return opbuild.Options{Python: r.Python, Work: r.Work, Jobs: r.Jobs}
}

func (r *run) buildPlain(ctx context.Context) (err error) {
	r.say("building", 0, 0)
	r.plain, err = opbuild.Build(ctx, r.Project, opbuild.Plain, r.options())
	if err != nil {
		if e, ok := errors.AsType[*opbuild.Error](err); ok {
			e.Hint = strings.Join(slices.DeleteFunc([]string{e.Hint, r.keepLog(opbuild.Plain, err)}, empty), "; ")
		}
		return err
	}
	note := fmt.Sprintf("%s of %s", count(len(r.plain.Libraries), "library", "libraries"), r.Project.File)
	if n := len(r.plain.Warnings); n > 0 {
		note += fmt.Sprintf(", %s of the compiler", count(n, "warning", "warnings"))
	}
	if n := len(r.plain.Unbuilt); n > 0 {
		note += ", without " + strings.Join(r.plain.Unbuilt, ", ")
		if r.plain.NoCUDA {
			note += " (there is no nvcc)"
		}
	}
	r.pass("build", note, "")
	return nil
}

// addTripwire takes the device whose memory nobody may touch.
func (r *run) addTripwire() {
	r.say("building the tripwire device", 0, 0)
	device := <-r.ahead.device
	if device.err != nil {
		r.pass("device", "", fmt.Sprintf("the tripwire device cannot be built: %v", device.err))
		return
	}
	r.tripwire = device.tripwire
	r.pass("device", "tensors of a device whose memory the host cannot touch", "")
}

// The shares of the time that the builds have.
var shares = map[opbuild.Variant]float64{opbuild.Plain: 0.6, opbuild.ASan: 0.3, opbuild.TSan: 0.1, OnGPU: 0.5}

func (r *run) share(v opbuild.Variant) time.Duration {
	part := shares[v]
	if r.noGPU == "" {
		part /= 1 + shares[OnGPU]
	}
	return time.Duration(part * float64(r.Budget))
}

func (r *run) drivePlain(ctx context.Context) error {
	asks := []string{"leak", "threads", "dtype", "gradient", "opcheck"}
	if r.tripwire != "" {
		asks = append(asks, "device")
	}
	whole, err := r.drive(ctx, r.plain, drive{
		what: "testing", seconds: r.share(opbuild.Plain), oracles: true, asks: asks, replay: r.replay,
		env: []string{"GLIBC_TUNABLES=glibc.malloc.tcache_count=0"},
	})
	if err != nil {
		return err
	}
	if !whole {
		r.result.Incomplete = append(r.result.Incomplete, "the program that makes the calls ended before it was done")
	}
	seeded := 0
	for _, o := range r.result.Operators {
		if o.Counts.Seeds > 0 {
			seeded++
		}
	}
	r.pass("plain", fmt.Sprintf("%s, %d with seeds", count(len(r.operators), "operator", "operators"), seeded), "")
	return nil
}

// sanitized takes another build, and makes the same calls in it.
func (r *run) sanitized(ctx context.Context, v opbuild.Variant) error {
	if reason := r.needless(v); reason != "" {
		r.pass(string(v), "", reason)
		return nil
	}
	r.say("building "+string(v), 0, 0)
	made := <-r.ahead.built[v]
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if made.err != nil {
		r.pass(string(v), "", made.err.Error())
		said := []string{fmt.Sprintf("the build %s failed: %v", v, made.err), r.keepLog(v, made.err)}
		r.result.Incomplete = append(r.result.Incomplete, strings.Join(slices.DeleteFunc(said, empty), "; "))
		return nil //nolint:nilerr // that is said
	}
	built := made.built
	d := drive{what: "testing " + string(v), seconds: r.share(v), sanitizer: true, only: "threads", asks: []string{"threads"}}
	if v == opbuild.ASan {
		d.only, d.asks, d.replay = "", nil, r.failing()
		d.env = []string{"ASAN_OPTIONS=" + setting(built.Env, "ASAN_OPTIONS") + ":detect_leaks=1:leak_check_at_exit=0"}
	}
	whole, err := r.drive(ctx, built, d)
	if err != nil {
		return err
	}
	if !whole {
		r.result.Incomplete = append(r.result.Incomplete, fmt.Sprintf("the program that makes the calls of the build %s ended before it was done", v))
	}
	r.pass(string(v), fmt.Sprintf("built in %d s", int(built.Took.Seconds())), "")
	return nil
}

// needless says why a build is not made.
func (r *run) needless(v opbuild.Variant) string {
	if !slices.Contains(r.Builds, v) {
		return "it was not asked for"
	}
	if v == opbuild.TSan && !r.threaded() {
		return "no source starts threads"
	}
	return ""
}

// threaded reports whether a source or a header speaks of threads. In doubt it does.
func (r *run) threaded() bool {
	found := false
	err := filepath.WalkDir(r.plain.Dir, func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !slices.Contains(sourceEndings, strings.ToLower(filepath.Ext(name))) {
			return err
		}
		b, err := os.ReadFile(name) //nolint:gosec // in the copy that was built
		if err == nil && threads.Match(b) {
			found = true
			return fs.SkipAll
		}
		return err
	})
	return found || err != nil
}

func empty(s string) bool { return s == "" }

func setting(env []string, name string) string {
	for _, e := range env {
		if v, ok := strings.CutPrefix(e, name+"="); ok {
			return v
		}
	}
	return ""
}

func count(n int, one, more string) string {
	if n == 1 {
		more = one
	}
	return fmt.Sprintf("%d %s", n, more)
}

// errRunner is an answer of the runner that nothing can be made of.
var errRunner = errors.New("the runner gave no answer that can be used")

func (r *run) sort() {
	slices.SortFunc(r.result.Operators, func(a, b *opreport.Operator) int { return strings.Compare(a.Full(), b.Full()) })
	for _, o := range r.result.Operators {
		slices.SortFunc(o.Found, func(a, b opreport.Found) int {
			return strings.Compare(a.Kind+" "+a.Key+" "+a.Build, b.Kind+" "+b.Key+" "+b.Build)
		})
	}
}
