// Package robust reads and shows reports about how a classifier does under attack:
// accuracy without and with adversarial perturbations of several sizes, and the
// signs of whether those figures can be believed.
//
// # Security
//
// A report may come from anywhere. Unknown and repeated keys, shares outside of 0 to
// 1, counts that do not agree with them and rows without an order are errors, so that
// what is shown is what was measured or nothing.
//
// # Limits
//
// 1 MiB, 1,000 rows, 64 signs.
//
// # Specification
//
// docs/spec/robustness-v1.md.
package robust

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
)

// Schema is what a report calls itself.
const Schema = "andiron/robustness/v1"

// FileSuffix is how the names of reports end that audits find.
const FileSuffix = ".robustness.json"

// Worst is the attack of the rows in which a sample has to withstand all attacks.
const Worst = "worst"

const (
	sizeLimit = 1 << 20
	rowLimit  = 1000
	signLimit = 64
)

// Report is one evaluation.
type Report struct {
	Schema   string   `json:"schema"`
	Tool     *Tool    `json:"tool,omitempty"`
	Created  string   `json:"created,omitempty"` // RFC 3339
	Model    *Model   `json:"model,omitempty"`
	Data     *Data    `json:"data,omitempty"`
	Settings Settings `json:"settings"`
	Clean    Rate     `json:"clean"`
	Rows     []Row    `json:"rows"`
	Sanity   []Sign   `json:"sanity"`
}

// Tool is what made the report.
type Tool struct {
	Name    string `json:"name"`
	Version string `json:"version"`
}

// File is a file by name and digest.
type File struct {
	Path   string `json:"path"`
	SHA256 string `json:"sha256"`
}

// Model is what was attacked.
type Model struct {
	Script  File   `json:"script"`
	Factory string `json:"factory"`
	Weights *File  `json:"weights,omitempty"`
}

// Data is what was perturbed.
type Data struct {
	Inputs File `json:"inputs"`
	Labels File `json:"labels"`
}

// Settings are those of the attacks.
type Settings struct {
	Norm     string     `json:"norm"`
	Bounds   [2]float64 `json:"bounds"`
	Attacks  []string   `json:"attacks"`
	Steps    int        `json:"steps"`
	Restarts int        `json:"restarts"`
	Seed     int64      `json:"seed"`
	Backend  string     `json:"backend"`
	Torch    string     `json:"torch"`
}

// Rate is a share of samples, with the interval that holds it with 95 % probability.
type Rate struct {
	Right    int64   `json:"right"`
	Samples  int64   `json:"samples"`
	Accuracy float64 `json:"accuracy"`
	Low      float64 `json:"low"`
	High     float64 `json:"high"`
}

// Row is the accuracy under one attack with perturbations of at most Eps.
type Row struct {
	Eps    float64 `json:"eps"`
	Attack string  `json:"attack"`
	Rate
}

// Sign tells whether the figures can be believed.
type Sign struct {
	Name   string `json:"name"`
	OK     bool   `json:"ok"`
	Detail string `json:"detail"`
}

// Parse reads a report.
func Parse(b []byte) (*Report, error) {
	if len(b) > sizeLimit {
		return nil, fmt.Errorf("report of %d bytes, more than %d", len(b), sizeLimit)
	}
	if err := unique(b); err != nil {
		return nil, err
	}
	dec := json.NewDecoder(bytes.NewReader(b))
	dec.DisallowUnknownFields()
	var r Report
	if err := dec.Decode(&r); err != nil {
		return nil, err
	}
	if r.Schema != Schema {
		return nil, fmt.Errorf("schema %.80q, not %q", r.Schema, Schema)
	}
	return &r, r.check()
}

