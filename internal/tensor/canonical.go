package tensor

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// object is a JSON object of the canonical form.
type object map[string]any

// Canonical is the meaning of the schema in one spelling: JSON without spaces,
// keys sorted, ASCII only, every default filled in, numbers as texts of reduced
// fractions. Two schemas that mean the same have the same canonical form.
func (s *Schema) Canonical() []byte {
	dims := object{}
	for name, sp := range s.dims {
		dims[name] = []any{sp.lo, sp.hi}
	}
	constraints := []any{}
	for _, c := range s.constraints {
		if text := any(c.String()); !slices.Contains(constraints, text) {
			constraints = append(constraints, text)
		}
	}
	top := object{
		"andiron": Form, "model": s.Model, "dims": dims, "constraints": constraints,
		"limits": object{"max_elements": s.limits.elements, "max_bytes": s.limits.bytes, "max_inputs": s.limits.inputs},
		"wire": object{
			"accept": texts(s.Wire.Accept), "forward_as": s.Wire.ForwardAs, "parameters": texts(s.Wire.Parameters),
			"raw_binary": s.Wire.RawBinary, "compression": s.Wire.Compression, "drop_unknown": s.Wire.DropUnknown, "unseen_memory": s.Wire.UnseenMemory,
		},
		"on_violation": object{"shadow": s.Shadow, "status": s.Status},
	}
	for _, g := range []Group{Inputs, Outputs, Labels} {
		group := object{}
		for _, t := range s.groups[g] {
			group[t.name] = t.canonical()
		}
		top[string(g)] = group
	}
	return encode(nil, top)
}

func (t *spec) canonical() object {
	o := object{"dtype": []any{}, "shape": []any{}, "optional": t.optional}
	tinies := object{}
	for _, d := range t.dtypes {
		o["dtype"] = append(o["dtype"].([]any), d.String())
		if x := t.tinyFor(d); x != nil && x.action != "allow" {
			tinies[d.String()] = object{"below": x.below.String(), "action": x.action}
		}
	}
	for _, d := range t.shape {
		var size any = d.lo
		if d.symbol != "" || d.lo != d.hi {
			size = d.String()
		}
		o["shape"] = append(o["shape"].([]any), size)
	}
	if t.dtypes[0] == Bytes {
		t.canonicalBytes(o)
	} else {
		o["allow_nan"], o["allow_inf"], o["tiny"] = t.allowNaN, t.allowInf, tinies
	}
	if t.has() {
		o["range"] = []any{t.lo.String(), t.hi.String()}
	}
	if t.vocabulary > 0 {
		o["vocabulary"] = t.vocabulary
	}
	if len(t.values) > 0 {
		o["values"] = fractions(t.values)
	}
	if t.maxNew > 0 {
		o["max_new"] = t.maxNew
	}
	if t.elements > 0 {
		o["max_elements"] = t.elements
	}
	if t.bytes > 0 {
		o["max_bytes"] = t.bytes
	}
	t.canonicalChecks(o)
	return o
}

func (t *spec) canonicalBytes(o object) {
	if len(t.texts) > 0 {
		o["values"] = texts(t.texts)
	}
	if x := t.text; x != nil {
		o["text"] = object{
			"max_bytes": x.maxBytes, "max_chars": x.maxChars, "min_chars": x.minChars,
			"utf8": x.utf8, "deny": texts(x.deny), "pattern": x.pattern,
		}
	}
}

func (t *spec) canonicalChecks(o object) {
	if f := t.flat; f != nil {
		x := object{"max_constant_fraction": f.fraction.String()}
		if f.axis != wholeTensor {
			x["axis"] = int64(f.axis)
		}
		o["flat"] = x
	}
	if z := t.normalize; z != nil {
		x := object{"kind": z.kind, "by": z.by, "axis": int64(z.axis)}
		if z.kind == "lp" {
			x["p"], x["eps"] = z.p.String(), z.eps.String()
			if z.by == "client" && z.tolerance.r != nil {
				x["tolerance"] = z.tolerance.String()
			}
		} else {
			x["mean"], x["std"] = fractions(z.mean), fractions(z.std)
		}
		o["normalize"] = x
	}
	if s := t.stats; s != nil {
		bands := func(bs []band) []any {
			all := []any{}
			for _, b := range bs {
				all = append(all, []any{b.lo.String(), b.hi.String()})
			}
			return all
		}
		o["stats"] = object{"axis": int64(s.axis), "mean": bands(s.mean), "std": bands(s.std)}
	}
	if d := t.drift; d != nil {
		x := object{"edges": fractions(d.edges), "shares": fractions(d.shares), "window": d.window, "action": d.action}
		if d.psi != nil {
			x["psi"] = d.psi.String()
		}
		if d.ks != nil {
			x["ks"] = d.ks.String()
		}
		o["drift"] = x
	}
	if b := t.balance; b != nil {
		o["balance"] = object{"psi": b.psi.String(), "shares": fractions(b.shares)}
	}
}

func texts(ss []string) []any {
	all := []any{}
	for _, s := range ss {
		all = append(all, s)
	}
	return all
}

func fractions(xs []rational) []any {
	all := []any{}
	for _, x := range xs {
		all = append(all, x.String())
	}
	return all
}

// encode appends JSON as json.dumps of Python writes it with sort_keys and the
// separators "," and ":".
func encode(b []byte, v any) []byte {
	switch v := v.(type) {
	case object:
		b = append(b, '{')
		for i, k := range slices.Sorted(maps.Keys(v)) {
			if i > 0 {
				b = append(b, ',')
			}
			b = encode(append(quote(b, k), ':'), v[k])
		}
		return append(b, '}')
	case []any:
		b = append(b, '[')
		for i, e := range v {
			if i > 0 {
				b = append(b, ',')
			}
			b = encode(b, e)
		}
		return append(b, ']')
	case int64:
		return strconv.AppendInt(b, v, 10)
	case bool:
		return strconv.AppendBool(b, v)
	case string:
		return quote(b, v)
	}
	panic(fmt.Sprintf("tensor: internal error: %T in a canonical form", v))
}

func quote(b []byte, s string) []byte {
	b = append(b, '"')
	for _, r := range s {
		switch i := strings.IndexRune("\"\\\b\f\n\r\t", r); {
		case i >= 0 && r != utf8.RuneError:
			b = append(b, '\\', `"\bfnrt`[i])
		case r >= ' ' && r <= '~':
			b = append(b, byte(r))
		case r > 0xffff:
			r -= 0x10000
			b = fmt.Appendf(b, `\u%04x\u%04x`, 0xd800+r>>10, 0xdc00+r&0x3ff)
		default:
			b = fmt.Appendf(b, `\u%04x`, r)
		}
	}
	return append(b, '"')
}
