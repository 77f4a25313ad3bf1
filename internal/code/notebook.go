package code

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode"

	"github.com/andiron-dev/andiron/finding"
	"github.com/andiron-dev/andiron/internal/artifact"
	"github.com/andiron-dev/andiron/internal/bounded"
)

const (
	maxNotebook = 64 << 20
	maxCells    = 20_000
)

// object is what a notebook is made of, by its keys as they are written: the decoder
// takes Cells for cells where it knows the name of a field, and Jupyter does not.
type object = map[string]any

// objects are those in a list.
func objects(v any) (out []object, ok bool) {
	list, ok := v.([]any)
	for _, e := range list {
		o, is := e.(object)
		out, ok = append(out, o), ok && is
	}
	return out, ok
}

// cellsOf are the cells of a notebook. One of nbformat 4 has them itself, those of 3 and 2
// have sheets of them.
func cellsOf(doc object) (all []object, err error) {
	sheets, known := objects(doc["worksheets"])
	if doc["cells"] != nil {
		sheets, known = append(sheets, doc), known || doc["worksheets"] == nil
	}
	for _, s := range sheets {
		cells, ok := objects(s["cells"])
		all, known = append(all, cells...), known && ok
	}
	switch {
	case !known:
		return nil, errors.New("it has no cells where those of nbformat 2, 3 and 4 have them")
	case len(all) > maxCells:
		return nil, bounded.Exceeded("cells", maxCells)
	}
	return all, nil
}

// sourceOf joins the lines of a cell, which are a list or one string. In nbformat 3 they
// are its input.
func sourceOf(cell object) (string, error) {
	source, ok := cell["source"]
	input, old := cell["input"]
	switch {
	case ok && old:
		return "", errors.New("the cell has its source twice, and readers differ")
	case old:
		source = input
	}
	lines, ok := source.([]any)
	if !ok {
		lines = []any{source}
	}
	var text strings.Builder
	for _, line := range lines {
		s, ok := line.(string)
		if !ok {
			return "", errors.New("the cell has no source")
		}
		text.WriteString(s)
	}
	return text.String(), nil
}

// languageOf is the language that a notebook names.
func languageOf(doc object) string {
	metadata, _ := doc["metadata"].(object)
	kernel, _ := metadata["kernelspec"].(object)
	of, _ := kernel["language"].(string)
	language, _ := metadata["language"].(string) // nbformat 3
	return cmp.Or(of, language)
}

// notPython reports whether a language that a notebook names is another.
func notPython(language string) bool {
	return language != "" && !strings.EqualFold(language, "python")
}

// notebook looks at all code cells together, because a later one uses the names
// of an earlier one, and says in which cell what is.
func (l *looker) notebook(a *artifact.Artifact) error {
	where := finding.Where{Path: a.Name()}
	b, err := bounded.ReadRange(a.ReaderAt(), a.Size(), 0, min(a.Size(), maxNotebook), maxNotebook)
	if err != nil {
		return err
	}
	var doc object
	var cells []object
	if err = json.Unmarshal(bytes.TrimPrefix(b, []byte("\xef\xbb\xbf")), &doc); err == nil {
		cells, err = cellsOf(doc)
	}
	if err != nil {
		l.code = true
		l.report(notRead.Undetermined(where, fmt.Sprintf("the notebook could not be read: %v", err)))
		return nil
	}
	if notPython(languageOf(doc)) {
		return nil
	}
	l.code = true
	text := l.cells(cells, where)
	if l.fixed != "" {
		l.bytes, l.fixed = string(b), l.rewritten(string(b), text)
	}
	return nil
}

// cells puts the code of cells together. What is found is said to be in its cell.
func (l *looker) cells(cells []object, where finding.Where) string {
	var text strings.Builder
	var starts []int // line of the text at which each code cell begins
	var numbers []int
	lines := 0
	for i, c := range cells {
		language, _ := c["language"].(string) // nbformat 3
		if c["cell_type"] != "code" || notPython(language) {
			continue
		}
		src, err := sourceOf(c)
		if err != nil {
			l.report(notRead.Undetermined(where.In(cellName(i)), err.Error()))
			continue
		}
		starts, numbers = append(starts, lines), append(numbers, i)
		src = plain(src)
		text.WriteString(src)
		lines += strings.Count(src, "\n")
	}
	l.moved = func(w finding.Where) finding.Where {
		for i := len(starts) - 1; i >= 0 && w.Line > 0; i-- {
			if w.Line > starts[i] {
				return where.In(cellName(numbers[i])).Line1(w.Line-starts[i], w.Column)
			}
		}
		return w
	}
	l.source([]byte(text.String()), where)
	l.moved = nil
	return text.String()
}

