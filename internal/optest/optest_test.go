package optest

import (
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/andiron-dev/andiron/internal/opbuild"
	"github.com/andiron-dev/andiron/internal/opreport"
)

func TestMerge(t *testing.T) {
	at := opreport.Frame{File: "op.cpp", Line: 7}
	plain := opreport.Found{Kind: "crash", Key: "signal SIGSEGV", Detail: "the process ends with signal SIGSEGV", Build: "plain", Times: 3}
	located := opreport.Found{Kind: "crash", Key: "heap-buffer-overflow op.cpp:7", Detail: "heap-buffer-overflow", Build: "asan", Times: 2, Where: at}
	other := located
	other.Key, other.Where.Line = "heap-buffer-overflow op.cpp:9", 9
	poison := opreport.Found{Kind: "poison", Build: "plain", Times: 1}

	got := []opreport.Found{}
	for _, f := range []opreport.Found{plain, plain, poison, located, located, other} {
		got = merge(got, f)
	}
	var lines []string
	for _, f := range got {
		lines = append(lines, f.Kind+" "+f.Build+" "+f.Key+" "+f.Also)
	}
	want := []string{
		"crash asan heap-buffer-overflow op.cpp:7 the plain build: the process ends with signal SIGSEGV",
		"poison plain  ",
		"crash asan heap-buffer-overflow op.cpp:9 ",
	}
	if !slices.Equal(lines, want) {
		t.Errorf("got %q, want %q", lines, want)
	}
	if got[0].Times != 4 {
		t.Errorf("%d times", got[0].Times)
	}

	null := opreport.Found{Kind: "crash", Key: "null", Detail: "runtime error: load of null pointer", Build: "asan", Times: 1, Where: at}
	written := opreport.Found{Kind: "crash", Key: "w", Detail: "AddressSanitizer: heap-buffer-overflow", Output: "WRITE of size 4 at 0x1", Build: "asan", Times: 2, Where: at}
	for _, order := range [][]opreport.Found{{plain, null, written}, {plain, written, null}} {
		var got []opreport.Found
		for _, f := range order {
			got = merge(got, f)
		}
		if len(got) != 1 || got[0].Key != "w" || got[0].Times != 3 || got[0].Also != "the plain build: "+plain.Detail {
			t.Errorf("of two at one place: %+v", got)
		}
	}

	wild := opreport.Found{Kind: "crash", Key: "Invalid read of size 4 /p/op.cpp:7", Detail: "Invalid read of size 4", Build: string(valgrind), Times: 1, Where: at}
	if got := merge([]opreport.Found{plain}, wild); len(got) != 1 || got[0].Where != at || got[0].Also != "the plain build: "+plain.Detail {
		t.Errorf("under valgrind: %+v", got)
	}
	if got := merge([]opreport.Found{located}, wild); len(got) != 1 || got[0].Build != "asan" {
		t.Errorf("under valgrind, what asan saw: %+v", got)
	}
	unset := opreport.Found{Kind: "poison", Detail: "Conditional jump or move depends on uninitialised value(s)", Build: string(valgrind), Times: 1, Where: at}
	if got := merge([]opreport.Found{poison}, unset); len(got) != 1 || got[0].Where != at || got[0].Build != "plain" || got[0].Also != "under valgrind: "+unset.Detail {
		t.Errorf("under valgrind: %+v", got)
	}

	leak := merge([]opreport.Found{{Kind: "leak", Build: "plain", Detail: "each call keeps 32 bytes"}}, opreport.Found{Kind: "leak", Build: "asan", Detail: "memory is lost", Values: "Direct leak of 320 bytes", Where: at})
	if len(leak) != 1 || leak[0].Detail != "each call keeps 32 bytes" || leak[0].Where != at || leak[0].Also != "memory is lost: Direct leak of 320 bytes" {
		t.Errorf("%+v", leak)
	}
}

