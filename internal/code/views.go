package code

import (
	"fmt"
	"slices"
	"strings"

	"github.com/andiron-dev/andiron/internal/pysrc"
)

// verbs are the methods of class views that answer requests, as most frameworks name them.
var verbs = []string{"get", "post", "put", "patch", "delete", "head", "options", "dispatch"}

// web is a class of a framework whose objects answer requests.
type web struct {
	bases   []string // what the dotted name of a base begins with
	methods []string // that are called with what a request brings
	carries []string // attributes of the object that hold it
	calls   []string // methods of the object that give it
}

var tornadoCalls = []string{"get_argument", "get_arguments", "get_body_argument", "get_body_arguments", "get_query_argument", "get_query_arguments", "get_cookie"}

var webs = []web{
	{bases: []string{"django.views.", "django.contrib.auth.views.", "django.contrib.auth.mixins.", "django.contrib.admin."}, methods: append([]string{"form_valid", "form_invalid"}, verbs...), carries: []string{"request", "kwargs", "args"}},
	{
		bases:   []string{"rest_framework.views.", "rest_framework.viewsets.", "rest_framework.generics.", "rest_framework.mixins."},
		methods: append([]string{"list", "create", "retrieve", "update", "partial_update", "destroy", "perform_create", "perform_update"}, verbs...), carries: []string{"request", "kwargs", "args"},
	},
	{
		bases: []string{"tornado.web.", "tornado.websocket."}, methods: append([]string{"on_message", "data_received"}, verbs...), carries: []string{"request", "path_args", "path_kwargs"},
		calls: tornadoCalls,
	},
	{bases: []string{"http.server."}, carries: []string{"rfile", "path", "headers", "requestline"}},
	{bases: []string{"socketserver."}, carries: []string{"rfile", "request"}},
	{bases: []string{"aiohttp.web.View", "aiohttp.web_urldispatcher.View"}, carries: []string{"request"}},
	{bases: []string{"starlette.endpoints."}, methods: append([]string{"on_receive"}, verbs...)},
	{bases: []string{"flask.views.", "flask_restful.", "flask_restx.", "quart.views.", "sanic.views."}, methods: append([]string{"dispatch_request"}, verbs...)},
}

// viewDecorators begin the names of decorators of functions that answer requests.
var viewDecorators = []string{"django.views.decorators.", "django.contrib.auth.decorators.", "rest_framework.decorators.", "ninja."}

// views are modules that only what answers requests imports; there a parameter called
// request is one.
var views = []string{
	"django.http", "django.shortcuts", "django.views", "django.urls", "django.contrib.auth", "django.utils.decorators", "django.template.response",
	"rest_framework.views", "rest_framework.viewsets", "rest_framework.generics", "rest_framework.decorators", "rest_framework.response", "rest_framework.request",
}

// ours are attributes of a request that who sends it does not decide.
var ours = []string{"app", "user", "session", "state", "auth", "resolver_match", "config_dict", "transport", "loop", "connection", "site", "scope", "method", "scheme", "server", "client_address", "remote"}

// serving are functions and methods that are given the function that answers requests to
// an address, and where.
var serving = []struct {
	names    []string // dotted
	methods  []string // of anything
	position int
	keyword  string
}{
	{[]string{"django.urls.path", "django.urls.re_path", "django.urls.url", "django.conf.urls.url"}, nil, 1, "view"},
	{[]string{"starlette.routing.Route", "starlette.routing.WebSocketRoute", "fastapi.routing.APIRoute"}, []string{"add_api_route"}, 1, "endpoint"},
	{[]string{"aiohttp.web.get", "aiohttp.web.post", "aiohttp.web.put", "aiohttp.web.patch", "aiohttp.web.delete", "aiohttp.web.view"}, []string{"add_get", "add_post", "add_put", "add_patch", "add_delete", "add_view"}, 1, "handler"},
	{[]string{"aiohttp.web.route", "aiohttp.web.Application().router.add_route"}, nil, 2, "handler"},
	{nil, []string{"add_url_rule"}, 2, "view_func"},
	{[]string{"sanic.Sanic().add_route", "sanic.Blueprint().add_route", "asyncio.start_server", "asyncio.start_unix_server"}, nil, 0, "handler"},
	{[]string{"starlette.applications.Starlette().add_route", "starlette.applications.Starlette().add_websocket_route"}, nil, 1, "route"},
	{[]string{"bottle.route", "bottle.get", "bottle.post", "bottle.Bottle().route"}, nil, 2, "callback"},
}

