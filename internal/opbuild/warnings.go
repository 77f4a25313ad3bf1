package opbuild

import (
	"bufio"
	"errors"
	"io"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
)

const (
	mostWarnings = 1000
	mostLine     = 1 << 20
)

// warningLine is what GCC and Clang write: "a.cpp:3:5: warning: text [-Wflag]".
var warningLine = regexp.MustCompile(`^(.+?):(\d+):(\d+): warning: (.*?)(?: \[(-W[^\]]*)\])?$`)

// warnings reads those of a log that stand in the sources of a copy, each once.
func warnings(r io.Reader, copied string) (list []Warning, err error) {
	seen := map[Warning]bool{}
	lines := bufio.NewReaderSize(r, 64<<10)
	for len(list) < mostWarnings {
		text, err := lineOf(lines)
		if m := warningLine.FindStringSubmatch(text); m != nil {
			if w, ok := warningOf(m, copied); ok && !seen[w] {
				seen[w] = true
				list = append(list, w)
			}
		}
		if errors.Is(err, io.EOF) {
			return list, nil
		} else if err != nil {
			return list, err
		}
	}
	return list, nil
}

// lineOf reads a line, of which it keeps as much as is looked at.
func lineOf(r *bufio.Reader) (string, error) {
	var b strings.Builder
	for {
		part, err := r.ReadSlice('\n')
		if b.Len() < mostLine {
			b.Write(part)
		}
		if !errors.Is(err, bufio.ErrBufferFull) {
			return strings.TrimRight(b.String(), "\r\n"), err
		}
	}
}

func warningOf(m []string, copied string) (Warning, bool) {
	name := m[1]
	if filepath.IsAbs(name) {
		rel, err := filepath.Rel(copied, name)
		if err != nil {
			return Warning{}, false
		}
		name = rel
	}
	line, err1 := strconv.Atoi(m[2])
	column, err2 := strconv.Atoi(m[3])
	name = filepath.ToSlash(filepath.Clean(name))
	return Warning{File: name, Line: line, Column: column, Flag: m[5], Text: m[4]}, filepath.IsLocal(name) && err1 == nil && err2 == nil
}
