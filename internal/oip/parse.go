package oip

import (
	"errors"

	"github.com/andiron-dev/andiron/internal/tensor"
)

var errTodo = errors.New("not read yet")

// ParseGRPC reads a ModelInferRequest, without the five bytes in front of it.
func ParseGRPC(msg []byte, o Options) (*Request, error) { return nil, errTodo }

// ParseV1 reads {"instances": …} or {"inputs": …}.
func ParseV1(body []byte, fields []tensor.Field, o Options) (*Request, error) { return nil, errTodo }

// ParseTorchServe reads the body of a prediction: what ParseV1 reads, the tensor
// alone, or an object with the names of the inputs, or with "data" or "body".
func ParseTorchServe(body []byte, fields []tensor.Field, o Options) (*Request, error) {
	return nil, errTodo
}

// ParsePrompt reads a request for completions ("prompt") or embeddings ("input")
// in the form of OpenAI. Token ids are those of the field of integers, texts of
// the field of bytes.
func ParsePrompt(body []byte, fields []tensor.Field, o Options) (*Prompt, error) {
	return nil, errTodo
}

// ParseGRPCResponse reads a ModelInferResponse.
func ParseGRPCResponse(msg []byte, o Options) (*Response, error) { return nil, errTodo }

// ParseStreamResponse reads a ModelStreamInferResponse: an answer, or the text of
// an error of the server and then no answer.
func ParseStreamResponse(msg []byte, o Options) (r *Response, fault string, err error) {
	return nil, "", errTodo
}

// ParseV1Response reads {"predictions": …} or {"outputs": …}.
func ParseV1Response(body []byte, fields []tensor.Field, o Options) (*Response, error) {
	return nil, errTodo
}

// ParseTorchServeResponse reads the answer to a prediction: the tensor alone, an
// object with the names of the outputs, or what ParseV1Response reads.
func ParseTorchServeResponse(body []byte, fields []tensor.Field, o Options) (*Response, error) {
	return nil, errTodo
}

// AppendGRPC writes a ModelInferRequest as slices that follow each other: data of
// raw contents are the inputs' own, all else lies behind dst. The second result is
// dst with it, to be used again when the slices are no more needed.
func (r *Request) AppendGRPC(dst []byte) (msg [][]byte, buf []byte, err error) {
	return nil, dst, errTodo
}

// AppendV1 writes a request of one of the forms from FormInstances on.
func (r *Request) AppendV1(dst []byte) ([]byte, error) { return dst, errTodo }

// AppendGRPC writes a ModelInferResponse.
func (r *Response) AppendGRPC(dst []byte) (msg [][]byte, buf []byte, err error) {
	return nil, dst, errTodo
}

// AppendStream writes a ModelStreamInferResponse around it.
func (r *Response) AppendStream(dst []byte) (msg [][]byte, buf []byte, err error) {
	return nil, dst, errTodo
}

// AppendV1 writes an answer of one of the forms from FormInstances on.
func (r *Response) AppendV1(dst []byte) ([]byte, error) { return dst, errTodo }

// AppendJSON writes a prompt.
func (p *Prompt) AppendJSON(dst []byte) ([]byte, error) { return dst, errTodo }
