package guard

import (
	"context"
	"crypto/tls"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"google.golang.org/protobuf/encoding/protowire"

	"github.com/andiron-dev/andiron/internal/oip"
)

const typeGRPC = "application/grpc"

// frameHead is what stands before a message: whether it is compressed, and its
// length.
const frameHead = 5

// grpcUpstream speaks gRPC to the server: HTTP/2 by net/http, frames by us.
type grpcUpstream struct {
	base      string // scheme and host
	addr      string
	transport *http.Transport
}

func newGRPCUpstream(u *url.URL, conf *tls.Config) *grpcUpstream {
	t := &http.Transport{
		TLSClientConfig: conf.Clone(), Protocols: &http.Protocols{}, DisableCompression: true,
		TLSHandshakeTimeout: 10 * time.Second, IdleConnTimeout: 5 * time.Minute, MaxResponseHeaderBytes: mostHead,
		DialContext: (&net.Dialer{Timeout: 5 * time.Second}).DialContext,
		HTTP2:       &http.HTTP2Config{MaxReadFrameSize: 1 << 20, SendPingTimeout: 30 * time.Second, PingTimeout: 10 * time.Second},
	}
	if u.Scheme == "https" {
		t.Protocols.SetHTTP2(true)
	} else {
		t.Protocols.SetUnencryptedHTTP2(true)
	}
	port := u.Port()
	if port == "" {
		port = map[string]string{"http": "80", "https": "443"}[u.Scheme]
	}
	return &grpcUpstream{base: u.Scheme + "://" + u.Host, addr: net.JoinHostPort(u.Hostname(), port), transport: t}
}

// reachable says why the server cannot be reached, or nothing.
func (p *grpcUpstream) reachable(ctx context.Context) string {
	c, err := (&net.Dialer{Timeout: 5 * time.Second}).DialContext(ctx, "tcp", p.addr)
	if err != nil {
		return "the model server cannot be reached"
	}
	_ = c.Close() // it was only asked for
	return ""
}

// call begins a call. n is the length of the body, or -1.
func (p *grpcUpstream) call(ctx context.Context, path, parent string, body io.Reader, n int64) (*http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, p.base+path, body)
	if err != nil {
		return nil, err
	}
	req.ContentLength = n
	req.Header = http.Header{"Content-Type": {typeGRPC}, "Te": {"trailers"}, "User-Agent": {"andiron"}, "Traceparent": {parent}}
	if d, ok := ctx.Deadline(); ok {
		req.Header["Grpc-Timeout"] = []string{strconv.FormatInt(max(1, time.Until(d).Milliseconds()), 10) + "m"}
	}
	return p.transport.RoundTrip(req)
}

// grpcHead refuses what no client of gRPC sends, and compression.
func (x *exchange) grpcHead() *fault {
	switch {
	case x.r.ProtoMajor != 2:
		return refuse(codeProtocol, http.StatusHTTPVersionNotSupported, "gRPC needs HTTP/2")
	case x.g.grpc == nil && x.route.action != inferGRPC:
		return refuse(codeProtocol, http.StatusNotImplemented, "this gateway has no gRPC server behind it")
	}
	if f := x.contentType(typeGRPC, typeGRPC+"+proto"); f != nil {
		return f
	}
	for _, name := range []string{"Grpc-Encoding", "Content-Encoding"} {
		value, ok, f := x.once(name)
		if f != nil {
			return f
		}
		if ok && value != "identity" {
			return refuse(codeEncoding, http.StatusUnsupportedMediaType, "compressed messages are not taken")
		}
	}
	return nil
}

// deadline is how long the client wants to wait, but no longer than the limit.
func (x *exchange) deadline() (context.Context, context.CancelFunc) {
	most := x.g.c.Limits.Answer
	if d, ok := grpcTimeout(x.r.Header.Get("Grpc-Timeout")); ok && d < most {
		most = d
	}
	return context.WithTimeout(x.ctx, most)
}

// grpcTimeout reads at most eight digits and a unit.
func grpcTimeout(s string) (time.Duration, bool) {
	if len(s) < 2 || len(s) > 9 {
		return 0, false
	}
	unit, ok := map[byte]time.Duration{'H': time.Hour, 'M': time.Minute, 'S': time.Second, 'm': time.Millisecond, 'u': time.Microsecond, 'n': 1}[s[len(s)-1]]
	n, err := strconv.ParseUint(s[:len(s)-1], 10, 32)
	if !ok || err != nil || n > uint64((1<<62)/unit) {
		return 0, false
	}
	return time.Duration(n) * unit, true
}

