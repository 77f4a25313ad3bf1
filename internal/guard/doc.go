// Package guard is the gateway: it stands in front of a model server, holds every
// tensor of every request and answer against the model's schema, and sends on
// what it understood, never what it was sent.
//
// # Security
//
// Clients are hostile. Only paths of inference, metadata and health of models that
// have a schema exist; a path with an escape, an empty segment or a dot segment
// does not. A request is read as a whole into a buffer of known size, parsed by
// package oip, checked by package tensor, and written anew: no header, no path and
// no byte of JSON that a client sent reaches the server, so that no two readers can
// disagree about it. Chunked and compressed bodies, shared memory and raw bodies
// are refused unless the schema allows them.
//
// The server is not trusted with more than the answer. It is parsed, checked and
// written anew as well; its errors are replaced by ours, because theirs have told
// the names of regions and files.
//
// Logs and metrics have codes, names of models and numbers, and nothing of a
// tensor.
//
// # Limits
//
// Limits has them: connections, in all and of one address; requests at a time;
// requests a second of one address; bytes of a body; bytes of all bodies that are
// held at a time; seconds for a header, a body, an answer. What cannot be had
// within them is refused with a code, and nothing waits without a bound.
//
// # Specification
//
// docs/spec/gateway-v1.md. RFC 9110 and 9112 for HTTP, gRPC over HTTP/2
// (PROTOCOL-HTTP2.md of grpc), the Open Inference Protocol V2 for paths,
// W3C Trace Context 1, and OTLP 1.3 for spans in JSON.
package guard
