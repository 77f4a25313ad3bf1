package relock

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"path/filepath"
	"strings"
	"time"

	"github.com/andiron-dev/andiron/internal/bounded"
	"github.com/andiron-dev/andiron/internal/fetch"
	"github.com/andiron-dev/andiron/internal/manifest"
	"github.com/andiron-dev/andiron/internal/pep440"
	"github.com/andiron-dev/andiron/internal/pep508"
	"github.com/andiron-dev/andiron/internal/pyindex"
	"github.com/andiron-dev/andiron/internal/strictzip"
	"github.com/andiron-dev/andiron/internal/whole"
)

// Vouch says who vouches for the digest of a file that its index does not give.
type Vouch struct {
	Package string `json:"package"`
	Version string `json:"version"`
	File    string `json:"file"`
	URL     string `json:"url"` // that the bytes came from
	SHA256  string `json:"sha256"`
	Size    int64  `json:"size"`
	By      string `json:"by"` // "andiron"; digests that the tool has from an index have no entry
	On      string `json:"on"` // the day on which it was computed
	// Metadata says how the METADATA in the file compares with what the index
	// advertises: "as advertised", "not advertised".
	Metadata string `json:"metadata"`
	Kept     bool   `json:"-"` // it is from the record of an earlier lock
}

// recordName is where the record of a lock lies: beside it.
func recordName(lock string) string { return lock + ".andiron.json" }

const recordSchema = "andiron/lock-record/v1"

// record is who vouches for what a lock says.
type record struct {
	Schema  string            `json:"schema"`
	Andiron string            `json:"andiron"`
	Tool    string            `json:"tool"`
	Version string            `json:"tool_version"`
	Lock    string            `json:"lock"`
	SHA256  string            `json:"lock_sha256"`
	Made    string            `json:"made"`
	Inputs  map[string]string `json:"inputs"`
	ByTool  int               `json:"digests_by_tool"`
	Files   []Vouch           `json:"digests_computed"`
}

func (r *Result) writeRecord(root, andiron string, now time.Time) error {
	rec := record{
		Schema: recordSchema, Andiron: andiron, Tool: r.Tool, Version: r.ToolVersion, Lock: r.Lock, SHA256: digest(r.After),
		Made: now.UTC().Format(time.RFC3339), Inputs: r.Inputs, ByTool: r.ByTool, Files: r.Vouched,
	}
	name := filepath.Join(root, filepath.FromSlash(recordName(r.Lock)))
	if old, err := os.ReadFile(name); err == nil { //nolint:gosec // a file of the project, beside its lock
		var was record
		if json.Unmarshal(old, &was) == nil && was.SHA256 == rec.SHA256 && was.Version == rec.Version && was.Andiron == rec.Andiron {
			return nil // nothing has changed but the time
		}
	}
	b, err := json.MarshalIndent(rec, "", "  ")
	if err != nil {
		return err
	}
	if err := whole.WriteFile(name, append(b, '\n')); err != nil {
		return fmt.Errorf("record %q cannot be written: %w", recordName(r.Lock), err)
	}
	return nil
}

// earlier are the digests that the record of the lock before this one has, by the
// address of the file. A record that cannot be read is none: they are computed again.
func (p *Project) earlier() map[string]Vouch {
	known := make(map[string]Vouch)
	f, err := os.Open(filepath.Join(p.Root, filepath.FromSlash(recordName(p.Lock))))
	if err != nil {
		return known
	}
	defer func() { _ = f.Close() }() // it was only read
	b, err := bounded.ReadAll(f, maxFile)
	var rec record
	if err != nil || json.Unmarshal(b, &rec) != nil || rec.Schema != recordSchema {
		return known
	}
	for _, w := range rec.Files {
		if len(w.SHA256) == 64 && strings.Trim(w.SHA256, "0123456789abcdef") == "" {
			w.Kept = true
			known[w.URL] = w
		}
	}
	return known
}

// keep counts a digest that the lock has: the tool had it from the index or computed
// it, or an earlier run of ours did.
func (v *verifier) keep(url, sum string) {
	if w, ok := v.known[url]; ok && w.SHA256 == sum {
		v.r.Vouched = append(v.r.Vouched, w)
		return
	}
	v.r.ByTool++
}

// wanted reports whether a file may be downloaded.
func (v *verifier) wanted(file string) bool {
	if v.opt.Wheels == "" {
		return true
	}
	ok, err := path.Match(v.opt.Wheels, file)
	return err == nil && ok
}

// again reports whether a digest that is there is computed all the same.
func (v *verifier) again(file string) bool { return v.opt.Recompute && v.wanted(file) }

