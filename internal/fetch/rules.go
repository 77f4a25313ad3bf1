package fetch

import (
	"compress/gzip"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// rules say which addresses may be reached.
type rules struct {
	private []string // names in lower case
	public  func(netip.Addr) bool
}

// reach is where a chain of requests may lead, which its beginning decides.
type reach struct {
	near   bool     // to this machine only
	base   *url.URL // that the user named
	origin string   // of base: only it gets the credentials
}

func (r reach) credentials(at *url.URL) *url.Userinfo {
	if origin(at) != r.origin {
		return nil
	}
	if at.User != nil {
		return at.User
	}
	return r.base.User
}

func origin(u *url.URL) string {
	port := u.Port()
	if port == "" && u.Scheme == "https" {
		port = "443"
	}
	return u.Scheme + "://" + hostOf(u) + ":" + port
}

func hostOf(u *url.URL) string { return strings.TrimSuffix(strings.ToLower(u.Hostname()), ".") }

// begin takes the address of a request apart.
func (r rules) begin(req Request) (*url.URL, reach, error) {
	first, err := parse(req.URL)
	if err != nil {
		return nil, reach{}, err
	}
	base := first
	if req.Base != "" {
		if base, err = parse(req.Base); err != nil {
			return nil, reach{}, err
		}
	}
	reach := reach{near: isNear(hostOf(base)), base: base, origin: origin(base)}
	return first, reach, r.allow(reach, first)
}

// next is where a redirect leads.
func (r rules) next(reach reach, from *url.URL, to string) (*url.URL, error) {
	ref, err := url.Parse(to)
	if err != nil {
		return nil, fmt.Errorf("%q: it redirects to something that is no address", Plain(from))
	}
	next := from.ResolveReference(ref)
	if next.User = nil; origin(next) == origin(from) {
		next.User = from.User
	}
	if err := r.allow(reach, next); err != nil {
		return nil, fmt.Errorf("%q: redirect: %w", Plain(from), err)
	}
	return next, nil
}

func parse(s string) (*url.URL, error) {
	u, err := url.Parse(s)
	switch {
	case err != nil: // the error has the address with its credentials
		return nil, &final{errors.New("an address that cannot be taken apart")}
	case u.Scheme != "https" && u.Scheme != "http" || u.Host == "" || u.Hostname() == "":
		return nil, &final{fmt.Errorf("%q is not an http or https address", Plain(u))}
	}
	return u, nil
}

// allow judges what is visible in an address. What a name resolves to is judged
// when it is dialled.
func (r rules) allow(reach reach, at *url.URL) error {
	host := hostOf(at)
	near := isNear(host)
	switch {
	case at.Scheme != "https" && at.Scheme != "http" || host == "":
		return &final{fmt.Errorf("%q is not an http or https address", Plain(at))}
	case at.Scheme == "http" && !near:
		return &final{fmt.Errorf("%q: plain http is for this machine only", Plain(at))}
	case reach.near && !near:
		return &final{fmt.Errorf("%q: an address of this machine must not lead to another", Plain(at))}
	case !reach.near && near:
		return &final{fmt.Errorf("%q: another machine must not lead to this one", Plain(at))}
	}
	if ip, err := netip.ParseAddr(host); err == nil && !near && !r.public(ip) && host != hostOf(reach.base) {
		return r.notPublic(host, ip)
	}
	return nil
}

// isNear is true for the names of this machine.
func isNear(host string) bool {
	if host == "localhost" || strings.HasSuffix(host, ".localhost") {
		return true
	}
	ip, err := netip.ParseAddr(host)
	return err == nil && ip.Unmap().IsLoopback()
}

func (r rules) notPublic(host string, ip netip.Addr) error {
	if host == ip.String() {
		return &final{fmt.Errorf("%q is %w", host, errPrivate)}
	}
	return &final{fmt.Errorf("%q is at %s, which is %w", host, ip, errPrivate)}
}

// dialled judges the address that a host turned out to have.
func (r rules) dialled(near bool, host string, ip netip.Addr) error {
	ip = ip.Unmap().WithZone("")
	host = strings.TrimSuffix(strings.ToLower(host), ".")
	if near {
		if ip.IsLoopback() {
			return nil
		}
		return &final{fmt.Errorf("%q is at %s, which is not this machine", host, ip)}
	}
	if r.public(ip) {
		return nil
	}
	// Metadata services of clouds are link-local: no name may lead there. Networks of
	// organisations lie in more blocks than those of RFC 1918, as 100.64.0.0/10.
	if slices.Contains(r.private, host) && ip.IsGlobalUnicast() && ip != metadata6 {
		return nil
	}
	if literal, err := netip.ParseAddr(host); err == nil && literal.Unmap() == ip {
		return nil // the user's own words: allow has let it through
	}
	return r.notPublic(host, ip)
}

// metadata6 is the metadata service of a cloud that is no link-local address.
var metadata6 = netip.MustParseAddr("fd00:ec2::254")

// special are the blocks that RFC 6890's registries have beside those that netip
// knows, and those that carry an IPv4 address that could be any.
var special = func() (list []netip.Prefix) {
	for _, s := range []string{
		"0.0.0.0/8", "100.64.0.0/10", "192.0.0.0/24", "192.0.2.0/24", "192.88.99.0/24", "198.18.0.0/15",
		"198.51.100.0/24", "203.0.113.0/24", "240.0.0.0/4",
		"::/96", "64:ff9b::/96", "64:ff9b:1::/48", "100::/64", "2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20",
		"5f00::/16", "fec0::/10",
	} {
		list = append(list, netip.MustParsePrefix(s))
	}
	return list
}()

// isPublic is true for an address that anyone can reach.
func isPublic(ip netip.Addr) bool {
	ip = ip.Unmap()
	return ip.IsGlobalUnicast() && !ip.IsPrivate() && ip.Zone() == "" &&
		!slices.ContainsFunc(special, func(p netip.Prefix) bool { return p.Contains(ip) })
}

// world is what a client touches; tests have a smaller one.
type world struct {
	proxy    func(*http.Request) (*url.URL, error)
	resolver *net.Resolver
	tls      *tls.Config
	public   func(netip.Addr) bool
}

func newClient(opt Options, w world) *Client {
	c := &Client{opt: opt, rules: rules{public: w.public}}
	if w.public == nil {
		c.rules.public = isPublic
	}
	for _, h := range opt.PrivateHosts {
		c.rules.private = append(c.rules.private, strings.TrimSuffix(strings.ToLower(h), "."))
	}
	c.near = c.transport(w, true)
	c.far = c.transport(w, false)
	return c
}

// transport has connections of its own: what may be reached depends on where a chain
// began, and a connection that one chain has made must not serve another.
func (c *Client) transport(w world, near bool) *http.Transport {
	t := &http.Transport{
		DialContext:            c.dial(w, near),
		TLSClientConfig:        w.tls,
		TLSHandshakeTimeout:    15 * time.Second,
		ForceAttemptHTTP2:      true,
		DisableCompression:     true, // unpack does it, within bounds
		MaxIdleConnsPerHost:    4,
		MaxConnsPerHost:        8,
		IdleConnTimeout:        30 * time.Second,
		MaxResponseHeaderBytes: 256 << 10,
	}
	if !near {
		t.Proxy = w.proxy
	}
	return t
}

func (c *Client) dial(w world, near bool) func(context.Context, string, string) (net.Conn, error) {
	return func(ctx context.Context, network, addr string) (net.Conn, error) {
		host, _, err := net.SplitHostPort(addr)
		if err != nil {
			return nil, err
		}
		d := &net.Dialer{Timeout: 15 * time.Second, Resolver: w.resolver}
		if near || !isProxy(w.proxy, addr) {
			d.ControlContext = func(_ context.Context, _, address string, _ syscall.RawConn) error {
				to, err := netip.ParseAddrPort(address)
				if err != nil {
					return &final{fmt.Errorf("%q is no address to dial", address)}
				}
				return c.rules.dialled(near, host, to.Addr())
			}
		}
		return d.DialContext(ctx, network, addr)
	}
}

// isProxy is true for the address of the user's own proxy, which may be anywhere.
func isProxy(proxy func(*http.Request) (*url.URL, error), addr string) bool {
	if proxy == nil {
		return false
	}
	// A name that NO_PROXY cannot mean.
	u, err := proxy(&http.Request{URL: &url.URL{Scheme: "https", Host: "proxied.invalid"}})
	if err != nil || u == nil {
		return false
	}
	port := u.Port()
	if port == "" {
		port = map[string]string{"http": "80", "https": "443", "socks5": "1080", "socks5h": "1080"}[u.Scheme]
	}
	return net.JoinHostPort(u.Hostname(), port) == addr
}

// final is an error that no further attempt can make better.
type final struct{ error }

func (f *final) Unwrap() error { return f.error }

// failed words an error of the network, and says whether to try again.
func (c *Client) failed(at *url.URL, err error) error {
	if f, ok := errors.AsType[*final](err); ok {
		return fmt.Errorf("%q: %w", Plain(at), f)
	}
	text := fmt.Errorf("%q: %w", Plain(at), err)
	_, certificate := errors.AsType[*tls.CertificateVerificationError](err)
	dns, named := errors.AsType[*net.DNSError](err)
	switch {
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return &passing{fmt.Errorf("%q: the server is silent, or too slow: %w", Plain(at), err), 0}
	case certificate, named && dns.IsNotFound, errors.Is(err, gzip.ErrHeader), errors.Is(err, gzip.ErrChecksum):
		return text
	case errors.Is(err, io.ErrUnexpectedEOF):
		return &passing{fmt.Errorf("%q: the connection broke before the end of the body", Plain(at)), 0}
	}
	return &passing{text, 0}
}

// retryAfter is how long a server wants to be left alone.
func (c *Client) retryAfter(s string) time.Duration {
	if n, err := strconv.ParseUint(s, 10, 31); err == nil {
		return time.Duration(n) * time.Second
	}
	if t, err := http.ParseTime(s); err == nil {
		return max(0, t.Sub(c.opt.Now()))
	}
	return 0
}

// Plain is an address as it may be shown: without credentials, and without a query,
// in which signed addresses have theirs.
func Plain(u *url.URL) string {
	show := *u
	show.User, show.Fragment, show.RawFragment = nil, "", ""
	if show.RawQuery != "" {
		show.RawQuery = "..."
	}
	return show.String()
}
