package survey

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"io"
	"math"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/andiron-dev/andiron/internal/tensor"
)

const (
	signatureSize = 32
	bandSize      = 4   // of a signature, that have to be the same for two texts to be compared
	leastText     = 8   // words; what is shorter is not compared
	nextTexts     = 16  // that a text is compared with, of more than mostAlike that share a band
	mostPairs     = 128 // that are kept of a text
)

// signature finds the texts that may have pairs of neighbouring words in common: for each
// of so many orders of all pairs, it has a byte of the one that comes first (Broder 1997).
type signature [signatureSize]byte

// text is what is kept of the texts of a sample.
type text struct {
	sample int32 // its place among the samples
	signature
	pairs []uint32 // the least mostPairs hashes of its pairs of words, in order
}

// sketch makes the signature of one sample.
type sketch struct {
	least  [signatureSize]uint64
	pairs  []uint32 // hashes, among which are the least mostPairs
	most   uint32   // what is greater is none of these
	words  int
	before uint64 // the word before; 0 for none
	word   uint64 // so far; 0 for none
}

func newSketch() *sketch {
	s := sketch{most: math.MaxUint32}
	for i := range s.least {
		s.least[i] = math.MaxUint64
	}
	return &s
}

// text adds a text. What is not UTF-8 is none.
func (s *sketch) text(b []byte) {
	s.before, s.word = 0, 0
	if !utf8.Valid(b) {
		return
	}
	for len(b) > 0 {
		r, n := rune(b[0]), 1
		if r >= utf8.RuneSelf {
			r, n = utf8.DecodeRune(b)
		}
		b = b[n:]
		switch {
		case r >= utf8.RuneSelf && unicode.In(r, unicode.Han, unicode.Hiragana, unicode.Katakana, unicode.Thai):
			s.end() // written without spaces: each stands for a word
			s.letter(r)
			s.end()
		case unicode.IsLetter(r) || unicode.IsDigit(r) || unicode.IsMark(r):
			s.letter(unicode.ToLower(r))
		case r != '\'' && r != '’':
			s.end()
		}
	}
	s.end()
}

func (s *sketch) letter(r rune) { s.word = mixed(s.word, uint64(r)) | 1 }

// end ends a word, if there is one.
func (s *sketch) end() {
	if s.word == 0 {
		return
	}
	s.words++
	if s.before != 0 {
		pair := mixed(s.before*hashB, s.word)
		for i := range s.least {
			s.least[i] = min(s.least[i], (pair^orders[i])*hashA)
		}
		s.pair(uint32(pair * hashB >> 32))
	}
	s.before, s.word = s.word, 0
}

// pair adds the hash of a pair of words.
func (s *sketch) pair(hash uint32) {
	if hash > s.most {
		return
	}
	if s.pairs = append(s.pairs, hash); len(s.pairs) == 2*mostPairs {
		s.settle()
	}
}

// settle leaves the least mostPairs hashes, in order.
func (s *sketch) settle() {
	slices.Sort(s.pairs)
	s.pairs = slices.Compact(s.pairs)
	if len(s.pairs) >= mostPairs {
		s.pairs = s.pairs[:mostPairs]
		s.most = s.pairs[mostPairs-1]
	}
}

// orders make an order of all pairs of words each.
var orders = func() (list [signatureSize]uint64) {
	for i := range list {
		list[i] = mixed(mixed(uint64(i), 1), 2) * hashB
	}
	return list
}()

func (s *sketch) signature() (sig signature) {
	for i, v := range s.least {
		sig[i] = byte(mixed(v, 0) * hashB >> 56)
	}
	return sig
}

// document adds the texts in JSON that are values, or all of it if it is none.
func (s *sketch) document(b []byte) {
	texts, ok := values(b)
	if !ok {
		s.text(b)
		return
	}
	for _, t := range texts {
		s.text([]byte(t))
	}
}

// values are the strings of a JSON document that are no names.
func values(b []byte) (list []string, ok bool) {
	dec := json.NewDecoder(bytes.NewReader(b))
	dec.UseNumber()
	var objects []bool // what is open, an object or an array
	name := false      // whether the next string is a name
	for {
		tok, err := dec.Token()
		if err != nil {
			return list, errors.Is(err, io.EOF) && len(objects) == 0
		}
		inside := len(objects) > 0 && objects[len(objects)-1]
		switch t := tok.(type) {
		case json.Delim:
			if t == '{' || t == '[' {
				objects = append(objects, t == '{')
				name = t == '{'
				continue
			}
			objects = objects[:len(objects)-1]
			inside = len(objects) > 0 && objects[len(objects)-1]
		case string:
			if inside && name {
				name = false
				continue
			}
			list = append(list, t)
		default:
		}
		name = inside // a value has ended
	}
}

