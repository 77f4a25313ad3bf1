// Package pyindex reads the page that a package index has of one project, as HTML
// or as JSON, and the file names of wheels and source distributions.
//
// # Security
//
// This package is made for hostile input: it never panics, follows nothing, and
// its memory is proportional to the page. An entry that cannot be read is a
// Problem, not left out without a word. An address is kept with what it was
// resolved to; whether to go there is for others to judge.
//
// # Limits
//
// Limits bounds the page, the entries and their attributes. Exceeding one is an
// error that wraps bounded.ErrLimit.
//
// # Specification
//
// Simple repository API 1.4: PEP 503 and 691 (pages), 592 (yanked), 658 and 714
// (metadata beside the file), 700 (size and time of upload), 708 (tracks and
// alternate locations), 740 (provenance), 792 (status). File names: PEP 427, 425
// (sets of tags), 625. HTML as golang.org/x/net/html splits it into tokens; where
// an attribute is given twice the first one counts, as the HTML standard says.
package pyindex

import (
	"cmp"
	"errors"
	"fmt"
	"mime"
	"net/url"
	"slices"
	"strings"

	"github.com/andiron-dev/andiron/internal/bounded"
	"github.com/andiron-dev/andiron/internal/manifest"
)

// Accept is the header that asks for a page, JSON first.
const Accept = "application/vnd.pypi.simple.v1+json, application/vnd.pypi.simple.v1+html;q=0.2, text/html;q=0.01"

// Limits bounds what Read does. Zero fields have defaults.
type Limits struct {
	Bytes    int64 // 64 MiB
	Files    int   // 200,000
	Problems int   // 100 are kept, the rest is counted
}

func (l Limits) withDefaults() Limits {
	l.Bytes = cmp.Or(l.Bytes, 64<<20)
	l.Files = cmp.Or(l.Files, 200_000)
	l.Problems = cmp.Or(l.Problems, 100)
	return l
}

// Page is what an index says of a project.
type Page struct {
	API        string // version of the interface, "1.4"
	Name       string // of the project, as written; HTML has none
	Status     string // "active", "archived", "quarantined", "deprecated"; "" is active
	Reason     string // for the status
	Tracks     []string
	Alternates []string // where else the project is
	Versions   []string
	Files      []File
	Problems   []string // entries that could not be read, each a sentence
	More       int      // problems beyond the limit
}

// File is one file of the project.
type File struct {
	Name           string // the last part of its address
	URL            string // resolved, without fragment
	Hashes         []manifest.Hash
	RequiresPython string // a specifier, as written
	Yanked         bool
	YankedReason   string
	Metadata       bool // METADATA lies beside the file, at URL + ".metadata"
	MetadataHashes []manifest.Hash
	Size           int64  // 0 where the index does not say
	Upload         string // RFC 3339, as written; "" where the index does not say
	Provenance     string // address of attestations
}

// SHA256 is the digest that the index says the file has, or "".
func (f *File) SHA256() string { return sha256Of(f.Hashes) }

// MetadataSHA256 is the same of the metadata beside it.
func (f *File) MetadataSHA256() string { return sha256Of(f.MetadataHashes) }

func sha256Of(list []manifest.Hash) string {
	for _, h := range list {
		if h.Algorithm == "sha256" {
			return h.Digest
		}
	}
	return ""
}

// ErrType says that a page is neither HTML nor JSON.
var ErrType = errors.New("neither HTML nor JSON of a package index")

