package family

import (
	"slices"
	"strings"
	"sync"
)

// Date is the day on which the table was last held against what it cites.
const Date = "2026-11-26"

// others belong to the family and have no train of their own: they come with torch,
// whose wheels pin them, or with its accelerator.
var others = []string{
	"cuda-toolkit", "cuda-bindings", "cuda-pathfinder", "pytorch-triton", "pytorch-triton-rocm", "pytorch-triton-xpu",
	"torch-xla", "torchao", "torchserve", "torchtriton", "triton-rocm", "triton-windows", "triton-xpu",
}

// toolkit are the nvidia packages whose names lost the CUDA version with CUDA 13.
var toolkit = []string{
	"cublas", "cuda-cupti", "cuda-nvrtc", "cuda-runtime", "cufft", "cufile", "curand", "cusolver", "cusparse", "nvjitlink", "nvtx",
}

var nvidiaForm = form(`^nvidia-[a-z0-9-]+-cu(1[0-9])$`)

// Member reports whether a package, by its normalised name, is of the torch family.
func Member(name string) bool {
	if _, ok := table().rows[name]; ok || name == torch || slices.Contains(others, name) {
		return true
	}
	if short, ok := strings.CutPrefix(name, "nvidia-"); ok {
		return slices.Contains(toolkit, short) || nvidiaForm().MatchString(name)
	}
	return false
}

const torch = "torch"

// condaNames are the packages of conda that are called otherwise on a package index.
var condaNames = map[string]string{
	"pytorch": torch, "pytorch-cpu": torch, "pytorch-gpu": torch, "libtorch": torch,
	"pytorch-cuda": "cuda-toolkit", "torchtriton": "triton",
}

// FromConda returns the name that a conda package has on a package index. conda's
// pytorch is torch; the pytorch of the index is another project.
func FromConda(name string) string {
	if n, ok := condaNames[name]; ok {
		return n
	}
	return name
}

// Span is the release trains of torch, "2.1", that something goes with. Both ends
// belong to it; no To is everything later.
type Span struct{ From, To string }

func (s Span) String() string {
	switch s.To {
	case s.From:
		return s.From
	case "":
		return s.From + " or later"
	}
	return s.From + " to " + s.To
}

// Holds reports whether a train is in the span.
func (s Span) Holds(train string) bool {
	return compareTrains(s.From, train) <= 0 && (s.To == "" || compareTrains(train, s.To) <= 0)
}

func (s Span) meets(o Span) bool {
	return (s.To == "" || compareTrains(o.From, s.To) <= 0) && (o.To == "" || compareTrains(s.From, o.To) <= 0)
}

// Fits returns the release trains of torch that a version of a package goes with. ok
// is false if that is not known.
func Fits(name, version string) (span Span, ok bool) {
	rel := release(version)
	if len(rel) == 0 {
		return Span{}, false
	}
	if name == torch {
		train := join(append(rel, "0")[:2])
		return Span{train, train}, true
	}
	best := 0
	for _, r := range table().rows[alias(name)] {
		if n := len(r.series); n > best && begins(rel, r.series) {
			best, span = n, r.span
		}
	}
	return span, best > 0
}

// Train returns the one release train of torch that a version of a package belongs
// to, as "2.1". ok is false if there is none, or several.
func Train(name, version string) (train string, ok bool) {
	span, ok := Fits(name, version)
	return span.From, ok && span.From == span.To
}

// Plain returns the accelerator that a version of torch without a local part is built
// for on an index that is of none, for Linux: "cu124" for 2.6.0; "" if it is not known.
func Plain(version string) string {
	train, _ := Train(torch, version)
	for _, t := range table().trains {
		if t.Train == train {
			return t.CUDA
		}
	}
	return ""
}

// Series returns the versions of a package that go with a release train of torch, as
// what they begin with: "0.16" of torchvision for "2.1". Where several do, it is the
// newest.
func Series(name, train string) (series string, ok bool) {
	if name == torch {
		if !slices.ContainsFunc(table().trains, func(t Release) bool { return t.Train == train }) {
			return "", false
		}
		return train, true
	}
	for _, r := range table().rows[alias(name)] {
		if r.span.Holds(train) {
			series, ok = join(r.series), true
		}
	}
	return series, ok
}

// Release is a release train of torch.
type Release struct {
	Train string // "2.1"
	CUDA  string // that the plain Linux wheel is built for, "cu121"; "" if not known
	// Builds are the accelerators that there are wheels for; nil if not known.
	Builds []string
}

// Releases returns the release trains of torch that are known, oldest first.
func Releases() []Release { return slices.Clone(table().trains) }

// alias gives the name under which the table has a package.
func alias(name string) string {
	switch name {
	case "pytorch-triton", "pytorch-triton-rocm", "triton-rocm":
		return "triton"
	}
	return name
}

type row struct {
	series []string
	span   Span
}

type trains struct {
	trains []Release
	rows   map[string][]row
}

// table reads the table, once. It is ours: a fault in it is one of ours.
var table = sync.OnceValue(func() *trains {
	t := &trains{rows: map[string][]row{}}
	for line := range strings.Lines(trainsText) {
		f := strings.Fields(line)
		if len(f) == 0 || f[0] == "#" || line[0] == '#' {
			continue
		}
		switch {
		case f[0] == torch && len(f) == 4:
			r := Release{Train: f[1], CUDA: strings.Trim(f[2], "-")}
			if f[3] != "-" {
				r.Builds = strings.Split(f[3], ",")
			}
			t.trains = append(t.trains, r)
			continue
		case len(f) != 3:
			panic("family: internal error: line " + line)
		}
		t.rows[f[0]] = append(t.rows[f[0]], row{strings.Split(f[1], "."), spanOf(f[2])})
	}
	return t
})

func spanOf(s string) Span {
	if from, ok := strings.CutSuffix(s, "+"); ok {
		return Span{From: from}
	}
	from, to, ok := strings.Cut(s, "-")
	if !ok {
		to = from
	}
	return Span{from, to}
}
