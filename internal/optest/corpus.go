package optest

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/andiron-dev/andiron/internal/bounded"
	"github.com/andiron-dev/andiron/internal/opbuild"
	"github.com/andiron-dev/andiron/internal/opreport"
	"github.com/andiron-dev/andiron/internal/whole"
)

// stored is what the corpus keeps of an operator, in cases.json of its folder.
type stored struct {
	Version  int       `json:"version"`
	Operator string    `json:"operator"`
	Cases    []rawCase `json:"cases"`
}

const (
	corpusLimit = 16 << 20
	mostCases   = 64 // of an operator
	casesName   = "cases.json"
)

// readme says what the folder is.
const readme = `What andiron ops test found in the operators of this project, by operator.

The scripts show it: each is run with Python and the extension, as its first lines say.
cases.json has the calls that the next run begins with, and result.json what "andiron
audit" takes as evidence, as long as the sources are the same. Commit the folder to have
everybody begin with them, or leave it out of version control with a line in .gitignore:

    .andiron/
`

// folderOf is the folder of an operator.
func folderOf(full string) string {
	return strings.Trim(notName.ReplaceAllString(full, "-"), "-.")
}

var notName = regexp.MustCompile(`[^A-Za-z0-9_.]+`)

// replayed are the cases that earlier runs kept.
func (r *run) replayed() (map[string][]rawCase, error) {
	out := map[string][]rawCase{}
	for _, o := range r.operators {
		s, err := readStored(filepath.Join(r.Corpus, folderOf(o.full()), casesName))
		switch {
		case errors.Is(err, fs.ErrNotExist):
		case err != nil:
			return nil, err
		case s.Operator == o.full():
			out[o.full()] = s.Cases
		}
	}
	return out, nil
}

func readStored(name string) (s stored, err error) {
	f, err := os.Open(name) //nolint:gosec // in the corpus that the user named
	if err != nil {
		return s, err
	}
	defer func() { _ = f.Close() }() // it was only read
	b, err := bounded.ReadAll(f, corpusLimit)
	if err == nil {
		err = json.Unmarshal(b, &s)
	}
	if err == nil && s.Version != 1 {
		err = fmt.Errorf("version is %d, not 1", s.Version)
	}
	if err != nil {
		return s, &opbuild.Error{Text: fmt.Sprintf("corpus %q: %v", name, err), Hint: "remove the file; the cases in it are then found anew, or not"}
	}
	return s, nil
}

// failing are the cases of what was found, for the next build.
func (r *run) failing() map[string][]rawCase {
	out := map[string][]rawCase{}
	for _, o := range r.operators {
		for _, f := range r.byName[o.full()].Found {
			if c := again(f); c != nil {
				out[o.full()] = append(out[o.full()], c)
			}
		}
	}
	return out
}

// again is a case as a build with a sanitizer takes it.
func again(f opreport.Found) rawCase {
	var c map[string]any
	if json.Unmarshal(f.Case, &c) != nil || c["device"] != nil || f.Kind == "hang" {
		return nil
	}
	switch c["ask"] {
	case nil, "sequence":
		return f.Case
	case "leak":
		c["ask"] = "leakloop"
		b, err := json.Marshal(c)
		if err == nil {
			return b
		}
	}
	return nil
}

// keep writes the corpus: scripts of what was found, and the cases of the next run.
func (r *run) keep() error {
	if len(r.result.Operators) == 0 {
		return nil
	}
	if err := os.MkdirAll(r.Corpus, 0o755); err != nil { //nolint:gosec // a folder of the project
		return err
	}
	if err := writeWhole(filepath.Join(r.Corpus, "README"), []byte(readme)); err != nil {
		return err
	}
	for _, o := range r.result.Operators {
		if err := r.keepOperator(o); err != nil {
			return err
		}
	}
	return r.keepResult()
}

// keepLog keeps what a build said that failed, because its folder is thrown away. It says
// where that is; what cannot be kept is not said.
func (r *run) keepLog(v opbuild.Variant, err error) string {
	e, ok := errors.AsType[*opbuild.Error](err)
	if !ok || e.Log == "" || os.MkdirAll(r.Corpus, 0o755) != nil { //nolint:gosec // a folder of the project
		return ""
	}
	from, err := os.Open(e.Log)
	if err != nil {
		return ""
	}
	defer func() { _ = from.Close() }() // it was only read
	name := filepath.Join(r.Corpus, string(v)+".log")
	to, err := whole.Create(name)
	if err != nil {
		return ""
	}
	defer to.Abandon()
	if _, err := io.Copy(to, from); err != nil || to.Commit() != nil {
		return ""
	}
	return "the whole log is " + name
}

// keepResult writes what audits read: the result, and of which sources it is.
func (r *run) keepResult() error {
	rec := opreport.Record{Sources: map[string]string{}, Result: r.result}
	for _, name := range r.Project.Sources {
		b, err := os.ReadFile(filepath.Join(r.Project.Dir, filepath.FromSlash(name)))
		if err != nil {
			return err
		}
		sum := sha256.Sum256(b)
		rec.Sources[name] = hex.EncodeToString(sum[:])
	}
	b, err := rec.Encode()
	if err != nil {
		return err
	}
	return writeWhole(filepath.Join(r.Corpus, opreport.RecordName), b)
}

func (r *run) keepOperator(o *opreport.Operator) error {
	s := stored{Version: 1, Operator: o.Full()}
	seen := map[string]bool{}
	add := func(c rawCase) {
		if len(c) > 0 && len(c) < 1<<16 && !seen[string(c)] && len(s.Cases) < mostCases {
			seen[string(c)] = true
			s.Cases = append(s.Cases, c)
		}
	}
	dir := filepath.Join(r.Corpus, folderOf(o.Full()))
	for i := range o.Found {
		f := &o.Found[i]
		var c struct {
			Ask    string `json:"ask"`
			Device string `json:"device"`
		}
		if json.Unmarshal(f.Case, &c) == nil && c.Device == "" && (c.Ask == "" || c.Ask == "sequence") {
			add(f.Case)
		}
	}
	for _, c := range r.pools[o.Full()] {
		add(c)
	}
	if len(s.Cases) == 0 && len(o.Found) == 0 {
		return nil
	}
	if err := os.MkdirAll(dir, 0o755); err != nil { //nolint:gosec // as above
		return err
	}
	for i := range o.Found {
		f := &o.Found[i]
		if f.Text == "" || !scriptName.MatchString(f.Script) {
			continue
		}
		name := filepath.Join(dir, f.Script)
		if err := writeWhole(name, []byte(f.Text)); err != nil {
			return err
		}
		f.Script = filepath.ToSlash(name)
	}
	b, err := json.MarshalIndent(s, "", " ")
	if err != nil {
		return err
	}
	return writeWhole(filepath.Join(dir, casesName), append(b, '\n'))
}

var scriptName = regexp.MustCompile(`^[a-z-]+-[0-9a-f]{8}\.py$`)

func writeWhole(name string, b []byte) error {
	if have, err := os.ReadFile(name); err == nil && slices.Equal(have, b) { //nolint:gosec // in the corpus
		return nil
	}
	f, err := whole.Create(name)
	if err != nil {
		return err
	}
	defer f.Abandon()
	if _, err := f.Write(b); err != nil {
		return err
	}
	return f.Commit()
}
