package manifest

import (
	"strings"
)

// readCondaExplicit reads what conda list --explicit and conda-lock --kind explicit
// write: the address of every package, in order, and what pip installs as comments.
//
// conda 25 misc.py (explicit, url_pat); conda-lock 3 lookup of "# pip ".
func (r *reader) readCondaExplicit(src []byte) error {
	if err := checkLines(src, r.lim); err != nil {
		return err
	}
	s, note, err := decode(src)
	if err != nil {
		return err
	}
	if note != "" {
		r.problem(1, "%s", note)
	}
	r.file.Tool = "conda"
	for n, line := range lines(s) {
		if !r.checkLine(n, len(line)) {
			return nil
		}
		p := Package{Line: n, Column: indent(line)}
		switch line = strings.TrimSpace(line); {
		case strings.HasPrefix(line, "# pip "):
			p.Column += len("# pip ")
			if pip := strings.TrimSpace(line[len("# pip "):]); pip != "" {
				r.requirementLine(pip, p)
			}
		case line == "", line[0] == '#', line == explicitMark:
		default:
			r.explicit(line, p)
		}
	}
	return nil
}

const explicitMark = "@EXPLICIT"

// isExplicit reports a text of which the first line that is no comment is the mark.
func isExplicit(head []byte) bool {
	s, _, err := decode(head)
	if err != nil {
		return false
	}
	for _, line := range lines(s) {
		if line = strings.TrimSpace(line); line != "" && line[0] != '#' {
			return line == explicitMark
		}
	}
	return false
}

// explicit reads channel/linux-64/name-version-build.conda#digest.
func (r *reader) explicit(line string, p Package) {
	addr, digest, _ := strings.Cut(line, "#")
	l := linkOf(strings.TrimSpace(addr))
	p.Spelled, p.Version = condaFile(l.file)
	if p.Spelled == "" || p.Version == "" || !strings.HasSuffix(l.file, ".conda") && !strings.HasSuffix(l.file, ".tar.bz2") {
		r.problem(p.Line, "%q is no address of a package of conda", line)
		return
	}
	p.Name = strings.ToLower(p.Spelled)
	p.Source = Source{Type: Conda, URL: channelOf(l.source.URL), Secret: l.source.Secret}
	_, p.Platform = cutSubdir(strings.TrimSuffix(l.source.URL, "/"+l.file))
	a := Artifact{File: l.file, URL: l.source.URL}
	if digest = strings.TrimSpace(digest); digest != "" {
		algorithm, hex, ok := strings.Cut(digest, ":")
		if !ok {
			algorithm, hex = map[int]string{32: "md5", 64: "sha256"}[len(digest)], digest
		}
		h, ok := hashOf(algorithm, hex)
		if !ok {
			r.problem(p.Line, "%q is no hash", digest)
		} else if p.Hashes = append(p.Hashes, h); h.Algorithm != "md5" {
			a.Hash = h
		}
	}
	p.Wheels = []Artifact{a}
	r.add(p)
}
