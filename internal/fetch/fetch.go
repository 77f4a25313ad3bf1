// Package fetch gets files from other machines. Beside the gateway, which talks to
// its model server (internal/guard), it is the only package that talks
// to them; whoever wants something from a network asks here.
//
// # Security
//
// The other side is hostile. A body is bounded in bytes, also when it is unpacked,
// and in time; headers, redirects and attempts are bounded. Only https is spoken,
// except to this machine itself.
//
// A page must not make us a way into the network that we run in. Every address is
// checked when it is dialled, so that a name which resolves to something else the
// second time is found out: a chain of requests that began at a public name never
// leads to a loopback, private, link-local or otherwise special address, and one
// that began at this machine never leads away from it. An address of a private
// network is reached only if the caller wrote that very address, or lists the name
// in Options.PrivateHosts.
//
// Credentials of an address are sent to its own scheme, host and port, and to
// nothing that it redirects to. They are in no error. No cookies are kept, and no
// page is told which other page led to it.
//
// A proxy is used where HTTPS_PROXY, NO_PROXY and their lower-case forms say so, as
// net/http has it. A proxy resolves names itself: the addresses behind it are then
// its to check, and only what is visible in the name is checked here.
//
// # Limits
//
// Options and Request have them, with defaults.
//
// # Specification
//
// RFC 9110: redirects §15.4, conditional requests §13.1, Retry-After §10.2.3.
// RFC 6890 and its registries: addresses that are not public.
package fetch

import (
	"bytes"
	"cmp"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/andiron-dev/andiron/internal/bounded"
)

// Options are what is the same for all requests. Zero fields have defaults.
type Options struct {
	Version      string   // of andiron, for the User-Agent
	PrivateHosts []string // names that may be in a private network, such as "index.corp.example"
	Attempts     int      // 4, of one request
	Redirects    int      // 5, of one request
	// Idle is how long a server may be silent: 30 seconds.
	Idle time.Duration
	// Wait is how long to wait for a server that says when to come again: a minute.
	Wait time.Duration
	// Sleep waits, and Now is the clock; tests have their own.
	Sleep func(context.Context, time.Duration) error
	Now   func() time.Time
}

