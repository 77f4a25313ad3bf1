package tensor

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

// spec is what a schema says about one tensor.
type spec struct {
	name     string
	line     int
	dtypes   []DType // sorted by name
	shape    []dim
	optional bool

	allowNaN, allowInf bool
	lo, hi             rational // r is nil and inf is 0 where there is no range
	vocabulary         int64
	values             []rational
	texts              []string
	maxNew             int64 // elements that may have another value
	tiny               *tiny
	elements, bytes    int64 // 0 without a limit of its own
	flat               *flat
	normalize          *normalize
	stats              *stats
	drift              *drift
	balance            *balance
	text               *textRules

	compiled map[DType]compiled
}

// dim is one size of a shape: fixed, a symbol, or any.
type dim struct {
	symbol string
	span
}

func (d dim) String() string {
	switch {
	case d.symbol != "":
		return d.symbol
	case d.hi == maxDim:
		return "_"
	}
	return d.span.String()
}

// compiled has what is compared in one type.
type compiled struct {
	want   Want
	tiny   string  // what is done with values below want.Tiny: reject, flush or nothing
	values []int64 // sorted keys, or nil
}

type tiny struct {
	below  rational
	action string // reject, flush or allow
}

type flat struct {
	fraction rational
	axis     int // -1 for the whole tensor
}

type normalize struct {
	kind      string // standardize or lp
	by        string // model, gateway or client
	axis      int
	mean, std []rational
	p         rational
	eps       rational
	tolerance rational
}

// band is a closed interval of reals.
type band struct{ lo, hi rational }

type stats struct {
	axis      int
	mean, std []band
}

type drift struct {
	edges   []rational
	shares  []rational
	psi, ks *rational
	window  int64
	action  string // alert or reject
}

func (t *spec) has() (ranged bool) { return t.lo.r != nil || t.lo.inf != 0 }

// tensor reads what a schema says about one tensor.
func (s *Schema) tensor(g Group, name string, k, n *yaml.Node) (*spec, error) {
	t, prefix := &spec{name: name, line: k.Line}, string(g)+"."+name+"."
	nonfinite, shaped := "", false
	err := keys(n, prefix, map[string]reader{
		"dtype": t.readDTypes,
		"shape": func(n *yaml.Node) error { shaped = true; return t.readShape(n) },
		"dims":  s.symbols, "optional": boolean(&t.optional),
		"nonfinite": one(&nonfinite, "reject", "allow_nan", "allow_inf", "allow"),
		"range":     t.readRange, "vocabulary": count(&t.vocabulary, 1, maxDim),
		"values": func(n *yaml.Node) error { return t.readValues(n, s.files) }, "max_new": count(&t.maxNew, 0, maxElements), "tiny": t.readTiny,
		"max_elements": count(&t.elements, 1, maxElements), "max_bytes": size(&t.bytes, maxBytes),
		"flat":      func(n *yaml.Node) error { return t.readFlat(n, prefix) },
		"normalize": func(n *yaml.Node) error { return t.readNormalize(n, prefix) },
		"stats":     func(n *yaml.Node) error { return t.readStats(n, prefix) },
		"drift":     func(n *yaml.Node) error { return t.readDrift(n, prefix) },
		"balance":   func(n *yaml.Node) error { return t.readBalance(n, prefix) },
		"text":      func(n *yaml.Node) error { return t.readText(n, prefix) },
	})
	switch {
	case err != nil:
		return nil, err
	case len(t.dtypes) == 0:
		return nil, fault(k, "%q has no dtype", name)
	case !shaped:
		return nil, fault(k, "%q has no shape: [] is a single number, _ any size", name)
	}
	t.allowNaN = nonfinite == "allow" || nonfinite == "allow_nan"
	t.allowInf = nonfinite == "allow" || nonfinite == "allow_inf"
	if t.balance != nil && g != Labels {
		return nil, fault(k, "%q: balance is about labels", name)
	}
	if err := t.fits(nonfinite != ""); err != nil {
		return nil, fault(k, "%q: %w", name, err)
	}
	return t, t.compile(k)
}

func (t *spec) readDTypes(n *yaml.Node) error {
	read := func(n *yaml.Node) error {
		d, err := ParseDType(n.Value)
		if err == nil && n.Kind != yaml.ScalarNode {
			err = errors.New("a dtype is a name")
		}
		if err == nil && slices.Contains(t.dtypes, d) {
			err = fmt.Errorf("dtype %s stands twice", d)
		}
		t.dtypes = append(t.dtypes, d)
		return at(n, err)
	}
	if n.Kind != yaml.SequenceNode {
		return read(n)
	}
	err := list(n, len(formats), read)
	slices.SortFunc(t.dtypes, func(a, b DType) int { return strings.Compare(a.String(), b.String()) })
	return err
}

