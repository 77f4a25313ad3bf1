package code

import (
	"path"
	"slices"
	"strings"

	"github.com/andiron-dev/andiron/internal/pysrc"
)

// launchers are functions that start a program.
var launchers = []string{"subprocess.run", "subprocess.call", "subprocess.check_call", "subprocess.check_output", "subprocess.Popen", "os.system"}

// output marks the files that curl or wget writes.
func (t *tracer) output(c *pysrc.Invocation, command pysrc.Arg) {
	words := wordsIn(t.partsOf(command))
	if list, ok := command.Expr.(*pysrc.Sequence); ok {
		words = list.Elems
	}
	for _, to := range t.outputs(words, command.Scope) {
		if text, ok := to.(*pysrc.Str); ok {
			here := &pysrc.Str{Value: text.Value}
			here.Span, to = c.Node.Span, here
		}
		t.fill(to, command.Scope, t.source(fromDownload, "a download ("+nameOf(c, launchers...)+")", c.Node))
	}
}

// partsOf are the texts, and what stands between them, that a command for a shell is put
// together of. Of "wget %s" % url it is the text alone.
func (t *tracer) partsOf(command pysrc.Arg) (out []pysrc.Expr) {
	switch e := command.Expr.(type) {
	case *pysrc.Joined:
		return e.Parts
	case *pysrc.Str:
		return []pysrc.Expr{e}
	case *pysrc.Binary:
		left := t.partsOf(pysrc.Arg{Expr: e.Left, Scope: command.Scope})
		if e.Op == "%" || left == nil {
			return left
		}
		right := t.partsOf(pysrc.Arg{Expr: e.Right, Scope: command.Scope})
		if right == nil {
			right = []pysrc.Expr{e.Right}
		}
		return slices.Concat(left, right)
	case *pysrc.Call: // "wget {}".format(url)
		if a, ok := e.Func.(*pysrc.Attribute); ok && a.Attr == "format" {
			return t.partsOf(pysrc.Arg{Expr: a.Value, Scope: command.Scope})
		}
	case *pysrc.Name:
		for _, v := range t.m.Eval(e, command.Scope) {
			if v.Kind == pysrc.Text {
				out = append(out, &pysrc.Str{Value: v.Name + "\n"})
			}
		}
	}
	return out
}

// blanks and quotes stand between the words of a command.
const (
	quotes = `"'`
	blanks = " \t\n" + quotes
)

// wordsIn are the words of a command of which parts may be expressions: a word is that
// where it is all of it, and nil where it is a part of it.
func wordsIn(parts []pysrc.Expr) (words []pysrc.Expr) {
	open := false // the last word goes on
	for _, part := range parts {
		text, ok := part.(*pysrc.Str)
		if !ok {
			if f, is := part.(*pysrc.Field); is {
				part = f.Value
			}
			if open {
				part, words = nil, words[:len(words)-1]
			}
			words, open = append(words, part), true
			continue
		}
		for i, w := range strings.Fields(text.Value) {
			var word pysrc.Expr = &pysrc.Str{Value: strings.Trim(w, quotes)}
			if i == 0 && open && !strings.ContainsAny(text.Value[:1], blanks) {
				word, words = nil, words[:len(words)-1]
			} else if strings.Trim(w, quotes) == "" {
				continue
			}
			words = append(words, word)
		}
		if n := len(text.Value); n > 0 {
			open = !strings.ContainsAny(text.Value[n-1:], blanks)
		}
	}
	return words
}

// outputs are what the words of a command name as the files that curl and wget write.
func (t *tracer) outputs(words []pysrc.Expr, s *pysrc.Scope) (out []pysrc.Expr) {
	var program, dir string
	var urls []string
	remote := false // the files are called as their addresses end
	before := 0     // how many files other commands write
	end := func() {
		for _, u := range urls {
			if remote {
				out = append(out, &pysrc.Str{Value: path.Join(dir, path.Base(u))})
			}
		}
		program, dir, urls, remote, before = "", "", nil, false, len(out)
	}
	for i, w := range words {
		word := t.wordOf(w, s)
		next := pysrc.Expr(nil)
		if i+1 < len(words) {
			next = words[i+1]
		}
		switch name := path.Base(word); {
		case slices.Contains([]string{"&&", "||", ";", "|"}, word):
			end()
		case program == "":
			if name == "curl" || name == "wget" {
				program, remote = name, name == "wget"
			}
		case program == "wget" && word == "--spider": // it asks whether the address is there
			out, urls, remote = out[:before], nil, false
			program = word
		case strings.Contains(word, "://"):
			urls = append(urls, word)
		case namesOutput(program, word):
			if remote = false; next != nil {
				out = append(out, next)
			}
		case strings.HasPrefix(word, "--output=") || strings.HasPrefix(word, "--output-document="):
			_, to, _ := strings.Cut(word, "=")
			remote, out = false, append(out, &pysrc.Str{Value: to})
		case program == "curl" && (isOption(word, "O") || word == "--remote-name"):
			remote = true
		case program == "wget" && (word == "-P" || word == "--directory-prefix"):
			dir = t.wordOf(next, s)
		}
	}
	end()
	return out
}

// wordOf is what a word is where that is written out, or empty.
func (t *tracer) wordOf(e pysrc.Expr, s *pysrc.Scope) string {
	if e == nil {
		return ""
	}
	if v := t.m.Eval(e, s); len(v) == 1 && v[0].Kind == pysrc.Text {
		return v[0].Name
	}
	return ""
}

// namesOutput reports whether a word is followed by the file that a program writes: -o of
// curl, also as the last of -sSLo, and -O of wget.
func namesOutput(program, word string) bool {
	return word == ">" || word == "--output" || word == "--output-document" || isOption(word, map[string]string{"curl": "o", "wget": "O"}[program])
}

// isOption reports whether a word is an option of one letter, or the last of several.
func isOption(word, letter string) bool {
	return len(word) > 1 && word[0] == '-' && word[1] != '-' && strings.HasSuffix(word, letter)
}
