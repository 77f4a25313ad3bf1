package report

import (
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/andiron-dev/andiron/finding"
	"github.com/andiron-dev/andiron/internal/safetext"
)

const (
	maxMessage  = 600 // characters of a message that people are shown
	maxEvidence = 300 // and of a line of evidence
)

// brief is safe to show, and at most n characters long.
func brief(s string, n int) string {
	const enough = 16 // no spelled out character takes more bytes per byte than this
	if len(s) > n*enough {
		s = s[:n*enough]
	}
	s = safetext.Plain(s)
	if utf8.RuneCountInString(s) <= n {
		return s
	}
	return string([]rune(s)[:n]) + "…"
}

// place is where a finding is, as seen from an artifact: the path is left out
// where it is the artifact's own.
func place(w finding.Where, path string) string {
	if w.Path != path {
		return safetext.Plain(w.String())
	}
	w.Path = ""
	s := strings.TrimPrefix(w.String(), "!")
	return safetext.Plain(strings.TrimPrefix(s, ":"))
}

// size writes a number of bytes for people.
func size(n int64) string {
	const unit = 1024
	if n < unit {
		return strconv.FormatInt(n, 10) + " B"
	}
	f, names := float64(n), []string{"KiB", "MiB", "GiB", "TiB", "PiB", "EiB"}
	i := -1
	for f >= unit && i+1 < len(names) {
		f, i = f/unit, i+1
	}
	return strconv.FormatFloat(f, 'f', 1, 64) + " " + names[i]
}

// count writes "1 finding", "2 findings".
func count(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return strconv.Itoa(n) + " " + many
}

// percent encodes a path as a URI reference (RFC 3986): all but the unreserved
// characters and the slash, so that a colon cannot make a scheme of a file name.
func percent(path string) string {
	const unreserved = "-._~/"
	var b strings.Builder
	for i := range len(path) {
		c := path[i]
		if c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || strings.IndexByte(unreserved, c) >= 0 {
			b.WriteByte(c)
			continue
		}
		fmt.Fprintf(&b, "%%%02X", c)
	}
	return b.String()
}

// uri is the SARIF artifactLocation.uri of a path: relative as the user named
// it, or a file URI where it is absolute.
func uri(path string) string {
	for strings.HasPrefix(path, "./") {
		path = path[2:]
	}
	switch {
	case len(path) >= 3 && path[1] == ':' && path[2] == '/': // C:/models
		return "file:///" + path[:1] + ":" + percent(path[2:])
	case strings.HasPrefix(path, "//"): // a share: the host comes next
		return "file:" + percent(path)
	case strings.HasPrefix(path, "/"):
		return "file://" + percent(path)
	case path == "":
		return "."
	}
	return percent(path)
}
