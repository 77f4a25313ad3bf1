// Package deps is the room that looks at what a project depends on: which packages
// its files ask for, bind and have installed, which published vulnerabilities these
// have, and whether the versions, the files and the places that they come from are
// fixed.
//
// # Security
//
// Nothing is executed, resolved or downloaded: what a file computes is not known,
// and is said not to be. Files that a file names are read only beneath the project.
// Every package ends as vulnerable, clean or unauditable; what has no advisories, or
// could not be read, is never clean.
//
// # Limits
//
// Those of package manifest for each file; 10,000 files, and 32 levels of files that
// name files.
//
// # Specification
//
// docs/spec/deps-v1.md. Versions are compared as PEP 440 orders them, advisories as
// the OSV schema says, both on the public part of a version.
package deps

import (
	"slices"
	"time"

	"github.com/andiron-dev/andiron/internal/advisory"
	"github.com/andiron-dev/andiron/internal/pep440"
	"github.com/andiron-dev/andiron/internal/pyindex"
	"github.com/andiron-dev/andiron/internal/rule"
	"github.com/andiron-dev/andiron/internal/supply"
)

// Rules are the rules of the room.
var Rules = slices.Concat([][]*rule.Rule{scanRules, pinRules, UpdateRules}...)

// Database is what versions are held against.
type Database interface {
	// Match returns the vulnerabilities of one version.
	Match(name string, v pep440.Version) ([]advisory.Hit, error)
	// MayMatch returns those of any version that a range allows.
	MayMatch(name string, s pep440.Specifiers) ([]advisory.Hit, error)
	// Package returns all that is known of a package.
	Package(name string) ([]advisory.Advisory, error)
}

// Options say what packages are held against.
type Options struct {
	Advisories Database
	Source     Source // of the advisories
	Policy     supply.Policy
	PolicyFile string  // what findings call it; empty where there is none
	Record     *Record // what the project's record has; nil does not ask
	// Page returns what an index says of a project, or nil where it has none. Without
	// it no index is asked.
	Page  func(index, name string) (*pyindex.Page, error)
	Index string // for packages that no file names an index for; empty is none
	Now   time.Time
}

// Record is what is on record of earlier scans.
type Record struct {
	File  string    // what findings call it
	Last  time.Time // of the last scan; zero if there was none
	Scans int64
	Open  int // findings that are open
}

// Source describes a database.
type Source struct {
	Name     string    // for people: "OSV PyPI of 2026-11-20, 18231 advisories"
	Date     time.Time // of its newest record
	Builtin  bool      // it holds the facts about PyTorch only
	Rejected int       // records that could not be read
	Digest   string    // SHA-256 of its content
}
