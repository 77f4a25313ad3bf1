package code

import (
	"fmt"
	"slices"
	"strings"

	"github.com/andiron-dev/andiron/internal/pysrc"
)

// sourceKind says who decides on what comes in; a lower one is worse.
type sourceKind byte

const (
	fromRequest  sourceKind = iota // whoever sends a request, or uploads a file
	fromDownload                   // whoever serves an address
	fromFile                       // whoever made a file that was loaded
	fromUser                       // whoever starts the program
)

// frameworks make objects whose methods decorate the functions that serve requests.
var frameworks = []string{
	"fastapi.FastAPI()", "fastapi.APIRouter()", "fastapi.routing.APIRouter()", "flask.Flask()", "flask.Blueprint()", "quart.Quart()",
	"quart.Blueprint()", "starlette.applications.Starlette()", "sanic.Sanic()", "sanic.Blueprint()", "bottle.Bottle()",
	"aiohttp.web.RouteTableDef()", "litestar", "bottle", "robyn.Robyn()", "bentoml.Service()", "bentoml",
}

var routes = []string{"get", "post", "put", "patch", "delete", "route", "websocket", "api_route", "api"}

// requests are types of parameters that a request fills.
var requests = []string{
	"fastapi.UploadFile", "starlette.datastructures.UploadFile", "fastapi.Request", "starlette.requests.Request", "fastapi.File", "aiohttp.web.Request",
	"django.http.HttpRequest", "werkzeug.datastructures.FileStorage", "fastapi.datastructures.UploadFile",
}

// handlers are methods that a server calls with what a request brings, by what their
// class derives from or is decorated by, or is called.
var handlers = []struct {
	base    string // a part of its dotted name
	methods []string
}{
	{"ts.torch_handler.", []string{"handle", "preprocess"}},
	{"BaseHandler", []string{"handle", "preprocess"}},
	{"kserve.", []string{"preprocess", "predict"}},
	{"litserve.LitAPI", []string{"decode_request"}},
	{"mlserver.MLModel", []string{"predict"}},
	{"TritonPythonModel", []string{"execute"}},
	{"ray.serve.deployment", []string{"__call__"}},
}

// commands decorate the functions that a command line fills.
var commands = []string{
	"click.command", "click.option", "click.argument", "typer.Typer().command", "click.group().command", "hydra.main", "hydra.main.main", "typer.command",
}

// entry marks the parameters that a request or the command line fills.
func (t *tracer) entry(fn *pysrc.Scope, i int) {
	handler := slices.ContainsFunc(fn.Func.Decorators, func(d pysrc.Expr) bool { return t.routed(d, fn) }) || t.handles(fn) || t.views(fn)
	t.serves = t.serves || handler
	command := slices.ContainsFunc(fn.Func.Decorators, func(d pysrc.Expr) bool { return t.commands(d, fn) })
	for at, p := range t.out.routines[i].params {
		if at == 0 && fn.Parent.Kind == pysrc.ClassScope {
			continue
		}
		param := fn.Params.All()[at]
		mark := t.fills(i, at, param, fn)
		switch {
		case mark != nil:
			if call := t.passingOf(mark); call >= 0 {
				t.mark(variable{fn, p}, label{ofPassing, 0, call})
			}
		case (handler || command) && t.few(param, fn):
		case handler && p == "context" && fn.Func.Name != "predict": // of TorchServe, Lambda and Triton: what the server says of itself
		case handler || t.requested(param, fn) || t.asks(p, at, fn):
			t.enters(fn, p, fromRequest, fmt.Sprintf("%s, which a request brings to %s", p, fn.Title()))
			t.made(fn, param, handler)
		case command:
			t.enters(fn, p, fromUser, fmt.Sprintf("%s, which the command line gives to %s", p, fn.Title()))
		}
	}
}

// fills notes whether a framework that calls a function fills a parameter of it with what no
// request brings, and gives the mark of the dependency that does, or nil.
func (t *tracer) fills(i, at int, p *pysrc.Param, fn *pysrc.Scope) *pysrc.Call {
	r := t.out.routines[i]
	mark := t.marked(p, fn.Parent)
	if mark != nil || t.bounded(p.Annotation, fn.Parent, 0) {
		r.own = append(r.own, at)
	} else if ref := t.typeElsewhere(p, fn.Parent); ref != "" {
		if r.typed == nil {
			r.typed = map[int]string{}
		}
		r.typed[at] = ref
	}
	return mark
}

func (t *tracer) enters(fn *pysrc.Scope, name string, kind sourceKind, text string) {
	labels := t.source(kind, text, pysrc.Span{Start: fn.Func.NameAt, End: fn.Func.NameAt})
	r := t.out.routines[t.fns[fn]]
	for _, l := range labels {
		t.out.sources[l.at].typed = r.typed[slices.Index(r.params, name)]
	}
	t.mark(variable{fn, name}, labels...)
}

// made notes the class of which a framework makes a parameter that it fills.
func (t *tracer) made(fn *pysrc.Scope, p *pysrc.Param, handler bool) {
	if !handler || !t.enforces(fn) {
		return
	}
	ref := t.classOf(p.Annotation, fn.Parent)
	for _, l := range t.from[variable{fn, p.Name}] {
		if l.kind == ofSource {
			t.out.sources[l.at].model = ref
		}
	}
}

