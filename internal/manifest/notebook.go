package manifest

import (
	"regexp"
	"strings"
)

// notebookKeys are what is read of a notebook: what its cells have shown can be large.
var notebookKeys = []string{"cells", "worksheets", "metadata", "language", "cell_type", "source", "input"}

// readNotebook reads what the commands in the cells of a notebook install. Its lines
// are those of the file.
//
// nbformat 4, and 3 with its sheets of cells; IPython 9, "IPython as a system shell" and %pip, %conda, %%bash.
func (r *reader) readNotebook(t *tree) {
	doc := t.root()
	if lang := doc.get("metadata", "kernelspec", "language").text(); lang != "" && !strings.EqualFold(lang, "python") {
		return
	}
	r.stage = 1 // all that is installed has to go together
	d := &dockerfile{r: r, vars: &variables{}, room: maxExpansion}
	d.cells(doc.get("cells"))
	for sheet := range doc.get("worksheets").each() {
		d.cells(sheet.get("cells"))
	}
}

func (d *dockerfile) cells(list value) {
	for c := range list.each() {
		if c.get("cell_type").text() == "code" {
			d.cell(append(cellLines(c.get("source")), cellLines(c.get("input"))...))
		}
	}
}

// cellLine is a line of a cell.
type cellLine struct {
	text string
	line int // of the file
}

// cellLines are the lines of a cell, which are a list or one string.
func cellLines(source value) (out []cellLine) {
	add := func(v value) {
		for _, one := range lines(strings.TrimSuffix(v.text(), "\n")) {
			out = append(out, cellLine{one, v.line()})
		}
	}
	if source.kind() == text {
		add(source)
	}
	for v := range source.each() {
		add(v)
	}
	return out
}

var (
	shellCell    = regexp.MustCompile(`^%%(?:bash|sh|system|sx|!|script\s+(?:\S*/)?(?:ba|z|da)?sh)(?:\s|$)`)
	shellCommand = regexp.MustCompile(`^\s*(?:[\w, ]+=\s*)?(?:!!?|%(?:system|sx)\s)\s*(.*)$`)
	pipCommand   = regexp.MustCompile(`^\s*(?:[\w, ]+=\s*)?%?((?:pip|conda|mamba|micromamba|uv)\s.*)$`)
	interpreter  = regexp.MustCompile(`["']?\{sys\.executable\}["']?`)
	ofPython     = regexp.MustCompile(`(^|[^$])\{([A-Za-z_]\w*)\}`)
)

// cell reads the commands of a cell: lines that IPython hands to a shell or to pip, and
// cells that are a script.
func (d *dockerfile) cell(list []cellLine) {
	if len(list) > 0 && strings.HasPrefix(list[0].text, "%%") {
		if shellCell.MatchString(list[0].text) {
			d.lines(list[1:])
		}
		return
	}
	for i := 0; i < len(list); i++ {
		m := shellCommand.FindStringSubmatch(list[i].text)
		if m == nil {
			m = pipCommand.FindStringSubmatch(list[i].text)
		}
		if m == nil {
			continue
		}
		from := i
		for i+1 < len(list) && strings.HasSuffix(list[i].text, `\`) {
			i++
		}
		command := append([]cellLine{{m[1], list[from].line}}, list[from+1:i+1]...)
		for j := range command { // {name} is what Python has under it
			s := interpreter.ReplaceAllString(command[j].text, "python")
			command[j].text = ofPython.ReplaceAllString(s, `$1$${$2}`)
		}
		d.lines(command)
	}
}

// lines reads a shell script.
func (d *dockerfile) lines(list []cellLine) {
	s := &script{}
	for _, one := range list {
		if body, more := strings.CutSuffix(one.text, `\`); more {
			s.part(one.line, body)
			continue
		}
		s.part(one.line, one.text+"\n")
	}
	s.close()
	d.script(s, d.vars, 0)
}
