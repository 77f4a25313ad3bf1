// Package cppsrc reads C++ and CUDA sources without a compiler: tokens, brackets,
// functions and their statements, enough to ask what a function does with what it
// is given.
//
// [Parse] turns bytes into a [File]. Macros are not expanded and no header is read;
// what #define lines say is kept, so that a caller can follow those of the same
// project. All branches of an #if are read where each is whole, and only the first
// where they are not; what is behind #if 0 is left out. Nothing is judged.
//
// # Security
//
// This package is made for hostile input. It never panics; bytes, nesting and the
// work spent on a bracket are bounded by [Limits] and constants. A bracket or a
// string that does not end is a [SyntaxError], and what stands around it is read all
// the same.
//
// # Limits
//
// [Limits] bounds the bytes, the nesting and the errors that are kept. Memory is
// proportional to the bytes: a token takes 16.
//
// # Specification
//
// ISO C++20 [lex] and CUDA C++ Programming Guide 12.6, Execution Configuration.
// Trigraphs and user-defined literals are read as the words that they are made of.
package cppsrc
