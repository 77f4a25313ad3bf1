package code

import (
	"regexp"
	"slices"
	"strings"
	"sync"

	"github.com/andiron-dev/andiron/finding"
	"github.com/andiron-dev/andiron/internal/pysrc"
)

// tokenRE has the forms of tokens that services give out.
var tokenRE = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`^(hf_[A-Za-z]{34}|gh[pousr]_[A-Za-z0-9]{36}|github_pat_[A-Za-z0-9_]{60,}|glpat-[A-Za-z0-9_-]{20}|AKIA[0-9A-Z]{16}|AIza[0-9A-Za-z_-]{35}|xox[abp]-[0-9A-Za-z-]{20,}|sk-(?:proj-|ant-)?[A-Za-z0-9_-]{40,}|pypi-AgE[A-Za-z0-9_-]{60,})$`)
})

// tokens are what such texts begin with, and whose they are.
var tokens = []struct{ prefix, of string }{
	{"hf_", "a token of Hugging Face"},
	{"gh", "a token of GitHub"},
	{"glpat-", "a token of GitLab"},
	{"AKIA", "a token of AWS"},
	{"AIza", "a token of Google"},
	{"xox", "a token of Slack"},
	{"sk-ant-", "a token of Anthropic"},
	{"sk-", "a token of OpenAI"},
	{"pypi-", "a token of a package index"},
}

// userinfoRE is an address with a name and a password, written out.
var userinfoRE = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`^(?:https?|ftp|s3|postgres(?:ql)?|mysql|mongodb(?:\+srv)?|redis|amqp)://[A-Za-z0-9._-]+:([^\s:/@{}$<>%*]{6,})@[A-Za-z0-9.-]+`)
})

// placeholders are words of passwords that are none.
var placeholders = []string{"password", "passwd", "secret", "token", "example", "changeme", "xxxx", "your", "user", "pass"}

// secretOf says what secret a text is, or nothing.
func secretOf(s string) string {
	switch {
	case len(s) > 200 && strings.HasPrefix(strings.TrimSpace(s), "-----BEGIN ") && strings.Contains(s[:100], "PRIVATE KEY-----"):
		return "a private key"
	case strings.Contains(s, "://") && strings.Contains(s, "@"):
		m := userinfoRE().FindStringSubmatch(s)
		if m == nil || slices.ContainsFunc(placeholders, func(p string) bool { return strings.Contains(strings.ToLower(m[1]), p) }) {
			return ""
		}
		return "an address with a password"
	case !tokenRE().MatchString(s) || strings.Count(s, s[len(s)-1:]) > len(s)/2:
		return ""
	}
	i := slices.IndexFunc(tokens, func(t struct{ prefix, of string }) bool { return strings.HasPrefix(s, t.prefix) })
	return tokens[i].of
}

// secretSigns are what a file with such a text holds.
var secretSigns = []string{"hf_", "gh", "glpat-", "AKIA", "AIza", "xox", "sk-", "pypi-", "PRIVATE KEY", "://"}

// secretKeys are entries of checkpoints that nobody should have.
var secretKeys = []string{"password", "passwd", "api_key", "apikey", "secret", "secret_key", "access_token", "auth_token", "aws_secret_access_key", "private_key", "hf_token", "wandb_api_key", "client_secret"}

// secretName reports whether a name is one of a secret: api_key, OPENAI_API_KEY, hf-token.
func secretName(name string) bool {
	low := strings.ReplaceAll(strings.ToLower(strings.TrimLeft(name, "-")), "-", "_")
	return slices.ContainsFunc(secretKeys, func(k string) bool { return low == k || strings.HasSuffix(low, "_"+k) })
}

// secrets reports tokens in the code, and secrets in what is saved.
func (v *view) secrets() {
	if slices.ContainsFunc(secretSigns, func(s string) bool { return strings.Contains(v.f.Text, s) }) {
		v.everyText(v.f.Body, func(s *pysrc.Str) {
			if what := secretOf(s.Value); what != "" {
				v.found(secretKept, s, "a text here has the form of "+what)
			}
		})
	}
	for _, c := range v.m.Calls {
		switch {
		case c.Is("torch.save", "torch.serialization.save", "pickle.dump", "dill.dump", "joblib.dump", "cloudpickle.dump"):
			args, _ := c.Arg(0, "obj")
			v.keeps(c, args)
		case c.Is("safetensors.torch.save_file", "safetensors.numpy.save_file", "safetensors.torch.save"):
			args, _ := c.Arg(2, "metadata")
			v.keeps(c, args)
		case c.Is("torch.jit.save", "torch.export.save") || c.Method() == "save" && given(c, -1, "_extra_files"):
			args, _ := c.Arg(-1, "_extra_files")
			more, _ := c.Arg(-1, "extra_files")
			v.keeps(c, append(args, more...))
		case c.Method() == "save_hyperparameters":
			v.hyperparameters(c)
		}
	}
}

