package oip

// ParseJSONResponse reads a V2 answer that has all its data in JSON.
func ParseJSONResponse(body []byte, o Options) (*Response, error) {
	r := newReader(body, o)
	if err := r.fitsLimit(body); err != nil {
		return nil, err
	}
	res, _, err := r.response()
	return res, err
}

// ParseBinaryResponse reads a V2 answer with the binary extension.
func ParseBinaryResponse(body []byte, header string, o Options) (*Response, error) {
	r, n, err := split(body, header, o)
	if err != nil {
		return nil, err
	}
	res, ps, err := r.response()
	if err != nil {
		return nil, err
	}
	res.Form = FormBinary
	if err := r.attach(ps, "outputs", body[n:], n); err != nil {
		return nil, err
	}
	res.Outputs, res.OutputParameters, res.Unseen = divide(ps)
	return res, nil
}

var responseMembers = []string{"model_name", "model_version", "id", "parameters", "outputs"}

// response reads the JSON of an answer.
func (r *reader) response() (res *Response, ps []piece, err error) {
	res = &Response{}
	r.answer = true
	r.next()
	seen, err := r.object(responseMembers, func(i int) (err error) {
		switch i {
		case 0:
			res.Model, err = r.identity()
		case 1:
			res.Version, err = r.identity()
		case 2:
			res.ID, err = r.identity()
		case 3:
			res.Parameters, _, err = r.parameters(frameAnswer)
		default:
			ps, err = r.tensors()
		}
		return within(err, responseMembers[i])
	})
	if err == nil {
		err = r.finish()
	}
	if err == nil && seen>>4&1 == 0 {
		err = faultAt(0, CodeMissing, "member %q is missing", "outputs")
	}
	if err != nil {
		return nil, nil, err
	}
	res.Outputs, res.OutputParameters, res.Unseen = divide(ps)
	return res, ps, nil
}
