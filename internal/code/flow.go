package code

import (
	"fmt"
	"slices"
	"strings"

	"github.com/andiron-dev/andiron/internal/pysrc"
)

// flows follows what a request brings to where files are loaded: within a
// function, and into the functions of the same file that it calls.
func (v *view) flows() {
	imported := slices.ContainsFunc(brings, func(b string) bool {
		module, _, _ := strings.Cut(b, ".")
		return strings.Contains(v.f.Text, module)
	})
	for _, fn := range v.functions() {
		f := &flow{v: v, fn: fn, from: map[variable]string{}}
		f.sources()
		if len(f.from) > 0 || imported {
			f.follow(0)
		}
	}
	if v.work < 0 {
		v.l.report(notRead.Undetermined(v.where, "the file is made so that what requests bring could not be followed to its end"))
	}
}

// functions lists those of the file, in order.
func (v *view) functions() (list []*pysrc.Scope) {
	v.m.Top.Each(func(s *pysrc.Scope) {
		if s.Kind == pysrc.FunctionScope {
			list = append(list, s)
		}
	})
	return list
}

// variable is a name in the scope that binds it.
type variable struct {
	scope *pysrc.Scope
	name  string
}

// flow is one function and what in it comes from outside.
type flow struct {
	v     *view
	fn    *pysrc.Scope
	from  map[variable]string // what it comes from, in words
	trail []string            // how it came into this function
}

const (
	mostCalls = 4       // from a request to a loader
	mostTurns = 8       // through the assignments of a function
	mostFlows = 2000    // functions that are entered from others, in one file
	mostWork  = 1 << 23 // expressions that are looked at for it
)

// frameworks make objects whose methods decorate the functions that serve requests.
var frameworks = []string{
	"fastapi.FastAPI()", "fastapi.APIRouter()", "fastapi.routing.APIRouter()", "flask.Flask()", "flask.Blueprint()", "quart.Quart()",
	"quart.Blueprint()", "starlette.applications.Starlette()", "sanic.Sanic()", "sanic.Blueprint()", "bottle.Bottle()",
	"aiohttp.web.RouteTableDef()", "litestar", "bottle", "robyn.Robyn()",
}

var routes = []string{"get", "post", "put", "patch", "delete", "route", "websocket", "api_route"}

// requests are types of parameters that a request fills.
var requests = []string{
	"fastapi.UploadFile", "starlette.datastructures.UploadFile", "fastapi.Request", "starlette.requests.Request", "fastapi.File", "aiohttp.web.Request",
	"django.http.HttpRequest", "werkzeug.datastructures.FileStorage", "fastapi.datastructures.UploadFile",
}

// sources marks the parameters that a request fills.
func (f *flow) sources() {
	handler := slices.ContainsFunc(f.fn.Func.Decorators, f.routed)
	for i, p := range f.fn.Params.All() {
		if i == 0 && f.fn.Parent.Kind == pysrc.ClassScope {
			continue
		}
		if handler && !f.injected(p) || f.requested(p) {
			f.from[variable{f.fn, p.Name}] = fmt.Sprintf("%s, which a request brings to %s", p.Name, f.fn.Title())
		}
	}
}

// routed reports whether a decorator makes a function serve requests.
func (f *flow) routed(d pysrc.Expr) bool {
	if c, ok := d.(*pysrc.Call); ok {
		d = c.Func
	}
	a, ok := d.(*pysrc.Attribute)
	if !ok || !slices.Contains(routes, a.Attr) {
		return false
	}
	for _, name := range f.v.m.Names(d, f.fn.Parent) {
		base, _ := strings.CutSuffix(name, "."+a.Attr)
		if slices.Contains(frameworks, base) {
			return true
		}
	}
	base, ok := a.Value.(*pysrc.Name)
	return ok && slices.Contains([]string{"app", "router", "blueprint", "bp", "routes"}, base.ID) && a.Attr != "get"
}

// injected reports whether the framework fills a parameter, and not the request.
func (f *flow) injected(p *pysrc.Param) bool {
	c, ok := p.Default.(*pysrc.Call)
	if !ok {
		return false
	}
	names := f.v.m.Names(c.Func, f.fn.Parent)
	return slices.Contains(names, "fastapi.Depends") || slices.Contains(names, "fastapi.Security")
}

func (f *flow) requested(p *pysrc.Param) (yes bool) {
	for _, e := range []pysrc.Expr{p.Annotation, p.Default} {
		if e == nil {
			continue
		}
		pysrc.Walk(e, func(e pysrc.Expr) bool {
			switch e.(type) {
			case *pysrc.Name, *pysrc.Attribute:
				yes = yes || slices.ContainsFunc(f.v.m.Names(e, f.fn.Parent), func(n string) bool { return slices.Contains(requests, n) })
			}
			return !yes
		})
	}
	return yes
}

// follow spreads what comes from outside and looks where it arrives.
func (f *flow) follow(depth int) {
	for range mostTurns {
		before := len(f.from)
		f.assignments()
		f.writes()
		if len(f.from) == before {
			break
		}
	}
	for _, c := range f.v.calls[f.fn] {
		f.arrives(c)
		f.enters(c, depth)
	}
}

