package code

import (
	"path"
	"regexp"
	"slices"
	"strings"
	"sync"

	"github.com/andiron-dev/andiron/finding"
	"github.com/andiron-dev/andiron/internal/pysrc"
)

// pickling are functions that write pickles to files.
var pickling = []string{
	"pickle.dump", "_pickle.dump", "cPickle.dump", "pickle5.dump", "six.moves.cPickle.dump", "dill.dump", "cloudpickle.dump", "joblib.dump", "compress_pickle.dump",
	"pandas.to_pickle", "pandas.DataFrame().to_pickle",
}

// pickles reports pickles that are written.
func (v *view) pickles() {
	if v.l.test {
		return
	}
	for _, c := range v.m.Calls {
		name := nameOf(c, pickling...)
		if name == "" && c.Method() == "to_pickle" {
			name = "to_pickle"
		}
		if name != "" && !c.Partial && !v.memory(c) {
			v.found(pickleWritten, c.Node, name+" writes a file that only unpickling reads")
		}
	}
}

// memory reports whether what is written goes to memory.
func (v *view) memory(c *pysrc.Invocation) bool {
	args, _ := c.Arg(1, "file")
	return len(args) == 1 && slices.Contains(resultsOf(v.m.Eval(args[0].Expr, args[0].Scope)), "io.BytesIO")
}

func resultsOf(values []pysrc.Value) (out []string) {
	for _, x := range values {
		if x.Kind == pysrc.Result {
			out = append(out, x.Name)
		}
	}
	return out
}

// isTest reports whether a file is a test, as pytest names them; the name is beneath
// the project.
func isTest(name string) bool {
	base := path.Base(name)
	if strings.HasPrefix(base, "test_") || strings.HasSuffix(base, "_test.py") || base == "conftest.py" {
		return true
	}
	return slices.ContainsFunc(strings.Split(path.Dir(name), "/"), func(s string) bool { return s == "tests" || s == "test" })
}

// tokenRE has the forms of tokens that services give out.
var tokenRE = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`^(hf_[A-Za-z]{34}|gh[pousr]_[A-Za-z0-9]{36}|github_pat_[A-Za-z0-9_]{60,}|glpat-[A-Za-z0-9_-]{20}|AKIA[0-9A-Z]{16}|xox[abp]-[0-9A-Za-z-]{20,}|sk-(?:proj-)?[A-Za-z0-9_-]{40,})$`)
})

// tokens are what such texts begin with, and whose they are.
var tokens = []struct{ prefix, of string }{
	{"hf_", "Hugging Face"}, {"gh", "GitHub"}, {"glpat-", "GitLab"}, {"AKIA", "AWS"}, {"xox", "Slack"}, {"sk-", "OpenAI"},
}

// secretKeys are entries of checkpoints that nobody should have.
var secretKeys = []string{"password", "passwd", "api_key", "apikey", "secret", "secret_key", "access_token", "auth_token", "aws_secret_access_key", "private_key", "hf_token"}

// secrets reports tokens in the code, and secrets in what is saved.
func (v *view) secrets() {
	if slices.ContainsFunc(tokens, func(t struct{ prefix, of string }) bool { return strings.Contains(v.f.Text, t.prefix) }) {
		v.everyText(v.f.Body, func(s *pysrc.Str) {
			if !tokenRE().MatchString(s.Value) || strings.Count(s.Value, s.Value[len(s.Value)-1:]) > len(s.Value)/2 {
				return
			}
			i := slices.IndexFunc(tokens, func(t struct{ prefix, of string }) bool { return strings.HasPrefix(s.Value, t.prefix) })
			v.found(secretKept, s, "a text here has the form of a token of "+tokens[i].of)
		})
	}
	for _, c := range v.m.Calls {
		if !c.Is("torch.save", "torch.serialization.save", "pickle.dump", "joblib.dump") {
			continue
		}
		args, _ := c.Arg(0, "obj")
		for _, a := range args {
			for _, value := range v.m.Eval(a.Expr, a.Scope) {
				if d, ok := value.Arg.Expr.(*pysrc.Dict); ok {
					v.saved(c, d, value.Arg.Scope)
				}
			}
		}
	}
}

// saved judges the entries of a dictionary that is saved.
func (v *view) saved(c *pysrc.Invocation, d *pysrc.Dict, s *pysrc.Scope) {
	for i, k := range d.Keys {
		if key, ok := k.(*pysrc.Str); ok && slices.Contains(secretKeys, strings.ToLower(key.Value)) {
			v.foundAs(secretKept, finding.Medium, c.Node, "what is saved here has an entry "+key.Value)
		}
		value := d.Values[i]
		if call, ok := value.(*pysrc.Call); ok && len(call.Args) > 0 {
			value = call.Args[0] // dict(os.environ)
		}
		switch value.(type) {
		case *pysrc.Name, *pysrc.Attribute:
			if slices.Contains(v.m.Names(value, s), "os.environ") {
				v.foundAs(secretKept, finding.Medium, c.Node, "what is saved here holds the environment of the process")
			}
		}
	}
}

// everyText calls f with each text of a block, those of what stands in it too.
func (v *view) everyText(list []pysrc.Stmt, f func(*pysrc.Str)) {
	v.everyExpr(list, func(e pysrc.Expr) {
		if t, ok := e.(*pysrc.Str); ok && !t.Bytes {
			f(t)
		}
	})
}

// everyExpr calls f with each expression of a block, those of what stands in it too.
func (v *view) everyExpr(list []pysrc.Stmt, f func(pysrc.Expr)) {
	for _, s := range list {
		pysrc.Exprs(s, func(e pysrc.Expr) {
			pysrc.Walk(e, func(e pysrc.Expr) bool {
				f(e)
				return true
			})
		})
		pysrc.Blocks(s, func(inner []pysrc.Stmt) { v.everyExpr(inner, f) })
	}
}
