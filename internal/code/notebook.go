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

// notebookDoc is a notebook. Those of nbformat 4 have cells, those of 3 and 2 sheets of
// them.
type notebookDoc struct {
	Cells  []cell `json:"cells"`
	Sheets []struct {
		Cells []cell `json:"cells"`
	} `json:"worksheets"`
	Metadata struct {
		Language any `json:"language"` // a string in nbformat 3
		Kernel   struct {
			Language string `json:"language"`
		} `json:"kernelspec"`
	} `json:"metadata"`
}

// cells are those of all sheets.
func (n *notebookDoc) cells() ([]cell, error) {
	all, known := n.Cells, n.Cells != nil || n.Sheets != nil
	for _, s := range n.Sheets {
		known = known && s.Cells != nil
		all = append(all, s.Cells...)
	}
	switch {
	case !known:
		return nil, errors.New("it has no cells where those of nbformat 2, 3 and 4 have them")
	case len(all) > maxCells:
		return nil, bounded.Exceeded("cells", maxCells)
	}
	return all, nil
}

// cell is a cell of a notebook.
type cell struct {
	Type     string          `json:"cell_type"`
	Source   json.RawMessage `json:"source"`
	Input    json.RawMessage `json:"input"`    // its code in nbformat 3
	Language string          `json:"language"` // nbformat 3
}

// text joins the lines of a cell, which are a list or one string.
func (c cell) text() (string, error) {
	source := c.Source
	if source == nil {
		source = c.Input
	} else if c.Input != nil {
		return "", errors.New("the cell has its source twice, and readers differ")
	}
	var lines []string
	if err := json.Unmarshal(source, &lines); err == nil {
		return strings.Join(lines, ""), nil
	}
	var whole string
	if json.Unmarshal(source, &whole) != nil {
		return "", errors.New("the cell has no source")
	}
	return whole, nil
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
	var doc notebookDoc
	var cells []cell
	if err = json.Unmarshal(bytes.TrimPrefix(b, []byte("\xef\xbb\xbf")), &doc); err == nil {
		cells, err = doc.cells()
	}
	if err != nil {
		l.code = true
		l.report(notRead.Undetermined(where, fmt.Sprintf("the notebook could not be read: %v", err)))
		return nil
	}
	if language, _ := doc.Metadata.Language.(string); notPython(cmp.Or(doc.Metadata.Kernel.Language, language)) {
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
func (l *looker) cells(cells []cell, where finding.Where) string {
	var text strings.Builder
	var starts []int // line of the text at which each code cell begins
	var numbers []int
	lines := 0
	for i, c := range cells {
		if c.Type != "code" || notPython(c.Language) {
			continue
		}
		src, err := c.text()
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