// assignments marks names that are bound to what comes from outside.
func (f *flow) assignments() {
	f.fn.Each(func(s *pysrc.Scope) {
		if s.Function() != f.fn {
			return
		}
		for _, name := range s.BoundNames() {
			if f.from[variable{s, name}] != "" || f.vetted(name) {
				continue
			}
			for _, b := range s.Bindings(name) {
				if b.Kind == pysrc.Parameter || b.Value == nil {
					continue
				}
				if why := f.taint(b.Value, b.Scope, 0); why != "" {
					f.from[variable{s, name}] = why
				}
			}
		}
	})
}

// vetted reports whether the function refuses a name that is not on a list.
func (f *flow) vetted(name string) bool {
	known, ok := f.v.refused[f.fn]
	if !ok {
		known = refused(f.fn.Func.Body)
		f.v.refused[f.fn] = known
	}
	return known[name]
}

// refused lists the names with which a function ends where they are not in
// something.
func refused(list []pysrc.Stmt) map[string]bool {
	names := map[string]bool{}
	for _, s := range list {
		branch, ok := s.(*pysrc.If)
		if !ok {
			continue
		}
		for _, b := range branch.Branches {
			c, ok := b.Test.(*pysrc.Compare)
			if !ok || len(c.Ops) != 1 || c.Ops[0] != "not in" || !ends(b.Body) {
				continue
			}
			if n, ok := c.Values[0].(*pysrc.Name); ok {
				names[n.ID] = true
			}
		}
	}
	return names
}

// passes are functions whose result holds what they are given.
var passes = []string{
	"io.BytesIO", "io.StringIO", "io.BufferedReader", "bytes", "bytearray", "memoryview", "str", "open", "io.open", "aiofiles.open",
	"pathlib.Path", "pathlib.PurePath", "os.fspath", "os.path.join", "os.path.abspath", "os.path.normpath", "os.path.realpath",
	"os.path.expanduser", "os.path.basename", "base64.b64decode", "base64.decodebytes", "gzip.decompress", "gzip.open",
	"zlib.decompress", "bz2.decompress", "lzma.decompress", "binascii.unhexlify", "bytes.fromhex", "urllib.parse.unquote",
}

// brings are dotted names that hold what a request brings.
var brings = []string{"flask.request.", "quart.request.", "bottle.request.", "streamlit.file_uploader()"}

// taint says what an expression comes from, or nothing.
func (f *flow) taint(e pysrc.Expr, s *pysrc.Scope, depth int) string { // one case per expression
	if f.v.work--; e == nil || depth > mostDepth || f.v.work < 0 {
		return ""
	}
	depth++
	switch e := e.(type) {
	case *pysrc.Name:
		return f.named(e, s)
	case *pysrc.Attribute:
		if why := f.brought(e, s); why != "" {
			return why
		}
		return f.taint(e.Value, s, depth)
	case *pysrc.Subscript:
		return f.taint(e.Value, s, depth)
	case *pysrc.Call:
		return f.called(e, s, depth)
	case *pysrc.Await:
		return f.taint(e.Value, s, depth)
	case *pysrc.Starred:
		return f.taint(e.Value, s, depth)
	case *pysrc.Walrus:
		return f.taint(e.Value, s, depth)
	case *pysrc.Field:
		return f.taint(e.Value, s, depth)
	case *pysrc.Binary:
		return f.any(s, depth, e.Left, e.Right)
	case *pysrc.IfExpr:
		return f.any(s, depth, e.Body, e.Else)
	case *pysrc.Joined:
		return f.any(s, depth, e.Parts...)
	case *pysrc.Bool:
		return f.any(s, depth, e.Values...)
	}
	return ""
}

const mostDepth = 40

func (f *flow) any(s *pysrc.Scope, depth int, list ...pysrc.Expr) string {
	for _, e := range list {
		if why := f.taint(e, s, depth); why != "" {
			return why
		}
	}
	return ""
}

func (f *flow) named(e *pysrc.Name, s *pysrc.Scope) string {
	owner := s.Owner(e.ID)
	if owner == nil || owner.Function() == f.fn && f.vetted(e.ID) {
		return ""
	}
	if why := f.from[variable{owner, e.ID}]; why != "" {
		return why
	}
	for _, b := range owner.Bindings(e.ID) {
		if b.Kind == pysrc.Imported && slices.ContainsFunc(brings, func(p string) bool { return b.Ref+"." == p }) {
			return "what a request brings (" + b.Ref + ")"
		}
	}
	return ""
}

// brought reports on flask.request.files and its like.
func (f *flow) brought(e *pysrc.Attribute, s *pysrc.Scope) string {
	for _, n := range f.v.m.Names(e, s) {
		if slices.ContainsFunc(brings, func(p string) bool { return strings.HasPrefix(n, p) }) {
			return "what a request brings (" + n + ")"
		}
	}
	return ""
}

