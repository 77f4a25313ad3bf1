package model

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"slices"
	"strings"

	"github.com/andiron-dev/andiron/finding"
	"github.com/andiron-dev/andiron/internal/artifact"
	"github.com/andiron-dev/andiron/internal/bounded"
	"github.com/andiron-dev/andiron/internal/hf"
	"github.com/andiron-dev/andiron/internal/jinja"
	"github.com/andiron-dev/andiron/internal/rule"
	"github.com/andiron-dev/andiron/torchfile"
)

// LookFolder looks at what the files of one folder mean together: a Hugging Face
// model with the Python files and shards that its configuration names, and a
// distributed checkpoint. The files themselves are looked at one by one.
func LookFolder(ctx context.Context, files []artifact.Entry, open func(artifact.Entry) (*artifact.Artifact, error), opt Options, report func(finding.Finding)) error {
	f := folder{looker: newLooker(ctx, opt, report), files: map[string]artifact.Entry{}, open: open}
	for _, e := range files {
		f.files[path.Base(e.Path)] = e
	}
	for _, e := range files {
		if f.stop() {
			break
		}
		switch name := path.Base(e.Path); {
		case name == ".metadata":
			f.checkpoint(e)
		case isConfig(name):
			f.config(e)
		}
	}
	f.done()
	return f.err
}

// folder is one folder while it is looked at.
type folder struct {
	*looker

	files map[string]artifact.Entry // by base name
	open  func(artifact.Entry) (*artifact.Artifact, error)
}

// configs are the files that decide what loaders of Hugging Face models do.
var configs = []string{
	"config.json", "tokenizer_config.json", "adapter_config.json", "model_index.json", "preprocessor_config.json",
	"processor_config.json", "generation_config.json", "chat_template.json", "modules.json", "video_preprocessor_config.json",
	"feature_extractor_config.json", "image_processor_config.json", "scheduler_config.json",
}

func isConfig(name string) bool {
	if strings.HasPrefix(name, "config.") && strings.HasSuffix(name, ".json") {
		return true // configuration_files of transformers: config.4.0.0.json
	}
	return slices.Contains(configs, name) || strings.HasSuffix(name, ".index.json")
}

// config says which files of the folder a configuration makes a loader import,
// and which shards it names that are not there.
func (f *folder) config(e artifact.Entry) {
	a, err := f.open(e)
	if err != nil {
		return // the engine says so where it looks at the file itself
	}
	defer func() { _ = a.Close() }() // it was only read
	facts, err := hf.Read(a.ReaderAt(), a.Size(), hf.Limits{})
	if err != nil {
		return // the look at the file itself says so
	}
	seen := map[string]bool{}
	for _, ref := range slices.Concat(facts.AutoMap, facts.CustomPipelines) {
		code, ok := f.files[ref.File]
		if !ok || ref.Repo != "" || seen[ref.File] {
			continue
		}
		seen[ref.File] = true
		f.report(hfCode.Finding(finding.Where{Path: code.Path},
			"loading the model with trust_remote_code=True imports this file for "+ref.Class,
			fmt.Sprintf("%s names %q", finding.Where{Path: e.Path}.At(ref.Offset), ref.Ref)))
	}
	for _, ref := range facts.Files {
		if _, ok := f.files[ref.Path]; !ok && len(ref.Flaws) == 0 && !strings.Contains(ref.Path, "/") {
			f.report(hfMissing.Undetermined(finding.Where{Path: e.Path}.At(ref.Offset), fmt.Sprintf("the shard %q is not in the folder", ref.Path)))
		}
	}
}

// checkpoint reads a distributed checkpoint with its shards.
func (f *folder) checkpoint(e artifact.Entry) {
	a, err := f.open(e)
	if err != nil {
		return // the engine says so where it looks at the file itself
	}
	defer func() { _ = a.Close() }() // it was only read
	var shards []*artifact.Artifact
	defer func() {
		for _, s := range shards {
			_ = s.Close() // it was only read
		}
	}()
	dcp, err := torchfile.OpenDCP(a.ReaderAt(), a.Size(), func(rel string) (io.ReaderAt, int64, error) {
		shard, ok := f.files[rel]
		if !ok {
			return nil, 0, fmt.Errorf("%q: %w", rel, fs.ErrNotExist)
		}
		s, err := f.open(shard)
		if err != nil {
			return nil, 0, err
		}
		shards = append(shards, s)
		return s.ReaderAt(), s.Size(), nil
	}, torchfile.Options{Pickle: f.pickleLimits(), Scratch: f.space})
	if err != nil || dcp.NumStorages()+len(dcp.Nested) == 0 && len(shards) == 0 && !f.hasShards() {
		return // a file of this name that is none; it is looked at by itself
	}
	at := view{where: finding.Where{Path: e.Path}}
	for _, fact := range dcp.Facts {
		f.torchFact(at, fact)
	}
}

