// Package osv reads records of the Open Source Vulnerability format: one JSON
// object that says which versions of which packages a vulnerability, or a piece
// of malware, is in.
//
// # Security
//
// This package is made for hostile input: it never panics, and its memory is
// proportional to the record. It reads JSON strictly: keys count only in their
// exact spelling, and a key that is given twice is an error, because readers
// differ about which of the two counts. Nothing that decides what is affected is
// passed over: what cannot be read is an error, or a note in the record.
//
// # Limits
//
// Limits bounds the bytes of a record, its nesting, and how many packages,
// ranges, events, versions and aliases it has. Going over one is an error that
// wraps bounded.ErrLimit.
//
// # Specification
//
// OSV schema 1.7.4; RFC 8259; RFC 3339. CVSS 2.0, 3.0, 3.1 and 4.0 of FIRST. The
// order of a record's severities is ours: the newest CVSS version counts, then
// database_specific.severity.
package osv
