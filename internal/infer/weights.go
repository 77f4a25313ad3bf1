package infer

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/andiron-dev/andiron/internal/safetext"
	"github.com/andiron-dev/andiron/internal/tensor"
)

// Weight is a tensor of a model: its name, type and shape.
type Weight struct {
	Name  string
	DType tensor.DType
	Shape []int64
}

// layer is what a tensor goes into first.
type layer struct {
	kind   string // conv1d, conv2d, conv3d, linear, embedding
	weight Weight
}

// input is the type and shape that a layer takes.
func (d *Draft) input(e *entry, source string, l layer, note string) error {
	w := l.weight
	dtype := w.DType
	shape := []size{{n: -1}}
	switch l.kind {
	case "embedding":
		dtype = tensor.Int64
		shape = append(shape, size{-1, d.sequence()})
	case "linear":
		shape = append(shape, size{n: w.Shape[1]})
		note += "; decide: there may be more dimensions before the last"
	default:
		shape = append(shape, size{n: w.Shape[1]})
		for range len(w.Shape) - 2 {
			shape = append(shape, size{n: -1})
		}
		note += "; decide: a grouped convolution has more channels"
	}
	if err := d.describe(e, source, []tensor.DType{dtype}, shape); err != nil {
		return err
	}
	what := learned(source) + ": " + safe(w.Name) + " has the shape " + sizes(w.Shape)
	if e.notes["shape"] == learned(source) {
		e.notes["shape"] = what + note
	}
	if l.kind == "embedding" {
		e.vocabulary(w.Shape[0], learned(source)+": rows of "+safe(w.Name))
	}
	return nil
}

// sequence is the symbol for how many tokens there are.
func (d *Draft) sequence() string {
	d.symbol("S", 1, guessSize, "decide: how many tokens; "+strconv.Itoa(guessSize)+" is a guess").open = true
	return "S"
}

func sizes(shape []int64) string {
	all := make([]string, 0, len(shape))
	for _, n := range shape {
		all = append(all, strconv.FormatInt(n, 10))
	}
	return "[" + strings.Join(all, ", ") + "]"
}

// Weights guesses the input of a model of which only weights are there: the first
// that looks like a table of tokens, a convolution or a linear layer. Nothing says in
// which order they are used.
func (d *Draft) Weights(source string, all []Weight) error {
	d.used(source)
	for _, guess := range []struct{ kind, name string }{{"embedding", "input_ids"}, {"conv", "image"}, {"linear", "features"}} {
		for _, w := range all {
			l, ok := layerOf(guess.kind, w)
			if !ok {
				continue
			}
			e, err := d.guessed(guess.name, guess.kind)
			if err != nil {
				return err
			}
			return d.input(e, source, l, "; decide: whether it is the first layer")
		}
	}
	return fmt.Errorf("%w: no weights of a layer that takes an input; samples are given as --samples %s", errNothing, safetext.Plain(source))
}

// guessed is the only input that another source has, or a new one.
func (d *Draft) guessed(name, kind string) (*entry, error) {
	if len(d.inputs) == 1 {
		return d.inputs[0], nil
	}
	for _, e := range d.inputs {
		integer := len(e.dtypes) > 0 && strings.HasPrefix(e.dtypes[0].String(), "int")
		if e.name == name || kind == "embedding" && integer && strings.Contains(e.name, "ids") {
			return e, nil
		}
	}
	return d.add(&d.inputs, name)
}

// tokens are parts of names that tables of token embeddings have in the models of
// this world.
var tokens = pattern(`(?i)(^|[._])(wte|embed_tokens|word_embeddings|tok_embeddings|token_embedding|tokens?|shared|emb|embeddings?)([._]|$)`)

// layerOf says what layer a weight looks like.
func layerOf(kind string, w Weight) (layer, bool) {
	if !strings.HasSuffix(w.Name, "weight") || !strings.Contains(w.DType.String(), "float") {
		return layer{}, false
	}
	for _, n := range w.Shape {
		if n < 1 {
			return layer{}, false
		}
	}
	switch rank := len(w.Shape); {
	case kind == "embedding" && rank == 2 && tokens().MatchString(w.Name):
		return layer{"embedding", w}, true
	case kind == "conv" && rank >= 3 && rank <= 5:
		return layer{"conv" + strconv.Itoa(rank-2) + "d", w}, true
	case kind == "linear" && rank == 2 && !tokens().MatchString(w.Name):
		return layer{"linear", w}, true
	}
	return layer{}, false
}