func (t *spec) readShape(n *yaml.Node) error {
	if n.Kind == yaml.SequenceNode && len(n.Content) == 0 {
		return nil
	}
	return list(n, maxRank, func(e *yaml.Node) error {
		if e.Kind != yaml.ScalarNode {
			return fault(e, "a size is a number, a symbol or _")
		}
		switch size, err := whole(e.Value, 0, maxDim); {
		case e.Value == "_":
			t.shape = append(t.shape, dim{span: span{1, maxDim}})
		case isSymbol(e.Value):
			t.shape = append(t.shape, dim{symbol: e.Value})
		case err != nil:
			return fault(e, "%q is not a size: a number, a symbol or _", clip(e.Value))
		default:
			t.shape = append(t.shape, dim{span: span{size, size}})
		}
		return nil
	})
}

func (t *spec) readRange(n *yaml.Node) error {
	var ends []rational
	err := list(n, 2, func(e *yaml.Node) error {
		s, err := scalar(e)
		if err != nil {
			return err
		}
		x, err := parseBound(s)
		ends = append(ends, x)
		return at(e, err)
	})
	if err != nil {
		return err
	}
	if len(ends) != 2 || ends[0].cmp(ends[1]) > 0 || ends[0].inf > 0 || ends[1].inf < 0 || ends[0].inf < 0 && ends[1].inf > 0 {
		return fault(n, "a range is a lower and an upper bound, of which one may be infinite")
	}
	t.lo, t.hi = ends[0], ends[1]
	return nil
}

// readValues keeps the values as texts until the type is known.
func (t *spec) readValues(n *yaml.Node, files Files) error {
	if n.Kind == yaml.ScalarNode {
		return t.readValueFile(n, files)
	}
	return list(n, maxValues, func(e *yaml.Node) error {
		if e.Kind != yaml.ScalarNode {
			return fault(e, "a value is a number or a text")
		}
		if len(e.Value) > maxValueLength {
			return fault(e, "a value has more than %d bytes", maxValueLength)
		}
		t.texts = append(t.texts, e.Value)
		return nil
	})
}

func (t *spec) readTiny(n *yaml.Node) error {
	t.tiny = &tiny{action: "reject"}
	if n.Kind == yaml.ScalarNode {
		return one(&t.tiny.action, "reject", "flush", "allow")(n)
	}
	return keys(n, t.name+".tiny.", map[string]reader{
		"below":  number(&t.tiny.below, mustReal("2^-1074"), integer(1)),
		"action": one(&t.tiny.action, "reject", "flush", "allow"),
	})
}

func mustReal(s string) rational {
	x, err := parseReal(s)
	if err != nil {
		panic("tensor: internal error: " + err.Error())
	}
	return x
}

// axis reads the number of a dimension; those below 0 count from the end.
func (t *spec) axis(to *int, given *bool) reader {
	return func(n *yaml.Node) error {
		x, err := whole(n.Value, -maxRank, maxRank-1)
		*to, *given = int(x), true
		return at(n, err)
	}
}

func (t *spec) readFlat(n *yaml.Node, prefix string) error {
	f, given := &flat{}, false
	err := keys(n, prefix+"flat.", map[string]reader{
		"max_constant_fraction": number(&f.fraction, mustReal("0.5"), integer(1)),
		"axis":                  t.axis(&f.axis, &given),
	})
	if err == nil && (f.fraction.r == nil || f.fraction.cmp(integer(1)) == 0) {
		err = fault(n, "flat needs max_constant_fraction, from 0.5 to less than 1")
	}
	if !given {
		f.axis = wholeTensor
	}
	t.flat = f
	return err
}

// wholeTensor is the axis of a check of the whole tensor.
const wholeTensor = -1000

func reals(to *[]rational, lo, hi rational) reader {
	return func(n *yaml.Node) error {
		return list(n, maxValues, func(e *yaml.Node) error {
			var x rational
			err := number(&x, lo, hi)(e)
			*to = append(*to, x)
			return err
		})
	}
}

func (t *spec) readNormalize(n *yaml.Node, prefix string) error {
	z := &normalize{p: integer(2), eps: mustReal("1e-12"), by: "model", axis: 1}
	big, given := mustReal("1e30"), false
	seen := map[string]bool{}
	set := func(key string, r reader) reader {
		return func(n *yaml.Node) error { seen[key] = true; return r(n) }
	}
	err := keys(n, prefix+"normalize.", map[string]reader{
		"kind": one(&z.kind, "standardize", "lp"), "by": one(&z.by, "model", "gateway", "client"),
		"axis": t.axis(&z.axis, &given),
		"mean": set("mean", reals(&z.mean, mustReal("-1e30"), big)), "std": set("std", reals(&z.std, mustReal("1e-30"), big)),
		"p": set("p", number(&z.p, integer(1), integer(64))), "eps": set("eps", number(&z.eps, mustReal("0"), integer(1))),
		"tolerance": set("tolerance", number(&z.tolerance, mustReal("1e-9"), integer(1))),
	})
	t.normalize = z
	switch {
	case err != nil:
		return err
	case z.kind == "":
		return fault(n, "normalize needs kind: standardize is (x - mean) / std, lp is x / max(norm, eps)")
	case z.kind == "standardize" && (seen["p"] || seen["eps"] || seen["tolerance"]):
		return fault(n, "p, eps and tolerance belong to kind lp")
	case z.kind == "standardize" && (len(z.mean) == 0 || len(z.mean) != len(z.std)):
		return fault(n, "standardize needs mean and std, of the same length")
	case z.kind == "lp" && (seen["mean"] || seen["std"]):
		return fault(n, "mean and std belong to kind standardize")
	case seen["tolerance"] && z.by != "client":
		return fault(n, "tolerance is about what a client has normalised: it needs by: client")
	}
	return nil
}

