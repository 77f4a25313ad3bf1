package guard

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"github.com/andiron-dev/andiron/internal/oip"
	"github.com/andiron-dev/andiron/internal/tensor"
)

const (
	typeJSON   = "application/json"
	typeBinary = "application/octet-stream"
)

// inferV2 takes a request of V2 over HTTP.
func (x *exchange) inferV2() *fault {
	header, binary, f := x.headerLength()
	if f != nil {
		return f
	}
	factor := int64(bodyFactor)
	if binary {
		x.proto, factor = protoBinary, 1
	}
	for _, step := range []func() *fault{x.accepted, func() *fault { return x.contentType(typeJSON, typeBinary) }} {
		if f := step(); f != nil {
			return f
		}
	}
	body, f := x.readBody(factor)
	if f != nil {
		return f
	}
	if f := x.slot(); f != nil {
		return f
	}
	if x.g.c.unchecked {
		return x.unchecked(body, header, binary)
	}
	begin := time.Now()
	req, f := x.parseV2(body, header, binary)
	if f != nil {
		return f
	}
	req.Model, req.Version = x.model.name, x.route.version
	res, f := x.through(req, begin)
	if f != nil {
		return f
	}
	return x.answerV2(req, res)
}

// through holds a request against the schema, sends it on, and holds the answer
// against the schema.
func (x *exchange) through(req *oip.Request, begin time.Time) (*oip.Response, *fault) {
	dims, f := x.check(req)
	if f != nil {
		return nil, f
	}
	x.checked(begin)
	res, f := x.transmit(req)
	if f != nil {
		return nil, f
	}
	if f := x.checkAnswer(res, dims, len(req.Outputs) > 0); f != nil {
		return nil, f
	}
	return res, nil
}

func (x *exchange) parseV2(body []byte, header string, binary bool) (req *oip.Request, f *fault) {
	var err error
	switch {
	case !binary:
		req, err = oip.ParseJSON(body, x.model.ask)
	case header == "0" && x.model.schema.Wire.RawBinary:
		req, err = oip.ParseRaw(body, x.model.inputs[0], x.model.ask)
	case header == "0":
		return nil, refuse(codeHeader, http.StatusBadRequest, "a body without a header is not taken")
	default:
		req, err = oip.ParseBinary(body, header, x.model.ask)
	}
	if err != nil {
		return nil, wireFault(err)
	}
	return req, nil
}

// transmit asks the server in the form that the schema wants, and reads its answer.
func (x *exchange) transmit(req *oip.Request) (*oip.Response, *fault) {
	to := x.model.forward(x.proto)
	if to == protoGRPC {
		return x.transmitGRPC(req)
	}
	q, f := x.question(req, to)
	if f != nil {
		return nil, f
	}
	r, f := x.ask(q)
	if f != nil {
		return nil, f
	}
	var res *oip.Response
	var err error
	switch len(r.header) {
	case 0:
		res, err = oip.ParseJSONResponse(r.body, x.model.answer)
	case 1:
		res, err = oip.ParseBinaryResponse(r.body, r.header[0], x.model.answer)
	default:
		err = errors.New("Inference-Header-Content-Length stands more than once")
	}
	if err != nil {
		return nil, unreadable(err)
	}
	return res, nil
}

// question spells a request as V2 over HTTP.
func (x *exchange) question(req *oip.Request, to protocol) (*question, *fault) {
	if x.g.http == nil {
		return nil, refuse(codeProtocol, http.StatusNotImplemented, "this gateway has no HTTP server behind it")
	}
	q := &question{method: http.MethodPost, header: -1, contentType: typeJSON, parent: x.own.String()}
	q.path = "/v2/models/" + x.model.name
	if req.Version != "" {
		if !plain(req.Version) {
			return nil, refuse(codeModel, http.StatusNotFound, "there is no such version")
		}
		q.path += "/versions/" + req.Version
	}
	q.path += "/infer"
	sent := *req
	if protocol(x.model.schema.Wire.ForwardAs) == to || x.proto == protoGRPC {
		sent = withOutputs(req, to == protoBinary)
	}
	if to == protoBinary {
		head, data, err := sent.AppendBinary((*x.scratch(0))[:0])
		if err != nil {
			return nil, wireFault(err)
		}
		q.contentType, q.header = typeBinary, len(head)
		q.parts = append([][]byte{head}, data...)
		return q, nil
	}
	body, err := sent.AppendJSON((*x.scratch(asJSON(req.Inputs)))[:0])
	if err != nil {
		return nil, wireFault(err)
	}
	q.parts = [][]byte{body}
	return q, nil
}

// asJSON is about how long tensors are in JSON.
func asJSON(all []tensor.Tensor) int {
	n := 0
	for i := range all {
		n += 3 * len(all[i].Data)
	}
	return n + 512
}

// scratch is a buffer of at least n bytes until the request ends.
func (x *exchange) scratch(n int) *[]byte {
	b := x.g.buffers.get(n)
	x.hold(func() { x.g.buffers.put(b) })
	return b
}

// withOutputs asks for the same outputs in another form.
func withOutputs(req *oip.Request, binary bool) oip.Request {
	r := *req
	r.BinaryOutput = binary
	r.Outputs = nil
	choice := map[bool]oip.Choice{true: oip.Yes, false: oip.No}[binary]
	for _, o := range req.Outputs {
		o.Binary = choice
		r.Outputs = append(r.Outputs, o)
	}
	return r
}