// onlyMessage reads the message of a call that has one, and waits for its turn.
func (x *exchange) onlyMessage() ([]byte, *fault) {
	if f := x.grpcHead(); f != nil {
		return nil, f
	}
	msg, f := x.readOnly()
	if f != nil {
		return nil, f
	}
	return msg, x.slot()
}

// inferGRPC takes a ModelInfer.
func (x *exchange) inferGRPC() *fault {
	msg, f := x.onlyMessage()
	if f != nil {
		return f
	}
	begin := time.Now()
	req, f := x.parseGRPC(msg)
	if f != nil {
		return f
	}
	res, f := x.through(req, begin)
	if f != nil {
		return f
	}
	parts, _, err := res.AppendGRPC((*x.scratch(0))[:0])
	if err != nil {
		return notInForm(err)
	}
	x.answerGRPC(parts)
	return nil
}

// parseGRPC reads a request with the schema of the model that it names.
func (x *exchange) parseGRPC(msg []byte) (*oip.Request, *fault) {
	name, ok := modelName(msg)
	if !ok {
		return nil, refuse(codeModel, http.StatusNotFound, "the message names no model")
	}
	if f := x.choose(name); f != nil {
		return nil, f
	}
	if f := x.accepted(); f != nil {
		return nil, f
	}
	if f := x.typedMemory(msg); f != nil {
		return nil, f
	}
	req, err := oip.ParseGRPC(msg, x.model.ask)
	if err != nil {
		return nil, wireFault(err)
	}
	if req.Model != name {
		return nil, refuse(codeModel, http.StatusBadRequest, "the message names two models")
	}
	return req, nil
}

// mostElements is what package oip reads of a message, in bytes.
const mostElements = 8 * 16 << 20

// typedMemory takes memory for a message whose elements are not raw: they become
// at most eight times as large, and are written again.
func (x *exchange) typedMemory(msg []byte) *fault {
	const raw = 7
	if hasField(msg, raw) {
		return nil
	}
	h := &held{x: x}
	defer h.settle()
	if n := int64(len(msg)); !h.more(min(8*n, mostElements)+n, true) {
		return noMemory()
	}
	return nil
}

// hasField reports whether a message has a field of this number.
func hasField(msg []byte, number protowire.Number) bool {
	for len(msg) > 0 {
		num, _, n := protowire.ConsumeField(msg)
		if n < 0 || num == number {
			return n >= 0
		}
		msg = msg[n:]
	}
	return false
}

// modelName finds the first field 1 of a message, which is the name of the model.
func modelName(msg []byte) (string, bool) {
	for len(msg) > 0 {
		num, kind, n := protowire.ConsumeTag(msg)
		if n < 0 {
			return "", false
		}
		msg = msg[n:]
		if num == 1 && kind == protowire.BytesType {
			b, n := protowire.ConsumeBytes(msg)
			return string(b[:max(0, min(len(b), 512))]), n >= 0
		}
		if n = protowire.ConsumeFieldValue(num, kind, msg); n < 0 {
			return "", false
		}
		msg = msg[n:]
	}
	return "", false
}

// readOnly reads the only message of a call.
func (x *exchange) readOnly() ([]byte, *fault) {
	h := &held{x: x}
	defer h.settle()
	msg, f := x.readMessage(h, x.g.c.Limits.Grace)
	if f != nil {
		return nil, f
	}
	if msg == nil {
		return nil, refuse(codeLength, http.StatusBadRequest, "the call has no message")
	}
	var one [1]byte
	if n, err := x.r.Body.Read(one[:]); n > 0 || !errors.Is(err, io.EOF) {
		if n == 0 {
			return nil, slow(err)
		}
		return nil, refuse(codeLength, http.StatusBadRequest, "the call has more than one message")
	}
	// The deadline is not for the time in which the server works.
	_ = x.rc.SetReadDeadline(time.Time{})
	return msg, nil
}

// readMessage reads the next message, or nothing at the end. Its first bytes may
// take some time.
func (x *exchange) readMessage(h *held, patience time.Duration) ([]byte, *fault) {
	var head [frameHead]byte
	// A connection without deadlines is none of ours: tests have them.
	_ = x.rc.SetReadDeadline(time.Now().Add(patience))
	n, err := io.ReadFull(x.r.Body, head[:])
	if n == 0 && errors.Is(err, io.EOF) {
		return nil, nil
	}
	if err != nil {
		return nil, slow(err)
	}
	size := int64(binary.BigEndian.Uint32(head[1:]))
	switch {
	case head[0] == 1:
		return nil, refuse(codeEncoding, http.StatusUnsupportedMediaType, "compressed messages are not taken")
	case head[0] != 0:
		return nil, refuse(codeLength, http.StatusBadRequest, "no frame of gRPC")
	case size > x.g.c.Limits.Body:
		return nil, tooLarge(x.g.c.Limits.Body)
	case size == 0:
		return []byte{}, nil
	}
	before := x.got
	f := x.fill(h, size)
	x.got += before + frameHead
	if f != nil {
		return nil, f
	}
	return *h.b, nil
}

