package manifest

import (
	"errors"
	"io/fs"
	"path"
	"strings"

	"github.com/andiron-dev/andiron/internal/bounded"
	"github.com/andiron-dev/andiron/internal/pep508"
)

// ReadInstalled reads a *.dist-info folder, of which open gives the files by name:
// METADATA, RECORD, INSTALLER and direct_url.json. A file that is not there is an
// error that wraps fs.ErrNotExist. Distributions of an operating system leave RECORD
// out, and the package then has none.
//
// The specification of recording installed projects (PEP 376, 627, 610, 770) and
// of core metadata 2.5.
func ReadInstalled(dir string, open func(name string) ([]byte, error), lim Limits) (*File, error) {
	r := &reader{file: File{Kind: Installed, Path: dir}, lim: lim.withDefaults()}
	b, err := r.open(open, "METADATA")
	if err != nil {
		return nil, &SyntaxError{path.Join(dir, "METADATA"), 0, err}
	}
	var p Package
	r.metadata(string(b), &p)
	if p.Name == "" {
		return nil, &SyntaxError{path.Join(dir, "METADATA"), 0, errors.New("it names no package")}
	}
	if b := r.optional(open, "INSTALLER"); b != nil {
		r.file.Tool = strings.TrimSpace(clip(string(b)))
	}
	if b := r.optional(open, "direct_url.json"); b != nil {
		r.directURL(b, &p)
	}
	if b := r.optional(open, "RECORD"); b != nil {
		r.record(string(b), &p)
	}
	r.add(p)
	f, err := r.done()
	if err != nil {
		return nil, &SyntaxError{dir, 0, err}
	}
	return f, nil
}

func (r *reader) open(open func(string) ([]byte, error), name string) ([]byte, error) {
	b, err := open(name)
	if err == nil && int64(len(b)) > r.lim.Bytes {
		err = bounded.Exceeded("bytes of a file", r.lim.Bytes)
	}
	return b, err
}

// optional opens a file that need not be there; another failure is a problem.
func (r *reader) optional(open func(string) ([]byte, error), name string) []byte {
	b, err := r.open(open, name)
	if err != nil {
		if !errors.Is(err, fs.ErrNotExist) {
			r.problem(0, "%s cannot be read: %s", name, err.Error())
		}
		return nil
	}
	if b == nil {
		b = []byte{}
	}
	return b
}

// metadata reads the headers.
func (r *reader) metadata(s string, p *Package) {
	for n, line := range lines(s) {
		if line == "" || !r.checkLine(n, len(line)) {
			return // the description follows
		}
		key, v, ok := strings.Cut(line, ":")
		v = strings.TrimSpace(v)
		if !ok || line[0] == ' ' || line[0] == '\t' {
			continue // of the header before
		}
		switch strings.ToLower(key) {
		case "name":
			if p.Name == "" {
				p.Spelled, p.Name, p.Line, p.Column = v, normalize(v), n, 1
			}
		case "version":
			if p.Version == "" {
				p.Version = v
			}
		case "requires-python":
			r.file.Python = v
		case "requires-dist":
			r.requiresDist(v, n, p)
		}
	}
}

// requiresDist adds what a package needs without extras.
func (r *reader) requiresDist(v string, n int, p *Package) {
	req, err := pep508.Parse(v)
	if err != nil {
		r.problem(n, "Requires-Dist: %q is no requirement: %s", v, err.Error())
		return
	}
	if req.Marker == nil || len(req.Marker.Extra()) == 0 {
		p.Requires = append(p.Requires, req.Name)
	}
}

// directURL reads where a package came from that no index gave (PEP 610).
func (r *reader) directURL(b []byte, p *Package) {
	t, err := r.parseJSON(b)
	if err != nil {
		r.problem(0, "direct_url.json: %s", err.Error())
		return
	}
	root := t.root()
	clean, secret := address(r.strict(root.get("url"), "direct_url.json: url"))
	p.Source = Source{URL: clean, Secret: secret, Subdir: root.get("subdirectory").text(), Type: AtURL}
	vcs, dir, archive := root.get("vcs_info"), root.get("dir_info"), root.get("archive_info")
	switch {
	case vcs.there():
		p.Source.Type, p.Source.Reference = VCS, vcs.get("requested_revision").text()
		if c := vcs.get("commit_id").text(); isCommit(c) {
			p.Source.Commit = lower(c)
		}
	case dir.there():
		p.Source.Type = Path
		if dir.get("editable").truth() {
			p.Source.Type = Editable
		}
	case strings.HasPrefix(clean, "file:"):
		p.Source.Type = Path
	}
	for h := range archive.get("hashes").each() {
		if one, ok := hashOf(h.key(), h.text()); ok {
			p.Hashes = append(p.Hashes, one)
		}
	}
	alg, d, _ := strings.Cut(archive.get("hash").text(), "=")
	if h, ok := hashOf(alg, d); ok && len(p.Hashes) == 0 {
		p.Hashes = append(p.Hashes, h)
	}
}

// maxLibraries is how many bundled libraries of a package are named.
const maxLibraries = 1000

// record reads which files were installed: path,hash,size, the path quoted where
// it has to be.
func (r *reader) record(s string, p *Package) {
	p.Record = &Record{}
	for n, line := range lines(s) {
		if !r.checkLine(n, len(line)) {
			return
		}
		if line == "" {
			continue
		}
		name := recordPath(line)
		p.Record.Files++
		switch {
		case strings.Contains(name, ".dist-info/sboms/"):
			if len(p.Bundled) < maxLibraries {
				p.Bundled = append(p.Bundled, name)
			}
		case isLibrary(name):
			if p.Record.Libraries = append(p.Record.Libraries, name); len(p.Record.Libraries) > maxLibraries {
				p.Record.Libraries = p.Record.Libraries[:maxLibraries]
			}
		}
	}
}

func recordPath(line string) string {
	if line[0] != '"' {
		name, _, _ := strings.Cut(line, ",")
		return name
	}
	end := strings.Index(line[1:], `",`)
	if end < 0 {
		return strings.Trim(line, `"`)
	}
	return strings.ReplaceAll(line[1:end+1], `""`, `"`)
}

// isLibrary reports a native library that was made elsewhere: in a folder of
// auditwheel, delocate or delvewheel, or with a version in its name, which a linker
// asks for and extension modules do not have. libX.so alone is mostly the package's own.
func isLibrary(name string) bool {
	if strings.Contains(name, ".libs/") || strings.Contains(name, ".dylibs/") {
		return true
	}
	base := path.Base(name)
	return strings.HasPrefix(base, "lib") && (strings.Contains(base, ".so.") || strings.HasSuffix(base, ".dylib"))
}
