package code

import (
	"path"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

// shellLine is what a line of a shell runs, one after the other or beside each other: the
// words of each.
type shellLine [][]string

// mostQuotes is how deep quotes within quotes are looked into.
const mostQuotes = 6

// printers are programs to which their arguments are a text.
var printers = []string{"echo", "printf", ":", "true", "false", "test", "[", "logger", "which", "type"}

// commandsOf splits a line of a shell, or takes a list of JSON or YAML, which is one
// command whose words are as they stand there.
func commandsOf(text string) shellLine {
	if text = strings.TrimSpace(text); strings.HasPrefix(text, "[") {
		var list []string
		if yaml.Unmarshal([]byte(text), &list) != nil {
			list = wordsOf(text) // as of a template
		}
		return shellLine{list}
	}
	l := lexer{all: shellLine{nil}}
	l.split(text)
	return l.all
}

// with has more behind: the words of the next command are arguments of the last one.
func (c shellLine) with(more shellLine) shellLine {
	last := len(c) - 1
	joined := append(slices.Clone(c[:last]), slices.Concat(c[last], more[0]))
	return append(joined, more[1:]...)
}

// judge returns a command that andiron exec holds, and one that runs Python without, if
// there are such.
func (c shellLine) judge(depth int) (held, open []string) {
	for _, words := range c {
		h, o := judgeCommand(words, depth)
		if held == nil {
			held = h
		}
		if open == nil {
			open = o
		}
	}
	return held, open
}

// judgeCommand is the same of one command. All that is run by what andiron exec runs is held.
func judgeCommand(words []string, depth int) (held, open []string) {
	for i, w := range words {
		base := path.Base(w)
		switch {
		case base == "andiron" && i+1 < len(words) && words[i+1] == "exec":
			return words, nil
		case slices.Contains(printers, base):
			return nil, nil
		case strings.ContainsAny(w, " \t\n;|&") && depth < mostQuotes: // such as what is behind sh -c
			if held, open = commandsOf(w).judge(depth + 1); held != nil || open != nil {
				return held, open
			}
		case runner(w):
			return nil, words
		}
	}
	return nil, nil
}

// runsNothing reports whether andiron exec gets what it is to run from elsewhere.
func runsNothing(words []string) bool {
	if i := slices.Index(words, "--"); i >= 0 {
		return i == len(words)-1
	}
	return !slices.ContainsFunc(words, runner)
}

// lexer splits a line of a shell as far as is needed to tell its commands apart.
type lexer struct {
	all    shellLine // the last one is not at its end
	word   strings.Builder
	inWord bool
}

func (l *lexer) split(text string) {
	for i := 0; i < len(text); i++ {
		switch c := text[i]; {
		case c == '\\':
			if i++; i < len(text) && text[i] != '\n' {
				l.add(text[i : i+1])
			}
		case c == '\'' || c == '"':
			i += l.quoted(text[i+1:], c)
		case c == ' ' || c == '\t' || c == '\r':
			l.endWord()
		case strings.IndexByte("\n;&|()`", c) >= 0:
			l.endWord()
			l.all = append(l.all, nil)
		case c == '#' && !l.inWord: // the rest of the line is a comment
			end := strings.IndexByte(text[i:], '\n')
			if end < 0 {
				end = len(text) - i
			}
			i += end - 1
		default:
			l.add(text[i : i+1])
		}
	}
	l.endWord()
}

// quoted adds what stands before the quote that ends it, and returns how much that was
// with the quote.
func (l *lexer) quoted(text string, quote byte) int {
	l.inWord = true
	for i := 0; i < len(text); i++ {
		switch {
		case text[i] == quote:
			return i + 1
		case text[i] == '\\' && quote == '"' && i+1 < len(text):
			i++
		}
		l.add(text[i : i+1])
	}
	return len(text)
}

func (l *lexer) add(s string) {
	l.word.WriteString(s)
	l.inWord = true
}

func (l *lexer) endWord() {
	if l.inWord {
		last := len(l.all) - 1
		l.all[last] = append(l.all[last], l.word.String())
	}
	l.word.Reset()
	l.inWord = false
}
