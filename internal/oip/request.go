package oip

import (
	"strconv"

	"github.com/andiron-dev/andiron/internal/bounded"
	"github.com/andiron-dev/andiron/internal/tensor"
)

// ParseJSON reads a V2 request that has all its data in JSON.
func ParseJSON(body []byte, o Options) (*Request, error) {
	r := newReader(body, o)
	if err := r.fitsLimit(body); err != nil {
		return nil, err
	}
	req, _, err := r.request()
	return req, err
}

// ParseBinary reads a V2 request with the binary extension. header is the value of
// Inference-Header-Content-Length: digits and nothing else, which stand there once.
func ParseBinary(body []byte, header string, o Options) (*Request, error) {
	r, n, err := split(body, header, o)
	if err != nil {
		return nil, err
	}
	req, ps, err := r.request()
	if err != nil {
		return nil, err
	}
	req.Form = FormBinary
	if err := r.attach(ps, "inputs", body[n:], n); err != nil {
		return nil, err
	}
	req.Inputs, req.InputParameters, req.Unseen = divide(ps)
	return req, nil
}

// fitsLimit refuses a body that is too long.
func (r *reader) fitsLimit(body []byte) error {
	if int64(len(body)) > r.lim.Body {
		return faultAt(0, CodeLimit, "a body of more than %d bytes", r.lim.Body)
	}
	return nil
}

// split cuts the header off a body.
func split(body []byte, header string, o Options) (r *reader, n int, err error) {
	r = newReader(body, o)
	if err := r.fitsLimit(body); err != nil {
		return nil, 0, err
	}
	for i := range len(header) {
		if header[i]-'0' > 9 {
			return nil, 0, faultAt(0, CodeSize, "Inference-Header-Content-Length is no number")
		}
	}
	u, err := strconv.ParseUint(header, 10, 63)
	switch {
	case err != nil || len(header) > 1 && header[0] == '0':
		return nil, 0, faultAt(0, CodeSize, "Inference-Header-Content-Length is no number")
	case u == 0:
		return nil, 0, faultAt(0, CodeSize, "Inference-Header-Content-Length is 0: a raw body is not let through")
	case u > uint64(len(body)):
		return nil, 0, faultAt(0, CodeSize, "Inference-Header-Content-Length is %d, and the body has %d bytes", u, len(body))
	}
	r.b, r.inHeader = body[:u], true
	return r, int(u), nil
}

// KServe's client writes the model into the body as well.
var requestMembers = []string{"id", "parameters", "inputs", "outputs", "model_name", "model_version"}

// request reads the JSON of a request.
func (r *reader) request() (req *Request, ps []piece, err error) {
	req = &Request{}
	r.next()
	seen, err := r.object(requestMembers, func(i int) (err error) {
		switch i {
		case 0:
			req.ID, err = r.identity()
		case 1:
			var f frame
			req.Parameters, f, err = r.parameters(frameRequest)
			req.BinaryOutput = f.binary == Yes
		case 2:
			ps, err = r.tensors()
		case 3:
			req.Outputs, err = r.wanted()
		case 4:
			req.Model, err = r.identity()
		default:
			req.Version, err = r.identity()
		}
		return within(err, requestMembers[i])
	})
	if err == nil {
		err = r.finish()
	}
	if err == nil && seen>>2&1 == 0 {
		err = faultAt(0, CodeMissing, "member %q is missing", "inputs")
	}
	if err != nil {
		return nil, nil, err
	}
	req.Inputs, req.InputParameters, req.Unseen = divide(ps)
	return req, ps, nil
}

// divide separates tensors that are there from those in shared memory.
func divide(ps []piece) (ts []tensor.Tensor, parameters [][]Parameter, unseen []Unseen) {
	some := false
	for i := range ps {
		p := &ps[i]
		if p.frame.memorySeen > 0 {
			unseen = append(unseen, Unseen{p.Name, p.DType, p.Shape, p.parameters, p.frame.memory})
			continue
		}
		ts = append(ts, p.Tensor)
		parameters = append(parameters, p.parameters)
		some = some || len(p.parameters) > 0
	}
	if !some {
		parameters = nil
	}
	return ts, parameters, unseen
}

