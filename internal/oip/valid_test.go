package oip

import (
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
	"testing"
)

// speller writes valid requests in ways that no client would think of.
type speller struct {
	rnd *rand.Rand
	b   strings.Builder
}

func (s *speller) space() {
	for range s.rnd.IntN(3) {
		s.b.WriteByte(" \n\r\t"[s.rnd.IntN(4)])
	}
}

// put writes parts with spaces around each.
func (s *speller) put(parts ...string) {
	for _, p := range parts {
		s.space()
		s.b.WriteString(p)
		s.space()
	}
}

// text spells a text, some of its characters by escapes.
func (s *speller) text(t string) string {
	var b strings.Builder
	b.WriteByte('"')
	for _, r := range t {
		switch {
		case r == '"' || r == '\\' || r < ' ' || s.rnd.IntN(4) == 0 && r < 0x10000:
			fmt.Fprintf(&b, []string{`\u%04x`, `\u%04X`}[s.rnd.IntN(2)], r)
		case s.rnd.IntN(2) == 0 && r >= 0x10000:
			r -= 0x10000
			fmt.Fprintf(&b, `\u%04x\u%04x`, 0xd800+r>>10, 0xdc00+r&0x3ff)
		default:
			b.WriteRune(r)
		}
	}
	return b.String() + `"`
}

// element spells an element of a type.
func (s *speller) element(datatype string) string {
	rnd := s.rnd
	switch datatype {
	case "BOOL":
		return strconv.FormatBool(rnd.IntN(2) == 0)
	case "BYTES":
		return s.text([]string{"", "plain", "a\x00\"\\/\n", "é数😀", strings.Repeat("long and longer ", 5)}[rnd.IntN(5)])
	case "FP32", "FP64":
		format := []byte("feEgG")[rnd.IntN(5)]
		return strconv.FormatFloat((rnd.Float64()-0.5)*[]float64{1, 1e-30, 1e30, 1e6}[rnd.IntN(4)], format, rnd.IntN(24)-1, 64)
	case "INT64":
		return strconv.FormatInt(rnd.Int64()>>rnd.UintN(63)-rnd.Int64N(2), 10)
	case "INT8":
		return strconv.Itoa(rnd.IntN(256) - 128)
	default:
		return strconv.FormatUint(rnd.Uint64()>>rnd.UintN(64), 10)
	}
}

// data writes nested lists, or a flat one.
func (s *speller) data(datatype string, shape []int64) {
	if len(shape) == 0 {
		s.put(s.element(datatype))
		return
	}
	s.put("[")
	for i := range shape[0] {
		if i > 0 {
			s.put(",")
		}
		s.data(datatype, shape[1:])
	}
	s.put("]")
}

func (s *speller) input(name string) {
	datatype := []string{"BOOL", "BYTES", "FP32", "FP64", "INT64", "INT8", "UINT64"}[s.rnd.IntN(7)]
	shape := make([]int64, s.rnd.IntN(4))
	all := int64(1)
	for i := range shape {
		shape[i] = s.rnd.Int64N(6)
		all *= shape[i]
	}
	lists := shape
	if len(shape) == 0 || all == 0 || s.rnd.IntN(2) == 0 {
		lists = []int64{all}
	}
	members := []func(){
		func() { s.put(s.text("name"), ":", s.text(name)) },
		func() { s.put(s.text("shape"), ":", strings.ReplaceAll(spell(shape), ",", " , ")) },
		func() { s.put(s.text("datatype"), ":", s.text(datatype)) },
		func() { s.put(s.text("data"), ":"); s.data(datatype, lists) },
	}
	s.rnd.Shuffle(len(members), func(i, j int) { members[i], members[j] = members[j], members[i] })
	for i, m := range members {
		s.put(map[bool]string{true: "{", false: ","}[i == 0])
		m()
	}
	s.put("}")
}

// TestValidDocuments: what is valid is read, in every spelling, and is what
// encoding/json reads.
func TestValidDocuments(t *testing.T) {
	s := &speller{rnd: rand.New(rand.NewPCG(5, 6))}
	for range 2000 {
		s.b.Reset()
		s.put("{", s.text("inputs"), ":", "[")
		for i := range s.rnd.IntN(3) {
			if i > 0 {
				s.put(",")
			}
			s.input([]string{"x", "größe", "a b/c:[0]"}[i])
		}
		s.put("]", "}")
		body := []byte(s.b.String())
		if _, err := ParseJSON(body, fuzzOptions); err != nil {
			t.Fatalf("%s: %v", body, err)
		}
		asEncodingJSON(t, "json", body)
	}
}