// ask sends a question to the server and turns what is no answer into a fault.
func (x *exchange) ask(q *question) (*reply, *fault) {
	start := time.Now()
	ctx, cancel := context.WithTimeout(x.ctx, x.g.c.Limits.Answer)
	defer cancel()
	r, err := x.g.http.do(ctx, q)
	if x.model != nil {
		since(x.model.meter.server, start)
	}
	if err != nil {
		return nil, x.noAnswer(err)
	}
	x.hold(r.Close)
	if !x.share(int64(len(r.body))) {
		return nil, busy("there is no memory for the answer")
	}
	switch {
	case r.status != http.StatusOK:
		return nil, serverRefused(r.status)
	case r.encoded:
		return nil, unreadable(errors.New("a Content-Encoding that was not asked for"))
	}
	return r, nil
}

func (x *exchange) noAnswer(err error) *fault {
	switch {
	case x.ctx.Err() != nil:
		return refuse(codeBackend, statusGone, "the client went away").because(err)
	case errors.Is(err, context.DeadlineExceeded):
		return refuse(codeTimeout, http.StatusGatewayTimeout, "the model server did not answer in time").because(err)
	case errors.Is(err, errNoRoom):
		return busy("there is no memory for the answer")
	case errors.Is(err, errTooLarge):
		return unreadable(err)
	}
	return refuse(codeBackend, http.StatusBadGateway, "the model server does not answer").because(err)
}

// serverRefused is an answer of the server that is an error. What the server says
// stays behind.
func serverRefused(status int) *fault {
	err := fmt.Errorf("status %d", status)
	switch {
	case status == http.StatusNotFound: // a version, as the gateway knows the model
		return refuse(codeModel, status, "the model server does not have this").because(err)
	case status >= 400 && status < 500 && status != http.StatusTooManyRequests && status != http.StatusUnauthorized && status != http.StatusForbidden:
		return refuse(codeRefused, status, "the model server refused the request").because(err)
	case status == http.StatusServiceUnavailable, status == http.StatusTooManyRequests:
		return refuse(codeBackend, http.StatusServiceUnavailable, "the model server is busy").because(err)
	}
	return refuse(codeBackend, http.StatusBadGateway, "the model server has an error").because(err)
}

// answerV2 writes an answer as the client asked for it: each output in JSON or
// behind the header.
func (x *exchange) answerV2(req *oip.Request, res *oip.Response) *fault {
	in := func(name string) bool {
		for i := range req.Outputs {
			if o := &req.Outputs[i]; o.Name == name && o.Binary != oip.Unsaid {
				return o.Binary == oip.Yes
			}
		}
		return req.BinaryOutput
	}
	binary := false
	for i := range res.Outputs {
		binary = binary || in(res.Outputs[i].Name)
	}
	if !binary {
		body, err := res.AppendJSON((*x.scratch(asJSON(res.Outputs)))[:0])
		if err != nil {
			return notInForm(err)
		}
		return x.answer(typeJSON, -1, body)
	}
	head, data, err := res.AppendBinary((*x.scratch(0))[:0], in)
	if err != nil {
		return notInForm(err)
	}
	return x.answer(typeBinary, len(head), append([][]byte{head}, data...)...)
}

// notInForm is an answer that cannot be written as the client wants it, such as 16-bit
// floats in JSON.
func notInForm(err error) *fault {
	f := refuse(codeAnswer, http.StatusBadGateway, "the model server's answer cannot be written in this form; ask for binary outputs")
	return f.because(err)
}

// unchecked passes a body on as it is. Only measurements do so.
func (x *exchange) unchecked(body []byte, header string, binary bool) *fault {
	q := &question{method: http.MethodPost, path: x.route.path, header: -1, contentType: typeJSON, parts: [][]byte{body}, parent: x.own.String()}
	if binary {
		n, err := strconv.Atoi(header)
		if err != nil {
			return wireFault(err)
		}
		q.header, q.contentType = n, typeBinary
	}
	r, f := x.ask(q)
	if f != nil {
		return f
	}
	if len(r.header) == 1 {
		n, err := strconv.Atoi(r.header[0])
		if err != nil {
			return unreadable(err)
		}
		return x.answer(typeBinary, n, r.body)
	}
	return x.answer(typeJSON, -1, r.body)
}

// mostInfo is how much the server may say about a model.
const mostInfo = 1 << 20

// pass asks the server about itself or a model. The path is one of those that are
// known, and nothing of the client goes with it.
func (x *exchange) pass() *fault {
	if x.g.http == nil {
		return refuse(codeProtocol, http.StatusNotImplemented, "this gateway has no HTTP server behind it")
	}
	if x.r.ContentLength != 0 {
		return refuse(codeLength, http.StatusBadRequest, "this path takes no body")
	}
	if f := x.slot(); f != nil {
		return f
	}
	r, f := x.ask(&question{method: http.MethodGet, path: x.route.path, header: -1, parent: x.own.String()})
	if f != nil {
		return f
	}
	switch {
	case len(r.body) > mostInfo:
		return unreadable(errors.New("more than 1 MiB about a model"))
	case len(r.body) > 0 && !json.Valid(r.body):
		return unreadable(errors.New("no JSON"))
	}
	return x.answer(typeJSON, -1, r.body)
}