var outputMembers = []string{"name", "parameters"}

// wanted reads the outputs that a client asks for.
func (r *reader) wanted() (outs []Output, err error) {
	names := map[string]bool{}
	err = r.list(r.lim.Tensors, func(i int) error {
		r.next()
		o, err := r.output(names)
		outs = append(outs, o)
		return withinIndex(err, "", i)
	})
	return outs, err
}

func (r *reader) output(names map[string]bool) (o Output, err error) {
	at := r.p
	seen, err := r.object(outputMembers, func(i int) (err error) {
		if i == 0 {
			o.Name, err = r.name()
		} else {
			var f frame
			o.Parameters, f, err = r.parameters(frameOutput)
			o.Binary = f.binary
			if f.memorySeen > 0 {
				o.Memory = &f.memory
			}
		}
		return within(err, outputMembers[i])
	})
	if err != nil {
		return o, err
	}
	return o, named(o.Name, seen&1 == 1, names, at)
}

// named makes sure that an output has a name, and no other has it.
func named(name string, there bool, names map[string]bool, at int) error {
	switch {
	case !there:
		return faultAt(at, CodeMissing, "member %q is missing", "name")
	case names[name]:
		return faultAt(at, CodeDuplicate, "an output with the name %q stands twice", name)
	}
	names[name] = true
	return nil
}

// ParseRaw reads a body that is one tensor, for a model whose only input is f. One
// of its sizes may be open and is found from the length.
func ParseRaw(body []byte, f tensor.Field, o Options) (*Request, error) {
	r := newReader(body, o)
	if err := r.fitsLimit(body); err != nil {
		return nil, err
	}
	if len(f.DTypes) != 1 {
		return nil, faultAt(0, CodeDType, "a raw body needs an input of one type")
	}
	t := tensor.Tensor{Name: f.Name, DType: f.DTypes[0], Data: body}
	if t.DType == tensor.Bytes { // the whole body is its one element
		n := uint32(len(body))
		t.Data = append([]byte{byte(n), byte(n >> 8), byte(n >> 16), byte(n >> 24)}, body...)
	}
	var err error
	if t.Shape, err = rawShape(f, int64(len(body))); err != nil {
		return nil, err
	}
	if err := r.sized(t.Shape, 0); err != nil {
		return nil, err
	}
	return &Request{Form: FormRaw, Inputs: []tensor.Tensor{t}}, fits(&t, 0)
}

// rawShape finds the size that is not fixed. A first one that may be 1 is 1 where
// there is another, as a batch of one.
func rawShape(f tensor.Field, size int64) ([]int64, error) {
	shape, open, known := make([]int64, len(f.Least)), -1, int64(1)
	for i := range shape {
		shape[i] = f.Least[i]
		if f.Least[i] != f.Most[i] {
			if open >= 0 && (open > 0 || f.Least[0] > 1) {
				return nil, faultAt(0, CodeShape, "a raw body can have one open size")
			}
			if open == 0 {
				shape[0] = 1
			}
			open = i
		}
	}
	if f.DTypes[0] == tensor.Bytes {
		size = 1
	} else {
		known = int64(f.DTypes[0].Size())
	}
	for i, d := range shape {
		if i == open {
			continue
		}
		var ok bool
		if known, ok = bounded.Mul(known, d); !ok {
			return nil, faultAt(0, CodeShape, "a shape of more elements than 63 bits count")
		}
	}
	if open < 0 {
		return shape, nil
	}
	if known == 0 || size%known != 0 {
		return nil, faultAt(0, CodeSize, "%d bytes are no multiple of %d", size, known)
	}
	shape[open] = size / known
	return shape, nil
}
