package optest

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/andiron-dev/andiron/internal/opbuild"
	"github.com/andiron-dev/andiron/internal/opreport"
)

// Why nothing is run on a GPU is said in one sentence, and it is the first that is missing.
func TestWhyNotOnGPU(t *testing.T) {
	kernels, built := []string{"a.cpp", "b.CU"}, opbuild.Built{CUDA: []string{"b.CU"}}
	for _, tt := range []struct {
		want    string
		builds  []opbuild.Variant
		sources []string
		plain   opbuild.Built
	}{
		{"it was not asked for", []opbuild.Variant{opbuild.Plain}, kernels, built},
		{"the project has no CUDA sources", Variants(), []string{"a.cpp"}, opbuild.Built{}},
		{"there is no nvcc, so the CUDA sources of the project were not built", Variants(), kernels, opbuild.Built{NoCUDA: true, Unbuilt: []string{"b.CU"}}},
		{"the build left the CUDA sources of the project out", Variants(), kernels, opbuild.Built{Unbuilt: []string{"b.CU"}}},
		{"", Variants(), kernels, built},
	} {
		r := &run{Options: Options{Project: opbuild.Project{Sources: tt.sources}, Builds: tt.builds}, plain: tt.plain}
		if got := r.noKernels(); got != tt.want {
			t.Errorf("got %q, want %q", got, tt.want)
		}
	}
	for _, tt := range []struct {
		want string
		f    gpuFacts
	}{
		{"torch 2.6.0 was built without CUDA", gpuFacts{Torch: "2.6.0"}},
		{"torch sees no GPU", gpuFacts{Torch: "2.6.0", CUDA: "12.4"}},
		{"torch sees no GPU: the driver is too old", gpuFacts{CUDA: "12.4", Name: "the driver is too old"}},
		{"", gpuFacts{CUDA: "12.4", Available: true, Name: "NVIDIA H100"}},
	} {
		if got := tt.f.missing(); got != tt.want {
			t.Errorf("got %q, want %q", got, tt.want)
		}
	}
}

