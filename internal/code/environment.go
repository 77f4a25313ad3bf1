package code

import (
	"path"
	"regexp"
	"slices"
	"strings"
	"sync"
	"unicode/utf8"

	"github.com/andiron-dev/andiron/finding"
	"github.com/andiron-dev/andiron/internal/artifact"
	"github.com/andiron-dev/andiron/internal/pysrc"
)

// forced is the variable that makes torch.load ignore weights_only=True.
const forced = "TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD"

const isForced = forced + " is set here, so that torch.load unpickles whatever a file says"

// setsEnvironment reports whether files of a name set environment variables for
// programs: container files, shell scripts, settings of services and of CI.
func setsEnvironment(base string) bool {
	switch path.Ext(base) {
	case ".properties", ".sh", ".bash", ".env", ".yml", ".yaml", ".toml", ".cfg", ".ini", ".conf", ".service", ".bat", ".ps1", ".slurm", ".sbatch", ".mk":
		return true
	}
	return strings.HasPrefix(base, ".env") || base == "dockerfile" || strings.HasPrefix(base, "dockerfile.") ||
		strings.HasSuffix(base, ".dockerfile") || base == "containerfile" || base == "makefile" || base == "justfile" || base == "procfile"
}

// settings looks at a file that is no Python for the variable, for services, for the
// sandbox, and for what it lets model servers load.
func (l *looker) settings(a *artifact.Artifact) error {
	b, err := l.read(a, "was not searched for "+forced)
	if b == nil {
		return err
	}
	l.services(a.Name(), b)
	l.sandboxed(a.Name(), b)
	lines := strings.SplitAfter(string(b), "\n")
	l.sets(a.Name(), lines)
	if strings.HasSuffix(a.Name(), ".properties") {
		l.properties(a.Name(), string(b))
	}
	l.commands(a.Name(), string(b), lines)
	l.bento(a.Name(), string(b))
	for i := range lines {
		before, behind, found := variableIn(lines[i:], forced)
		if !found || off(behind) {
			continue
		}
		where := finding.Where{Path: a.Name()}.Line1(i+1, utf8.RuneCountInString(before)+1)
		l.report(loadForced.Finding(where, isForced))
	}
	return nil
}

var (
	nameKeyRE = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`\bname["']?\s*:\s*["']?$`) })
	valueRE   = sync.OnceValue(func() *regexp.Regexp {
		return regexp.MustCompile(`^["']?[ \t]*(?:#.*)?[,\r\n]+\s*["']?value["']?\s*:`)
	})
)

// variableIn finds the name of a variable in the first of some lines, and what it is set to
// behind it. Kubernetes has that as a value of its own, mostly in the next line.
func variableIn(lines []string, name string) (before, behind string, found bool) {
	before, behind, found = strings.Cut(lines[0], name)
	if !found || comment(before) {
		return "", "", false
	}
	if nameKeyRE().MatchString(before) {
		both := behind + strings.Join(lines[1:min(len(lines), 2)], "")
		if at := valueRE().FindStringIndex(both); at != nil {
			behind = "=" + both[at[1]:]
		}
	}
	return before, behind, true
}

// comment reports whether what stands before a word in its line makes it a comment.
func comment(before string) bool {
	t := strings.TrimLeft(before, " \t")
	return strings.HasPrefix(t, "#") || strings.HasPrefix(t, "//") || strings.HasPrefix(strings.ToLower(t), "rem ") ||
		strings.HasPrefix(t, "unset ") || strings.Contains(t, " #")
}

// off reports whether what stands behind the name sets it to nothing, or to a value
// that torch does not take for true.
func off(behind string) bool {
	t := strings.TrimLeft(behind, " \t\"':")
	t = strings.TrimPrefix(t, "=")
	t = strings.Trim(t, " \t\r\n\"',;\\}]")
	if word, _, _ := strings.Cut(t, " "); word != "" {
		t = strings.Trim(word, "\"',;}]")
	}
	return !truthy(t)
}

// truthy has what torch.serialization takes for true.
func truthy(s string) bool {
	return slices.Contains([]string{"1", "y", "yes", "true"}, strings.ToLower(s))
}

// environment reports Python that sets the variable.
func (v *view) environment() {
	v.variables()
	if !strings.Contains(v.f.Text, forced) {
		return
	}
	var look func([]pysrc.Stmt)
	look = func(list []pysrc.Stmt) {
		for _, s := range list {
			if a, ok := s.(*pysrc.Assign); ok && v.setsForced(a) {
				v.found(loadForced, a, isForced)
			}
			pysrc.Blocks(s, look)
		}
	}
	look(v.f.Body)
	for _, c := range v.m.Calls {
		set := c.Is("os.putenv", "os.environ.setdefault", "os.environ.__setitem__") || c.Method() == "setenv"
		if name, ok := v.text(c, 0, "key"); set && ok && name == forced && v.on(c) {
			v.found(loadForced, c.Node, isForced)
		}
		for _, k := range c.Node.Keywords {
			if k.Name == forced || k.Name == "env" && v.inDict(k.Value, c.Scope) {
				v.found(loadForced, c.Node, isForced)
			}
		}
		if args := c.Positional(); c.Is("os.environ.update") && len(args) > 0 && v.inDict(args[0].Expr, c.Scope) {
			v.found(loadForced, c.Node, isForced)
		}
	}
}

func (v *view) on(c *pysrc.Invocation) bool {
	value, ok := v.text(c, 1, "value")
	return !ok || truthy(value)
}

// setsForced reports whether an assignment is to os.environ[forced].
func (v *view) setsForced(a *pysrc.Assign) bool {
	for _, t := range a.Targets {
		sub, ok := t.(*pysrc.Subscript)
		if !ok {
			continue
		}
		key := v.m.Eval(sub.Index, v.m.Top)
		if len(key) != 1 || key[0].Kind != pysrc.Text || key[0].Name != forced {
			continue
		}
		value := v.m.Eval(a.Value, v.m.Top)
		return len(value) != 1 || value[0].Kind != pysrc.Text || truthy(value[0].Name)
	}
	return false
}

// inDict reports whether a dictionary that is written out sets the variable.
func (v *view) inDict(e pysrc.Expr, s *pysrc.Scope) bool {
	for _, value := range v.m.Eval(e, s) {
		d, ok := value.Arg.Expr.(*pysrc.Dict)
		if !ok {
			continue
		}
		for i, k := range d.Keys {
			key, ok := k.(*pysrc.Str)
			text, plain := d.Values[i].(*pysrc.Str)
			if ok && key.Value == forced && (!plain || truthy(text.Value)) {
				return true
			}
		}
	}
	return false
}
