package opreport

import (
	"encoding/json"
	"fmt"
	"path"

	"github.com/andiron-dev/andiron/internal/bounded"
)

// RecordName is the file of a corpus that holds a [Record].
const RecordName = "result.json"

// RecordFolder is where a corpus lies in a project, unless it is said otherwise.
const RecordFolder = ".andiron/ops-test"

// Record is the result of a run as it is kept, for audits.
type Record struct {
	Version int `json:"version"`
	// Sources are the SHA-256 of what was built, by path from the project's folder.
	Sources map[string]string `json:"sources"`
	Result  Result            `json:"result"`
}

const (
	// RecordLimit bounds the bytes of a record.
	RecordLimit     = 16 << 20
	mostOperators   = 10_000
	mostFound       = 1_000 // of one operator
	mostRecordTexts = 4 << 10
)

// Encode writes a record. What only the corpus needs is left out: cases, scripts and
// what programs printed. Scripts are named from the folder of the corpus.
func (r Record) Encode() ([]byte, error) {
	r.Version = 1
	operators := make([]*Operator, len(r.Result.Operators))
	for i, o := range r.Result.Operators {
		c := *o
		c.Found = nil
		for _, f := range o.Found {
			f.Output, f.Case, f.Text = Access(f.Output), nil, ""
			if f.Script != "" {
				f.Script = path.Join(path.Base(path.Dir(f.Script)), path.Base(f.Script))
			}
			c.Found = append(c.Found, f)
		}
		operators[i] = &c
	}
	r.Result.Operators = operators
	b, err := json.MarshalIndent(r, "", " ")
	return append(b, '\n'), err
}

// ParseRecord reads a record. Texts in it are cut.
func ParseRecord(b []byte) (*Record, error) {
	if len(b) > RecordLimit {
		return nil, bounded.Exceeded("bytes of the result", RecordLimit)
	}
	var r Record
	if err := json.Unmarshal(b, &r); err != nil {
		return nil, err
	}
	if r.Version != 1 {
		return nil, fmt.Errorf("version is %d, not 1", r.Version)
	}
	if len(r.Result.Operators) > mostOperators {
		return nil, bounded.Exceeded("operators", mostOperators)
	}
	for _, o := range r.Result.Operators {
		if o == nil || len(o.Found) > mostFound {
			return nil, bounded.Exceeded("findings of an operator", mostFound)
		}
		for _, s := range []*string{&o.Name, &o.Overload, &o.Schema, &o.File, &o.Skip, &o.Cut} {
			*s = short(*s)
		}
		for i := range o.Found {
			f := &o.Found[i]
			for _, s := range []*string{&f.Key, &f.Detail, &f.Values, &f.Output, &f.Script, &f.Also, &f.Where.File, &f.Where.Function} {
				*s = short(*s)
			}
		}
	}
	return &r, nil
}

func short(s string) string { return s[:min(len(s), mostRecordTexts)] }
