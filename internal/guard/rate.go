package guard

import (
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// rates bounds how often each client asks. It knows a bounded number of clients;
// when there are more, those who have asked least lately are forgotten, and if all
// are busy the newcomers share one bound.
type rates struct {
	limit rate.Limit
	burst int
	most  int
	mu    sync.Mutex
	by    map[netip.Addr]*client
	rest  *rate.Limiter
	swept time.Time
}

type client struct {
	limiter *rate.Limiter
	last    time.Time
}

func newRates(l Limits) *rates {
	if l.Rate <= 0 {
		return nil
	}
	return &rates{
		limit: rate.Limit(l.Rate), burst: l.Burst, most: l.Clients,
		by: map[netip.Addr]*client{}, rest: rate.NewLimiter(rate.Limit(l.Rate), l.Burst),
	}
}

// allow reports whether a client may ask now.
func (r *rates) allow(addr netip.Addr, now time.Time) bool {
	if r == nil {
		return true
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	c := r.by[addr]
	if c == nil {
		if len(r.by) >= r.most {
			r.sweep(now)
		}
		if len(r.by) >= r.most {
			return r.rest.AllowN(now, 1)
		}
		c = &client{limiter: rate.NewLimiter(r.limit, r.burst)}
		r.by[addr] = c
	}
	c.last = now
	return c.limiter.AllowN(now, 1)
}

// sweep forgets who has its whole burst again: it would be as if it were new. It
// looks at everyone, hence no more than once a second.
func (r *rates) sweep(now time.Time) {
	if now.Sub(r.swept) < time.Second {
		return
	}
	r.swept = now
	for addr, c := range r.by {
		if c.limiter.TokensAt(now) >= float64(r.burst) {
			delete(r.by, addr)
		}
	}
}

// clientOf is whom a request counts for: the address it came from, or what a proxy
// that is trusted says. Of IPv6 it is the /64, which is what one client gets.
func clientOf(r *http.Request, proxies []netip.Prefix) netip.Addr {
	addr := addrOf(r.RemoteAddr)
	if len(proxies) == 0 || !within(addr, proxies) {
		return subnet(addr)
	}
	said := strings.Split(strings.Join(r.Header["X-Forwarded-For"], ","), ",")
	for _, s := range slices.Backward(said) {
		a, err := netip.ParseAddr(strings.TrimSpace(s))
		if err != nil {
			break
		}
		if addr = a.Unmap(); !within(addr, proxies) {
			break
		}
	}
	return subnet(addr)
}

func within(a netip.Addr, all []netip.Prefix) bool {
	for _, p := range all {
		if p.Contains(a) {
			return true
		}
	}
	return false
}

func addrOf(hostPort string) netip.Addr {
	host, _, err := net.SplitHostPort(hostPort)
	if err != nil {
		return netip.Addr{}
	}
	a, err := netip.ParseAddr(host)
	if err != nil {
		return netip.Addr{}
	}
	return a.Unmap().WithZone("")
}

func subnet(a netip.Addr) netip.Addr {
	if !a.Is6() {
		return a
	}
	p, err := a.Prefix(64)
	if err != nil {
		return a
	}
	return p.Addr()
}
