package code

import (
	"slices"
	"strings"

	"github.com/andiron-dev/andiron/internal/pysrc"
)

// chained are methods of a module that give the module itself.
var chained = []string{
	"to", "eval", "train", "cuda", "cpu", "half", "float", "double", "bfloat16", "requires_grad_", "share_memory", "compile", "type",
	"apply", "to_empty", "xpu", "forward", "module",
}

// wrapping are functions that put something around a module, and whose first argument
// it is.
var wrapping = []string{
	"torch.compile", "torch.jit.script", "torch.jit.trace", "torch.jit.freeze", "torch.jit.optimize_for_inference", "copy.copy", "copy.deepcopy",
	"torch.nn.DataParallel", "torch.nn.parallel.DataParallel", "torch.nn.parallel.DistributedDataParallel", "torch.nn.Sequential",
	"torch.quantization.quantize_dynamic", "torch.ao.quantization.quantize_dynamic", "andiron.guard",
}

// origins says what an expression may have been made by.
func (x *collector) origins(e pysrc.Expr, s *pysrc.Scope) (out []origin) {
	x.steps = originSteps
	x.trace(e, s, 0, func(o origin) {
		if len(out) < mostOrigins && !slices.Contains(out, o) {
			out = append(out, o)
		}
	})
	return out
}

func (x *collector) trace(e pysrc.Expr, s *pysrc.Scope, depth int, found func(origin)) { // one case per expression
	x.steps--
	x.left--
	if x.left < 0 {
		x.cut = true
	}
	if e == nil || x.steps < 0 || x.left < 0 || depth > mostDepth {
		return
	}
	depth++
	switch e := e.(type) {
	case *pysrc.Name:
		x.traceName(e, s, depth, found)
	case *pysrc.Attribute:
		if n, ok := e.Value.(*pysrc.Name); ok {
			if class := s.Self(n.ID); class != nil {
				x.traceBindings(class.Attributes(e.Attr), depth, found)
			}
		}
		if slices.Contains(chained, e.Attr) {
			x.trace(e.Value, s, depth, found)
		}
	case *pysrc.Call:
		x.traceCall(e, s, depth, found)
	case *pysrc.IfExpr:
		x.trace(e.Body, s, depth, found)
		x.trace(e.Else, s, depth, found)
	case *pysrc.Bool:
		for _, part := range e.Values {
			x.trace(part, s, depth, found)
		}
	case *pysrc.Walrus:
		x.trace(e.Value, s, depth, found)
	case *pysrc.Await:
		x.trace(e.Value, s, depth, found)
	}
}

func (x *collector) traceName(e *pysrc.Name, s *pysrc.Scope, depth int, found func(origin)) {
	if class := s.Self(e.ID); class != nil {
		found(origin{x.local(class), -1})
		return
	}
	owner := s.Owner(e.ID)
	if owner == nil {
		return
	}
	x.traceBindings(owner.Bindings(e.ID), depth, found)
	if owner.Func != nil {
		x.traceParam(owner, e.ID, depth, found)
	}
}

func (x *collector) traceBindings(list []pysrc.Binding, depth int, found func(origin)) {
	for _, b := range list {
		if x.steps < 0 {
			return
		}
		if b.Kind == pysrc.Assigned || b.Kind == pysrc.Entered {
			x.trace(b.Value, b.Scope, depth, found)
		}
	}
}

// traceParam follows a parameter to what the calls within the file pass for it.
func (x *collector) traceParam(fn *pysrc.Scope, name string, depth int, found func(origin)) {
	if len(x.callers[fn]) == 0 {
		return
	}
	x.left -= len(fn.Params.Plain) + len(fn.Params.KwOnly)
	at := slices.IndexFunc(fn.Params.All(), func(p *pysrc.Param) bool { return p.Name == name })
	if at < 0 {
		return
	}
	for _, c := range x.callers[fn] {
		x.steps--
		if x.left -= len(c.Node.Args) + len(c.Node.Keywords); x.steps < 0 || x.left < 0 {
			return
		}
		first := 0
		if fn.Parent.Kind == pysrc.ClassScope && c.Method() != "" && !has(fn.Func, "staticmethod") {
			first = 1
		}
		args, _ := c.Arg(at-first, name)
		for _, a := range args {
			x.trace(a.Expr, a.Scope, depth, found)
		}
	}
}

