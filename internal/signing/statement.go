package signing

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"slices"
	"strconv"
	"strings"
)

const (
	statementType = "https://in-toto.io/Statement/v1"
	predicateV10  = "https://model_signing/signature/v1.0"
	predicateV02  = "https://model_signing/Digests/v0.1"
)

// Statement is what a signer says of a model: in-toto Statement v1 with the
// predicate of the specification, §5.
type Statement struct {
	Method Method `json:"method"`
	// Signer is the fingerprint of a key, the subject of a certificate, or a
	// Sigstore identity.
	Signer string `json:"signer"`
	// Name is what the model was called when it was signed. It proves nothing.
	Name string `json:"name"`
	// Root is the digest over the digests in their order, which differs between
	// signers: the same model has several.
	Root string `json:"root"`

	// Resources are the files, in the order of the signer.
	Resources []Resource `json:"-"`
	// Ignored are the paths of which the signer says nothing, beside
	// DefaultIgnored.
	Ignored []string `json:"ignored,omitempty"`
	// ShardSize is 0 where files were hashed as a whole.
	ShardSize int64 `json:"shard_size,omitempty"`
	// AllowSymlinks says that the signer followed links.
	AllowSymlinks bool `json:"allow_symlinks,omitempty"`
}

// Resource is a file, or the bytes of one from Start to End.
type Resource struct {
	// Path is slash-separated and relative to the model; for a model that is one
	// file it is "." or the name of that file.
	Path       string
	Start, End int64 // 0, 0 for a whole file
	SHA256     [sha256.Size]byte
}

// DefaultIgnored are the paths at the top of a model that are never signed: §6.2.
func DefaultIgnored() []string { return []string{".git", ".gitattributes", ".github", ".gitignore"} }

// The JSON of a statement.
type (
	statementJSON struct {
		Type          string        `json:"_type"`
		Subject       []subjectJSON `json:"subject"`
		PredicateType string        `json:"predicateType"`
		Predicate     predicateJSON `json:"predicate"`
	}
	subjectJSON struct {
		Name   string     `json:"name"`
		Digest digestJSON `json:"digest"`
	}
	digestJSON struct {
		SHA256 string `json:"sha256"`
	}
	predicateJSON struct {
		Resources     []resourceJSON    `json:"resources"`
		Serialization serializationJSON `json:"serialization"`
	}
	resourceJSON struct {
		Name      string `json:"name"`
		Digest    string `json:"digest"`
		Algorithm string `json:"algorithm"`
	}
	serializationJSON struct {
		Method        string      `json:"method"`
		HashType      string      `json:"hash_type"`
		ShardSize     json.Number `json:"shard_size,omitempty"`
		AllowSymlinks bool        `json:"allow_symlinks"`
		IgnorePaths   []string    `json:"ignore_paths,omitempty"`
	}
)

var statementNames = []string{
	"_type", "subject", "predicateType", "predicate", "name", "digest", "sha256", "resources", "serialization",
	"algorithm", "method", "hash_type", "shard_size", "allow_symlinks", "ignore_paths",
}

// predicateType looks into a payload of which nothing is known.
func (b *bundle) predicateType() string {
	var s struct {
		Type string `json:"predicateType"`
	}
	if decode(b.payload, maxValues, []string{"predicateType"}, &s) != nil {
		return ""
	}
	return s.Type
}

// parseStatement reads a payload whose signature is good.
func parseStatement(payload []byte) (*Statement, error) {
	var j statementJSON
	if err := decode(payload, maxPayloadValues, statementNames, &j); err != nil {
		return nil, refuse("what was signed is no statement: %v", err)
	}
	switch j.PredicateType {
	case predicateV10:
	case predicateV02:
		return nil, fmt.Errorf("predicate %q of model-signing v0.2.0: %w", predicateV02, ErrUnsupported)
	default:
		return nil, refuse("what was signed is no model: the predicate is %q, not %q", j.PredicateType, predicateV10)
	}
	if j.Type != statementType {
		return nil, refuse("what was signed has the type %q, not %q", j.Type, statementType)
	}
	if len(j.Subject) != 1 {
		return nil, refuse("what was signed has %d subjects, not one", len(j.Subject))
	}
	return j.statement()
}