// source is the label of something that comes in at a node.
func (t *tracer) source(kind sourceKind, text string, n pysrc.Node) []label {
	return t.keep(source{kind: kind, text: t.word(text), spot: t.spot(n)})
}

// keep is the label of a source.
func (t *tracer) keep(s source) []label {
	at, ok := t.said[s]
	if !ok {
		if len(t.out.sources) >= mostSources {
			return nil
		}
		at = len(t.out.sources)
		t.said[s] = at
		t.out.sources = append(t.out.sources, s)
	}
	return []label{{ofSource, 0, at}}
}

// routed reports whether a decorator makes a function serve requests.
func (t *tracer) routed(d pysrc.Expr, fn *pysrc.Scope) bool {
	if c, ok := d.(*pysrc.Call); ok {
		d = c.Func
	}
	for _, name := range t.m.Names(d, fn.Parent) { // app.post, and post of litestar
		i := strings.LastIndexByte(name, '.')
		if i > 0 && slices.Contains(routes, name[i+1:]) && slices.Contains(frameworks, name[:i]) {
			return true
		}
	}
	a, ok := d.(*pysrc.Attribute)
	if !ok || !slices.Contains(routes, a.Attr) {
		return false
	}
	base, ok := a.Value.(*pysrc.Name)
	return ok && slices.Contains([]string{"app", "router", "blueprint", "bp", "routes"}, base.ID) && a.Attr != "get" && a.Attr != "api"
}

// handles reports whether a server calls a method with what a request brings.
func (t *tracer) handles(fn *pysrc.Scope) bool {
	class := fn.Parent
	if class.Kind != pysrc.ClassScope {
		return slices.Contains([]string{"lambda_handler", "input_fn"}, fn.Func.Name) && class.Kind == pysrc.ModuleScope
	}
	for _, h := range handlers {
		if !slices.Contains(h.methods, fn.Func.Name) {
			continue
		}
		if class.Class.Name == h.base {
			return true
		}
		for _, b := range slices.Concat(class.Class.Bases, class.Class.Decorators) {
			if c, ok := b.(*pysrc.Call); ok {
				b = c.Func
			}
			if slices.ContainsFunc(t.m.Names(b, class.Parent), func(n string) bool { return strings.Contains(n, h.base) }) {
				return true
			}
		}
	}
	return false
}

// commands reports whether a decorator makes a function one that a command line fills.
func (t *tracer) commands(d pysrc.Expr, fn *pysrc.Scope) bool {
	if c, ok := d.(*pysrc.Call); ok {
		d = c.Func
	}
	return slices.ContainsFunc(t.m.Names(d, fn.Parent), func(n string) bool { return slices.Contains(commands, n) })
}

func (t *tracer) requested(p *pysrc.Param, fn *pysrc.Scope) (yes bool) {
	for _, e := range []pysrc.Expr{p.Annotation, p.Default} {
		if e == nil {
			continue
		}
		pysrc.Walk(e, func(e pysrc.Expr) bool {
			switch e.(type) {
			case *pysrc.Name, *pysrc.Attribute:
				yes = yes || slices.ContainsFunc(t.m.Names(e, fn.Parent), func(n string) bool { return slices.Contains(requests, n) })
			}
			return !yes
		})
	}
	return yes
}

// interfaces are the functions of Gradio that call another with what a user gives, and
// methods of its parts that do.
var (
	onEvents   = []string{"gradio.on", "gradio.events.on", "gradio.render"}
	interfaces = []string{"gradio.Interface", "gradio.ChatInterface", "gradio.interface.Interface"}
	events     = []string{"click", "submit", "change", "upload", "input", "select"}
)

// filled marks the parameters of functions that Gradio, Fire or Abseil is given.
func (t *tracer) filled() {
	gradio := strings.Contains(t.f.Text, "gradio")
	lambdas := map[*pysrc.Params]sourceKind{}
	for _, c := range t.m.Calls {
		kind, who, position := fromRequest, "a user of the page", 0
		switch {
		case c.Is(interfaces...), gradio && slices.Contains(events, c.Method()):
		case c.Is(onEvents...):
			position = 1
		case c.Is("fire.Fire", "typer.run", "absl.app.run"):
			kind, who = fromUser, "the command line"
		default:
			continue
		}
		args, _ := c.Arg(position, "fn")
		for _, a := range args {
			if l, ok := a.Expr.(*pysrc.Lambda); ok {
				lambdas[l.Params] = kind
			}
			for _, v := range t.m.Eval(a.Expr, a.Scope) {
				if v.Kind == pysrc.Function {
					t.fillsAll(v.Def, kind, who, c.Is("typer.run"))
				}
			}
		}
	}
	if len(lambdas) > 0 {
		t.filledLambdas(lambdas)
	}
	if !gradio {
		return
	}
	for _, fn := range t.scopes[1:] {
		if slices.ContainsFunc(fn.Func.Decorators, func(d pysrc.Expr) bool { return t.isEvent(d, fn.Parent) }) {
			t.fillsAll(fn, fromRequest, "a user of the page", false)
		}
	}
}

// fillsAll marks the parameters of one such function.
func (t *tracer) fillsAll(fn *pysrc.Scope, kind sourceKind, who string, typed bool) {
	i, ok := t.fns[fn]
	if !ok {
		return
	}
	params := fn.Params.All()
	for at, p := range t.out.routines[i].params {
		if (at > 0 || fn.Parent.Kind != pysrc.ClassScope) && !(typed && t.bounded(params[at].Annotation, fn.Parent, 0)) {
			t.enters(fn, p, kind, fmt.Sprintf("%s, which %s gives to %s", p, who, fn.Title()))
		}
	}
}