func (x *collector) traceCall(e *pysrc.Call, s *pysrc.Scope, depth int, found func(origin)) {
	if a, ok := e.Func.(*pysrc.Attribute); ok && slices.Contains(chained, a.Attr) {
		x.trace(a.Value, s, depth, found)
	}
	for _, ref := range x.callee(e, s) {
		if slices.Contains(wrapping, ref) || mayCheck(ref) {
			for i, arg := range e.Args {
				if i == 0 || ref == "torch.nn.Sequential" {
					x.trace(arg, s, depth, found)
				}
			}
			for i := range e.Keywords {
				if n := e.Keywords[i].Name; n == "model" || n == "module" {
					x.trace(e.Keywords[i].Value, s, depth, found)
				}
			}
		}
		if ref != "" && !strings.HasSuffix(ref, ")") {
			found(origin{ref, e.Start})
		}
	}
	if inner, ok := e.Func.(*pysrc.Call); ok { // andiron.validate(...)(model)
		for _, ref := range x.refs(inner.Func, s) {
			if mayCheck(ref) && len(e.Args) > 0 {
				x.trace(e.Args[0], s, depth, found)
			}
		}
	}
}

// callee is what a call calls; cls() makes an object of its class.
func (x *collector) callee(e *pysrc.Call, s *pysrc.Scope) []string {
	if n, ok := e.Func.(*pysrc.Name); ok {
		if class := s.Self(n.ID); class != nil {
			return []string{x.local(class)}
		}
	}
	return x.refs(e.Func, s)
}

// foreign are packages that hold no code of the project.
var foreign = map[string]bool{
	"__future__": true, "abc": true, "argparse": true, "array": true, "ast": true, "asyncio": true, "base64": true, "bisect": true, "builtins": true,
	"bz2": true, "collections": true, "concurrent": true, "configparser": true, "contextlib": true, "copy": true, "csv": true, "ctypes": true,
	"dataclasses": true, "datetime": true, "decimal": true, "difflib": true, "dis": true, "email": true, "enum": true, "errno": true, "fnmatch": true,
	"fractions": true, "functools": true, "gc": true, "getpass": true, "glob": true, "gzip": true, "hashlib": true, "heapq": true, "hmac": true,
	"html": true, "http": true, "importlib": true, "inspect": true, "io": true, "ipaddress": true, "itertools": true, "json": true, "keyword": true,
	"linecache": true, "locale": true, "logging": true, "lzma": true, "math": true, "mimetypes": true, "mmap": true, "multiprocessing": true,
	"numbers": true, "operator": true, "os": true, "pathlib": true, "pickle": true, "pkgutil": true, "pprint": true, "random": true, "re": true,
	"reprlib": true, "sched": true, "shlex": true, "shutil": true, "socket": true, "sqlite3": true, "ssl": true, "stat": true, "string": true,
	"struct": true, "subprocess": true, "sys": true, "sysconfig": true, "tarfile": true, "tempfile": true, "textwrap": true, "threading": true,
	"time": true, "timeit": true, "tomllib": true, "traceback": true, "typing": true, "unicodedata": true, "unittest": true, "urllib": true,
	"uuid": true, "warnings": true, "weakref": true, "xml": true, "zipfile": true, "zlib": true, "numpy": true, "pandas": true, "scipy": true,
	"matplotlib": true, "PIL": true, "cv2": true, "sklearn": true, "tqdm": true, "pytest": true, "yaml": true, "requests": true,
	"typing_extensions": true, "torch": true,
}

// defaults notes the classes that a function takes where it is given no others.
func (x *collector) defaults(s *pysrc.Scope) {
	for _, p := range s.Params.All() {
		n, ok := p.Default.(*pysrc.Name)
		if !ok || !x.named[n.ID] && !x.imports[n.ID] {
			continue
		}
		if list := x.projectRefs(p.Default, s.Parent); len(list) > 0 && len(x.out.handed) < mostSites {
			x.out.handed = append(x.out.handed, handed{classes: list, spot: x.spot(n), in: x.enclosing(s)})
		}
	}
}

func (x *collector) projectRefs(e pysrc.Expr, s *pysrc.Scope) []string {
	return slices.DeleteFunc(x.refs(e, s), func(r string) bool { return !x.ofProject(r) })
}

