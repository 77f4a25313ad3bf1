package code

import (
	"slices"
	"strings"

	"github.com/andiron-dev/andiron/finding"
	"github.com/andiron-dev/andiron/internal/pysrc"
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
		default:
			v.pages(c)
		}
	}
}

var objectCollectives = []string{
	"torch.distributed.broadcast_object_list", "torch.distributed.all_gather_object", "torch.distributed.gather_object",
	"torch.distributed.scatter_object_list", "torch.distributed.send_object_list", "torch.distributed.recv_object_list",
}

// ofThisMachine reports whether an address, with or without a port, is of this machine.
func ofThisMachine(host string) bool {
	if i := strings.LastIndexByte(host, ':'); i >= 0 && !strings.HasSuffix(host, "]") && strings.Count(host, ":") == 1 {
		host = host[:i]
	}
	host = strings.Trim(strings.SplitN(host, "/", 2)[0], "[]")
	return host == "localhost" || host == "" || host == "::1" || strings.HasPrefix(host, "127.")
}

// everywhere reports whether an address is all of a machine's.
func everywhere(host string) bool { return host == "0.0.0.0" || host == "::" || host == "[::]" }

// servesBy are methods of objects that serve pages.
var servesBy = []string{"flask.Flask().run", "quart.Quart().run", "sanic.Sanic().run", "bottle.run", "uvicorn.run", "aiohttp.web.run_app", "litserve.LitServer().run"}

// pages judges servers of web pages.
func (v *view) pages(c *pysrc.Invocation) {
	if c.Method() == "launch" && strings.Contains(v.f.Text, "gradio") {
		if slices.Contains(v.words(c, -1, "share"), "True") {
			v.found(openServer, c.Node, "launch(share=True) gives the page an address that the world can open")
		}
		if host, ok := v.text(c, -1, "server_name"); ok && everywhere(host) {
			v.foundAs(openListener, finding.Low, c.Node, "the page listens at "+host+", which is every address of the machine")
		}
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

// torchserve are settings of TorchServe by which somebody else gives it models.
var torchserve = []struct {
	key      string
	bad      func(string) bool
	severity finding.Severity
	text     string
}{
	{"management_address", open, finding.High, "the management address is open to the network, so that whoever can connect registers a model, which runs its code"},
	{"grpc_management_address", everywhere, finding.High, "the management address is open to the network, so that whoever can connect registers a model, which runs its code"},
	{"disable_token_authorization", isTrue, finding.Medium, "the token is off, so that whoever reaches the management address registers models"},
	{"install_py_dep_per_model", isTrue, finding.Medium, "a model's archive says which packages are installed when it is registered"},
	{"allowed_urls", func(s string) bool { return strings.Contains(s, "://.*") }, finding.Medium, "a model may be registered from any address"},
	{"enable_model_api", isTrue, finding.Low, "models may be registered and removed while the server runs"},
}

func isTrue(s string) bool { return strings.EqualFold(s, "true") }

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
				f := openServer.Finding(finding.Where{Path: name}.Line1(line, 1), t.text, strings.TrimSpace(s))
				f.Severity = t.severity
				l.report(f)
			}
		}
	}
}

// commandSettings are words of command lines by which somebody else gives a server models.
var commandSettings = []struct{ word, with, text string }{
	{"--model-control-mode=explicit", "triton", "Triton loads and unloads models on request"},
	{"--model-control-mode explicit", "triton", "Triton loads and unloads models on request"},
	{"--model-control-mode=poll", "triton", "Triton loads what somebody puts into its repository, while it runs"},
	{"--disable-token-auth", "torchserve", "TorchServe's token is off, so that whoever reaches the management address registers models"},
	{"--enable-model-api", "torchserve", "TorchServe registers and removes models on request"},
}

// commands looks at the command lines of a file for what they let servers load.
func (l *looker) commands(name, text string) {
	whole := strings.ToLower(text)
	line := 0
	for s := range strings.Lines(text) {
		line++
		for _, c := range commandSettings {
			if at := strings.Index(s, c.word); at >= 0 && !comment([]byte(s[:at])) && strings.Contains(whole, c.with) {
				l.report(openServer.Finding(finding.Where{Path: name}.Line1(line, len([]rune(s[:at]))+1), c.text, strings.TrimSpace(s)))
			}
		}
	}
}
