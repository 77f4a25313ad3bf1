package seccomp_test

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"golang.org/x/net/bpf"

	"github.com/andiron-dev/andiron/internal/seccomp"
)

// machine runs a program in the machine of golang.org/x/net, which knows nothing of
// this package.
type machine struct{ vm *bpf.VM }

func newMachine(t testing.TB, p seccomp.Program) machine {
	t.Helper()
	var raw []bpf.RawInstruction
	for _, i := range p {
		raw = append(raw, bpf.RawInstruction{Op: i.Op, Jt: i.JT, Jf: i.JF, K: i.K})
	}
	list, ok := bpf.Disassemble(raw)
	if !ok {
		t.Fatalf("the program has instructions that nobody knows: %v", list)
	}
	vm, err := bpf.NewVM(list)
	if err != nil {
		t.Fatal(err)
	}
	return machine{vm}
}

// run gives a call to the program. The machine is made for packets, whose words are
// big-endian.
func (m machine) run(t testing.TB, d seccomp.Data) seccomp.Action {
	t.Helper()
	b := d.Bytes()
	for i := 0; i < len(b); i += 4 {
		binary.BigEndian.PutUint32(b[i:], binary.LittleEndian.Uint32(b[i:]))
	}
	n, err := m.vm.Run(b)
	if err != nil {
		t.Fatal(err)
	}
	return seccomp.Action(uint32(n))
}

func compile(t testing.TB, f *seccomp.Filter) machine {
	t.Helper()
	p, err := f.Compile()
	if err != nil {
		t.Fatal(err)
	}
	return newMachine(t, p)
}

// sample has one of everything that a filter can say.
func sample(a *seccomp.Arch) *seccomp.Filter {
	return &seccomp.Filter{Arch: a, Else: seccomp.Notify, Rules: []seccomp.Rule{
		{Call: "read", Do: seccomp.Allow},
		{Call: "write", When: []seccomp.Cond{seccomp.Is(0, 1)}, Do: seccomp.Allow},
		{Call: "write", When: []seccomp.Cond{seccomp.Is(0, 1<<32|2)}, Do: seccomp.Allow},
		{Call: "write", Do: seccomp.Errno(9)},
		{Call: "mmap", When: []seccomp.Cond{seccomp.Without(2, 4), seccomp.With(3, 2)}, Do: seccomp.Allow},
		{Call: "ptrace", Do: seccomp.KillProcess},
		{Call: "close", When: []seccomp.Cond{{Arg: 0, Mask: 0xff00000000, Value: 0x1100000000}}, Do: seccomp.Errno(4095)},
	}}
}

// Every number that there is, and some that there are not, by all ways into the kernel.
func TestEveryNumber(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for _, a := range []*seccomp.Arch{seccomp.AMD64, seccomp.ARM64} {
		f := sample(a)
		m := compile(t, f)
		for _, audit := range []uint32{seccomp.AMD64.Audit(), seccomp.ARM64.Audit(), 0x40000003, 0} {
			for _, high := range []uint32{0, 0x40000000, 0x80000000} {
				for n := range uint32(1024) {
					d := seccomp.Data{Number: int32(n | high), Audit: audit, IP: r.Uint64()}
					for i := range d.Args {
						d.Args[i] = []uint64{0, 1, 2, 4, 1<<32 | 2, 1 << 32, 0x1100000000, r.Uint64()}[r.IntN(8)]
					}
					if got, want := m.run(t, d), f.Decide(d); got != want {
						t.Fatalf("%s, %+v: the program says %v, the rules say %v", a, d, got, want)
					}
				}
			}
		}
	}
}

