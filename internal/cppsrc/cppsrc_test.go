package cppsrc

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func parse(t *testing.T, src string) *File {
	t.Helper()
	f, err := Parse([]byte(src), Limits{})
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func words(f *File) (out []string) {
	for i := range f.Tokens {
		out = append(out, f.Word(i))
	}
	return out
}

func TestTokens(t *testing.T) {
	for src, want := range map[string]string{
		"k<<<dim3(1), 2>>>(a>>2);":                      "k <<< dim3 ( 1 ) , 2 >>> ( a >> 2 ) ;",
		"vector<vector<vector<int>>> v;":                "vector < vector < vector < int >> > v ;",
		"s << \"a\\\"b\" << '\\'' << u8\"x\";":          `s << "a\"b" << '\'' << u8"x" ;`,
		"auto r = R\"x(a\")x\";b":                       `auto r = R"x(a")x" ; b`,
		"1'000.5e-3f + 0x1Fp+2 ... ->* <=>":             "1'000.5e-3f + 0x1Fp+2 ... ->* <=>",
		"a // b \\\n c\nd /* e \n */ f":                 "a d f",
		"in\\\nt":                                       "in t",
		"#if 0\n}\n#else\nb\n#endif\nc":                 "b c",
		"#ifdef A\nf(int a) {\n#else\nf() {\n#endif\n}": "f ( int a ) { }",
		"#ifdef A\na;\n#elif B\nb;\n#else\nc;\n#endif":  "a ; b ; c ;",
		"#if 0\n#if 1\n#else\nx\n#endif\n#endif\ny":     "y",
		"#define F(x) \\\n  x\nG":                       "G",
	} {
		if got := strings.Join(words(parse(t, src)), " "); got != want {
			t.Errorf("%q is %q, want %q", src, got, want)
		}
	}
}

func TestMacros(t *testing.T) {
	f := parse(t, "#define CHECK(x, n) TORCH_CHECK(x.dim() == n, #x)\n# define N 4\n#define ONCE() f()\n#include <a/b.h>\n#pragma omp parallel for\nx")
	var got []string
	for _, m := range f.Macros {
		got = append(got, fmt.Sprintf("%s %q %s", m.Name, m.Params, strings.Join(words(m.Body), " ")))
	}
	want := []string{
		`CHECK ["x" "n"] TORCH_CHECK ( x . dim ( ) == n , x )`,
		`N [] 4`,
		`ONCE [""] f ( )`,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if len(f.Includes) != 1 || f.Includes[0].Path != "a/b.h" || len(f.Pragmas) != 1 || f.Pragmas[0].Text != "omp parallel for" || f.Pragmas[0].Before != 0 {
		t.Errorf("includes %v, pragmas %v", f.Includes, f.Pragmas)
	}
}

func TestFunctions(t *testing.T) {
	f := parse(t, `
namespace a::b {
template <typename T, int N = (1 > 2)>
__global__ void __launch_bounds__(256) kernel(const T* __restrict__ x, int n = 3) {}
static inline at::Tensor f(const at::Tensor& x, c10::optional<std::vector<int64_t>> y, int64_t (z)[3]) { return x; }
struct S : Base<int> {
  S(int a) : a_{a}, b_(a) { g(); }
  bool operator()(int i) const { return i; }
  bool operator==(const S& o) const noexcept { return true; }
 private:
  int h() { return 1; }
  std::vector<int> v{1, 2};
};
int arr[] = {1, 2};
auto lambda = [](int a) { return a; };
}  // namespace
enum class E { A, B };
extern "C" { void c(void) {} }
TORCH_LIBRARY(ns, m) { m.def("f(Tensor x) -> Tensor"); }
void Cls::method(int) {}
std::function<void(int)> make() { return {}; }
void declared(int);
`)
	var got []string
	for _, fn := range f.Functions {
		var params []string
		for _, p := range fn.Params {
			params = append(params, p.Type+" | "+p.Name)
		}
		got = append(got, fmt.Sprintf("%s::%s(%s) macro %v global %v", fn.Class, fn.Name, strings.Join(params, "; "), fn.Macro, fn.Is(f, "__global__")))
	}
	want := []string{
		"::kernel(const T * __restrict__ | x; int | n) macro false global true",
		"::f(const at :: Tensor & | x; c10 :: optional < std :: vector < int64_t >> | y; int64_t ( z ) [ 3 ] | ) macro false global false",
		"S::S(int | a) macro false global false",
		"S::)(int | i) macro false global false",
		"S::==(const S & | o) macro false global false",
		"S::h() macro false global false",
		"::c() macro false global false",
		"::TORCH_LIBRARY(ns | ; m | ) macro true global false",
		"Cls::method(int | ) macro false global false",
		"::make() macro false global false",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if len(f.Errors) > 0 {
		t.Errorf("errors %v", f.Errors)
	}
}

// A lambda is read as a function, wherever it stands.
func TestLambda(t *testing.T) {
	f := parse(t, `auto r = op("f", [&](const T& x, int n = 1) -> std::tuple<T, T> { g(x); return {x, x}; }, [1]);`)
	l := f.Lambda(slices.Index(words(f), "["))
	if l == nil || len(l.Params) != 2 || l.Params[1].Name != "n" || f.Source(l.Body) != "g(x); return {x, x};" || f.Source(l.Result) != "-> std::tuple<T, T>" || len(l.Stmts) != 2 {
		t.Errorf("%+v", l)
	}
	for _, i := range []int{0, -1, len(f.Tokens), len(f.Tokens) - 4} {
		if l := f.Lambda(i); l != nil {
			t.Errorf("%s: %+v", f.Word(i), l)
		}
	}
}

// shape writes statements in short.
func shape(f *File, list []*Stmt) string {
	var out []string
	for _, s := range list {
		kind := []string{"expr", "block", "if", "for", "while", "switch", "return", "jump", "try", "headed"}[s.Kind]
		text := kind + "<" + f.Source(s.Head) + ">"
		for _, l := range s.Lambdas {
			text += "λ(" + shape(f, l.Body) + ")"
		}
		if len(s.Body) > 0 {
			text += "{" + shape(f, s.Body) + "}"
		}
		if len(s.Else) > 0 {
			text += "else{" + shape(f, s.Else) + "}"
		}
		out = append(out, text)
	}
	return strings.Join(out, " ")
}

func TestStatements(t *testing.T) {
	for src, want := range map[string]string{
		"if (a) b; else if (c) { d; } else e;":             "if<a>{expr<b>}else{if<c>{expr<d>}else{expr<e>}}",
		"for (int i = 0; i < n; ++i) x[i] = 1;":            "for<int i = 0; i < n; ++i>{expr<x[i] = 1>}",
		"do { a; } while (b); c;":                          "while<b>{expr<a>} expr<c>",
		"switch (a) { case 1: b; break; default: c; }":     "switch<a>{expr<b> jump<> expr<c>}",
		"try { a; } catch (const E& e) { throw; } b;":      "try<try>{expr<a>}else{block<const E& e>{return<>}} expr<b>",
		"CUDA_KERNEL_LOOP(i, n) { a; } b;":                 "headed<CUDA_KERNEL_LOOP(i, n)>{expr<a>} expr<b>",
		"p(0, n, [&](int b, int e) { a[i]; }, [] { c; });": "expr<p(0, n, [&](int b, int e) { a[i]; }, [] { c; })>λ(expr<a[i]>)λ(expr<c>)",
		"auto f = [=]() mutable -> int { return 1; };":     "expr<auto f = [=]() mutable -> int { return 1; }>λ(return<1>)",
		"f([]() -> std::tuple<T, T> { a; });":              "expr<f([]() -> std::tuple<T, T> { a; })>λ(expr<a>)",
		"f([]<typename T>(T a) { a; });":                   "expr<f([]<typename T>(T a) { a; })>λ(expr<a>)",
		"std::vector<int> v = {1, 2}; S s{a, b};":          "expr<std::vector<int> v = {1, 2}> expr<S s{a, b}>",
		"{ a; { b; } } while (c) d;":                       "block<>{expr<a> block<>{expr<b>}} while<c>{expr<d>}",
		"if constexpr (a) return b;":                       "if<a>{return<b>}",
		"x[a[0]] = b[1]; return c[i];":                     "expr<x[a[0]] = b[1]> return<c[i]>",
	} {
		f := parse(t, "void f() { "+src+" }")
		if got := shape(f, f.Functions[0].Stmts); got != want {
			t.Errorf("%q is\n%s, want\n%s", src, got, want)
		}
	}
}

func TestErrors(t *testing.T) {
	for src, want := range map[string]string{
		"f(":             "a bracket is not closed",
		")":              "a bracket is closed that is not open",
		"\"a\nb":         "a string does not end",
		"/* a":           "a comment does not end",
		"R\"(a":          "a string does not end",
		"void f() { ( }": "a bracket is not closed",
	} {
		f := parse(t, src)
		if len(f.Errors) != 1 || f.Errors[0].What != want {
			t.Errorf("%q has %v, want %q", src, f.Errors, want)
		}
	}
	// What stands around is read.
	f := parse(t, "void f() { g(; }\nvoid h() {}\n")
	if len(f.Functions) != 2 {
		t.Errorf("%d functions", len(f.Functions))
	}
	if _, err := Parse(make([]byte, 11), Limits{MaxBytes: 10}); err == nil {
		t.Error("no limit")
	}
	deep := parse(t, "void f() { "+strings.Repeat("{ ", 200)+strings.Repeat("} ", 200)+"}")
	if len(deep.Errors) != 1 || deep.Errors[0].What != "statements are nested too deep" {
		t.Errorf("deep: %v", deep.Errors)
	}
}

var seeds = []string{
	"namespace a { template <class T> struct S { S() : a{1}, b(2) {} }; }",
	"void f(int a[3], T<int> b = {}) { for (;;) { if (x) y; else z; } k<<<1, 2>>>(a); }",
	"#define A(x) \\\n x\n#if 0\n}\n#elif B\n{\n#else\n(\n#endif\n#pragma once\n#include \"x\"\n",
	"auto r = R\"x(\")x\"; char c = '\\'; \"\n /* ",
	"a<a<a<a<a<a>>>>> >> b; [&](int x) mutable -> int { return [=] { do ; while (x); }(); };",
	"try { } catch (...) { } switch (a) { case 1: default: ; } else else if",
	"operator()(int) { } operator==() { } TORCH_LIBRARY(a, b) { m.def(\"x\"); }",
	"]})>>>(<<<[{ ;;; #define\n#else\n#endif\n\\\n$é",
}

// FuzzParse: no panic, the same twice, every span within the file, and mates that
// are each other's.
func FuzzParse(f *testing.F) {
	for _, s := range seeds {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) { checkParse(t, b) })
}

func TestSeeds(t *testing.T) {
	for _, s := range seeds {
		for i := range len(s) + 1 { // every way to break off
			checkParse(t, []byte(s[:i]))
		}
	}
}

func checkParse(t *testing.T, b []byte) {
	t.Helper()
	f, err := Parse(b, Limits{MaxBytes: 1 << 16, MaxDepth: 20, MaxErrors: 5})
	again, _ := Parse(b, Limits{MaxBytes: 1 << 16, MaxDepth: 20, MaxErrors: 5})
	if err != nil {
		return
	}
	if len(f.Tokens) != len(again.Tokens) || len(f.Functions) != len(again.Functions) {
		t.Fatal("two readings")
	}
	for i, tok := range f.Tokens {
		if tok.Start >= tok.End || int(tok.End) > len(b) {
			t.Fatalf("token %d is %+v", i, tok)
		}
		if m := f.Mate(i); m >= 0 && f.Mate(m) != i {
			t.Fatalf("token %d has the mate %d, which has %d", i, m, f.Mate(m))
		}
		if i > 200 {
			continue // each takes as long as the file is
		}
		if l := f.Lambda(i); l != nil {
			checkSpan(t, f, l.Result)
			checkSpan(t, f, l.Body)
			checkStmts(t, f, l.Body, l.Stmts)
		}
	}
	for _, fn := range f.Functions {
		checkSpan(t, f, fn.Body)
		checkStmts(t, f, fn.Body, fn.Stmts)
		f.Place(fn.At)
	}
}

func checkSpan(t *testing.T, f *File, s Span) {
	t.Helper()
	if s.First < 0 || s.First > s.Last || s.Last > len(f.Tokens) {
		t.Fatalf("span %v of %d tokens", s, len(f.Tokens))
	}
}

func checkStmts(t *testing.T, f *File, within Span, list []*Stmt) {
	t.Helper()
	for _, s := range list {
		checkSpan(t, f, s.All)
		checkSpan(t, f, s.Head)
		if s.All.First < within.First || s.All.Last > within.Last {
			t.Fatalf("statement %v is not within %v", s.All, within)
		}
		checkStmts(t, f, s.All, s.Body)
		checkStmts(t, f, s.All, s.Else)
		for _, l := range s.Lambdas {
			checkStmts(t, f, l.All, l.Body)
		}
	}
}

func BenchmarkParse(b *testing.B) {
	src := []byte(strings.Repeat(strings.Join(seeds[:2], "\n")+`
at::Tensor f(const at::Tensor& x, int64_t n) {
  TORCH_CHECK(x.dim() == 2, "x must have two dimensions, got ", x.dim());
  auto out = at::empty({n, x.size(1)}, x.options());
  for (int64_t i = 0; i < n; ++i) {
    out[i] = x[i] * 2; // the row
  }
  return out;
}
`, 1000))
	b.SetBytes(int64(len(src)))
	for b.Loop() {
		if _, err := Parse(src, Limits{}); err != nil {
			b.Fatal(err)
		}
	}
}
