package manifest

import (
	"strings"
)

// readSetupCfg reads what setuptools takes from setup.cfg.
//
// configparser of CPython 3.13 without interpolation; setuptools 80
// config/setupcfg.py.
func (r *reader) readSetupCfg(src []byte) error {
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
	c := &setupCfg{r: r}
	for n, line := range lines(s) {
		if !r.checkLine(n, len(line)) {
			return nil
		}
		c.line(n, line)
	}
	c.flush()
	return nil
}

// setupCfg is a file of sections that is being read.
type setupCfg struct {
	r            *reader
	section, key string
	indent       int
	lines        []cfgLine
}

type cfgLine struct {
	n      int
	text   string
	beside bool // the key
}

func (c *setupCfg) line(n int, line string) {
	trimmed := strings.TrimSpace(line)
	if trimmed == "" || trimmed[0] == '#' || trimmed[0] == ';' {
		return
	}
	if deep := indent(line); c.key != "" && deep > c.indent {
		c.keep(n, trimmed, false)
		return
	}
	c.flush()
	if trimmed[0] == '[' {
		end := strings.IndexByte(trimmed, ']')
		if end < 0 {
			c.r.problem(n, "the name of a section is not closed")
			return
		}
		c.section = trimmed[1:end]
		return
	}
	i := strings.IndexAny(trimmed, "=:")
	if i <= 0 {
		if c.wanted() {
			c.r.problem(n, "%q is no option with a value", trimmed)
		}
		return
	}
	c.key = strings.TrimSpace(trimmed[:i])
	c.indent = indent(line)
	if v := strings.TrimSpace(trimmed[i+1:]); v != "" {
		c.keep(n, v, true)
	}
}

func (c *setupCfg) wanted() bool {
	return c.section == "options" || c.section == "options.extras_require" || c.section == "metadata"
}

func (c *setupCfg) keep(n int, s string, beside bool) {
	if c.wanted() && len(c.lines) < c.r.lim.Packages {
		c.lines = append(c.lines, cfgLine{n, s, beside})
	}
}

// flush does what an option says once all of it is there.
func (c *setupCfg) flush() {
	key, list := strings.ReplaceAll(c.key, "-", "_"), c.lines
	c.key, c.lines = "", nil
	if len(list) == 0 {
		return
	}
	switch c.section + "." + key {
	case "metadata.name":
		c.r.file.Name = normalize(list[0].text)
	case "options.python_requires":
		c.r.file.Python = list[0].text
	case "options.install_requires":
		c.requirements(list, nil)
	case "options.setup_requires":
		c.requirements(list, []string{"build-system"})
	case "options.tests_require":
		c.requirements(list, []string{"test"})
	default:
		if c.section == "options.extras_require" {
			c.requirements(list, []string{"extra:" + normalize(key)})
		}
	}
}

// requirements reads a list: lines, or one line with semicolons in it, or the
// names of files.
func (c *setupCfg) requirements(list []cfgLine, groups []string) {
	if files, ok := strings.CutPrefix(list[0].text, "file:"); ok {
		for name := range strings.SplitSeq(files, ",") {
			c.r.include(Include{Path: strings.TrimSpace(name), Line: list[0].n})
		}
		return
	}
	if len(list) == 1 && list[0].beside && strings.Contains(list[0].text, ";") {
		one := list[0]
		list = nil
		for s := range strings.SplitSeq(one.text, ";") {
			list = append(list, cfgLine{one.n, s, true})
		}
	}
	for _, l := range list {
		s := strings.TrimSpace(l.text)
		p := Package{Line: l.n, Column: 1, Groups: groups, Direct: true}
		if s != "" && s[0] != '#' && c.r.pep508(s, &p) {
			c.r.add(p)
		}
	}
}
