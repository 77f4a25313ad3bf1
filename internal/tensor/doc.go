// Package tensor reads the schema that says which tensors a model takes and
// gives, and checks tensors against it.
//
// A schema is written once, in YAML, and is the same in front of the model
// server, inside Python and on training data: Schema.Canonical is its meaning in
// one spelling, Schema.SHA256 its name.
//
// # Security
//
// Both sides are hostile: a schema may come from anywhere, a tensor always does.
// Neither makes this package panic. An unknown key, a key that stands twice and a
// value that would have no effect are errors with their line, because a misspelt
// check is no check. Shapes are multiplied with care before anything is read, and
// no element is looked at before the sizes are those of the schema. Messages carry
// numbers and positions, never the text of an element.
//
// # Limits
//
// A schema has at most 1 MiB, 64 tensors in each group, 64 symbols, 64
// constraints, 16 dimensions in a shape, 4096 values in a list. Checking takes
// time in proportion to the bytes of the tensors, which the schema bounds, and
// memory in proportion to the number of tensors.
//
// # Specification
//
// docs/spec/tensor-v1.md. The cases in testdata/vectors/tensor are part of it.
package tensor