// keeps judges what is saved.
func (v *view) keeps(c *pysrc.Invocation, args []pysrc.Arg) {
	for _, a := range args {
		if v.commandLine(a) {
			v.foundAs(secretKept, finding.Medium, c.Node, "what is saved here holds the command line, in which the program takes a secret")
		}
		if n, ok := a.Expr.(*pysrc.Name); ok {
			v.items(c, n, a.Scope)
		}
		for _, value := range v.m.Eval(a.Expr, a.Scope) {
			if d, ok := value.Arg.Expr.(*pysrc.Dict); ok {
				v.saved(c, d, value.Arg.Scope)
			}
		}
	}
}

// saved judges the entries of a dictionary that is saved.
func (v *view) saved(c *pysrc.Invocation, d *pysrc.Dict, s *pysrc.Scope) {
	for i, k := range d.Keys {
		key := ""
		if t, ok := k.(*pysrc.Str); ok {
			key = t.Value
		}
		v.entry(c, key, pysrc.Arg{Expr: d.Values[i], Scope: s})
	}
}

// items judges the entries that a dictionary is given before it is saved.
func (v *view) items(c *pysrc.Invocation, n *pysrc.Name, s *pysrc.Scope) {
	body := v.f.Body
	if fn := s.Function(); fn != nil {
		body = fn.Func.Body
	}
	var look func([]pysrc.Stmt)
	look = func(list []pysrc.Stmt) {
		for _, stmt := range list {
			if stmt.Where().Start > c.Node.Start {
				return
			}
			if a, ok := stmt.(*pysrc.Assign); ok {
				for _, t := range a.Targets {
					sub, ok := t.(*pysrc.Subscript)
					if !ok {
						continue
					}
					of, is := sub.Value.(*pysrc.Name)
					key, text := sub.Index.(*pysrc.Str)
					if is && text && of.ID == n.ID {
						v.entry(c, key.Value, pysrc.Arg{Expr: a.Value, Scope: s})
					}
				}
			}
			pysrc.Blocks(stmt, look)
		}
	}
	look(body)
}

// entry judges one entry of what is saved.
func (v *view) entry(c *pysrc.Invocation, key string, a pysrc.Arg) {
	if w, ok := a.Expr.(*pysrc.Const); ok && w.Word == "None" {
		return
	}
	say := func(what string) { v.foundAs(secretKept, finding.Medium, c.Node, "what is saved here "+what) }
	if secretName(key) {
		say("has an entry " + key)
		return
	}
	if v.commandLine(a) {
		say("holds the command line, in which the program takes a secret")
		return
	}
	value := a.Expr
	if call, ok := value.(*pysrc.Call); ok && len(call.Args) > 0 {
		names := v.m.Names(call.Func, a.Scope)
		text, constant := call.Args[0].(*pysrc.Str)
		if constant && secretName(text.Value) && slices.ContainsFunc(names, func(n string) bool { return n == "os.getenv" || n == "os.environ.get" }) {
			say("holds the variable " + text.Value + " of the environment")
			return
		}
		value = call.Args[0] // dict(os.environ)
	}
	if sub, ok := value.(*pysrc.Subscript); ok {
		if text, ok := sub.Index.(*pysrc.Str); ok && secretName(text.Value) {
			say("holds " + text.Value)
		}
		return
	}
	switch e := value.(type) {
	case *pysrc.Name, *pysrc.Attribute:
		if slices.Contains(v.m.Names(value, a.Scope), "os.environ") {
			say("holds the environment of the process")
		} else if attr, ok := e.(*pysrc.Attribute); ok && secretName(attr.Attr) {
			say("holds " + v.shown(attr))
		}
	}
}

// commandLine reports whether an argument is the command line, or all of its values, of a
// program that takes a secret there.
func (v *view) commandLine(a pysrc.Arg) bool {
	e := a.Expr
	if call, ok := e.(*pysrc.Call); ok && len(call.Args) == 1 { // vars(args)
		e = call.Args[0]
	}
	if attr, ok := e.(*pysrc.Attribute); ok && attr.Attr == "__dict__" {
		e = attr.Value
	}
	if _, ok := e.(*pysrc.Name); !ok {
		return false
	}
	parsed := slices.ContainsFunc(resultsOf(v.m.Eval(e, a.Scope)), func(n string) bool { return strings.HasSuffix(n, ".parse_args") })
	return parsed && slices.ContainsFunc(v.m.Calls, func(c *pysrc.Invocation) bool {
		if c.Method() != "add_argument" {
			return false
		}
		return slices.ContainsFunc(c.Positional(), func(a pysrc.Arg) bool {
			t, ok := a.Expr.(*pysrc.Str)
			return ok && secretName(t.Value)
		})
	})
}

// hyperparameters judges save_hyperparameters of Lightning, which keeps what __init__ was
// given.
func (v *view) hyperparameters(c *pysrc.Invocation) {
	fn := c.Scope.Function()
	if fn == nil || fn.Func.Name != "__init__" || len(c.Positional()) > 0 {
		return
	}
	var ignored []string
	args, _ := c.Arg(-1, "ignore")
	for _, a := range args {
		v.textsIn(a.Expr, func(t *pysrc.Str) { ignored = append(ignored, t.Value) })
	}
	for _, p := range fn.Params.All() {
		if secretName(p.Name) && !slices.Contains(ignored, p.Name) {
			v.foundAs(secretKept, finding.Medium, c.Node, "save_hyperparameters keeps "+p.Name+" in every checkpoint")
			return
		}
	}
}
