package guard

import (
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/andiron-dev/andiron/internal/oip"
	"github.com/andiron-dev/andiron/internal/tensor"
)

// check holds the inputs against the schema, and makes them what the server gets:
// without those that are left out, with tiny values at zero, normalised. dims are
// for the answer.
func (x *exchange) check(req *oip.Request) (dims map[string]int64, f *fault) {
	s := x.model.schema
	r := s.Check(tensor.Inputs, req.Inputs, nil, nil)
	if len(req.Unseen) > 0 {
		r = x.checkUnseen(req)
	}
	if len(r.Violations) > 0 {
		if f := x.violated(r.Violations); f != nil {
			return nil, f
		}
	}
	if s.Wire.DropUnknown {
		x.dropUnknown(req)
	}
	if slices.ContainsFunc(r.Violations, func(v tensor.Violation) bool { return !aboutElements(v.Code) }) {
		return r.Dims, nil // in shadow: what has another form than it should have is left as it is
	}
	return r.Dims, x.prepare(req.Inputs)
}

// aboutElements reports whether a tensor with such a violation has the type, shape
// and size that the schema says.
func aboutElements(c tensor.Code) bool {
	all := tensor.Codes()
	return slices.Index(all, c) >= slices.Index(all, tensor.CodeNaN)
}

// prepare changes values where the schema says so, and compares them with the
// baseline in between. A window that drifted may be a reason to refuse the request
// that filled it.
func (x *exchange) prepare(in []tensor.Tensor) *fault {
	s := x.model.schema
	for i := range in {
		if n := s.Flush(tensor.Inputs, &in[i]); n > 0 {
			x.model.meter.flushed.AddInt64(n)
		}
	}
	drifted := x.model.drift.add(in)
	x.drifts(drifted)
	if vs := slices.DeleteFunc(drifted, func(v tensor.Violation) bool { return v.Alert }); len(vs) > 0 {
		if f := x.violated(vs); f != nil {
			return f
		}
	}
	for i := range in {
		s.Normalize(tensor.Inputs, &in[i])
	}
	return nil
}

// violated counts, and refuses unless the schema only reports.
func (x *exchange) violated(vs []tensor.Violation) *fault {
	mode := "enforce"
	if x.model.shadow {
		mode = "shadow"
	}
	for _, v := range vs {
		x.model.meter.violation("inputs", mode, string(v.Code))
	}
	if !x.model.shadow {
		return violated(x.model.schema.Status, vs)
	}
	attrs := append(x.attrs(0, string(vs[0].Code)), violationAttrs(vs)...)
	x.g.journal.request(x.ctx, slog.LevelWarn, "shadow: would be refused", attrs...)
	return nil
}

// checkUnseen checks what can be seen of inputs that lie in shared memory: their
// types and shapes. That their data are not there is no violation.
func (x *exchange) checkUnseen(req *oip.Request) tensor.Result {
	all := slices.Clone(req.Inputs)
	for _, u := range req.Unseen {
		all = append(all, tensor.Tensor{Name: u.Name, DType: u.DType, Shape: u.Shape})
	}
	x.model.meter.unseen.Add(len(req.Unseen))
	r := x.model.schema.Check(tensor.Inputs, all, nil, nil)
	r.Violations = slices.DeleteFunc(r.Violations, func(v tensor.Violation) bool {
		return (v.Code == tensor.CodeSize || v.Code == tensor.CodeFraming) && slices.ContainsFunc(req.Unseen, func(u oip.Unseen) bool { return u.Name == v.Input })
	})
	return r
}

// dropUnknown leaves out the inputs that the schema does not have.
func (x *exchange) dropUnknown(req *oip.Request) {
	known := x.model.schema.Names(tensor.Inputs)
	var in []tensor.Tensor
	var parameters [][]oip.Parameter
	for i, t := range req.Inputs {
		if _, ok := slices.BinarySearchFunc(known, t.Name, strings.Compare); !ok {
			continue
		}
		in = append(in, t)
		if req.InputParameters != nil {
			parameters = append(parameters, req.InputParameters[i])
		}
	}
	req.Inputs, req.InputParameters = in, parameters
}

func (x *exchange) drifts(vs []tensor.Violation) {
	for _, v := range vs {
		x.model.meter.drifted.Inc()
		x.model.meter.violation("inputs", "drift", string(v.Code))
		x.g.journal.request(x.ctx, slog.LevelWarn, "drift: a window is unlike the baseline",
			slog.String("model", x.model.name), slog.String("input", v.Input), slog.String("got", v.Got), slog.String("want", v.Want), slog.Int64("tensors", v.Count))
	}
}

// checkAnswer holds outputs against the schema. A client may have asked for some
// of them only, so that one which is not there is no violation then.
func (x *exchange) checkAnswer(res *oip.Response, dims map[string]int64, some bool) *fault {
	if len(x.model.output) == 0 {
		return nil
	}
	r := x.model.schema.Check(tensor.Outputs, withUnseen(res), dims, nil)
	vs := slices.DeleteFunc(r.Violations, func(v tensor.Violation) bool {
		hidden := slices.ContainsFunc(res.Unseen, func(u oip.Unseen) bool { return u.Name == v.Input })
		return some && v.Code == tensor.CodeMissing || hidden && (v.Code == tensor.CodeSize || v.Code == tensor.CodeFraming)
	})
	if len(vs) == 0 {
		return nil
	}
	mode := "enforce"
	if x.model.shadow {
		mode = "shadow"
	}
	for _, v := range vs {
		x.model.meter.violation("outputs", mode, string(v.Code))
	}
	if !x.model.shadow {
		return poisoned(vs)
	}
	attrs := append(x.attrs(0, string(vs[0].Code)), violationAttrs(vs)...)
	x.g.journal.request(x.ctx, slog.LevelWarn, "shadow: the answer would be refused", attrs...)
	return nil
}

// withUnseen are the outputs, and those in shared memory without their data.
func withUnseen(res *oip.Response) []tensor.Tensor {
	all := res.Outputs
	for _, u := range res.Unseen {
		all = append(slices.Clip(all), tensor.Tensor{Name: u.Name, DType: u.DType, Shape: u.Shape})
	}
	return all
}

// checked adds the time that reading and checking took.
func (x *exchange) checked(start time.Time) { since(x.model.meter.checking, start) }

// unreadable is an answer of the server that is not what it should be.
func unreadable(err error) *fault {
	return refuse(codeAnswer, http.StatusBadGateway, "the model server's answer cannot be read").because(err)
}
