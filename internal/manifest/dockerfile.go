package manifest

import (
	"encoding/json"
	"maps"
	"path"
	"strings"

	"github.com/andiron-dev/andiron/internal/bounded"
)

// readDockerfile reads what the commands of a Dockerfile install.
//
// The Dockerfile reference of BuildKit 0.25; POSIX.1-2024, Shell Command Language
// §2.2, 2.6, 2.9.
func (r *reader) readDockerfile(src []byte) error {
	if err := checkLines(src, r.lim); err != nil {
		return err
	}
	s, note, err := decode(src)
	if err != nil {
		return err
	}
	if note != "" {
		r.problem(1, "%s", note)
	}
	d := &dockerfile{r: r, escape: '\\', vars: &variables{}, global: &variables{}, stages: map[string]*variables{}, room: maxExpansion}
	d.split(s)
	return nil
}

type dockerfile struct {
	r      *reader
	escape byte
	begun  bool       // an instruction or a comment was seen, so that directives are over
	global *variables // of ARG before the first FROM
	vars   *variables // of the stage
	stages map[string]*variables
	staged bool
	count  int      // of stages
	before []func() // settings that stand before a command
	room   int      // for what variables stand for

	copies map[string]string // files under another name: where they were copied to, from where
	work   string            // the folder that WORKDIR names; "" where it is not known
}

// split finds the instructions: lines, joined where they end with the escape
// character, and the texts that << brings.
func (d *dockerfile) split(s string) {
	var now *script
	size := 0
	var waiting []heredoc
	var done *script
	for n, line := range lines(s) {
		if !d.r.checkLine(n, len(line)) {
			return
		}
		if len(waiting) > 0 {
			if waiting = d.heredocLine(waiting, n, line); len(waiting) == 0 {
				d.instruction(done)
			}
			continue
		}
		trimmed := strings.TrimSpace(line)
		if strings.HasPrefix(trimmed, "#") {
			d.directive(trimmed)
			continue
		}
		if d.begun = d.begun || trimmed != ""; trimmed == "" && now == nil {
			continue
		}
		if now == nil {
			now, size = &script{}, 0
		}
		body := strings.TrimRight(line, " \t")
		more := len(body) > 0 && body[len(body)-1] == d.escape
		if more {
			body = body[:len(body)-1]
		}
		if size += len(body); !d.r.checkLine(n, size) {
			return
		}
		now.part(n, body)
		if more || trimmed == "" {
			continue
		}
		now.close()
		if waiting = heredocs(now); len(waiting) > 0 {
			done, now = now, nil
			continue
		}
		d.instruction(now)
		now = nil
	}
	d.unfinished(now, done, waiting)
}

func (d *dockerfile) unfinished(now, done *script, waiting []heredoc) {
	if len(waiting) > 0 {
		d.r.problem(0, "the text up to %q is not closed", waiting[0].end)
		d.instruction(done)
	}
	if now != nil {
		now.close()
		d.instruction(now)
	}
}

// part adds a piece of a line. The pieces are joined when the script is closed.
func (s *script) part(line int, text string) {
	s.lines = append(s.lines, line)
	s.pieces = append(s.pieces, text)
}

func (s *script) close() {
	s.starts = s.starts[:0]
	at := 0
	for _, p := range s.pieces {
		s.starts = append(s.starts, at)
		at += len(p)
	}
	s.text = strings.Join(s.pieces, "")
}

// cut gives the script from an offset on.
func (s *script) cut(from int) *script {
	out := &script{text: s.text[from:], lines: s.lines}
	for _, at := range s.starts {
		out.starts = append(out.starts, at-from)
	}
	return out
}

// directive reads # escape=` at the beginning.
func (d *dockerfile) directive(s string) {
	key, v, _ := strings.Cut(strings.TrimSpace(s[1:]), "=")
	if !d.begun && strings.EqualFold(strings.TrimSpace(key), "escape") && strings.TrimSpace(v) == "`" {
		d.escape = '`'
	}
}

// heredoc is a text that follows an instruction: <<EOF.
type heredoc struct {
	end  string
	tabs bool // leading tabs are cut off
	to   *script
}

// heredocs finds what an instruction waits for.
func heredocs(s *script) (out []heredoc) {
	name, _, _ := strings.Cut(strings.TrimSpace(s.text), " ")
	if !strings.EqualFold(name, "RUN") && !strings.EqualFold(name, "COPY") && !strings.EqualFold(name, "ADD") {
		return nil
	}
	for rest := s.text; len(out) < 8; {
		i := strings.Index(rest, "<<")
		if i < 0 {
			return out
		}
		rest = rest[i+2:]
		h := heredoc{to: s}
		if strings.HasPrefix(rest, "-") {
			h.tabs, rest = true, rest[1:]
		}
		quote := ""
		if rest != "" && (rest[0] == '"' || rest[0] == '\'') {
			quote, rest = rest[:1], rest[1:]
		}
		n := nameEnd(rest)
		if h.end = rest[:n]; n > 0 && strings.HasPrefix(rest[n:], quote) {
			out = append(out, h)
		}
	}
	return out
}