func TestFindSanitizer(t *testing.T) {
	home := t.TempDir()
	t.Setenv("PATH", t.TempDir())
	name := filepath.Join(home, "compute-sanitizer", "compute-sanitizer")
	if err := os.MkdirAll(filepath.Dir(name), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if got := findSanitizer(home); got == name {
		t.Error("what cannot be run is found")
	}
	if err := os.Chmod(name, 0o700); err != nil {
		t.Fatal(err)
	}
	if got := findSanitizer(home); got != name {
		t.Errorf("got %q", got)
	}
}

func TestReadMade(t *testing.T) {
	calls := []call{{Op: 0, Case: rawCase(`{"args":[0]}`)}, {Op: 1, Case: rawCase(`{"args":[1]}`)}, {Op: 0, Case: rawCase(`{"args":[2]}`)}}
	const begun = `{"n": 0, "entry": 1, "case": null}
{"n": 0, "entry": 1, "status": "valid", "log": 7}
{"n": 1, "entry": 2, "case": {"args":[3]}}
`
	first, _, _ := strings.Cut(begun, `{"n": 1`)
	for _, tt := range []struct {
		text string
		made int
		next int
	}{
		{"", 0, 1},
		{begun, 2, 3},
		{first, 1, 2},
		{begun[:len(begun)-5], 1, 2}, // it ended while it wrote
		{begun + `{"n": 1, "entry": 2, "status": "lost", "log": 9}` + "\n" + `{"end": "lost", "entry": 2}`, 2, 3},
		{first + `{"end": "all"}`, 1, 3},
		{`{"n": 5, "entry": 1}` + "\n" + `{"n": 0, "entry": 9}` + "\n" + `{"n": 7, "entry": 1, "status": "valid"}`, 0, 1},
	} {
		name := filepath.Join(t.TempDir(), "made")
		if err := os.WriteFile(name, []byte(tt.text), 0o600); err != nil {
			t.Fatal(err)
		}
		list, next, err := readMade(name, calls, 1)
		if err != nil || len(list) != tt.made || next != tt.next {
			t.Errorf("%q: %d calls, next %d, %v; want %d, %d", tt.text, len(list), next, err, tt.made, tt.next)
		}
		if len(list) == 2 && (string(list[0].text) != `{"args":[1]}` || list[0].log != 7 || list[0].status != "valid" || string(list[1].text) != `{"args":[3]}`) {
			t.Errorf("%+v", list)
		}
	}
}

// watching is a watcher of a project with two operators.
func watching(t *testing.T, tool string) *watcher {
	t.Helper()
	r := &run{Options: Options{Project: opbuild.Project{Dir: "/p", Sources: []string{"csrc/a.cu", "csrc/b.cu", "x/b.cu"}}}}
	r.plain = opbuild.Built{Dir: "/copy", Libraries: []string{"/copy/_C.so"}}
	r.operators = []operator{{Name: "ns::f"}, {Name: "ns::g"}}
	return &watcher{r: r, path: "compute-sanitizer", tool: tool, reports: map[string]*spotted{}, lost: map[int]int{}}
}

func TestSpot(t *testing.T) {
	w := watching(t, "memcheck")
	calls := []call{{Op: 1, Case: rawCase(`{"args":[0, 1]}`)}}
	at := func(kind, file, caller string) opreport.DeviceReport {
		return opreport.DeviceReport{
			Kind: kind, Detail: "what happened", Call: 0, Device: []opreport.Frame{{File: file, Line: 7}},
			Host: []opreport.HostFrame{{Frame: opreport.Frame{Function: "cudaLaunchKernel"}, Library: "/usr/lib/libcudart.so.13"}, {Library: "/copy/" + caller}},
		}
	}
	whole := made{text: calls[0].Case, status: "valid"}
	keep := w.spot(calls, false)
	for _, d := range []opreport.DeviceReport{
		at("crash", "/copy/csrc/a.cu", "_C.so"), at("crash", "/p/csrc/a.cu", "_C.so"), // the same line
		at("crash", "/torch/Reduce.cuh", "libtorch_cuda.so"), // no mistake of the project
		at("crash", "/torch/Reduce.cuh", "_C.so"),            // launched by it, the line not known
		at("leak", "/copy/csrc/a.cu", "libc10_cuda.so"),      // a tensor
		at("leak", "/copy/csrc/a.cu", "_C.so"), at("leak", "/copy/csrc/a.cu", "_C.so"),
		at("cuda-error", "", "libc10_cuda.so"),
	} {
		keep(d, whole)
	}
	keep(at("crash", "/copy/csrc/a.cu", "_C.so"), made{text: rawCase(`{"args":[2]}`)}) // another call
	keep(at("cuda-error", "", "_C.so"), made{text: calls[0].Case, status: "raised"})   // somebody asked
	follows := at("cuda-error", "", "_C.so")
	follows.Detail = "cudaFree fails: unspecified launch failure"
	keep(follows, whole)
	if len(w.order) != 2 || len(w.leaks) != 1 {
		t.Fatalf("%q, %+v", w.order, w.leaks)
	}
	s := w.reports[w.order[0]]
	if s.op != 1 || s.times != 2 || s.where.File != "csrc/a.cu" || s.sure {
		t.Errorf("%+v", s)
	}

	again := w.spot([]call{{Op: 1, Case: s.first, Smaller: true}}, true)
	again(at("crash", "/copy/csrc/a.cu", "_C.so"), whole)
	again(at("crash", "/copy/csrc/a.cu", "_C.so"), made{text: rawCase(`{"args":[]}`)})
	again(at("race", "/copy/csrc/a.cu", "_C.so"), whole) // is not what was to be made smaller
	for _, s := range w.reports {
		s.tried = true
	}
	f := s.found("memcheck")
	if f.Unsteady || string(f.Case) != `{"args":[]}` || f.Kind != "crash" || f.Build != "memcheck" || f.Where.Line != 7 || len(w.order) != 2 {
		t.Errorf("%+v", f)
	}
	if other := w.reports[w.order[1]].found("memcheck"); !other.Unsteady || other.Where.File != "" {
		t.Errorf("%+v", other)
	}
}

// A report says whose it is by the name of a function of Python, or by where it stands.
func TestReadDeviceLogOfCalls(t *testing.T) {
	w := watching(t, "initcheck")
	const report = "========= Uninitialized __global__ memory read of size 4 bytes\n=========     at f(float*)+0x60 in /copy/csrc/a.cu:3\n"
	text := "========= COMPUTE-SANITIZER\n" + report + "=========     Host Frame: andiron_call_1 in andiron_call_1.py:2\n" + report
	name := filepath.Join(t.TempDir(), "log")
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	var got []string
	list := []made{{text: rawCase("0"), log: 28}, {text: rawCase("1"), log: 29}, {text: rawCase("2"), log: 1 << 62}}
	if _, err := w.read(name, list, func(_ opreport.DeviceReport, m made) { got = append(got, string(m.text)) }); err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(got, []string{"1", "2"}) {
		t.Errorf("the reports are of %q", got)
	}
	if log, err := w.read(name+" missing", nil, nil); err != nil || log.Begun {
		t.Errorf("%+v, %v", log, err)
	}
}

func TestWords(t *testing.T) {
	w := watching(t, "memcheck")
	if got := strings.Join(w.words("log", "full"), " "); got != "compute-sanitizer --tool memcheck --log-file log --print-limit 20000" {
		t.Errorf("without help: %s", got)
	}
	w.help = "--strip-paths arg\n--leak-check arg\n--padding arg\n--racecheck-report arg\n--destroy-on-device-error arg\n"
	if got := strings.Join(w.words("log", "full")[7:], " "); got != "--strip-paths no --destroy-on-device-error kernel --padding 64 --leak-check full" {
		t.Errorf("with help: %s", got)
	}
	w.tool = "racecheck"
	if got := strings.Join(w.words("log", "full")[7:], " "); got != "--strip-paths no --destroy-on-device-error kernel --racecheck-report analysis" {
		t.Errorf("racecheck: %s", got)
	}
}

// synccheck ends all that a process may ask of the GPU, and an operator does that twice.
func TestWithout(t *testing.T) {
	w := watching(t, "synccheck")
	w.help = "--destroy-on-device-error arg\n"
	if slices.Contains(w.words("log", "no"), "--destroy-on-device-error") {
		t.Error("synccheck ends the kernel alone")
	}
	calls := []call{{Op: 0}, {Op: 1}, {Op: 0}, {Op: 1}}
	w.lost[0] = mostLost - 1
	if got := w.without(calls, 1); len(got) != 4 {
		t.Errorf("%+v", got)
	}
	w.lost[0]++
	if got := w.without(calls, 1); len(got) != 3 || got[0].Op != 0 || got[1].Op != 1 || got[2].Op != 1 || len(calls) != 4 {
		t.Errorf("%+v", got)
	}
}

func TestSource(t *testing.T) {
	w := watching(t, "memcheck")
	known := w.r.source(w.r.plain)
	for file, want := range map[string]string{"a.cu": "csrc/a.cu", "b.cu": "", "/copy/x/b.cu": "x/b.cu", "c.cu": "", "": "", "/usr/a.cu": ""} {
		if got, _ := known(file); got != want {
			t.Errorf("%q: %q, want %q", file, got, want)
		}
	}
}

func TestWatchedCalls(t *testing.T) {
	r := watching(t, "memcheck").r
	got, err := json.Marshal(r.watchedCalls(map[string][]rawCase{"ns::f": {rawCase("1"), rawCase("2")}, "ns::g": {rawCase("3")}}))
	want := `[{"op":0,"case":1,"smaller":false},{"op":1,"case":3,"smaller":false},{"op":0,"case":2,"smaller":false}]`
	if string(got) != want || err != nil {
		t.Errorf("%s, %v", got, err)
	}
}

func TestMergeOnGPU(t *testing.T) {
	at := opreport.Frame{File: "a.cu", Line: 3}
	var got []string
	for _, f := range merge(merge([]opreport.Found{
		{Kind: "crash", Key: "CUDA error", Detail: "the call ends it", Build: "gpu"}, {Kind: "poison", Detail: "the result depends", Build: "gpu"}, {Kind: "poison", Key: "x", Detail: "of the CPU", Build: "plain"},
	}, opreport.Found{Kind: "crash", Key: "invalid", Detail: "an invalid write", Build: "memcheck", Where: at}),
		opreport.Found{Kind: "poison", Key: "read", Detail: "a kernel reads", Build: "initcheck", Where: at}) {
		got = append(got, f.Build+": "+f.Detail+"; "+f.Also+" "+f.Where.File)
	}
	want := []string{
		"memcheck: an invalid write; without compute-sanitizer: the call ends it a.cu",
		"gpu: the result depends; under compute-sanitizer initcheck: a kernel reads a.cu",
		"plain: of the CPU;  ",
	}
	if !slices.Equal(got, want) {
		t.Errorf("got %q", got)
	}
}

func TestGroups(t *testing.T) {
	r := watching(t, "memcheck").r
	n := 0
	for _, g := range r.groups() {
		n += len(g)
		if len(g) == 0 {
			t.Error("a program has nothing to do")
		}
	}
	if n != 2 {
		t.Errorf("%d operators", n)
	}
}

func TestTakeGPU(t *testing.T) {
	r := watching(t, "memcheck").r
	r.watched, r.broken = map[string][]rawCase{}, map[string][]rawCase{}
	op := &opreport.Operator{Name: "ns::f"}
	r.takeGPU(op, &opreport.Event{Counts: opreport.Counts{Valid: 3}, Cut: "its time was up", Stage: "edges", Watched: []json.RawMessage{[]byte("1")}})
	r.takeGPU(&opreport.Operator{Name: "ns::g"}, &opreport.Event{Cut: "its time was up", Stage: "mutations"})
	if op.GPU.Valid != 3 || op.Asked["gpu"] != 3 || len(r.watched["ns::f"]) != 1 || !slices.Equal(r.result.Incomplete, []string{"ns::f was tested on the GPU in part only: its time was up"}) {
		t.Errorf("%+v, %q", op, r.result.Incomplete)
	}
}
