package engine

import (
	"context"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/andiron-dev/andiron/internal/artifact"
	"github.com/andiron-dev/andiron/internal/bounded"
	"github.com/andiron-dev/andiron/internal/code"
	"github.com/andiron-dev/andiron/internal/deps"
	"github.com/andiron-dev/andiron/internal/manifest"
)

// ranges say which torch the code of a project runs with, by folder: each file goes by
// the next folder above it of which something states a range.
type ranges struct {
	root string
	by   map[string]code.Torch
}

// statedIn are folders of which what they state is about the one that they are in.
var statedIn = []string{"requirements", "requirement", "reqs", "deps", "dependencies", "conda", "env", "envs", "environments", "docker", "deploy", "container", ".devcontainer", ".docker"}

// torchRanges reads what a project states about torch, in every form of file that names
// dependencies. What cannot be read states nothing here; andiron deps scan reports it.
func torchRanges(ctx context.Context, dir string) *ranges {
	r := &ranges{root: filepath.ToSlash(filepath.Clean(dir)), by: map[string]code.Torch{}}
	files := manifests(ctx, dir)
	project, err := deps.Collect(ctx, dir, files)
	if err != nil {
		return r
	}
	setup := path.Join(r.root, "setup.py")
	inWords := slices.Contains(files, setup)
	for _, u := range project.TorchUses() {
		inWords = inWords && u.Where.Path != setup
		at := path.Dir(u.Where.Path)
		for at != r.root && slices.Contains(statedIn, strings.ToLower(path.Base(at))) {
			at = path.Dir(at)
		}
		r.by[at] = r.by[at].Allow(u.Version, u.Specifier, u.Where.Path)
	}
	if inWords {
		r.by[r.root] = r.by[r.root].Sentence(setup, readText(setup, 64<<10))
	}
	return r
}

// manifests are the files of a project that name dependencies, apart from those that
// only their content shows to, and from notebooks: what one of them installs is no torch
// that the project runs with.
func manifests(ctx context.Context, dir string) (files []string) {
	for e, err := range artifact.Walk(ctx, dir, artifact.WalkOptions{}) {
		if err != nil || e.Dir || e.Note != "" || len(files) >= mostManifests {
			continue
		}
		kind, ok := manifest.Identify(e.Path, nil)
		if ext := path.Ext(e.Path); !ok && (ext == ".yml" || ext == ".yaml") && strings.Contains(path.Base(e.Path)+path.Base(path.Dir(e.Path)), "env") {
			kind, ok = manifest.Identify(e.Path, []byte(readText(e.Abs, 4<<10)))
		}
		if ok && kind != manifest.Installed && kind != manifest.CondaInstalled && kind != manifest.Notebook && !link(e.Abs) {
			files = append(files, e.Path)
		}
	}
	return files
}

// mostManifests is how many files of a project are asked about torch.
const mostManifests = 1_000

// link reports a link to a file, which may lie anywhere.
func link(name string) bool {
	info, err := os.Lstat(name)
	return err != nil || info.Mode()&fs.ModeSymlink != 0
}

// readText is what a file begins with; one that cannot be read says nothing.
func readText(name string, most int64) string {
	a, err := artifact.Open(filepath.FromSlash(name), name)
	if err != nil {
		return ""
	}
	defer func() { _ = a.Close() }() // it was only read
	b, err := bounded.ReadRange(a.ReaderAt(), a.Size(), 0, min(a.Size(), most), most)
	if err != nil {
		return ""
	}
	return string(b)
}

// of is what is known of the torch that the code in a file runs with.
func (r *ranges) of(name string) code.Torch {
	if r == nil {
		return code.Torch{}
	}
	for dir := path.Dir(name); ; dir = path.Dir(dir) {
		if t := r.by[dir]; t.Known() {
			return t
		}
		if dir == r.root || dir == "." || dir == "/" {
			return r.by[r.root]
		}
	}
}