// Read reads the page that was got from base with a content type.
func Read(contentType string, b []byte, base string, lim Limits) (*Page, error) {
	lim = lim.withDefaults()
	if int64(len(b)) > lim.Bytes {
		return nil, fmt.Errorf("pyindex: %w", bounded.Exceeded("bytes of a page", lim.Bytes))
	}
	from, err := url.Parse(base)
	if err != nil {
		return nil, errors.New("pyindex: the address of the page cannot be taken apart")
	}
	p := &reader{lim: lim, base: from}
	kind, _, err := mime.ParseMediaType(contentType)
	if err != nil {
		kind = ""
	}
	switch kind {
	case "application/vnd.pypi.simple.v1+json", "application/json":
		err = p.json(b)
	case "application/vnd.pypi.simple.v1+html", "text/html":
		err = p.html(b)
	default:
		err = fmt.Errorf("content type %.80q: %w", contentType, ErrType)
	}
	if err == nil {
		err = p.version()
	}
	if err != nil {
		return nil, fmt.Errorf("pyindex: %w", err)
	}
	return &p.page, nil
}

type reader struct {
	page Page
	lim  Limits
	base *url.URL
}

// version refuses a page of a newer kind, as PEP 629 says.
func (p *reader) version() error {
	major, _, _ := strings.Cut(p.page.API, ".")
	if major != "" && major != "1" {
		return fmt.Errorf("the page is of version %.20q of the interface, and 1 is what is known", p.page.API)
	}
	return nil
}

func (p *reader) problem(format string, args ...any) {
	if len(p.page.Problems) >= p.lim.Problems {
		p.page.More++
		return
	}
	p.page.Problems = append(p.page.Problems, fmt.Sprintf(format, args...))
}

func (p *reader) add(f File) error {
	if len(p.page.Files) >= p.lim.Files {
		return bounded.Exceeded("files of a page", int64(p.lim.Files))
	}
	p.page.Files = append(p.page.Files, f)
	return nil
}

// locate resolves an address, and takes the digest out of its fragment.
func (p *reader) locate(f *File, ref string) error {
	u, err := url.Parse(strings.TrimSpace(ref))
	if err != nil {
		return fmt.Errorf("%.120q is no address", ref)
	}
	u = p.base.ResolveReference(u)
	for part := range strings.SplitSeq(u.Fragment, "&") {
		if algorithm, digest, ok := strings.Cut(part, "="); ok {
			if h, ok := hashOf(algorithm, digest); ok {
				f.Hashes = addHash(f.Hashes, h)
			}
		}
	}
	u.Fragment, u.RawFragment, u.User = "", "", nil
	if u.Scheme != "https" && u.Scheme != "http" && u.Scheme != "file" || u.Scheme != "file" && u.Host == "" {
		return fmt.Errorf("%.120q is not an address of a file", ref)
	}
	f.URL = u.String()
	f.Name = u.Path[strings.LastIndexByte(u.Path, '/')+1:]
	if f.Name == "" {
		return fmt.Errorf("%.120q is not an address of a file", ref)
	}
	return nil
}

// hexLength is how many digits a digest has; 0 is of one that is not known.
func hexLength(algorithm string) int {
	switch algorithm {
	case "md5":
		return 32
	case "sha1":
		return 40
	case "sha224":
		return 56
	case "sha256", "blake2s", "sha3_256":
		return 64
	case "sha384", "sha3_384":
		return 96
	case "sha512", "blake2b", "sha3_512":
		return 128
	}
	return 0
}

// hashOf is a digest that is what it says.
func hashOf(algorithm, digest string) (manifest.Hash, bool) {
	h := manifest.Hash{Algorithm: strings.ToLower(strings.TrimSpace(algorithm)), Digest: strings.ToLower(strings.TrimSpace(digest))}
	n := hexLength(h.Algorithm)
	return h, n != 0 && len(h.Digest) == n && strings.Trim(h.Digest, "0123456789abcdef") == ""
}

func addHash(list []manifest.Hash, h manifest.Hash) []manifest.Hash {
	if slices.Contains(list, h) {
		return list
	}
	list = append(list, h)
	slices.SortFunc(list, func(a, b manifest.Hash) int {
		return cmp.Or(cmp.Compare(a.Algorithm, b.Algorithm), cmp.Compare(a.Digest, b.Digest))
	})
	return list
}
