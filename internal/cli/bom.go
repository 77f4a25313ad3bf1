package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/andiron-dev/andiron/finding"
	"github.com/andiron-dev/andiron/internal/artifact"
	"github.com/andiron-dev/andiron/internal/bom"
	"github.com/andiron-dev/andiron/internal/bounded"
	"github.com/andiron-dev/andiron/internal/engine"
	"github.com/andiron-dev/andiron/internal/model"
	"github.com/andiron-dev/andiron/internal/osfile"
	"github.com/andiron-dev/andiron/internal/policy"
)

// inspectBOM writes the bill of materials of a folder or a file.
func (a *app) inspectBOM(ctx context.Context, name string, f *inspectFlags, pol policy.Policy) error {
	if name == "-" {
		return usage("inspect: a bill of materials needs a file or a folder, not the standard input", "name the file or folder")
	}
	when, err := sourceDate(a.getenv("SOURCE_DATE_EPOCH"))
	if err != nil {
		return err
	}
	out, err := openOutput(f.output, a.stdout)
	if err != nil {
		return err
	}
	b := billing{ctx: ctx, root: name, model: f.limits.over(pol.Limits), walk: artifact.WalkOptions{Except: out.files()}}
	m, err := b.look()
	if err == nil {
		m.Tool, m.Time = version(), when
		err = bom.Write(out, m)
	}
	if err != nil {
		out.abandon()
		return fmt.Errorf("the bill of materials cannot be made: %w", osfile.Cause(err))
	}
	if b.incomplete {
		a.code = policy.ExitIncomplete
	}
	return out.finish()
}

// sourceDate is the time to write into documents that shall be the same whenever
// they are made: reproducible-builds.org, SOURCE_DATE_EPOCH.
func sourceDate(epoch string) (time.Time, error) {
	if epoch == "" {
		return time.Time{}, nil
	}
	seconds, err := strconv.ParseInt(epoch, 10, 64)
	if err != nil || seconds < 0 || seconds > 1<<36 {
		return time.Time{}, usage(fmt.Sprintf("SOURCE_DATE_EPOCH is %q, not a number of seconds", epoch), sinceEpoch)
	}
	return time.Unix(seconds, 0).UTC(), nil
}

// billing gathers what is in a bill of materials.
type billing struct {
	ctx   context.Context //nolint:containedctx // it lives for one call
	root  string
	model model.Options
	walk  artifact.WalkOptions

	judged     map[string]finding.Artifact
	incomplete bool
}

func (b *billing) look() (bom.Model, error) {
	m := bom.Model{Name: b.name()}
	if err := b.judge(); err != nil {
		return m, err
	}
	entries, err := b.files()
	if err != nil {
		return m, err
	}
	for _, e := range entries {
		if err := b.file(&m, e); err != nil {
			return m, err
		}
	}
	slices.SortFunc(m.Files, func(x, y bom.File) int { return strings.Compare(x.Path, y.Path) })
	return m, b.ctx.Err()
}

func (b *billing) name() string {
	abs, err := filepath.Abs(b.root)
	if err != nil {
		abs = b.root
	}
	return filepath.Base(abs)
}

// judge scans as andiron scan does, and keeps the verdicts and digests.
func (b *billing) judge() error {
	rules, err := engine.Catalogue()
	if err != nil {
		return fmt.Errorf("internal error: %w", err)
	}
	b.judged = map[string]finding.Artifact{}
	return engine.Scan(b.ctx, []string{b.root}, engine.Options{
		Judge: func(fs []finding.Finding) finding.Verdict { return policy.Verdict(fs, rules) },
		Model: b.model, Walk: b.walk, SHA256: true,
	}, (*judgements)(b))
}

// judgements is the handler of that scan.
type judgements billing

func (j *judgements) Config(finding.Config) error         { return nil }
func (j *judgements) Progress(finding.Progress) error     { return nil }
func (j *judgements) Finding(finding.Finding) error       { return nil }
func (j *judgements) Dependency(finding.Dependency) error { return nil }
func (j *judgements) Posture(finding.Posture) error       { return nil }

