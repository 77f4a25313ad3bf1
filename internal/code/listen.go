package code

import (
	"fmt"
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/andiron-dev/andiron/finding"
	"github.com/andiron-dev/andiron/internal/pysrc"
	"github.com/andiron-dev/andiron/internal/rule"
)

// listeners reports what listens to the network, and trusts who connects.
func (v *view) listeners() {
	for _, c := range v.m.Calls {
		if c.Partial {
			continue
		}
		switch {
		case c.Is("torch.distributed.rpc.init_rpc"):
			v.found(openListener, c.Node, "init_rpc runs the functions that peers name, and has no password")
		case c.Is("torch.distributed.init_process_group", "torch.distributed.distributed_c10d.init_process_group"):
			if at, ok := v.text(c, 1, "init_method"); ok && strings.HasPrefix(at, "tcp://") && !ofThisMachine(strings.TrimPrefix(at, "tcp://")) {
				v.found(openListener, c.Node, "the process group meets at "+at+", where whoever can connect takes part")
			}
		case c.Is("torch.distributed.TCPStore"):
			if host, ok := v.text(c, 0, "host_name"); ok && !ofThisMachine(host) {
				v.found(openListener, c.Node, "the store is at "+host+", where whoever can connect reads and writes it")
			}
		case c.Is(objectCollectives...):
			v.found(objectsSent, c.Node, nameOf(c, objectCollectives...)+" unpickles what the other processes send")
		case c.Method() == "recv_pyobj" && strings.Contains(v.f.Text, "zmq"):
			v.pickledMessages(c)
		case c.Is(pickledConnections...):
			v.connection(c)
		case c.Is("ray.init"):
			if host, ok := v.text(c, -1, "dashboard_host"); ok && everywhere(host) {
				v.foundAs(openListener, finding.High, c.Node, "Ray's dashboard listens at "+host+" and runs the jobs that whoever can connect hands in")
			}
		default:
			v.pages(c)
		}
	}
}

var objectCollectives = func() (list []string) {
	for _, name := range []string{"broadcast_object_list", "all_gather_object", "gather_object", "scatter_object_list", "send_object_list", "recv_object_list"} {
		list = append(list, "torch.distributed."+name, "torch.distributed.distributed_c10d."+name)
	}
	return append(list, "accelerate.utils.broadcast_object_list", "accelerate.utils.gather_object", "accelerate.utils.operations.gather_object")
}()

// pickledMessages judges recv_pyobj of ZeroMQ.
func (v *view) pickledMessages(c *pysrc.Invocation) {
	for _, b := range v.m.Calls {
		at, ok := v.text(b, 0, "addr")
		_, host, tcp := strings.Cut(at, "tcp://")
		if b.Method() == "bind" && ok && tcp && (strings.HasPrefix(host, "*") || !ofThisMachine(host)) {
			v.foundAs(objectsSent, finding.High, c.Node, "recv_pyobj unpickles what whoever can connect to "+at+" sends", "bound in line "+itoa(v.line(b.Node)))
			return
		}
	}
	v.foundAs(objectsSent, finding.Medium, c.Node, "recv_pyobj unpickles what comes over the socket")
}

// pickledConnections are connections of multiprocessing, over which pickles go.
var pickledConnections = []string{"multiprocessing.connection.Listener", "multiprocessing.connection.Client", "multiprocessing.managers.BaseManager", "multiprocessing.managers.SyncManager"}

// connection judges such a connection, where its address is seen to be of a network.
func (v *view) connection(c *pysrc.Invocation) {
	for _, host := range v.hosts(c, "address") {
		if host == "" || !ofThisMachine(host) {
			v.foundAs(objectsSent, finding.Medium, c.Node, nameOf(c, pickledConnections...)+" at "+strconv.Quote(host)+" unpickles what the other side sends, and only a shared key keeps others out")
		}
	}
}

