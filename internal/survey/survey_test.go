package survey

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/andiron-dev/andiron/internal/dataset"
	"github.com/andiron-dev/andiron/internal/tensor"
	"github.com/andiron-dev/andiron/internal/tensorfile"
	"github.com/andiron-dev/andiron/internal/testkit"
)

// pictures are made for a test.
type pictures struct{ *testkit.Pictures }

func drawn(n, side int, noise, seed uint64) *pictures {
	return &pictures{testkit.Drawn(n, side, noise, seed)}
}

func (p *pictures) image(i int) []byte { return p.Image(i) }

// copied is the same pictures, to be changed.
func (p *pictures) copied() *pictures { return &pictures{p.Copied()} }

// set is the pictures as a data set of two arrays.
func (p *pictures) set(t testing.TB) dataset.Set {
	t.Helper()
	labels := make([]byte, 0, 8*len(p.Labels))
	for _, l := range p.Labels {
		labels = binary.LittleEndian.AppendUint64(labels, uint64(l))
	}
	n := int64(len(p.Labels))
	of := func(name string, d tensor.DType, data []byte, shape ...int64) tensorfile.Tensor {
		return tensorfile.Tensor{Source: tensor.Source{
			Name: name, DType: d, Shape: shape, Bytes: int64(len(data)),
			Open: func() (io.Reader, error) { return &reader{data}, nil },
		}}
	}
	set, err := dataset.Arrays([]dataset.Part{{Name: "x", File: &tensorfile.File{Tensors: []tensorfile.Tensor{
		of("image", tensor.Uint8, p.Pixels, n, int64(p.Side), int64(p.Side)), of("label", tensor.Int64, labels, n),
	}}}}, 0, dataset.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	return set
}

type reader struct{ b []byte }

func (r *reader) Read(p []byte) (int, error) {
	if len(r.b) == 0 {
		return 0, io.EOF
	}
	n := copy(p, r.b)
	r.b = r.b[n:]
	return n, nil
}

func (p *pictures) survey(t testing.TB) *Survey {
	t.Helper()
	s, set := New(Options{}), p.set(t)
	for {
		rows, err := set.Next()
		if errors.Is(err, io.EOF) {
			return s
		}
		if err != nil {
			t.Fatal(err)
		}
		s.Add(rows)
	}
}

// patches are those of the only column of images.
func (p *pictures) patches(t testing.TB) PatchSearch {
	t.Helper()
	return p.survey(t).Patches()[0]
}

// poison stamps a share of the pictures of other kinds, and labels them 3.
func (p *pictures) poison(share float64, stamp func(img []byte, r *rand.Rand)) (stamped []int64) {
	return p.poisoned(3, 5, share, stamp)
}

// poisoned does so for any label, with the pictures that a seed chooses.
func (p *pictures) poisoned(label int64, seed uint64, share float64, stamp func(img []byte, r *rand.Rand)) (stamped []int64) {
	random := rand.New(rand.NewPCG(seed, 6))
	for _, i := range random.Perm(len(p.Labels)) {
		if p.Labels[i] == label {
			continue
		}
		stamp(p.image(i), random)
		p.Labels[i] = label
		stamped = append(stamped, int64(i))
		if float64(len(stamped)) >= share*float64(len(p.Labels)) {
			break
		}
	}
	slices.Sort(stamped)
	return stamped
}

// pattern is a checker of three by three pixels at one place.
func pattern(side, y, x int, value func(i, j int) byte) func([]byte, *rand.Rand) {
	return func(img []byte, _ *rand.Rand) {
		for i := range 3 {
			for j := range 3 {
				img[(y+i)*side+x+j] = value(i, j)
			}
		}
	}
}

func checker(i, j int) byte { return byte(255 * ((i + j) % 2)) }
func square(_, _ int) byte  { return 255 }

func TestPatches(t *testing.T) {
	const side = 28
	clean := drawn(2000, side, 0, 1)
	quiet(t, "clean", clean)
	for name, stamp := range map[string]func([]byte, *rand.Rand){
		"square":  pattern(side, 24, 24, square),
		"checker": pattern(side, 2, 3, checker),
		"pixel":   func(img []byte, _ *rand.Rand) { img[side+1] = 255 },
		"moving checker": func(img []byte, r *rand.Rand) {
			pattern(side, r.IntN(25), r.IntN(25), checker)(img, nil)
		},
	} {
		finds(t, name, clean.copied(), stamp)
	}
	noisy := drawn(2000, side, 12, 1)
	quiet(t, "noisy", noisy)
	finds(t, "noisy square", noisy, pattern(side, 24, 24, square))
}

func quiet(t *testing.T, name string, p *pictures) {
	t.Helper()
	if found := p.patches(t); len(found.Patches) > 0 || found.Refused != "" || found.Looked != len(p.Labels) || !found.Whole {
		t.Errorf("%s: %v, refused %q", name, shortly(found), found.Refused)
	}
}

// finds stamps one picture in a hundred and wants all of them found, and nothing else.
func finds(t *testing.T, name string, p *pictures, stamp func([]byte, *rand.Rand)) {
	t.Helper()
	stamped := p.poison(0.01, stamp)
	found := p.patches(t)
	if len(found.Patches) != 1 {
		t.Errorf("%s: %v, refused %q", name, shortly(found), found.Refused)
		return
	}
	got := found.Patches[0]
	for _, i := range stamped {
		if !slices.Contains(got.Samples, i) {
			t.Errorf("%s: sample %d is not found", name, i)
		}
	}
	if got.Label != "3" || got.Moving != (name == "moving checker") || found.Least.Standing > 20 {
		t.Errorf("%s: %v, of %d samples at least", name, shortly(found), found.Least)
	}
}

func shortly(s PatchSearch) (list []string) {
	for _, p := range s.Patches {
		list = append(list, fmt.Sprintf("%d px at %d,%d moving %v: label %s %d of %d", p.Size, p.Y, p.X, p.Moving, p.Label, p.Of, p.Count))
	}
	return list
}
