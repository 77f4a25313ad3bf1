package oip

import (
	"math"
	"slices"
	"strings"

	"google.golang.org/protobuf/encoding/protowire"
)

const (
	varint = protowire.VarintType
	chunks = protowire.BytesType
)

// The messages of GRPCInferenceService, by the numbers of their fields.
var (
	inferRequest = message{
		1: {"model_name", chunks, false}, 2: {"model_version", chunks, false}, 3: {"id", chunks, false}, 4: {"parameters", chunks, true},
		5: {"inputs", chunks, true}, 6: {"outputs", chunks, true}, 7: {"raw_input_contents", chunks, true},
	}
	inferResponse = message{
		1: {"model_name", chunks, false}, 2: {"model_version", chunks, false}, 3: {"id", chunks, false}, 4: {"parameters", chunks, true},
		5: {"outputs", chunks, true}, 6: {"raw_output_contents", chunks, true},
	}
	inferTensor = message{
		1: {"name", chunks, false}, 2: {"datatype", chunks, false}, 3: {"shape", varint, true},
		4: {"parameters", chunks, true}, 5: {"contents", chunks, false},
	}
	inferOutput    = message{1: {"name", chunks, false}, 2: {"parameters", chunks, true}}
	streamResponse = message{1: {"error_message", chunks, false}, 2: {"infer_response", chunks, false}}
	modelRequest   = message{1: {"name", chunks, false}, 2: {"version", chunks, false}}
	mapEntry       = message{1: {"key", chunks, false}, 2: {"value", chunks, false}}
	inferParameter = message{
		1: {"bool_param", varint, false}, 2: {"int64_param", varint, false}, 3: {"string_param", chunks, false},
		4: {"double_param", protowire.Fixed64Type, false}, 5: {"uint64_param", varint, false},
	}
)

// grpcReader reads one message of gRPC.
type grpcReader struct {
	reader
	raw    []field
	spoken int64 // bytes beside data
}

func newGRPC(msg []byte, o Options) (*grpcReader, error) {
	g := &grpcReader{reader: *newReader(msg, o)}
	return g, g.fitsLimit(msg)
}

// ParseGRPC reads a ModelInferRequest, without the five bytes in front of it.
func ParseGRPC(msg []byte, o Options) (*Request, error) {
	g, err := newGRPC(msg, o)
	if err != nil {
		return nil, err
	}
	req := &Request{}
	var ps []piece
	ins, outs := map[string]bool{}, map[string]bool{}
	params := g.collector(&req.Parameters, nil, frameRequest)
	err = fields(msg, 0, inferRequest, func(f field) (err error) {
		switch f.num {
		case 1:
			req.Model, err = g.identity(f)
		case 2:
			req.Version, err = g.identity(f)
		case 3:
			req.ID, err = g.identity(f)
		case 4:
			return params(f)
		case 5:
			return g.appendPiece(&ps, f, ins, "inputs")
		case 6:
			return g.wanted(&req.Outputs, f, outs)
		default:
			return g.keepRaw(f, "raw_input_contents")
		}
		return within(err, inferRequest[f.num].name)
	})
	if err != nil {
		return nil, err
	}
	sortParameters(req.Parameters)
	req.Form, err = g.contents(ps, "inputs", "raw_input_contents")
	if err != nil {
		return nil, err
	}
	req.Inputs, req.InputParameters, req.Unseen = divide(ps)
	return req, nil
}

// ParseGRPCResponse reads a ModelInferResponse.
func ParseGRPCResponse(msg []byte, o Options) (*Response, error) {
	g, err := newGRPC(msg, o)
	if err != nil {
		return nil, err
	}
	return g.response(msg, 0)
}