// filledLambdas marks those of lambdas, by their parameters.
func (t *tracer) filledLambdas(lambdas map[*pysrc.Params]sourceKind) {
	t.m.Top.Each(func(s *pysrc.Scope) {
		kind, ok := lambdas[s.Params]
		if s.Kind != pysrc.LambdaScope || !ok {
			return
		}
		for _, p := range s.Params.All() {
			t.mark(variable{s, t.word(p.Name)}, t.source(kind, p.Name+", which a lambda is called with", p)...)
		}
	})
}

// isEvent reports whether a decorator has a part of Gradio call a function: @box.submit().
func (t *tracer) isEvent(d pysrc.Expr, s *pysrc.Scope) bool {
	c, ok := d.(*pysrc.Call)
	if !ok {
		return false
	}
	names := t.m.Names(c.Func, s)
	if slices.ContainsFunc(names, func(n string) bool { return slices.Contains(onEvents, n) }) {
		return true
	}
	a, ok := c.Func.(*pysrc.Attribute)
	return ok && slices.Contains(events, a.Attr)
}

// passes are functions whose result holds what they are given.
var passes = []string{
	"io.BytesIO", "io.StringIO", "io.BufferedReader", "bytes", "bytearray", "memoryview", "str", "open", "io.open", "aiofiles.open",
	"pathlib.Path", "pathlib.PurePath", "os.fspath", "os.path.join", "os.path.abspath", "os.path.normpath", "os.path.realpath",
	"os.path.expanduser", "os.path.expandvars", "os.path.basename", "os.path.dirname", "base64.b64decode", "base64.urlsafe_b64decode", "base64.standard_b64decode", "base64.b32decode", "base64.b32hexdecode", "base64.b16decode",
	"base64.b85decode", "base64.a85decode", "base64.z85decode", "base64.decodebytes", "binascii.a2b_base64", "binascii.a2b_hex", "gzip.decompress", "gzip.open",
	"zlib.decompress", "bz2.decompress", "bz2.open", "lzma.decompress", "lzma.open", "binascii.unhexlify", "bytes.fromhex", "urllib.parse.unquote",
	"sorted", "list", "tuple", "reversed", "glob.glob", "glob.iglob", "vars", "copy.copy", "copy.deepcopy", "fsspec.open", "smart_open.open",
	"zipfile.ZipFile", "tarfile.open", "json.loads", "next", "iter", "enumerate", "zip",
	"dict", "set", "frozenset", "collections.OrderedDict", "collections.defaultdict", "collections.deque", "types.SimpleNamespace", "filter",
}

// opaque are methods whose result nobody chooses who chooses what it is made of.
var opaque = []string{"hexdigest", "digest"}

// lookups are methods that give an item by its key, or else their second argument.
var lookups = []string{"get", "pop", "setdefault"}

// joins are methods whose result holds their arguments as well.
var joins = []string{"format", "join", "joinpath", "with_name", "with_suffix"}

// brings are dotted names that hold what comes from outside, or begin those that do.
var brings = []struct {
	prefix string
	kind   sourceKind
	text   string
}{
	{"flask.request", fromRequest, "what a request brings"},
	{"quart.request", fromRequest, "what a request brings"},
	{"bottle.request", fromRequest, "what a request brings"},
	{"triton_python_backend_utils.get_input_tensor_by_name()", fromRequest, "what a request brings"},
	{"streamlit.query_params", fromRequest, "what a request brings"},
	{"sys.argv", fromUser, "the command line"},
	{"os.environ", fromUser, "an environment variable"},
	{"absl.flags.FLAGS", fromUser, "the command line"},
}

