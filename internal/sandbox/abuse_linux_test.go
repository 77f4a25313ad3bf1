package sandbox_test

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/andiron-dev/andiron/internal/sandbox"
	"github.com/andiron-dev/andiron/internal/testkit/hostile"
)

var (
	alone = flag.Bool("alone", false, "attack each layer alone as well")
	brief = flag.Bool("brief", false, "attack with one of each kind, all layers and those without namespaces")
	table = flag.String("table", "", "write what came of each attack to a `file`")
)

// stack is which layers are in force.
type stack struct {
	name string
	in   []sandbox.Layer
}

var stacks = []stack{
	{"all", []sandbox.Layer{sandbox.Namespaces, sandbox.Landlock, sandbox.Seccomp}},
	{"without namespaces", []sandbox.Layer{sandbox.Landlock, sandbox.Seccomp}},
	{"namespaces", []sandbox.Layer{sandbox.Namespaces}},
	{"landlock", []sandbox.Layer{sandbox.Landlock}},
	{"seccomp", []sandbox.Layer{sandbox.Seccomp}},
}

func (s *stack) has(l sandbox.Layer) bool { return slices.Contains(s.in, l) }

// options have the layers of the stack, and no other.
func (s *stack) options(python string, waits bool) sandbox.Options {
	o := sandbox.Options{Python: python, Need: s.in, Limits: sandbox.Limits{Load: 10 * time.Second, Result: 32 << 20, Memory: 1 << 30}}
	for _, l := range append([]sandbox.Layer{sandbox.Cgroup}, stacks[0].in...) {
		if !s.has(l) {
			o.Without = append(o.Without, l)
		}
	}
	if !s.has(sandbox.Namespaces) {
		o.Limits.Threads = 256 // whoever has the same number on this machine is counted, also what was left behind
	}
	if waits {
		o.Limits.Load = 300 * time.Millisecond
	}
	return o
}

// available is all that this machine has of the layers, which is what a load gets
// where nothing else is asked for.
func available(t *testing.T) stack {
	t.Helper()
	s := stack{name: "all"}
	for _, l := range sandbox.Try(t.Context(), sandbox.Options{Python: newField(t).plot(t, "", false).python}) {
		if l.OK && slices.Contains(stacks[0].in, l.Layer) {
			s.in = append(s.in, l.Layer)
		} else if !l.OK {
			t.Log(l)
		}
	}
	if !s.has(sandbox.Seccomp) {
		t.Fatal("there is no filter")
	}
	return s
}

// TestAbuse makes every attack of the hostile worker on every stack.
func TestAbuse(t *testing.T) {
	list, attacks := stacks, hostile.Attacks
	switch {
	case *brief:
		list, attacks = stacks[:2], one(attacks)
	case !*alone:
		list = []stack{available(t)}
	}
	r := &results{got: map[string]map[string]string{}}
	for _, s := range list {
		t.Run(s.name, func(t *testing.T) {
			f := newField(t)
			free := newEars(t, open(t)) // for what a layer is known not to hold
			t.Run("attacks", func(t *testing.T) {
				for _, a := range attacks {
					t.Run(a.ID+" "+a.Name, func(t *testing.T) {
						t.Parallel()
						here := *f
						if s.known(a) == hostile.Open {
							here.ears = free
						}
						r.note(a.ID, a.Name, s.name, s.attack(t, &here, a))
					})
				}
			})
			if n := f.hits.Load(); n > 0 {
				t.Errorf("%d connections came", n)
			}
		})
	}
	r.write(t)
}

// one has the first of each kind.
func one(all []hostile.Attack) []hostile.Attack {
	seen := map[string]bool{}
	return slices.DeleteFunc(slices.Clone(all), func(a hostile.Attack) bool {
		was := seen[a.ID]
		seen[a.ID] = true
		return was
	})
}

// known is what is known of a stack without a filter.
func (s *stack) known(a hostile.Attack) hostile.Alone {
	switch {
	case s.has(sandbox.Seccomp):
		return hostile.Held
	case s.has(sandbox.Namespaces):
		return a.Namespaces
	case a.Landlock == hostile.Held && landlockVersion() < a.ABI:
		return hostile.Open
	}
	return a.Landlock
}

func landlockVersion() int {
	n, _, _ := unix.Syscall(unix.SYS_LANDLOCK_CREATE_RULESET, 0, 0, unix.LANDLOCK_CREATE_RULESET_VERSION)
	return int(n)
}

