// Package onnx reads what an ONNX model says about code and files outside of
// itself: operators and their domains, functions, external tensor data.
//
// # Security
//
// This package is made for hostile input. It never panics, steps over tensor
// bytes without reading them, and allocates nothing for a length that the file
// does not hold. Subgraphs are followed without recursion into Go's stack
// beyond Limits.Depth.
//
// # Limits
//
// Limits bounds nesting, the number of protobuf fields, distinct operators,
// tensors and the length of strings. Exceeding one is an error that wraps
// bounded.ErrLimit; the facts up to there come with it.
//
// # Specification
//
// onnx/onnx.proto3 at ONNX v1.17.0 (IR version 10) and docs/ExternalData.md.
// Fields that are not named there are stepped over, as protobuf does. A field
// that may occur once and occurs again is read each time: protobuf merges
// messages and takes the last of scalars, so the facts hold all.
package onnx