// gifts are functions that give what comes from outside.
var gifts = map[string]struct {
	kind sourceKind
	text string
}{
	"streamlit.file_uploader":                            {fromRequest, "what a user uploads"},
	"streamlit.camera_input":                             {fromRequest, "what a user uploads"},
	"streamlit.text_input":                               {fromRequest, "what a user of the page types in"},
	"streamlit.text_area":                                {fromRequest, "what a user of the page types in"},
	"streamlit.chat_input":                               {fromRequest, "what a user of the page types in"},
	"streamlit.experimental_get_query_params":            {fromRequest, "what a request brings"},
	"flask_restful.reqparse.RequestParser().parse_args":  {fromRequest, "what a request brings"},
	"flask_restx.reqparse.RequestParser().parse_args":    {fromRequest, "what a request brings"},
	"socket.socket().recv":                               {fromRequest, "what comes over the network"},
	"socket.socket().recvfrom":                           {fromRequest, "what comes over the network"},
	"socket.socket().makefile":                           {fromRequest, "what comes over the network"},
	"socket.socket().accept":                             {fromRequest, "what comes over the network"},
	"socket.create_server().accept":                      {fromRequest, "what comes over the network"},
	"socket.create_connection().recv":                    {fromRequest, "what comes over the network"},
	"socket.create_connection().makefile":                {fromRequest, "what comes over the network"},
	"asyncio.open_connection":                            {fromRequest, "what comes over the network"},
	"input":                                              {fromUser, "what is typed in"},
	"os.getenv":                                          {fromUser, "an environment variable"},
	"os.environ.get":                                     {fromUser, "an environment variable"},
	"environs.Env().__call__":                            {fromUser, "an environment variable"},
	"environs.Env().str":                                 {fromUser, "an environment variable"},
	"environs.Env().path":                                {fromUser, "an environment variable"},
	"environs.Env().list":                                {fromUser, "an environment variable"},
	"docopt.docopt":                                      {fromUser, "the command line"},
	"tyro.cli":                                           {fromUser, "the command line"},
	"simple_parsing.parse":                               {fromUser, "the command line"},
	"click.prompt":                                       {fromUser, "what is typed in"},
	"requests.get":                                       {fromDownload, "a download"},
	"requests.post":                                      {fromDownload, "a download"},
	"requests.request":                                   {fromDownload, "a download"},
	"requests.Session().get":                             {fromDownload, "a download"},
	"requests.session().get":                             {fromDownload, "a download"},
	"httpx.get":                                          {fromDownload, "a download"},
	"httpx.stream":                                       {fromDownload, "a download"},
	"httpx.Client().get":                                 {fromDownload, "a download"},
	"aiohttp.ClientSession().get":                        {fromDownload, "a download"},
	"urllib.request.urlopen":                             {fromDownload, "a download"},
	"urllib.request.urlretrieve":                         {fromDownload, "a download"},
	"wget.download":                                      {fromDownload, "a download"},
	"gdown.download":                                     {fromDownload, "a download"},
	"gdown.cached_download":                              {fromDownload, "a download"},
	"pooch.retrieve":                                     {fromDownload, "a download"},
	"huggingface_hub.hf_hub_download":                    {fromDownload, "a download from the Hub"},
	"huggingface_hub.snapshot_download":                  {fromDownload, "a download from the Hub"},
	"huggingface_hub.cached_download":                    {fromDownload, "a download from the Hub"},
	"huggingface_hub.file_download.hf_hub_download":      {fromDownload, "a download from the Hub"},
	"transformers.utils.cached_file":                     {fromDownload, "a download from the Hub"},
	"transformers.utils.hub.cached_file":                 {fromDownload, "a download from the Hub"},
	"huggingface_hub.HfApi().hf_hub_download":            {fromDownload, "a download from the Hub"},
	"huggingface_hub.HfApi().snapshot_download":          {fromDownload, "a download from the Hub"},
	"modelscope.snapshot_download":                       {fromDownload, "a download from ModelScope"},
	"modelscope.hub.snapshot_download.snapshot_download": {fromDownload, "a download from ModelScope"},
	"kagglehub.model_download":                           {fromDownload, "a download from Kaggle"},
	"kagglehub.dataset_download":                         {fromDownload, "a download from Kaggle"},
	"mlflow.artifacts.download_artifacts":                {fromDownload, "a download from MLflow"},
	"basicsr.utils.download_util.load_file_from_url":     {fromDownload, "a download"},
	"facexlib.utils.download_util.load_file_from_url":    {fromDownload, "a download"},
	"facexlib.utils.load_file_from_url":                  {fromDownload, "a download"},
	"cached_path.cached_path":                            {fromDownload, "a download"},
	"wandb.restore":                                      {fromDownload, "a download"},
	"requests.Session().post":                            {fromDownload, "a download"},
	"requests.Session().request":                         {fromDownload, "a download"},
	"requests.session().post":                            {fromDownload, "a download"},
	"requests.session().request":                         {fromDownload, "a download"},
	"httpx.post":                                         {fromDownload, "a download"},
	"httpx.request":                                      {fromDownload, "a download"},
	"httpx.Client().post":                                {fromDownload, "a download"},
	"httpx.Client().stream":                              {fromDownload, "a download"},
	"httpx.Client().request":                             {fromDownload, "a download"},
	"httpx.AsyncClient().get":                            {fromDownload, "a download"},
	"httpx.AsyncClient().post":                           {fromDownload, "a download"},
	"httpx.AsyncClient().stream":                         {fromDownload, "a download"},
	"httpx.AsyncClient().request":                        {fromDownload, "a download"},
	"aiohttp.ClientSession().post":                       {fromDownload, "a download"},
	"aiohttp.ClientSession().request":                    {fromDownload, "a download"},
	"aiohttp.request":                                    {fromDownload, "a download"},
	"urllib3.request":                                    {fromDownload, "a download"},
	"urllib3.PoolManager().request":                      {fromDownload, "a download"},
	"http.client.HTTPSConnection().getresponse":          {fromDownload, "a download"},
	"http.client.HTTPConnection().getresponse":           {fromDownload, "a download"},
	"gdown.download_folder":                              {fromDownload, "a download"},
	"paramiko.SSHClient().open_sftp().open":              {fromDownload, "a download"},
	"paramiko.SSHClient().open_sftp().file":              {fromDownload, "a download"},
	"paramiko.SFTPClient.from_transport().open":          {fromDownload, "a download"},
	"boto3.client().get_object":                          {fromDownload, "a download from a store"},
	"boto3.session.Session().client().get_object":        {fromDownload, "a download from a store"},
	"boto3.Session().client().get_object":                {fromDownload, "a download from a store"},
	"boto3.resource().Object().get":                      {fromDownload, "a download from a store"},
	"boto3.resource().Bucket().Object().get":             {fromDownload, "a download from a store"},
	"s3fs.S3FileSystem().open":                           {fromDownload, "a download from a store"},
	"s3fs.S3FileSystem().cat":                            {fromDownload, "a download from a store"},
	"s3fs.S3FileSystem().cat_file":                       {fromDownload, "a download from a store"},
	"gcsfs.GCSFileSystem().open":                         {fromDownload, "a download from a store"},
	"gcsfs.GCSFileSystem().cat":                          {fromDownload, "a download from a store"},
	"adlfs.AzureBlobFileSystem().open":                   {fromDownload, "a download from a store"},
	"cloudpathlib.CloudPath":                             {fromDownload, "a download from a store"},
	"cloudpathlib.S3Path":                                {fromDownload, "a download from a store"},
	"cloudpathlib.GSPath":                                {fromDownload, "a download from a store"},
	"cloudpathlib.AzureBlobPath":                         {fromDownload, "a download from a store"},
	"minio.Minio().get_object":                           {fromDownload, "a download from a store"},
	"wandb.use_artifact":                                 {fromDownload, "a download from W&B"},
	"wandb.init().use_artifact":                          {fromDownload, "a download from W&B"},
	"wandb.run.use_artifact":                             {fromDownload, "a download from W&B"},
	"wandb.init().use_model":                             {fromDownload, "a download from W&B"},
	"wandb.use_model":                                    {fromDownload, "a download from W&B"},
	"wandb.Api().artifact":                               {fromDownload, "a download from W&B"},
	"wandb.Api().run().file":                             {fromDownload, "a download from W&B"},
	"mlflow.MlflowClient().download_artifacts":           {fromDownload, "a download from MLflow"},
	"mlflow.tracking.MlflowClient().download_artifacts":  {fromDownload, "a download from MLflow"},
	"mlflow.client.MlflowClient().download_artifacts":    {fromDownload, "a download from MLflow"},
}

