package survey

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/andiron-dev/andiron/internal/dataset"
	"github.com/andiron-dev/andiron/internal/tensor"
)

// A set chooses how many contents, labels and columns it has; what is kept of them is
// bounded, and that more were there is said.
func TestFoundContentsAreBounded(t *testing.T) {
	members := make([]int32, 1<<16)
	var want []int
	for _, seed := range []uint64{1, 2} {
		var whole judgement
		parts := [3]judgement{newJudgement(), newJudgement(), newJudgement()}
		for _, i := range rand.New(rand.NewPCG(seed, 0)).Perm(1000) {
			parts[i%3].keep(Patch{X: i, score: float64(i), members: members})
		}
		whole = newJudgement()
		for _, p := range parts {
			whole.plus(p)
		}
		whole.keep(Patch{X: -1, members: make([]int32, 2*mostMembers)}) // cuts
		var got []int
		for _, x := range whole.found {
			got = append(got, x.X)
		}
		if !whole.cut || whole.held > mostMembers || whole.held != len(got)*len(members) {
			t.Errorf("%d members of %d contents are held, cut %v", whole.held, len(got), whole.cut)
		}
		if diff := cmp.Diff(want, got); want != nil && diff != "" {
			t.Errorf("what is kept depends on the order (-first +second):\n%s", diff)
		}
		want = got
	}
	if len(want) == 0 || want[0] != 999 {
		t.Errorf("the best is not kept: %v", want)
	}
}

func TestLabelsAndColumnsAreBounded(t *testing.T) {
	var table strings.Builder
	table.WriteString("x,label\n")
	for i := range mostLabels + 7 {
		fmt.Fprintf(&table, "%d,l%d\n", i, i)
	}
	fmt.Fprintf(&table, "1,%s\n", strings.Repeat("long", mostLabel))
	set, err := dataset.CSV("t.csv", strings.NewReader(table.String()), func(string) tensor.DType { return 0 }, 0, dataset.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	s := New(Options{})
	addAll(t, s, set)
	if len(s.Labels) != mostLabels || s.Unkept.Labels != 8 {
		t.Errorf("%d labels, and %d samples with others", len(s.Labels), s.Unkept.Labels)
	}
	s.Settle()
	if last := s.Samples[len(s.Samples)-1]; last.Label != -1 {
		t.Errorf("a label beyond has the number %d", last.Label)
	}
	for i := range mostColumns + 3 {
		s.columnOf(fmt.Sprint("c", i))
	}
	if len(s.Columns) != mostColumns || s.Unkept.Columns != 4 {
		t.Errorf("%d columns, and %d looks at others", len(s.Columns), s.Unkept.Columns)
	}
}

func addAll(t *testing.T, s *Survey, set dataset.Set) {
	t.Helper()
	for {
		rows, err := set.Next()
		if err != nil {
			return
		}
		s.Add(rows)
	}
}
