package cpptool

import (
	"encoding/json"
	"path/filepath"
	"slices"
	"strings"
)

// Commands are, for each source by its absolute path, flags that a build gives the
// compiler: only those that say where headers are and which macros there are.
type Commands map[string][]string

// ParseCommands reads a compile_commands.json. It may be made by anyone, and a flag may
// have a compiler load and run something: -fplugin, -B, -wrapper, -specs.
func ParseCommands(b []byte) (Commands, error) {
	var list []struct {
		Directory string   `json:"directory"`
		File      string   `json:"file"`
		Command   string   `json:"command"`
		Arguments []string `json:"arguments"`
	}
	if err := json.Unmarshal(b, &list); err != nil {
		return nil, err
	}
	c := Commands{}
	for _, e := range list {
		args := e.Arguments
		if args == nil {
			args = words(e.Command)
		}
		name := e.File
		if !filepath.IsAbs(name) {
			name = filepath.Join(e.Directory, name)
		}
		c[filepath.Clean(name)] = harmless(args, e.Directory)
	}
	return c, nil
}

// harmless are the flags that may be kept.
func harmless(args []string, dir string) (kept []string) {
	for i := 0; i < len(args); i++ {
		flag := args[i]
		j := slices.IndexFunc(flagsKept, func(f string) bool { return strings.HasPrefix(flag, f) })
		if j < 0 {
			continue
		}
		value := flag[len(flagsKept[j]):]
		flag = flagsKept[j]
		if value == "" {
			if i++; i == len(args) {
				break
			}
			value = args[i]
		}
		if flag != "-D" && flag != "-U" && !filepath.IsAbs(value) {
			value = filepath.Join(dir, value)
		}
		if flag == "-isystem" {
			kept = append(kept, flag, value)
			continue
		}
		kept = append(kept, flag+value)
	}
	return kept
}

var flagsKept = []string{"-isystem", "-I", "-D", "-U"}

// words takes a command apart as a shell would, without expanding anything.
func words(command string) (list []string) {
	var word strings.Builder
	var quote rune
	some, escaped := false, false
	for _, c := range command {
		switch {
		case escaped:
			word.WriteRune(c)
			escaped = false
		case c == '\\' && quote != '\'':
			escaped, some = true, true
		case quote != 0 && c == quote:
			quote = 0
		case quote == 0 && (c == '"' || c == '\''):
			quote, some = c, true
		case quote == 0 && (c == ' ' || c == '\t' || c == '\n'):
			if some {
				list = append(list, word.String())
				word.Reset()
				some = false
			}
		default:
			word.WriteRune(c)
			some = true
		}
	}
	if some {
		list = append(list, word.String())
	}
	return list
}
