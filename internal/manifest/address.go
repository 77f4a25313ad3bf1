package manifest

import (
	"net/url"
	"strings"
)

// hostOf is the host of a URL with its port, or what is no URL as it is.
func hostOf(s string) string {
	if u, err := url.Parse(s); err == nil && u.Host != "" {
		return u.Host
	}
	return s
}

// address takes the credentials out of a URL that may have variables in it.
// Secret says that there were some; a user name of SSH is none, and neither is a
// variable, which the file does not tell.
func address(s string) (clean string, secret bool) {
	from, to, ok := userinfo(s)
	if !ok {
		return s, false
	}
	info := s[from:to]
	scheme := strings.ToLower(s[:from-len("://")])
	if strings.HasSuffix(scheme, "ssh") && !strings.Contains(info, ":") {
		return s, false
	}
	user, password, both := strings.Cut(info, ":")
	if !both {
		password = user // a token, which stands alone
	}
	return s[:from] + s[to+1:], !blank(password)
}

// blank reports that a part of the credentials is empty, or one variable.
func blank(s string) bool {
	name, ok := strings.CutPrefix(s, "$")
	if !ok {
		return s == ""
	}
	if inner, braced := strings.CutPrefix(name, "{"); braced {
		if name, ok = strings.CutSuffix(inner, "}"); !ok {
			return false
		}
	}
	return !strings.ContainsAny(name, "${}%:@")
}

// userinfo gives where the user and the password stand: between :// and the last
// @ before the path.
func userinfo(s string) (from, to int, ok bool) {
	i := strings.Index(s, "://")
	if i < 0 {
		return 0, 0, false
	}
	from = i + len("://")
	end := strings.IndexAny(s[from:], "/?#")
	if end < 0 {
		end = len(s) - from
	}
	at := strings.LastIndexByte(s[from:from+end], '@')
	if at < 0 {
		return 0, 0, false
	}
	return from, from + at, true
}

// hasScheme reports that a string begins like a URL. One letter and a colon are a
// drive of Windows.
func hasScheme(s string) bool {
	for i := range len(s) {
		c := s[i]
		switch letter := c|0x20 >= 'a' && c|0x20 <= 'z'; {
		case letter:
		case c == ':':
			return i > 1 && (strings.HasPrefix(s[i:], "://") || strings.EqualFold(s[:i], "file"))
		case i == 0 || c-'0' > 9 && c != '+' && c != '.' && c != '-':
			return false
		}
	}
	return false
}

// vcsOf splits git+https://… into its parts.
func vcsOf(s string) (rest string, ok bool) {
	if !strings.Contains(s[:min(len(s), 4)], "+") {
		return s, false
	}
	for _, v := range [...]string{"git+", "hg+", "svn+", "bzr+"} {
		if len(s) > len(v) && strings.EqualFold(s[:len(v)], v) {
			return s[len(v):], true
		}
	}
	return s, false
}

// isCommit reports a commit of Git or Mercurial by its length and digits.
func isCommit(s string) bool {
	if len(s) != 40 && len(s) != 64 {
		return false
	}
	return isHex(s)
}

func isHex(s string) bool {
	for _, c := range []byte(s) {
		if c-'0' > 9 && c|0x20 < 'a' || c|0x20 > 'f' {
			return false
		}
	}
	return s != ""
}

// place is what the address of a requirement says besides where it leads.
type link struct {
	source Source
	hashes []Hash
	egg    string // of #egg=name[extras]
	file   string // the last part of the path, decoded
}

// linkOf reads the address of a requirement: a URL, or a path.
func linkOf(s string) link {
	rest, frag, _ := strings.Cut(s, "#")
	var l link
	for pair := range strings.SplitSeq(frag, "&") {
		name, v, _ := strings.Cut(pair, "=")
		v = unescape(v)
		switch name {
		case "egg":
			l.egg = v
		case "subdirectory":
			l.source.Subdir = v
		case "sha256", "sha384", "sha512", "sha224", "sha1", "md5":
			if h, ok := hashOf(name, v); ok {
				l.hashes = append(l.hashes, h)
			}
		}
	}
	plain, isVCS := vcsOf(rest)
	switch {
	case isVCS:
		l.source.Type = VCS
		plain, l.source.Reference = revision(plain)
		if isCommit(l.source.Reference) {
			l.source.Commit = strings.ToLower(l.source.Reference)
		}
		rest = plain
	case strings.HasPrefix(strings.ToLower(rest), "file:"), !hasScheme(rest):
		l.source.Type = Path
	default:
		l.source.Type = AtURL
	}
	l.source.URL, l.source.Secret = address(rest)
	l.file = fileOf(rest)
	return l
}

// revision splits the revision off: what follows an @ of the path.
func revision(s string) (rest, rev string) {
	from := 0
	if i := strings.Index(s, "://"); i >= 0 {
		from = i + 3
	}
	if slash := strings.IndexByte(s[from:], '/'); slash >= 0 {
		from += slash
		if at := strings.LastIndexByte(s[from:], '@'); at >= 0 {
			return s[:from+at], s[from+at+1:]
		}
	}
	return s, ""
}

// fileOf is the last part of the path of a URL.
func fileOf(s string) string {
	s, _, _ = strings.Cut(s, "#")
	s, _, _ = strings.Cut(s, "?")
	return unescape(s[strings.LastIndexAny(s, `/\`)+1:])
}

func unescape(s string) string {
	if !strings.Contains(s, "%") {
		return s
	}
	if u, err := url.PathUnescape(s); err == nil {
		return u
	}
	return s
}

// archives are the endings of what pip installs from a file.
var archives = [...]string{".whl", ".tar.gz", ".zip", ".tgz", ".tar", ".tar.bz2", ".tbz", ".tar.xz", ".txz", ".tlz", ".tar.lz", ".tar.lzma"}

func isArchive(file string) bool {
	_, ok := archiveStem(file)
	return ok
}

func archiveStem(file string) (string, bool) {
	if !strings.Contains(file[:max(len(file)-1, 0)], ".") || strings.IndexByte("lpzrP2aZLRA", file[len(file)-1]) < 0 {
		return file, false
	}
	for _, a := range archives {
		if len(file) > len(a) && strings.EqualFold(file[len(file)-len(a):], a) {
			return file[:len(file)-len(a)], true
		}
	}
	return file, false
}

// distribution gives the name and the version that the name of a wheel or a
// source archive tells; both are empty where it tells none.
func distribution(file string) (name, version string) {
	stem, ok := archiveStem(file)
	if !ok {
		return "", ""
	}
	if strings.HasSuffix(strings.ToLower(file), ".whl") {
		parts := strings.Split(stem, "-")
		if len(parts) != 5 && len(parts) != 6 {
			return "", ""
		}
		return parts[0], strings.ReplaceAll(parts[1], "_", "-")
	}
	for i := len(stem) - 2; i > 0; i-- {
		if stem[i] == '-' && stem[i+1] >= '0' && stem[i+1] <= '9' {
			return stem[:i], stem[i+1:]
		}
	}
	return "", ""
}
