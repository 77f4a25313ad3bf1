//go:build oracle

package pysrc

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// said is what CPython's ast module finds in a file; see tools/oracle/python_ast.py.
type said struct {
	File    string   `json:"file"`
	Version string   `json:"version"`
	Parses  bool     `json:"parses"`
	Why     string   `json:"why"`
	Facts   []string `json:"facts"`
}

// TestDifferentialAST holds the parser against CPython's own, each interpreter of
// ANDIRON_PYTHONS over its standard library and packages: what it parses we parse,
// and find the same in.
func TestDifferentialAST(t *testing.T) {
	pythons := strings.Fields(os.Getenv("ANDIRON_PYTHONS"))
	if len(pythons) == 0 {
		t.Fatal("ANDIRON_PYTHONS names no interpreter")
	}
	for _, python := range pythons {
		t.Run(filepath.Base(filepath.Dir(filepath.Dir(python))), func(t *testing.T) {
			out, err := exec.Command(python, "-c", "import sysconfig; print(sysconfig.get_path('stdlib'))").Output()
			if err != nil {
				t.Fatal(err)
			}
			files := pythonFiles(t, strings.TrimSpace(string(out)))
			compare(t, python, files)
		})
	}
}

func pythonFiles(t *testing.T, root string) (names []string) {
	t.Helper()
	err := filepath.WalkDir(root, func(p string, d fs.DirEntry, err error) error {
		if err == nil && strings.HasSuffix(p, ".py") && d.Type().IsRegular() {
			names = append(names, p)
		}
		return err
	})
	if err != nil || len(names) < 500 {
		t.Fatalf("%d files under %s: %v", len(names), root, err)
	}
	return names
}

