package cpptool

import (
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// reader collects what a program says of one source.
type reader struct {
	tool   string
	paths  map[string]string // absolute to named
	source Source
	r      *Result
	last   int // the warning that notes are about, or -1
}

func (r *reader) unchecked(s Source, why string) {
	u := Unchecked{r.tool, s.Path, why}
	if !slices.Contains(r.r.Unchecked, u) {
		r.r.Unchecked = append(r.r.Unchecked, u)
	}
}

// line is what GCC and Clang write, and what cppcheck is told to.
var line = regexp.MustCompile(`^(.+?):(\d+):(\d+): (warning|error|fatal error|note): (.*?)(?: \[([^\[\]]*)\])?$`)

// said is a line of a program.
type said struct {
	path         string
	line, column int
	kind, text   string
	check        string
}

func (r *reader) parse(text string) (s said, ok bool) {
	m := line.FindStringSubmatch(strings.TrimRight(text, "\r"))
	if m == nil {
		return s, false
	}
	n, err1 := strconv.Atoi(m[2])
	c, err2 := strconv.Atoi(m[3])
	if err1 != nil || err2 != nil || n < 1 {
		return s, false
	}
	name := m[1]
	if !filepath.IsAbs(name) {
		name = filepath.Join(filepath.Dir(r.source.Abs), name)
	}
	return said{path: r.paths[filepath.Clean(name)], line: n, column: max(c, 1), kind: m[4], text: m[5], check: m[6]}, true
}

// add keeps a warning in a source of the project, once.
func (r *reader) add(s said, class Class) {
	r.last = -1
	if s.path == "" || class == "" || len(r.r.Warnings) >= mostWarnings {
		return
	}
	w := Warning{r.tool, s.path, s.line, s.column, s.check, class, s.text}
	if i := slices.Index(r.r.Warnings, w); i >= 0 {
		return
	}
	r.r.Warnings = append(r.r.Warnings, w)
	r.last = len(r.r.Warnings) - 1
}

// failed says that a source was not checked to its end.
func (r *reader) failed(s said) { r.unchecked(r.source, s.text) }

// headers are the flags that every compiler takes.
func headers(s Source, o Options) []string {
	args := []string{"-x", "c++", o.Standard}
	if own, ok := o.Commands[s.Abs]; ok {
		args = append(args, own...)
	}
	for _, dir := range o.Include {
		args = append(args, "-isystem", dir)
	}
	return args
}

// clangTidyChecks are those that say something of operators; most others are about
// style, or find pointers.
const clangTidyChecks = `{Checks: "-*,bugprone-narrowing-conversions,bugprone-dangling-handle,bugprone-use-after-move,clang-analyzer-core.*,clang-analyzer-cplusplus.*,clang-analyzer-unix.*", InheritParentConfig: false}`

func clangTidyArgs(s Source, o Options) []string {
	return append([]string{"--quiet", "--config=" + clangTidyChecks, s.Abs, "--"}, headers(s, o)...)
}

// clangTidy are the classes of its checks, by their beginnings.
var clangTidy = []struct {
	prefix string
	class  Class
}{
	{"bugprone-narrowing-conversions", Narrowed},
	{"bugprone-dangling-handle", Dangling},
	{"bugprone-use-after-move", Dangling},
	{"clang-analyzer-core.DivideZero", Division},
	{"clang-analyzer-core.NullDereference", Null},
	{"clang-analyzer-core.NonNullParamChecker", Null},
	{"clang-analyzer-core.uninitialized", Uninitialised},
	{"clang-analyzer-core.UndefinedBinaryOperatorResult", Uninitialised},
	{"clang-analyzer-core.StackAddressEscape", Dangling},
	{"clang-analyzer-cplusplus.NewDeleteLeaks", Leak},
	{"clang-analyzer-cplusplus.NewDelete", Dangling},
	{"clang-analyzer-cplusplus.InnerPointer", Dangling},
	{"clang-analyzer-unix.Malloc", Leak},
	{"clang-analyzer-unix.cstring.OutOfBounds", Bounds},
	{"clang-analyzer-", Fault},
}

func readClangTidy(out string, r *reader) {
	for text := range strings.Lines(out) {
		s, ok := r.parse(strings.TrimRight(text, "\n"))
		switch {
		case !ok:
		case s.kind == "error" || s.kind == "fatal error":
			r.failed(s)
		case s.kind == "note":
			r.note(s)
		case strings.HasPrefix(s.text, "Use of memory after"):
			r.add(s, Dangling)
		default:
			r.add(s, classOf(s))
		}
	}
}

func classOf(s said) Class {
	for _, c := range clangTidy {
		if strings.HasPrefix(s.check, c.prefix) {
			if c.class == Narrowed && !wide(s.text) {
				return ""
			}
			return c.class
		}
	}
	return ""
}

// note moves a leak to where the memory comes from, which is where others report it.
func (r *reader) note(s said) {
	if r.last < 0 || s.path == "" || s.text != "Memory is allocated" {
		return
	}
	if w := &r.r.Warnings[r.last]; w.Class == Leak && w.Path == s.path {
		w.Line, w.Column = s.line, s.column
	}
	r.last = -1
}

// conversion is what GCC and clang-tidy say: "from 'int64_t' {aka 'long int'} to 'int'".
var conversion = regexp.MustCompile(`conversion from ['‘]([^'’]*)['’](?: [{(]aka ['‘]([^'’]*)['’][)}])? to (?:signed type |unsigned type )?['‘]([^'’]*)['’](?: [{(]aka ['‘]([^'’]*)['’][)}])?`)

var (
	wideTypes   = []string{"long", "long int", "unsigned long", "long unsigned int", "long long", "long long int", "unsigned long long", "long long unsigned int", "int64_t", "size_t", "uint64_t"}
	narrowTypes = []string{"int", "unsigned int", "short", "short int", "unsigned short", "short unsigned int", "char", "signed char", "unsigned char", "int32_t", "uint32_t", "int16_t", "uint16_t", "int8_t", "uint8_t"}
)

// wide reports whether a warning is of a whole number of 64 bits that goes into one of
// fewer, which is what a large tensor breaks; rounding of floating numbers is not.
func wide(text string) bool {
	m := conversion.FindStringSubmatch(text)
	if m == nil {
		return false
	}
	is := func(list []string, names ...string) bool {
		return slices.ContainsFunc(names, func(n string) bool { return slices.Contains(list, strings.TrimPrefix(n, "const ")) })
	}
	return is(wideTypes, m[1], m[2]) && is(narrowTypes, m[3], m[4])
}

// gccFlags are its warnings that say something of operators without optimisation.
var gccFlags = map[string]Class{
	"-Wconversion": Narrowed, "-Wshorten-64-to-32": Narrowed, "-Woverflow": Narrowed,
	"-Wdiv-by-zero": Division, "-Wreturn-local-addr": Dangling, "-Wreturn-type": Fault,
	"-Wsizeof-pointer-memaccess": Fault, "-Wsizeof-array-argument": Fault, "-Warray-bounds": Bounds, "-Warray-bounds=": Bounds,
	"-Wuninitialized": Uninitialised, "-Wmaybe-uninitialized": Uninitialised, "-Wmismatched-new-delete": Fault,
	"-Wfree-nonheap-object": Fault, "-Wdelete-non-virtual-dtor": Fault, "-Wnonnull": Null, "-Wdangling-reference": Dangling, "-Wdangling-pointer=": Dangling,
}

func gccArgs(s Source, o Options) []string {
	return append([]string{"-fsyntax-only", "-Wall", "-Wextra", "-Wconversion"}, append(headers(s, o), s.Abs)...)
}

func readGCC(out string, r *reader) {
	for text := range strings.Lines(out) {
		s, ok := r.parse(strings.TrimRight(text, "\n"))
		switch {
		case !ok || s.kind == "note":
		case s.kind == "warning":
			if class := gccFlags[s.check]; class != Narrowed || wide(s.text) {
				r.add(s, class)
			}
		default:
			r.failed(s)
		}
	}
}

// cppcheckIDs are the classes of what it calls an error. What is none of them, and not
// about the file as such, is a fault.
var cppcheckIDs = map[string]Class{
	"memleak": Leak, "memleakOnRealloc": Leak, "resourceLeak": Leak, "leakNoVarFunctionCall": Leak,
	"arrayIndexOutOfBounds": Bounds, "bufferAccessOutOfBounds": Bounds, "negativeIndex": Bounds, "containerOutOfBounds": Bounds,
	"zerodiv": Division, "nullPointer": Null, "ctunullpointer": Null,
	"uninitvar": Uninitialised, "legacyUninitvar": Uninitialised,
	"danglingLifetime": Dangling, "returnDanglingLifetime": Dangling, "danglingTemporaryLifetime": Dangling, "deallocuse": Dangling, "autoVariables": Dangling, "invalidLifetime": Dangling,
}

// cppcheckWrong are those that are often wrong: memory that is freed without having been
// written is a fault of nobody.
var cppcheckWrong = []string{"uninitdata"}

// cppcheckOwn are those that say that it could not read a file.
var cppcheckOwn = []string{"syntaxError", "unknownMacro", "internalAstError", "internalError", "cppcheckError", "preprocessorErrorDirective", "noValidConfiguration", "noValidConfigurationFiles"}

// cppcheckMacros are macros that it must not take for functions.
var cppcheckMacros = []string{
	"-DTORCH_LIBRARY(ns,m)=static void andiron_library(torch::Library& m)",
	"-DTORCH_LIBRARY_FRAGMENT(ns,m)=static void andiron_fragment(torch::Library& m)",
	"-DTORCH_LIBRARY_IMPL(ns,k,m)=static void andiron_library_##k(torch::Library& m)",
	"-DPYBIND11_MODULE(name,m)=static void andiron_module(pybind11::module_& m)",
}

func cppcheckArgs(s Source, o Options) []string {
	args := []string{"--quiet", "--language=c++", "--template={file}:{line}:{column}: {severity}: {message} [{id}]", "--template-location=", "--std=" + strings.TrimPrefix(o.Standard, "-std=")}
	args = append(args, cppcheckMacros...)
	for _, a := range o.Commands[s.Abs] {
		if strings.HasPrefix(a, "-D") || strings.HasPrefix(a, "-U") {
			args = append(args, a)
		}
	}
	return append(args, s.Abs)
}

func readCppcheck(out string, r *reader) {
	for text := range strings.Lines(out) {
		s, ok := r.parse(strings.TrimRight(text, "\n"))
		switch {
		case !ok || s.kind != "error" || slices.Contains(cppcheckWrong, s.check):
		case slices.Contains(cppcheckOwn, s.check):
			r.failed(s)
		case cppcheckIDs[s.check] != "":
			r.add(s, cppcheckIDs[s.check])
		default:
			r.add(s, Fault)
		}
	}
}
