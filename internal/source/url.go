package source

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// maxURL is the longest address that is read, in bytes.
const maxURL = 4096

// Canonical gives the one spelling of an address that rules are compared with.
// An address that could be read in two ways is refused: there are no credentials,
// no query, no fragment, no escapes and no dot segments.
func Canonical(raw string) (string, error) {
	if len(raw) > maxURL {
		return "", fmt.Errorf("address of %d bytes: more than the limit of %d", len(raw), maxURL)
	}
	const scheme = "https://"
	if len(raw) < len(scheme) || !strings.EqualFold(raw[:len(scheme)], scheme) {
		return "", fmt.Errorf("address %q does not begin with https://", raw)
	}
	authority, path, _ := strings.Cut(raw[len(scheme):], "/")
	host, err := canonicalHost(authority)
	if err != nil {
		return "", fmt.Errorf("address %q: %w", raw, err)
	}
	if err := checkPath(path); err != nil {
		return "", fmt.Errorf("address %q: %w", raw, err)
	}
	return scheme + host + "/" + path, nil
}

func canonicalHost(authority string) (string, error) {
	host, port, hasPort := strings.Cut(strings.ToLower(authority), ":")
	if strings.Contains(host, "@") || strings.Contains(port, "@") {
		return "", errors.New("there are credentials before the host")
	}
	for label := range strings.SplitSeq(host, ".") {
		if label == "" || strings.Trim(label, "abcdefghijklmnopqrstuvwxyz0123456789-") != "" || label[0] == '-' {
			return "", fmt.Errorf("host %q is not a name of letters, digits, hyphens and dots", host)
		}
	}
	if !hasPort || port == "443" {
		return host, nil
	}
	n, err := strconv.ParseUint(port, 10, 16)
	if err != nil || n == 0 || port != strconv.FormatUint(n, 10) {
		return "", fmt.Errorf("port %q is not a number from 1 to 65535", port)
	}
	return host + ":" + port, nil
}

// checkPath refuses what servers and clients read differently.
func checkPath(path string) error {
	for i := range len(path) {
		switch c := path[i]; {
		case c == '%':
			return errors.New("%-escapes are not accepted, because they can hide a path")
		case c == '?' || c == '#':
			return errors.New("a query or fragment is not accepted: name the file alone")
		case c <= ' ' || c >= 0x7f || strings.IndexByte("\\\"<>^`{|}", c) >= 0:
			return fmt.Errorf("the path holds the character %q", c)
		}
	}
	segments := strings.Split(path, "/")
	for i, s := range segments {
		if s == "." || s == ".." || s == "" && i < len(segments)-1 {
			return errors.New("the path has a segment that is empty, \".\" or \"..\"")
		}
	}
	return nil
}

// Pinned reports whether a canonical address names a file at one commit: what
// lies there cannot be moved like a branch. Where the host's form is known, the
// commit has to stand where that host reads it.
func Pinned(canonical string) bool {
	host, path, _ := strings.Cut(strings.TrimPrefix(canonical, "https://"), "/")
	segments := strings.Split(path, "/")
	if last := segments[len(segments)-1]; last == "" {
		return false // a folder
	}
	segments = segments[:len(segments)-1]
	if host == "raw.githubusercontent.com" { // owner/repo/commit/file
		return len(segments) > 2 && isCommit(segments[2])
	}
	for i, s := range segments {
		if s == "resolve" || s == "raw" || s == "blob" { // hub and forge: …/resolve/commit/file
			return i+1 < len(segments) && isCommit(segments[i+1])
		}
	}
	return slices.ContainsFunc(segments, isCommit)
}

func isCommit(s string) bool { return len(s) == 40 && strings.Trim(s, "0123456789abcdef") == "" }

// covers reports whether a rule's address stands for a file's: it is the same, or
// ends with a slash and is what the file's begins with.
func covers(rule, file string) bool {
	return rule == file || strings.HasSuffix(rule, "/") && strings.HasPrefix(file, rule)
}

// HubURL gives the address of a file in a Hugging Face cache, whose layout says
// where it came from: models--org--name/snapshots/commit/file. dir is the part of
// the path before that, where the cache lies.
func HubURL(path string) (url, dir string, ok bool) {
	parts := strings.Split(path, "/")
	for i, p := range parts {
		repo, found := strings.CutPrefix(p, "models--")
		if !found || i+3 >= len(parts) || parts[i+1] != "snapshots" || !isCommit(parts[i+2]) {
			continue
		}
		// A repository has a name, or an owner and a name; neither may hold "--".
		name := strings.Split(repo, "--")
		if len(name) > 2 {
			return "", "", false
		}
		url, err := Canonical("https://huggingface.co/" + strings.Join(name, "/") + "/resolve/" + strings.Join(parts[i+2:], "/"))
		if err != nil || !Pinned(url) {
			return "", "", false
		}
		return url, strings.Join(parts[:i], "/"), true
	}
	return "", "", false
}