// hosts are those of the address that is the first argument of a call: ("0.0.0.0", 80).
func (v *view) hosts(c *pysrc.Invocation, keyword string) (out []string) {
	args, _ := c.Arg(0, keyword)
	for _, a := range args {
		for _, value := range v.m.Eval(a.Expr, a.Scope) {
			seq, ok := value.Arg.Expr.(*pysrc.Sequence)
			if !ok || len(seq.Elems) == 0 {
				continue
			}
			for _, host := range v.m.Eval(seq.Elems[0], value.Arg.Scope) {
				if host.Kind == pysrc.Text {
					out = append(out, host.Name)
				}
			}
		}
	}
	return out
}

// ofThisMachine reports whether an address, with or without a port, is of this machine.
func ofThisMachine(host string) bool {
	host, _, _ = strings.Cut(host, "/")
	if inner, ok := strings.CutPrefix(host, "["); ok { // [::1]:80
		host, _, _ = strings.Cut(inner, "]")
	} else if strings.Count(host, ":") == 1 {
		host, _, _ = strings.Cut(host, ":")
	}
	return host == "localhost" || host == "" || host == "::1" || strings.HasPrefix(host, "127.")
}

// everywhere reports whether an address is all of a machine's.
func everywhere(host string) bool { return host == "0.0.0.0" || host == "::" || host == "[::]" }

// servesBy are methods of objects that serve pages.
var servesBy = []string{"flask.Flask().run", "quart.Quart().run", "sanic.Sanic().run", "bottle.run", "uvicorn.run", "aiohttp.web.run_app", "litserve.LitServer().run", "bentoml.HTTPServer", "bentoml.serve", "waitress.serve", "hypercorn.run", "gevent.pywsgi.WSGIServer", "wsgiref.simple_server.make_server"}

// pageServers are classes of servers that are given an address; of no host it is every one.
var pageServers = []string{"http.server.HTTPServer", "http.server.ThreadingHTTPServer", "socketserver.TCPServer", "socketserver.ThreadingTCPServer"}

// pages judges servers of web pages.
func (v *view) pages(c *pysrc.Invocation) {
	if c.Method() == "launch" && strings.Contains(v.f.Text, "gradio") {
		if slices.Contains(v.words(c, -1, "share"), "True") {
			v.found(openServer, c.Node, "launch(share=True) gives the page an address that the world can open")
		}
		if host, ok := v.text(c, -1, "server_name"); ok && everywhere(host) {
			v.foundAs(openListener, finding.Low, c.Node, "the page listens at "+host+", which is every address of the machine")
		}
		args, _ := c.Arg(-1, "allowed_paths")
		for _, a := range args {
			v.textsIn(a.Expr, func(t *pysrc.Str) {
				if wholeDisk(t.Value) {
					v.found(openServer, a.Expr, "launch(allowed_paths=[\"/\"]) gives every file of the machine to whoever asks")
				}
			})
		}
		return
	}
	if c.Is(pageServers...) && slices.ContainsFunc(v.hosts(c, "server_address"), func(host string) bool { return host == "" || everywhere(host) }) {
		v.foundAs(openListener, finding.Low, c.Node, nameOf(c, pageServers...)+" listens at every address of the machine")
		return
	}
	if !c.Is(servesBy...) {
		return
	}
	host, ok := v.text(c, 0, "host")
	if !ok {
		host, ok = v.text(c, -1, "host")
	}
	if !ok || !everywhere(host) {
		return
	}
	if slices.Contains(v.words(c, 2, "debug"), "True") {
		v.foundAs(openListener, finding.High, c.Node, "the server listens at "+host+" with debug=True, so that whoever can connect may type code into its debugger")
		return
	}
	v.foundAs(openListener, finding.Low, c.Node, "the server listens at "+host+", which is every address of the machine")
}

// property is a setting of TorchServe.
type property struct {
	key      string
	bad      func(string) bool
	severity finding.Severity
	text     string
}