// readers are functions that give what a model file holds.
var readers = []string{
	"torch.load", "torch.serialization.load", "pickle.load", "joblib.load", "numpy.load", "safetensors.torch.load_file", "safetensors.safe_open", "safetensors.torch.safe_open", "h5py.File", "onnx.load", "gguf.GGUFReader",
}

// unpacks give a file that an archive holds.
var unpacks = []string{
	"zipfile.ZipFile().read", "zipfile.ZipFile().open", "tarfile.open().extractfile", "tarfile.TarFile().extractfile", "tarfile.TarFile.open().extractfile",
}

// fetches are functions that write a download to the file of this argument.
var fetches = []struct {
	names    []string
	position int
	keyword  string
}{
	{[]string{"urllib.request.urlretrieve"}, 1, "filename"},
	{[]string{"torch.hub.download_url_to_file"}, 1, "dst"},
	{[]string{"wget.download"}, 1, "out"},
	{[]string{"gdown.download"}, 1, "output"},
	{[]string{"gdown.download_folder"}, 1, "output"},
	{[]string{"paramiko.SSHClient().open_sftp().get", "paramiko.SFTPClient.from_transport().get", "fabric.Connection().get"}, 1, "localpath"},
	{[]string{"paramiko.SSHClient().open_sftp().getfo", "paramiko.SFTPClient.from_transport().getfo"}, 1, "fl"},
	{[]string{"scp.SCPClient().get"}, 1, "local_path"},
	{[]string{"ftplib.FTP().retrbinary", "ftplib.FTP_TLS().retrbinary"}, 1, "callback"}, // f.write
	{[]string{
		"s3fs.S3FileSystem().get", "s3fs.S3FileSystem().get_file", "s3fs.S3FileSystem().download", "gcsfs.GCSFileSystem().get", "gcsfs.GCSFileSystem().download",
		"adlfs.AzureBlobFileSystem().get", "fsspec.filesystem().get", "fsspec.filesystem().get_file", "fsspec.filesystem().download",
	}, 1, "lpath"},
}

// givingMethods are methods of clients of stores that give a download, and words of which
// a file with them speaks.
var givingMethods = map[string][]string{
	"get_object": {"boto", "minio", "s3"}, "download_as_bytes": {""}, "download_as_string": {""}, "download_as_text": {""}, "download_blob": {"azure", "blob"},
	"use_artifact": {"wandb"},
}

// fetchMethods are methods of clients of object stores that do.
var fetchMethods = map[string]int{"download_file": 2, "download_fileobj": 2, "download_to_filename": 0, "download_to_file": 0, "download_blob_to_file": 1, "fget_object": 2}

// filter keeps the names to look for of which the file speaks at all; other files may
// speak of them for it.
func (t *tracer) filter() {
	for _, b := range brings {
		top, _, _ := strings.Cut(b.prefix, ".")
		if strings.Contains(t.f.Text, top) || t.l.opt.Again != nil {
			t.brings = append(t.brings, b.prefix)
		}
	}
}

// brought reports on flask.request.files and its like.
func (t *tracer) brought(e pysrc.Expr, s *pysrc.Scope) []label {
	if len(t.brings) == 0 {
		return nil
	}
	_, name := e.(*pysrc.Name)
	for _, n := range t.m.Names(e, s) {
		if name && strings.Contains(n, "()") { // it is made of what it is bound to
			continue
		}
		for _, b := range brings {
			if rest, ok := strings.CutPrefix(n, b.prefix); ok && (rest == "" || rest[0] == '.') {
				return t.source(b.kind, b.text+" ("+strings.TrimSuffix(n, "()")+")", e)
			}
		}
	}
	return nil
}