func (g *grpcReader) response(msg []byte, base int) (*Response, error) {
	res := &Response{}
	var ps []piece
	names := map[string]bool{}
	params := g.collector(&res.Parameters, nil, frameAnswer)
	err := fields(msg, base, inferResponse, func(f field) (err error) {
		switch f.num {
		case 1:
			res.Model, err = g.identity(f)
		case 2:
			res.Version, err = g.identity(f)
		case 3:
			res.ID, err = g.identity(f)
		case 4:
			return params(f)
		case 5:
			return g.appendPiece(&ps, f, names, "outputs")
		default:
			return g.keepRaw(f, "raw_output_contents")
		}
		return within(err, inferResponse[f.num].name)
	})
	if err != nil {
		return nil, err
	}
	sortParameters(res.Parameters)
	if res.Form, err = g.contents(ps, "outputs", "raw_output_contents"); err != nil {
		return nil, err
	}
	res.Outputs, res.OutputParameters, res.Unseen = divide(ps)
	return res, nil
}

// ParseStreamResponse reads a ModelStreamInferResponse: an answer, the text of an
// error of the server, or both. r is nil where there is no answer.
func ParseStreamResponse(msg []byte, o Options) (r *Response, fault string, err error) {
	g, err := newGRPC(msg, o)
	if err != nil {
		return nil, "", err
	}
	err = fields(msg, 0, streamResponse, func(f field) (err error) {
		if f.num == 1 {
			fault, err = f.str(int(g.lim.Header))
		} else {
			r, err = g.response(f.b, f.at)
		}
		return within(err, streamResponse[f.num].name)
	})
	if err != nil {
		return nil, "", err
	}
	return r, fault, nil
}

// ParseGRPCModel reads the requests for metadata and readiness of a model, which
// have a name and a version.
func ParseGRPCModel(msg []byte, o Options) (name, version string, err error) {
	g, err := newGRPC(msg, o)
	if err != nil {
		return "", "", err
	}
	err = fields(msg, 0, modelRequest, func(f field) (err error) {
		if f.num == 1 {
			name, err = g.identity(f)
		} else {
			version, err = g.identity(f)
		}
		return within(err, modelRequest[f.num].name)
	})
	return name, version, err
}

func (g *grpcReader) identity(f field) (string, error) {
	s, err := f.str(g.lim.Name)
	if err == nil && s != "" && !isName(s) {
		err = faultAt(f.at, CodeName, "%q has characters that cannot be seen", clip(s))
	}
	return s, err
}

// spend counts what is not data.
func (g *grpcReader) spend(f field) error {
	if g.spoken += int64(len(f.b)) + 2; g.spoken > g.lim.Header {
		return faultAt(f.at, CodeLimit, "more than %d bytes beside data", g.lim.Header)
	}
	return nil
}

func (g *grpcReader) keepRaw(f field, name string) error {
	if len(g.raw) == g.lim.Tensors {
		return faultAt(f.at, CodeLimit, "more than %d %s", g.lim.Tensors, name)
	}
	g.raw = append(g.raw, f)
	return nil
}

// typed is where the typed contents of a tensor are.
type typed struct {
	field
	there bool
}

func (g *grpcReader) appendPiece(ps *[]piece, f field, names map[string]bool, list string) error {
	i := len(*ps)
	if i == g.lim.Tensors {
		return within(faultAt(f.at, CodeLimit, "more than %d tensors", g.lim.Tensors), list)
	}
	p, err := g.tensor(f)
	if err == nil && names[p.Name] {
		err = faultAt(f.at, CodeDuplicate, "a tensor with the name %q stands twice", p.Name)
	}
	names[p.Name] = true
	*ps = append(*ps, p)
	return withinIndex(err, list, i)
}