// sketches makes the signatures of the samples that have texts of enough words.
func (l *Look) sketches() {
	for i := range l.samples {
		var s *sketch
		for c := range l.columns {
			p := &l.columns[c]
			if p.tensor.DType != tensor.Bytes {
				continue
			}
			if s == nil {
				s = newSketch()
			}
			if b := p.cells.text(i); strings.HasSuffix(p.tensor.Name, "json") {
				s.document(b)
			} else {
				s.text(b)
			}
		}
		if s == nil {
			return
		}
		if s.words >= leastText {
			s.settle()
			l.texts = append(l.texts, text{int32(i), s.signature(), slices.Clone(s.pairs)})
		}
	}
}

// NearTexts are samples whose texts are nearly the same, and not all the same.
func (s *Survey) NearTexts() []Group {
	if !s.once.asked.texts {
		s.once.asked.texts, s.once.texts = true, s.findNearTexts()
	}
	return s.once.texts
}

func (s *Survey) findNearTexts() (groups []Group) {
	const bands = signatureSize / bandSize
	found := make([]union, bands)
	s.run(bands, func(i int) { found[i] = s.alikeIn(i * bandSize) })
	all := newUnion(len(s.texts))
	for _, u := range found {
		for i := range u {
			all.join(int32(i), u.root(int32(i)))
		}
	}
	members := map[int32][]int32{}
	for i := range int32(len(all)) {
		root := all.root(i)
		if root == i {
			continue
		}
		if members[root] == nil {
			members[root] = []int32{s.texts[root].sample}
		}
		members[root] = append(members[root], s.texts[i].sample)
	}
	for _, list := range members {
		first := s.Samples[list[0]].Digest
		if slices.ContainsFunc(list, func(i int32) bool { return s.Samples[i].Digest != first }) {
			groups = append(groups, s.group(list))
		}
	}
	// No two have a sample in common, so that this is one order.
	sortGroups(groups)
	return groups
}

// alikeIn puts the texts together that have the bytes of a band in common, and are alike.
func (s *Survey) alikeIn(band int) union {
	const width = 20
	u := newUnion(len(s.texts))
	b := bucketed(len(s.texts), width, func(i int32) (uint32, bool) {
		v := binary.LittleEndian.Uint32(s.texts[i].signature[band:])
		return uint32(uint64(v) * hashA >> (64 - width)), true
	})
	for k := range 1 << width {
		list, most := b.of(k), mostAlike
		if len(list) > mostAlike {
			// Those that have the most in common stand next to each other.
			slices.SortStableFunc(list, func(x, y int32) int {
				return slices.Compare(s.texts[x].signature[:], s.texts[y].signature[:])
			})
			most = nextTexts
		}
		for i, x := range list {
			for _, y := range list[i+1 : min(len(list), i+1+most)] {
				if u.root(x) != u.root(y) && s.texts[x].alike(&s.texts[y]) {
					u.join(x, y)
				}
			}
		}
	}
	return u
}

// alike reports whether two thirds of the pairs that either text has are in both. That is
// exact for texts that have no more than mostPairs together. Of longer ones the least
// hashes are a sample of the pairs, of which none is in it more likely than another
// (Broder 1997).
func (t *text) alike(u *text) bool {
	a, b := t.pairs, u.pairs
	i, j, both, all := 0, 0, 0, 0
	for ; i < len(a) && j < len(b) && all < mostPairs; all++ {
		x, y := a[i], b[j]
		if x <= y {
			i++
		}
		if y <= x {
			j++
		}
		if x == y {
			both++
		}
	}
	all = min(mostPairs, all+len(a)-i+len(b)-j)
	return 3*both >= 2*all
}

// union is which of some numbers belong together: each leads to a lower one, and the
// lowest to itself.
type union []int32

func newUnion(n int) union {
	u := make(union, n)
	for i := range u {
		u[i] = int32(i)
	}
	return u
}

func (u union) root(i int32) int32 {
	for u[i] != i {
		u[i] = u[u[i]]
		i = u[i]
	}
	return i
}

func (u union) join(i, j int32) {
	i, j = u.root(i), u.root(j)
	u[max(i, j)] = min(i, j)
}
