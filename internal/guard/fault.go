package guard

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"

	"github.com/andiron-dev/andiron/internal/oip"
	"github.com/andiron-dev/andiron/internal/tensor"
)

// The codes of the gateway's own refusals. Those of package oip (AW-…) and of
// package tensor (AT-…) come beside them.
const (
	codePath     = "AG-PATH"     // a path that is not let through
	codeMethod   = "AG-METHOD"   // another method than the path has
	codeModel    = "AG-MODEL"    // a model without a schema
	codeProtocol = "AG-PROTOCOL" // a protocol that the schema does not accept
	codeHeader   = "AG-HEADER"   // a header twice, or one that makes no sense
	codeType     = "AG-TYPE"     // a Content-Type that is not known
	codeLength   = "AG-LENGTH"   // no Content-Length, or another one than the body
	codeLarge    = "AG-LARGE"    // a body over the limit
	codeEncoding = "AG-ENCODING" // a compressed body
	codeSlow     = "AG-SLOW"     // a body that came too slowly, or not whole
	codeRate     = "AG-RATE"     // too many requests of one client
	codeBusy     = "AG-BUSY"     // too many requests, or bytes, at a time
	codeRefused  = "AG-REFUSED"  // the server refused the request
	codeBackend  = "AG-BACKEND"  // no answer of the server, or a broken one
	codeAnswer   = "AG-ANSWER"   // an answer that cannot be read
	codeOutput   = "AG-OUTPUT"   // outputs that are not as the schema says
	codeTimeout  = "AG-TIMEOUT"  // no answer of the server in time
	codeInternal = "AG-INTERNAL" // a fault of ours
)

// fault is a refusal. The client sees code, text and violations, the log err too.
type fault struct {
	code       string
	status     int
	text       string
	violations []tensor.Violation
	grpc       int // the code of gRPC, or 0 for that which the code has
	err        error
}

func (f *fault) Error() string { return f.code + ": " + f.text }

func refuse(code string, status int, text string) *fault {
	return &fault{code: code, status: status, text: text}
}

// because adds what only the log shows.
func (f *fault) because(err error) *fault {
	f.err = err
	return f
}

// wireFault is a message that cannot be read. Its text has names and offsets, and
// no data.
func wireFault(err error) *fault {
	f := refuse(codeInternal, http.StatusInternalServerError, "the request could not be read").because(err)
	if e, ok := errors.AsType[*oip.Error](err); ok {
		f.code, f.status, f.text = string(e.Code), http.StatusBadRequest, e.Error()
		f.err = fmt.Errorf("at offset %d of %q", e.Offset, e.Path) // the rest may have a number of the tensor
		if e.Code == oip.CodeLimit {
			f.status = http.StatusRequestEntityTooLarge
		}
	}
	return f
}

// violated is a refusal by the schema. The first violation gives the code.
func violated(status int64, vs []tensor.Violation) *fault {
	return &fault{code: string(vs[0].Code), status: int(status), text: vs[0].String(), violations: vs}
}

// poisoned is an answer that the schema refuses. What the violation is stays with
// the operator; a client learns which output, and no number of it.
func poisoned(vs []tensor.Violation) *fault {
	f := refuse(codeOutput, http.StatusBadGateway, "the model's answer is not as its schema says")
	f.violations = vs
	return f
}

func busy(what string) *fault {
	return refuse(codeBusy, http.StatusServiceUnavailable, what+"; try again in a moment")
}

// most is how many violations an answer lists.
const mostViolations = 16

// body is the fault as JSON, in the form that V2 has for errors.
func (f *fault) body() []byte {
	b, err := json.Marshal(struct {
		Error      string             `json:"error"`
		Code       string             `json:"code"`
		Violations []tensor.Violation `json:"violations,omitempty"`
	}{f.text, f.code, f.shown()})
	if err != nil { // texts and numbers always are JSON
		return []byte(`{"error":"internal error","code":"` + codeInternal + `"}`)
	}
	return b
}

func (f *fault) shown() []tensor.Violation {
	if f.code == codeOutput {
		return nil
	}
	return f.violations[:min(len(f.violations), mostViolations)]
}

// openAI is the same in the form of OpenAI.
func (f *fault) openAI() []byte {
	var e struct {
		Error struct {
			Message string `json:"message"`
			Type    string `json:"type"`
			Code    string `json:"code"`
		} `json:"error"`
	}
	e.Error.Message, e.Error.Type, e.Error.Code = f.text, "invalid_request_error", f.code
	if f.status >= http.StatusInternalServerError {
		e.Error.Type = "server_error"
	}
	b, err := json.Marshal(e)
	if err != nil {
		return f.body()
	}
	return b
}

// The codes of gRPC that are used.
const (
	grpcOK            = 0
	grpcCanceled      = 1
	grpcInvalid       = 3
	grpcDeadline      = 4
	grpcNotFound      = 5
	grpcDenied        = 7
	grpcExhausted     = 8
	grpcUnimplemented = 12
	grpcInternal      = 13
	grpcUnavailable   = 14
)

// grpcStatus is the code of gRPC for it.
func (f *fault) grpcStatus() int {
	if f.grpc != 0 {
		return f.grpc
	}
	switch f.code {
	case codePath, codeMethod, codeProtocol, codeEncoding:
		return grpcUnimplemented
	case codeModel:
		return grpcNotFound
	case codeRate, codeLarge, string(oip.CodeLimit):
		return grpcExhausted
	case codeBusy, codeBackend:
		return grpcUnavailable
	case codeTimeout:
		return grpcDeadline
	case codeAnswer, codeOutput, codeInternal:
		return grpcInternal
	}
	return grpcInvalid
}

// line is the code and the text.
func (f *fault) line() string {
	if strings.HasPrefix(f.text, f.code) {
		return f.text
	}
	return f.code + ": " + f.text
}

// grpcMessage is the text as a header has it: printable ASCII, the rest and "%"
// as escapes of its bytes.
func (f *fault) grpcMessage() string {
	const most = 1024
	text := f.line()
	var b strings.Builder
	for i := range min(len(text), most) {
		if c := text[i]; c >= 0x20 && c <= 0x7e && c != '%' {
			b.WriteByte(c)
		} else {
			b.WriteString("%" + strings.ToUpper(strconv.FormatUint(0x100|uint64(c), 16)[1:]))
		}
	}
	return b.String()
}