// unique complains about a key that stands twice in one object, of which readers
// take the first or the last.
func unique(b []byte) error {
	dec := json.NewDecoder(bytes.NewReader(b))
	type level struct {
		keys  map[string]bool // of an object
		value bool            // a value comes next, not a key
	}
	var stack []level
	for {
		tok, err := dec.Token()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		top := len(stack) - 1
		if key, ok := tok.(string); ok && top >= 0 && stack[top].keys != nil && !stack[top].value {
			if stack[top].keys[key] {
				return fmt.Errorf("at offset %d: key %.80q stands twice", dec.InputOffset(), key)
			}
			stack[top].keys[key], stack[top].value = true, true
			continue
		}
		switch tok {
		case json.Delim('{'):
			stack = append(stack, level{keys: map[string]bool{}})
			continue
		case json.Delim('['):
			stack = append(stack, level{})
			continue
		case json.Delim('}'), json.Delim(']'):
			stack = stack[:top]
		}
		if len(stack) > 0 {
			stack[len(stack)-1].value = false
		} else if len(bytes.TrimSpace(b[dec.InputOffset():])) > 0 {
			return fmt.Errorf("at offset %d: something follows the document", dec.InputOffset())
		}
	}
}

func (r *Report) check() error {
	if len(r.Rows) == 0 || len(r.Rows) > rowLimit || len(r.Sanity) > signLimit {
		return fmt.Errorf("%d rows and %d signs, not 1 to %d and at most %d", len(r.Rows), len(r.Sanity), rowLimit, signLimit)
	}
	if err := r.Clean.check(r.Clean.Samples); err != nil {
		return fmt.Errorf("clean: %w", err)
	}
	for i, row := range r.Rows {
		if !(row.Eps > 0) || math.IsInf(row.Eps, 0) || row.Attack == "" {
			return fmt.Errorf("row %d: eps %g of attack %.80q", i, row.Eps, row.Attack)
		}
		if i > 0 && row.Eps < r.Rows[i-1].Eps {
			return fmt.Errorf("row %d: eps %g comes after %g", i, row.Eps, r.Rows[i-1].Eps)
		}
		if slices.ContainsFunc(r.Rows[:i], func(o Row) bool { return o.Eps == row.Eps && o.Attack == row.Attack }) {
			return fmt.Errorf("row %d: attack %.80q with eps %g stands twice", i, row.Attack, row.Eps)
		}
		if err := row.check(r.Clean.Samples); err != nil {
			return fmt.Errorf("row %d: %w", i, err)
		}
	}
	return nil
}

func (r Rate) check(samples int64) error {
	switch {
	case r.Samples != samples || samples < 1 || r.Right < 0 || r.Right > samples:
		return fmt.Errorf("%d of %d samples are right, of %d", r.Right, r.Samples, samples)
	case math.Abs(r.Accuracy-float64(r.Right)/float64(samples)) > 1e-5:
		return fmt.Errorf("accuracy %g with %d of %d samples right", r.Accuracy, r.Right, samples)
	case !(0 <= r.Low && r.Low <= r.Accuracy+1e-5 && r.Accuracy <= r.High+1e-5 && r.High <= 1):
		return fmt.Errorf("accuracy %g is not within %g to %g", r.Accuracy, r.Low, r.High)
	}
	return nil
}

// Believable reports whether there are signs, and all of them are good.
func (r *Report) Believable() bool {
	return len(r.Sanity) > 0 && !slices.ContainsFunc(r.Sanity, func(s Sign) bool { return !s.OK })
}

// Sizes lists the sizes of perturbations.
func (r *Report) Sizes() []float64 {
	var sizes []float64
	for _, row := range r.Rows {
		if len(sizes) == 0 || sizes[len(sizes)-1] != row.Eps {
			sizes = append(sizes, row.Eps)
		}
	}
	return sizes
}

// Attacks lists the attacks in the order of the rows.
func (r *Report) Attacks() []string {
	var names []string
	for _, row := range r.Rows {
		if !slices.Contains(names, row.Attack) {
			names = append(names, row.Attack)
		}
	}
	return names
}

// At is the row of an attack.
func (r *Report) At(eps float64, attack string) (Row, bool) {
	i := slices.IndexFunc(r.Rows, func(row Row) bool { return row.Eps == eps && row.Attack == attack })
	if i < 0 {
		return Row{}, false
	}
	return r.Rows[i], true
}

// JSON is the report as it is kept.
func (r *Report) JSON() ([]byte, error) {
	b, err := json.MarshalIndent(r, "", "  ")
	return append(b, '\n'), err
}
