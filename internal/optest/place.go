package optest

import (
	"bytes"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
)

// place finds where each operator is registered: the line that has its name, or else
// what torch knows of the block that it is in.
func (r *run) place() {
	texts := map[string][]byte{}
	for _, name := range r.Project.Sources {
		if b, err := os.ReadFile(filepath.Join(r.Project.Dir, filepath.FromSlash(name))); err == nil {
			texts[name] = b
		}
	}
	known := r.known(r.plain)
	for i := range r.operators {
		o := &r.operators[i]
		op := r.byName[o.full()]
		file, line := dumped(o.Where, known)
		names := r.Project.Sources
		if file != "" {
			names = append([]string{file}, names...)
		}
		for _, name := range names {
			if n := registration(texts[name], short(o.Name)); n > 0 {
				file, line = name, n
				break
			}
		}
		op.File, op.Line = file, line
	}
}

// dumped is the place in what torch says: "/p/x.cpp:301".
func dumped(where string, known func(string) (string, bool)) (file string, line int) {
	i := strings.LastIndexByte(where, ':')
	if i < 0 {
		return "", 0
	}
	name, ok := known(where[:i])
	n, err := strconv.Atoi(where[i+1:])
	if !ok || err != nil {
		return "", 0
	}
	return name, n
}

// short is the last part of ns::name or module.function.
func short(name string) string {
	return name[max(strings.LastIndexByte(name, ':'), strings.LastIndexByte(name, '.'))+1:]
}

// registration is the line of m.impl("name", f), or else of m.def("name…; 0 where there
// is none.
func registration(text []byte, name string) int {
	for _, form := range []string{`impl`, `def`} {
		at := regexp.MustCompile(`\b` + form + `\(\s*(?:TORCH_SELECTIVE_NAME\(\s*)?"(?:\w+::)?` + regexp.QuoteMeta(name) + `["(.]`)
		if m := at.FindIndex(text); m != nil {
			return 1 + bytes.Count(text[:m[0]], []byte("\n"))
		}
	}
	return 0
}
