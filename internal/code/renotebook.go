package code

import (
	"encoding/json"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/andiron-dev/andiron/finding"
)

// rewritten is a notebook after the edits of the text that its cells make together. What
// is not edited stays byte for byte as it is. Calls in a line that is not Python as it
// stands are left alone, and it is empty where nothing else changes.
func (l *looker) rewritten(raw, text string) string {
	whole := finding.Where{Path: l.name}
	sources, ok := sourcesOf(raw)
	if !ok {
		l.leave(whole, "the notebook is not in the form that is known, so it is not rewritten")
		return ""
	}
	var places []lineOf
	for _, s := range sources {
		places = append(places, s.lines()...)
	}
	starts := lineStarts(text)
	edits := slices.Clone(l.edits)
	stays := len(l.groups)
	for _, g := range l.groups {
		lost := func(e edit) bool { _, _, ok := moved(text, starts, places, e); return !ok }
		if slices.ContainsFunc(g.edits, lost) {
			stays--
			edits = slices.DeleteFunc(edits, func(e edit) bool { return slices.Contains(g.edits, e) })
			l.leave(g.at, "this line is not Python as it stands, such as a command of IPython, so it is not rewritten")
		}
	}
	if stays == 0 {
		return ""
	}
	out, ok := replaced(raw, text, starts, places, edits)
	if !ok {
		l.leave(whole, "the notebook would not be in its form any more, so it is not rewritten")
	}
	return out
}

// replaced makes the edits.
func replaced(raw, text string, starts []int, places []lineOf, edits []edit) (string, bool) {
	var out strings.Builder
	at := 0
	for _, e := range edits {
		start, end, ok := moved(text, starts, places, e)
		if !ok || start < at {
			return "", false
		}
		quoted, err := json.Marshal(e.text)
		if err != nil {
			return "", false
		}
		out.WriteString(raw[at:start])
		out.Write(quoted[1 : len(quoted)-1])
		at = end
	}
	out.WriteString(raw[at:])
	if !json.Valid([]byte(strings.TrimPrefix(out.String(), "\xef\xbb\xbf"))) {
		return "", false
	}
	return out.String(), true
}

// cellSource is the code of one cell: its text, and where each byte of it stands in the file.
type cellSource struct {
	text   strings.Builder
	at, to []int // for each byte of text, where what stands for it begins and ends
}

// lineOf is a line of a cell.
type lineOf struct {
	of         *cellSource
	start, end int
}

// lines are the lines of a cell, as they are put together with those of others: each has
// an end.
func (s *cellSource) lines() (out []lineOf) {
	text := s.text.String()
	start := 0
	for line := range strings.SplitSeq(text, "\n") {
		out = append(out, lineOf{s, start, start + len(line)})
		start += len(line) + 1
	}
	return out
}

func lineStarts(text string) []int {
	out := []int{0}
	for i := range len(text) {
		if text[i] == '\n' {
			out = append(out, i+1)
		}
	}
	return out
}

// moved finds where an edit of a text is in the file.
func moved(text string, starts []int, places []lineOf, e edit) (start, end int, ok bool) {
	where := func(offset int) (lineOf, int, bool) {
		i, exact := slices.BinarySearch(starts, offset)
		if !exact {
			i--
		}
		if i < 0 || i >= len(places) {
			return lineOf{}, 0, false
		}
		p := places[i]
		line, _, _ := strings.Cut(text[starts[i]:], "\n")
		return p, p.start + offset - starts[i], p.of.text.String()[p.start:p.end] == line
	}
	from, a, ok := where(int(e.start))
	to, b, ok2 := where(int(e.end))
	if !ok || !ok2 || from.of != to.of || a >= len(from.of.at) {
		return 0, 0, false
	}
	if a == b {
		return from.of.at[a], from.of.at[a], true
	}
	return from.of.at[a], from.of.to[b-1], true
}

