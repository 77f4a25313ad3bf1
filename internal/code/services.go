package code

import (
	"bytes"
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/andiron-dev/andiron/finding"
)

// starts are how files of services say what is run, in lower case: instructions of
// container files, keys of Compose, Kubernetes, systemd and supervisord.
var starts = []string{"entrypoint", "cmd", "command:", "entrypoint:", "args:", "execstart=", "command="}

// runners are programs that run Python, by how their names begin.
var runners = []string{"python", "gunicorn", "uvicorn", "hypercorn", "daphne", "waitress-serve", "celery", "torchserve", "torchrun", "bentoml", "litserve", "flask", "fastapi"}

// started is a program that a file of a service runs.
type started struct {
	line  int
	words []string
}

// programs are what a file of a service runs, in order.
func programs(base string, b []byte) (list []started) {
	key := -1 // how deep the key is whose list follows
	line := 0
	for text := range bytes.Lines(b) {
		line++
		s := strings.TrimRight(string(text), "\r\n")
		trimmed := strings.TrimLeft(s, " \t")
		depth := len(s) - len(trimmed)
		if trimmed == "" || trimmed[0] == '#' || trimmed[0] == ';' {
			continue
		}
		if item, ok := strings.CutPrefix(trimmed, "- "); ok && key >= 0 && depth >= key {
			last := &list[len(list)-1]
			last.words = append(last.words, wordsOf(item)...)
			continue
		}
		key = -1
		rest, ok := begins(base, trimmed)
		if !ok {
			continue
		}
		list = append(list, started{line, wordsOf(rest)})
		if strings.TrimSpace(rest) == "" {
			key = depth
		}
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
	for _, s := range starts {
		if strings.HasPrefix(lower, s) && (len(line) == len(s) || strings.ContainsRune(":=", rune(s[len(s)-1])) || line[len(s)] == ' ') {
			return line[len(s):], true
		}
	}
	return "", false
}

// wordsOf splits a command, in a line or as a list of JSON or YAML.
func wordsOf(s string) []string {
	return strings.FieldsFunc(s, func(r rune) bool { return strings.ContainsRune(" \t\"',[]", r) })
}

// underExec reports whether a command begins with andiron exec.
func underExec(words []string) bool {
	for i, w := range words {
		if path.Base(w) == "andiron" {
			return i+1 < len(words) && words[i+1] == "exec"
		}
		if runner(w) {
			return false
		}
	}
	return false
}

func runner(word string) bool {
	base := path.Base(word)
	return slices.ContainsFunc(runners, func(r string) bool { return base == r || r == "python" && strings.HasPrefix(base, r) })
}

// services says which services run under andiron exec, and which run Python without.
func (l *looker) services(name string, b []byte) {
	before := false // what came before is andiron exec with nothing to run
	for _, p := range programs(strings.ToLower(path.Base(name)), b) {
		where := finding.Where{Path: name}.Line1(p.line, 1)
		runs := slices.ContainsFunc(p.words, runner)
		switch {
		case underExec(p.words):
			l.report(heldService.Finding(where, "the kernel lets what is started here open only trusted models"))
			before = !runs
		case runs && before: // the arguments of that
			before = false
		case runs:
			l.report(openService.Finding(where, fmt.Sprintf("what is started here, %.80q, may open any model", strings.Join(p.words, " "))))
		}
	}
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
