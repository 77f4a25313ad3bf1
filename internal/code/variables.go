package code

import (
	"fmt"
	"strings"
	"sync"

	"github.com/andiron-dev/andiron/finding"
	"github.com/andiron-dev/andiron/internal/pysrc"
	"github.com/andiron-dev/andiron/internal/rule"
)

// setting is one of the environment variables by which torch and model servers are told
// what they should not be.
type setting struct {
	name     string
	bad      func(string) bool
	rule     *rule.Rule
	inCode   finding.Severity
	settings finding.Severity // in files that are no Python
	text     string
}

// settingsOf are those variables. Of TorchServe's settings each has one.
var settingsOf = sync.OnceValue(func() []setting {
	list := []setting{
		{buildPlace, func(s string) bool { return sharedText(s) != "" }, builtAtRun, finding.High, finding.Medium, "extensions are built where everybody on the machine can put what is then loaded"},
		{"MASTER_ADDR", farAddress, openListener, finding.Medium, finding.Low, "the processes of a job meet where whoever can connect takes part"},
		{"GRADIO_SHARE", truthy, openServer, finding.Medium, finding.Medium, "the page gets an address that the world can open"},
		{"GRADIO_SERVER_NAME", everywhere, openListener, finding.Low, finding.Low, "the page listens at every address of the machine"},
		{"GRADIO_ALLOWED_PATHS", wholeDisk, openServer, finding.Medium, finding.Medium, "the page gives every file of the machine to whoever asks"},
		{"BENTOML_HOST", everywhere, openListener, finding.Low, finding.Low, "the server listens at every address of the machine"},
	}
	for _, t := range torchserve {
		list = append(list, setting{"TS_" + strings.ToUpper(t.key), t.bad, t.of(), t.severity, t.severity, t.text})
	}
	return list
})

// farAddress reports an address that is written out and is not of this machine.
func farAddress(s string) bool {
	return s != "" && !strings.ContainsAny(s, "${}<>%() ") && !ofThisMachine(s)
}

func wholeDisk(s string) bool { return s == "/" }

// variables reports Python that sets one of them.
func (v *view) variables() {
	var kept []setting
	for _, s := range settingsOf() {
		if strings.Contains(v.f.Text, s.name) {
			kept = append(kept, s)
		}
	}
	if len(kept) == 0 {
		return
	}
	see := func(n pysrc.Node, name, value string) {
		for _, s := range kept {
			if s.name == name && s.bad(value) {
				v.foundAs(s.rule, s.inCode, n, fmt.Sprintf("%s is set to %q: %s", name, value, s.text))
			}
		}
	}
	var look func([]pysrc.Stmt)
	look = func(body []pysrc.Stmt) {
		for _, s := range body {
			if a, ok := s.(*pysrc.Assign); ok {
				v.item(a, see)
			}
			pysrc.Blocks(s, look)
		}
	}
	look(v.f.Body)
	for _, c := range v.m.Calls {
		if c.Is("os.putenv", "os.environ.setdefault", "os.environ.__setitem__") || c.Method() == "setenv" {
			name, ok := v.text(c, 0, "key")
			value, ok2 := v.text(c, 1, "value")
			if ok && ok2 {
				see(c.Node, name, value)
			}
		}
	}
}

// item tells of os.environ[name] = value.
func (v *view) item(a *pysrc.Assign, see func(n pysrc.Node, name, value string)) {
	value, ok := v.plain(a.Value)
	if !ok {
		return
	}
	for _, t := range a.Targets {
		sub, ok := t.(*pysrc.Subscript)
		if !ok {
			continue
		}
		if name, ok := v.plain(sub.Index); ok {
			see(a, name, value)
		}
	}
}

// plain is a constant text of the module.
func (v *view) plain(e pysrc.Expr) (string, bool) {
	values := v.m.Eval(e, v.m.Top)
	if len(values) != 1 || values[0].Kind != pysrc.Text {
		return "", false
	}
	return values[0].Name, true
}

// sets looks at a file of settings for them.
func (l *looker) sets(name string, lines []string) {
	for i := range lines {
		for _, x := range settingsOf() {
			before, behind, ok := variableIn(lines[i:], x.name)
			if !ok || before != "" && isWord(before[len(before)-1]) {
				continue
			}
			if value := valueOf(behind); x.bad(value) {
				f := x.rule.Finding(finding.Where{Path: name}.Line1(i+1, len([]rune(before))+1), fmt.Sprintf("%s is set to %q: %s", x.name, value, x.text))
				f.Severity = x.settings
				l.report(f)
			}
		}
	}
}

func isWord(b byte) bool {
	return b == '_' || b >= '0' && b <= '9' || b >= 'A' && b <= 'Z' || b >= 'a' && b <= 'z'
}

// valueOf is what a variable is set to by what stands behind its name.
func valueOf(behind string) string {
	if behind == "" || !strings.ContainsRune("=: \"'", rune(behind[0])) {
		return ""
	}
	t := strings.TrimLeft(behind, " \t\"':=")
	if i := strings.IndexAny(t, " \t\r\n\"',;\\}"); i >= 0 {
		t = t[:i]
	}
	return t
}