// sourcesOf reads where the code cells of a notebook stand in its file.
func sourcesOf(raw string) (out []*cellSource, ok bool) {
	d := json.NewDecoder(strings.NewReader(strings.TrimPrefix(raw, "\xef\xbb\xbf")))
	n := &notebookReader{raw: raw, d: d, skipped: len(raw) - len(strings.TrimPrefix(raw, "\xef\xbb\xbf"))}
	if !n.open('{') {
		return nil, false
	}
	for d.More() {
		key, ok := n.token().(string)
		if !ok {
			return nil, false
		}
		if key != "cells" && key != "worksheets" {
			n.skip()
			continue
		}
		if out != nil {
			return nil, false
		}
		if key == "cells" {
			out = n.cells()
		} else {
			out = n.sheets()
		}
	}
	return out, !n.bad
}

type notebookReader struct {
	raw     string
	d       *json.Decoder
	skipped int
	bad     bool
}

func (n *notebookReader) token() json.Token {
	t, err := n.d.Token()
	if err != nil {
		n.bad = true
		return nil
	}
	return t
}

func (n *notebookReader) open(delim json.Delim) bool { return n.token() == delim }

func (n *notebookReader) skip() {
	var v json.RawMessage
	if err := n.d.Decode(&v); err != nil {
		n.bad = true
	}
}

// sheets reads the cells of all sheets of nbformat 3.
func (n *notebookReader) sheets() (out []*cellSource) {
	n.bad = n.bad || !n.open('[')
	for n.d.More() && !n.bad {
		n.bad = !n.open('{')
		for n.d.More() && !n.bad {
			if n.token() == "cells" {
				out = append(out, n.cells()...)
			} else {
				n.skip()
			}
		}
		n.token()
	}
	n.token()
	return out
}

func (n *notebookReader) cells() (out []*cellSource) {
	n.bad = n.bad || !n.open('[')
	for n.d.More() && !n.bad {
		if s := n.cell(); s != nil {
			out = append(out, s)
		}
	}
	n.token()
	return out
}

// cell reads a cell, and gives its code if it has some.
func (n *notebookReader) cell() *cellSource {
	if !n.open('{') {
		n.bad = true
		return nil
	}
	var s *cellSource
	kind, language := "", ""
	for n.d.More() && !n.bad {
		switch n.token() {
		case "cell_type":
			kind, _ = n.token().(string)
		case "language":
			language, _ = n.token().(string)
		case "source", "input":
			n.bad = n.bad || s != nil // two of them, and readers differ
			s = n.source()
		default:
			n.skip()
		}
	}
	n.token()
	if kind != "code" || notPython(language) {
		return nil
	}
	return s
}

func (n *notebookReader) source() *cellSource {
	s := &cellSource{}
	if first := n.token(); first != json.Delim('[') {
		_, text := first.(string)
		n.bad = n.bad || !text
		n.add(s)
		return s
	}
	for n.d.More() && !n.bad {
		if _, text := n.token().(string); !text {
			n.bad = true
		}
		n.add(s)
	}
	n.token()
	return s
}

// add adds the string that was read last.
func (n *notebookReader) add(s *cellSource) {
	if n.bad {
		return
	}
	end := int(n.d.InputOffset()) + n.skipped - 1 // the quote that closes it
	at := end - 1
	for ; at >= 0; at-- { // the quote that opens it: not escaped
		if n.raw[at] == '"' {
			slashes := 0
			for i := at - 1; i >= 0 && n.raw[i] == '\\'; i-- {
				slashes++
			}
			if slashes%2 == 0 {
				break
			}
		}
	}
	for at++; at < end; {
		size := 1
		if n.raw[at] == '\\' {
			size = 2
			if at+1 < end && n.raw[at+1] == 'u' {
				size = 6
				if at+12 <= end && n.raw[at+6:at+8] == `\u` && strings.ContainsAny(n.raw[at+2:at+3], "dD") {
					size = 12 // a pair of surrogates
				}
			}
		} else if r, width := utf8.DecodeRuneInString(n.raw[at:end]); r != utf8.RuneError {
			size = width
		}
		size = min(size, end-at)
		var text string
		if err := json.Unmarshal([]byte(`"`+n.raw[at:at+size]+`"`), &text); err != nil || strings.Contains(text, "\r") {
			n.bad = true
			return
		}
		s.text.WriteString(text)
		for range len(text) {
			s.at, s.to = append(s.at, at), append(s.to, at+size)
		}
		at += size
	}
}