func (j *judgements) Artifact(a finding.Artifact) error {
	j.judged[a.Path] = a
	return nil
}

func (j *judgements) Summary(s finding.Summary) error {
	j.incomplete = s.Incomplete
	return nil
}

// files are what the scan has looked at.
func (b *billing) files() (list []artifact.Entry, err error) {
	info, err := os.Stat(b.root)
	if err != nil {
		return nil, err
	}
	if !info.IsDir() {
		return []artifact.Entry{{Path: slash(b.root), Abs: b.root, Size: info.Size()}}, nil
	}
	for e, err := range artifact.Walk(b.ctx, b.root, b.walk) {
		if err != nil {
			return nil, err
		}
		if !e.Dir && e.Note == "" {
			list = append(list, e)
		}
	}
	return list, nil
}

// file adds a file to the model.
func (b *billing) file(m *bom.Model, e artifact.Entry) error {
	art, err := artifact.Open(e.Abs, e.Path)
	if err != nil {
		return err
	}
	defer func() { _ = art.Close() }() // it was only read
	art.StopOn(b.ctx.Done())
	file := bom.File{Path: b.within(e.Path), Size: art.Size()}
	if judged, ok := b.judged[e.Path]; ok {
		file.SHA256 = judged.SHA256
		if file.Model, err = b.modelFile(art, judged); err != nil {
			return err
		}
	}
	if file.SHA256 == "" {
		if file.SHA256, err = art.SHA256(); err != nil {
			return err
		}
	}
	m.Files = append(m.Files, file)
	return readCard(&m.Card, file.Path, art)
}

// within is a path relative to the model.
func (b *billing) within(p string) string {
	root := slash(b.root)
	if p == root {
		return path.Base(p)
	}
	if root == "." {
		return p
	}
	return strings.TrimPrefix(p, strings.TrimSuffix(root, "/")+"/")
}

func (b *billing) modelFile(art *artifact.Artifact, judged finding.Artifact) (*bom.ModelFile, error) {
	tree, err := model.Inspect(b.ctx, art, b.model)
	if err != nil {
		return nil, err
	}
	f := &bom.ModelFile{Format: judged.Format, Verdict: judged.Verdict}
	seen := map[string]bool{}
	count(f, tree, seen)
	slices.Sort(f.DTypes)
	return f, nil
}

// count adds up the tensors of a tree. Those that share a storage are counted
// once.
func count(f *bom.ModelFile, t *model.Tree, seen map[string]bool) {
	for _, x := range t.Tensors {
		f.Tensors++
		if !slices.Contains(f.DTypes, x.DType) {
			f.DTypes = append(f.DTypes, x.DType)
		}
		key := fmt.Sprintf("%s %s %d %v", t.Path, x.Storage, x.StorageOffset, x.Shape)
		if x.Storage != "" && seen[key] {
			continue
		}
		seen[key] = true
		if sum, ok := bounded.Add(f.Parameters, elements(x.Shape)); ok {
			f.Parameters = sum
		}
	}
	for _, inner := range t.Inside {
		count(f, inner, seen)
	}
}

// elements is how many a shape has, or 0 if it claims more than there can be.
func elements(shape []int64) int64 {
	n := int64(1)
	for _, d := range shape {
		var ok bool
		if n, ok = bounded.Mul(n, d); !ok {
			return 0
		}
	}
	return n
}

// readCard takes over what a file says of the model.
func readCard(c *bom.Card, p string, art *artifact.Artifact) error {
	if !bom.IsCard(p) && !bom.IsConfig(p) {
		return nil
	}
	text := make([]byte, min(art.Size(), bom.MaxConfig+1))
	if _, err := art.ReaderAt().ReadAt(text, 0); err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	if bom.IsCard(p) {
		c.ReadCard(text)
	} else {
		c.ReadConfig(text)
	}
	return nil
}
