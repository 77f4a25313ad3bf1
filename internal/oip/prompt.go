package oip

import (
	"slices"
	"strconv"

	"github.com/andiron-dev/andiron/internal/tensor"
)

// ParsePrompt reads a request for completions ("prompt") or embeddings ("input")
// in the form of OpenAI. Token ids are those of the field of integers, texts of
// the field of bytes.
func ParsePrompt(body []byte, fields []tensor.Field, o Options) (*Prompt, error) {
	u, err := newUntyped(body, fields, o)
	if err != nil {
		return nil, err
	}
	p := &Prompt{}
	seen := map[string]bool{}
	err = u.members(func(name string, at int) (err error) {
		switch {
		case seen[name]:
			return faultAt(at, CodeDuplicate, "member %q stands twice", clip(name))
		case len(seen) > u.lim.Parameters:
			return faultAt(at, CodeLimit, "more than %d members", u.lim.Parameters)
		}
		seen[name] = true
		switch {
		case name == "model":
			p.Model, err = u.reader.name()
		case name != "prompt" && name != "input":
			return u.setting(p, name, at)
		case p.Member != "":
			return faultAt(at, CodeSource, "there are both %q and %q", "prompt", "input")
		default:
			p.Member = name
			err = u.prompts(p)
		}
		return within(err, name)
	})
	switch {
	case err != nil:
	case p.Model == "":
		err = faultAt(0, CodeMissing, "member %q is missing", "model")
	case p.Member == "":
		err = faultAt(0, CodeMissing, "member %q is missing", "prompt")
	default:
		err = u.finish()
	}
	if err != nil {
		return nil, err
	}
	sortParameters(p.Parameters)
	return p, nil
}

// PromptModel is the name of the model in a request for completions or embeddings.
// What stands beside it is for ParsePrompt to judge, with the fields of that model.
func PromptModel(body []byte, o Options) (name string, err error) {
	r := newReader(body, o)
	if err := r.fitsLimit(body); err != nil {
		return "", err
	}
	err = r.members(func(member string, at int) (err error) {
		switch {
		case member != "model":
			return r.skip(maxDepth)
		case name != "":
			return faultAt(at, CodeDuplicate, "member %q stands twice", member)
		}
		name, err = r.name()
		return within(err, member)
	})
	if err == nil && name == "" {
		err = faultAt(0, CodeMissing, "member %q is missing", "model")
	}
	return name, err
}

// setting is what is known of a parameter of the form of OpenAI: its kinds, and the
// interval of its numbers.
type setting struct {
	kinds  []Kind
	lo, hi float64
}

var (
	counts = []Kind{KindInt}
	reals  = []Kind{KindInt, KindFloat}
)

var settings = map[string]setting{
	"best_of":           {counts, 1, 128},
	"dimensions":        {counts, 1, 1 << 20},
	"echo":              {[]Kind{KindBool}, 0, 0},
	"encoding_format":   {[]Kind{KindText}, 0, 0},
	"frequency_penalty": {reals, -2, 2},
	"logprobs":          {counts, 0, 100},
	"max_tokens":        {counts, 1, 1 << 30},
	"min_p":             {reals, 0, 1},
	"min_tokens":        {counts, 0, 1 << 30},
	"n":                 {counts, 1, 128},
	"presence_penalty":  {reals, -2, 2},
	"seed":              {counts, -1 << 63, 1 << 63},
	"stop":              {[]Kind{KindText, KindTexts}, 0, 0},
	"stream":            {[]Kind{KindBool}, 0, 0},
	"suffix":            {[]Kind{KindText}, 0, 0},
	"temperature":       {reals, 0, 2},
	"top_k":             {counts, -1, 1 << 30},
	"top_p":             {reals, 0, 1},
	"user":              {[]Kind{KindText}, 0, 0},
}

// setting reads a parameter. One that is known must have a value that makes sense;
// another must be one value.
func (u *untyped) setting(p *Prompt, name string, at int) error {
	if !slices.Contains(u.o.Parameters, name) {
		if u.o.DropParameters {
			return u.skip(maxDepth)
		}
		return faultAt(at, CodeParameter, "parameter %q is not let through", clip(name))
	}
	start := u.p
	v, err := u.texts()
	if err != nil {
		return within(err, name)
	}
	number := v.Float
	if v.Kind == KindInt {
		number = float64(v.Int)
	}
	if s, ok := settings[name]; ok {
		switch {
		case !slices.Contains(s.kinds, v.Kind):
			return faultAt(start, CodeType, "parameter %q has a value of another type", name)
		case s.lo < s.hi && (number < s.lo || number > s.hi):
			return faultAt(start, CodeNumber, "parameter %q is outside of %s to %s", name, plainly(s.lo), plainly(s.hi))
		}
	}
	p.Parameters = append(p.Parameters, Parameter{name, v})
	return nil
}

