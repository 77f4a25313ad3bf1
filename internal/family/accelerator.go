package family

import (
	"net/url"
	"regexp"
	"slices"
	"strings"
	"sync"
)

// tagForm is an accelerator as the PyTorch index and local versions write it.
const tagForm = `(cpu|xpu|cu[0-9]{2,4}|rocm[0-9]+(?:\.[0-9]+){0,3})`

var (
	// localForm: what follows, as in cu118.with.pypi.cudnn, says how it was built.
	localForm  = form(`^` + tagForm + `(?:$|[._-][a-z])`)
	folderForm = form(`^` + tagForm + `(?:-cxx11-abi)?$`)
)

// condaForm is the build string of a conda package: py3.10_cuda11.8_cudnn8.7.0_0,
// cuda126_mkl_py311h1, cpu_mkl_py311h1, py3.10_cpu_0.
var condaForm = form(`(?:^|_)(cpu|cuda[0-9]+(?:\.[0-9]+)?|rocm[0-9]+(?:\.[0-9]+)*)(?:_|$)`)

// Accelerator returns the accelerator that a version ("2.1.0+cu118"), a local part of
// one ("cu118"), the address of an index (its path, ".../whl/cu118", never its host)
// or the build string of conda names: "cpu", "cu118", "rocm6.2.4", "xpu"; "" if it
// names none.
func Accelerator(s string) string {
	if len(s) > 4096 {
		return ""
	}
	if strings.Contains(s, "/") {
		return ofAddress(s)
	}
	s = strings.ToLower(strings.TrimSpace(s))
	if _, local, ok := strings.Cut(s, "+"); ok {
		return tag(local)
	}
	if t := tag(s); t != "" {
		return t
	}
	if m := condaForm().FindStringSubmatch(s); m != nil {
		if v, ok := strings.CutPrefix(m[1], "cuda"); ok {
			return "cu" + strings.ReplaceAll(v, ".", "")
		}
		return m[1]
	}
	return ""
}

func tag(s string) string { return first(localForm, s) }

// form is compiled when it is first needed.
func form(pattern string) func() *regexp.Regexp {
	return sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(pattern) })
}

func first(form func() *regexp.Regexp, s string) string {
	if m := form().FindStringSubmatch(s); m != nil {
		return m[1]
	}
	return ""
}

// ofAddress looks for a tag among the folders of a path, the last one first. A file at
// its end, as a page or a wheel is, may carry one as well.
func ofAddress(address string) string {
	path := address
	if u, err := url.Parse(address); err == nil && u.Path != "" {
		path = u.Path
	}
	parts := strings.Split(strings.ToLower(path), "/")
	for _, part := range slices.Backward(parts) {
		if t := first(folderForm, part); t != "" {
			return t
		}
		if _, local, ok := strings.Cut(part, "+"); ok {
			if t := tag(local); t != "" {
				return t
			}
		}
	}
	return ""
}

// OfPackage returns the accelerator that a package is for by its name and version:
// "cu12" of nvidia-cudnn-cu12, "cu121" of nvidia-cuda-runtime-cu12 12.1.105. One of
// CUDA or ROCm without a minor version is for all of that major version.
func OfPackage(name, version string) string {
	if t := Accelerator(version); t != "" {
		return t
	}
	rel := release(version)
	switch {
	case name == "cuda-toolkit" || name == "nvidia-cuda-runtime" || strings.HasPrefix(name, "nvidia-cuda-runtime-cu"):
		if len(rel) >= 2 {
			return "cu" + rel[0] + rel[1]
		}
	case strings.HasSuffix(name, "-rocm"):
		return "rocm"
	case strings.HasSuffix(name, "-xpu"):
		return "xpu"
	}
	if major := first(nvidiaForm, name); major != "" {
		return "cu" + major
	}
	return ""
}

// agree reports whether two accelerators can be one: cu12 and cu121 can, cu121 and
// cu124 cannot, and "" agrees with all.
func agree(a, b string) bool {
	if a == "" || b == "" || a == b {
		return true
	}
	return wide(a) && strings.HasPrefix(b, a) || wide(b) && strings.HasPrefix(a, b)
}

// wide reports whether a tag stands for a major version, or for any.
func wide(tag string) bool {
	return tag == "rocm" || strings.HasPrefix(tag, "cu") && len(tag) == 4
}