// speaksOfViews reports whether a file imports what only those do that answer requests.
func (t *tracer) speaksOfViews() bool {
	if !strings.Contains(t.f.Text, "django") && !strings.Contains(t.f.Text, "rest_framework") {
		return false
	}
	return slices.ContainsFunc(t.m.Top.Imports(), func(ref string) bool {
		return slices.ContainsFunc(views, func(v string) bool { return ref == v || strings.HasPrefix(ref, v+".") })
	})
}

// websOf are the classes of frameworks that a class derives from, also through others of
// its file.
func (t *tracer) websOf(class *pysrc.Scope, depth int) (out []*web) {
	if list, ok := t.web[class]; ok || depth > mostTurns {
		return list
	}
	t.web[class] = nil // for a class that derives from itself
	for _, b := range class.Class.Bases[:min(len(class.Class.Bases), mostEntries)] {
		for _, v := range t.m.Eval(b, class.Parent) {
			switch v.Kind {
			case pysrc.Ref:
				for i := range webs {
					if slices.ContainsFunc(webs[i].bases, func(p string) bool { return strings.HasPrefix(v.Name, p) }) {
						out = append(out, &webs[i])
					}
				}
			case pysrc.Class:
				out = append(out, t.websOf(v.Def, depth+1)...)
			default:
			}
		}
	}
	out = out[:min(len(out), mostEntries)]
	t.web[class] = out
	return out
}

// views reports whether a function is one that answers requests, by its class or by what
// decorates it.
func (t *tracer) views(fn *pysrc.Scope) bool {
	for _, d := range fn.Func.Decorators {
		if c, ok := d.(*pysrc.Call); ok {
			d = c.Func
		}
		if slices.ContainsFunc(t.m.Names(d, fn.Parent), func(n string) bool {
			return slices.ContainsFunc(viewDecorators, func(p string) bool { return strings.HasPrefix(n, p) })
		}) {
			return true
		}
	}
	return fn.Parent.Kind == pysrc.ClassScope && slices.ContainsFunc(t.websOf(fn.Parent, 0), func(w *web) bool { return slices.Contains(w.methods, fn.Func.Name) })
}

// asks reports whether a parameter is a request by its name, in a file that is about them.
func (t *tracer) asks(p string, at int, fn *pysrc.Scope) bool {
	switch {
	case p == "request":
		return t.viewFile || at == 1 && strings.HasSuffix(t.baseNames(fn), "Servicer") // of gRPC
	case fn.Parent.Kind == pysrc.ClassScope && at != 2 && strings.HasPrefix(fn.Func.Name, "on_") && slices.Contains(verbs, fn.Func.Name[3:]):
		return strings.Contains(t.f.Text, "falcon") && len(fn.Params.Plain) > 2
	}
	return false
}

// baseNames is the end of the name of the first class that a method's class derives from.
func (t *tracer) baseNames(fn *pysrc.Scope) string {
	if fn.Parent.Kind != pysrc.ClassScope || len(fn.Parent.Class.Bases) == 0 {
		return ""
	}
	return t.f.Source(fn.Parent.Class.Bases[0])
}

// carried is what an attribute of an object that answers requests brings: self.request.
func (t *tracer) carried(class *pysrc.Scope, e *pysrc.Attribute) []label {
	if class == nil || !slices.ContainsFunc(t.websOf(class, 0), func(w *web) bool { return slices.Contains(w.carries, e.Attr) }) {
		return nil
	}
	return t.source(fromRequest, "what a request brings ("+t.shown(e)+")", e)
}

