package survey

import (
	"encoding/binary"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/andiron-dev/andiron/internal/dataset"
	"github.com/andiron-dev/andiron/internal/tensor"
)

// column makes a column of so many samples, of which each ends with the number given.
func column(name string, d tensor.DType, each int, numbers []uint16) tensor.Tensor {
	x := tensor.Tensor{Name: name, DType: d, Shape: []int64{int64(len(numbers))}}
	for _, n := range numbers {
		cell := make([]byte, each)
		if d == tensor.Bytes { // the length as well is that of the number
			cell = make([]byte, 4+int(n)+2)
			binary.LittleEndian.PutUint32(cell, uint32(n)+2)
		}
		binary.LittleEndian.PutUint16(cell[len(cell)-2:], n)
		x.Data = append(x.Data, cell...)
	}
	if d != tensor.Bytes && each > d.Size() {
		x.Shape = append(x.Shape, int64(each/d.Size()))
	}
	return x
}

// TestDigests: two samples have one digest where they have the same cells, however these
// lie in memory, and be it one of a baseline or not.
func TestDigests(t *testing.T) {
	random := rand.New(rand.NewPCG(5, 6))
	numbers := func(n int) (list []uint16) {
		for range n {
			list = append(list, uint16(random.IntN(6)))
		}
		return list
	}
	for name, kind := range map[string]struct {
		d    tensor.DType
		each int
	}{"cells of one number": {tensor.Int64, 8}, "texts": {tensor.Bytes, 0}, "long cells": {tensor.Uint8, 2 << 10}} {
		for _, quick := range []bool{false, true} {
			s := New(Options{Passing: quick})
			var all [][2]uint16
			for _, n := range []int{40, 1, 23} {
				a, b := numbers(n), numbers(n)
				s.Add(&dataset.Rows{N: n, First: int64(len(all)), Columns: []tensor.Tensor{column("a", kind.d, kind.each, a), column("b", tensor.Float32, 4, b)}})
				for i := range n {
					all = append(all, [2]uint16{a[i], b[i]})
				}
			}
			s.Settle()
			got := s.Samples
			if len(got) != len(all) {
				t.Fatalf("%s: %d samples of %d", name, len(got), len(all))
			}
			for i := range got {
				for j := range got {
					if (got[i].Digest == got[j].Digest) != (all[i] == all[j]) {
						t.Fatalf("%s, passing %v: %v and %v have the digests %x and %x", name, quick, all[i], all[j], got[i].Digest, got[j].Digest)
					}
				}
			}
			if _, ok := s.Baseline(); ok == quick {
				t.Errorf("%s, passing %v: a baseline could be made: %v", name, quick, ok)
			}
		}
	}
}

// TestSamplesInOrder: samples are kept in their order, however many come at a time.
func TestSamplesInOrder(t *testing.T) {
	s := New(Options{Samples: 3*blockSamples + 7})
	var all int64
	for _, n := range []int{1, blockSamples - 1, 5, 2 * blockSamples, blockSamples} {
		s.Add(&dataset.Rows{N: n, First: all, Columns: []tensor.Tensor{column("a", tensor.Uint8, 2, make([]uint16, n))}})
		all += int64(n)
		s.Settle()
		numbers := []int64{}
		for _, x := range s.Samples {
			numbers = append(numbers, x.Number)
		}
		if want := min(all, int64(s.opt.Samples)); int64(len(numbers)) != want || !slices.IsSorted(numbers) || numbers[len(numbers)-1] != want-1 {
			t.Fatalf("after %d: %d samples, the last %d", all, len(numbers), numbers[len(numbers)-1])
		}
	}
}
