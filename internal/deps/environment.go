package deps

import (
	"bytes"
	"compress/gzip"
	"errors"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/andiron-dev/andiron/internal/artifact"
	"github.com/andiron-dev/andiron/internal/bounded"
	"github.com/andiron-dev/andiron/internal/manifest"
	"github.com/andiron-dev/andiron/internal/osfile"
)

// environment reads the packages that are installed in a folder, if it is a virtual
// environment, one of conda, or a folder of packages. It looks at what installers
// wrote down, not at the packages' own files.
func (c *collector) environment(dir string) bool {
	found := c.inherits(filepath.Join(dir, "pyvenv.cfg"))
	for _, site := range sites(dir) {
		list, err := os.ReadDir(site)
		if err != nil {
			c.unread(filepath.ToSlash(site), 0, "the folder cannot be listed: %v", osfile.Cause(err))
			continue
		}
		for _, e := range list {
			full := filepath.Join(site, e.Name())
			switch {
			case c.ctx.Err() != nil:
				return true
			case e.IsDir() && strings.HasSuffix(e.Name(), ".dist-info"):
				found = true
				c.installed(full, filepath.ToSlash(full))
			case strings.HasSuffix(e.Name(), ".egg-info"):
				found = true
				c.egg(full, filepath.ToSlash(full), e.IsDir())
			case strings.HasSuffix(e.Name(), ".egg-link"), strings.HasSuffix(e.Name(), ".egg"):
				found = true
				c.unread(filepath.ToSlash(full), 0, "what was installed as an egg of its own is not read")
			}
		}
	}
	if list, err := filepath.Glob(filepath.Join(osfile.Literal(dir), "conda-meta", "*.json")); err == nil {
		for _, full := range list {
			found = true
			if err := c.file(full, filepath.ToSlash(full), false); err != nil {
				c.unread(filepath.ToSlash(full), 0, "%v", err)
			}
		}
	}
	return found
}

// inherits notes that a virtual environment has the packages of the system as well,
// which lie elsewhere.
func (c *collector) inherits(config string) bool {
	const most = 64 << 10
	f, err := os.Open(config) //nolint:gosec // in the folder that the user names
	if err != nil {
		return false
	}
	b, err := bounded.ReadAll(f, most)
	_ = f.Close() // it was only read
	if err != nil {
		c.unread(filepath.ToSlash(config), 0, "%v", err)
		return true
	}
	n := 0
	for line := range strings.Lines(string(b)) { // lib/site.py: names in any case, the last one counts
		n++
		key, value, _ := strings.Cut(line, "=")
		if strings.EqualFold(strings.TrimSpace(key), "include-system-site-packages") && strings.EqualFold(strings.TrimSpace(value), "true") {
			c.unread(filepath.ToSlash(config), n, "the packages of the system count in this environment as well, and were not read: name their folder, too")
			return true
		}
	}
	return false
}

// sites are the folders with packages of an environment.
func sites(dir string) []string {
	var out []string
	for _, p := range []string{"lib/python*/site-packages", "lib64/python*/site-packages", "Lib/site-packages", "local/lib/python*/dist-packages", "lib/python*/dist-packages"} {
		list, err := filepath.Glob(filepath.Join(osfile.Literal(dir), filepath.FromSlash(p)))
		if err == nil {
			out = append(out, list...)
		}
	}
	if packages(filepath.ToSlash(dir)) {
		out = append(out, dir)
	} else if list, err := filepath.Glob(filepath.Join(osfile.Literal(dir), "*.dist-info")); err == nil && len(list) > 0 {
		out = append(out, dir)
	}
	return distinct(out)
}

// distinct leaves out the folders that are another one by way of a link, as lib64 is.
func distinct(dirs []string) (out []string) {
	var seen []fs.FileInfo
	for _, d := range dirs {
		info, err := os.Stat(d)
		if err != nil || slices.ContainsFunc(seen, func(s fs.FileInfo) bool { return os.SameFile(s, info) }) {
			continue
		}
		seen, out = append(seen, info), append(out, d)
	}
	return out
}

// installed reads one *.dist-info folder.
func (c *collector) installed(dir, shown string) {
	if _, done := c.files[shown]; done {
		return
	}
	c.files[shown] = nil
	if len(c.files) > mostFiles {
		c.unread(shown, 0, "more than %d files and packages", mostFiles)
		return
	}
	c.metadata(shown, func(name string) string { return filepath.Join(dir, name) })
	c.changelog(dir, shown)
}

// egg reads what setuptools and distributions write instead of a *.dist-info folder: a
// folder with the same headers in PKG-INFO, or that file alone.
func (c *collector) egg(full, shown string, folder bool) {
	if _, done := c.files[shown]; done {
		return
	}
	c.files[shown] = nil
	c.metadata(shown, func(name string) string {
		switch {
		case name == "METADATA" && folder:
			return filepath.Join(full, "PKG-INFO")
		case name == "METADATA":
			return full
		}
		return "" // it has none of the others
	})
	c.changelog(full, shown)
}

// mostChangelog bounds the changelog of a package once it is unpacked.
const mostChangelog = 16 << 20

// changelog adds to torch what the changelog of the distribution names that installed
// it: PREFIX/lib/python3/dist-packages/torch-… has it in PREFIX/share/doc. Containers
// often leave it out.
func (c *collector) changelog(dir, shown string) {
	f := c.files[shown]
	prefix := filepath.Join(dir, "..", "..", "..", "..")
	if f == nil || len(f.Packages) != 1 || f.Packages[0].Name != "torch" || path.Base(path.Dir(shown)) != "dist-packages" {
		return
	}
	name := filepath.Join(prefix, "share", "doc", "python3-torch", "changelog.Debian.gz")
	b, err := small(name)
	if err != nil {
		return // there is none, and what the distribution repaired cannot be told
	}
	z, err := gzip.NewReader(bytes.NewReader(b))
	if err != nil {
		c.unread(filepath.ToSlash(name), 0, "%v", err)
		return
	}
	text, err := bounded.ReadAll(z, mostChangelog)
	if err != nil {
		c.unread(filepath.ToSlash(name), 0, "%v", err)
		return
	}
	c.input(filepath.ToSlash(name), b)
	f.Packages[0].Repairs = manifest.Changelog(text)
}

// metadata reads an installed package; file says where each of its files is.
func (c *collector) metadata(shown string, file func(name string) string) {
	f, err := manifest.ReadInstalled(shown, func(name string) ([]byte, error) {
		at := file(name)
		if at == "" {
			return nil, fs.ErrNotExist
		}
		b, err := small(at)
		if err == nil && (name == "METADATA" || name == "RECORD" || name == "direct_url.json") {
			c.input(path.Join(shown, name), b)
		}
		return b, err
	}, manifest.Limits{})
	if bad, ok := errors.AsType[*manifest.SyntaxError](err); ok {
		c.unread(bad.Path, bad.Line, "%s", unnamed(bad.Err, bad.Path))
		return
	}
	if err != nil {
		c.unread(shown, 0, "%v", err)
		return
	}
	c.files[shown] = f
}

// small reads a regular file.
func small(name string) ([]byte, error) {
	a, err := artifact.Open(name, name)
	if err != nil {
		return nil, err
	}
	b, err := bounded.ReadRange(a.ReaderAt(), a.Size(), 0, a.Size(), mostBytes)
	return b, errors.Join(err, a.Close())
}