func (j *statementJSON) statement() (*Statement, error) {
	s := &Statement{Name: j.Subject[0].Name, Root: j.Subject[0].Digest.SHA256}
	if err := s.serialization(&j.Predicate.Serialization); err != nil {
		return nil, err
	}
	for _, r := range j.Predicate.Resources {
		res, err := s.resource(r)
		if err != nil {
			return nil, err
		}
		s.Resources = append(s.Resources, res)
	}
	if len(s.Resources) == 0 {
		return nil, refuse("what was signed names no files")
	}
	if err := s.consistent(); err != nil {
		return nil, err
	}
	if want := s.root(); s.Root != want {
		return nil, refuse("what was signed contradicts itself: the digest over its files is %s, not %q", want, s.Root)
	}
	return s, nil
}

// serialization takes over how the files were hashed: §5.2.2.
func (s *Statement) serialization(j *serializationJSON) error {
	if j.HashType != "sha256" {
		return fmt.Errorf("the files were hashed with %q: %w; it must be sha256", j.HashType, ErrUnsupported)
	}
	s.AllowSymlinks = j.AllowSymlinks
	for _, p := range j.IgnorePaths {
		// The reference records what its user typed, such as "./cache/".
		p = strings.TrimSuffix(strings.TrimPrefix(p, "./"), "/")
		if p == "" || p == "." {
			return refuse("what was signed leaves out the whole model")
		}
		if !slices.Contains(DefaultIgnored(), p) {
			s.Ignored = append(s.Ignored, p)
		}
	}
	switch j.Method {
	case "files":
		return nil
	case "shards":
		// The reference writes 1000000000.0, since protobuf knows no whole numbers.
		size, err := j.ShardSize.Float64()
		if err != nil || size < 1 || size > 1<<53 || size != math.Trunc(size) {
			return refuse("what was signed has the shard size %q", j.ShardSize)
		}
		s.ShardSize = int64(size)
		return nil
	}
	return fmt.Errorf("the files were serialized as %q: %w", j.Method, ErrUnsupported)
}

func (s *Statement) resource(j resourceJSON) (r Resource, err error) {
	// The reference writes sha256-sharded-1000000000 in shards.
	if j.Algorithm != "sha256" && (s.ShardSize == 0 || j.Algorithm != fmt.Sprintf("sha256-sharded-%d", s.ShardSize)) {
		return r, fmt.Errorf("%q was hashed with %q: %w; it must be sha256", j.Name, j.Algorithm, ErrUnsupported)
	}
	sum, err := hex.DecodeString(j.Digest)
	if err != nil || len(sum) != sha256.Size {
		return r, refuse("what was signed has the digest %q for %q", j.Digest, j.Name)
	}
	copy(r.SHA256[:], sum)
	if r.Path = j.Name; s.ShardSize > 0 {
		if r.Path, r.Start, r.End, err = shardName(j.Name); err != nil {
			return r, err
		}
	}
	// ValidPath: neither absolute, nor with . or .. or empty parts.
	if !fs.ValidPath(r.Path) || strings.ContainsRune(r.Path, 0) {
		return r, refuse("what was signed names %q, which is not a path within a model", j.Name)
	}
	return r, nil
}

// shardName splits path:start:end. A path may have colons too: §6.3.2.
func shardName(name string) (path string, start, end int64, err error) {
	rest, last, ok1 := cutLast(name)
	path, first, ok2 := cutLast(rest)
	start, err1 := strconv.ParseInt(first, 10, 64)
	end, err2 := strconv.ParseInt(last, 10, 64)
	if !ok1 || !ok2 || err1 != nil || err2 != nil || start < 0 || end <= start {
		return "", 0, 0, refuse("what was signed names %q, which is not a part of a file", name)
	}
	return path, start, end, nil
}

