// Package advisory is the database of known vulnerabilities and malware: one file
// that is built from OSV records, and the matching of versions against it.
//
// A version is affected if it equals one of a record's versions, or lies in any of
// its ECOSYSTEM or SEMVER ranges. What is compared is the public part: 2.1.0+cu118
// is a build of 2.1.0. GIT ranges say nothing about versions and never end the
// search. Records that name each other, or share a name, are one vulnerability.
//
// # Security
//
// Records and files are hostile input. Nothing here panics on them; memory is
// proportional to what is read, and a count is believed only as far as there are
// bytes. A record that cannot be applied to versions is never dropped in silence:
// it is listed with the reason, and where its package is known every version of
// that is a hit that says why it is unclear.
//
// The checksum and the digest in a file find damage. They are no signature: whoever
// can write the file can write them.
//
// # Limits
//
// Limits bounds a file, its index and a package's block.
//
// # Specification
//
// docs/spec/advisory-db-v1.md; OSV schema 1.7.4, evaluation algorithm; PEP 440.
// Where two events of a range stand at one version, the reading that affects more
// versions counts.
package advisory
