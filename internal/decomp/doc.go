// Package decomp opens the compressed streams that models are kept in: gzip,
// bzip2, xz, LZMA_alone, zlib, Zstandard, LZ4 frames and joblib's ZF files.
//
// # Security
//
// This package is made for hostile input. It never panics on input, starts no
// goroutines, and holds a window, not the data. A stream that breaks gives the
// bytes before the break and then the error: a loader has read them too. (An
// xz stream that is cut inside a chunk gives some bytes more than that; one that
// is damaged inside a chunk gives the chunks before it.)
// Checksums of xz blocks and stored sizes are not compared, since a loader has
// used the bytes long before it gets to them; gzip, zlib, zstd and LZ4 report a
// wrong checksum after the bytes it covers.
//
// Bytes behind the last stream are not data. Some loaders ignore them and some
// refuse the file, so Trailing says how many there are.
//
// # Limits
//
// Limits bounds the output, its ratio to the input, and the window that a
// stream may ask for. Exceeding one is an error that wraps bounded.ErrLimit,
// behind the bytes up to the limit. A window is allocated only as far as the
// rest of the input and the limit of the output can fill it, except that zstd
// may always ask for 8 MiB.
//
// # Specification
//
// RFC 1950, 1951, 1952 and 8878; the xz file format 1.2.1 (LZMA2 filter only);
// lzma-file-format.txt; LZ4 frame format 1.6.4 and its legacy frame; joblib 1.4
// numpy_pickle_compat.py (read_zfile). Concatenated streams are followed as
// CPython 3.13's gzip, bz2 and lzma modules and joblib's compressor.py do.
package decomp