// torchserve are settings of TorchServe by which somebody else gives it models, or
// reaches it.
var torchserve = []property{
	{"management_address", open, finding.High, "the management address is open to the network, so that whoever can connect registers a model, which runs its code"},
	{"grpc_management_address", everywhere, finding.High, "the management address is open to the network, so that whoever can connect registers a model, which runs its code"},
	{"disable_token_authorization", isTrue, finding.Medium, "the token is off, so that whoever reaches the management address registers models"},
	{"install_py_dep_per_model", isTrue, finding.Medium, "a model's archive says which packages are installed when it is registered"},
	{"allowed_urls", anyAddress, finding.Medium, "a model may be registered from any address"},
	{"enable_model_api", isTrue, finding.Low, "models may be registered and removed while the server runs"},
	{"inference_address", open, finding.Low, "the server listens at every address of the machine"},
	{"grpc_inference_address", everywhere, finding.Low, "the server listens at every address of the machine"},
}

// of is the rule that a setting is against.
func (p property) of() *rule.Rule {
	if strings.HasSuffix(p.key, "inference_address") {
		return openListener
	}
	return openServer
}

func isTrue(s string) bool { return strings.EqualFold(s, "true") }

// anyAddress reports whether one of the expressions of allowed_urls leaves the host open.
func anyAddress(list string) bool {
	for e := range strings.SplitSeq(list, ",") {
		e = strings.Trim(e, " ^$")
		if e == ".*" || e == ".+" || strings.Contains(e, "://.*") || strings.Contains(e, "://.+") {
			return true
		}
	}
	return false
}

// open reports whether an address such as http://0.0.0.0:8081 is of every network.
func open(address string) bool {
	_, host, ok := strings.Cut(address, "://")
	if i := strings.LastIndexByte(host, ':'); i >= 0 {
		host = host[:i]
	}
	return ok && everywhere(host)
}

// properties looks at TorchServe's settings, one to a line.
func (l *looker) properties(name, text string) {
	line := 0
	for s := range strings.Lines(text) {
		line++
		key, value, ok := strings.Cut(s, "=")
		key, value = strings.TrimSpace(key), strings.TrimSpace(value)
		if !ok || strings.HasPrefix(key, "#") {
			continue
		}
		for _, t := range torchserve {
			if t.key == key && t.bad(value) {
				f := t.of().Finding(finding.Where{Path: name}.Line1(line, 1), t.text, strings.TrimSpace(s))
				f.Severity = t.severity
				l.report(f)
			}
		}
	}
}

// commandSettings are words of command lines by which somebody else gives a server models,
// or reaches it: the words, what the file has to speak of, what makes it harmless where it
// stands behind them, and what they do.
var commandSettings = []struct {
	words        []string
	with, unless string
	rule         *rule.Rule
	severity     finding.Severity
	text         string
}{
	{[]string{"--model-control-mode", "explicit"}, "triton", "restricted-", openServer, finding.Medium, "Triton loads and unloads models on request"},
	{[]string{"--model-control-mode", "poll"}, "triton", "", openServer, finding.Medium, "Triton loads what somebody puts into its repository, while it runs"},
	{[]string{"--disable-token-auth"}, "torchserve", "", openServer, finding.Medium, "TorchServe's token is off, so that whoever reaches the management address registers models"},
	{[]string{"--enable-model-api"}, "torchserve", "", openServer, finding.Low, "TorchServe registers and removes models on request"},
	{[]string{"start-runner-server"}, "bentoml", "127.0.0.1", openServer, finding.High, "a runner of BentoML unpickles what whoever can connect sends"},
	{[]string{"bentoml", "serve"}, "0.0.0.0", "", openListener, finding.Low, "BentoML listens at every address of the machine"},
	{[]string{"--dashboard-host", "0.0.0.0"}, "ray", "", openListener, finding.High, "Ray's dashboard runs the jobs that whoever can connect hands in"},
	{[]string{"--trust-remote-code"}, "", "--trust-remote-code=false", remoteCode, finding.High, "the server runs the Python code that comes with its model"},
	{[]string{"--trust_remote_code"}, "", "--trust_remote_code=false", remoteCode, finding.High, "the program runs the Python code that comes with its model"},
	{[]string{"mlflow", "server"}, "0.0.0.0", "", openListener, finding.Medium, "MLflow takes models from whoever can connect"},
	{[]string{"mlflow", "ui"}, "0.0.0.0", "", openListener, finding.Medium, "MLflow takes models from whoever can connect"},
}