// compute gets a file and computes its digest, unless an earlier record has it. What
// goes wrong is a problem of the package; the error is one that ends the run.
func (v *verifier) compute(ctx context.Context, p *manifest.Package, file, at string, listed *pyindex.File) (Vouch, error) {
	if w, ok := v.known[at]; ok && !v.opt.Recompute {
		v.r.Vouched = append(v.r.Vouched, w)
		return w, nil
	}
	if !v.wanted(file) {
		v.unseen(p, file, "its index gives no digest, and --wheels %q leaves it out", v.opt.Wheels)
		return Vouch{}, nil
	}
	if v.left <= 0 {
		v.unseen(p, file, "its index gives no digest, and no more than %d bytes are downloaded", v.opt.MaxDownload)
		return Vouch{}, nil
	}
	w := Vouch{Package: p.Name, Version: p.Version, File: file, URL: at, By: "andiron", On: v.opt.Now.UTC().Format(time.DateOnly), Metadata: "not advertised"}
	temp, res, err := v.download(ctx, p, at)
	if err != nil {
		if ctx.Err() != nil {
			return Vouch{}, ctx.Err()
		}
		v.unseen(p, file, "it cannot be had to compute its digest: %s", reached(err))
		return Vouch{}, nil
	}
	defer func() {
		_ = temp.Close()
		_ = os.Remove(temp.Name()) // it goes with the scratch folder
	}()
	v.left -= res.Size
	w.SHA256, w.Size = res.SHA256, res.Size
	if !v.agrees(p, file, temp, &w, listed) {
		return Vouch{}, nil
	}
	v.r.Vouched = append(v.r.Vouched, w)
	return w, nil
}

// download streams a file into the scratch folder.
func (v *verifier) download(ctx context.Context, p *manifest.Package, at string) (*os.File, *fetch.Response, error) {
	temp, err := os.CreateTemp(v.dir, "file-*")
	if err != nil {
		return nil, nil, err
	}
	req := fetch.Request{URL: at, MaxBytes: v.left, Timeout: time.Hour}
	if p.Source.Type != manifest.AtURL && p.Source.URL != "" {
		req.Base = v.pages.base(p.Source.URL)
	}
	res, err := v.opt.Fetch.Stream(ctx, req, func() (io.Writer, error) {
		if err := temp.Truncate(0); err != nil {
			return nil, err
		}
		_, err := temp.Seek(0, io.SeekStart)
		return temp, err
	})
	if err != nil {
		_ = temp.Close()
		_ = os.Remove(temp.Name()) // it goes with the scratch folder
		return nil, nil, err
	}
	return temp, res, nil
}

// agrees holds a file against what its index says of it and what its name says.
func (v *verifier) agrees(p *manifest.Package, file string, temp *os.File, w *Vouch, listed *pyindex.File) bool {
	if listed != nil && listed.SHA256() != "" && listed.SHA256() != w.SHA256 {
		v.problem(p, file, "its index gives the digest %s and the file has %s", listed.SHA256(), w.SHA256)
		return false
	}
	if !strings.HasSuffix(strings.ToLower(file), ".whl") {
		return true
	}
	meta, err := metadataOf(temp, w.Size)
	if err != nil {
		v.problem(p, file, "it is not a wheel that can be read: %v", err)
		return false
	}
	name, version := header(meta, "Name"), header(meta, "Version")
	if pep508.Normalize(name) != p.Name || p.Version != "" && !sameVersion(version, p.Version) {
		v.problem(p, file, "its METADATA says that it is %.80q %.80q", name, version)
		return false
	}
	if listed == nil || listed.MetadataSHA256() == "" {
		return true
	}
	if got := digest(meta); got != listed.MetadataSHA256() {
		v.problem(p, file, "its METADATA has the digest %s and its index advertises %s", got, listed.MetadataSHA256())
		return false
	}
	w.Metadata = "as advertised"
	return true
}

func sameVersion(a, b string) bool {
	x, err := pep440.Parse(a)
	y, err2 := pep440.Parse(b)
	return err == nil && err2 == nil && pep440.Compare(x, y) == 0
}

// maxMetadata is how large the METADATA of a wheel may be.
const maxMetadata = 8 << 20

// metadataOf is the METADATA in a wheel, of which there must be one.
func metadataOf(r io.ReaderAt, size int64) ([]byte, error) {
	z, err := strictzip.Open(r, size, strictzip.Limits{MaxEntries: 500_000})
	if err != nil {
		return nil, err
	}
	found := -1
	for i := range z.Len() {
		if dir, ok := strings.CutSuffix(z.Entry(i).Name, ".dist-info/METADATA"); ok && !strings.Contains(dir, "/") {
			if found >= 0 {
				return nil, errors.New("it has two files METADATA")
			}
			found = i
		}
	}
	if found < 0 {
		return nil, errors.New("it has no METADATA")
	}
	f, err := z.Open(found)
	if err != nil {
		return nil, err
	}
	return bounded.ReadAll(f, maxMetadata)
}

// header is the first field of a name in METADATA, which is written as e-mail is.
func header(meta []byte, name string) string {
	for line := range bytes.Lines(meta) {
		line = bytes.TrimRight(line, "\r\n")
		if len(line) == 0 {
			return ""
		}
		if key, value, ok := bytes.Cut(line, []byte(":")); ok && strings.EqualFold(string(key), name) {
			return string(bytes.TrimSpace(value))
		}
	}
	return ""
}

// headers are all fields of a name.
func headers(meta []byte, name string) (list []string) {
	for line := range bytes.Lines(meta) {
		line = bytes.TrimRight(line, "\r\n")
		if len(line) == 0 {
			break
		}
		if key, value, ok := bytes.Cut(line, []byte(":")); ok && strings.EqualFold(string(key), name) {
			list = append(list, string(bytes.TrimSpace(value)))
		}
	}
	return list
}
