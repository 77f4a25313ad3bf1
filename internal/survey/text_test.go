package survey

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/andiron-dev/andiron/internal/dataset"
	"github.com/andiron-dev/andiron/internal/tensor"
)

// words are n words, some of which are common.
func words(r *rand.Rand, n int) []string {
	list := make([]string, n)
	for i := range list {
		list[i] = fmt.Sprintf("w%d", int(2000*r.Float64()*r.Float64()*r.Float64()))
	}
	return list
}

// textsOf surveys a column of texts with labels.
func textsOf(name string, texts, labels []string) *Survey {
	framed := func(list []string) (b []byte) {
		for _, s := range list {
			b = append(binary.LittleEndian.AppendUint32(b, uint32(len(s))), s...)
		}
		return b
	}
	s := New(Options{})
	n := []int64{int64(len(texts))}
	s.Add(&dataset.Rows{N: len(texts), Columns: []tensor.Tensor{
		{Name: name, DType: tensor.Bytes, Shape: n, Data: framed(texts)}, {Name: "label", DType: tensor.Bytes, Shape: n, Data: framed(labels)},
	}})
	s.Settle()
	return s
}

func TestNearTexts(t *testing.T) {
	for name, change := range map[string]func(r *rand.Rand, w []string) string{
		"one word": func(r *rand.Rand, w []string) string {
			w[r.IntN(len(w))] = "other"
			return strings.Join(w, " ")
		},
		"a word less": func(r *rand.Rand, w []string) string {
			i := r.IntN(len(w))
			return strings.Join(slices.Delete(w, i, i+1), " ")
		},
		"two words more": func(r *rand.Rand, w []string) string {
			return "well " + strings.Join(slices.Insert(w, r.IntN(len(w)), "inserted"), " ")
		},
		"halves the other way round": func(_ *rand.Rand, w []string) string {
			return strings.Join(append(slices.Clone(w[len(w)/2:]), w[:len(w)/2]...), " ")
		},
		"case, punctuation and lines": func(_ *rand.Rand, w []string) string {
			return strings.ToUpper(strings.Join(w[:5], ",\n")) + " -- " + strings.Join(w[5:], "; ") + "!"
		},
	} {
		r := rand.New(rand.NewPCG(4, 4))
		var texts, labels []string
		const pairs = 50
		for i := range pairs {
			w := words(r, 40)
			texts = append(texts, strings.Join(w, " "), change(r, slices.Clone(w)))
			labels = append(labels, "a", []string{"a", "b"}[i%2])
		}
		groups := textsOf("text", texts, labels).NearTexts()
		torn := 0
		for _, g := range groups {
			if g.Count != 2 || g.Samples[0]/2 != g.Samples[1]/2 {
				t.Errorf("%s: %+v", name, g)
			}
			if len(g.Labels) > 1 {
				torn++
			}
		}
		if len(groups) < pairs-1 || torn < pairs/2-1 {
			t.Errorf("%s: %d of %d pairs, %d of %d with different labels", name, len(groups), pairs, torn, pairs/2)
		}
	}
}

// TestTextsApart has texts that are not alike: short ones of common words, copies, and
// such as have only the names of their fields in common.
func TestTextsApart(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 5))
	var short, documents, forms, labels []string
	for i := range 4000 {
		short = append(short, strings.Join(words(r, 8+r.IntN(8)), " "))
		labels = append(labels, strconv.Itoa(i%3))
		documents = append(documents, fmt.Sprintf(`{"caption of the picture": %q, "name of the author": "x", "list of the tags": [1, {"is it all right": true}]}`, strings.Join(words(r, 9), " ")))
		forms = append(forms, fmt.Sprintf("person number %d lives in town %d street %d", i, r.IntN(20), r.IntN(9999)))
	}
	for i := range 30 { // copies are not nearly the same
		short[4*i] = short[4*i+1]
	}
	for name, texts := range map[string][]string{"text": short, "json": documents, "form": forms} {
		if groups := textsOf(name, texts, labels).NearTexts(); len(groups) > 0 {
			t.Errorf("%s: %d groups, %+v", name, len(groups), groups[0])
		}
	}
}