// ofProject reports whether a reference may be to something in the project.
func (x *collector) ofProject(ref string) bool {
	if ref == "" || strings.HasSuffix(ref, ")") || strings.Contains(ref, "().") {
		return false
	}
	if ref[0] == '#' {
		return true
	}
	top, _, dotted := strings.Cut(ref, ".")
	return dotted && !foreign[top]
}

// lasts leaves out what nothing in the project can have made.
func (x *collector) lasts(list []origin) []origin {
	return slices.DeleteFunc(list, func(o origin) bool { return !x.ofProject(o.ref) && !isElsewhere(o.ref) })
}

// call notes what is made, handed on, guarded and used by a call.
func (x *collector) call(c *pysrc.Invocation) {
	var refs []string
	keep := func(ref string, makes bool) {
		if x.ofProject(ref) {
			refs = append(refs, ref)
			x.site(c, ref, makes || mayConstruct(ref) || isElsewhere(ref))
		} else if isElsewhere(ref) {
			x.site(c, x.word(ref), true)
		}
	}
	for _, n := range c.Names {
		if strings.Contains(n, ".") {
			keep(x.word(n), false)
		}
	}
	for _, d := range c.Defs {
		keep(x.local(d), d.Class != nil)
	}
	if n, ok := c.Node.Func.(*pysrc.Name); ok && len(c.Names)+len(c.Defs) == 0 && !c.Deferred {
		if class := c.Scope.Self(n.ID); class != nil {
			keep(x.local(class), true)
		}
	}
	x.guarding(c, refs)
	x.checking(c, refs)
	x.used(c)
	x.hand(c, refs)
}

// site keeps a call, once where it makes nothing itself.
func (x *collector) site(c *pysrc.Invocation, ref string, makes bool) {
	s := site{ref: ref, at: c.Node.Start, in: x.enclosing(c.Scope)}
	if k := (familiar{ref, s.in}); !makes {
		if x.known[k] {
			return
		}
		x.known[k] = true
	}
	if len(x.out.sites) >= mostSites {
		x.cut = true
		return
	}
	if makes || x.out.server != "" {
		s.spot = x.spot(c.Node)
	}
	x.out.sites = append(x.out.sites, s)
}

// looksOnly are functions that are given classes and make nothing of them.
var looksOnly = map[string]bool{
	"isinstance": true, "issubclass": true, "super": true, "type": true, "print": true, "repr": true, "hasattr": true, "getattr": true, "typing.cast": true,
}

// hand notes the classes and the models among the arguments of a call.
func (x *collector) hand(c *pysrc.Invocation, to []string) {
	if len(c.Names) == 1 && looksOnly[c.Names[0]] {
		return
	}
	h := handed{to: to}
	constructs := slices.ContainsFunc(to, mayConstruct) || len(to) > 0 && x.named[title(c)]
	note := func(e pysrc.Expr, s *pysrc.Scope) {
		if n, ok := e.(*pysrc.Name); ok && (x.named[n.ID] || x.imports[n.ID]) {
			h.classes = append(h.classes, x.projectRefs(e, s)...)
		}
		if constructs {
			h.made = append(h.made, x.lasts(x.origins(e, s))...)
		}
	}
	for _, a := range c.Positional() {
		note(a.Expr, a.Scope)
	}
	for i := range c.Node.Keywords {
		note(c.Node.Keywords[i].Value, c.Scope)
	}
	if len(h.classes) == 0 && len(h.made) == 0 {
		return
	}
	if len(x.out.handed) >= mostSites {
		x.cut = true
		return
	}
	h.spot, h.in = x.spot(c.Node), x.enclosing(c.Scope)
	x.out.handed = append(x.out.handed, h)
}

func title(c *pysrc.Invocation) string {
	if n, ok := c.Node.Func.(*pysrc.Name); ok {
		return n.ID
	}
	return ""
}

// mayConstruct reports whether a dotted name ends as names of classes do.
func mayConstruct(ref string) bool {
	last := ref[strings.LastIndexByte(ref, '.')+1:]
	return last != "" && last[0] >= 'A' && last[0] <= 'Z'
}

