package guard

import (
	"net/http"
	"strings"
)

// action is what a path asks for.
type action uint8

const (
	inferV2 action = iota + 1
	inferV1
	inferTorchServe
	inferPrompt
	inferGRPC
	streamGRPC
	modelInfo   // about a model, passed on
	serverInfo  // about the server, passed on
	grpcModel   // the same by gRPC
	grpcServer  // the same
	grpcHealth  // grpc.health.v1
	gatewayLive // answered here
)

// route is a path that exists.
type route struct {
	action   action
	protocol protocol
	method   string
	model    string
	version  string
	path     string // towards the server; written here, never the client's
}

// routeOf takes a path apart. Only paths of the specification exist, and only in
// one spelling: without escapes, queries, and empty or dot segments.
func routeOf(uri string) (route, bool) {
	if !strings.HasPrefix(uri, "/") || len(uri) > 1024 {
		return route{}, false
	}
	seg := strings.Split(uri[1:], "/")
	for _, s := range seg {
		if !plain(s) {
			return route{}, false
		}
	}
	switch seg[0] {
	case "v2":
		return routeV2(uri, seg[1:])
	case "v1":
		return routeV1(uri, seg[1:])
	case "predictions":
		if len(seg) == 2 || len(seg) == 3 {
			return route{action: inferTorchServe, protocol: protoTorchServe, method: http.MethodPost, model: seg[1], path: uri}, true
		}
	case "ping":
		return route{action: serverInfo, method: http.MethodGet, path: uri}, len(seg) == 1
	default:
		return routeGRPC(uri)
	}
	return route{}, false
}

// plain reports whether a segment is a name: letters, digits, and "._-:" but not
// dots alone.
func plain(s string) bool {
	if s == "" || s == "." || s == ".." {
		return false
	}
	for i := range len(s) {
		switch c := s[i]; {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9', c == '.', c == '_', c == '-', c == ':':
		default:
			return false
		}
	}
	return true
}

func routeV2(uri string, seg []string) (route, bool) {
	switch {
	case len(seg) == 0:
		return route{action: serverInfo, method: http.MethodGet, path: uri}, true
	case len(seg) == 2 && seg[0] == "health" && seg[1] == "live":
		return route{action: gatewayLive, method: http.MethodGet}, true
	case len(seg) == 2 && seg[0] == "health" && seg[1] == "ready":
		return route{action: serverInfo, method: http.MethodGet, path: uri}, true
	case len(seg) < 2 || seg[0] != "models":
		return route{}, false
	}
	r := route{action: modelInfo, method: http.MethodGet, model: seg[1], path: uri}
	rest := seg[2:]
	if len(rest) >= 2 && rest[0] == "versions" {
		r.version, rest = rest[1], rest[2:]
	}
	switch {
	case len(rest) == 0, len(rest) == 1 && rest[0] == "ready":
		return r, true
	case len(rest) == 1 && rest[0] == "infer":
		r.action, r.protocol, r.method = inferV2, protoJSON, http.MethodPost
		return r, true
	}
	return route{}, false
}

func routeV1(uri string, seg []string) (route, bool) {
	switch {
	case len(seg) == 1 && (seg[0] == "completions" || seg[0] == "embeddings"):
		return route{action: inferPrompt, protocol: protoOpenAI, method: http.MethodPost, path: uri}, true
	case len(seg) != 2 || seg[0] != "models":
		return route{}, false
	}
	if name, ok := strings.CutSuffix(seg[1], ":predict"); ok {
		return route{action: inferV1, protocol: protoV1, method: http.MethodPost, model: name, path: uri}, true
	}
	return route{action: modelInfo, method: http.MethodGet, model: seg[1], path: uri}, !strings.Contains(seg[1], ":")
}

const inference = "/inference.GRPCInferenceService/"

func routeGRPC(uri string) (route, bool) {
	r := route{protocol: protoGRPC, method: http.MethodPost, path: uri}
	switch uri {
	case inference + "ModelInfer":
		r.action = inferGRPC
	case inference + "ModelStreamInfer":
		r.action = streamGRPC
	case inference + "ModelMetadata", inference + "ModelReady":
		r.action = grpcModel
	case inference + "ServerLive", inference + "ServerReady", inference + "ServerMetadata":
		r.action = grpcServer
	case "/grpc.health.v1.Health/Check":
		r.action = grpcHealth
	default:
		return route{}, false
	}
	return r, true
}