// TestAlike has pairs of texts of which some words differ, each of which is in two pairs of
// words. What has less than half of them in common is never alike, and what has three
// quarters nearly always; one in twenty of these is not compared.
func TestAlike(t *testing.T) {
	for _, c := range []struct {
		pairs, words, changed int
		share                 float64
		least, most           float64 // that are found
	}{
		{2000, 22, 4, 13. / 29, 0, 0},
		{500, 211, 40, 130. / 290, 0, 0},
		{100, 1051, 200, 650. / 1450, 0, 0},
		{2000, 15, 1, 12. / 16, 0.9, 1},
		{500, 211, 15, 180. / 240, 0.9, 1},
		{100, 1051, 75, 900. / 1200, 0.88, 1},
	} {
		r := rand.New(rand.NewPCG(8, 8))
		var texts []string
		for i := range c.pairs {
			w := make([]string, c.words)
			for j := range w {
				w[j] = fmt.Sprintf("w%d", r.Uint32())
			}
			texts = append(texts, strings.Join(w, " "))
			for j := range c.changed {
				w[1+j*(c.words-1)/c.changed] = fmt.Sprintf("other%dof%d", j, i)
			}
			texts = append(texts, strings.Join(w, " "))
		}
		found := float64(len(textsOf("text", texts, texts).NearTexts())) / float64(c.pairs)
		if found < c.least || found > c.most {
			t.Errorf("%d words, %.2f of their pairs in common: %.3f are found", c.words, c.share, found)
		}
	}
}

// TestManyAlike has more texts that are alike than are compared with each other.
func TestManyAlike(t *testing.T) {
	r := rand.New(rand.NewPCG(6, 6))
	const n = 3000
	base, texts, labels := words(r, 60), make([]string, n), make([]string, n)
	for i := range texts {
		w := slices.Clone(base)
		w[r.IntN(len(w))] = fmt.Sprintf("new%d", i)
		texts[i] = strings.Join(w, " ")
	}
	groups := textsOf("text", texts, labels).NearTexts()
	if len(groups) == 0 || groups[0].Count < n*99/100 {
		t.Errorf("%+v", groups)
	}
}

func TestValues(t *testing.T) {
	for in, want := range map[string][]string{
		`{"a": "b", "c": ["d", {"e": "f"}, "g"], "h": 1, "i": {}, "j": "k"}`: {"b", "d", "f", "g", "k"},
		`["a"] "b"`: {"a", "b"},
		`{"a": "b"`: nil,
		`words`:     nil,
	} {
		if got, ok := values([]byte(in)); ok != (want != nil) || ok && !slices.Equal(got, want) {
			t.Errorf("%s: %q, %v", in, got, ok)
		}
	}
}

func FuzzSketch(f *testing.F) {
	f.Add([]byte("The quick brown fox, it's said, jumps over the lazy dog."))
	f.Add([]byte(`{"a": ["b c d", 1, {"e": "f g"}]}`))
	f.Add([]byte("素早い茶色の狐 \xff"))
	f.Fuzz(func(t *testing.T, b []byte) {
		one, two := newSketch(), newSketch()
		one.document(b)
		two.document(bytes.Clone(b))
		one.settle()
		two.settle()
		if one.signature() != two.signature() || one.words != two.words || !slices.Equal(one.pairs, two.pairs) {
			t.Error("the same text has two sketches")
		}
		if !slices.IsSorted(one.pairs) || len(one.pairs) > mostPairs {
			t.Errorf("%d pairs, %v", len(one.pairs), one.pairs)
		}
	})
}

// BenchmarkSketch reads texts.
func BenchmarkSketch(b *testing.B) {
	text := []byte(strings.Join(words(rand.New(rand.NewPCG(7, 7)), 200), " "))
	b.SetBytes(int64(len(text)))
	for b.Loop() {
		newSketch().text(text)
	}
}