// transmitGRPC asks the server by gRPC.
func (x *exchange) transmitGRPC(req *oip.Request) (*oip.Response, *fault) {
	if x.g.grpc == nil {
		return nil, refuse(codeProtocol, http.StatusNotImplemented, "this gateway has no gRPC server behind it")
	}
	sent := withOutputs(req, false)
	for i := range sent.Outputs {
		sent.Outputs[i].Binary = oip.Unsaid
	}
	parts, _, err := sent.AppendGRPC((*x.scratch(0))[:0])
	if err != nil {
		return nil, wireFault(err)
	}
	msg, f := x.callGRPC(inference+"ModelInfer", parts)
	if f != nil {
		return nil, f
	}
	res, err := oip.ParseGRPCResponse(msg, x.model.answer)
	if err != nil {
		return nil, unreadable(err)
	}
	return res, nil
}

// callGRPC makes a call with one message each way.
func (x *exchange) callGRPC(path string, parts [][]byte) ([]byte, *fault) {
	ctx, cancel := x.deadline()
	defer cancel()
	body, n := framed(parts)
	start := time.Now()
	res, err := x.g.grpc.call(ctx, path, x.own.String(), body, n)
	if err != nil {
		return nil, x.noAnswer(err)
	}
	defer func() { _ = res.Body.Close() }() // it was read
	msg, err := x.readReply(res.Body)
	if x.model != nil {
		since(x.model.meter.server, start)
	}
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, x.noAnswer(err)
	}
	if msg != nil {
		if _, err := io.ReadFull(res.Body, make([]byte, 1)); !errors.Is(err, io.EOF) {
			return nil, unreadable(errors.New("more than one message"))
		}
	}
	if f := grpcRefused(res); f != nil {
		return nil, f
	}
	if msg == nil {
		return nil, unreadable(errors.New("no message"))
	}
	return msg, nil
}

// framed puts a frame around parts.
func framed(parts [][]byte) (io.Reader, int64) {
	n := int64(0)
	for _, p := range parts {
		n += int64(len(p))
	}
	all := make(net.Buffers, 0, len(parts)+1)
	all = append(append(all, frame(n)), parts...)
	return &all, n + frameHead
}

func frame(n int64) []byte {
	var head [frameHead]byte
	binary.BigEndian.PutUint32(head[1:], uint32(n))
	return head[:]
}

// readReply reads a message of the server into memory that the exchange holds.
func (x *exchange) readReply(r io.Reader) ([]byte, error) {
	var head [frameHead]byte
	if n, err := io.ReadFull(r, head[:]); err != nil {
		if n == 0 {
			return nil, err
		}
		return nil, fmt.Errorf("a frame of %d bytes: %w", n, io.ErrUnexpectedEOF)
	}
	n := int64(binary.BigEndian.Uint32(head[1:]))
	switch {
	case head[0] != 0:
		return nil, errors.New("a compressed message that was not asked for")
	case n > x.g.c.Limits.Body:
		return nil, errTooLarge
	case !x.share(n) || !x.g.answers.try(n):
		return nil, errNoRoom
	}
	b := x.g.buffers.get(int(n))
	x.hold(func() { x.g.answers.give(n); x.g.buffers.put(b) })
	_, err := io.ReadFull(r, *b)
	return *b, err
}

