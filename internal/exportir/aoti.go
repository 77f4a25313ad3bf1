package exportir

import (
	"io"
	"strings"

	"github.com/andiron-dev/andiron/internal/bounded"
)

// MemberKind says what a member of data/aotinductor is by its name.
type MemberKind string

const (
	// SharedObject is loaded with dlopen: its constructors run.
	SharedObject MemberKind = "shared_object"
	// WrapperSource is C++ that torch may compile and load.
	WrapperSource MemberKind = "wrapper_source"
	// KernelSource is C++ of the kernels.
	KernelSource MemberKind = "kernel_source"
	// ObjectCode is linked into a shared object.
	ObjectCode MemberKind = "object_code"
	// CompileFlags become parts of a shell command where torch compiles (torch 2.6 runs it with system()).
	CompileFlags MemberKind = "compile_flags"
	// LinkerFlags are what CompileFlags are, for the linker.
	LinkerFlags MemberKind = "linker_flags"
	// DeviceCode runs on an accelerator.
	DeviceCode MemberKind = "device_code"
	// Metadata is JSON about the compilation or the operators called back.
	Metadata MemberKind = "metadata"
	// Constants is raw data.
	Constants MemberKind = "constants"
	// Other is a member that torch does not write.
	Other MemberKind = "other"
)

// memberSuffixes are tried in order, on the name in lower case.
var memberSuffixes = []struct {
	suffix string
	kind   MemberKind
}{
	{"_compile_flags.json", CompileFlags},
	{"_linker_flags.json", LinkerFlags},
	{".json", Metadata},
	{".so", SharedObject},
	{".dylib", SharedObject},
	{".dll", SharedObject},
	{".pyd", SharedObject},
	{".wrapper.cpp", WrapperSource},
	{".kernel.cpp", KernelSource},
	{".cpp", WrapperSource},
	{".cc", WrapperSource},
	{".c", WrapperSource},
	{".cu", KernelSource},
	{".o", ObjectCode},
	{".obj", ObjectCode},
	{".a", ObjectCode},
	{".lib", ObjectCode},
	{".cubin", DeviceCode},
	{".hsaco", DeviceCode},
	{".spv", DeviceCode},
	{".ptx", DeviceCode},
	{".fatbin", DeviceCode},
	{".metallib", DeviceCode},
	{".bin", Constants},
	{".blob", Constants},
	{"serialized_weights", Constants},
}

// ClassifyMember says what a member of data/aotinductor is. ok is false where
// name is not in that folder.
func ClassifyMember(name string) (kind MemberKind, ok bool) {
	lower := strings.ToLower(name)
	const folder = "data/aotinductor/"
	if !strings.HasPrefix(lower, folder) && !strings.Contains(lower, "/"+folder) {
		return "", false
	}
	base := lower[strings.LastIndexByte(lower, '/')+1:]
	for _, s := range memberSuffixes {
		if strings.HasSuffix(base, s.suffix) {
			return s.kind, true
		}
	}
	if strings.Contains(base, ".so.") {
		return SharedObject, true
	}
	return Other, true
}

// Flags are the parts of the command that a flags member describes.
type Flags struct {
	Compiler   string
	Values     []Flag
	Duplicates []string
}

// Flag is one string of a flags member.
type Flag struct {
	Path  string // "cflags[0]"
	Value string
	// Shell is set where a shell would not take the value as plain words.
	Shell bool
}

// ReadFlags reads a CompileFlags or LinkerFlags member.
func ReadFlags(r io.Reader, limit int64) (*Flags, error) {
	f := &Flags{}
	data, err := bounded.ReadAll(r, limit)
	if err != nil {
		return f, err
	}
	w := walker{data: data, dup: func(path string) {
		if len(f.Duplicates) < maxFacts {
			f.Duplicates = append(f.Duplicates, path)
		}
	}}
	w.visit = func(e event) error {
		if e.kind != jsonString {
			return nil
		}
		if len(f.Values) >= maxFacts {
			return errFacts
		}
		if len(w.stack) == 1 && e.key == "compiler" {
			f.Compiler = shorten(e.text)
		}
		f.Values = append(f.Values, Flag{Path: w.path(), Value: shorten(e.text), Shell: shellText(e.text)})
		return nil
	}
	return f, w.run()
}

// shellText reports whether s has anything but the characters of paths, flags
// and definitions.
func shellText(s string) bool {
	return strings.ContainsFunc(s, func(r rune) bool {
		return !(r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune(" -_=+./,:@%", r))
	})
}
