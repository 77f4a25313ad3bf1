// Package seccomp compiles filters of system calls into the programs that Linux runs.
//
// A Filter says for each system call, by name, what is done with it, and under which
// conditions on its arguments. It is for one architecture, and its calls have that
// one's numbers: a call that comes in by another way (the 32-bit entry of amd64, or
// its x32 numbers) kills the process.
//
// # Security
//
// Compile refuses a filter that cannot mean what it says: a name that the architecture
// does not have, a condition that nothing meets, a rule behind one that takes
// everything. Arguments are compared in all of their 64 bits. What stands behind a
// pointer cannot be compared, and no condition pretends to.
//
// Linux asks no filter about uretprobe and uprobe (335 and 336 of amd64), which do
// nothing but end a process that was not stopped there by the kernel itself.
//
// Several filters in a process are all asked, and the strongest answer holds (Stronger).
// One that answers with an error number therefore hides what a later one would have
// notified of.
//
// # Specification
//
// Linux, Documentation/userspace-api/seccomp_filter.rst and include/uapi/linux/{seccomp,
// filter,audit}.h: classic BPF over struct seccomp_data (the number at offset 0, the
// architecture at 4, the instruction pointer at 8, six arguments of 64 bits from 16),
// little-endian on both architectures. A program has at most 4,096 instructions
// (BPF_MAXINSNS). Numbers of system calls are those of golang.org/x/sys/unix.
package seccomp

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
)

//go:generate go run gen.go

// Arch is an architecture.
type Arch struct {
	name  string
	audit uint32 // AUDIT_ARCH_
	other uint32 // a bit of numbers that belong to another set of calls, or 0
	calls []call
}

type call struct {
	number int32
	name   string
}

// The architectures that there are tables of.
var (
	AMD64 = &Arch{name: "amd64", audit: 0xc000003e, other: 0x40000000, calls: amd64Calls}
	ARM64 = &Arch{name: "arm64", audit: 0xc00000b7, calls: arm64Calls}
)

// ArchOf finds the architecture that Go calls so, or nil.
func ArchOf(goarch string) *Arch {
	for _, a := range []*Arch{AMD64, ARM64} {
		if a.name == goarch {
			return a
		}
	}
	return nil
}

func (a *Arch) String() string { return a.name }

// Number is that of a system call.
func (a *Arch) Number(name string) (n int32, ok bool) {
	i := slices.IndexFunc(a.calls, func(c call) bool { return c.name == name })
	if i < 0 {
		return 0, false
	}
	return a.calls[i].number, true
}

// Call is the name of a number, or what the number is.
func (a *Arch) Call(n int32) string {
	if i, ok := slices.BinarySearchFunc(a.calls, n, func(c call, n int32) int { return int(c.number) - int(n) }); ok {
		return a.calls[i].name
	}
	return fmt.Sprintf("system call %d", n)
}

// Audit is how the kernel names the architecture: AUDIT_ARCH_ of linux/audit.h.
func (a *Arch) Audit() uint32 { return a.audit }

// Action is what is done with a call: SECCOMP_RET_ of linux/seccomp.h.
type Action uint32

// The actions, strongest first. Errno has a number in its low bits.
const (
	KillProcess Action = 0x80000000
	Notify      Action = 0x7fc00000
	Allow       Action = 0x7fff0000
	errno       Action = 0x00050000
	data        Action = 0x0000ffff
)

// maxErrno is MAX_ERRNO of the kernel: more would be cut to it.
const maxErrno = 4095

// Errno refuses a call with an error number, from 1 to 4095.
func Errno(n uint16) Action { return errno | Action(n) }

func (a Action) String() string {
	switch a { //nolint:exhaustive // errors have a number
	case KillProcess:
		return "kill the process"
	case Notify:
		return "notify"
	case Allow:
		return "allow"
	}
	return fmt.Sprintf("error %d", a&data)
}

func (a Action) known() bool {
	return a == KillProcess || a == Notify || a == Allow || a&^data == errno && a > errno && a&data <= maxErrno
}

// Stronger is which of the answers of two filters holds in a process that has both.
// Of two error numbers it is that of the filter that came later, which is b.
func Stronger(a, b Action) Action {
	// The kernel compares them as signed numbers, and the lowest wins.
	if int32(a&^data) < int32(b&^data) {
		return a
	}
	return b
}

// Cond is a condition on an argument: of the bits of Mask, those of Value are set and
// the others are not.
type Cond struct {
	Arg   int // 0 to 5
	Mask  uint64
	Value uint64
}

// Is is the condition that an argument has a value, in all of its bits.
func Is(arg int, value uint64) Cond { return Cond{Arg: arg, Mask: math.MaxUint64, Value: value} }

// Without is the condition that an argument has none of some bits.
func Without(arg int, bits uint64) Cond { return Cond{Arg: arg, Mask: bits} }

// With is the condition that an argument has all of some bits.
func With(arg int, bits uint64) Cond { return Cond{Arg: arg, Mask: bits, Value: bits} }

// Rule is what is done with a call whose arguments meet all conditions.
type Rule struct {
	Call string
	When []Cond
	Do   Action
}

// Filter has rules, of which the first that fits a call holds, and what is done where
// none does.
type Filter struct {
	Arch  *Arch
	Rules []Rule
	Else  Action
}

// Data is a system call as a filter sees it.
type Data struct {
	Number int32
	Audit  uint32 // the architecture
	IP     uint64
	Args   [6]uint64
}

// Decide says what the filter means for a call. It reads the rules and not the program
// that is made of them, and is there to compare the two.
func (f *Filter) Decide(d Data) Action {
	if d.Audit != f.Arch.audit || uint32(d.Number)&f.Arch.other != 0 {
		return KillProcess
	}
	for _, r := range f.Rules {
		n, known := f.Arch.Number(r.Call)
		if known && n == d.Number && !slices.ContainsFunc(r.When, func(c Cond) bool { return d.Args[c.Arg]&c.Mask != c.Value }) {
			return r.Do
		}
	}
	return f.Else
}

// check refuses what cannot be meant.
func (f *Filter) check() error {
	if f.Arch == nil {
		return errors.New("a filter needs an architecture")
	}
	if !f.Else.known() {
		return fmt.Errorf("%#x is no action", uint32(f.Else))
	}
	taken := map[string]bool{}
	for _, r := range f.Rules {
		if err := f.checkRule(r, taken[r.Call]); err != nil {
			return fmt.Errorf("the rule for %q: %w", r.Call, err)
		}
		taken[r.Call] = taken[r.Call] || len(r.When) == 0
	}
	return nil
}

func (f *Filter) checkRule(r Rule, taken bool) error {
	if _, ok := f.Arch.Number(r.Call); !ok {
		return fmt.Errorf("%s has no such system call", f.Arch)
	}
	if taken {
		return errors.New("it stands behind one without a condition")
	}
	if !r.Do.known() {
		return fmt.Errorf("%#x is no action", uint32(r.Do))
	}
	for _, c := range r.When {
		switch {
		case c.Arg < 0 || c.Arg > 5:
			return fmt.Errorf("there is no argument %d", c.Arg)
		case c.Mask == 0:
			return fmt.Errorf("the condition on argument %d is about no bit", c.Arg)
		case c.Value&^c.Mask != 0:
			return fmt.Errorf("nothing meets the condition on argument %d", c.Arg)
		}
	}
	return nil
}

// Calls are the names of the calls that some rule is about, in order.
func (f *Filter) Calls() []string {
	var names []string
	for _, r := range f.Rules {
		names = append(names, r.Call)
	}
	slices.SortFunc(names, strings.Compare)
	return slices.Compact(names)
}