// gives says what comes from outside by a call, or nil.
func (t *tracer) gives(e *pysrc.Call, s *pysrc.Scope, names []string) []label {
	for _, n := range names {
		g, ok := gifts[ofPage(n)]
		if !ok || g.kind == fromDownload && t.pinned(e, s) {
			continue
		}
		return t.source(g.kind, g.text+" ("+n+")", e)
	}
	if i := slices.IndexFunc(names, func(n string) bool { return slices.Contains(readers, n) }); i >= 0 {
		return t.source(fromFile, "what "+names[i]+" read", e)
	}
	if slices.Contains(names, "os.path.expandvars") && t.hasVariable(e, s) {
		return t.source(fromUser, "an environment variable (os.path.expandvars)", e)
	}
	if t.opensElsewhere(e, s, names) {
		return t.source(fromDownload, "a download ("+nameIn(names, openers)+")", e)
	}
	if a, ok := e.Func.(*pysrc.Attribute); ok {
		if out := t.handedOut(a, s, e); out != nil {
			return out
		}
		if words, ok := givingMethods[a.Attr]; ok && slices.ContainsFunc(words, func(w string) bool { return strings.Contains(t.f.Text, w) }) {
			return t.source(fromDownload, "a download ("+a.Attr+")", e)
		}
		switch a.Attr {
		case "parse_args", "parse_known_args", "parse_args_into_dataclasses":
			return t.source(fromUser, "the command line ("+a.Attr+")", e)
		}
	}
	return nil
}

// hasVariable reports whether a text that is written out has a variable in it: "$HOME/m.pt".
func (t *tracer) hasVariable(e *pysrc.Call, s *pysrc.Scope) bool {
	if len(e.Args) != 1 {
		return false
	}
	values := t.m.Eval(e.Args[0], s)
	return len(values) == 1 && values[0].Kind == pysrc.Text && strings.Contains(values[0].Name, "$")
}

// ofPage is a name without the part of a page of Streamlit that it stands in:
// streamlit.sidebar.text_input.
func ofPage(name string) string {
	if strings.HasPrefix(name, "streamlit.") {
		return "streamlit" + name[strings.LastIndexByte(name, '.'):]
	}
	return name
}

// openers open what an address names, of this machine or another.
var openers = []string{"fsspec.open", "smart_open.open", "fsspec.open_local", "fsspec.open_files", "fsspec.filesystem().open", "xopen.xopen"}

func nameIn(names, list []string) string {
	if i := slices.IndexFunc(names, func(n string) bool { return slices.Contains(list, n) }); i >= 0 {
		return names[i]
	}
	return ""
}

// opensElsewhere reports whether a call opens an address of another machine, as far as it
// is written out: fsspec.open("s3://bucket/m.pt").
func (t *tracer) opensElsewhere(e *pysrc.Call, s *pysrc.Scope, names []string) bool {
	if nameIn(names, openers) == "" || len(e.Args) == 0 {
		return false
	}
	text := ""
	switch a := e.Args[0].(type) {
	case *pysrc.Joined:
		if len(a.Parts) > 0 {
			if first, ok := a.Parts[0].(*pysrc.Str); ok {
				text = first.Value
			}
		}
	default:
		for _, v := range t.m.Eval(a, s) {
			if v.Kind == pysrc.Text {
				text = v.Name
			}
		}
	}
	if at := strings.LastIndex(text, "::"); at >= 0 { // simplecache::s3://bucket/m.pt
		text = text[at+2:]
	}
	scheme, _, ok := strings.Cut(text, "://")
	return ok && !slices.Contains([]string{"file", "local", "memory"}, scheme)
}

// pinned reports whether a download is one of a fixed commit, or of a known hash.
func (v *view) pinned(e *pysrc.Call, s *pysrc.Scope) bool {
	for _, k := range e.Keywords {
		values := v.m.Eval(k.Value, s)
		switch k.Name {
		case "revision":
			if len(values) == 1 && values[0].Kind == pysrc.Text && commitRE().MatchString(values[0].Name) {
				return true
			}
		case "known_hash":
			if len(values) == 1 && values[0].Kind == pysrc.Text && !strings.HasPrefix(values[0].Name, "md5:") {
				return true
			}
		}
	}
	return false
}

// pinnedTo reports whether a call writes a download of a known hash to a file.
func (v *view) pinnedTo(c *pysrc.Invocation) bool {
	const least = 8 // digits, of which the names of torch's own files have so many
	if !c.Is("torch.hub.download_url_to_file") || !given(c, 2, "hash_prefix") || slices.Contains(v.words(c, 2, "hash_prefix"), "None") {
		return false
	}
	prefix, known := v.text(c, 2, "hash_prefix")
	return !known || len(prefix) >= least
}