func (f *flow) called(e *pysrc.Call, s *pysrc.Scope, depth int) string {
	names := f.v.m.Names(e.Func, s)
	if slices.Contains(names, "streamlit.file_uploader") {
		return "what a user uploads (streamlit.file_uploader)"
	}
	if slices.ContainsFunc(names, func(n string) bool { return slices.Contains(passes, n) }) {
		return f.any(s, depth, e.Args...)
	}
	if a, ok := e.Func.(*pysrc.Attribute); ok {
		return f.taint(a, s, depth)
	}
	return ""
}

// writes marks the places that are filled with what comes from outside: a file
// that is written to, and the name that it was opened by.
func (f *flow) writes() {
	for _, c := range f.v.calls[f.fn] {
		if len(c.Positional()) == 0 {
			continue
		}
		first := c.Positional()[0]
		a, method := c.Node.Func.(*pysrc.Attribute)
		switch {
		case c.Is("shutil.copyfileobj") && len(c.Positional()) > 1:
			f.fill(c.Positional()[1].Expr, c.Scope, f.taint(first.Expr, first.Scope, 0))
		case method && (a.Attr == "write" || a.Attr == "write_bytes"):
			f.fill(a.Value, c.Scope, f.taint(first.Expr, first.Scope, 0))
		case method && a.Attr == "save": // werkzeug's FileStorage
			f.fill(first.Expr, c.Scope, f.taint(a.Value, c.Scope, 0))
		}
	}
}

// fill marks the name that an expression begins with, and what it was opened by.
func (f *flow) fill(e pysrc.Expr, s *pysrc.Scope, why string) {
	for range mostTurns {
		if why == "" {
			return
		}
		for {
			a, ok := e.(*pysrc.Attribute)
			if !ok {
				break
			}
			e = a.Value
		}
		name, ok := e.(*pysrc.Name)
		if !ok {
			return
		}
		owner := s.Owner(name.ID)
		if owner == nil || owner.Function() != f.fn {
			return
		}
		if f.from[variable{owner, name.ID}] == "" {
			f.from[variable{owner, name.ID}] = why
		}
		if e, s = opened(owner, name.ID); e == nil {
			return
		}
	}
}

// opened is the path in name = open(path).
func opened(owner *pysrc.Scope, name string) (pysrc.Expr, *pysrc.Scope) {
	for _, b := range owner.Bindings(name) {
		c, ok := b.Value.(*pysrc.Call)
		if !ok || b.Kind != pysrc.Assigned && b.Kind != pysrc.Entered {
			continue
		}
		switch fn := c.Func.(type) {
		case *pysrc.Name:
			if fn.ID == "open" && len(c.Args) > 0 {
				return c.Args[0], b.Scope
			}
		case *pysrc.Attribute:
			if fn.Attr == "open" && len(c.Args) > 0 {
				if _, text := c.Args[0].(*pysrc.Str); !text {
					return c.Args[0], b.Scope // aiofiles.open(path)
				}
			}
			if fn.Attr == "open" {
				return fn.Value, b.Scope // path.open("wb")
			}
		}
	}
	return nil, nil
}

// arrives reports a loader that is given what comes from outside.
func (f *flow) arrives(c *pysrc.Invocation) {
	name, position, keyword := nameOf(c, torchLoad...), 0, "f"
	if name == "" {
		l, other := f.v.loaderOf(c)
		name, position, keyword = other, l.position, l.keyword
	}
	if name == "" {
		return
	}
	args, _ := c.Arg(position, keyword)
	for _, a := range args {
		if why := f.taint(a.Expr, a.Scope, 0); why != "" {
			f.v.found(userModel, c.Node, "a user decides what "+name+" loads here: "+why, append(slices.Clone(f.trail), "line "+itoa(f.v.line(c.Node))+": "+f.v.shown(c.Node))...)
		}
	}
}

// enters follows a call of a function of the file that is given what comes from
// outside.
func (f *flow) enters(c *pysrc.Invocation, depth int) {
	if depth >= mostCalls {
		return
	}
	for _, def := range c.Defs {
		if def.Func == nil || def == f.fn {
			continue
		}
		in := &flow{v: f.v, fn: def, from: map[variable]string{}}
		in.trail = append(slices.Clone(f.trail), "line "+itoa(f.v.line(c.Node))+": "+f.v.shown(c.Node))
		first := 0
		if def.Parent.Kind == pysrc.ClassScope && c.Method() != "" {
			first = 1
		}
		for i, p := range def.Params.All() {
			args, _ := c.Arg(i-first, p.Name)
			for _, a := range args {
				if why := f.taint(a.Expr, a.Scope, 0); why != "" {
					in.from[variable{def, p.Name}] = why
				}
			}
		}
		if key := in.key(); len(in.from) > 0 && !f.v.entered[key] && len(f.v.entered) < mostFlows {
			f.v.entered[key] = true
			in.follow(depth + 1)
		}
	}
}

// key says which function is entered with which parameters from outside.
func (f *flow) key() string {
	var names []string
	for k := range f.from {
		names = append(names, k.name)
	}
	slices.Sort(names)
	return itoa(int(f.fn.Func.Start)) + " " + strings.Join(names, ",")
}
