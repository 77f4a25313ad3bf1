// Package oip reads the requests and answers of model servers, and writes them
// anew: the Open Inference Protocol V2 as JSON, with the binary extension and as
// gRPC messages, and the older bodies that have neither types nor shapes (V1,
// TorchServe, OpenAI's prompts).
//
// A message that was read is never sent on. What was understood, and nothing
// else, is written again in one canonical form, so that no two readers can see
// two messages in it.
//
// # Security
//
// This package is made for hostile input. It never panics. Of two readings it
// chooses neither: a member or field that stands twice, in another case, or that
// is not known is an error, and so are both sources of data at once, sizes that
// do not add up to the body, and numbers that the type does not have. Nothing is
// allocated for a shape before the body is long enough to hold it. Errors have a
// code, an offset and a path, and none of the data but one number.
//
// # Limits
//
// Limits bounds the body, its header, tensors, elements, dimensions, parameters
// and names. Beside the body, memory stays below eight times its size: an element
// of JSON takes at least two bytes, one of typed contents of gRPC at least one, and
// either becomes at most eight. Tensors of binary and raw gRPC messages point into
// the body. Time is linear.
//
// # Specification
//
// docs/spec/wire-v1.md. The cases in testdata/vectors/wire are part of it. What is
// read is the Open Inference Protocol (specification/protocol, REST and gRPC), the
// binary tensor data extension of Triton, the V1 protocol of KServe, and RFC 8259.
package oip