// attack makes one, and returns what came of it.
func (s *stack) attack(t *testing.T, f *field, a hostile.Attack) string {
	t.Helper()
	p := f.plot(t, a.Name, slices.Contains([]string{"P3", "P4", "S12"}, a.ID))
	b, err := json.Marshal(p.target)
	if err != nil {
		t.Fatal(err)
	}
	name := p.file()
	p.write(t, name, b)
	rep, err := attempt(t, name, s.options(p.python, a.Waits))
	if found := p.traces(t); len(found) > 0 && s.known(a) != hostile.Open {
		t.Errorf("%q", found)
	}
	if s.has(sandbox.Seccomp) {
		return judge(t, a.Seen, rep, err)
	}
	return s.judgeAlone(t, a, rep, err)
}

func digestOf(t *testing.T, in *sandbox.Input) string {
	t.Helper()
	d, err := in.Digest()
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// attempt loads a checkpoint, of which nothing may come out beside an error.
func attempt(t *testing.T, name string, o sandbox.Options) (*sandbox.Report, error) {
	t.Helper()
	in, err := sandbox.OpenInput(name)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = in.Close() }() // it was only read
	before := digestOf(t, in)
	r, rep, err := sandbox.Load(t.Context(), in, o)
	if (r != nil) == (err != nil) || r != nil && len(rep.Events) > 0 {
		t.Errorf("a result %v beside the error %v and %v", r != nil, err, rep.Events)
	}
	if r != nil {
		_ = r.Close()
	}
	again, openErr := sandbox.OpenInput(name)
	if openErr != nil {
		t.Fatal(openErr)
	}
	defer func() { _ = again.Close() }() // it was only read
	if digestOf(t, again) != before {
		t.Error("the checkpoint has changed")
	}
	return rep, err
}

// judge holds what came of an attack under the filter against what should.
func judge(t *testing.T, want string, rep *sandbox.Report, err error) string {
	t.Helper()
	contained := errors.Is(err, sandbox.ErrContained)
	silent := rep != nil && len(rep.Events) == 0
	var good bool
	switch want {
	case hostile.Stopped:
		good = contained && silent
	case hostile.Clean:
		good = err == nil && (rep.Type == "x" || rep.Type == hostile.Worked || strings.HasPrefix(rep.Type, hostile.Refused))
	case hostile.Limit:
		good = err == nil && strings.HasPrefix(rep.Type, hostile.Refused)
	case hostile.Either:
		good = (err == nil || contained) && silent
	case hostile.Protocol:
		good = err != nil && rep.Ran == 0
	default:
		good = contained && slices.ContainsFunc(rep.Events, func(e sandbox.Event) bool { return strings.HasPrefix(e.Call, want+"(") })
	}
	if !good {
		t.Errorf("%s: %v, %+v", want, err, rep)
	}
	return want
}

// judgeAlone does so where there is no filter, and the worker tells what came of it.
func (s *stack) judgeAlone(t *testing.T, a hostile.Attack, rep *sandbox.Report, err error) string {
	t.Helper()
	switch {
	case errors.Is(err, sandbox.ErrChanged): // who opened it was the worker
		return "stopped"
	case err != nil && !errors.Is(err, sandbox.ErrContained) && a.Seen != hostile.Protocol:
		t.Error(err)
	case err != nil:
		return "stopped"
	case rep.Type != hostile.Worked:
		return rep.Type
	case s.known(a) == hostile.Held && a.Seen != hostile.Clean:
		t.Errorf("it worked: %+v", rep)
	}
	if s.known(a) == hostile.Open {
		return "not held"
	}
	return "inside"
}

// results are what came of all attacks.
type results struct {
	sync.Mutex
	got map[string]map[string]string
}

func (r *results) note(id, name, stack, what string) {
	r.Lock()
	defer r.Unlock()
	key := fmt.Sprintf("%-4s %s", id, name)
	if r.got[key] == nil {
		r.got[key] = map[string]string{}
	}
	r.got[key][stack] = what
}

// write makes a table of them, in the order of the names.
func (r *results) write(t *testing.T) {
	t.Helper()
	if *table == "" {
		return
	}
	var b strings.Builder
	line := func(first string, cell func(stack) string) {
		fmt.Fprintf(&b, "%-46s", first)
		for _, s := range stacks {
			fmt.Fprintf(&b, " %-19.19s", cell(s))
		}
		b.WriteString("\n")
	}
	line(fmt.Sprintf("user %d", os.Getuid()), func(s stack) string { return s.name })
	for _, key := range slices.Sorted(maps.Keys(r.got)) {
		line(key, func(s stack) string { return r.got[key][s.name] })
	}
	if err := os.WriteFile(*table, []byte(b.String()), 0o644); err != nil {
		t.Error(err)
	}
}
