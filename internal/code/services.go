package code

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"path"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/andiron-dev/andiron/finding"
)

// starts are how files of services say what is run, in lower case: instructions of
// container files, keys of Compose, Kubernetes, systemd and supervisord.
var starts = []string{"entrypoint", "cmd", "command:", "entrypoint:", "args:", "execstart=", "command="}

// runners are programs that run Python, by how their names begin.
var runners = []string{"python", "gunicorn", "uvicorn", "hypercorn", "daphne", "waitress-serve", "celery", "torchserve", "torchrun", "bentoml", "litserve", "flask", "fastapi"}

// started is what a file of a service runs: a program, or a line of a shell.
type started struct {
	line  int
	text  string   // of a line, until all of it is there
	items []string // of the list behind it
	runs  shellLine
	whole bool // what comes behind it are no arguments of it
}

// programs are what a file of a service runs, in order.
func programs(base string, b []byte) (list []started) {
	if ext := path.Ext(base); ext == ".yaml" || ext == ".yml" {
		if list, ok := programsInYAML(b); ok {
			return list
		}
	}
	return programsByLine(base, b)
}

// programsInYAML are what a file in YAML runs, if it is one: a template may be none.
func programsInYAML(b []byte) (list []started, ok bool) {
	d := yaml.NewDecoder(bytes.NewReader(b))
	for {
		var doc yaml.Node
		err := d.Decode(&doc)
		if errors.Is(err, io.EOF) {
			return list, true
		}
		if err != nil {
			return nil, false
		}
		list = inNode(&doc, list)
	}
}

// inNode adds what a node and those in it run. A container has its program and the
// arguments of that in one mapping: entrypoint and command of Compose, command and args
// of Kubernetes.
func inNode(n *yaml.Node, list []started) []started {
	if n.Kind == yaml.MappingNode {
		p := started{whole: true, runs: shellLine{nil}}
		for _, key := range []string{"entrypoint", "command", "args"} {
			for i := 0; i+1 < len(n.Content); i += 2 {
				if n.Content[i].Value != key {
					continue
				}
				if p.line == 0 {
					p.line = n.Content[i].Line
				}
				p.runs = p.runs.with(commandsAt(n.Content[i+1]))
			}
		}
		if p.line > 0 {
			list = append(list, p)
		}
	}
	for _, c := range n.Content {
		list = inNode(c, list)
	}
	return list
}

// commandsAt are those of a text, or of a list of texts, which is one.
func commandsAt(n *yaml.Node) shellLine {
	if n.Kind == yaml.ScalarNode {
		return commandsOf(n.Value)
	}
	var words []string
	for _, c := range n.Content {
		if c.Kind == yaml.ScalarNode && n.Kind == yaml.SequenceNode {
			words = append(words, c.Value)
		}
	}
	return shellLine{words}
}

// programsByLine are what a file runs in which each line stands for itself.
func programsByLine(base string, b []byte) (list []started) {
	key := -1 // how deep the key is whose list follows
	line := 0
	more, into := false, -1 // the line before goes on in this one, and which program it is
	for text := range bytes.Lines(b) {
		line++
		s := strings.TrimRight(string(text), "\r\n")
		trimmed := strings.TrimLeft(s, " \t")
		depth := len(s) - len(trimmed)
		if trimmed == "" || trimmed[0] == '#' || trimmed[0] == ';' {
			continue
		}
		went := more
		trimmed, more = strings.CutSuffix(trimmed, "\\")
		if went {
			if into >= 0 {
				list[into].text += " " + trimmed
			}
			continue
		}
		into = -1
		if item, ok := strings.CutPrefix(trimmed, "- "); ok && key >= 0 && depth >= key {
			last := &list[len(list)-1]
			last.items = append(last.items, strings.Trim(item, " \t\"'"))
			continue
		}
		key = -1
		rest, ok := begins(base, trimmed)
		if !ok {
			continue
		}
		into = len(list)
		list = append(list, started{line: line, text: rest})
		if strings.TrimSpace(rest) == "" {
			key = depth
		}
	}
	for i := range list {
		p := &list[i]
		p.runs = commandsOf(p.text).with(shellLine{p.items})
	}
	return list
}

// begins takes off what says that a program is run.
func begins(base, line string) (rest string, ok bool) {
	line = strings.TrimPrefix(line, "- ") // the first key of an item
	lower := strings.ToLower(line)
	if base == "procfile" {
		_, rest, ok = strings.Cut(line, ":")
		return rest, ok
	}
	if ext := path.Ext(base); ext == ".sh" || ext == ".bash" { // what containers start ends in the service itself
		return strings.CutPrefix(line, "exec ")
	}
	for _, s := range starts {
		if strings.HasPrefix(lower, s) && (len(line) == len(s) || strings.ContainsRune(":=", rune(s[len(s)-1])) || line[len(s)] == ' ') {
			return line[len(s):], true
		}
	}
	return "", false
}

// wordsOf splits a line, whatever it is.
func wordsOf(s string) []string {
	return strings.FieldsFunc(s, func(r rune) bool { return strings.ContainsRune(" \t\n\"',[]", r) })
}

func runner(word string) bool {
	base := path.Base(word)
	return strings.HasSuffix(base, ".py") || slices.ContainsFunc(runners, func(r string) bool { return base == r || r == "python" && strings.HasPrefix(base, r) })
}

// services says which services run under andiron exec, and which run Python without.
func (l *looker) services(name string, b []byte) {
	if path.Base(name) == "andiron.yaml" {
		if line := reportsOnly(b); line > 0 {
			l.report(openService.Finding(finding.Where{Path: name}.Line1(line, 1), "exec.mode is report: what is started under andiron exec may open any model"))
		}
		return
	}
	before := false // what came before is andiron exec with nothing to run
	for _, p := range programs(strings.ToLower(path.Base(name)), b) {
		where := finding.Where{Path: name}.Line1(p.line, 1)
		held, open := p.runs.judge(0)
		switch {
		case open != nil && before && held == nil: // the arguments of that
			before = false
		case open != nil:
			l.report(openService.Finding(where, fmt.Sprintf("what is started here, %.80q, may open any model", strings.Join(open, " "))))
		case held != nil:
			l.report(heldService.Finding(where, "the kernel lets what is started here open only trusted models"))
			before = !p.whole && runsNothing(held)
		}
	}
}

// reportsOnly is the line of a policy that has andiron exec refuse nothing, or 0.
func reportsOnly(b []byte) int {
	var p struct {
		Exec struct {
			Mode yaml.Node `yaml:"mode"`
		} `yaml:"exec"`
	}
	if yaml.Unmarshal(b, &p) != nil || p.Exec.Mode.Value != "report" {
		return 0
	}
	return p.Exec.Mode.Line
}

// sandboxed says where a file has a checkpoint loaded in the sandbox.
func (l *looker) sandboxed(name string, b []byte) {
	line := 0
	for text := range bytes.Lines(b) {
		line++
		words := wordsOf(string(text))
		if len(words) == 0 || strings.HasPrefix(words[0], "#") {
			continue
		}
		for i := range len(words) - 2 {
			if path.Base(words[i]) == "andiron" && words[i+1] == "sandbox" && words[i+2] == "load" {
				l.report(sandboxLoad.Finding(finding.Where{Path: name}.Line1(line, 1), "andiron sandbox load"+inSandbox))
			}
		}
	}
}
