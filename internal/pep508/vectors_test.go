package pep508

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// vectors calls f with each line of the answers of packaging, which
// tools/oracle/pep508_vectors.py has written: its kind and its values.
func vectors(t *testing.T, f func(kind string, values []json.RawMessage)) {
	t.Helper()
	packed, err := os.ReadFile("testdata/vectors.jsonl.gz")
	if err != nil {
		t.Fatal(err)
	}
	z, err := gzip.NewReader(bytes.NewReader(packed))
	if err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(z)
	lines.Buffer(nil, 1<<20)
	lines.Scan() // says what made the file
	if !strings.Contains(lines.Text(), "packaging 26.4") {
		t.Fatalf("the file begins with %q", lines.Text())
	}
	for lines.Scan() {
		var values []json.RawMessage
		if err := json.Unmarshal(lines.Bytes(), &values); err != nil {
			t.Fatal(err)
		}
		f(get[string](t, values[0]), values[1:])
	}
	if err := lines.Err(); err != nil {
		t.Fatal(err)
	}
}

func get[T any](t *testing.T, raw json.RawMessage) T {
	t.Helper()
	var v T
	if err := json.Unmarshal(raw, &v); err != nil {
		t.Fatalf("%s: %v", raw, err)
	}
	return v
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
			text := get[string](t, values[0])
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
			text := get[string](t, values[0])
			r, err := Parse(text)
			if err != nil {
				t.Errorf("Parse(%q): %v", text, err)
				return
			}
			want := said{get[string](t, values[1]), get[[]string](t, values[2]), get[string](t, values[3]), get[string](t, values[4]), ""}
			got := said{r.Spelled, append([]string{}, r.Extras...), r.Specifiers.String(), r.URL, ""}
			if marker := get[*string](t, values[5]); marker != nil && r.Marker != nil {
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
			envs = get[[]Environment](t, values[0])
		case "refused marker":
			refused++
			if text := get[string](t, values[0]); parses(text) {
				t.Errorf("ParseMarker(%q) reads what packaging refuses", text)
			}
		case "marker":
			read++
			text := get[string](t, values[0])
			m, err := ParseMarker(text)
			if err != nil {
				t.Errorf("ParseMarker(%q): %v", text, err)
				return
			}
			if want := get[*string](t, values[1]); want != nil && m.String() != *want {
				t.Errorf("ParseMarker(%q).String() = %q, want %q", text, m.String(), *want)
			}
			var got strings.Builder
			for _, env := range envs {
				got.WriteByte(answer(m, env))
				answers++
			}
			if want := get[string](t, values[2]); got.String() != want {
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
		text := get[string](t, values[0])
		seen = append(seen, text)
		if got, want := Normalize(text), get[string](t, values[1]); got != want {
			t.Errorf("Normalize(%q) = %q, want %q", text, got, want)
		}
		if got, want := ValidName(text), get[bool](t, values[2]); got != want {
			t.Errorf("ValidName(%q) = %t, want %t", text, got, want)
		}
	})
	if !slices.Contains(seen, "zope.interface") {
		t.Errorf("saw the names %q", seen)
	}
}