// heredocLine takes a line of a text.
func (d *dockerfile) heredocLine(waiting []heredoc, n int, line string) []heredoc {
	h := waiting[0]
	if h.tabs {
		line = strings.TrimLeft(line, "\t")
	}
	if line == h.end {
		return waiting[1:]
	}
	h.to.docs = append(h.to.docs, line)
	h.to.docLines = append(h.to.docLines, n)
	return waiting
}

// instruction does what an instruction says.
func (d *dockerfile) instruction(s *script) {
	text := s.text
	from := len(text) - len(strings.TrimLeft(text, " \t"))
	end := strings.IndexAny(text[from:], " \t")
	if end < 0 || d.r.full() {
		return
	}
	name := strings.ToUpper(text[from : from+end])
	rest := s.cut(from + end)
	switch name {
	case "FROM":
		d.from(strings.Fields(rest.text), rest.line(0))
	case "ARG":
		d.arg(rest)
	case "ENV":
		d.env(rest)
	case "WORKDIR":
		d.workdir(strings.TrimSpace(rest.text))
	case "RUN":
		d.run(rest, s)
	case "COPY", "ADD":
		d.copied(rest, s)
	case "ONBUILD":
		if inner := strings.TrimLeft(rest.text, " \t"); len(inner) > 7 && strings.EqualFold(inner[:7], name) {
			d.r.problem(rest.line(0), "ONBUILD within ONBUILD is not read")
			return
		}
		d.instruction(rest)
	}
}

// from begins a stage, with the variables of the one that it builds on.
func (d *dockerfile) from(words []string, line int) {
	d.staged = true
	d.copies, d.work = nil, ""
	args := words[:0:0]
	for _, w := range words {
		if !strings.HasPrefix(w, "--") {
			args = append(args, w)
		}
	}
	if d.count++; d.count > maxStages {
		d.r.err = &lineError{line, bounded.Exceeded("stages of a Dockerfile", maxStages)}
		return
	}
	d.r.stage = d.count
	d.vars = &variables{}
	if base := d.stages[strings.ToLower(first(args))]; base != nil {
		maps.Copy(d.vars.all(), base.own)
	}
	if len(args) > 2 && strings.EqualFold(args[1], "as") {
		d.stages[strings.ToLower(args[2])] = d.vars
	}
}

func first(list []string) string {
	if len(list) == 0 {
		return ""
	}
	return list[0]
}

// maxStages is how many stages a Dockerfile may have: each copies the variables of
// the one that it builds on.
const maxStages = 1000

// words splits the arguments of an instruction.
func (d *dockerfile) words(s *script) (out []word) {
	sh := &shell{script: s, vars: d.vars, room: &d.room, emit: func(c command) { out = append(out, c.words...) }}
	sh.run()
	return out
}

func (d *dockerfile) arg(s *script) {
	for _, w := range d.words(s) {
		name, v, given := strings.Cut(w.text, "=")
		known := variable{v, given && w.unknown == ""}
		if !d.staged {
			d.global.set(name, known)
			continue
		}
		if outer, ok := d.global.get(name); ok && !given {
			known = outer
		}
		d.vars.set(name, known)
		d.setting(name, w.with(v))
	}
}

// with is a word with another text, of the same place.
func (w word) with(text string) word {
	w.text = text
	return w
}

func (d *dockerfile) env(s *script) {
	words := d.words(s)
	if len(words) > 1 && !strings.Contains(words[0].text, "=") { // ENV name value
		w := words[1]
		for _, more := range words[2:] {
			w.text += " " + more.text
			if w.unknown == "" {
				w.unknown = more.unknown
			}
		}
		d.vars.set(words[0].text, variable{w.text, w.unknown == ""})
		d.setting(words[0].text, w)
		return
	}
	for _, w := range words {
		name, v, _ := strings.Cut(w.text, "=")
		d.vars.set(name, variable{v, w.unknown == ""})
		d.setting(name, w.with(v))
	}
}

// setting reads a variable of the environment that pip or uv obeys.
func (d *dockerfile) setting(name string, w word) {
	role, isIndex := map[string]IndexRole{
		"PIP_INDEX_URL": Primary, "UV_INDEX_URL": Primary, "UV_DEFAULT_INDEX": Primary,
		"PIP_EXTRA_INDEX_URL": Extra, "UV_EXTRA_INDEX_URL": Extra, "UV_INDEX": Extra,
		"PIP_FIND_LINKS": FindLinks, "UV_FIND_LINKS": FindLinks, "PIP_TRUSTED_HOST": Trusted, "UV_INSECURE_HOST": Trusted,
	}[name]
	switch {
	case isIndex:
		for one := range strings.FieldsSeq(w.text) {
			d.index(role, w.with(one))
		}
	case name == "PIP_NO_INDEX" && w.text != "" && w.text != "0" && w.text != "false":
		d.r.index(Index{Role: NoIndex, Line: w.line})
	case name == "UV_INDEX_STRATEGY" && w.text == string(BestMatch):
		d.r.index(Index{Role: BestMatch, Line: w.line})
	case name == "PIP_CONSTRAINT" || name == "UV_CONSTRAINT":
		for one := range strings.FieldsSeq(w.text) {
			d.included(w.with(one), true)
		}
	case name == "PIP_REQUIRE_HASHES" && w.text != "" && w.text != "0":
		d.r.file.RequireHashes = true
	}
}