// writes marks the places that are filled with what comes from outside: a file
// that is written to, and the name that it was opened by.
func (t *tracer) writes(fn *pysrc.Scope) {
	for _, c := range t.calls[fn] {
		a, method := c.Node.Func.(*pysrc.Attribute)
		if len(c.Positional())+len(c.Node.Keywords) == 0 {
			continue
		}
		t.fetched(c)
		t.handed(c)
		if len(c.Positional()) == 0 {
			continue
		}
		first := c.Positional()[0]
		switch {
		case c.Is("shutil.copyfileobj", "shutil.copy", "shutil.copyfile", "shutil.move") && len(c.Positional()) > 1:
			t.fill(c.Positional()[1].Expr, c.Scope, t.taint(first.Expr, first.Scope, 0))
		case c.Is("os.write", "os.pwrite") && len(c.Positional()) > 1:
			t.fill(first.Expr, first.Scope, t.taint(c.Positional()[1].Expr, c.Scope, 0))
		case method && (a.Attr == "write" || a.Attr == "write_bytes"):
			t.fill(a.Value, c.Scope, t.taint(first.Expr, first.Scope, 0))
		case method && (a.Attr == "readinto" || a.Attr == "recv_into"):
			t.fill(first.Expr, c.Scope, t.taint(a.Value, c.Scope, 0))
		case method && a.Attr == "save" && len(c.Positional()) == 1: // werkzeug's FileStorage
			t.fill(first.Expr, c.Scope, t.taint(a.Value, c.Scope, 0))
		}
	}
}

// handed marks the names that a call of the project is given: it may write to the files
// that they name.
func (t *tracer) handed(c *pysrc.Invocation) {
	if c.Deferred || t.work < 0 {
		return
	}
	at := -1
	c.Each(func(position int, name string, a pysrc.Arg) {
		text := pathText(a.Expr, a.Scope)
		n := pathName(a.Expr)
		if name == "**" || text == nil && (n == nil || a.Scope.Owner(n.ID) == nil) || text != nil && !t.loadable(text) {
			return
		}
		if at < 0 {
			names, defs := t.callees(c.Node.Func, c.Scope)
			if at = t.passing(c.Node, c.Scope, names, defs); at < 0 {
				at = len(t.out.passings)
			}
		}
		if at == len(t.out.passings) {
			return
		}
		p := t.out.passings[at]
		x := argument{position: position, name: t.word(name)}
		i := slices.IndexFunc(p.places, func(y argument) bool { return y.position == x.position && y.name == x.name })
		if i < 0 {
			i = len(p.places)
			p.places = append(p.places, x)
		}
		t.fill(a.Expr, a.Scope, []label{{ofWriting, i, at}})
	})
}

// loadable reports whether a text may name a file, so that calls which are given it are
// looked through.
func (t *tracer) loadable(text *pysrc.Str) bool {
	return len(text.Value) < mostPath && strings.ContainsAny(text.Value, "./") && !strings.ContainsAny(text.Value, " \n") && !strings.Contains(text.Value, "://")
}

// mostPath is how long a path is that is written out.
const mostPath = 200

// same are functions that give another form of the path that they are given.
var same = []string{"str", "Path", "PurePath", "fspath", "abspath", "realpath", "normpath", "expanduser", "expandvars", "resolve", "absolute", "as_posix", "strip"}

// pathBase is what an expression is another form of: a name, a text, or something else.
func pathBase(e pysrc.Expr) pysrc.Expr {
	for range mostTurns {
		x, ok := e.(*pysrc.Call)
		if !ok {
			return e
		}
		switch f := x.Func.(type) {
		case *pysrc.Name:
			if !slices.Contains(same, f.ID) || len(x.Args) != 1 {
				return e
			}
			e = x.Args[0]
		case *pysrc.Attribute:
			switch {
			case !slices.Contains(same, f.Attr):
				return e
			case len(x.Args) == 1:
				e = x.Args[0] // os.fspath(path)
			default:
				e = f.Value // path.resolve()
			}
		default:
			return e
		}
	}
	return e
}

// pathName is the name that an expression is, or is another form of; or nil.
func pathName(e pysrc.Expr) *pysrc.Name {
	n, _ := pathBase(e).(*pysrc.Name)
	return n
}

// pathText is the path that is written out in an expression, or in the module for a name of
// it; or nil.
func pathText(e pysrc.Expr, s *pysrc.Scope) *pysrc.Str {
	switch base := pathBase(e).(type) {
	case *pysrc.Str:
		return base
	case *pysrc.Name:
		return constantOf(base, s.Owner(base.ID), s)
	}
	return nil
}

// constantOf is the text that a name of the module stands for in a function, or nil.
func constantOf(n *pysrc.Name, owner, s *pysrc.Scope) *pysrc.Str {
	if owner == nil || owner.Kind != pysrc.ModuleScope || s.Function() == nil {
		return nil
	}
	list := owner.Bindings(n.ID)
	if len(list) != 1 || list[0].Kind != pysrc.Assigned {
		return nil
	}
	text, _ := pathBase(list[0].Value).(*pysrc.Str)
	return text
}

