package guard

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"math"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"sync"
	"time"
)

// upstream speaks HTTP/1.1 to the model server over connections that it keeps. It
// exists beside net/http because a request is whole when it is sent: its parts go
// out in one write, no goroutine copies a body, and a server that answers before
// it has read everything does not break the connection towards the client.
type upstream struct {
	addr, host, base string
	tls              *tls.Config // nil for http
	idle             time.Duration
	buffers          *buffers
	room             *budget // for bodies of answers
	most             int64   // bytes of an answer

	mu   sync.Mutex
	free []*upstreamConn // the last used is last
}

// mostFree is how many connections are kept.
const mostFree = 512

// mostHead bounds status and headers of an answer.
const mostHead = 64 << 10

func newUpstream(u *url.URL, conf *tls.Config) *upstream {
	port := u.Port()
	if port == "" {
		port = map[string]string{"http": "80", "https": "443"}[u.Scheme]
	}
	p := &upstream{addr: net.JoinHostPort(u.Hostname(), port), host: u.Host, base: u.EscapedPath()}
	for len(p.base) > 0 && p.base[len(p.base)-1] == '/' {
		p.base = p.base[:len(p.base)-1]
	}
	if u.Scheme == "https" {
		p.tls = conf.Clone()
		p.tls.ServerName = u.Hostname()
		p.tls.NextProtos = []string{"http/1.1"}
	}
	return p
}

// question is a request to the server. Its body is the parts, one after another.
type question struct {
	method, path string
	contentType  string
	header       int // Inference-Header-Content-Length, or -1
	parent       string
	parts        [][]byte
}

// reply is an answer of the server. Close gives back its memory.
type reply struct {
	status      int
	contentType string
	header      []string // Inference-Header-Content-Length, as often as it came
	body        []byte
	encoded     bool // has a Content-Encoding
	free        func()
}

func (r *reply) Close() {
	if r.free != nil {
		r.free()
		r.free = nil
	}
}

type upstreamConn struct {
	net.Conn
	raw   net.Conn // beneath TLS
	left  int64    // how much may still be read
	r     *bufio.Reader
	head  []byte
	since time.Time
}

// Read keeps to what may be read.
func (c *upstreamConn) Read(p []byte) (int, error) {
	if c.left <= 0 {
		return 0, errHead
	}
	n, err := c.Conn.Read(p[:min(int64(len(p)), c.left)])
	c.left -= int64(n)
	return n, err
}

var (
	errHead     = fmt.Errorf("headers of more than %d bytes", mostHead)
	errTooLarge = errors.New("an answer over the limit")
	errNoRoom   = errors.New("no memory for the answer")
)

// do asks the server. A request that was written as a whole is never written
// again: the server may have begun with it.
func (p *upstream) do(ctx context.Context, q *question) (*reply, error) {
	for {
		c, reused, err := p.take(ctx)
		if err != nil {
			return nil, err
		}
		r, whole, err := p.ask(ctx, c, q)
		if err == nil {
			return r, nil
		}
		if ctx.Err() != nil {
			return nil, context.Cause(ctx)
		}
		if !reused || whole {
			return nil, err
		}
	}
}

// ask writes the question and reads the answer, and reports whether the question
// may have reached the server as a whole.
func (p *upstream) ask(ctx context.Context, c *upstreamConn, q *question) (r *reply, whole bool, err error) {
	stop := context.AfterFunc(ctx, func() { _ = c.SetDeadline(time.Unix(1, 0)) })
	defer func() {
		if stop() && err == nil && c.left > 0 {
			p.keep(c)
		} else {
			_ = c.Close() // an answer that is whole needs it no more
		}
	}()
	writeErr := c.write(p, q)
	r, again, err := c.read(p, q.method)
	if err != nil {
		return nil, writeErr == nil, errors.Join(writeErr, err)
	}
	if !again || writeErr != nil {
		c.left = 0
	}
	return r, true, nil
}

// write sends everything in one go.
func (c *upstreamConn) write(p *upstream, q *question) error {
	n := 0
	for _, b := range q.parts {
		n += len(b)
	}
	h := c.head[:0]
	h = append(h, q.method...)
	h = append(append(append(h, ' '), p.base...), q.path...)
	h = append(append(h, " HTTP/1.1\r\nHost: "...), p.host...)
	h = append(h, "\r\nUser-Agent: andiron\r\nAccept-Encoding: identity\r\n"...)
	if q.method != http.MethodGet {
		h = strconv.AppendInt(append(h, "Content-Length: "...), int64(n), 10)
		h = append(append(append(h, "\r\nContent-Type: "...), q.contentType...), "\r\n"...)
	}
	if q.header >= 0 {
		h = strconv.AppendInt(append(h, "Inference-Header-Content-Length: "...), int64(q.header), 10)
		h = append(h, "\r\n"...)
	}
	if q.parent != "" {
		h = append(append(append(h, "Traceparent: "...), q.parent...), "\r\n"...)
	}
	h = append(h, "\r\n"...)
	c.head = h
	all := make(net.Buffers, 0, len(q.parts)+1)
	all = append(append(all, c.head), q.parts...)
	_, err := all.WriteTo(c.Conn)
	return err
}

