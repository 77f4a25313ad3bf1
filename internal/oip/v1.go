package oip

import (
	"slices"

	"github.com/andiron-dev/andiron/internal/tensor"
)

// spelling is how an untyped body was written.
type spelling struct {
	form   Form
	member string // of FormNamed and the like: "data" or "body" for the only tensor
}

// ParseV1 reads {"instances": …} or {"inputs": …}.
func ParseV1(body []byte, fields []tensor.Field, o Options) (*Request, error) {
	u, err := newUntyped(body, fields, o)
	if err != nil {
		return nil, err
	}
	req := &Request{}
	sp, err := u.v1(requestWords, &req.Parameters)
	if err != nil {
		return nil, err
	}
	return req, u.finishRequest(req, sp)
}

func (u *untyped) finishRequest(req *Request, sp spelling) (err error) {
	if err := u.finish(); err != nil {
		return err
	}
	req.Form, req.Member, req.Base64 = sp.form, sp.member, u.objects
	req.Inputs, err = u.tensors()
	return err
}

// words are the members of a body of V1: rows, and whole tensors.
type words struct {
	rows, whole string
	forms       [4]Form // rows, named rows, a tensor, named tensors
}

var (
	requestWords  = words{"instances", "inputs", [4]Form{FormInstances, FormInstancesNamed, FormInputs, FormInputsNamed}}
	responseWords = words{"predictions", "outputs", [4]Form{FormPredictions, FormPredictionsNamed, FormOutputs, FormOutputsNamed}}
)

// v1 reads an object with rows or whole tensors, and parameters beside them.
func (u *untyped) v1(w words, ps *[]Parameter) (sp spelling, err error) {
	found := false
	seen := map[string]bool{}
	err = u.members(func(name string, at int) (err error) {
		if seen[name] {
			return faultAt(at, CodeDuplicate, "member %q stands twice", clip(name))
		}
		if len(seen) > u.lim.Parameters {
			return faultAt(at, CodeLimit, "more than %d members", u.lim.Parameters)
		}
		seen[name] = true
		if name != w.rows && name != w.whole {
			return u.beside(name, at, []string{w.rows, w.whole}, ps)
		}
		if found {
			return faultAt(at, CodeSource, "there are both %q and %q", w.rows, w.whole)
		}
		found = true
		sp, err = u.body(w, name)
		return within(err, name)
	})
	if err == nil && !found {
		err = faultAt(0, CodeMissing, "member %q is missing", w.rows)
	}
	sortParameters(*ps)
	return sp, err
}

// body reads the value of one of the two members.
func (u *untyped) body(w words, name string) (sp spelling, err error) {
	if name == w.rows {
		named, member, err := u.rowsOf(true)
		if named {
			return spelling{w.forms[1], member}, err
		}
		return spelling{form: w.forms[0]}, err
	}
	if _, named := u.isNamed(); named {
		return spelling{form: w.forms[3]}, u.named(0)
	}
	return spelling{form: w.forms[2]}, u.alone(0)
}

// beside reads a member that is none of the tensors: a parameter, if it is let
// through.
func (u *untyped) beside(name string, at int, known []string, ps *[]Parameter) error {
	if slices.Contains(u.o.Parameters, name) {
		v, err := u.scalar()
		*ps = append(*ps, Parameter{name, v})
		return within(err, name)
	}
	if u.o.DropParameters {
		return u.skip(maxDepth)
	}
	return unknownMember(at, name, known)
}

// ParseV1Response reads {"predictions": …} or {"outputs": …}.
func ParseV1Response(body []byte, fields []tensor.Field, o Options) (*Response, error) {
	u, err := newUntyped(body, fields, o)
	if err != nil {
		return nil, err
	}
	res := &Response{}
	sp, err := u.v1(responseWords, &res.Parameters)
	if err != nil {
		return nil, err
	}
	return res, u.finishResponse(res, sp)
}

func (u *untyped) finishResponse(res *Response, sp spelling) (err error) {
	if err := u.finish(); err != nil {
		return err
	}
	res.Form, res.Member, res.Base64 = sp.form, sp.member, u.objects
	res.Outputs, err = u.tensors()
	return err
}

// ParseTorchServe reads the body of a prediction: what ParseV1 reads, the tensor
// alone, or an object with the names of the inputs, or with "data" or "body".
func ParseTorchServe(body []byte, fields []tensor.Field, o Options) (*Request, error) {
	u, err := newUntyped(body, fields, o)
	if err != nil {
		return nil, err
	}
	req := &Request{}
	sp, err := u.torchServe(requestWords, &req.Parameters)
	if err != nil {
		return nil, err
	}
	return req, u.finishRequest(req, sp)
}

// ParseTorchServeResponse reads the answer to a prediction: the tensor alone, an
// object with the names of the outputs, or what ParseV1Response reads.
func ParseTorchServeResponse(body []byte, fields []tensor.Field, o Options) (*Response, error) {
	u, err := newUntyped(body, fields, o)
	if err != nil {
		return nil, err
	}
	res := &Response{}
	sp, err := u.torchServe(responseWords, &res.Parameters)
	if err != nil {
		return nil, err
	}
	return res, u.finishResponse(res, sp)
}

// torchServe tells the spellings apart by the first member. Every further member is
// then held against that spelling.
func (u *untyped) torchServe(w words, ps *[]Parameter) (sp spelling, err error) {
	first, named := u.isNamed()
	switch {
	case !named:
		return spelling{form: FormValue}, u.alone(0)
	case u.alias(first):
		return spelling{FormNamed, first}, u.aliased(first, 0)
	case (first == w.rows || first == w.whole) && !u.has(first):
		return u.v1(w, ps)
	}
	return spelling{form: FormNamed}, u.named(0)
}