func (f *folder) hasShards() bool {
	for name := range f.files {
		if strings.HasSuffix(name, ".distcp") {
			return true
		}
	}
	return false
}

// json looks at a JSON file that configures the loading of a model.
func (l *looker) json(v view) (string, bool) {
	if !isConfig(path.Base(v.name)) {
		return "", false
	}
	facts, err := hf.Read(v.r, v.size, hf.Limits{})
	if err != nil {
		if !errors.Is(err, bounded.ErrLimit) && v.depth == 0 && !strings.HasSuffix(v.name, "tokenizer_config.json") && !strings.HasSuffix(v.name, ".index.json") {
			return "", false // a config.json may be anybody's
		}
		l.failed(hfBroken, v.where, err)
		return "hf-config", true
	}
	l.references(v, facts)
	for _, d := range facts.Duplicates {
		l.report(hfBroken.Undetermined(v.where.At(d.Offset), fmt.Sprintf("the key %s stands twice, and readers differ in which one they take", clip(d.Value))))
	}
	for _, t := range facts.Templates {
		name := t.Path
		if t.Name != "" {
			name = t.Name
		}
		l.template(v.where.At(t.Offset), name, t.Text)
	}
	return "hf-config", true
}

func (l *looker) references(v view, facts *hf.Facts) {
	for _, ref := range slices.Concat(facts.AutoMap, facts.CustomPipelines) {
		from := "a file beside the model"
		if ref.Repo != "" {
			from = fmt.Sprintf("the repository %q", ref.Repo)
		}
		r := hfRemoteCode
		if len(ref.Flaws) > 0 {
			r = hfPath
		}
		l.report(r.Finding(v.where.At(ref.Offset), fmt.Sprintf("%s makes a loader import %q from %s", ref.Path, ref.Ref, from)))
	}
	for _, s := range facts.TrustRemoteCode {
		if strings.EqualFold(s.Value, "true") {
			l.report(hfRemoteCode.Finding(v.where.At(s.Offset), s.Path+" asks the loader to run remote code"))
		}
	}
	for _, ref := range facts.Files {
		if len(ref.Flaws) > 0 {
			l.report(hfPath.Finding(v.where.At(ref.Offset), fmt.Sprintf("the index names the shard %q: %v", clip(ref.Path), ref.Flaws)))
		}
	}
}

// text looks at a chat template in a file of its own.
func (l *looker) text(v view) (string, bool) {
	if path.Ext(v.name) != ".jinja" && path.Ext(v.name) != ".jinja2" {
		return "", false
	}
	b, err := bounded.ReadRange(v.r, v.size, 0, v.size, mostText)
	if err != nil {
		l.failed(fmtLimit, v.where, err)
		return "chat-template", true
	}
	l.template(v.where, path.Base(v.name), string(b))
	return "chat-template", true
}

// template judges a chat template.
func (l *looker) template(where finding.Where, name, text string) {
	found, err := jinja.Judge(text, jinja.Limits{})
	if err != nil {
		l.failed(fmtLimit, where, fmt.Errorf("the template %q: %w", name, err))
	}
	if len(found) == 0 {
		return
	}
	var evidence []string
	for _, c := range found[:min(len(found), 20)] {
		evidence = append(evidence, fmt.Sprintf("%s %q in line %d of the template", c.Kind, c.Name, c.Line))
	}
	r := (*rule.Rule).Finding
	if !slices.ContainsFunc(found, func(c jinja.Construct) bool { return c.Kind != jinja.Syntax }) {
		r = (*rule.Rule).Undetermined // nothing but what does not parse
	}
	l.report(r(jinjaTemplate, where, fmt.Sprintf("the chat template %q uses what no plain template needs: %s %q", name, found[0].Kind, found[0].Name), evidence...))
}