func cutLast(s string) (before, after string, ok bool) {
	i := strings.LastIndexByte(s, ':')
	if i < 0 {
		return s, "", false
	}
	return s[:i], s[i+1:], true
}

// consistent reports a file that is named twice, and parts of a file that overlap
// or leave something out.
func (s *Statement) consistent() error {
	order := slices.Clone(s.Resources)
	slices.SortFunc(order, compareResources)
	for i, r := range order {
		first := i == 0 || order[i-1].Path != r.Path
		if s.ShardSize == 0 {
			if !first {
				return refuse("what was signed names %q twice", r.Path)
			}
			continue
		}
		start := int64(0)
		if !first {
			start = order[i-1].End
		}
		// Only the last part of a file may be short.
		if r.Start != start || start%s.ShardSize != 0 || r.End-r.Start > s.ShardSize {
			return refuse("what was signed has a part of %q from %d to %d, where one begins at %d", r.Path, r.Start, r.End, start)
		}
	}
	return nil
}

func compareResources(a, b Resource) int {
	if c := strings.Compare(a.Path, b.Path); c != 0 {
		return c
	}
	return int(max(-1, min(1, a.Start-b.Start)))
}

// root is the digest over the digests in the order in which they stand: §6.5.1.
func (s *Statement) root() string {
	h := sha256.New()
	for _, r := range s.Resources {
		h.Write(r.SHA256[:])
	}
	return hex.EncodeToString(h.Sum(nil))
}

// payload writes a statement about whole files, which is the only kind that is
// made here, with its files in the order of the specification: by code points.
func (s *Statement) payload() ([]byte, error) {
	slices.SortFunc(s.Resources, compareResources)
	s.Root = s.root()
	j := statementJSON{
		Type:          statementType,
		Subject:       []subjectJSON{{Name: s.Name, Digest: digestJSON{SHA256: s.Root}}},
		PredicateType: predicateV10,
		Predicate: predicateJSON{
			Resources: make([]resourceJSON, 0, len(s.Resources)),
			Serialization: serializationJSON{
				Method: "files", HashType: "sha256",
				IgnorePaths: slices.Concat(DefaultIgnored(), s.Ignored),
			},
		},
	}
	for _, r := range s.Resources {
		j.Predicate.Resources = append(j.Predicate.Resources, resourceJSON{
			Name: r.Path, Digest: hex.EncodeToString(r.SHA256[:]), Algorithm: "sha256",
		})
	}
	var out bytes.Buffer
	enc := json.NewEncoder(&out)
	enc.SetEscapeHTML(false)
	err := enc.Encode(&j)
	return bytes.TrimSuffix(out.Bytes(), []byte("\n")), err
}

// Covers reports whether the statement says that a file, named relative to the
// model, has this digest. It returns a [RefusalError] if it says otherwise or nothing.
// Statements by shards say nothing of whole files.
func (s *Statement) Covers(path string, sum [sha256.Size]byte) error {
	if s.ShardSize > 0 {
		return fmt.Errorf("%q was signed in shards of %d bytes: %w for one file; verify the model", path, s.ShardSize, ErrUnsupported)
	}
	single := s.isSingle()
	for _, r := range s.Resources {
		if r.Path != path && !single {
			continue
		}
		if r.SHA256 != sum {
			return refuse("%q was signed with the SHA-256 %x, not %x", path, r.SHA256, sum)
		}
		return nil
	}
	return refuse("%q is not among the %d files that were signed", path, len(s.Resources))
}

// Files is how many files were signed.
func (s *Statement) Files() int {
	paths := map[string]bool{}
	for _, r := range s.Resources {
		paths[r.Path] = true
	}
	return len(paths)
}

// isSingle reports whether the model was signed as one file without a name, as
// the reference does it.
func (s *Statement) isSingle() bool { return len(s.Resources) == 1 && s.Resources[0].Path == "." }

var errNoFiles = errors.New("there are no files to sign")
