// Package pickle reads Python pickles without running them.
//
// There are two layers. [Disassemble] turns bytes into operations. [Run]
// interprets the operations over symbolic values, as CPython's unpickler does,
// and returns a [Trace]: every import, call, BUILD, item assignment and
// persistent load that loading the stream would perform, in order, with its
// arguments. [RunAll] also follows the streams that come after the first.
//
// # Security
//
// This package is made for hostile input. It never panics, never imports or
// calls anything, and does not recurse. Constants stay in the input and are read
// only when asked for. What ran before a stream breaks has run, so a Trace keeps
// its events when Err is set. Where CPython's C and Python unpicklers differ,
// the reading that runs more is followed and a [Note] says so: no import that
// either of them would make is absent.
//
// # Limits
//
// Steps, values, memo entries and the length of the strings handed out stay
// within [Limits]. Reaching one is an error that wraps bounded.ErrLimit. Memory
// grows with the number of opcodes, never with the length of a payload or with
// what a length field or memo index claims; with [Options].Scratch it hardly grows.
//
// # Specification
//
// Lib/pickle.py, Lib/pickletools.py, Lib/_compat_pickle.py, Lib/copyreg.py and
// Modules/_pickle.c at CPython v3.13.0.
package pickle