// cellName counts the cells as a reader of the notebook does.
func cellName(i int) string { return "cell " + itoa(i+1) }

// plain makes Python of what IPython runs, line by line: its own commands are left out,
// of those that run Python that stays, and a cell in another language is blank.
func plain(src string) string {
	src = strings.ReplaceAll(strings.ReplaceAll(src, "\r\n", "\n"), "\r", "\n")
	lines := strings.Split(src, "\n")
	other := strings.HasPrefix(lines[0], "%%") && !pythonCell(lines[0])
	// IPython takes the indentation of the first line off all.
	margin := lines[0][:len(lines[0])-len(strings.TrimLeft(lines[0], " \t"))]
	goesOn := false // a command does, behind a backslash
	var b strings.Builder
	for _, line := range lines {
		line = strings.TrimPrefix(line, margin)
		t := strings.TrimLeft(line, " \t")
		indent := line[:len(line)-len(t)]
		command := goesOn
		switch {
		case other, goesOn:
		case isCommand(t):
			b.WriteString(indent + timed(t, "pass"))
			command = true
		case assignsCommand(t) >= 0: // files = !ls
			at := assignsCommand(t)
			b.WriteString(indent + t[:at] + " " + timed(strings.TrimLeft(t[at:], " "), "None"))
			command = true
		case strings.HasSuffix(t, "?") && !strings.Contains(t, "#"):
		default:
			b.WriteString(line)
		}
		goesOn = command && strings.HasSuffix(line, "\\")
		b.WriteByte('\n')
	}
	return b.String()
}

// isCommand reports whether a line is one of IPython's and not Python. A line of Python
// that begins with an operator has a space or a bracket behind it.
func isCommand(line string) bool {
	switch {
	case strings.HasPrefix(line, "!"), strings.HasPrefix(line, "?"):
		return true
	case !strings.HasPrefix(line, "%") || len(line) == 1:
		return false
	}
	return line[1] == '%' || unicode.IsLetter(rune(line[1]))
}

// timed is the Python in a command that runs and measures it, or else.
func timed(command, or string) string {
	name, rest, _ := strings.Cut(command, " ")
	if !slices.Contains([]string{"%time", "%timeit", "%prun", "%memit"}, name) {
		return or
	}
	for option := false; ; { // %timeit -n 10 -r3 f()
		rest = strings.TrimLeft(rest, " ")
		word, after, _ := strings.Cut(rest, " ")
		if word == "" || word[0] != '-' && (!option || strings.Trim(word, "0123456789") != "") {
			break
		}
		option, rest = word[0] == '-', after
	}
	if rest == "" {
		return or
	}
	return rest
}

// assignsCommand is where the value of files = !ls or of x = %time f() begins, or -1.
func assignsCommand(line string) int {
	at := strings.IndexByte(line, '=')
	if at < 1 {
		return -1
	}
	if v := strings.TrimLeft(line[at+1:], " "); !strings.HasPrefix(v, "!") && !strings.HasPrefix(v, "%") || strings.HasPrefix(v, "!=") {
		return -1
	}
	for _, r := range line[:at] {
		if r != ' ' && r != ',' && r != '_' && !unicode.IsLetter(r) && !unicode.IsDigit(r) {
			return -1
		}
	}
	return at + 1
}

// pythonCell reports whether a cell command runs its cell as Python, or writes it to a
// module.
func pythonCell(line string) bool {
	for _, magic := range []string{"%%time", "%%timeit", "%%capture", "%%prun", "%%python", "%%memit", "%%ipytest", "%%wandb"} {
		if strings.HasPrefix(line, magic) {
			return true
		}
	}
	writes := strings.HasPrefix(line, "%%writefile") || strings.HasPrefix(line, "%%file")
	return writes && strings.HasSuffix(strings.TrimRight(line, " "), ".py")
}