// tensor reads all of a tensor but its contents.
func (g *grpcReader) tensor(in field) (p piece, err error) {
	p.Shape = []int64{}
	params := g.collector(&p.parameters, &p.frame, frameTensor)
	err = fields(in.b, in.at, inferTensor, func(f field) (err error) {
		if f.num != 5 {
			if err := g.spend(f); err != nil {
				return err
			}
		}
		switch f.num {
		case 1:
			p.Name, err = f.str(g.lim.Name)
			if err == nil && !isName(p.Name) {
				err = faultAt(f.at, CodeName, "%q is no name", clip(p.Name))
			}
		case 2:
			var name string
			if name, err = f.str(g.lim.Name); err == nil {
				p.DType, err = dtypeOf(name, f.at)
			}
		case 3:
			err = numbers(f, varint, func(n uint64, at int) error {
				if len(p.Shape) == g.lim.Rank {
					return faultAt(at, CodeShape, "more than %d dimensions", g.lim.Rank)
				}
				p.Shape = append(p.Shape, int64(n))
				return nil
			})
		case 4:
			return params(f)
		default:
			p.typed = typed{f, len(f.b) > 0} // MLServer has empty ones beside raw contents
		}
		return within(err, inferTensor[f.num].name)
	})
	switch {
	case err != nil:
		return p, err
	case p.Name == "":
		return p, faultAt(in.at, CodeMissing, "field %q is missing", "name")
	case p.DType == 0:
		return p, faultAt(in.at, CodeMissing, "field %q is missing", "datatype")
	}
	sortParameters(p.parameters)
	if err := p.frame.complete(); err != nil {
		return p, err
	}
	return p, within(g.sized(p.Shape, in.at), "shape")
}

func (g *grpcReader) wanted(outs *[]Output, in field, names map[string]bool) error {
	i := len(*outs)
	if i == g.lim.Tensors {
		return within(faultAt(in.at, CodeLimit, "more than %d tensors", g.lim.Tensors), "outputs")
	}
	if err := g.spend(in); err != nil {
		return err
	}
	var o Output
	var fr frame
	params := g.collector(&o.Parameters, &fr, frameOutput)
	err := fields(in.b, in.at, inferOutput, func(f field) (err error) {
		if f.num == 2 {
			return params(f)
		}
		o.Name, err = f.str(g.lim.Name)
		if err == nil && !isName(o.Name) {
			err = faultAt(f.at, CodeName, "%q is no name", clip(o.Name))
		}
		return within(err, "name")
	})
	if err == nil {
		err = fr.complete()
	}
	if err == nil {
		err = named(o.Name, o.Name != "", names, in.at)
	}
	if fr.memorySeen > 0 {
		o.Memory = &fr.memory
	}
	sortParameters(o.Parameters)
	*outs = append(*outs, o)
	return withinIndex(err, "outputs", i)
}

// collector reads the entries of a map of parameters. f is nil where there can be
// no shared memory.
func (g *grpcReader) collector(ps *[]Parameter, fr *frame, pl place) func(field) error {
	seen := map[string]bool{}
	if fr != nil {
		fr.size = -1
	}
	return func(f field) error {
		name, v, err := g.entry(f)
		switch {
		case err != nil:
			return within(err, "parameters")
		case seen[name]:
			err = faultAt(f.at, CodeDuplicate, "parameter %q stands twice", clip(name))
		case len(seen) == g.lim.Parameters:
			err = faultAt(f.at, CodeLimit, "more than %d parameters", g.lim.Parameters)
		case strings.HasPrefix(name, "shared_memory_"):
			if fr == nil {
				fr = &frame{}
			}
			if err = fr.allows(g.o, pl, f.at); err == nil {
				err = fr.remember(name, v, f.at)
			}
		case name == "binary_data_size" && pl == frameTensor && v.Kind == KindInt && v.Int >= 0:
			fr.size, fr.at = v.Int, f.at // KServe's client says it here too
		case slices.Contains(g.o.Parameters, name) && name != "classification":
			*ps = append(*ps, Parameter{name, v})
		case !g.o.DropParameters:
			err = faultAt(f.at, CodeParameter, "parameter %q is not let through", clip(name))
		}
		seen[name] = true
		return within(err, "parameters")
	}
}

