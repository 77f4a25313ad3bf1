// Package strictzip reads ZIP archives and says everywhere that two readers
// would disagree about them: it compares each local header with the central
// directory, accounts for every byte of the file, and answers a lookup by name
// as each known loader would.
//
// # Security
//
// This package is made for hostile input. It never panics and never allocates
// what a header claims. Oddities are facts, listed in [Archive.Issues]; an
// error means that no directory could be read at all, or that a limit was met.
// A CRC is advisory: PyTorch does not look at it, so a wrong one is not an error.
//
// # Limits
//
// [Limits] bounds the number of entries and the size of the central directory;
// reading an entry takes a limit in bytes. With Limits.Scratch an entry takes 8
// bytes of memory. Going over one is an error that
// wraps bounded.ErrLimit. Entry data is never read by [Open].
//
// # Specification
//
// PKWARE APPNOTE 6.3.10; miniz 3.0.2 as PyTorch v2.6.0 bundles it
// (third_party/miniz-3.0.2, caffe2/serialize/inline_container.cc); CPython
// v3.13.0 Lib/zipfile; Go 1.26 archive/zip.
package strictzip
