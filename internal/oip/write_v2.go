package oip

// AppendJSON writes a V2 request in JSON. It is an error of AW-FORM where JSON
// cannot have it: 16-bit floats, NaN, infinities, bytes that are no UTF-8.
func (r *Request) AppendJSON(dst []byte) ([]byte, error) {
	w := &writer{dst: dst}
	err := r.write(w)
	return w.dst, err
}

// AppendBinary writes a V2 request with the binary extension: the header behind
// dst, and the slices that follow it in the body, which are the inputs' own.
func (r *Request) AppendBinary(dst []byte) (header []byte, data [][]byte, err error) {
	w := &writer{dst: dst, in: func(string) bool { return true }}
	err = r.write(w)
	return w.dst, w.data, err
}

func (r *Request) write(w *writer) error {
	w.dst = append(w.dst, '{')
	w.dst = appendMember(w.dst, "id", r.ID)
	var framing []Parameter
	if r.BinaryOutput {
		framing = []Parameter{{"binary_data_output", Value{Bool: true}}}
	}
	w.dst = appendParameters(w.dst, r.Parameters, framing...)
	w.dst = appendKey(w.dst, "inputs")
	if err := w.tensors(r.Inputs, r.InputParameters, r.Unseen); err != nil {
		return err
	}
	if len(r.Outputs) > 0 {
		w.dst = append(appendKey(w.dst, "outputs"), '[')
		for i, o := range r.Outputs {
			w.comma(i)
			w.dst = o.appendJSON(w.dst)
		}
		w.dst = append(w.dst, ']')
	}
	w.dst = append(w.dst, '}')
	return nil
}

func (o Output) appendJSON(dst []byte) []byte {
	dst = appendString(appendKey(append(dst, '{'), "name"), o.Name)
	var framing []Parameter
	if o.Binary != Unsaid {
		framing = append(framing, Parameter{"binary_data", Value{Bool: o.Binary == Yes}})
	}
	if o.Memory != nil {
		framing = append(framing, o.Memory.parameters()...)
	}
	return append(appendParameters(dst, o.Parameters, framing...), '}')
}

// AppendJSON writes a V2 answer in JSON, as that of a request.
func (r *Response) AppendJSON(dst []byte) ([]byte, error) {
	w := &writer{dst: dst}
	err := r.write(w)
	return w.dst, err
}

// AppendBinary writes a V2 answer with the binary extension. in says of each
// output whether its data follow the header; nil is all of them.
func (r *Response) AppendBinary(dst []byte, in func(name string) bool) (header []byte, data [][]byte, err error) {
	if in == nil {
		in = func(string) bool { return true }
	}
	w := &writer{dst: dst, in: in}
	err = r.write(w)
	return w.dst, w.data, err
}

func (r *Response) write(w *writer) error {
	w.dst = append(w.dst, '{')
	w.dst = appendMember(w.dst, "model_name", r.Model)
	w.dst = appendMember(w.dst, "model_version", r.Version)
	w.dst = appendMember(w.dst, "id", r.ID)
	w.dst = appendParameters(w.dst, r.Parameters)
	w.dst = appendKey(w.dst, "outputs")
	if err := w.tensors(r.Outputs, r.OutputParameters, r.Unseen); err != nil {
		return err
	}
	w.dst = append(w.dst, '}')
	return nil
}
