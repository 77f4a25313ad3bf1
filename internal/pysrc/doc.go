// Package pysrc reads Python source: syntax first, then what its names mean.
//
// [Parse] turns bytes into a [File]: statements and expressions with their
// places, as Python 3.8 to 3.14 have them. [Resolve] turns a File into a
// [Module]: what is imported, what each name may stand for, and every call with
// the dotted name of what it calls and its arguments. Nothing is executed and
// nothing is judged.
//
// # Security
//
// This package is made for hostile input. It never panics; nesting, tokens and
// the work spent on a name are bounded by [Limits] and constants. A part that does
// not parse is a [SyntaxError] in the File, and what stands before, after and
// inside of it is read all the same, so that nothing hides behind a broken line.
// A declared encoding that could make other code of the same bytes than the one
// read here is an error, never a guess. Identifiers are compared in the form NFKC,
// as Python compares them: a look-alike of torch.load is torch.load.
//
// Where a name may stand for several things, all of them are kept. Where it may
// stand for something that is not seen here, that is a value of its own
// ([Unknown]), never silence.
//
// # Limits
//
// [Limits] bounds the bytes, the nesting and the errors that are kept. Brackets
// nest 200 deep and blocks 100, as in CPython. Looking up names ends after an amount
// of work that no honest file needs; [Module.Exhausted] says so. The tree is walked
// without recursion over chains, which source can make as long as it is.
//
// # Specification
//
// The Python Language Reference 3.14, §2 and §10; Grammar/python.gram and
// Parser/tokenizer at CPython v3.14; PEP 263 (encodings), PEP 3131 (identifiers),
// PEP 572, 604, 614, 617, 634, 646, 654, 695, 696, 701, 750, 758. Positions are
// those of the ast module, lines from 1 and columns from 0 in bytes of UTF-8;
// [File.Place] gives what people count.
package pysrc
