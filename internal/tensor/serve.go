package tensor

import (
	"encoding/binary"
	"errors"
	"math"
	"slices"
)

// Drifts reports whether a tensor of the group has a baseline, which Windows
// compares with.
func (s *Schema) Drifts(g Group) bool {
	return slices.ContainsFunc(s.groups[g], func(t *spec) bool { return t.drift != nil })
}

// CanNormalize returns an error where an input is to be normalised by the gateway
// and has a type for which Normalize is not made.
func (s *Schema) CanNormalize() error {
	for _, t := range s.groups[Inputs] {
		if t.normalize == nil || t.normalize.by != "gateway" {
			continue
		}
		for _, d := range t.dtypes {
			if d != Float32 && d != Float64 {
				return errors.New("input " + t.name + ": normalize by: gateway is there for float32 and float64, not for " + d.String())
			}
		}
	}
	return nil
}

// Normalize does what the schema says with "by: gateway", in place and in double
// precision, and reports whether it says so. The tensor must have passed Check.
func (s *Schema) Normalize(g Group, in *Tensor) bool {
	t := s.find(g, in.Name)
	if t == nil || t.normalize == nil || t.normalize.by != "gateway" || in.DType != Float32 && in.DType != Float64 {
		return false
	}
	z, along := t.normalize, in.along(t.normalize.axis)
	if z.kind == "lp" {
		for j := range along.each {
			in.scaleVector(along, j, z)
		}
		return true
	}
	for i := range along.n {
		mean, std := z.mean[int(i)%len(z.mean)].float(), z.std[int(i)%len(z.std)].float()
		along.all(i, func(at int) { in.set(at, (in.get(at)-mean)/std) })
	}
	return true
}

// scaleVector divides a vector by its norm, as torch.nn.functional.normalize does.
func (in *Tensor) scaleVector(s sliced, j int64, z *normalize) {
	p, sum := z.p.float(), 0.0
	for i := range s.n {
		sum += power(math.Abs(in.get(s.at(i, j))), p)
	}
	norm := max(math.Pow(sum, 1/p), z.eps.float())
	for i := range s.n {
		at := s.at(i, j)
		in.set(at, in.get(at)/norm)
	}
}

func (in *Tensor) get(at int) float64 {
	if in.DType == Float64 {
		return math.Float64frombits(binary.LittleEndian.Uint64(in.Data[8*at:]))
	}
	return float64(math.Float32frombits(binary.LittleEndian.Uint32(in.Data[4*at:])))
}

func (in *Tensor) set(at int, x float64) {
	if in.DType == Float64 {
		binary.LittleEndian.PutUint64(in.Data[8*at:], math.Float64bits(x))
		return
	}
	binary.LittleEndian.PutUint32(in.Data[4*at:], math.Float32bits(float32(x)))
}