// handedOut is what a method of such an object gives: self.get_argument("model"). The
// class may derive from one of another file.
func (t *tracer) handedOut(a *pysrc.Attribute, s *pysrc.Scope, e *pysrc.Call) []label {
	n, ok := a.Value.(*pysrc.Name)
	if !ok {
		return nil
	}
	class := s.Self(n.ID)
	if class == nil {
		return nil
	}
	asks := slices.ContainsFunc(t.websOf(class, 0), func(w *web) bool { return slices.Contains(w.calls, a.Attr) })
	if !asks && !(strings.Contains(t.f.Text, "tornado") && slices.Contains(tornadoCalls, a.Attr)) {
		return nil
	}
	return t.source(fromRequest, "what a request brings ("+t.shown(a)+")", e)
}

// notTheirs reports whether an expression is a part of a request that its sender does not
// decide, such as request.user.
func notTheirs(e *pysrc.Attribute) bool {
	if !slices.Contains(ours, e.Attr) {
		return false
	}
	switch v := e.Value.(type) {
	case *pysrc.Name:
		return v.ID == "request" || v.ID == "req"
	case *pysrc.Attribute:
		return v.Attr == "request"
	}
	return false
}

// served marks the parameters of functions that a framework is told to call with requests.
func (t *tracer) served() {
	for _, c := range t.m.Calls {
		for _, s := range serving {
			if !c.Is(s.names...) && (c.Method() == "" || !slices.Contains(s.methods, c.Method())) {
				continue
			}
			args, _ := c.Arg(s.position, s.keyword)
			for _, a := range args {
				t.serve(c, a)
			}
		}
	}
}

// serve marks the parameters of one such function: those of the file, and those of
// others when all files are put together.
func (t *tracer) serve(c *pysrc.Invocation, a pysrc.Arg) {
	name, methods := a.Expr, []string(nil)
	if call, ok := name.(*pysrc.Call); ok { // views.Load.as_view()
		m, ok := call.Func.(*pysrc.Attribute)
		if !ok || m.Attr != "as_view" {
			return
		}
		name, methods = m.Value, verbs
	}
	for _, v := range t.m.Eval(name, a.Scope) {
		switch {
		case v.Kind == pysrc.Function && methods == nil:
			i, ok := t.fns[v.Def]
			if !ok {
				continue
			}
			t.serves = true
			params := v.Def.Params.All()
			for at, p := range t.out.routines[i].params {
				if (at > 0 || v.Def.Parent.Kind != pysrc.ClassScope) && t.marked(params[at], v.Def.Parent) == nil && p != "writer" && !converted(p, t.routesIn(c.Node, c.Scope)) {
					t.enters(v.Def, p, fromRequest, fmt.Sprintf("%s, which a request brings to %s", p, v.Def.Title()))
				}
			}
		case v.Kind == pysrc.Ref:
			if methods == nil {
				t.calledWith(c, a, v.Name, false)
			}
			for _, m := range methods {
				t.calledWith(c, a, v.Name+"."+m, true)
			}
		}
	}
}

// mostServed is how many arguments a view of another file is taken to have.
const mostServed = 8

// calledWith keeps that a framework calls a function of another file with a request.
func (t *tracer) calledWith(c *pysrc.Invocation, a pysrc.Arg, name string, bound bool) {
	ref := ofProject(name)
	if ref == "" || len(t.out.passings) >= mostPassings {
		return
	}
	p := &passing{refs: []string{t.word(ref)}, fn: t.fns[c.Scope.Function()], bound: bound, spot: t.spot(c.Node), shown: strings.Clone(t.shown(c.Node))}
	p.asks = c.Is("fastapi.routing.APIRoute") || c.Method() == "add_api_route"
	brings := t.source(fromRequest, "what a request brings to "+t.shown(a.Expr), a.Expr)
	for i := range mostServed {
		p.args = append(p.args, argument{position: i, labels: brings})
	}
	p.args = append(p.args, argument{position: -1, name: "**", labels: brings})
	t.out.passings = append(t.out.passings, p)
}