// TestTake: a call that a fault of the runner ended was not looked at, and the run says so.
func TestTake(t *testing.T) {
	rows := map[string]string{
		`{"event": "row", "operator": "ns::f", "counts": {"valid": 3}}`:                                  "",
		`{"event": "row", "operator": "ns::f", "counts": {"valid": 3}, "lost": 2, "failed": "Error: x"}`: "2 calls of ns::f (plain) could not be judged, as the runner failed: Error: x",
	}
	for row, want := range rows {
		r := &run{byName: map[string]*opreport.Operator{"ns::f": {Name: "ns::f"}}, pools: map[string][]rawCase{}}
		name := filepath.Join(t.TempDir(), "events")
		if err := os.WriteFile(name, []byte(row+"\n"+`{"event": "end"}`+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		whole, err := r.take(name, opbuild.Built{Variant: opbuild.Plain})
		if got := strings.Join(r.result.Incomplete, "\n"); err != nil || !whole || got != want || r.byName["ns::f"].Counts.Valid != 3 {
			t.Errorf("%s: %v, %v, %q", row, whole, err, got)
		}
	}
}

func TestUnderValgrind(t *testing.T) {
	var u underValgrind
	u.add(&opreport.Event{Counts: opreport.Counts{Limit: 2}})
	if got := u.missed(); got != "under valgrind no call was done within the limits of a call" {
		t.Errorf("none: %q", got)
	}
	u.add(&opreport.Event{Counts: opreport.Counts{Valid: 3, Raised: 1, Crashed: 1}})
	if got := u.note() + "|" + u.missed(); got != "7 calls of 2 operators: those of the tests, and those that were found; 2 of them took more than a call may|" {
		t.Errorf("some: %q", got)
	}
	u.add(&opreport.Event{Cut: "its time was up"})
	if got := u.missed(); got != "under valgrind the time was up before all calls of 1 operator were made" {
		t.Errorf("cut: %q", got)
	}
}

func TestAgain(t *testing.T) {
	tests := []struct{ kind, text, want string }{
		{"crash", `{"args":[]}`, `{"args":[]}`},
		{"crash", `{"ask":"sequence","args":[],"sequence":[]}`, `{"ask":"sequence","args":[],"sequence":[]}`},
		{"leak", `{"args":[],"ask":"leak"}`, `{"args":[],"ask":"leakloop"}`},
		{"gradcheck", `{"args":[],"ask":"gradient"}`, ""},
		{"device", `{"args":[],"device":"tripwire"}`, ""},
		{"hang", `{"args":[]}`, ""},
		{"crash", `no JSON`, ""},
	}
	for _, tt := range tests {
		if got := string(again(opreport.Found{Kind: tt.kind, Case: json.RawMessage(tt.text)})); got != tt.want {
			t.Errorf("%s %s: %s, want %s", tt.kind, tt.text, got, tt.want)
		}
	}
}

func TestRegistration(t *testing.T) {
	const text = `TORCH_LIBRARY(ns, m) {
  m.def("gather(Tensor x) -> Tensor");
  m.def("gather_rows(Tensor x) -> Tensor", &gather_rows);
}
TORCH_LIBRARY_IMPL(ns, CPU, m) {
  m.impl("gather", gather);
  m.impl("ns::scatter.out", scatter);
}
PYBIND11_MODULE(ext, m) {
  m.def("scale",
        &scale);
}
`
	for name, want := range map[string]int{"gather": 6, "gather_rows": 3, "scatter": 7, "scale": 10, "gath": 0, "ns": 0} {
		if got := registration([]byte(text), name); got != want {
			t.Errorf("%s: line %d, want %d", name, got, want)
		}
	}
	known := func(file string) (string, bool) { return strings.CutPrefix(file, "/p/") }
	if file, line := dumped("/p/op.cpp:12", known); file != "op.cpp" || line != 12 {
		t.Errorf("%s:%d", file, line)
	}
	for _, bad := range []string{"", "x", "/q/op.cpp:12", "/p/op.cpp:x"} {
		if file, line := dumped(bad, known); file != "" || line != 0 {
			t.Errorf("%q: %s:%d", bad, file, line)
		}
	}
}

func TestListener(t *testing.T) {
	var heard []string
	l := &listener{heard: func(b []byte) { heard = append(heard, strings.TrimSpace(string(b))) }}
	for _, part := range []string{"noise\n{\"eve", "nt\": 1}\n", "x", "\n{\"event\": 2}\nrest", strings.Repeat("y", 2*mostLine), "\n{\"event\": 3}\n"} {
		if n, err := l.Write([]byte(part)); n != len(part) || err != nil {
			t.Fatal(n, err)
		}
	}
	if want := []string{`{"event": 1}`, `{"event": 2}`, `{"event": 3}`}; !slices.Equal(heard, want) {
		t.Errorf("heard %q", heard)
	}
}

func TestParseConfig(t *testing.T) {
	c, err := ParseConfig([]byte(`version: 1
tests: [tests/ops]
operators:
  - operator: ns::f
    reference: torch.add
    examples:
      - args: [{tensor: {shape: [2, 3], dtype: int64, low: 0, high: 4}}, 2, 0.5, .inf, true, null, [1, 2], sum]
        kwargs: {out: {tensor: {values: [1, 2.5]}}}
  - operator: ext.g
    skip: needs a GPU
`))
	if err != nil {
		t.Fatal(err)
	}
	got := string(c.seeds()["ns::f"][0])
	for _, want := range []string{
		`"dtype":"int64"`, `"shape":[2,3]`, `"high":4`, `{"k":"int","v":2}`, `{"k":"float","v":0.5}`, `{"k":"float","v":"+Inf"}`, `{"k":"bool","v":true}`,
		`{"k":"none"}`, `{"k":"list","v":[{"k":"int","v":1},{"k":"int","v":2}]}`, `{"k":"str","v":"sum"}`, `"shape":[2]`, `"v":[1,2.5]`,
	} {
		if !strings.Contains(got, want) {
			t.Errorf("no %s in %s", want, got)
		}
	}
	ops := c.apply([]operator{{Name: "ns::f"}, {Name: "ext.g"}})
	if !slices.Equal(c.references(), []string{"torch.add"}) {
		t.Errorf("references %q", c.references())
	}
	if ops[0].Reference != "torch.add" || c.skip(ops[1]) != "needs a GPU" || c.skip(ops[0]) != "" {
		t.Errorf("%+v", ops)
	}
	if got := c.unknown(ops[:1]); !slices.Equal(got, []string{"ext.g"}) {
		t.Errorf("unknown %q", got)
	}
}

func TestParseConfigRefuses(t *testing.T) {
	const head = "version: 1\noperators:\n  - operator: ns::f\n    examples: [{args: ["
	for text, want := range map[string]string{
		"":                            "version is 0",
		"version: 2":                  "version is 2",
		"version: 1\nx: 1":            "field x not found",
		"version: 1\noperators: [{}]": "operator 1 has no name",
		"version: 1\noperators: [{operator: a}, {operator: a}]": "stands twice",
		head + "{tensor: {dtype: float3}}]}]":                   `dtype "float3"`,
		head + "{tensor: {layout: odd}}]}]":                     `layout "odd"`,
		head + "{tensor: {shape: [-1]}}]}]":                     "too large, or negative",
		head + "{tensor: {shape: [4000000, 2]}}]}]":             "too large, or negative",
		head + "{tensor: {shape: [3], values: [1]}}]}]":         "1 values for shape [3]",
		head + "{x: 1}]}]":                                      "not tensor: {...}",
	} {
		if _, err := ParseConfig([]byte(text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", text, err, want)
		}
	}
}

func FuzzConfig(f *testing.F) {
	f.Add([]byte("version: 1\noperators: [{operator: a, examples: [{args: [1, {tensor: {shape: [2]}}]}]}]"))
	f.Add([]byte("version: 1\noperators: [&a {operator: *a}]"))
	f.Fuzz(func(t *testing.T, b []byte) {
		c, err := ParseConfig(b)
		if err != nil {
			return
		}
		for _, list := range c.seeds() {
			for _, s := range list {
				if !json.Valid(s) {
					t.Errorf("an example is not JSON: %s", s)
				}
			}
		}
	})
}

func TestCorpus(t *testing.T) {
	dir := t.TempDir()
	op := &opreport.Operator{Name: "ns::f", Overload: "out", Found: []opreport.Found{
		{Kind: "crash", Case: json.RawMessage(`{"args":[1]}`), Script: "crash-0123abcd.py", Text: "import torch\n"},
		{Kind: "leak", Case: json.RawMessage(`{"args":[],"ask":"leak"}`), Script: "../leak-0123abcd.py", Text: "x"},
	}}
	src := t.TempDir()
	if err := os.WriteFile(filepath.Join(src, "op.cpp"), []byte("int f;\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	r := &run{Options: Options{Corpus: dir, Project: opbuild.Project{Dir: src, Sources: []string{"op.cpp"}}}, operators: []operator{{Name: "ns::f", Overload: "out"}}, pools: map[string][]rawCase{"ns::f.out": {json.RawMessage(`{"args":[2]}`)}}}
	r.result.Operators = []*opreport.Operator{op, {Name: "ns::quiet"}}
	if err := r.keep(); err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(filepath.Join(dir, opreport.RecordName))
	if err != nil {
		t.Fatal(err)
	}
	rec, err := opreport.ParseRecord(b)
	if err != nil || len(rec.Result.Operators) != 2 || len(rec.Sources) != 1 || rec.Sources["op.cpp"] == "" || rec.Result.Operators[0].Found[0].Text != "" {
		t.Errorf("%+v, %v", rec, err)
	}
	got, err := r.replayed()
	if err != nil {
		t.Fatal(err)
	}
	if list := got["ns::f.out"]; len(list) != 2 || len(got) != 1 {
		t.Errorf("%q", got)
	}
	if b, err := os.ReadFile(filepath.Join(dir, "ns-f.out", "crash-0123abcd.py")); err != nil || string(b) != "import torch\n" {
		t.Errorf("%q, %v", b, err)
	}
	if _, err := os.Stat(filepath.Join(dir, "leak-0123abcd.py")); err == nil {
		t.Error("a script lies outside of its folder")
	}
	if _, err := os.Stat(filepath.Join(dir, "ns-quiet")); err == nil {
		t.Error("there is a folder for an operator of which nothing is kept")
	}
	if err := os.WriteFile(filepath.Join(dir, "ns-f.out", casesName), []byte(`{"version": 2}`), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := r.replayed(); err == nil || !strings.Contains(err.Error(), "version is 2, not 1") {
		t.Errorf("another version: %v", err)
	}
}

func TestLibraries(t *testing.T) {
	b := opbuild.Built{Libraries: []string{"/b/pkg/_C.cpython-311-x86_64-linux-gnu.so", "/b/libops.so"}, Modules: []string{"pkg._C"}}
	if got := libraries(b); !slices.Equal(got, []string{"/b/libops.so"}) {
		t.Errorf("got %q", got)
	}
	if got := setting([]string{"A=1", "B=2=3"}, "B"); got != "2=3" {
		t.Errorf("got %q", got)
	}
}

func TestKnown(t *testing.T) {
	r := &run{Options: Options{Project: opbuild.Project{Dir: "/p"}}}
	known := r.known(opbuild.Built{Dir: "/copy"})
	for file, want := range map[string]string{"/p/src/a.cpp": "src/a.cpp", "/copy/a.cu": "a.cu", "/p/../q/a.cpp": "", "/usr/include/a.h": "", "/p/a.py": "", "a.cpp": ""} {
		if got, _ := known(file); got != want {
			t.Errorf("%s: %q, want %q", file, got, want)
		}
	}
}

// TestOneMessage: what an oracle says of a fault is the same in the next run, whatever that
// sees first. There is one message of each kind, and nothing in it but names.
func TestOneMessage(t *testing.T) {
	b, err := runner.ReadFile("runner/andiron_ops/oracle.py")
	if err != nil {
		t.Fatal(err)
	}
	said := regexp.MustCompile(`self\.find\(\s*"([a-z-]+)",\s*(f?"[^"]*")`).FindAllStringSubmatch(string(b), -1)
	if len(said) < 12 {
		t.Fatalf("only %q", said)
	}
	names := []string{"{name}", "{a['name']!r}", "{test}", "{what[:400]}", "{self.operator.left}"}
	have := map[string]string{"leak": ""} // on the GPU, and with LeakSanitizer
	for _, m := range said {
		kind, text := m[1], m[2]
		if was, ok := have[kind]; ok && was != "" {
			t.Errorf("two messages of %s: %s and %s", kind, was, text)
		}
		if have[kind] = text; kind == "leak" {
			have[kind] = ""
		}
		for _, v := range regexp.MustCompile(`\{[^}]*\}`).FindAllString(text, -1) {
			if !slices.Contains(names, v) {
				t.Errorf("%s has %s, which another run may not have", text, v)
			}
		}
	}
}

// The Python package ships the recorder as well.
func TestRecorderIsThatOfThePackage(t *testing.T) {
	ours, err := runner.ReadFile("runner/andiron_ops/recorder.py")
	if err != nil {
		t.Fatal(err)
	}
	theirs, err := os.ReadFile("../../python/src/andiron/_op_recorder.py")
	if err != nil {
		t.Fatal(err)
	}
	if string(ours) != string(theirs) {
		t.Error("cp python/src/andiron/_op_recorder.py internal/optest/runner/andiron_ops/recorder.py")
	}
}

// Threads may be started in a header alone.
func TestThreaded(t *testing.T) {
	dir := t.TempDir()
	r := &run{plain: opbuild.Built{Dir: dir}}
	write := func(name, text string) {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("op.cpp", "#include \"loop.cuh\"\n")
	write("README.md", "at::parallel_for is not used\n")
	if r.threaded() {
		t.Error("nothing starts threads")
	}
	write("loop.cuh", "at::parallel_for(0, n, 1, f);\n")
	if !r.threaded() {
		t.Error("a header starts threads")
	}
	r.plain.Dir = filepath.Join(dir, "missing")
	if !r.threaded() {
		t.Error("what cannot be read has none")
	}
}

func TestKeepLog(t *testing.T) {
	log := filepath.Join(t.TempDir(), "build.log")
	if err := os.WriteFile(log, []byte("op.cpp:1: error: no"), 0o600); err != nil {
		t.Fatal(err)
	}
	r := run{Options: Options{Corpus: filepath.Join(t.TempDir(), "corpus")}}
	kept := filepath.Join(r.Corpus, "asan.log")
	if got := r.keepLog(opbuild.ASan, &opbuild.Error{Text: "it failed", Log: log}); got != "the whole log is "+kept {
		t.Errorf("got %q", got)
	}
	if b, err := os.ReadFile(kept); err != nil || string(b) != "op.cpp:1: error: no" {
		t.Errorf("%q, %v", b, err)
	}
	if got := r.keepLog(opbuild.ASan, &opbuild.Error{Text: "it was not begun"}); got != "" {
		t.Errorf("without a log: %q", got)
	}
}

func TestRecordNote(t *testing.T) {
	for code, want := range map[int]string{
		0: "0 calls of 0 operators recorded", 1: "0 calls of 0 operators recorded; the tests ended with exit code 1",
		noTests: "0 calls of 0 operators recorded; no tests were found",
	} {
		if got := recordNote(recorded{Code: code}, 0); got != want {
			t.Errorf("%d: %q, want %q", code, got, want)
		}
	}
}