func (o Options) withDefaults() Options {
	o.Version = cmp.Or(o.Version, "devel")
	o.Attempts = cmp.Or(o.Attempts, 4)
	o.Redirects = cmp.Or(o.Redirects, 5)
	o.Idle = cmp.Or(o.Idle, 30*time.Second)
	o.Wait = cmp.Or(o.Wait, time.Minute)
	if o.Sleep == nil {
		o.Sleep = sleep
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	return o
}

// Request is one thing to get.
type Request struct {
	URL string
	// Base is the address that the user named and that led to URL, if URL is from a
	// page: it decides where URL may lead. Credentials in it are for URL too, if that
	// is on the same server.
	Base   string
	Accept string // the header, if any
	// ETag and LastModified are of the copy that the caller has.
	ETag, LastModified string
	MaxBytes           int64         // of the body as it is delivered: 32 MiB
	Timeout            time.Duration // of one attempt: 2 minutes
}

func (r Request) withDefaults() Request {
	r.MaxBytes = cmp.Or(r.MaxBytes, 32<<20)
	r.Timeout = cmp.Or(r.Timeout, 2*time.Minute)
	return r
}

// Response is what came.
type Response struct {
	URL                string // that the body came from, without credentials
	ContentType        string
	ETag, LastModified string
	NotModified        bool // the caller's copy is current, and there is no body
	Size               int64
	SHA256             string // of the body as it is delivered, in hexadecimal
}

// Modified is when the file changed last, as the server says, or zero.
func (r *Response) Modified() time.Time {
	at, err := http.ParseTime(r.LastModified)
	if err != nil {
		return time.Time{}
	}
	return at
}

// StatusError is an answer that is not the file: 404, or 503 to the last attempt.
type StatusError struct {
	Code int
	URL  string // without credentials
}

func (e *StatusError) Error() string {
	return fmt.Sprintf("%q: the server answers %d %s", e.URL, e.Code, strings.ToLower(http.StatusText(e.Code)))
}

// IsNotFound reports whether an error says that the server does not have a file.
func IsNotFound(err error) bool {
	e, ok := errors.AsType[*StatusError](err)
	return ok && e.Code == http.StatusNotFound
}

var errPrivate = errors.New("not a public address")

// IsPrivate reports whether an error says that a host is in a private network, which
// Options.PrivateHosts lets it be.
func IsPrivate(err error) bool { return errors.Is(err, errPrivate) }

// Client gets files. It may be used by several goroutines.
type Client struct {
	opt   Options
	near  http.RoundTripper // reaches this machine only
	far   http.RoundTripper // reaches everything else
	rules rules
}

// New returns a client.
func New(opt Options) *Client {
	return newClient(opt.withDefaults(), world{proxy: http.ProxyFromEnvironment})
}

// job is how a request is made, and where its body goes.
type job struct {
	Request

	method string
	packed bool // gzip is taken off
	open   func() (io.Writer, error)
}

// Get gets a small file into memory. The body may come packed by gzip.
func (c *Client) Get(ctx context.Context, req Request) ([]byte, *Response, error) {
	var b bytes.Buffer
	res, err := c.attempts(ctx, &job{req.withDefaults(), http.MethodGet, true, func() (io.Writer, error) {
		b.Reset()
		return &b, nil
	}})
	if err != nil {
		return nil, nil, err
	}
	return b.Bytes(), res, nil
}

// Stream writes a file as it comes, byte for byte. open is called before each
// attempt that gets a body: what the attempt before it wrote is void.
func (c *Client) Stream(ctx context.Context, req Request, open func() (io.Writer, error)) (*Response, error) {
	return c.attempts(ctx, &job{req.withDefaults(), http.MethodGet, false, open})
}

// Head asks what a file is like, without its body: the size is what the server says,
// or 0, and there is no digest.
func (c *Client) Head(ctx context.Context, req Request) (*Response, error) {
	return c.attempts(ctx, &job{req.withDefaults(), http.MethodHead, false, nil})
}

// attempts tries again what may end better the next time.
func (c *Client) attempts(ctx context.Context, j *job) (*Response, error) {
	first, reach, err := c.rules.begin(j.Request)
	if err != nil {
		return nil, err
	}
	for n := 1; ; n++ {
		res, err := c.attempt(ctx, j, first, reach)
		if err == nil {
			return res, nil
		}
		again, ok := errors.AsType[*passing](err)
		if !ok {
			return nil, err
		}
		if ctx.Err() != nil {
			return nil, fmt.Errorf("%q: interrupted: %w", Plain(first), context.Cause(ctx))
		}
		if n >= c.opt.Attempts {
			return nil, again.after(n)
		}
		wait := max(again.wait, 500*time.Millisecond<<min(n-1, 6))
		if wait > c.opt.Wait {
			return nil, fmt.Errorf("%w; it wants %v until the next attempt", again.error, wait)
		}
		if err := c.opt.Sleep(ctx, wait); err != nil {
			return nil, again.after(n)
		}
	}
}

// passing is an error that may be gone the next time.
type passing struct {
	error

	wait time.Duration // that the server asks for
}

func (p *passing) Unwrap() error { return p.error }

func (p *passing) after(n int) error {
	if n == 1 {
		return p.error
	}
	return fmt.Errorf("%w, after %d attempts", p.error, n)
}

func sleep(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-t.C:
		return nil
	}
}

// attempt follows the redirects of one attempt and delivers the body.
func (c *Client) attempt(ctx context.Context, j *job, first *url.URL, reach reach) (*Response, error) {
	ctx, cancel := context.WithTimeout(ctx, j.Timeout)
	defer cancel()
	watch := time.AfterFunc(c.opt.Idle, cancel)
	defer watch.Stop()
	at := first
	for hop := 0; ; hop++ {
		if hop > c.opt.Redirects {
			return nil, fmt.Errorf("%q: more than %d redirects", Plain(first), c.opt.Redirects)
		}
		res, err := c.ask(ctx, j, reach, at)
		if err != nil {
			return nil, c.failed(at, err)
		}
		watch.Reset(c.opt.Idle)
		if to := redirect(res); to != "" {
			_ = res.Body.Close() // of no interest
			if at, err = c.rules.next(reach, at, to); err != nil {
				return nil, err
			}
			continue
		}
		return c.answer(j, res, at, func() { watch.Reset(c.opt.Idle) })
	}
}

// ask sends one request.
func (c *Client) ask(ctx context.Context, j *job, reach reach, at *url.URL) (*http.Response, error) {
	bare := *at
	bare.User, bare.Fragment = nil, ""
	r, err := http.NewRequestWithContext(ctx, j.method, bare.String(), http.NoBody)
	if err != nil {
		return nil, err
	}
	r.Header.Set("User-Agent", "andiron/"+c.opt.Version)
	r.Header.Set("Accept-Encoding", "identity")
	if j.packed {
		r.Header.Set("Accept-Encoding", "gzip")
	}
	for name, value := range map[string]string{"Accept": j.Accept, "If-None-Match": j.ETag, "If-Modified-Since": j.LastModified} {
		if value != "" {
			r.Header.Set(name, value)
		}
	}
	if u := reach.credentials(at); u != nil {
		password, _ := u.Password()
		r.SetBasicAuth(u.Username(), password)
	}
	if reach.near {
		return c.near.RoundTrip(r)
	}
	return c.far.RoundTrip(r)
}