func compare(t *testing.T, python string, files []string) {
	t.Helper()
	list := filepath.Join(t.TempDir(), "list")
	if err := os.WriteFile(list, []byte(strings.Join(files, "\n")), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(python, "../../tools/oracle/python_ast.py", list)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	n, facts, lenient := 0, 0, 0
	for sc := lines(out); sc.Scan(); n++ {
		var want said
		if err := json.Unmarshal(sc.Bytes(), &want); err != nil {
			t.Fatal(err)
		}
		src, err := os.ReadFile(want.File)
		if err != nil {
			t.Fatal(err)
		}
		f, err := Parse(src, Limits{})
		switch {
		case !want.Parses && err == nil && len(f.Errors) == 0:
			lenient++
		case want.Parses && err != nil:
			t.Errorf("%s: %v", want.File, err)
		case want.Parses && len(f.Errors) > 0:
			line, col := f.Place(int32(f.Errors[0].Offset))
			t.Errorf("%s:%d:%d: %s", want.File, line, col, f.Errors[0].What)
		case want.Parses:
			facts += len(want.Facts)
			differ(t, want, f)
		}
	}
	if err := cmd.Wait(); err != nil || n != len(files) {
		t.Fatalf("%d of %d files: %v", n, len(files), err)
	}
	t.Logf("%d files, %d facts; %d files that CPython refuses are read without an error", n, facts, lenient)
}

func lines(r interface{ Read([]byte) (int, error) }) *bufio.Scanner {
	sc := bufio.NewScanner(r)
	sc.Buffer(nil, 1<<28)
	return sc
}

func differ(t *testing.T, want said, f *File) {
	t.Helper()
	minor, _ := strconv.Atoi(strings.TrimPrefix(want.Version, "3."))
	o := oracleFacts(f, minor >= 12)
	got := o.out
	want.Facts = slices.DeleteFunc(want.Facts, func(s string) bool {
		return slices.ContainsFunc(o.inexact, func(p string) bool { return strings.HasPrefix(s, p) })
	})
	if minor < 9 { // its parser leaves a semicolon out of the block that it ends
		unended(got)
		unended(want.Facts)
	}
	slices.Sort(got)
	slices.Sort(want.Facts)
	if slices.Equal(got, want.Facts) {
		return
	}
	count := map[string]int{}
	for _, s := range want.Facts {
		count[s]++
	}
	for _, s := range got {
		count[s]--
	}
	shown := 0
	var b bytes.Buffer
	for _, s := range slices.Concat(want.Facts, got) {
		if n := count[s]; n != 0 && shown < 6 {
			shown++
			count[s] = 0
			fmt.Fprintf(&b, "\n\t%+d %s", n, s)
		}
	}
	t.Errorf("%s (+ is what CPython has more of):%s", want.File, b.String())
}

var endOf = regexp.MustCompile(`^((?:def|class|For|While|If|Try|with) \d+:\d+)-\d+:\d+`)

// unended takes the ends off compound statements.
func unended(facts []string) {
	for i, s := range facts {
		facts[i] = endOf.ReplaceAllString(s, "$1")
	}
}

// oracleFacts says what python_ast.py says.
func oracleFacts(f *File, fstrings bool) *oracleFacter {
	o := &oracleFacter{f: f, fstrings: fstrings}
	o.block(f.Body)
	return o
}

type oracleFacter struct {
	f        *File
	fstrings bool
	out      []string
	inexact  []string // places of strings whose value is said not to be exact
}

func (o *oracleFacter) add(kind string, n Node, rest string) {
	s := n.Where()
	l, c := o.f.Position(s.Start)
	el, ec := o.f.Position(s.End)
	o.out = append(o.out, fmt.Sprintf("%s %d:%d-%d:%d%s", kind, l, c, el, ec, rest))
}

func (o *oracleFacter) block(list []Stmt) {
	for _, s := range list {
		o.stmt(s)
		Exprs(s, func(e Expr) { o.exprs(e) })
		Blocks(s, o.block)
	}
}

func aliasText(list []Alias) string {
	var parts []string
	for _, a := range list {
		parts = append(parts, a.Name+"="+a.As)
	}
	return strings.Join(parts, ",")
}

func (o *oracleFacter) stmt(s Stmt) {
	switch s := s.(type) {
	case *FunctionDef:
		var names []string
		for _, p := range s.Params.All() {
			names = append(names, p.Name)
		}
		slices.Sort(names)
		o.add("def", s, fmt.Sprintf(" %s %s %d", s.Name, strings.Join(names, ","), len(s.Decorators)))
	case *ClassDef:
		o.add("class", s, fmt.Sprintf(" %s %d %d %d", s.Name, len(s.Bases), len(s.Keywords), len(s.Decorators)))
	case *Import:
		o.add("import", s, " "+aliasText(s.Names))
	case *ImportFrom:
		o.add("from", s, fmt.Sprintf(" %d %s %s", s.Level, s.Module, aliasText(s.Names)))
	case *With:
		o.add("with", s, fmt.Sprintf(" %d", len(s.Items)))
	case *For:
		if !s.Async {
			o.add("For", s, "")
		}
	case *While:
		o.add("While", s, "")
	case *If:
		o.ifs(s)
	case *Try:
		o.add("Try", s, "")
	case *Match:
		o.add("Match", s, "")
	case *Assign:
		o.add("Assign", s, "")
	case *Keyworded:
		switch s.Word {
		case "return":
			o.add("Return", s, "")
		case "raise":
			o.add("Raise", s, "")
		}
	}
}

// ifs are one for each branch: elif is an if within an else.
func (o *oracleFacter) ifs(s *If) {
	o.add("If", s, "")
	for _, b := range s.Branches[1:] {
		o.out = append(o.out, o.elif(s, b))
	}
}

// elif begins at its keyword, which lies before its test.
func (o *oracleFacter) elif(s *If, b Branch) string {
	at := strings.LastIndex(o.f.Text[:b.Test.Where().Start], "elif")
	l, c := o.f.Position(int32(at))
	el, ec := o.f.Position(s.End)
	return fmt.Sprintf("If %d:%d-%d:%d", l, c, el, ec)
}

func (o *oracleFacter) exprs(e Expr) {
	var inside Expr // the f-string that we are in
	Walk(e, func(e Expr) bool {
		if inside != nil && e.Where().Start >= inside.Where().End {
			inside = nil
		}
		switch e := e.(type) {
		case *Joined:
			if !o.fstrings {
				return false
			}
			if inside == nil {
				inside = e
			}
		case *Str:
			o.str(e, inside != nil)
		default:
			o.expr(e)
		}
		return true
	})
}

func (o *oracleFacter) str(e *Str, inside bool) {
	if e.Inexact {
		l, c := o.f.Position(e.Start)
		o.inexact = append(o.inexact, fmt.Sprintf("str %d:%d ", l, c))
		return
	}
	if e.Bytes || inside || len(e.Value) >= 40 || strings.ContainsFunc(e.Value, func(r rune) bool { return r < ' ' || r > '~' }) {
		return
	}
	l, c := o.f.Position(e.Start)
	o.out = append(o.out, fmt.Sprintf("str %d:%d %s", l, c, e.Value))
}

func (o *oracleFacter) expr(e Expr) {
	switch e := e.(type) {
	case *Call:
		var names []string
		for _, k := range e.Keywords {
			if k.Name == "" {
				k.Name = "**"
			}
			names = append(names, k.Name)
		}
		o.add("call", e, fmt.Sprintf(" %d %s", len(e.Args), strings.Join(names, ",")))
	case *Attribute:
		o.add("attr", e, " "+e.Attr)
	case *Name:
		o.add("name", e, " "+e.ID)
	case *Lambda:
		o.add("Lambda", e, "")
	case *Compare:
		o.add("Compare", e, "")
	case *Binary:
		o.add("BinOp", e, "")
	case *Bool:
		o.add("BoolOp", e, "")
	case *Subscript:
		o.add("Subscript", e, "")
	case *Dict:
		o.add("Dict", e, "")
	case *IfExpr:
		o.add("IfExp", e, "")
	case *Comprehension:
		if e.Kind == Dictionary {
			return
		}
	}
}