func TestDecide(t *testing.T) {
	a := seccomp.AMD64
	f := sample(a)
	call := func(name string, args ...uint64) seccomp.Data {
		n, ok := a.Number(name)
		if !ok {
			t.Fatalf("no %s", name)
		}
		d := seccomp.Data{Number: n, Audit: a.Audit()}
		copy(d.Args[:], args)
		return d
	}
	x32 := call("read")
	x32.Number |= 0x40000000
	foreign := call("read")
	foreign.Audit = 0x40000003 // i386, where 0 is restart_syscall
	for _, c := range []struct {
		name string
		d    seccomp.Data
		want seccomp.Action
	}{
		{"a call that is allowed", call("read", 1<<63), seccomp.Allow},
		{"a call that is not named", call("openat"), seccomp.Notify},
		{"the argument that is allowed", call("write", 1), seccomp.Allow},
		{"the same low half with another high one", call("write", 1<<32|1), seccomp.Errno(9)},
		{"the same high half with another low one", call("write", 1<<32|1), seccomp.Errno(9)},
		{"both halves", call("write", 1<<32|2), seccomp.Allow},
		{"two conditions met", call("mmap", 0, 0, 3, 0x22), seccomp.Allow},
		{"one condition not met", call("mmap", 0, 0, 7, 0x22), seccomp.Notify},
		{"the other condition not met", call("mmap", 0, 0, 3, 0x21), seccomp.Notify},
		{"only bits of the high half", call("close", 0x1100000007), seccomp.Errno(4095)},
		{"a kill", call("ptrace"), seccomp.KillProcess},
		{"a number of x32", x32, seccomp.KillProcess},
		{"a call of i386", foreign, seccomp.KillProcess},
	} {
		if got := f.Decide(c.d); got != c.want {
			t.Errorf("%s: the rules say %v, want %v", c.name, got, c.want)
		}
		if got := compile(t, f).run(t, c.d); got != c.want {
			t.Errorf("%s: the program says %v, want %v", c.name, got, c.want)
		}
	}
}

func TestRefused(t *testing.T) {
	rule := func(r seccomp.Rule) *seccomp.Filter {
		return &seccomp.Filter{Arch: seccomp.ARM64, Else: seccomp.Allow, Rules: []seccomp.Rule{{Call: "write", Do: seccomp.Allow}, r}}
	}
	var many []seccomp.Cond
	for range 70 {
		many = append(many, seccomp.Is(0, 1))
	}
	var long []seccomp.Rule
	for i := range uint64(700) {
		long = append(long, seccomp.Rule{Call: "read", When: []seccomp.Cond{seccomp.Is(0, i), seccomp.Is(1, i)}, Do: seccomp.Allow})
	}
	for want, f := range map[string]*seccomp.Filter{
		"needs an architecture":         {Else: seccomp.Allow},
		"0x0 is no action":              {Arch: seccomp.AMD64},
		"arm64 has no such system call": rule(seccomp.Rule{Call: "open", Do: seccomp.Allow}),
		"behind one without":            rule(seccomp.Rule{Call: "write", When: []seccomp.Cond{seccomp.Is(0, 1)}, Do: seccomp.Allow}),
		"0x50000 is no action":          rule(seccomp.Rule{Call: "read", Do: seccomp.Errno(0)}),
		"0x51000 is no action":          rule(seccomp.Rule{Call: "read", Do: seccomp.Errno(4096)}),
		"no argument 6":                 rule(seccomp.Rule{Call: "read", When: []seccomp.Cond{seccomp.Is(6, 0)}, Do: seccomp.Allow}),
		"about no bit":                  rule(seccomp.Rule{Call: "read", When: []seccomp.Cond{{Arg: 1}}, Do: seccomp.Allow}),
		"nothing meets":                 rule(seccomp.Rule{Call: "read", When: []seccomp.Cond{{Arg: 1, Mask: 1, Value: 2}}, Do: seccomp.Allow}),
		"too many conditions":           rule(seccomp.Rule{Call: "read", When: many, Do: seccomp.Allow}),
		"at most 4096":                  {Arch: seccomp.AMD64, Else: seccomp.Notify, Rules: long},
	} {
		if _, err := f.Compile(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want one with %q", err, want)
		}
	}
}

// A body that is longer than a jump can be is passed over all the same.
func TestLongBody(t *testing.T) {
	f := &seccomp.Filter{Arch: seccomp.AMD64, Else: seccomp.Notify}
	for i := range uint64(100) {
		f.Rules = append(f.Rules, seccomp.Rule{Call: "write", When: []seccomp.Cond{seccomp.Is(0, i)}, Do: seccomp.Errno(uint16(i + 1))})
	}
	f.Rules = append(f.Rules, seccomp.Rule{Call: "read", Do: seccomp.Allow})
	m := compile(t, f)
	for i := range uint64(101) {
		d := seccomp.Data{Number: 1, Audit: f.Arch.Audit(), Args: [6]uint64{i}}
		if got, want := m.run(t, d), f.Decide(d); got != want {
			t.Errorf("write(%d): %v, want %v", i, got, want)
		}
	}
	if got := m.run(t, seccomp.Data{Audit: f.Arch.Audit()}); got != seccomp.Allow {
		t.Errorf("read behind it: %v", got)
	}
}

