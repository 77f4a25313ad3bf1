package optest

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/andiron-dev/andiron/internal/opbuild"
	"github.com/andiron-dev/andiron/internal/opreport"
)

// OnGPU is the build as it is, with tensors on a GPU.
const OnGPU opbuild.Variant = "gpu"

// gpuFacts are what the runner says of GPUs.
type gpuFacts struct {
	Torch     string `json:"torch"`
	CUDA      string `json:"cuda"` // that torch was built for; empty if none
	Available bool   `json:"available"`
	Name      string `json:"name"` // of the GPU, or why there is none
	Home      string `json:"home"` // of the toolkit
}

// gpuTime bounds the question whether there is a GPU.
const gpuTime = 2 * time.Minute

// lookForGPU decides whether calls are made on a GPU, and says why not.
func (r *run) lookForGPU(ctx context.Context) error {
	if r.noGPU = r.noKernels(); r.noGPU != "" {
		return nil
	}
	p := &plan{Task: "gpu", Result: filepath.Join(r.Work, "gpu.json")}
	own, cancel := context.WithTimeout(ctx, gpuTime)
	defer cancel()
	said, ended := r.python(own, r.plain, "gpu", p, nil, nil)
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if err := answer(p.Result, &r.gpu); err != nil || ended != nil {
		r.noGPU = "torch does not say whether it sees a GPU" + lastOf(said.Lines())
		return nil
	}
	r.noGPU = r.gpu.missing()
	return nil
}

// noKernels says why a build has nothing to run on a GPU.
func (r *run) noKernels() string {
	switch {
	case !slices.Contains(r.Builds, OnGPU):
		return "it was not asked for"
	case !slices.ContainsFunc(r.Project.Sources, func(s string) bool { return strings.EqualFold(filepath.Ext(s), ".cu") }):
		return "the project has no CUDA sources"
	case len(r.plain.CUDA) > 0:
		return ""
	case r.plain.NoCUDA:
		return "there is no nvcc, so the CUDA sources of the project were not built"
	}
	return "the build left the CUDA sources of the project out"
}

func (f gpuFacts) missing() string {
	switch {
	case f.CUDA == "":
		return fmt.Sprintf("torch %s was built without CUDA", f.Torch)
	case !f.Available && f.Name != "":
		return "torch sees no GPU: " + f.Name
	case !f.Available:
		return "torch sees no GPU"
	}
	return ""
}

func lastOf(lines []string) string {
	if len(lines) == 0 {
		return ""
	}
	return ": " + lines[len(lines)-1]
}

// findSanitizer finds compute-sanitizer, which mostly lies beside nvcc.
func findSanitizer(home string) string {
	if path, err := exec.LookPath("compute-sanitizer"); err == nil {
		return path
	}
	places := []string{"/usr/local/cuda/bin/compute-sanitizer", "/usr/local/cuda/compute-sanitizer/compute-sanitizer"}
	if home != "" {
		places = append([]string{filepath.Join(home, "bin", "compute-sanitizer"), filepath.Join(home, "compute-sanitizer", "compute-sanitizer")}, places...)
	}
	more, _ := filepath.Glob("/usr/local/cuda*/compute-sanitizer/compute-sanitizer") // the pattern is right
	for _, name := range append(places, more...) {
		if info, err := os.Stat(name); err == nil && info.Mode().IsRegular() && info.Mode()&0o111 != 0 {
			return name
		}
	}
	return ""
}

// onGPU makes the calls on a GPU, and has compute-sanitizer look at them.
func (r *run) onGPU(ctx context.Context) error {
	if r.noGPU != "" {
		r.pass(string(OnGPU), "", r.noGPU)
		r.pass("compute-sanitizer", "", r.noGPU)
		return nil
	}
	if err := r.driveGPU(ctx); err != nil {
		return err
	}
	path := findSanitizer(r.gpu.Home)
	if path == "" {
		r.pass("compute-sanitizer", "", "compute-sanitizer is not on PATH, in CUDA_HOME or in /usr/local/cuda")
		return nil
	}
	return r.watch(ctx, path)
}

// driveGPU makes the calls in the build as it is.
func (r *run) driveGPU(ctx context.Context) error {
	b := r.plain
	b.Variant = OnGPU
	groups := r.groups()
	whole := make([]bool, len(groups))
	all, own := errgroup.WithContext(ctx)
	for i, group := range groups {
		all.Go(func() (err error) {
			whole[i], err = r.drive(own, b, drive{
				what: "testing on the GPU", name: fmt.Sprintf("gpu-%d", i), operators: group, device: "cuda", seconds: r.share(OnGPU), oracles: true,
				asks: []string{"leak", "dtype", "gradient"}, replay: r.replay,
			})
			return err
		})
	}
	if err := all.Wait(); err != nil {
		return err
	}
	if slices.Contains(whole, false) {
		r.result.Incomplete = append(r.result.Incomplete, "the program that makes the calls on the GPU ended before it was done")
	}
	n := 0
	for _, o := range r.result.Operators {
		if o.GPU.Valid > 0 {
			n++
		}
	}
	r.pass(string(OnGPU), fmt.Sprintf("%s; calls of %s came back", r.gpu.Name, count(n, "operator", "operators")), "")
	if n == 0 {
		r.result.Incomplete = append(r.result.Incomplete, "no call of an operator came back on the GPU, though there are kernels for it")
	}
	return nil
}

// mostGroups is how many programs make calls on the GPU at once: most of their time
// goes into starts of CUDA, and each takes a part of the GPU's memory.
const mostGroups = 4

// groups are the operators, for each program some.
func (r *run) groups() [][]operator {
	list := make([][]operator, min(mostGroups, max(1, runtime.NumCPU()/4), len(r.operators)))
	for i, o := range r.operators {
		list[i%len(list)] = append(list[i%len(list)], o)
	}
	return list
}

// takeGPU takes in what became of an operator on the GPU.
func (r *run) takeGPU(op *opreport.Operator, e *opreport.Event) {
	op.GPU = e.Counts
	r.watched[op.Full()], r.broken[op.Full()] = e.Watched, e.Broken
	if e.Counts.Valid > 0 {
		if op.Asked == nil {
			op.Asked = map[string]int{}
		}
		op.Asked["gpu"] = e.Counts.Valid
	}
	if e.Cut != "" && e.Stage != "mutations" && e.Stage != "all" {
		r.result.Incomplete = append(r.result.Incomplete, fmt.Sprintf("%s was tested on the GPU in part only: %s", op.Full(), e.Cut))
	}
}
