package pep440

import (
	"encoding/json"
	"strconv"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/andiron-dev/andiron/internal/testkit"
)

// vectors calls f with each line of the answers of packaging, which
// tools/oracle/pep440_vectors.py has written: its kind and its values.
func vectors(t *testing.T, f func(kind string, values []json.RawMessage)) {
	t.Helper()
	testkit.Answers(t, "testdata/vectors.jsonl.gz", "packaging 26.4", f)
}

// parts is what packaging says of one version.
type parts struct {
	Normal, Public, Local string
	Pre, Post             bool
	Epoch                 int64
	Release               []int64
}

func TestVersionVectors(t *testing.T) {
	type ranked struct {
		v    Version
		rank int
	}
	var all []ranked
	refused := 0
	vectors(t, func(kind string, values []json.RawMessage) {
		if kind != "version" && kind != "refused" {
			return
		}
		text := testkit.Value[string](t, values[0])
		v, err := Parse(text)
		if kind == "refused" {
			refused++
			if err == nil {
				t.Errorf("Parse(%q) = %q, packaging refuses it", text, v)
			}
			return
		}
		if err != nil {
			t.Errorf("Parse(%q): %v", text, err)
			return
		}
		want := parts{
			Normal: testkit.Value[string](t, values[1]), Public: testkit.Value[string](t, values[3]), Local: testkit.Value[string](t, values[4]),
			Pre: testkit.Value[bool](t, values[5]), Post: testkit.Value[bool](t, values[6]), Epoch: number(t, testkit.Value[string](t, values[7])),
		}
		for _, n := range testkit.Value[[]string](t, values[8]) {
			want.Release = append(want.Release, number(t, n))
		}
		got := parts{v.String(), v.Public().String(), v.Local(), v.Pre(), v.Post(), v.Epoch(), v.Release()}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%q (-want +got):\n%s", text, diff)
		}
		all = append(all, ranked{v, testkit.Value[int](t, values[2])})
	})
	pairs := 0
	for i, a := range all {
		for j := i; j < len(all); j += 3 { // all of them take long, and say no more
			b := all[j]
			pairs++
			want := 0
			if a.rank != b.rank {
				want = 1
				if a.rank < b.rank {
					want = -1
				}
			}
			if got, back := Compare(a.v, b.v), Compare(b.v, a.v); got != want || back != -want {
				t.Errorf("Compare(%q, %q) = %d, and %d the other way; want %d", a.v, b.v, got, back, want)
			}
		}
	}
	if pairs < 50_000 || refused < 100 {
		t.Errorf("compared %d pairs and saw %d that are refused", pairs, refused)
	}
	t.Logf("%d versions, %d pairs, %d refused", len(all), pairs, refused)
}

func number(t *testing.T, s string) int64 {
	t.Helper()
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil && n != 1<<63-1 {
		t.Fatal(err)
	}
	return n
}

func TestSpecifierVectors(t *testing.T) {
	var candidates []Version
	checks, refused := 0, 0
	vectors(t, func(kind string, values []json.RawMessage) {
		switch kind {
		case "candidates":
			for _, text := range testkit.Value[[]string](t, values[0]) {
				candidates = append(candidates, mustParse(t, text))
			}
		case "refused specifiers":
			refused++
			text := testkit.Value[string](t, values[0])
			if s, err := ParseSpecifiers(text); err == nil {
				t.Errorf("ParseSpecifiers(%q) = %q, packaging refuses it", text, s)
			}
		case "specifiers":
			text := testkit.Value[string](t, values[0])
			s, err := ParseSpecifiers(text)
			if err != nil {
				t.Errorf("ParseSpecifiers(%q): %v", text, err)
				return
			}
			if got, want := s.String(), testkit.Value[string](t, values[1]); got != want {
				t.Errorf("%q: String() = %q, want %q", text, got, want)
			}
			if got, want := s.Prereleases(), testkit.Value[bool](t, values[2]); got != want {
				t.Errorf("%q: Prereleases() = %t, want %t", text, got, want)
			}
			for i, c := range testkit.Value[string](t, values[3]) {
				checks += 3
				v, bits := candidates[i], c-'0'
				got := [3]bool{s.Contains(v, true), s.Contains(v, false), s.Allows(v)}
				if want := [3]bool{bits&1 != 0, bits&2 != 0, bits&4 != 0}; got != want {
					t.Errorf("%q of %q: with pre-releases, without, by default = %v, want %v", text, v, got, want)
				}
			}
		}
	})
	if checks < 20_000 || refused < 50 {
		t.Errorf("made %d checks and saw %d that are refused", checks, refused)
	}
	t.Logf("%d checks, %d refused", checks, refused)
}

func TestOverlapVectors(t *testing.T) {
	var yes, no int
	vectors(t, func(kind string, values []json.RawMessage) {
		if kind != "overlaps" {
			return
		}
		text := testkit.Value[string](t, values[0])
		s, err := ParseSpecifiers(text)
		if err != nil {
			t.Fatalf("ParseSpecifiers(%q): %v", text, err)
		}
		var bounds [3]*Version
		for i := range bounds {
			if b := testkit.Value[*string](t, values[1+i]); b != nil {
				v := mustParse(t, *b)
				bounds[i] = &v
			}
		}
		want := testkit.Value[bool](t, values[4])
		if want {
			yes++
		} else {
			no++
		}
		if got := s.Overlaps(bounds[0], bounds[1], bounds[2]); got != want {
			t.Errorf("%q overlaps %s: got %t, want %t", text, values[1:4], got, want)
		}
	})
	if yes < 1000 || no < 1000 {
		t.Errorf("saw %d that overlap and %d that do not", yes, no)
	}
	t.Logf("%d overlap, %d do not", yes, no)
}

func mustParse(t testing.TB, s string) Version {
	t.Helper()
	v, err := Parse(s)
	if err != nil {
		t.Fatal(err)
	}
	return v
}
