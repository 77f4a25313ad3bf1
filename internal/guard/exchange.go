package guard

import (
	"cmp"
	"context"
	"encoding/hex"
	"fmt"
	"log/slog"
	"net/http"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/andiron-dev/andiron/internal/tensor"
)

// exchange is a request on its way and its answer on the way back.
type exchange struct {
	g     *Gateway
	w     http.ResponseWriter
	r     *http.Request
	rc    *http.ResponseController
	ctx   context.Context //nolint:containedctx // it lives as long as the request
	begun time.Time

	route  route
	proto  protocol
	model  *model // nil until it is known
	client netip.Addr

	own, up parent
	hasUp   bool

	placed    bool     // among the requests that are worked on
	held      []func() // gives back what the request holds
	got, sent int64
	status    int // 0 until something was written
	code      string
	request   string // the id of a request of a stream
}

// ServeHTTP takes a request of a client.
func (g *Gateway) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	x := &exchange{g: g, w: w, r: r, rc: http.NewResponseController(w), ctx: r.Context(), begun: time.Now()}
	x.up, x.hasUp = readParent(r.Header["Traceparent"])
	x.own = g.tracer.child(x.up, x.hasUp)
	x.client = clientOf(r, g.c.Proxies)
	defer x.end()
	defer x.rescue()
	if f := x.run(); f != nil { //nolint:contextcheck // the exchange has it
		x.refuse(f)
	}
}

// rescue turns a panic of ours into an answer.
func (x *exchange) rescue() {
	p := recover()
	if p == nil {
		return
	}
	x.g.c.Log.LogAttrs(x.ctx, slog.LevelError, "internal error", slog.String("panic", fmt.Sprint(p)), slog.String("path", x.route.path))
	if x.status != 0 {
		panic(http.ErrAbortHandler)
	}
	x.refuse(refuse(codeInternal, http.StatusInternalServerError, "internal error"))
}

// run does what the path asks for.
func (x *exchange) run() *fault {
	route, known := routeOf(x.r.RequestURI)
	x.route, x.proto = route, route.protocol
	if !known && x.r.ProtoMajor == 2 && strings.HasPrefix(x.r.Header.Get("Content-Type"), typeGRPC) {
		x.proto = protoGRPC
	}
	if !x.g.rates.allow(x.client, x.begun) {
		return refuse(codeRate, http.StatusTooManyRequests, "too many requests")
	}
	if !known {
		return refuse(codePath, http.StatusNotFound, "there is no such path")
	}
	if x.r.Method != route.method {
		x.w.Header().Set("Allow", route.method)
		return refuse(codeMethod, http.StatusMethodNotAllowed, "this path takes "+route.method)
	}
	if f := x.find(); f != nil {
		return f
	}
	switch route.action {
	case inferV2:
		return x.inferV2()
	case inferV1, inferTorchServe:
		return x.inferV1()
	case inferPrompt:
		return x.inferPrompt()
	case inferGRPC:
		return x.inferGRPC()
	case streamGRPC:
		return x.streamGRPC()
	case grpcModel, grpcServer, grpcHealth:
		return x.passGRPC()
	case gatewayLive:
		return x.answer("application/json", -1, []byte(`{"live":true}`))
	case modelInfo, serverInfo:
		return x.pass()
	}
	return refuse(codePath, http.StatusNotFound, "there is no such path")
}

// find looks up the model that the path names.
func (x *exchange) find() *fault {
	if x.route.model == "" {
		return nil
	}
	return x.choose(x.route.model)
}

// choose makes a model that of the request. Whether the server has others is not
// for clients to know.
func (x *exchange) choose(name string) *fault {
	m := x.g.models.find(name)
	if m == nil {
		return refuse(codeModel, http.StatusNotFound, "there is no such model")
	}
	x.model = m
	return nil
}

// accepted refuses a protocol that the schema does not list.
func (x *exchange) accepted() *fault {
	if x.model.accepts(x.proto) {
		return nil
	}
	return refuse(codeProtocol, http.StatusUnsupportedMediaType, fmt.Sprintf("the schema of this model does not accept %s", x.proto))
}

// slot takes a place among the requests that are worked on.
func (x *exchange) slot() *fault {
	if !x.g.slots.take(x.ctx, 1) {
		return busy("there are too many requests")
	}
	x.placed = true
	x.hold(x.leave)
	return nil
}

// leave gives back the place: whoever only has to be written to takes none.
func (x *exchange) leave() {
	if x.placed {
		x.placed = false
		x.g.slots.give(1)
	}
}

// share takes n bytes of the client's share until the request ends.
func (x *exchange) share(n int64) bool {
	if !x.g.shares.take(x.client, n) {
		return false
	}
	x.hold(func() { x.g.shares.give(x.client, n) })
	return true
}

func (x *exchange) hold(free func()) { x.held = append(x.held, free) }

// release gives back what is held, last things first.
func (x *exchange) release() {
	for _, free := range slices.Backward(x.held) {
		free()
	}
	x.held = x.held[:0]
}

// once returns the value of a header, which may not stand twice.
func (x *exchange) once(name string) (string, bool, *fault) {
	switch v := x.r.Header[name]; len(v) {
	case 0:
		return "", false, nil
	case 1:
		return v[0], true, nil
	default:
		return "", false, refuse(codeHeader, http.StatusBadRequest, name+" stands more than once")
	}
}

