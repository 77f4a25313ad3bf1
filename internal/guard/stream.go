package guard

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/andiron-dev/andiron/internal/oip"
)

// stream is a ModelStreamInfer: requests go one way and answers come the other,
// each answer held against the sizes of the requests that it may belong to. A
// request that is refused is answered with its fault, and the stream goes on.
type stream struct {
	x      *exchange
	blank  exchange // what each request and answer begins as
	cancel context.CancelCauseFunc
	timer  *time.Timer // cuts off a stream on which nothing moves
	over   atomic.Bool // what cannot be read any more is nobody's fault
	asked  ledger

	mu   sync.Mutex // of what is written to the client
	open bool       // the head was written
}

var errStill = errors.New("nothing moved on the stream")

func (x *exchange) streamGRPC() *fault {
	if f := x.grpcHead(); f != nil {
		return f
	}
	if !x.g.streams.take(x.ctx, 1) {
		return busy("there are too many streams")
	}
	x.hold(func() { x.g.streams.give(1) })
	ctx, cancel := context.WithCancelCause(x.ctx)
	defer cancel(nil)
	s := &stream{x: x, blank: *x, cancel: cancel, asked: ledger{room: x.g.memory}}
	defer s.asked.close()
	s.blank.held = nil
	s.timer = time.AfterFunc(s.patience(), func() { cancel(errStill) })
	defer s.timer.Stop()
	out, in := io.Pipe()
	var asking sync.WaitGroup
	asking.Go(func() { in.CloseWithError(s.ask(in)) })
	f := s.answers(ctx, out)
	s.over.Store(true)
	cancel(nil)
	// Whoever reads from the client or writes to the server stops now.
	_ = out.CloseWithError(context.Canceled)
	_ = x.rc.SetReadDeadline(time.Unix(1, 0))
	asking.Wait()
	if f != nil {
		return s.end(f)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.begin()
	x.w.Header()[http.TrailerPrefix+"Grpc-Status"] = []string{"0"}
	return nil
}

func (s *stream) patience() time.Duration { return max(s.x.g.c.Limits.Answer, s.x.g.c.Limits.Idle) }

// end ends a stream with a fault: in the head if nothing was written yet, else
// behind the messages.
func (s *stream) end(f *fault) *fault {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.open {
		return f
	}
	x := s.x
	x.code = f.code
	x.g.meter.refused(f.code).Inc()
	x.report(f)
	h := x.w.Header()
	h[http.TrailerPrefix+"Grpc-Status"] = []string{strconv.Itoa(f.grpcStatus())}
	h[http.TrailerPrefix+"Grpc-Message"] = []string{f.grpcMessage()}
	return nil
}

// ask reads requests until the client has no more, and writes those that pass to
// the server.
func (s *stream) ask(to io.Writer) error {
	for {
		part := s.part()
		h := &held{x: part}
		msg, f := part.readMessage(h, s.patience())
		h.settle()
		if f == nil && msg == nil || s.over.Load() {
			part.release()
			return io.EOF
		}
		s.timer.Reset(s.patience())
		if f == nil {
			f = s.forwardMessage(part, msg, to)
		}
		part.count(f)
		part.release()
		switch {
		case f == nil:
		case part.g.c.BareStreams || f.code == codeSlow || f.code == codeLength || f.code == codeEncoding || f.code == codeLarge:
			s.cancel(f)
			return f // what follows cannot be told apart from it, or there is no form for it
		default:
			s.complain(part, f)
		}
	}
}

// part is a request of a stream, with memory of its own.
func (s *stream) part() *exchange {
	x := s.blank
	x.begun = time.Now()
	return &x
}

// forwardMessage checks a message and writes it to the server.
func (s *stream) forwardMessage(x *exchange, msg []byte, to io.Writer) *fault {
	if f := x.slot(); f != nil {
		return f
	}
	begin := time.Now()
	req, f := x.parseGRPC(msg)
	if f != nil {
		return f
	}
	x.request = req.ID
	dims, f := x.check(req)
	if f != nil {
		return f
	}
	x.checked(begin)
	parts, _, err := req.AppendGRPC((*x.scratch(0))[:0])
	if err != nil {
		return wireFault(err)
	}
	if len(x.model.output) > 0 && !s.asked.add(s.key(x.model.name, req.ID), dims) {
		return busy("there is no memory to remember the request")
	}
	r, _ := framed(parts)
	if _, err := io.Copy(to, r); err != nil {
		return refuse(codeBackend, http.StatusBadGateway, "the model server does not answer").because(err)
	}
	return nil
}

// count counts a request of a stream.
func (x *exchange) count(f *fault) {
	if f != nil {
		x.g.meter.refused(f.code).Inc()
		x.report(f)
	}
	if m := x.model; m != nil {
		m.meter.bytesIn.AddInt64(x.got)
		m.meter.requests[x.proto].Inc()
	}
}

// streamFault is a message with the text of a fault, and an answer without outputs
// that says which request it is about.
func streamFault(r *oip.Response, f *fault) [][]byte {
	parts, _, err := oip.AppendStreamFault(nil, r, f.line())
	if err != nil { // a name and an id always can be written
		return nil
	}
	return parts
}

// complain answers a request that was refused.
func (s *stream) complain(x *exchange, f *fault) {
	r := &oip.Response{ID: x.request}
	if x.model != nil {
		r.Model = x.model.name
	}
	s.send(streamFault(r, f))
}

// answers reads what the server says, and writes it to the client.
func (s *stream) answers(ctx context.Context, body io.Reader) *fault {
	res, err := s.x.g.grpc.call(ctx, inference+"ModelStreamInfer", s.x.own.String(), body, -1)
	if err != nil {
		return s.broken(ctx, err)
	}
	defer func() { _ = res.Body.Close() }() // it was read, or nobody wants it
	for {
		part := s.part()
		msg, err := part.readReply(res.Body)
		if errors.Is(err, io.EOF) && msg == nil {
			part.release()
			return grpcRefused(res)
		}
		if err != nil {
			part.release()
			return s.broken(ctx, err)
		}
		s.timer.Reset(s.patience())
		f := s.answer(part, msg)
		part.release()
		if f != nil {
			return f
		}
	}
}

// broken says why a stream ended.
func (s *stream) broken(ctx context.Context, err error) *fault {
	if f, ok := errors.AsType[*fault](context.Cause(ctx)); ok {
		return f
	}
	if errors.Is(context.Cause(ctx), errStill) {
		return refuse(codeTimeout, http.StatusGatewayTimeout, errStill.Error()).because(err)
	}
	return s.x.noAnswer(err)
}

// answer checks an answer and writes it to the client.
func (s *stream) answer(x *exchange, msg []byte) *fault {
	res, f := s.read(msg)
	if f == nil {
		if f = x.choose(res.Model); f != nil {
			return unreadable(errors.New("an answer of a model without a schema"))
		}
		f = s.checkAnswer(x, res)
	}
	if f != nil && (res == nil || s.x.g.c.BareStreams) {
		return f
	}
	if f != nil {
		x.count(f)
		s.send(streamFault(&oip.Response{Model: res.Model, ID: res.ID, Parameters: res.Parameters}, f))
		return nil
	}
	write := res.AppendStream
	if s.x.g.c.BareStreams {
		write = res.AppendGRPC
	}
	parts, _, err := write((*x.scratch(0))[:0])
	if err != nil {
		return notInForm(err)
	}
	x.model.meter.bytesOut.AddInt64(s.send(parts))
	return nil
}

// key is what an answer has in common with its request. The answers of MLServer's
// streams all have the id of the first request.
func (s *stream) key(model, id string) askedKey {
	if s.x.g.c.BareStreams {
		id = ""
	}
	return askedKey{model, id}
}

// checkAnswer holds an answer against the schema and against the sizes of a request
// of this stream with its model and id.
func (s *stream) checkAnswer(x *exchange, res *oip.Response) *fault {
	if len(x.model.output) == 0 {
		return nil
	}
	dims, ok := s.asked.sizes(s.key(res.Model, res.ID), x.model.schema, withUnseen(res), isFinal(res))
	if !ok && x.model.shadow {
		x.g.journal.request(x.ctx, slog.LevelWarn, "shadow: an answer to no request would be refused", x.attrs(0, codeAnswer)...)
	} else if !ok {
		return unreadable(errors.New("an answer to no request of the stream"))
	}
	return x.checkAnswer(res, dims, true)
}

// finalResponse is how Triton says in a stream that there is no further answer to a
// request. It belongs to this form, and goes on to the client.
const finalResponse = "triton_final_response"

func isFinal(res *oip.Response) bool {
	return slices.ContainsFunc(res.Parameters, func(p oip.Parameter) bool {
		return p.Name == finalResponse && p.Value.Kind == oip.KindBool && p.Value.Bool
	})
}

// onlyFinal leaves out finalResponse where it is none.
func onlyFinal(res *oip.Response) {
	res.Parameters = slices.DeleteFunc(res.Parameters, func(p oip.Parameter) bool { return p.Value.Kind != oip.KindBool })
	for i, ps := range res.OutputParameters {
		res.OutputParameters[i] = slices.DeleteFunc(ps, func(p oip.Parameter) bool { return p.Name == finalResponse })
	}
}

// read reads an answer. A fault with an answer is one of the server about a
// request, and the stream goes on; what the server says of it stays behind.
func (s *stream) read(msg []byte) (*oip.Response, *fault) {
	opt := oip.Options{Limits: oip.Limits{Body: s.x.g.c.Limits.Body}, DropParameters: true}
	if s.x.g.c.BareStreams {
		res, err := oip.ParseGRPCResponse(msg, opt)
		if err != nil {
			return nil, unreadable(err)
		}
		return res, nil
	}
	opt.Parameters = []string{finalResponse}
	res, text, err := oip.ParseStreamResponse(msg, opt)
	if err != nil {
		return nil, unreadable(err)
	}
	if res != nil {
		onlyFinal(res)
	}
	if text == "" && res != nil {
		return res, nil
	}
	if res == nil {
		res = &oip.Response{}
	}
	return res, refuse(codeRefused, http.StatusBadRequest, "the model server refused the request")
}

// send writes a message to the client, and returns how many bytes.
func (s *stream) send(parts [][]byte) int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.begin()
	before := s.x.sent
	s.x.writeMessage(parts)
	_ = s.x.rc.Flush() // a client that has gone shows elsewhere
	return s.x.sent - before
}

func (s *stream) begin() {
	if !s.open {
		s.open = true
		s.x.headGRPC()
	}
}
