package cppsrc

import (
	"fmt"
	"sort"
	"unicode/utf8"

	"github.com/andiron-dev/andiron/internal/bounded"
)

// Limits bound what reading a file may take; a zero field means its default.
type Limits struct {
	MaxBytes  int64 // of a file; 16 MiB
	MaxDepth  int   // of nested statements; 100
	MaxErrors int   // that are kept; 100

	inner bool // the body of a macro
}

func (l Limits) withDefaults() Limits {
	if l.MaxBytes <= 0 {
		l.MaxBytes = 16 << 20
	}
	if l.MaxDepth <= 0 {
		l.MaxDepth = 100
	}
	if l.MaxErrors <= 0 {
		l.MaxErrors = 100
	}
	return l
}

// File is what was read of a source file.
type File struct {
	Text      string
	Tokens    []Token
	Functions []*Function
	Macros    []Macro
	Includes  []Include
	Pragmas   []Pragma
	Errors    []SyntaxError // by place; those beyond the limit are counted in More
	More      int

	most    int
	inMacro bool
	lines   []int32 // where each begins
}

// SyntaxError is a part of a file that could not be read.
type SyntaxError struct {
	Offset int32
	What   string
}

func (e *SyntaxError) Error() string { return fmt.Sprintf("at byte %d: %s", e.Offset, e.What) }

// Parse reads a file. The error is a limit; parts that could not be read are in
// File.Errors.
func Parse(src []byte, lim Limits) (*File, error) {
	lim = lim.withDefaults()
	if int64(len(src)) > lim.MaxBytes {
		return nil, bounded.Exceeded("bytes of C++ source", lim.MaxBytes)
	}
	f := &File{Text: string(src), most: lim.MaxErrors}
	f.Tokens = make([]Token, 0, len(src)/3)
	l := lexer{f: f, src: f.Text, lim: lim}
	l.run()
	p := &parser{f: f, most: lim.MaxDepth, angles: len(f.Tokens)*4 + 1000}
	p.scope(0, len(f.Tokens), "", 0)
	sort.SliceStable(f.Errors, func(i, j int) bool { return f.Errors[i].Offset < f.Errors[j].Offset })
	return f, nil
}

func (f *File) fail(at int32, what string) {
	if f.inMacro { // half of a construct is common there
		return
	}
	if len(f.Errors) >= f.most {
		f.More++
		return
	}
	f.Errors = append(f.Errors, SyntaxError{at, what})
}

// Word is the text of a token, or empty for none.
func (f *File) Word(i int) string {
	if i < 0 || i >= len(f.Tokens) {
		return ""
	}
	t := &f.Tokens[i]
	return f.Text[t.Start:t.End]
}

// Is reports whether a token has a text.
func (f *File) Is(i int, word string) bool { return f.Word(i) == word }

// Mate is where the other bracket of a token is, or -1.
func (f *File) Mate(i int) int {
	if i < 0 || i >= len(f.Tokens) {
		return -1
	}
	return int(f.Tokens[i].Mate)
}

// IsIdent reports whether a token is a name or a keyword.
func (f *File) IsIdent(i int) bool {
	return i >= 0 && i < len(f.Tokens) && f.Tokens[i].Kind == Ident
}

// Span is a range of tokens, the last excluded.
type Span struct{ First, Last int }

// Source is the text of a span.
func (f *File) Source(s Span) string {
	if s.First >= s.Last || s.Last > len(f.Tokens) {
		return ""
	}
	return f.Text[f.Tokens[s.First].Start:f.Tokens[s.Last-1].End]
}

// Split parts a span at its commas that are in no brackets.
func (f *File) Split(s Span) []Span {
	return (&parser{f: f, angles: splitAngles}).split(s)
}

// splitAngles bounds the work of looking for template arguments in one span.
const splitAngles = 4096

// Angles gives the token behind the template arguments that begin at i, or i+1 if
// it is no such bracket.
func (f *File) Angles(i int) int {
	return (&parser{f: f, angles: mostAngle}).skipAngles(i)
}

// Lambda reads the lambda expression that begins at i as a function, which has no name; nil
// if there is none, or one that cannot be read.
func (f *File) Lambda(i int) *Function {
	if !f.Is(i, "[") {
		return nil
	}
	p := &parser{f: f, most: Limits{}.withDefaults().MaxDepth, angles: len(f.Tokens)}
	errors := len(f.Errors) + f.More
	l := p.lambda(i, len(f.Tokens), 0)
	if l == nil || len(f.Errors)+f.More > errors {
		return nil
	}
	return &Function{At: i, Result: l.Result, Params: l.Params, Body: Span{l.Result.Last + 1, l.All.Last - 1}, Stmts: l.Body}
}

// Place gives the line and the column of a token, both from 1, the column in
// characters.
func (f *File) Place(token int) (line, column int) {
	if token < 0 || token >= len(f.Tokens) {
		return 1, 1
	}
	return f.PlaceOf(f.Tokens[token].Start)
}

// PlaceOf gives the line and the column of an offset.
func (f *File) PlaceOf(offset int32) (line, column int) {
	if f.lines == nil {
		f.lines = lineStarts(f.Text)
	}
	i := sort.Search(len(f.lines), func(i int) bool { return f.lines[i] > offset })
	return i, utf8.RuneCountInString(f.Text[f.lines[i-1]:offset]) + 1
}

func lineStarts(s string) []int32 {
	starts := []int32{0}
	for i := range len(s) {
		if s[i] == '\n' {
			starts = append(starts, int32(i+1))
		}
	}
	return starts
}