// commands looks at the command lines of a file for what they let servers load.
func (l *looker) commands(name, text string, lines []string) {
	whole := strings.ToLower(text)
	for i, s := range lines {
		for _, c := range commandSettings {
			at, behind := spoken(lines[i:], c.words)
			if at < 0 || !speaks(whole, c.with) || c.unless != "" && strings.Contains(strings.ToLower(behind), c.unless) {
				continue
			}
			if c.with == "0.0.0.0" && !strings.Contains(behind, c.with) {
				continue
			}
			f := c.rule.Finding(finding.Where{Path: name}.Line1(i+1, len([]rune(s[:at]))+1), c.text, strings.TrimSpace(s))
			f.Severity = c.severity
			l.report(f)
		}
	}
}

// spoken finds words, one behind the other, that begin in the first of some lines: where
// they do, or -1, and what is there of the command.
func spoken(lines, words []string) (at int, behind string) {
	for from := 0; ; from = at + 1 {
		i := strings.Index(lines[0][from:], words[0])
		if at = from + i; i < 0 || comment(lines[0][:at]) {
			return -1, ""
		}
		behind = commandAt(lines, at)
		rest, ok := behind[len(words[0]):], true
		for _, w := range words[1:] {
			word := strings.TrimLeft(rest, " \t=\"',")
			if ok = word != rest && strings.HasPrefix(word, w); !ok {
				break
			}
			rest = word[len(w):]
		}
		if ok {
			return at, lines[0][:at] + behind
		}
	}
}

// mostWords is how many words of a list are taken to be of one command.
const mostWords = 64

// commandAt is what stands behind a place in the first of some lines, and, where that is a
// word of a list of YAML, the words of the next lines.
func commandAt(lines []string, at int) string {
	depth := strings.Index(lines[0], "- ")
	if depth < 0 || depth > at || strings.Trim(lines[0][:depth], " ") != "" || len(wordsOf(lines[0])) != 2 {
		return lines[0][at:]
	}
	behind := strings.TrimRight(lines[0][at:], " \r\n")
	for _, next := range lines[1:min(len(lines), mostWords)] {
		item, ok := strings.CutPrefix(next, lines[0][:depth+2])
		if !ok {
			break
		}
		behind += " " + strings.TrimRight(item, " \r\n")
	}
	return behind
}

// speaks reports whether a text has a word, and not as a part of a longer one.
func speaks(text, word string) bool {
	for from := 0; ; {
		i := strings.Index(text[from:], word)
		if i < 0 {
			return false
		}
		i += from
		if from = i + len(word); i == 0 || !isWord(text[i-1]) {
			return true
		}
		if from >= len(text) {
			return false
		}
	}
}

// bento looks at the files of BentoML: what a bento is made of, and how it is served.
func (l *looker) bento(name, text string) {
	base := strings.ToLower(path.Base(name))
	served := strings.Contains(text, "api_server:")
	if base != "bentofile.yaml" && base != "bentofile.yml" && !served {
		return
	}
	line, within := 0, false
	for s := range strings.Lines(text) {
		line++
		word := strings.TrimSpace(s)
		where := finding.Where{Path: name}.Line1(line, 1)
		key, value, _ := strings.Cut(word, ":")
		switch {
		case strings.HasPrefix(word, "#") || word == "":
		case served && key == "host" && everywhere(strings.Trim(strings.TrimSpace(value), `"'`)):
			f := openListener.Finding(where, "BentoML listens at every address of the machine", word)
			f.Severity = finding.Low
			l.report(f)
		case served:
		case s[0] != ' ' && s[0] != '-':
			within = key == "models"
		case within && strings.HasPrefix(word, "- "):
			tag := strings.Trim(strings.TrimPrefix(strings.TrimPrefix(word, "- "), "tag:"), ` "'`)
			if _, version, ok := strings.Cut(tag, ":"); !strings.Contains(tag, " ") && (!ok || version == "latest") {
				f := openServer.Finding(where, fmt.Sprintf("the bento holds whichever model %q is when it is built", tag), word)
				f.Severity = finding.Low
				l.report(f)
			}
		}
	}
}