func (t *spec) readStats(n *yaml.Node, prefix string) error {
	st, given := &stats{}, false
	bands := func(to *[]band) reader {
		return func(n *yaml.Node) error {
			return list(n, maxValues, func(e *yaml.Node) error {
				lo, hi, two := strings.Cut(e.Value, "..")
				a, err := parseReal(lo)
				b, err2 := parseReal(hi)
				if !two || err != nil || err2 != nil || a.cmp(b) > 0 {
					return fault(e, "%q is not two numbers with .. between them, such as 0.30..0.65", clip(e.Value))
				}
				*to = append(*to, band{a, b})
				return nil
			})
		}
	}
	err := keys(n, prefix+"stats.", map[string]reader{"axis": t.axis(&st.axis, &given), "mean": bands(&st.mean), "std": bands(&st.std)})
	t.stats = st
	switch {
	case err != nil:
		return err
	case !given || len(st.mean)+len(st.std) == 0:
		return fault(n, "stats needs axis, and mean or std")
	case len(st.mean) > 1 && len(st.std) > 1 && len(st.mean) != len(st.std):
		return fault(n, "mean and std have different lengths")
	}
	return nil
}

func (t *spec) readDrift(n *yaml.Node, prefix string) error {
	d := &drift{window: 1000, action: "alert"}
	big := mustReal("1e300")
	share := func(to **rational) reader {
		return func(n *yaml.Node) error {
			*to = new(rational)
			return number(*to, mustReal("1e-6"), integer(100))(n)
		}
	}
	err := keys(n, prefix+"drift.", map[string]reader{
		"edges": reals(&d.edges, mustReal("-1e300"), big), "shares": reals(&d.shares, integer(0), integer(1)),
		"psi": share(&d.psi), "ks": share(&d.ks), "window": count(&d.window, 1, 1<<30),
		"action": one(&d.action, "alert", "reject"),
	})
	t.drift = d
	switch {
	case err != nil:
		return err
	case len(d.edges) == 0 || len(d.shares) != len(d.edges)+1:
		return fault(n, "drift needs edges, and shares, of which there is one more")
	case !slices.IsSortedFunc(d.edges, rational.cmp):
		return fault(n, "edges do not rise")
	case d.psi == nil && d.ks == nil:
		return fault(n, "drift needs psi or ks: without a bound nothing drifts")
	}
	for i := 1; i < len(d.edges); i++ {
		if d.edges[i-1].cmp(d.edges[i]) == 0 {
			return fault(n, "edges do not rise")
		}
	}
	return whole1(n, d.shares)
}

// whole1 wants shares that are all there is.
func whole1(n *yaml.Node, shares []rational) error {
	sum := integer(0)
	for _, x := range shares {
		sum.r.Add(sum.r, x.r)
	}
	if sum.r.Sub(sum.r, integer(1).r); sum.r.Abs(sum.r).Cmp(mustReal("1e-6").r) > 0 {
		return fault(n, "shares do not add up to 1")
	}
	return nil
}

// classes are the words that text.deny knows, with the characters they stand for.
// They are lists of code points and no Unicode properties, so that every
// implementation refuses the same.
func classes() map[string][]span {
	return map[string][]span{
		"control":   {{0, 8}, {0xb, 0xc}, {0xe, 0x1f}, {0x7f, 0x9f}},
		"newline":   {{0xa, 0xd}, {0x85, 0x85}, {0x2028, 0x2029}},
		"bidi":      {{0x61c, 0x61c}, {0x200e, 0x200f}, {0x202a, 0x202e}, {0x2066, 0x2069}},
		"invisible": {{0xad, 0xad}, {0x34f, 0x34f}, {0x115f, 0x1160}, {0x17b4, 0x17b5}, {0x180b, 0x180f}, {0x200b, 0x200d}, {0x2060, 0x2064}, {0x206a, 0x206f}, {0x3164, 0x3164}, {0xfeff, 0xfeff}, {0xffa0, 0xffa0}, {0xfff9, 0xfffb}, {0xe0000, 0xe007f}, {0xe0100, 0xe01ef}},
		"private":   {{0xe000, 0xf8ff}, {0xf0000, 0xffffd}, {0x100000, 0x10fffd}},
		"non_ascii": {{0x80, 0x10ffff}},
	}
}

type textRules struct {
	maxBytes, maxChars, minChars int64
	utf8                         bool
	deny                         []string // sorted
	pattern                      string
	match                        *regexp.Regexp
	denied                       []span
}