// answer writes an answer with status 200. header is Inference-Header-Content-Length,
// or -1.
func (x *exchange) answer(contentType string, header int, parts ...[]byte) *fault {
	x.write(http.StatusOK, contentType, header, parts...)
	return nil
}

func (x *exchange) write(status int, contentType string, header int, parts ...[]byte) {
	x.leave()
	n := int64(0)
	for _, p := range parts {
		n += int64(len(p))
	}
	h := x.w.Header()
	h["Content-Type"] = []string{contentType}
	h["Content-Length"] = []string{strconv.FormatInt(n, 10)}
	h["X-Content-Type-Options"] = []string{"nosniff"}
	h["X-Request-Id"] = []string{x.id()}
	if header >= 0 {
		h["Inference-Header-Content-Length"] = []string{strconv.Itoa(header)}
	}
	// A client that does not read is cut off.
	_ = x.rc.SetWriteDeadline(x.within(n)) // a connection that has gone shows when it is written to
	x.status = status
	x.w.WriteHeader(status)
	for _, p := range parts {
		m, err := x.w.Write(p)
		x.sent += int64(m)
		if err != nil {
			return // the client has gone
		}
	}
}

// within is until when n bytes have to be sent or read.
func (x *exchange) within(n int64) time.Time {
	l := x.g.c.Limits
	return time.Now().Add(l.Grace + time.Duration(float64(n)/float64(l.MinRate)*float64(time.Second)))
}

func (x *exchange) id() string { return hex.EncodeToString(x.own.trace[:]) }

// refuse answers with a fault, in the form of the protocol.
func (x *exchange) refuse(f *fault) {
	x.code = f.code
	x.g.meter.refused(f.code).Inc()
	x.report(f)
	if x.status != 0 {
		return
	}
	if f.status == http.StatusTooManyRequests || f.status == http.StatusServiceUnavailable {
		x.w.Header().Set("Retry-After", "1")
	}
	if x.proto == protoGRPC && x.r.ProtoMajor == 2 {
		x.refuseGRPC(f)
		return
	}
	// A body that was not read to its end is no request that follows.
	if x.got < x.r.ContentLength || x.r.ContentLength < 0 && x.r.ProtoMajor == 1 {
		x.w.Header().Set("Connection", "close")
	}
	body := f.body()
	if x.proto == protoOpenAI {
		body = f.openAI()
	}
	x.write(f.status, "application/json", -1, body)
}

// statusGone is for a client that went away: it is logged, and nobody reads it.
const statusGone = 499

// report writes a refusal to the log. Of violations it has codes, names, places
// and numbers of elements, but no element.
func (x *exchange) report(f *fault) {
	level := slog.LevelInfo
	if f.status >= http.StatusInternalServerError {
		level = slog.LevelWarn
	}
	attrs := x.attrs(f.status, f.code)
	if f.err != nil {
		attrs = append(attrs, slog.String("error", f.err.Error()))
	}
	attrs = append(attrs, violationAttrs(f.violations)...)
	x.g.journal.request(x.ctx, level, "refused", attrs...)
}

func (x *exchange) attrs(status int, code string) []slog.Attr {
	attrs := []slog.Attr{slog.String("id", x.id()), slog.String("client", x.client.String()), slog.Int("status", status)}
	if x.model != nil {
		attrs = append(attrs, slog.String("model", x.model.name))
	}
	if x.proto != "" {
		attrs = append(attrs, slog.String("protocol", string(x.proto)))
	}
	if code != "" {
		attrs = append(attrs, slog.String("code", code))
	}
	return append(attrs, slog.Int64("bytes", x.got), slog.Float64("took_ms", float64(time.Since(x.begun).Microseconds())/1e3))
}

func violationAttrs(vs []tensor.Violation) []slog.Attr {
	var list []any
	for _, v := range vs[:min(len(vs), mostViolations)] {
		list = append(list, map[string]any{"code": v.Code, "input": v.Input, "index": v.Index, "want": v.Want, "count": v.Count, "of": v.Of})
	}
	if list == nil {
		return nil
	}
	return []slog.Attr{slog.Any("violations", list)}
}

// end gives everything back and counts.
func (x *exchange) end() {
	x.release()
	name := "request"
	if m := x.model; m != nil {
		m.meter.bytesIn.AddInt64(x.got)
		m.meter.bytesOut.AddInt64(x.sent)
		if c := m.meter.requests[x.proto]; c != nil {
			c.Inc()
			since(m.meter.total, x.begun)
		}
	}
	if x.proto != "" {
		name = string(x.proto)
	}
	if x.code == "" {
		x.g.journal.request(x.ctx, slog.LevelDebug, "answered", x.attrs(x.status, "")...)
	}
	if x.own.sampled && x.g.tracer != nil {
		s := spanRecord{own: x.own, up: x.up, hasUp: x.hasUp, start: x.begun, end: time.Now(), name: name, status: cmp.Or(x.status, http.StatusOK), code: x.code, protocol: string(x.proto), bytes: x.got}
		if x.model != nil {
			s.model = x.model.name
		}
		x.g.tracer.add(s)
	}
}