// plainly writes a bound without an exponent.
func plainly(x float64) string { return strconv.FormatFloat(x, 'f', -1, 64) }

// texts reads one value, or a list of texts.
func (u *untyped) texts() (v Value, err error) {
	if u.next() != '[' {
		return u.scalar()
	}
	v.Kind = KindTexts
	err = u.list(u.lim.Parameters, func(i int) error {
		s, err := u.text(u.lim.Text)
		v.Texts = append(v.Texts, s)
		return withinIndex(err, "", i)
	})
	return v, err
}

// prompts reads a text, a list of texts, a list of ids, or a list of such lists.
// Lists of ids may have different lengths, so that each is a tensor.
func (u *untyped) prompts(p *Prompt) error {
	if c := u.next(); c == '"' {
		p.Bare = true
		return u.textsOf(p, func(add func(int) error) error { return add(0) })
	} else if c != '[' {
		return u.asType(u.wrong("a prompt"), "a text or a list")
	}
	switch c := at(u.b, space(u.b, u.p+1)); c {
	case '"':
		return u.textsOf(p, func(add func(int) error) error { return u.list(u.lim.Prompts, add) })
	case '[':
		return u.list(u.lim.Prompts, func(i int) error {
			return withinIndex(u.ids(p), "", i)
		})
	case ']':
		return u.fault(CodeCount, "there are no prompts")
	default:
		p.Bare = true
		return u.ids(p)
	}
}

func at(b []byte, p int) byte {
	if p < len(b) {
		return b[p]
	}
	return 0
}

// fieldFor finds the only field of bytes, or of integers.
func (u *untyped) fieldFor(texts bool) (f tensor.Field, d tensor.DType, err error) {
	found := 0
	for _, g := range u.fields {
		for _, t := range g.DTypes {
			if texts && t == tensor.Bytes || !texts && wholeOf(t).size > 0 {
				found++
				f, d = g, t
				break
			}
		}
	}
	switch {
	case found == 0 && texts:
		err = u.fault(CodeType, "the schema has no input of bytes: send ids of tokens")
	case found == 0:
		err = u.fault(CodeType, "the schema has no input of integers: send texts")
	case found > 1:
		err = u.fault(CodeForm, "the schema has more than one input that prompts could be")
	}
	return f, d, err
}

// textsOf reads texts into one tensor.
func (u *untyped) textsOf(p *Prompt, each func(func(int) error) error) error {
	f, _, err := u.fieldFor(true)
	if err != nil {
		return err
	}
	s := newSink(tensor.Bytes, u.left, CodeLimit)
	err = each(func(i int) error {
		from := u.p
		err := s.element(&u.lexer)
		u.data += int64(u.p - from)
		return withinIndex(err, "", i)
	})
	if err != nil {
		return err
	}
	shape := []int64{s.n}
	if len(f.Least) == 0 && s.n == 1 {
		shape = []int64{}
	}
	p.Prompts = []tensor.Tensor{{Name: f.Name, DType: tensor.Bytes, Shape: shape, Data: s.buf}}
	return nil
}

// ids reads a list of ids of tokens.
func (u *untyped) ids(p *Prompt) error {
	f, d, err := u.fieldFor(false)
	if err != nil {
		return err
	}
	s, n, from := newSink(d, u.left, CodeLimit), nest{rank: 1}, u.p
	if u.next() != '[' {
		return u.asType(u.wrong("a list"), "a list")
	}
	if err := u.value(s, &n, 0); err != nil {
		return withinElement(err, s)
	}
	u.data += int64(u.p - from)
	u.left -= s.n
	if s.n == 0 {
		return faultAt(from, CodeCount, "there are no tokens")
	}
	shape := []int64{s.n}
	if len(f.Least) == 2 {
		shape = []int64{1, s.n}
	}
	p.Prompts = append(p.Prompts, tensor.Tensor{Name: f.Name, DType: d, Shape: shape, Data: s.buf})
	return nil
}