// entry reads one parameter.
func (g *grpcReader) entry(in field) (name string, v Value, err error) {
	if err := g.spend(in); err != nil {
		return "", v, err
	}
	values := 0
	err = fields(in.b, in.at, mapEntry, func(f field) (err error) {
		if f.num == 1 {
			name, err = f.str(g.lim.Name)
			return err
		}
		return fields(f.b, f.at, inferParameter, func(f field) (err error) {
			values++
			v, err = g.parameterValue(f)
			return within(err, inferParameter[f.num].name)
		})
	})
	switch {
	case err != nil:
	case name == "":
		err = faultAt(in.at, CodeName, "a parameter has no name")
	case values == 0:
		err = faultAt(in.at, CodeType, "parameter %q has no value", clip(name))
	case values > 1:
		err = faultAt(in.at, CodeDuplicate, "parameter %q has more than one value", clip(name))
	}
	return name, v, err
}

func (g *grpcReader) parameterValue(f field) (v Value, err error) {
	switch f.num {
	case 1:
		v.Bool, err = f.bool()
	case 2:
		v = Value{Kind: KindInt, Int: int64(f.n)}
	case 3:
		v.Kind = KindText
		v.Text, err = f.str(g.lim.Text)
	case 4:
		v = Value{Kind: KindFloat, Float: math.Float64frombits(f.n)}
		if math.IsNaN(v.Float) || math.IsInf(v.Float, 0) {
			err = faultAt(f.at, CodeNumber, "the number is not finite")
		}
	default:
		v = Value{Kind: KindUint, Uint: f.n}
	}
	return v, err
}

// contents gives tensors their data: all of them raw, or all typed.
func (g *grpcReader) contents(ps []piece, list, raw string) (Form, error) {
	if len(g.raw) == 0 {
		for i := range ps {
			if err := g.typedData(&ps[i]); err != nil {
				return 0, withinIndex(err, list, i)
			}
		}
		return FormGRPCTyped, nil
	}
	next := 0
	for i := range ps {
		p := &ps[i]
		switch {
		case p.typed.there:
			return 0, withinIndex(faultAt(p.typed.at, CodeSource, "there are both contents and %s", raw), list, i)
		case p.frame.memorySeen > 0 && p.frame.size >= 0:
			return 0, withinIndex(faultAt(p.frame.at, CodeSource, "there are both a size and shared memory"), list, i)
		case p.frame.memorySeen > 0:
			continue
		case next == len(g.raw):
			return 0, withinIndex(faultAt(len(g.b), CodeSource, "there are no data: %d %s", next, raw), list, i)
		}
		f := g.raw[next]
		p.Data = slices.Clip(f.b)
		if err := fits(&p.Tensor, f.at); err != nil {
			return 0, withinIndex(err, list, i)
		}
		if p.frame.size >= 0 && p.frame.size != int64(len(p.Data)) {
			return 0, withinIndex(faultAt(p.frame.at, CodeSize, "binary_data_size %d, and there are %d bytes", p.frame.size, len(p.Data)), list, i)
		}
		next++
	}
	if next < len(g.raw) {
		return 0, withinIndex(faultAt(g.raw[next].at, CodeSource, "the data belong to no tensor"), raw, next)
	}
	return FormGRPC, nil
}

// typedData reads the contents of a tensor that is not in shared memory.
func (g *grpcReader) typedData(p *piece) error {
	n := elementsOf(p.Shape)
	switch {
	case p.frame.memorySeen > 0 && p.typed.there:
		return faultAt(p.typed.at, CodeSource, "there are both contents and shared memory")
	case p.frame.memorySeen > 0:
		return nil
	case p.frame.size >= 0:
		return faultAt(p.frame.at, CodeSource, "binary_data_size needs raw contents")
	case !p.typed.there && n > 0:
		return faultAt(len(g.b), CodeSource, "there are no data")
	}
	err := readTyped(&p.Tensor, p.typed.field, n)
	return within(err, "contents")
}

func elementsOf(shape []int64) int64 {
	n, _ := numel(shape)
	return n
}
