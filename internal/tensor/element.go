package tensor

import (
	"cmp"
	"encoding/binary"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// elements checks what is in a tensor whose type, shape and size are right.
func (c *checker) elements(t *spec, in *Tensor) error {
	src := c.sources[in]
	if src != nil && t.needsWhole() {
		data, err := src.whole()
		if err != nil {
			return err
		}
		in.Data = data
		defer func() { in.Data = nil }()
	}
	if in.DType == Bytes {
		c.texts(t, in)
		return nil
	}
	want := t.compiled[in.DType]
	s, err := c.look(in, src, want.want)
	if err != nil {
		return err
	}
	c.scanned(t, in, s, want)
	if want.values != nil {
		c.values(t, in, want.values)
	}
	if t.flat != nil {
		c.flat(t, in)
	}
	if t.stats != nil {
		c.stats(t, in)
	}
	if t.normalize != nil && t.normalize.kind == "lp" && t.normalize.by == "client" {
		c.norms(t, in)
	}
	return nil
}

// needsWhole reports whether more is asked of the elements than one pass answers.
func (t *spec) needsWhole() bool {
	return t.dtypes[0] == Bytes || len(t.values) > 0 || t.flat != nil || t.stats != nil ||
		t.normalize != nil && t.normalize.kind == "lp" && t.normalize.by == "client"
}

// number of elements of a tensor that is sound.
func (in *Tensor) len() int64 { return int64(len(in.Data) / in.DType.Size()) }

// offence adds a violation of elements.
func (c *checker) offence(code Code, in *Tensor, n Tally, got, want, hint string) {
	of, _ := numel(in.Shape)
	c.add(Violation{
		Code: code, Input: in.Name, Index: unravel(n.First, in.Shape), Flat: n.First,
		Got: got, Want: want, Count: n.Count, Of: of, Hint: hint,
	})
}

func (c *checker) scanned(t *spec, in *Tensor, s seen, want compiled) {
	if s.NaN.Count > 0 && !t.allowNaN {
		c.offence(CodeNaN, in, s.NaN, "NaN", "a number", "a value is missing, or a division by zero lies upstream; nan_to_num hides it")
	}
	if s.Inf.Count > 0 && !t.allowInf {
		hint := ""
		if in.DType == Float16 {
			hint = "float16 ends at 65504: a larger value becomes infinite when it is converted"
		}
		got := in.DType.show(s.inf)
		c.offence(CodeInf, in, s.Inf, got, "a finite number", hint)
	}
	if s.Tiny.Count > 0 && want.tiny == "reject" {
		got, limit := in.DType.show(s.tiny), in.DType.show(want.want.Tiny)
		c.offence(CodeTiny, in, s.Tiny, got, "0 or a magnitude of at least "+limit, "such values make a CPU up to a hundred times slower; set them to 0")
	}
	if s.Out.Count == 0 {
		return
	}
	got := in.DType.show(s.out)
	hint := t.hintRange(in.DType, s.Scan, worst(s.out, s.Scan, want.want), s.out)
	switch {
	case t.vocabulary > 0:
		c.offence(CodeToken, in, s.Out, got, fmt.Sprintf("an id from 0 to %d", t.vocabulary-1), hint)
	case in.DType == Bool:
		c.offence(CodeBool, in, s.Out, got, "a byte of 0 or 1", hint)
	default:
		c.offence(CodeRange, in, s.Out, got, fmt.Sprintf("in [%s, %s]", bound(t.lo), bound(t.hi)), hint)
	}
}

// worst is the extreme that lies farthest on the side of the first offender.
func worst(first int64, s Scan, w Want) int64 {
	if first < w.Lo {
		return s.Min
	}
	return s.Max
}

// bound spells a number of the schema as a person would.
func bound(x rational) string {
	if x.inf != 0 || x.r.IsInt() && len(x.String()) <= 20 {
		return x.String()
	}
	return strconv.FormatFloat(x.float(), 'g', -1, 64)
}

// plus makes one value of the two zeros.
func plus(d DType, key int64) int64 {
	if key == -1 && d.isFloat() && !formats[d].fnuz {
		return 0
	}
	return key
}

// isNumber is false for infinities and NaNs.
func (d DType) isNumber(key int64) bool {
	f := &formats[d]
	return f.kind != floating || key^key>>63 <= f.top && !(f.fnuz && key == -1)
}

func (c *checker) values(t *spec, in *Tensor, values []int64) {
	bad, keyOf := Tally{First: -1}, in.keys()
	for i := range int(in.len()) {
		key := keyOf(i)
		if !in.DType.isNumber(key) { // nonfinite has said
			continue
		}
		if _, ok := slices.BinarySearch(values, plus(in.DType, key)); !ok {
			bad.add(i)
		}
	}
	if bad.Count > t.maxNew {
		got := in.DType.show(Key(in.DType, in.Data, int(bad.First)))
		c.offence(CodeValue, in, bad, got, oneOf(t.values)+t.butFor(), "")
	}
}

// butFor says how many elements may have another value.
func (t *spec) butFor() string {
	if t.maxNew == 0 {
		return ""
	}
	return fmt.Sprintf(", but for %d elements", t.maxNew)
}

func oneOf(values []rational) string {
	shown := make([]string, 0, 8)
	for _, x := range values[:min(len(values), 8)] {
		shown = append(shown, bound(x))
	}
	if len(values) > 8 {
		return fmt.Sprintf("one of %d values: %s, …", len(values), strings.Join(shown, ", "))
	}
	return "one of " + strings.Join(shown, ", ")
}

// texts checks the elements of a tensor of bytes: a length of four bytes, then the
// bytes.
func (c *checker) texts(t *spec, in *Tensor) {
	of, _ := numel(in.Shape)
	broken := func(i int64, got string) {
		index := unravel(min(i, max(of-1, 0)), positive(in.Shape))
		c.add(Violation{
			Code: CodeFraming, Input: in.Name, Index: index, Flat: min(i, max(of-1, 0)), Got: got,
			Want: fmt.Sprintf("%d elements of a length of 4 bytes and as many bytes", of), Count: 1, Of: of,
		})
	}
	rest := in.Data
	for i := range of {
		if len(rest) < 4 {
			broken(i, fmt.Sprintf("%d bytes where a length is", len(rest)))
			return
		}
		n := uint64(binary.LittleEndian.Uint32(rest))
		if n > uint64(len(rest)-4) {
			broken(i, fmt.Sprintf("a length of %d, and %d bytes", n, len(rest)-4))
			return
		}
		rest = rest[4+n:]
	}
	if len(rest) > 0 {
		broken(of, fmt.Sprintf("%d bytes behind the last element", len(rest)))
		return
	}
	c.textRules(t, in, of)
}

// positive replaces sizes of 0, by which no index can be divided.
func positive(shape []int64) []int64 {
	out := slices.Clone(shape)
	for i, n := range out {
		out[i] = max(n, 1)
	}
	return out
}

type textTallies struct {
	size, utf8, char, match, value Tally
	denied                         rune   // the first
	sizes                          string // of the first that is too long or too short
}

func (c *checker) textRules(t *spec, in *Tensor, of int64) {
	var s textTallies
	rest := in.Data
	for i := range int(of) {
		n := int(binary.LittleEndian.Uint32(rest))
		element := rest[4 : 4+n]
		rest = rest[4+n:]
		if t.text != nil {
			t.text.check(i, element, &s)
		}
		if len(t.texts) > 0 {
			if _, ok := slices.BinarySearchFunc(t.texts, string(element), strings.Compare); !ok {
				s.value.add(i)
			}
		}
	}
	if s.value.Count > t.maxNew {
		c.offence(CodeValue, in, s.value, "a text that is not listed", fmt.Sprintf("one of %d texts", len(t.texts))+t.butFor(), "")
	}
	if s.size.Count > 0 {
		c.offence(CodeTextSize, in, s.size, s.sizes, t.text.wantSize(), "")
	}
	if s.utf8.Count > 0 {
		c.offence(CodeTextUTF8, in, s.utf8, "bytes that are no UTF-8", "UTF-8", "")
	}
	if s.char.Count > 0 {
		c.offence(CodeTextChar, in, s.char, fmt.Sprintf("U+%04X", s.denied), "no character of "+strings.Join(t.text.deny, ", "), "")
	}
	if s.match.Count > 0 {
		c.offence(CodeTextMatch, in, s.match, "a text that does not match", fmt.Sprintf("all of it to match %q", t.text.pattern), "")
	}
}

func (x *textRules) wantSize() string {
	parts := []string{fmt.Sprintf("at most %d bytes", x.maxBytes)}
	if x.minChars > 0 {
		parts = append(parts, fmt.Sprintf("at least %d characters", x.minChars))
	}
	if x.maxChars > 0 {
		parts = append(parts, fmt.Sprintf("at most %d characters", x.maxChars))
	}
	return strings.Join(parts, ", ")
}

// check looks at one element. One that is too long or no UTF-8 is not looked at
// further.
func (x *textRules) check(i int, element []byte, s *textTallies) {
	chars := int64(-1)
	if int64(len(element)) <= x.maxBytes {
		if !x.utf8 {
			return
		}
		if !utf8.Valid(element) {
			s.utf8.add(i)
			return
		}
		chars = int64(utf8.RuneCount(element))
	}
	if chars < 0 || chars < x.minChars || x.maxChars > 0 && chars > x.maxChars {
		if s.size.add(i); s.size.Count == 1 {
			s.sizes = fmt.Sprintf("%d bytes", len(element))
			if chars >= 0 {
				s.sizes += fmt.Sprintf(", %d characters", chars)
			}
		}
		return
	}
	for _, r := range string(element) {
		if x.denies(r) {
			if s.char.add(i); s.char.Count == 1 {
				s.denied = r
			}
			break
		}
	}
	if x.match != nil && !x.match.Match(element) {
		s.match.add(i)
	}
}

func (x *textRules) denies(r rune) bool {
	i, found := slices.BinarySearchFunc(x.denied, int64(r), func(s span, r int64) int { return cmp.Compare(s.lo, r) })
	return found || i > 0 && int64(r) <= x.denied[i-1].hi
}