func redirect(res *http.Response) string {
	switch res.StatusCode {
	case http.StatusMovedPermanently, http.StatusFound, http.StatusSeeOther, http.StatusTemporaryRedirect, http.StatusPermanentRedirect:
		return res.Header.Get("Location")
	}
	return ""
}

// answer delivers the body of an answer, or says why there is none.
func (c *Client) answer(j *job, res *http.Response, at *url.URL, alive func()) (*Response, error) {
	defer func() { _ = res.Body.Close() }() // it was read, or is of no interest
	out := &Response{
		URL: Plain(at), ContentType: res.Header.Get("Content-Type"),
		ETag: res.Header.Get("ETag"), LastModified: res.Header.Get("Last-Modified"),
	}
	if res.StatusCode == http.StatusNotModified && j.ETag+j.LastModified != "" {
		out.NotModified = true
		return out, nil
	}
	if res.StatusCode != http.StatusOK {
		return nil, c.refusal(res, at)
	}
	if j.method == http.MethodHead {
		out.Size = max(0, res.ContentLength)
		return out, nil
	}
	if res.ContentLength > j.MaxBytes {
		return nil, fmt.Errorf("%q: %d bytes: %w", out.URL, res.ContentLength, bounded.Exceeded("bytes of a body", j.MaxBytes))
	}
	if err := c.deliver(j, res, at, out, alive); err != nil {
		return nil, err
	}
	return out, nil
}

// deliver copies a body to where it goes, and notes its size and digest.
func (c *Client) deliver(j *job, res *http.Response, at *url.URL, out *Response, alive func()) error {
	body, err := unpack(res, j.packed, j.MaxBytes, alive)
	if err != nil {
		return c.failed(at, err)
	}
	w, err := j.open()
	if err != nil {
		return err
	}
	sum := sha256.New()
	sink := &sink{to: io.MultiWriter(sum, w)}
	out.Size, err = io.Copy(sink, io.LimitReader(body, j.MaxBytes+1))
	switch {
	case sink.err != nil:
		return sink.err
	case out.Size > j.MaxBytes:
		return fmt.Errorf("%q: %w", out.URL, bounded.Exceeded("bytes of a body", j.MaxBytes))
	case err != nil:
		return c.failed(at, err)
	}
	out.SHA256 = hex.EncodeToString(sum.Sum(nil))
	return nil
}

// sink keeps the error of writing apart from those of reading.
type sink struct {
	to  io.Writer
	err error
}

func (s *sink) Write(b []byte) (int, error) {
	n, err := s.to.Write(b)
	if err != nil {
		s.err = err
	}
	return n, err
}

// pulse says at each read that the server is alive.
type pulse struct {
	io.Reader

	alive func()
}

func (p pulse) Read(b []byte) (int, error) {
	n, err := p.Reader.Read(b)
	if n > 0 {
		p.alive()
	}
	return n, err
}

// unpack takes gzip off a body, if it was asked for. A file that is streamed is
// what the bytes are: servers mark archives as packed that are nothing else.
func unpack(res *http.Response, packed bool, limit int64, alive func()) (io.Reader, error) {
	body := pulse{io.LimitReader(res.Body, limit+1), alive} // packed nothing is something, too
	encoding := strings.ToLower(strings.TrimSpace(res.Header.Get("Content-Encoding")))
	switch {
	case !packed || encoding == "" || encoding == "identity":
		return body, nil
	case encoding == "gzip" || encoding == "x-gzip":
		return gzip.NewReader(body)
	}
	return nil, &final{fmt.Errorf("the body is encoded as %.40q, which was not asked for", encoding)}
}

// refusal makes an error of a status. What a server may do better later is tried
// again, at the time that it names.
func (c *Client) refusal(res *http.Response, at *url.URL) error {
	err := &StatusError{Code: res.StatusCode, URL: Plain(at)}
	switch res.StatusCode {
	case http.StatusTooManyRequests, http.StatusInternalServerError, http.StatusBadGateway,
		http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		return &passing{err, c.retryAfter(res.Header.Get("Retry-After"))}
	}
	return err
}
