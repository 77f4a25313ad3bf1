// Package exportir reads the parts of a torch.export archive (.pt2) that are
// neither tensors nor pickles: the exported program's JSON with its symbolic
// expressions, guards and operator targets, the weights and constants
// configuration, and the names of compiled members.
//
// The expressions matter because torch.export.load hands expr_str to
// sympy.sympify, which evaluates Python, and compiles guards_code to a
// function. [ParseExpr] and [ParseGuard] accept exactly the grammar that torch
// itself writes; anything else is an error that says what and where.
//
// # Security
//
// This package is made for hostile input. It never panics, evaluates nothing,
// and follows no path named in a file. Names are accepted from lists, never
// rejected from lists. Duplicate keys are reported, because a JSON reader that
// keeps the first and one that keeps the last see different programs.
//
// # Limits
//
// Sizes are checked before anything is kept: bytes of a document, nesting,
// length and nesting of an expression. Exceeding one is an error that wraps
// bounded.ErrLimit.
//
// # Specification
//
// PyTorch v2.6.0: torch/_export/serde/schema.py, serialize.py
// (_print_sympy, GraphModuleDeserializer.deserialize_operator and
// _parse_sym_expr), torch/utils/_sympy/functions.py, symbol.py,
// torch/utils/_pytree.py (treespec_loads), torch/_inductor/package; PyTorch
// v2.14.1: torch/export/pt2_archive. JSON is what Python's json.loads takes:
// RFC 8259 and the names NaN, Infinity and -Infinity.
package exportir
