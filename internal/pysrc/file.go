package pysrc

import (
	"cmp"
	"fmt"
	"slices"
	"sort"
	"unicode/utf8"

	"github.com/andiron-dev/andiron/internal/bounded"
)

// Limits bound what reading a file may take; a zero field means its default.
type Limits struct {
	MaxBytes  int64 // of a file; 16 MiB
	MaxDepth  int   // of nested expressions and statements; 600
	MaxErrors int   // that are kept; 100
}

func (l Limits) withDefaults() Limits {
	if l.MaxBytes <= 0 {
		l.MaxBytes = 16 << 20
	}
	if l.MaxDepth <= 0 {
		l.MaxDepth = 600
	}
	if l.MaxErrors <= 0 {
		l.MaxErrors = 100
	}
	return l
}

// File is the syntax of a source file.
type File struct {
	Text   string // as UTF-8
	Body   []Stmt
	Errors []SyntaxError // by place; those beyond the limit are counted in More
	More   int

	lines []int32 // where each begins
}

// SyntaxError is a part of a file that does not parse.
type SyntaxError struct {
	Offset int
	What   string
}

func (e *SyntaxError) Error() string { return fmt.Sprintf("at byte %d: %s", e.Offset, e.What) }

// Parse reads a file. The error is of the file as a whole: its encoding cannot be
// read, or it is over a limit. Parts that do not parse are in File.Errors.
func Parse(src []byte, lim Limits) (*File, error) {
	lim = lim.withDefaults()
	if int64(len(src)) > lim.MaxBytes {
		return nil, bounded.Exceeded("bytes of Python source", lim.MaxBytes)
	}
	errs := &errorList{most: lim.MaxErrors}
	text, err := decode(src, errs)
	if err != nil {
		return nil, err
	}
	f := &File{Text: text}
	space, ok := tokenSpace.Get().(*[]token)
	if !ok {
		space = new([]token)
	}
	p := &parser{src: text, toks: lex(text, *space, errs), errs: errs, most: lim.MaxDepth, arena: newArena(len(text))}
	f.Body = p.file()
	if *space = p.toks[:0]; cap(*space) <= mostTokens {
		tokenSpace.Put(space)
	}
	slices.SortStableFunc(errs.list, func(a, b SyntaxError) int { return cmp.Compare(a.Offset, b.Offset) })
	f.Errors, f.More = errs.list, errs.more
	return f, nil
}

// Place gives the line and the column of an offset as people count them: both
// from 1, the column in characters.
func (f *File) Place(offset int32) (line, column int) {
	line, start := f.line(offset)
	return line, utf8.RuneCountInString(f.Text[start:offset]) + 1
}

// Position gives them as the ast module does: lines from 1, columns from 0 in
// bytes of UTF-8.
func (f *File) Position(offset int32) (line, column int) {
	line, start := f.line(offset)
	return line, int(offset - start)
}

func (f *File) line(offset int32) (int, int32) {
	if f.lines == nil {
		f.lines = lineStarts(f.Text)
	}
	i := sort.Search(len(f.lines), func(i int) bool { return f.lines[i] > offset })
	return i, f.lines[i-1]
}

func lineStarts(s string) []int32 {
	starts := []int32{0}
	for i := range len(s) {
		switch {
		case s[i] == '\n', s[i] == '\r' && (i+1 == len(s) || s[i+1] != '\n'):
			starts = append(starts, int32(i+1))
		}
	}
	return starts
}

// Source is the text of a node.
func (f *File) Source(n Node) string {
	s := n.Where()
	return f.Text[s.Start:s.End]
}

// errorList keeps errors up to a number and counts the rest. Of errors at one
// place the first is kept.
type errorList struct {
	list []SyntaxError
	most int
	more int
}

func (e *errorList) add(at int, what string) {
	switch n := len(e.list); {
	case n > 0 && e.list[n-1].Offset == at:
	case n >= e.most:
		e.more++
	default:
		e.list = append(e.list, SyntaxError{Offset: at, What: what})
	}
}
