// Package parquet reads Apache Parquet files column by column: the footer as facts,
// and the levels and values of each column chunk as a stream.
//
// # Security
//
// This package is made for hostile input: it never panics, has no goroutines, and
// allocates nothing for what a length claims. Offsets are held against the file and
// sizes against Limits before anything is read; a compressed page may not claim more
// than its codec can make of its bytes. Runs, which stand for billions of values in
// five bytes, come out piece by piece, and the work for a file is bounded by its size.
//
// Nothing is left to choice: a type that is said twice and differently, a chunk with
// another number of values than its header says, a checksum that is wrong, and a page
// that ends before its values do are errors. Files that are encrypted or whose columns
// lie in other files are refused.
//
// The decoders of the codecs are libraries, bounded from outside. Should one panic, that
// is an error: expand is the one place where that is recovered.
//
// The libraries for Parquet were not taken because of that: what decodes runs and
// pages there makes room for what a header says first. See docs/adr/dependencies.md.
//
// # Limits
//
// Limits bounds the footer, the columns, a page, all pages that are held at a time, and
// the values that come of a file. Exceeding one is an error that wraps
// bounded.ErrLimit.
//
// # Specification
//
// apache/parquet-format 2.12: parquet.thrift, README.md, Encodings.md, Compression.md,
// LogicalTypes.md; Thrift's compact protocol. The codecs are uncompressed, Snappy,
// gzip, Brotli, Zstandard and LZ4_RAW. LZO and Hadoop's LZ4 are refused, and so are
// levels in the deprecated encoding BIT_PACKED.
package parquet
