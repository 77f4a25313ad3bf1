package family

import (
	"fmt"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestMember(t *testing.T) {
	for name, want := range map[string]bool{
		"torch": true, "torchvision": true, "torchaudio": true, "triton": true, "pytorch-triton-rocm": true, "xformers": true,
		"nvidia-cudnn-cu12": true, "nvidia-cublas": true, "nvidia-cusparselt-cu13": true, "functorch": true, "torch-tensorrt": true,
		"nvidia-ml-py": false, "nvidia-pyindex": false, "nvidia-dali-cuda120": false, "pytorch": false, "numpy": false, "": false, "torchmetrics": false,
	} {
		if got := Member(name); got != want {
			t.Errorf("Member(%q) = %v", name, got)
		}
	}
}

func TestFits(t *testing.T) {
	for _, tt := range []struct{ name, version, want string }{
		{"torch", "2.1.0+cu118", "2.1"},
		{"torch", "2", "2.0"},
		{"torch", "v2.10.0rc1", "2.10"},
		{"torch", "3.7.1", "3.7"},
		{"torch", "", ""},
		{"torch", "1!2.1", ""},
		{"torch", "latest", ""},
		{"torch", strings.Repeat("1.", 100), ""},
		{"torchvision", "0.14.1+cu117", "1.13"},
		{"torchvision", "0.4.0", "1.2"},
		{"torchvision", "0.4.2", "1.3"},
		{"torchvision", "0.29.0", "2.14"},
		{"torchvision", "0.29.2", "2.14 or later"},
		{"torchvision", "0.99.0", ""},
		{"torchvision", "0.1", ""},
		{"torchaudio", "0.13.1", "1.13"},
		{"torchaudio", "2.11.0", "2.11 or later"},
		{"torchcodec", "0.17.0", ""},
		{"triton", "3.6.0", "2.10 to 2.11"},
		{"pytorch-triton", "3.1.0+cf34004b8a", "2.5"},
		{"xformers", "0.0.27", "2.3"},
		{"xformers", "0.0.27.post2", "2.4"},
		{"xformers", "0.0.28.post3", "2.5"},
		{"xformers", "0.0.35", "2.10 or later"},
		{"numpy", "1.26", ""},
	} {
		span, ok := Fits(tt.name, tt.version)
		got := ""
		if ok {
			got = span.String()
		}
		if got != tt.want {
			t.Errorf("Fits(%s, %s) = %q, want %q", tt.name, tt.version, got, tt.want)
		}
		train, one := Train(tt.name, tt.version)
		if one != (ok && !strings.Contains(tt.want, " ")) || one && train != tt.want {
			t.Errorf("Train(%s, %s) = %q, %v", tt.name, tt.version, train, one)
		}
	}
}

func TestSeries(t *testing.T) {
	for _, tt := range []struct{ name, train, want string }{
		{"torchvision", "2.1", "0.16"},
		{"torchvision", "2.14", "0.29.2"},
		{"torchvision", "2.15", "0.29.2"},
		{"torchaudio", "2.13", "2.11"},
		{"torch", "2.13", "2.13"},
		{"torch", "9.9", ""},
		{"torchtext", "2.4", ""},
		{"triton", "2.11", "3.6"},
		{"xformers", "2.8", "0.0.32.post2"},
	} {
		if got, ok := Series(tt.name, tt.train); got != tt.want || ok != (tt.want != "") {
			t.Errorf("Series(%s, %s) = %q, %v, want %q", tt.name, tt.train, got, ok, tt.want)
		}
	}
}

// Each line of the table says what it is meant to, and versions of it are found.
func TestTable(t *testing.T) {
	lines := 0
	for line := range strings.Lines(trainsText) {
		f := strings.Fields(line)
		if len(f) == 0 || strings.HasPrefix(line, "#") {
			continue
		}
		lines++
		if f[0] == torch {
			if f[2] != "-" && Accelerator(f[2]) != f[2] {
				t.Errorf("%q: not an accelerator", line)
			}
			continue
		}
		span, ok := Fits(f[0], f[1])
		if !ok || span != spanOf(f[2]) {
			t.Errorf("%q: Fits = %v, %v", line, span, ok)
		}
		for _, train := range []string{span.From, span.To} {
			if _, ok := Series(torch, train); train != "" && !ok {
				t.Errorf("%q: %q is not a train", line, train)
			}
		}
	}
	if r := Releases(); lines < 150 || r[0].Train != "1.0" || r[len(r)-1].Train != "2.15" {
		t.Errorf("%d lines, trains %v", lines, r)
	}
	for i, r := range Releases()[1:] {
		if compareTrains(Releases()[i].Train, r.Train) >= 0 {
			t.Errorf("%s stands before %s", Releases()[i].Train, r.Train)
		}
	}
}

func TestAccelerator(t *testing.T) {
	for in, want := range map[string]string{
		"2.1.0+cu118": "cu118", "cu118": "cu118", "2.1.0+cpu": "cpu", "2.6.0+rocm6.2.4": "rocm6.2.4", "2.7.0+xpu": "xpu", "2.1.0": "",
		"1.13.1+cu117.with.pypi.cudnn": "cu117", "1.8.0+CU111": "cu111", "2.1.0+cpu.cxx11.abi": "cpu", "3.1.0+cf34004b8a": "", "2.1.0+cu": "",
		"2.1.0a0+nv23": "", "2.1.0+cpuish": "", "": "",
		"https://index.example/whl/cu121":                         "cu121",
		"https://index.example/whl/nightly/cu130/":                "cu130",
		"https://index.example/whl/cpu-cxx11-abi":                 "cpu",
		"https://index.example/whl/rocm6.0/torch/":                "rocm6.0",
		"https://cpu/simple":                                      "",
		"https://index.example/cpu-builds/simple":                 "",
		"https://index.example/simple?x=/cu121":                   "",
		"https://index.example/whl/torch-2.1.0+cu118.html":        "cu118",
		"https://index.example/whl/torch-2.1.0%2Bcu118-cp311.whl": "cu118",
		"./wheels/cpu":                 "cpu",
		"py3.10_cuda11.8_cudnn8.7.0_0": "cu118", "cuda126_mkl_py311h1_300": "cu126", "cpu_mkl_py311h1_100": "cpu", "py3.11_cpu_0": "cpu",
		"%zz/cu118": "cu118", strings.Repeat("/cu118", 1000): "",
	} {
		if got := Accelerator(in); got != want {
			t.Errorf("Accelerator(%.60q) = %q, want %q", in, got, want)
		}
	}
	for _, tt := range [][3]string{
		{"nvidia-cudnn-cu12", "9.1.0.70", "cu12"},
		{"nvidia-cuda-runtime-cu12", "12.1.105", "cu121"},
		{"nvidia-cuda-runtime-cu12", "", "cu12"},
		{"cuda-toolkit", "13.0.2", "cu130"},
		{"nvidia-cublas", "13.1.0.3", ""},
		{"pytorch-triton-rocm", "3.1.0", "rocm"},
		{"torch", "2.0", ""},
	} {
		if got := OfPackage(tt[0], tt[1]); got != tt[2] {
			t.Errorf("OfPackage(%s, %s) = %q, want %q", tt[0], tt[1], got, tt[2])
		}
	}
}

func pkg(name, version string, line int) Package {
	return Package{Name: name, Version: version, Path: "requirements.txt", Line: line}
}

func TestCoherent(t *testing.T) {
	const cu118, cu121 = "https://index.example/whl/cu118", "https://index.example/whl/cu121"
	for name, tt := range map[string]struct {
		in   []Package
		want []string
	}{
		"good": {[]Package{pkg("torch", "2.1.0+cu118", 1), pkg("torchvision", "0.16.0+cu118", 2), pkg("torchaudio", "2.1.0", 3), pkg("triton", "2.1.0", 4), pkg("nvidia-cudnn-cu11", "8.7", 5), pkg("numpy", "1.0", 6)}, nil},
		"trains": {[]Package{pkg("torch", "2.1.0", 1), pkg("torchvision", "0.17.0", 2), pkg("torchaudio", "2.2.0", 3)}, []string{
			"train: torch 2.1.0 (requirements.txt:1) goes with release train 2.1 of torch, and torchvision 0.17.0 (requirements.txt:2) with 2.2; the same is true of torchaudio 2.2.0 (requirements.txt:3)",
		}},
		"accelerators": {[]Package{pkg("torch", "2.11.0+cu130", 1), pkg("torchvision", "0.26.0+cu129", 2)}, []string{
			"accelerator: torch 2.11.0+cu130 (requirements.txt:1) is built for cu130, and torchvision 0.26.0+cu129 (requirements.txt:2) for cu129",
		}},
		"nvidia": {[]Package{pkg("torch", "2.1.0+cpu", 1), pkg("nvidia-cudnn-cu12", "8", 2), pkg("nvidia-nccl-cu12", "2", 3), pkg("nvidia-cuda-runtime-cu12", "12.1.105", 4)}, []string{
			"accelerator: torch 2.1.0+cpu (requirements.txt:1) is built for cpu, and nvidia-cudnn-cu12 8 (requirements.txt:2) for cu12; the same is true of nvidia-nccl-cu12 2 (requirements.txt:3)",
			"accelerator: torch 2.1.0+cpu (requirements.txt:1) is built for cpu, and nvidia-cuda-runtime-cu12 12.1.105 (requirements.txt:4) for cu121",
		}},
		"major": {[]Package{pkg("torch", "2.1.0+cu121", 1), pkg("nvidia-cudnn-cu12", "8", 2), pkg("nvidia-nccl-cu11", "2", 3)}, []string{
			"accelerator: torch 2.1.0+cu121 (requirements.txt:1) is built for cu121, and nvidia-nccl-cu11 2 (requirements.txt:3) for cu11",
		}},
		"indexes": {[]Package{{Name: "torch", Version: "2.1.0", Index: cu118}, {Name: "torchvision", Version: "0.16.0", Index: cu121}, {Name: "torchaudio", Index: cu118}}, []string{
			"accelerator: torch 2.1.0 is built for cu118, and torchvision 0.16.0 for cu121",
		}},
		"plain": {[]Package{{Name: "torch", Version: "2.1.0+cu118"}, {Name: "torchvision", Version: "0.16.0", Plain: true}}, []string{
			"accelerator: torch 2.1.0+cu118 is built for cu118, and torchvision 0.16.0 for cu121",
		}},
		"plain and nvidia": {[]Package{{Name: "torch", Version: "2.1.0", Plain: true}, {Name: "torchvision", Version: "0.16.0", Plain: true}, pkg("nvidia-cuda-runtime-cu12", "12.1.105", 3)}, nil},
		"one of two":       {[]Package{{Name: "torch", Version: "2.1.0+cpu", When: "darwin"}, {Name: "torch", Version: "2.1.0+cu118", When: "linux"}, {Name: "torchvision", Version: "0.16.0+cu118", When: "linux"}, {Name: "torchvision", Version: "0.16.0+cpu", When: "darwin"}}, nil},
		"twice": {[]Package{pkg("torch", "2.1.0", 1), pkg("torch", "2.2.0", 2)}, []string{
			"twice: torch 2.1.0 (requirements.txt:1) and torch 2.2.0 (requirements.txt:2) cannot both be installed",
		}},
		"unknown": {[]Package{pkg("torch", "2.1.0", 1), pkg("torchvision", "0.99", 2)}, []string{
			"unknown: the release train of torchvision 0.99 (requirements.txt:2) is not in the table of " + Date,
		}},
		"without torch": {[]Package{pkg("torchvision", "0.16.0+cpu", 1), pkg("torchaudio", "2.2.0", 2), pkg("xformers", "0.0.22.post7+cu118", 3)}, []string{
			"train: torchvision 0.16.0+cpu (requirements.txt:1) goes with release train 2.1 of torch, and torchaudio 2.2.0 (requirements.txt:2) with 2.2",
			"accelerator: torchvision 0.16.0+cpu (requirements.txt:1) is built for cpu, and xformers 0.0.22.post7+cu118 (requirements.txt:3) for cu118",
		}},
		"nothing": {nil, nil},
	} {
		var got []string
		for _, p := range Coherent(tt.in) {
			got = append(got, string(p.Kind)+": "+p.Text)
		}
		if diff := cmp.Diff(tt.want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

// Many builds of torch cost no more than the limit, and are not passed over.
func TestCoherentIsBounded(t *testing.T) {
	var list []Package
	for i := range 3000 {
		list = append(list, Package{Name: "torch", Version: fmt.Sprintf("2.%d", i), When: strconv.Itoa(i)}, Package{Name: "torchvision", Version: "0.2"})
	}
	got := Coherent(list)
	if len(got) != 2 || got[0].Kind != Twice || got[1].Kind != Trains || len(got[1].Packages) != 3001 || len(got[1].Text) > 500 {
		t.Errorf("%d problems, first %v", len(got), got[0].Text)
	}
}

func FuzzCoherent(f *testing.F) {
	f.Add("torch 2.1.0+cu118 x\ntorchvision 0.17.0+cpu\nnvidia-cudnn-cu12 9.1\ntriton 3.1.0")
	f.Add("torch 2.1 /whl/cu121\ntorch 2.2 /whl/cpu\nxformers 0.0.27.post1")
	f.Fuzz(func(t *testing.T, s string) {
		var list []Package
		for line := range strings.Lines(s) {
			p := Package{}
			for i, w := range strings.Fields(line) {
				*[]*string{&p.Name, &p.Version, &p.Index, &p.When}[min(i, 3)] = w
			}
			list = append(list, p)
		}
		first, again := Coherent(list), Coherent(list)
		if diff := cmp.Diff(first, again); diff != "" {
			t.Error(diff)
		}
		for _, p := range first {
			if len(p.Packages) == 0 || p.Text == "" {
				t.Errorf("%+v", p)
			}
		}
	})
}

func BenchmarkCoherent(b *testing.B) {
	var list []Package
	for i := range 300 {
		list = append(list, Package{Name: fmt.Sprintf("package-%d", i), Version: "1.0"})
	}
	list = append(list, Package{Name: "torch", Version: "2.1.0+cu118"}, Package{Name: "torchvision", Version: "0.16.0+cu118"})
	for b.Loop() {
		if Coherent(list) != nil {
			b.Fatal("a problem")
		}
	}
}

func TestVersions(t *testing.T) {
	list := Versions()
	if len(list) < 50 || list[0] != (Version{"1.0.0", "2018-12-07"}) || list[len(list)-1].Number != "2.15.0" {
		t.Errorf("%d releases, %v", len(list), list)
	}
	for _, v := range list {
		train, ok := Train(torch, v.Number)
		if _, known := Series(torch, train); !ok || !known || v.Date != "" && len(v.Date) != 10 {
			t.Errorf("%v is of train %q, which is not known", v, train)
		}
	}
}

func TestPlain(t *testing.T) {
	for in, want := range map[string]string{"2.6.0": "cu124", "2.6.0+cpu": "cu124", "2.4": "cu121", "99.1": "", "": "", "x": ""} {
		if got := Plain(in); got != want {
			t.Errorf("%s: got %q, want %q", in, got, want)
		}
	}
}