// index adds an index of a command or of the environment; uv takes name=url.
func (d *dockerfile) index(role IndexRole, w word) {
	x := Index{Role: role, Line: w.line}
	s := w.text
	if name, u, ok := strings.Cut(s, "="); ok && hasScheme(u) && !hasScheme(s) {
		x.Name, s = name, u
	}
	x.URL, x.Secret = address(s)
	if w.unknown != "" && strings.ContainsAny(x.URL, "$`") {
		d.r.problem(w.line, "undetermined: the value of %q in the address of an index", w.unknown)
	}
	d.r.index(x)
}

func (d *dockerfile) included(w word, constraint bool) {
	if w.unknown != "" {
		d.r.problem(w.line, "undetermined: the value of %q in the path %q", w.unknown, w.text)
	}
	name := w.text
	if from := d.copies[d.inImage(name)]; from != "" {
		name = from
	}
	d.r.include(Include{Path: name, Constraint: constraint, Line: w.line})
}

// run reads the commands of RUN: a shell line, a list of words, or a text.
func (d *dockerfile) run(rest, whole *script) {
	args := strings.TrimLeft(rest.text, " \t")
	for strings.HasPrefix(args, "--") { // --mount=…
		end := strings.IndexAny(args, " \t")
		if end < 0 {
			return
		}
		args = strings.TrimLeft(args[end:], " \t")
	}
	rest = rest.cut(len(rest.text) - len(args))
	var list []string
	if s := strings.TrimSpace(rest.text); strings.HasPrefix(s, "[") && json.Unmarshal([]byte(s), &list) == nil {
		words := make([]word, 0, len(list))
		for _, s := range list {
			words = append(words, word{text: s, line: rest.line(0)})
		}
		d.command(command{words: words}, d.vars, 0)
		return
	}
	vars := &variables{outer: d.vars}
	d.script(rest, vars, 0)
	if len(whole.docs) > 0 && interprets(rest.text) {
		d.script(whole.document(), vars, 0)
	}
}

// interprets reports that a shell reads the text: nothing stands before <<, or a
// shell does.
func interprets(s string) bool {
	before, _, _ := strings.Cut(s, "<<")
	f := strings.Fields(before)
	return len(f) == 0 || isShell(f[0])
}

// document is the text that follows an instruction, as a script.
func (s *script) document() *script {
	out := &script{}
	for i, line := range s.docs {
		out.part(s.docLines[i], line+"\n")
	}
	out.close()
	return out
}

// renamed keeps which file of the project a file of the image is.
func (d *dockerfile) renamed(f []string) {
	if len(f) < 2 || len(f) > 20 || len(d.copies) > 1000 || strings.HasPrefix(f[0], "--") || strings.ContainsAny(strings.Join(f, ""), "*?[$<\"'") {
		return
	}
	if d.copies == nil {
		d.copies = map[string]string{}
	}
	from, to := f[:len(f)-1], f[len(f)-1]
	folder := strings.HasSuffix(to, "/") || to == "." || len(from) > 1
	for _, one := range from {
		at := d.inImage(to)
		if folder {
			at = path.Join(at, path.Base(one))
		}
		d.copies[at] = one
	}
}

// inImage is a path of the image, from its root where WORKDIR says where one begins.
func (d *dockerfile) inImage(name string) string {
	if path.IsAbs(name) {
		return path.Clean(name)
	}
	return path.Join(d.work, name)
}

func (d *dockerfile) workdir(name string) {
	name = strings.Trim(name, "\"'")
	if d.work = d.inImage(name); strings.ContainsAny(name, "$") || len(d.work) > 4096 {
		d.work = ""
	}
}

// copied reads a requirements file that is written out: COPY <<EOF requirements.txt.
func (d *dockerfile) copied(rest, whole *script) {
	f := strings.Fields(rest.text)
	if len(whole.docs) == 0 {
		d.renamed(f)
	}
	if len(whole.docs) == 0 || len(f) == 0 {
		return
	}
	to := f[len(f)-1]
	kind, ok := Identify(to, nil)
	if !ok {
		return
	}
	if kind != Requirements || len(f) != 2 {
		d.r.problem(rest.line(0), "the text for %q is not read", to)
		return
	}
	for i, line := range whole.docs {
		if body, _ := cutComment(line); body != "" {
			d.r.requirementLine(body, Package{Line: whole.docLines[i], Column: 1, Direct: true})
		}
	}
}
