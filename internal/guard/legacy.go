package guard

import (
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"time"

	"github.com/andiron-dev/andiron/internal/oip"
	"github.com/andiron-dev/andiron/internal/tensor"
)

// body is what inferV1 and inferPrompt have in common: a request of JSON, whole and
// in a slot.
func (x *exchange) jsonBody() ([]byte, *fault) {
	if x.g.http == nil {
		return nil, refuse(codeProtocol, http.StatusNotImplemented, "this gateway has no HTTP server behind it")
	}
	if f := x.contentType(typeJSON); f != nil {
		return nil, f
	}
	body, f := x.readBody(bodyFactor)
	if f != nil {
		return nil, f
	}
	return body, x.slot()
}

// inferV1 takes a request of V1 or TorchServe, whose tensors have the types that
// the schema says.
func (x *exchange) inferV1() *fault {
	if f := x.accepted(); f != nil {
		return f
	}
	body, f := x.jsonBody()
	if f != nil {
		return f
	}
	begin := time.Now()
	parse := oip.ParseV1
	if x.route.action == inferTorchServe {
		parse = oip.ParseTorchServe
	}
	req, err := parse(body, x.model.inputs, x.model.ask)
	if err != nil {
		return wireFault(err)
	}
	dims, f := x.check(req)
	if f != nil {
		return f
	}
	sent, err := req.AppendV1((*x.scratch(asJSON(req.Inputs)))[:0])
	if err != nil {
		return wireFault(err)
	}
	x.checked(begin)
	r, f := x.askJSON(sent)
	if f != nil {
		return f
	}
	return x.answerV1(r.body, dims)
}

// askJSON sends a body of JSON on to the path that it came for.
func (x *exchange) askJSON(body []byte) (*reply, *fault) {
	return x.ask(&question{method: http.MethodPost, path: x.route.path, header: -1, contentType: typeJSON, parts: [][]byte{body}, parent: x.own.String()})
}

// answerV1 checks the outputs that the schema has. Without one it only asks for
// JSON, which has no NaN.
func (x *exchange) answerV1(body []byte, dims map[string]int64) *fault {
	if len(x.model.output) == 0 {
		if !json.Valid(body) {
			return unreadable(errors.New("no JSON"))
		}
		return x.answer(typeJSON, -1, body)
	}
	parse := oip.ParseV1Response
	if x.route.action == inferTorchServe {
		parse = oip.ParseTorchServeResponse
	}
	res, err := parse(body, x.model.output, x.model.answer)
	if err != nil {
		return unreadable(err)
	}
	if f := x.checkAnswer(res, dims, false); f != nil {
		return f
	}
	out, err := res.AppendV1((*x.scratch(asJSON(res.Outputs)))[:0])
	if err != nil {
		return notInForm(err)
	}
	return x.answer(typeJSON, -1, out)
}

// inferPrompt takes a request for completions or embeddings. The body names the
// model, and each prompt is held against its schema.
func (x *exchange) inferPrompt() *fault {
	body, f := x.jsonBody()
	if f != nil {
		return f
	}
	begin := time.Now()
	p, f := x.parsePrompt(body)
	if f != nil {
		return f
	}
	if want := map[bool]string{true: "input", false: "prompt"}[strings.HasSuffix(x.route.path, "embeddings")]; p.Member != want {
		return refuse(string(oip.CodeMember), http.StatusBadRequest, "this path takes "+want)
	}
	for i := range p.Prompts {
		in := p.Prompts[i : i+1]
		if r := x.model.schema.Check(tensor.Inputs, in, nil, nil); len(r.Violations) > 0 {
			if f := x.violated(r.Violations); f != nil {
				return f
			}
		}
	}
	sent, err := p.AppendJSON((*x.scratch(asJSON(p.Prompts)))[:0])
	if err != nil {
		return wireFault(err)
	}
	x.checked(begin)
	r, f := x.askJSON(sent)
	if f != nil {
		return f
	}
	if strings.HasPrefix(r.contentType, "text/event-stream") {
		return x.answer("text/event-stream", -1, r.body)
	}
	if !json.Valid(r.body) {
		return unreadable(errors.New("no JSON"))
	}
	return x.answer(typeJSON, -1, r.body)
}

// parsePrompt finds the model that a prompt names, and reads it with the schema of
// that model.
func (x *exchange) parsePrompt(body []byte) (*oip.Prompt, *fault) {
	limits := oip.Options{Limits: oip.Limits{Body: x.g.c.Limits.Body}}
	name, err := oip.PromptModel(body, limits)
	if err != nil {
		return nil, wireFault(err)
	}
	m := x.g.models.find(name)
	if m == nil || !m.accepts(protoOpenAI) {
		return nil, refuse(codeModel, http.StatusNotFound, "there is no such model")
	}
	x.model = m
	p, err := oip.ParsePrompt(body, m.inputs, m.ask)
	if err != nil {
		return nil, wireFault(err)
	}
	return p, nil
}
