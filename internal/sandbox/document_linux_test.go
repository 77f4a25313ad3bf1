package sandbox_test

import (
	"cmp"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/andiron-dev/andiron/internal/testkit/hostile"
)

var update = flag.Bool("update", false, "write the table of attacks anew")

// kinds are those of which there is to be a case: what is attacked, and how many ways
// there are.
var kinds = map[string]int{"F": 12, "N": 7, "P": 10, "S": 12, "R": 15, "O": 10, "T": 6, "D": 10}

// tested are the kinds that are no attack of a worker, and where they are tested.
var tested = map[string]string{
	"N7":  "TestAbuse",            // at its end: no connection came
	"S6":  "TestPitfall01",        // a filter that answers with an error
	"S7":  "TestKernel",           // of internal/seccomp
	"S11": "TestNoRuleTooMany",    // what benign checkpoints need
	"R11": "TestAttacks",          // of Python
	"R12": "TestAttacks",          // likewise
	"R15": "TestGroupHere",        // a group that is ended
	"T1":  "TestReplaced",         // while it is looked at
	"T2":  "TestWriters",          // and what is only mapped
	"T3":  "TestOverlay",          // a write beneath
	"T4":  "TestLeaseBroken",      // before and while it is loaded
	"T5":  "TestVerityHere",       // a digest of the file system
	"T6":  "TestNoFile",           // links
	"D1":  "TestDegraded",         // and TestPoorMachines
	"D2":  "TestLandlockVersions", // and none
	"D3":  "TestGroupHere",        // or the reason why not
	"D4":  "TestYama",             // and TestAttacksUnderYama
	"D5":  "TestDegraded",         // memory that is always runnable
	"D6":  "TestPoorMachines",     // what is needed
	"D7":  "TestPoorMachines",     // a container
	"D8":  "kernels.sh",           // make kernels
	"D9":  "TestPitfall07",        // a Python that has changed
	"D10": "TestGolden",           // and TestRealCheckpoints
}

// Every kind has a case, and every test that is named is there.
func TestAbuseKinds(t *testing.T) {
	var text strings.Builder
	for _, pattern := range []string{"*_test.go", "../seccomp/*_test.go"} {
		names, err := filepath.Glob(pattern)
		if err != nil || len(names) == 0 {
			t.Fatal(names, err)
		}
		for _, name := range names {
			b, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			text.Write(b)
		}
	}
	for family, most := range kinds {
		for n := 1; n <= most; n++ {
			id := fmt.Sprintf("%s%d", family, n)
			has := slices.ContainsFunc(hostile.Attacks, func(a hostile.Attack) bool { return a.ID == id })
			test, named := tested[id]
			if !has && !named {
				t.Errorf("%s has no case", id)
			}
			if strings.HasPrefix(test, "Test") && !strings.Contains(text.String(), "func "+test) {
				t.Errorf("%s: there is no %s", id, test)
			}
		}
	}
	if n := len(hostile.Attacks); n < 200 {
		t.Errorf("%d attacks", n)
	}
	names := map[string]bool{}
	for _, a := range hostile.Attacks {
		if names[a.Name] {
			t.Errorf("%q is there twice", a.Name)
		}
		names[a.Name] = true
	}
}

const document = "../../docs/sandbox-attacks.md"

// pickled is how many attacks there are for Python, in a file of other tags than this.
func pickled(t *testing.T) string {
	t.Helper()
	b, err := os.ReadFile("attack_linux_test.go")
	if err != nil {
		t.Fatal(err)
	}
	_, text, _ := strings.Cut(string(b), "\nvar attacks = ")
	text, _, ended := strings.Cut(text, "\n}")
	if !ended {
		t.Fatal("there is no list of attacks")
	}
	return strconv.Itoa(strings.Count(text, "\n\t{\""))
}

// The document says of each attack what TestAbuse expects.
func TestAbuseDocument(t *testing.T) {
	var b strings.Builder
	b.WriteString(`# What is tried on the sandbox

The attacks of the hostile worker in ` + "`internal/testkit/hostile`" + `, which stands in for Python, as ` + "`go test ./internal/sandbox -run TestAbuse -alone`" + ` makes them, as root and as another user. In all of them the files around stay as they were, no connection comes, no process is left, and nothing is given out beside a call that was refused. ` + "`make sandbox`" + ` makes those that Python can make with its own pickle and with real torch as well (` + pickled(t) + `, ` + "`attack_linux_test.go`" + `), ` + "`make sandbox MORE=1`" + ` each of these on each layer alone, as both users, with torch 1.13 and 2.6, and ` + "`make kernels`" + ` makes one of each kind on three kernels.

With the filter, alone or with others, comes of an attack: a call that is refused and written down; *stopped*, the worker was ended or its result not taken; *limit*, it got no more than it may have; *clean*, there is no harm in it; *either* of the two, whatever came first; *protocol*, it does not get to see the checkpoint. The last two columns are namespaces and Landlock where each is the only layer: *held*; *inside*, it works on what the worker has for itself; **not held**, that layer is not made for it. A number is the version of Landlock that is needed.

| kind | attack | filter | namespaces alone | Landlock alone |
| --- | --- | --- | --- | --- |
`)
	words := map[hostile.Alone]string{hostile.Held: "held", hostile.Inside: "inside", hostile.Open: "**not held**"}
	all := slices.SortedStableFunc(slices.Values(hostile.Attacks), func(x, y hostile.Attack) int {
		return cmp.Or(cmp.Compare(x.ID[:1], y.ID[:1]), cmp.Compare(len(x.ID), len(y.ID)), cmp.Compare(x.ID, y.ID))
	})
	for _, a := range all {
		seen, landlock := a.Seen, words[a.Landlock]
		if !slices.Contains([]string{hostile.Stopped, hostile.Limit, hostile.Clean, hostile.Either, hostile.Protocol}, a.Seen) {
			seen = "`" + a.Seen + "`"
		}
		if a.ABI > 0 {
			landlock += fmt.Sprintf(", %d", a.ABI)
		}
		fmt.Fprintf(&b, "| %s | %s | %s | %s | %s |\n", a.ID, a.Name, seen, words[a.Namespaces], landlock)
	}
	if *update {
		if err := os.WriteFile(document, []byte(b.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if got, err := os.ReadFile(document); err != nil || string(got) != b.String() {
		t.Errorf("%s is another one (%v): run this test with -update", document, err)
	}
}
