package tensor

import (
	"bufio"
	"bytes"
	"cmp"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

const vectors = "../../testdata/vectors/tensor"

// line is a line of the corpus; docs/spec/tensor-v1.md describes it. A line with a
// schema is what the cases behind it are about.
type line struct {
	Schema string            `json:"schema,omitempty"`
	Same   string            `json:"same,omitempty"`
	Refuse string            `json:"refuse,omitempty"`
	YAML   string            `json:"yaml,omitempty"`
	Short  map[string]string `json:"short,omitempty"` // in place of YAML
	Files  map[string]string `json:"files,omitempty"` // beside the schema
	SHA256 string            `json:"sha256,omitempty"`
	Line   int               `json:"line,omitempty"`

	Case    string           `json:"case,omitempty"`
	Group   Group            `json:"group,omitempty"`
	Dims    map[string]int64 `json:"dims,omitempty"`
	Tensors []sample         `json:"tensors,omitempty"`
	Windows [][]sample       `json:"windows,omitempty"`
	Verdict string           `json:"verdict,omitempty"`
	Want    []offender       `json:"want,omitempty"`
}

// sample is a tensor: its data in base64, or one element in hexadecimal for all,
// and others at places of their own.
type sample struct {
	Name  string  `json:"name"`
	DType string  `json:"dtype"`
	Shape []int64 `json:"shape"`
	Data  string  `json:"data,omitempty"`
	Fill  string  `json:"fill,omitempty"`
	Set   []patch `json:"set,omitempty"`
}

type patch struct {
	At  int64  `json:"at"`
	Hex string `json:"hex"`
}

type offender struct {
	Code  Code    `json:"code"`
	Input string  `json:"input,omitempty"`
	Index []int64 `json:"index,omitempty"`
	Count int64   `json:"count,omitempty"`
}

func (s sample) tensor() (Tensor, error) {
	d, err := ParseDType(s.DType)
	if err != nil {
		return Tensor{}, err
	}
	t := Tensor{Name: s.Name, DType: d, Shape: s.Shape}
	if s.Fill == "" {
		t.Data, err = base64.StdEncoding.DecodeString(s.Data)
		return t, err
	}
	element, err := hex.DecodeString(s.Fill)
	if err != nil {
		return t, err
	}
	n, _ := numel(s.Shape)
	t.Data = bytes.Repeat(element, int(n))
	for _, p := range s.Set {
		e, err := hex.DecodeString(p.Hex)
		if err != nil || len(e) != len(element) {
			return t, fmt.Errorf("element %q: %w", p.Hex, err)
		}
		copy(t.Data[p.At*int64(len(e)):], e)
	}
	return t, nil
}

func tensors(samples []sample) (ts []Tensor, err error) {
	for _, s := range samples {
		t, err := s.tensor()
		if err != nil {
			return nil, err
		}
		ts = append(ts, t)
	}
	return ts, nil
}

func summary(vs []Violation) (all []offender) {
	for _, v := range vs {
		all = append(all, offender{v.Code, v.Input, v.Index, v.Count})
	}
	return all
}

// TestVectors runs the committed corpus.
func TestVectors(t *testing.T) {
	files, err := filepath.Glob(vectors + "/*.jsonl")
	if err != nil || len(files) == 0 {
		t.Fatalf("no vectors: %v", err)
	}
	cases, seen := 0, map[Code]bool{}
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			for _, l := range readLines(t, file) {
				for _, o := range l.Want {
					seen[o.Code] = true
				}
				if l.Case != "" {
					cases++
				}
			}
			runLines(t, readLines(t, file))
		})
	}
	if cases < 400 {
		t.Errorf("%d cases, want at least 400", cases)
	}
	for _, c := range Codes() {
		if !seen[c] {
			t.Errorf("no case for %s", c)
		}
	}
}

func readLines(t testing.TB, file string) (lines []line) {
	t.Helper()
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	for sc := bufio.NewScanner(bytes.NewReader(b)); sc.Scan(); {
		var l line
		dec := json.NewDecoder(bytes.NewReader(sc.Bytes()))
		dec.DisallowUnknownFields()
		if err := dec.Decode(&l); err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		lines = append(lines, l)
	}
	return lines
}

func runLines(t *testing.T, lines []line) {
	t.Helper()
	var s *Schema
	for _, l := range lines {
		var err error
		switch {
		case l.Refuse != "":
			_, err := l.parse()
			if err == nil {
				t.Errorf("%s: the schema is accepted", l.Refuse)
			} else if at := fmt.Sprintf("line %d: ", l.Line); l.Line > 0 && !strings.HasPrefix(err.Error(), at) {
				t.Errorf("%s: error %q, want one at line %d", l.Refuse, err, l.Line)
			}
		case l.Case == "":
			if s, err = l.parse(); err != nil {
				t.Fatalf("%s%s: %v", l.Schema, l.Same, err)
			}
			if got := s.SHA256(); got != l.SHA256 {
				t.Errorf("%s%s: sha256 %s, want %s\n%s", l.Schema, l.Same, got, l.SHA256, s.Canonical())
			}
		default:
			runCase(t, s, l)
		}
	}
}

// parse reads the schema of a line.
func (l *line) parse() (*Schema, error) {
	if l.Short != nil {
		return ParseShorts(l.Short)
	}
	if l.Files == nil {
		return Parse([]byte(l.YAML))
	}
	return ParseFiles([]byte(l.YAML), func(name string) ([]byte, error) {
		text, ok := l.Files[name]
		if !ok {
			return nil, fs.ErrNotExist
		}
		return []byte(text), nil
	})
}

func runCase(t *testing.T, s *Schema, l line) {
	t.Helper()
	var found []Violation
	group := cmp.Or(l.Group, Inputs)
	if l.Windows != nil {
		w := s.Windows(group)
		for _, samples := range l.Windows {
			ts, err := tensors(samples)
			if err != nil {
				t.Fatal(err)
			}
			found = append(found, w.Add(ts)...)
		}
		found = append(found, w.Finish()...)
	} else {
		ts, err := tensors(l.Tensors)
		if err != nil {
			t.Fatalf("%s: %v", l.Case, err)
		}
		found = s.Check(group, ts, l.Dims, nil).Violations
	}
	if diff := gocmp.Diff(l.Want, summary(found), cmpopts.EquateEmpty()); diff != "" {
		t.Errorf("%s (-want +got):\n%s%v", l.Case, diff, found)
	}
	if verdict := map[bool]string{true: "accept", false: "reject"}[len(found) == 0]; verdict != l.Verdict {
		t.Errorf("%s: %s, want %s", l.Case, verdict, l.Verdict)
	}
	for _, v := range found {
		if v.Got == "" || v.Want == "" || strings.ContainsAny(v.String(), "\n\x1b") || len(v.String()) > 4096 {
			t.Errorf("%s: message %q", l.Case, v.String())
		}
	}
}
