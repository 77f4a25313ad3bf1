package manifest

import (
	"iter"
	"slices"
	"strconv"
	"strings"

	"github.com/andiron-dev/andiron/internal/pep508"
)

// normalize gives a name as PEP 503 compares it.
func normalize(name string) string {
	for i := range len(name) {
		if c := name[i]; c-'a' > 25 && c-'0' > 9 && (c != '-' || i == 0 || name[i-1] == '-') {
			return pep508.Normalize(name)
		}
	}
	return name
}

// want gives a member that has to be of a kind; one that is of another is a
// problem, and as if it were not there.
func (r *reader) want(v value, k kind, what string) value {
	if v.there() && v.kind() != k {
		r.problem(v.line(), "%s is %s, not %s", what, v.kind().String(), k.String())
		return value{v.t, 0}
	}
	return v
}

// elements lists the elements of an array that have to be of a kind.
func (r *reader) elements(v value, k kind, what string) iter.Seq[value] {
	return func(yield func(value) bool) {
		for e := range r.want(v, array, what).each() {
			if e.kind() != k {
				r.problem(e.line(), "%s holds %s, not %s", what, e.kind().String(), k.String())
				continue
			}
			if r.full() || !yield(e) {
				return
			}
		}
	}
}

// tables lists the members of a table that are tables, with their names.
func (r *reader) tables(v value, what string) iter.Seq[value] {
	return func(yield func(value) bool) {
		for e := range r.want(v, table, what).each() {
			if e.kind() != table {
				r.problem(e.line(), "%s: %q is %s, not a table", what, e.key(), e.kind().String())
				continue
			}
			if r.full() || !yield(e) {
				return
			}
		}
	}
}

// texts gives the strings of an array.
func (r *reader) texts(v value, what string) (out []string) {
	for e := range r.elements(v, text, what) {
		out = append(out, e.text())
	}
	return out
}

// once drops what a list has before.
func once(list []string) []string {
	if len(list) > 32 {
		seen := make(map[string]bool, len(list))
		return slices.DeleteFunc(list, func(s string) bool {
			was := seen[s]
			seen[s] = true
			return was
		})
	}
	out := list[:0]
	for _, s := range list {
		if !slices.Contains(out, s) {
			out = append(out, s)
		}
	}
	return out
}

// strict gives a string, or says that it is none.
func (r *reader) strict(v value, what string) string {
	return r.want(v, text, what).text()
}

// lockedName sets the name and the version of an entry of a lock. False says that
// there is no name.
func (r *reader) lockedName(p *Package, v value, what string) bool {
	p.Line, p.Column = v.get("name").place()
	if p.Line == 0 {
		p.Line, p.Column = v.place()
	}
	p.Spelled = r.strict(v.get("name"), what+" name")
	if p.Spelled == "" {
		r.problem(v.line(), "%s has no name", what)
		return false
	}
	p.Name = normalize(p.Spelled)
	p.Version = r.strict(v.get("version"), what+" version")
	return true
}

// digest splits "sha256:…". What is no digest is the zero Hash.
func digest(s string) Hash {
	alg, d, _ := strings.Cut(s, ":")
	h, _ := hashOf(alg, d)
	return h
}

// hashOf makes a hash of what may be one.
func hashOf(alg, d string) (Hash, bool) {
	if alg == "" || len(alg) > 16 || !isHex(d) {
		return Hash{}, false
	}
	return Hash{lower(alg), lower(d)}, true
}

// lower is strings.ToLower, which has a copy made only where it is needed.
func lower(s string) string { return strings.ToLower(s) }

// file reads what a lock says of a file: a table with some of url, file, name,
// filename, path, hash, size and upload-time.
func (r *reader) artifact(v value) Artifact {
	var a Artifact
	for m := range v.each() {
		switch m.key() {
		case "url":
			a.URL, _ = address(r.strict(m, "the address of a file"))
		case "path":
			if a.URL == "" {
				a.URL = r.strict(m, "the path of a file")
			}
		case "file", "filename", "name":
			a.File = r.strict(m, "the name of a file")
		case "hash":
			a.Hash = digest(r.strict(m, "the hash of a file"))
			if a.Hash.Digest == "" {
				r.problem(m.line(), "%q is no hash of a file", m.scalar())
			}
		case "hashes":
			for h := range r.want(m, table, "hashes").each() {
				one, ok := hashOf(h.key(), r.strict(h, "a hash"))
				if !ok {
					r.problem(h.line(), "%q is no hash of a file", h.scalar())
				}
				if a.Hash = one; one.Algorithm == "sha256" {
					break
				}
			}
		case "size":
			a.Size, _ = strconv.ParseInt(m.scalar(), 10, 64)
		case "upload-time", "upload_time":
			a.Upload = m.scalar()
		}
	}
	if a.File == "" {
		a.File = fileOf(a.URL)
	}
	return a
}

// list adds a file to a package, and its hash.
func (p *Package) list(a Artifact) {
	p.Wheels = append(p.Wheels, a)
	if a.Hash.Digest != "" {
		p.Hashes = append(p.Hashes, a.Hash)
	}
}
