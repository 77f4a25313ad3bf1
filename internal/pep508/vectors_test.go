package pep508

import (
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/andiron-dev/andiron/internal/testkit"
)

// vectors calls f with each line of the answers of packaging, which
// tools/oracle/pep508_vectors.py has written: its kind and its values.
func vectors(t *testing.T, f func(kind string, values []json.RawMessage)) {
	t.Helper()
	testkit.Answers(t, "testdata/vectors.jsonl.gz", "packaging 26.4", f)
}

// said is what packaging says of one requirement.
type said struct {
	Name       string
	Extras     []string
	Specifiers string
	URL        string
	Marker     string
}

func TestRequirementVectors(t *testing.T) {
	read, refused := 0, 0
	vectors(t, func(kind string, values []json.RawMessage) {
		switch kind {
		case "refused":
			refused++
			text := testkit.Value[string](t, values[0])
			_, err := Parse(text)
			if err == nil {
				t.Errorf("Parse(%q) reads what packaging refuses", text)
				return
			}
			var syntax *SyntaxError
			if !errors.As(err, &syntax) || syntax.Offset < 0 || syntax.Offset > len(text) {
				t.Errorf("Parse(%q): %v: the error has no place", text, err)
			}
		case "requirement":
			read++
			text := testkit.Value[string](t, values[0])
			r, err := Parse(text)
			if err != nil {
				t.Errorf("Parse(%q): %v", text, err)
				return
			}
			want := said{testkit.Value[string](t, values[1]), testkit.Value[[]string](t, values[2]), testkit.Value[string](t, values[3]), testkit.Value[string](t, values[4]), ""}
			got := said{r.Spelled, append([]string{}, r.Extras...), r.Specifiers.String(), r.URL, ""}
			if marker := testkit.Value[*string](t, values[5]); marker != nil && r.Marker != nil {
				want.Marker, got.Marker = *marker, r.Marker.String()
			} else if marker != nil {
				want.Marker = *marker
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("Parse(%q) (-want +got):\n%s", text, diff)
			}
			if r.Name != Normalize(r.Spelled) {
				t.Errorf("Parse(%q).Name = %q", text, r.Name)
			}
		}
	})
	if read < 1000 || refused < 200 {
		t.Errorf("saw %d requirements and %d that are refused", read, refused)
	}
	t.Logf("%d requirements, %d refused", read, refused)
}

func TestMarkerVectors(t *testing.T) {
	var envs []Environment
	read, refused, answers := 0, 0, 0
	vectors(t, func(kind string, values []json.RawMessage) {
		switch kind {
		case "environments":
			envs = testkit.Value[[]Environment](t, values[0])
		case "refused marker":
			refused++
			if text := testkit.Value[string](t, values[0]); parses(text) {
				t.Errorf("ParseMarker(%q) reads what packaging refuses", text)
			}
		case "marker":
			read++
			text := testkit.Value[string](t, values[0])
			m, err := ParseMarker(text)
			if err != nil {
				t.Errorf("ParseMarker(%q): %v", text, err)
				return
			}
			if want := testkit.Value[*string](t, values[1]); want != nil && m.String() != *want {
				t.Errorf("ParseMarker(%q).String() = %q, want %q", text, m.String(), *want)
			}
			var got strings.Builder
			for _, env := range envs {
				got.WriteByte(answer(m, env))
				answers++
			}
			if want := testkit.Value[string](t, values[2]); got.String() != want {
				t.Errorf("%q: in the environments %q, want %q", text, got.String(), want)
			}
		}
	})
	if read < 1000 || refused < 200 {
		t.Errorf("saw %d markers and %d that are refused", read, refused)
	}
	t.Logf("%d markers, %d answers, %d refused", read, answers, refused)
}

func parses(marker string) bool {
	_, err := ParseMarker(marker)
	return err == nil
}

func answer(m *Marker, env Environment) byte {
	switch ok, err := m.Evaluate(env); {
	case err != nil:
		return 'e'
	case ok:
		return 't'
	default:
		return 'f'
	}
}

func TestNameVectors(t *testing.T) {
	var seen []string
	vectors(t, func(kind string, values []json.RawMessage) {
		if kind != "name" {
			return
		}
		text := testkit.Value[string](t, values[0])
		seen = append(seen, text)
		if got, want := Normalize(text), testkit.Value[string](t, values[1]); got != want {
			t.Errorf("Normalize(%q) = %q, want %q", text, got, want)
		}
		if got, want := ValidName(text), testkit.Value[bool](t, values[2]); got != want {
			t.Errorf("ValidName(%q) = %t, want %t", text, got, want)
		}
	})
	if !slices.Contains(seen, "zope.interface") {
		t.Errorf("saw the names %q", seen)
	}
}
