package cli

import (
	"bytes"
	"encoding/json"
	"fmt"
	"time"

	"github.com/andiron-dev/andiron/internal/pyrun"
)

// recordSchema names the form of a conversion's record; docs/spec/convert-to.md.
const recordSchema = "andiron/conversion/v1"

// transformRecord says what was made of what, and what was checked.
type transformRecord struct {
	Schema    string              `json:"schema"`
	Tool      toolRecord          `json:"tool"`
	CreatedAt time.Time           `json:"created_at"`
	Mode      pyrun.Mode          `json:"mode"`
	Script    scriptRecord        `json:"script"`
	Weights   *weightsRecord      `json:"weights"`
	Python    pythonRecord        `json:"python"`
	Output    outputRecord        `json:"output"`
	Inputs    []sampleFile        `json:"inputs"`
	Samples   []sampleRecord      `json:"samples"`
	Outputs   []*pyrun.Difference `json:"outputs"`
	Warnings  []string            `json:"warnings"`
}

type toolRecord struct {
	Name    string `json:"name"`
	Version string `json:"version"`
}

type scriptRecord struct {
	Path    string          `json:"path"`
	SHA256  string          `json:"sha256"`
	Factory string          `json:"factory"`
	Args    json.RawMessage `json:"args"`
}

type weightsRecord struct {
	Path   string `json:"path"`
	SHA256 string `json:"sha256"`
	Size   int64  `json:"size"`
	// LoadedSHA256 is of the safetensors that were loaded; the same file, unless
	// the weights were converted first.
	LoadedSHA256 string `json:"loaded_sha256"`
}

type pythonRecord struct {
	Executable string `json:"executable"`
	Version    string `json:"version"`
	Torch      string `json:"torch"`
}

type outputRecord struct {
	Path    string `json:"path"`
	SHA256  string `json:"sha256"`
	Size    int64  `json:"size"`
	Format  string `json:"format"`
	Verdict string `json:"verdict"`
}

type sampleRecord struct {
	Name    string         `json:"name"`
	Tensors []tensorRecord `json:"tensors"`
}

type tensorRecord struct {
	DType string  `json:"dtype"`
	Shape []int64 `json:"shape"`
}

func newRecord(t *transformation) *transformRecord {
	r := &transformRecord{
		Schema: recordSchema, Tool: toolRecord{"andiron", version()}, CreatedAt: t.created.Truncate(time.Second),
		Mode:   t.job.Mode,
		Script: scriptRecord{Path: t.job.Script, Factory: t.job.Factory, Args: t.job.Args},
		Inputs: append([]sampleFile{}, t.files...),
	}
	for _, s := range t.job.Samples {
		row := sampleRecord{Name: s.Name, Tensors: []tensorRecord{}}
		for _, x := range s.Tensors {
			row.Tensors = append(row.Tensors, tensorRecord{x.DType, append([]int64{}, x.Shape...)})
		}
		r.Samples = append(r.Samples, row)
	}
	return r
}

// built adds what the first program said, and makes sure that it loaded the
// weights that were looked at.
func (r *transformRecord) built(b *pyrun.Built) error {
	if r.Weights != nil && r.Weights.LoadedSHA256 != b.WeightsSHA256 {
		return fmt.Errorf("weights %q changed while they were loaded: sha256 %q, not %q", r.Weights.Path, b.WeightsSHA256, r.Weights.LoadedSHA256)
	}
	r.Script.SHA256 = b.ScriptSHA256
	r.Python = pythonRecord{b.Executable, b.Python, b.Torch}
	r.Warnings = append([]string{}, b.Warnings...)
	return nil
}

func (r *transformRecord) marshal() ([]byte, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	err := enc.Encode(r)
	return b.Bytes(), err
}