// read reads an answer, and reports whether the connection can be used again.
func (c *upstreamConn) read(p *upstream, method string) (r *reply, again bool, err error) {
	c.left = mostHead
	var res *http.Response
	for i := 0; ; i++ {
		//nolint:bodyclose // it is read to its end, or the connection is closed
		if res, err = http.ReadResponse(c.r, &http.Request{Method: method}); err != nil {
			return nil, false, err
		}
		if res.StatusCode >= 200 {
			break
		}
		if i == 4 || res.StatusCode == http.StatusSwitchingProtocols {
			return nil, false, fmt.Errorf("status %d before any answer", res.StatusCode)
		}
	}
	c.left = math.MaxInt64
	r = &reply{
		status: res.StatusCode, contentType: res.Header.Get("Content-Type"),
		header: res.Header["Inference-Header-Content-Length"], encoded: !identity(res.Header["Content-Encoding"]),
	}
	if err := r.fill(p, res); err != nil {
		r.Close()
		return nil, false, err
	}
	// What was not asked for is no beginning of the next answer.
	return r, !res.Close && c.r.Buffered() == 0, nil
}

func identity(encodings []string) bool {
	return !slices.ContainsFunc(encodings, func(e string) bool { return e != "" && e != "identity" })
}

// fill reads the body into a buffer that is taken out of the budget.
func (r *reply) fill(p *upstream, res *http.Response) error {
	if res.ContentLength > p.most {
		return errTooLarge
	}
	n := res.ContentLength
	if n < 0 {
		n = 64 << 10
	}
	if n == 0 {
		return nil
	}
	factor := int64(1)
	if len(r.header) == 0 {
		factor = bodyFactor
	}
	held := n * factor
	if !p.room.try(held) {
		return errNoRoom
	}
	b := p.buffers.get(int(n))
	r.free = func() { p.room.give(held); p.buffers.put(b) }
	if res.ContentLength >= 0 {
		r.body = *b
		_, err := io.ReadFull(res.Body, r.body)
		return err
	}
	got := 0
	for {
		m, err := res.Body.Read((*b)[got:])
		got += m
		if errors.Is(err, io.EOF) {
			r.body = (*b)[:got]
			return nil
		}
		if err != nil {
			return err
		}
		if got < len(*b) {
			continue
		}
		if int64(got) >= p.most {
			return errTooLarge
		}
		if !p.room.try(int64(got) * factor) {
			return errNoRoom
		}
		held += int64(got) * factor
		larger := p.buffers.get(2 * got)
		copy(*larger, *b)
		p.buffers.put(b)
		b = larger
	}
}

// take returns a connection that was used before, if there is one that the server
// has not closed, or makes one.
func (p *upstream) take(ctx context.Context) (c *upstreamConn, reused bool, err error) {
	for {
		p.mu.Lock()
		n := len(p.free)
		if n == 0 {
			p.mu.Unlock()
			break
		}
		c, p.free = p.free[n-1], p.free[:n-1]
		p.mu.Unlock()
		if time.Since(c.since) < p.idle && quietConn(c.raw) && c.SetDeadline(time.Time{}) == nil {
			return c, true, nil
		}
		_ = c.Close() // nothing is asked on it
	}
	c, err = p.dial(ctx)
	return c, false, err
}

func (p *upstream) dial(ctx context.Context) (*upstreamConn, error) {
	raw, err := (&net.Dialer{Timeout: 5 * time.Second}).DialContext(ctx, "tcp", p.addr)
	if err != nil {
		return nil, err
	}
	c := &upstreamConn{Conn: raw, raw: raw}
	if p.tls != nil {
		ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
		defer cancel()
		t := tls.Client(raw, p.tls)
		if err := t.HandshakeContext(ctx); err != nil {
			_ = raw.Close() // the handshake is the error
			return nil, err
		}
		c.Conn = t
	}
	c.r = bufio.NewReaderSize(c, 16<<10)
	return c, nil
}

func (p *upstream) keep(c *upstreamConn) {
	c.since = time.Now()
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.free) >= mostFree {
		_ = c.Close() // there are enough
		return
	}
	p.free = append(p.free, c)
}

// prune ends the connections that are too old, until ctx ends.
func (p *upstream) prune(ctx context.Context) {
	tick := time.NewTicker(p.idle)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		p.mu.Lock()
		p.free = slices.DeleteFunc(p.free, func(c *upstreamConn) bool {
			old := time.Since(c.since) >= p.idle
			if old {
				_ = c.Close() // nothing is asked on it
			}
			return old
		})
		p.mu.Unlock()
	}
}

// close ends the connections that are kept.
func (p *upstream) close() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, c := range p.free {
		_ = c.Close() // nothing is asked on them
	}
	p.free = nil
}