// guarding notes a call that may put a guard around a model.
func (x *collector) guarding(c *pysrc.Invocation, refs []string) {
	var k check
	var made []pysrc.Arg
	if inner, ok := c.Node.Func.(*pysrc.Call); ok { // andiron.validate(...)(model)
		if k, ok = x.check(inner, c.Scope); !ok {
			return
		}
		made = c.Positional()
	} else {
		k.refs = slices.DeleteFunc(slices.Clone(refs), func(r string) bool { return !strings.HasSuffix(r, ".guard") })
		if len(k.refs) == 0 || c.Partial {
			return
		}
		k.where = x.place(c.Node)
		if args, _ := c.Arg(1, "schema"); len(args) > 0 {
			k.schema = x.schema(args[0].Expr, args[0].Scope)
		}
		mode, ok := x.text(c, -1, "mode")
		k.inactive = ok && mode == "shadow"
		made, _ = c.Arg(0, "model")
	}
	if len(x.out.guards) >= mostUses {
		x.cut = true
		return
	}
	g := guard{check: k}
	for _, a := range made[:min(len(made), 1)] {
		g.made = x.origins(a.Expr, a.Scope)
	}
	x.out.guards = append(x.out.guards, g)
}

// checking notes a call that holds training data against a schema.
func (x *collector) checking(c *pysrc.Invocation, refs []string) {
	for place, name := range []string{".checked_collate", ".checked_dataset"} {
		k := check{refs: slices.DeleteFunc(slices.Clone(refs), func(r string) bool { return !strings.HasSuffix(r, name) }), where: x.place(c.Node)}
		if len(k.refs) == 0 || c.Partial {
			continue
		}
		if len(x.out.data) >= mostUses {
			x.cut = true
			return
		}
		if args, _ := c.Arg(place, "schema"); len(args) > 0 {
			k.schema = x.schema(args[0].Expr, args[0].Scope)
		}
		x.out.data = append(x.out.data, k)
	}
}

// exports are calls that write a model down or turn it into a program.
var exports = []string{
	"torch.jit.script", "torch.jit.trace", "torch.jit.save", "torch.export.export", "torch.export.save", "torch.onnx.export", "torch.save",
	"torch.package.PackageExporter", "mlflow.pytorch.log_model", "mlflow.pytorch.save_model", "safetensors.torch.save_model",
}

// used notes what shows a model to be put to use.
func (x *collector) used(c *pysrc.Invocation) {
	u := use{}
	switch {
	case c.Is(exports...):
		if args := c.Positional(); len(args) > 0 {
			u.what, u.made = "is exported", x.origins(args[0].Expr, args[0].Scope)
		}
	case c.Method() == "load_state_dict", c.Method() == "to_torchscript", c.Method() == "to_onnx":
		a, _ := c.Node.Func.(*pysrc.Attribute)
		u.what, u.made = "is exported", x.origins(a.Value, c.Scope)
		if c.Method() == "load_state_dict" {
			u.what = "is given weights"
		}
	}
	if len(u.made) == 0 {
		return
	}
	if len(x.out.uses) >= mostUses {
		x.cut = true
		return
	}
	u.where = x.place(c.Node)
	x.out.uses = append(x.out.uses, u)
}

// elsewhere are functions that give a model whose forward() is not in the project.
var elsewhere = []string{
	"torch.jit.load", "andiron.jit_load", "torch.export.load", "torch.hub.load", "timm.create_model", "mlflow.pytorch.load_model",
	"segmentation_models_pytorch.create_model", "sentence_transformers.SentenceTransformer", "transformers.pipeline",
}

func isElsewhere(ref string) bool {
	if strings.Contains(ref, "(") { // a method of one
		return false
	}
	if slices.Contains(elsewhere, ref) {
		return true
	}
	if name, ok := strings.CutSuffix(ref, ".from_pretrained"); ok {
		last := name[strings.LastIndexByte(name, '.')+1:]
		return slices.ContainsFunc(libraries, func(l string) bool { return strings.HasPrefix(ref, l) }) &&
			(strings.Contains(last, "Model") || strings.Contains(last, "For"))
	}
	last, ok := strings.CutPrefix(ref, "torchvision.models.")
	if i := strings.LastIndexByte(last, '.'); i >= 0 {
		last = last[i+1:]
	}
	return ok && last != "" && last[0] >= 'a' && last[0] <= 'z' && last != "get_weight" && last != "list_models"
}
