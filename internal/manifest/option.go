package manifest

import (
	"strings"
)

// option is an option of pip with its value.
type option struct{ name, value string }

// pipOption is an option that requirements files may have.
type pipOption struct {
	name  string
	short byte
	value bool
}

// pip 26.3 req_file.py SUPPORTED_OPTIONS and SUPPORTED_OPTIONS_REQ, and those that
// older ones had.
var pipOptions = [...]pipOption{
	{"--index-url", 'i', true},
	{"--pypi-url", 0, true},
	{"--extra-index-url", 0, true},
	{"--no-index", 0, false},
	{"--constraint", 'c', true},
	{"--requirement", 'r', true},
	{"--editable", 'e', true},
	{"--find-links", 'f', true},
	{"--no-binary", 0, true},
	{"--only-binary", 0, true},
	{"--prefer-binary", 0, false},
	{"--require-hashes", 0, false},
	{"--pre", 0, false},
	{"--trusted-host", 0, true},
	{"--use-feature", 0, true},
	{"--hash", 0, true},
	{"--config-settings", 'C', true},
	{"--config-setting", 0, true},
	{"--global-option", 0, true},
	{"--install-option", 0, true},
	{"--process-dependency-links", 0, false},
	{"--always-unzip", 'Z', false},
	{"--use-wheel", 0, false},
	{"--no-use-wheel", 0, false},
	{"--only-final", 0, true},
	{"--all-releases", 0, true},
}

// parseOptions reads options as optparse does: long ones may be cut short where
// that is clear, values follow after = or as the next word. False says that pip
// would refuse the line.
func (r *reader) parseOptions(s string, line int) (list []option, ok bool) {
	words, err := splitWords(s)
	if err != "" {
		r.problem(line, "%q cannot be split into words: %s", s, err)
		return nil, false
	}
	ok = true
	var loose []string
	for i := 0; i < len(words); i++ {
		word := words[i]
		if word == "" || word[0] != '-' || word == "-" {
			loose = append(loose, word)
			continue
		}
		opt, value, has := findOption(word)
		if opt == nil {
			ok = false
			r.problem(line, "%q is no option of requirements files", cutUserinfo(word))
			continue
		}
		if opt.value && !has {
			if i++; i >= len(words) {
				r.problem(line, "%s has no value", opt.name)
				return list, false
			}
			value = words[i]
		}
		if !opt.value && has {
			r.problem(line, "%s takes no value", opt.name)
			ok = false
		}
		list = append(list, option{plainName(opt.name), value})
	}
	if len(loose) > 0 {
		r.problem(line, "%q after an option has no effect in pip", strings.Join(loose[:min(len(loose), 20)], " "))
	}
	return list, ok
}

func plainName(name string) string {
	switch name {
	case "--pypi-url":
		return "--index-url"
	case "--config-setting":
		return "--config-settings"
	}
	return name
}

// findOption finds what a word means: --name, --name=value, -x, -xvalue.
func findOption(word string) (opt *pipOption, value string, has bool) {
	if len(word) > 1 && word[0] == '-' && word[1] != '-' {
		for i := range pipOptions {
			if o := &pipOptions[i]; o.short == word[1] && o.short != 0 {
				return o, word[2:], len(word) > 2
			}
		}
		return nil, "", false
	}
	name, value, has := strings.Cut(word, "=")
	if len(name) < 3 {
		return nil, "", false
	}
	for i := range pipOptions {
		o := &pipOptions[i]
		if o.name == name {
			return o, value, has
		}
		if strings.HasPrefix(o.name, name) {
			if opt != nil && plainName(opt.name) != plainName(o.name) {
				return nil, "", false // it may be several
			}
			opt = o
		}
	}
	return opt, value, has
}

// splitWords splits words as shlex does for a POSIX shell, comments aside.
func splitWords(s string) (words []string, problem string) {
	if !strings.ContainsAny(s, "'\"\\\v\f") && isASCII(s) {
		return strings.Fields(s), ""
	}
	var b strings.Builder
	inWord := false
	for i := 0; i < len(s); i++ {
		switch c := s[i]; c {
		case ' ', '\t', '\r', '\n':
			if inWord {
				words = append(words, b.String())
				b.Reset()
				inWord = false
			}
		case '\\':
			if i++; i >= len(s) {
				return words, "nothing follows the last backslash"
			}
			b.WriteByte(s[i])
			inWord = true
		case '\'', '"':
			n, ok := quoted(&b, s[i:])
			if !ok {
				return words, "a quotation mark is not closed"
			}
			i += n
			inWord = true
		default:
			b.WriteByte(c)
			inWord = true
		}
	}
	if inWord {
		words = append(words, b.String())
	}
	return words, ""
}

// quoted writes what stands between quotation marks, and gives where the second
// one is.
func quoted(b *strings.Builder, s string) (int, bool) {
	for i := 1; i < len(s); i++ {
		switch {
		case s[i] == s[0]:
			return i, true
		case s[i] == '\\' && s[0] == '"' && i+1 < len(s) && (s[i+1] == '"' || s[i+1] == '\\'):
			i++
			b.WriteByte(s[i])
		default:
			b.WriteByte(s[i])
		}
	}
	return 0, false
}

func isASCII(s string) bool {
	for i := range len(s) {
		if s[i] >= 0x80 {
			return false
		}
	}
	return true
}
