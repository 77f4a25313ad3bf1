// Package torchscript reads the code records of a TorchScript archive and
// tells which operators each function uses, how it names them, and whether
// loading the archive alone can reach them.
//
// TorchScript code is a small subset of Python. [Read] tokenises and parses it
// as the loader does, evaluates names symbolically (aliases of torch, getattr
// with constant strings, ops namespaces, class construction) and links a call
// graph whose load-time entry points are the __setstate__ methods. Nothing is
// executed.
//
// # Security
//
// This package is made for hostile input. It never panics; it keeps no syntax
// tree longer than one statement. A statement that does not parse is a fact,
// and its tokens are still searched for operator names, so nothing hides
// behind a broken line. Where a receiver's type is not known, every method of
// that name is taken to be called: reachability errs to more, never to less.
//
// # Limits
//
// [Limits] bounds the source bytes, nesting, tree nodes of one statement,
// syntax errors and operator uses. Exceeding the bytes or the uses is an error
// that wraps bounded.ErrLimit and comes with what was found before; exceeding
// nesting or nodes is a [SyntaxError] of that statement with Limit set.
//
// # Specification
//
// PyTorch v2.6.0: torch/csrc/jit/frontend/lexer.h (SharedParserData::match,
// Lexer::lex), parser.cpp (ParserImpl), lexer.cpp (precedences),
// parse_string_literal.h, ir_emitter.cpp (the table of global names),
// sugared_value.h (BuiltinModule::attr); torch/csrc/jit/serialization/
// import_source.cpp (SourceImporterImpl), python_print.cpp. Operator names are
// those registered in torch 1.13, 2.6 and 2.14; see ops.txt.
package torchscript