// grpcRefused is the status of the server, if it is not OK. What it says stays
// behind.
func grpcRefused(res *http.Response) *fault {
	if res.StatusCode != http.StatusOK {
		return serverRefused(res.StatusCode)
	}
	status := res.Trailer.Get("Grpc-Status")
	if status == "" {
		status = res.Header.Get("Grpc-Status")
	}
	code, err := strconv.Atoi(status)
	if err != nil {
		return refuse(codeBackend, http.StatusBadGateway, "the model server does not answer").because(errors.New("no status of gRPC"))
	}
	err = fmt.Errorf("status %d of gRPC", code)
	switch code {
	case grpcOK:
		return nil
	case grpcInvalid, 6, 9, 10, 11:
		f := refuse(codeRefused, http.StatusBadRequest, "the model server refused the request").because(err)
		f.grpc = code
		return f
	case grpcNotFound:
		return refuse(codeModel, http.StatusNotFound, "the model server does not have this").because(err)
	case grpcUnimplemented:
		return refuse(codeProtocol, http.StatusNotImplemented, "the model server does not do this").because(err)
	case grpcDeadline:
		return refuse(codeTimeout, http.StatusGatewayTimeout, "the model server did not answer in time").because(err)
	case grpcUnavailable, grpcExhausted:
		return refuse(codeBackend, http.StatusServiceUnavailable, "the model server is busy").because(err)
	}
	f := refuse(codeBackend, http.StatusBadGateway, "the model server has an error").because(err)
	f.grpc = grpcInternal
	return f
}

// answerGRPC writes the only message of an answer.
func (x *exchange) answerGRPC(parts [][]byte) {
	x.leave()
	x.headGRPC()
	x.writeMessage(parts)
	x.w.Header()[http.TrailerPrefix+"Grpc-Status"] = []string{"0"}
}

func (x *exchange) headGRPC() {
	h := x.w.Header()
	h["Content-Type"] = []string{typeGRPC}
	h["X-Request-Id"] = []string{x.id()}
	x.status = http.StatusOK
	x.w.WriteHeader(http.StatusOK)
}

func (x *exchange) writeMessage(parts [][]byte) {
	n := int64(0)
	for _, p := range parts {
		n += int64(len(p))
	}
	_ = x.rc.SetWriteDeadline(x.within(n)) // a connection that has gone shows when it is written to
	for _, p := range append([][]byte{frame(n)}, parts...) {
		m, err := x.w.Write(p)
		x.sent += int64(m)
		if err != nil {
			return // the client has gone
		}
	}
}

// refuseGRPC answers with a status and no message.
func (x *exchange) refuseGRPC(f *fault) {
	x.status = f.status
	h := x.w.Header()
	h["Content-Type"] = []string{typeGRPC}
	h["X-Request-Id"] = []string{x.id()}
	h["Grpc-Status"] = []string{strconv.Itoa(f.grpcStatus())}
	h["Grpc-Message"] = []string{f.grpcMessage()}
	x.w.WriteHeader(http.StatusOK)
}

// passGRPC passes on what is asked about the server or a model: the message is read
// and written anew.
func (x *exchange) passGRPC() *fault {
	msg, f := x.onlyMessage()
	if f != nil {
		return f
	}
	sent, f := x.about(msg)
	if f != nil {
		return f
	}
	got, f := x.callGRPC(x.route.path, [][]byte{sent})
	if f != nil {
		return f
	}
	if len(got) > mostInfo || !wellFormed(got) {
		return unreadable(errors.New("no message about a model"))
	}
	x.answerGRPC([][]byte{got})
	return nil
}

// about reads the message of passGRPC, which has at most a name and a version.
func (x *exchange) about(msg []byte) ([]byte, *fault) {
	most := map[action]protowire.Number{grpcServer: 0, grpcHealth: 1, grpcModel: 2}[x.route.action]
	var value [3]string
	for last := protowire.Number(0); len(msg) > 0; {
		num, kind, n := protowire.ConsumeTag(msg)
		if n < 0 || kind != protowire.BytesType || num <= last || num > most {
			return nil, wireFault(&oip.Error{Code: oip.CodeMember, Err: errors.New("a field that is not known, or stands twice")})
		}
		text, m := protowire.ConsumeString(msg[n:])
		if m < 0 || text != "" && !serviceName(text) {
			return nil, wireFault(&oip.Error{Code: oip.CodeName, Err: errors.New("no name")})
		}
		value[num], last, msg = text, num, msg[n+m:]
	}
	if x.route.action == grpcModel {
		if f := x.choose(value[1]); f != nil {
			return nil, f
		}
	}
	var out []byte
	for i := protowire.Number(1); i <= most; i++ {
		if value[i] != "" {
			out = protowire.AppendString(protowire.AppendTag(out, i, protowire.BytesType), value[i])
		}
	}
	return out, nil
}

func serviceName(s string) bool { return len(s) <= 256 && plain(strings.ReplaceAll(s, "/", "_")) }

// wellFormed reports whether a message is a row of fields.
func wellFormed(msg []byte) bool {
	for len(msg) > 0 {
		_, _, n := protowire.ConsumeField(msg)
		if n < 0 {
			return false
		}
		msg = msg[n:]
	}
	return true
}