// fetched marks the file that a download is written to.
func (t *tracer) fetched(c *pysrc.Invocation) {
	for _, f := range fetches {
		if !c.Is(f.names...) {
			continue
		}
		if t.pinnedTo(c) {
			return
		}
		args, _ := c.Arg(f.position, f.keyword)
		for _, a := range args {
			t.fill(a.Expr, a.Scope, t.source(fromDownload, "a download ("+nameOf(c, f.names...)+")", c.Node))
		}
	}
	if c.Is(launchers...) && len(c.Positional()) > 0 {
		t.output(c, c.Positional()[0])
	}
	at, ok := fetchMethods[c.Method()]
	if !ok {
		return
	}
	var to []pysrc.Arg
	for _, name := range []string{"Filename", "Fileobj", "filename", "file_obj", "file_path"} {
		args, _ := c.Arg(-1, name)
		to = append(to, args...)
	}
	if n := len(c.Positional()); n > at {
		to = append(to, c.Positional()[at])
	} else if n > 0 && strings.HasPrefix(c.Method(), "download_file") && strings.Contains(t.f.Text, "boto3") {
		to = append(to, c.Positional()[n-1]) // of a bucket: its name is said before
	}
	for _, a := range to {
		t.fill(a.Expr, a.Scope, t.source(fromDownload, "a download ("+c.Method()+")", c.Node))
	}
}

// fill marks the name that an expression begins with, and what it was opened by or is
// another form of.
func (t *tracer) fill(e pysrc.Expr, s *pysrc.Scope, labels []label) {
	t.at = e.Where().Start
	for range mostTurns {
		if len(labels) == 0 {
			return
		}
		for {
			if text := pathText(e, s); text != nil {
				t.mark(fileOf(text, s), labels...)
				return
			}
			e = pathBase(e)
			a, ok := e.(*pysrc.Attribute)
			if !ok {
				break
			}
			if n, is := a.Value.(*pysrc.Name); is {
				if class := s.Self(n.ID); class != nil {
					t.mark(variable{class, "." + a.Attr}, labels...)
					return
				}
			}
			e = a.Value
		}
		if c, ok := e.(*pysrc.Call); ok { // open(path, "wb").write(data)
			if e = opens(c); e == nil {
				return
			}
			continue
		}
		name, ok := e.(*pysrc.Name)
		if !ok {
			return
		}
		owner := s.Owner(name.ID)
		if owner == nil || owner.Function() != s.Function() {
			return
		}
		t.mark(variable{owner, name.ID}, labels...)
		t.written(owner, name.ID, labels)
		if e, s = opened(owner, name); e == nil {
			return
		}
	}
}

// written notes what a function puts into a file that a parameter of it names.
func (t *tracer) written(owner *pysrc.Scope, name string, labels []label) {
	if owner.Func == nil {
		return
	}
	r := t.out.routines[t.fns[owner]]
	at := slices.Index(r.params, name)
	if at < 0 {
		return
	}
	i := slices.IndexFunc(r.writes, func(w written) bool { return w.at == at })
	if i < 0 {
		i = len(r.writes)
		r.writes = append(r.writes, written{at: at})
	}
	for _, l := range labels {
		if l != (label{ofParam, t.fns[owner], at}) {
			r.writes[i].labels = t.join(r.writes[i].labels, []label{l})
		}
	}
}

// fileOf is what stands for the file that a text names within a function, or a module.
func fileOf(text *pysrc.Str, s *pysrc.Scope) variable {
	for s.Parent != nil && s.Kind != pysrc.FunctionScope {
		s = s.Parent
	}
	return variable{s, "'" + text.Value}
}

// opened is the path in name = open(path), or in name = Path(path); and in
// name, path = mkstemp(). Of several it is the last before the name stands there.
func opened(owner *pysrc.Scope, n *pysrc.Name) (of pysrc.Expr, s *pysrc.Scope) {
	for _, b := range owner.Bindings(n.ID) {
		if of != nil && b.At > n.Start {
			break
		}
		if e := openedBy(owner, n.ID, b); e != nil {
			of, s = e, b.Scope
		}
	}
	return of, s
}

func openedBy(owner *pysrc.Scope, name string, b pysrc.Binding) pysrc.Expr {
	c, ok := b.Value.(*pysrc.Call)
	if !ok {
		return nil
	}
	switch {
	case b.Part == 1 && (chain(c.Func) == "mkstemp" || chain(c.Func) == "tempfile.mkstemp"):
		return otherPart(owner, c, 2)
	case b.Kind != pysrc.Assigned && b.Kind != pysrc.Entered:
		return nil
	}
	if base := pathBase(c); base != c {
		if n, ok := base.(*pysrc.Name); !ok || n.ID != name {
			return base
		}
	}
	return opens(c)
}

// opens is the path, or the descriptor, of which a call gives a file, or nil.
func opens(c *pysrc.Call) pysrc.Expr {
	switch fn := c.Func.(type) {
	case *pysrc.Name:
		if (fn.ID == "open" || fn.ID == "fdopen") && len(c.Args) > 0 {
			return c.Args[0]
		}
	case *pysrc.Attribute:
		if fn.Attr == "fdopen" && len(c.Args) > 0 {
			return c.Args[0]
		}
		if fn.Attr == "open" && len(c.Args) > 0 {
			if _, text := c.Args[0].(*pysrc.Str); !text {
				return c.Args[0] // aiofiles.open(path)
			}
		}
		if fn.Attr == "open" {
			return fn.Value // path.open("wb")
		}
	}
	return nil
}

// otherPart is the name that another part of a value is bound to, or nil.
func otherPart(owner *pysrc.Scope, value pysrc.Expr, part uint8) pysrc.Expr {
	for _, name := range owner.BoundNames() {
		if slices.ContainsFunc(owner.Bindings(name), func(b pysrc.Binding) bool { return b.Value == value && b.Part == part }) {
			return &pysrc.Name{ID: name}
		}
	}
	return nil
}