func TestStronger(t *testing.T) {
	order := []seccomp.Action{seccomp.KillProcess, seccomp.Errno(1), seccomp.Notify, seccomp.Allow}
	for i, a := range order {
		for j, b := range order {
			if got, want := seccomp.Stronger(a, b), order[min(i, j)]; got != want {
				t.Errorf("%v beside %v: %v, want %v", a, b, got, want)
			}
		}
	}
	if got := seccomp.Stronger(seccomp.Errno(1), seccomp.Errno(2)); got != seccomp.Errno(2) {
		t.Errorf("of two errors the later filter's holds, not %v", got)
	}
}

func TestTables(t *testing.T) {
	for _, a := range []*seccomp.Arch{seccomp.AMD64, seccomp.ARM64} {
		seen := 0
		for n := range int32(1024) {
			name := a.Call(n)
			if strings.HasPrefix(name, "system call") {
				continue
			}
			seen++
			if back, ok := a.Number(name); !ok || back != n {
				t.Errorf("%s: %d is %s, which is %d", a, n, name, back)
			}
		}
		if seen < 300 {
			t.Errorf("%s has %d calls", a, seen)
		}
		if seccomp.ArchOf(a.String()) != a {
			t.Errorf("%s is not found", a)
		}
	}
	if seccomp.ArchOf("riscv64") != nil {
		t.Error("there is no table of riscv64")
	}
}

// draw makes a filter and a call out of bytes, so that conditions are often met.
func draw(b []byte) (*seccomp.Filter, seccomp.Data) {
	at := 0
	next := func() uint64 {
		if at == len(b) {
			return 0
		}
		at++
		return uint64(b[at-1])
	}
	word := func() uint64 {
		x := []uint64{0, 1, 2, 0xffffffff, 1 << 32, 1<<32 | 1, 1 << 63, ^uint64(0)}[next()%8]
		return x + next()%3
	}
	arch := []*seccomp.Arch{seccomp.AMD64, seccomp.ARM64}[next()%2]
	actions := []seccomp.Action{seccomp.Allow, seccomp.Notify, seccomp.KillProcess, seccomp.Errno(1), seccomp.Errno(4095)}
	calls := []string{"read", "write", "mmap", "seccomp", "close", "futex"}
	f := &seccomp.Filter{Arch: arch, Else: actions[next()%5]}
	for range next() % 24 {
		r := seccomp.Rule{Call: calls[next()%6], Do: actions[next()%5]}
		for range next() % 5 {
			c := seccomp.Cond{Arg: int(next() % 6), Mask: word()}
			c.Value = word() & c.Mask
			if c.Mask != 0 {
				r.When = append(r.When, c)
			}
		}
		f.Rules = append(f.Rules, r)
	}
	n, _ := arch.Number(calls[next()%6])
	d := seccomp.Data{Number: n, Audit: arch.Audit(), IP: word()}
	switch next() % 16 {
	case 0:
		d.Number |= 0x40000000
	case 1:
		d.Audit++
	case 2:
		d.Number = int32(next() << 2)
	}
	for i := range d.Args {
		d.Args[i] = word()
	}
	return f, d
}

func FuzzCompile(f *testing.F) {
	r := rand.New(rand.NewPCG(3, 4))
	for n := range 64 {
		b := make([]byte, 40+8*n)
		for i := range b {
			b[i] = byte(r.Uint32())
		}
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		filter, d := draw(b)
		p, err := filter.Compile()
		if err != nil {
			if s := err.Error(); !strings.Contains(s, "behind one without") && !strings.Contains(s, "has at most") {
				t.Fatal(err)
			}
			return
		}
		if len(p.Bytes()) != 8*len(p) {
			t.Fatal("the program has another length in bytes")
		}
		if got, want := newMachine(t, p).run(t, d), filter.Decide(d); got != want {
			t.Fatalf("%+v\n%+v: the program says %v, the rules say %v", filter, d, got, want)
		}
	})
}

func ExampleFilter_Compile() {
	f := &seccomp.Filter{Arch: seccomp.AMD64, Else: seccomp.Notify, Rules: []seccomp.Rule{
		{Call: "read", Do: seccomp.Allow},
		{Call: "write", When: []seccomp.Cond{seccomp.Is(0, 2)}, Do: seccomp.Allow},
	}}
	p, err := f.Compile()
	fmt.Println(len(p), err, slices.Equal(f.Calls(), []string{"read", "write"}))
	// Output: 18 <nil> true
}
