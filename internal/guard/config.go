package guard

import (
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// Config is what a gateway is made from. Listen, Backend or BackendGRPC, Schemas,
// Read and Log must be there.
type Config struct {
	Listen  string // address for clients
	Admin   string // address for metrics and health; empty is none
	Version string // of andiron

	Backend     string // http or https URL of the model server
	BackendGRPC string // the same for gRPC
	BareStreams bool   // answers of streams have no message around them, as MLServer's
	BackendCA   string // file of certificates that the server's is signed by; empty is those of the system
	ReadyPath   string // what to ask the server whether it is ready; empty only connects

	Schemas []Source
	Shadow  bool                              // every schema only reports
	Read    func(name string) ([]byte, error) // reads a schema, certificate or key
	// Beside reads a file that a schema names; nil is none.
	Beside func(schema, name string) ([]byte, error)
	Reload time.Duration // how often files are looked at again; 0 is never

	TLS     TLS
	Limits  Limits
	Proxies []netip.Prefix // whose X-Forwarded-For is believed
	Traces  Traces
	Log     *slog.Logger

	// unchecked leaves out the check of elements, to measure what it costs.
	unchecked bool
}

// Source is a file with a schema. Model is empty for the name that stands in it.
type Source struct{ Model, File string }

// TLS names the files for TLS towards clients. With ClientCA a client needs a
// certificate that one of it signed.
type TLS struct{ Cert, Key, ClientCA string }

// Traces says where spans go.
type Traces struct {
	Endpoint string  // URL of an OTLP/HTTP collector, without /v1/traces; empty is none
	Ratio    float64 // how many of the requests without a sampled parent are traced
}

// Limits bounds what clients can take. A zero is the default.
type Limits struct {
	Connections       int           // 4096
	ConnectionsClient int           // of one address: 512
	Requests          int           // at a time: 256
	Rate              float64       // requests a second of one address; 0 is any number
	Burst             int           // that may come at once: twice Rate
	Clients           int           // addresses that are known at a time: 16384
	Body              int64         // bytes of a request, and of an answer: 64 MiB
	Memory            int64         // bytes of all bodies that are held, half of it for requests: 1 GiB
	MinRate           int64         // bytes a second that a client has to send or take: 128 KiB
	Grace             time.Duration // on top of MinRate: 10 seconds
	Header            time.Duration // for the header of a request: 5 seconds
	Idle              time.Duration // between requests: 75 seconds
	Queue             time.Duration // for a place among Requests and in Memory: 1 second
	Answer            time.Duration // for the server to answer: 60 seconds
	BackendIdle       time.Duration // a connection to the server is used again for: 4 seconds
	DrainDelay        time.Duration // not ready, but still listening, before the end: 0
	Drain             time.Duration // for requests to end: 30 seconds
}

func (l Limits) filled() Limits {
	l.Connections = or(l.Connections, 4096)
	l.ConnectionsClient = or(l.ConnectionsClient, 512)
	l.Requests = or(l.Requests, 256)
	l.Burst = or(l.Burst, max(1, int(2*l.Rate)))
	l.Clients = or(l.Clients, 16384)
	l.Body = or(l.Body, 64<<20)
	l.Memory = or(l.Memory, 1<<30)
	l.MinRate = or(l.MinRate, 128<<10)
	l.Grace = or(l.Grace, 10*time.Second)
	l.Header = or(l.Header, 5*time.Second)
	l.Idle = or(l.Idle, 75*time.Second)
	l.Queue = or(l.Queue, time.Second)
	l.Answer = or(l.Answer, time.Minute)
	l.BackendIdle = or(l.BackendIdle, 4*time.Second)
	l.Drain = or(l.Drain, 30*time.Second)
	return l
}

// negative names a limit below zero, which is none.
func (l Limits) negative() string {
	for name, v := range map[string]int64{
		"connections": int64(l.Connections), "connections of a client": int64(l.ConnectionsClient), "requests": int64(l.Requests), "rate": int64(min(l.Rate, 1)),
		"burst": int64(l.Burst), "clients": int64(l.Clients), "body": l.Body, "memory": l.Memory, "least rate": l.MinRate, "grace": int64(l.Grace), "time for a header": int64(l.Header),
		"idle time": int64(l.Idle), "time in the queue": int64(l.Queue), "time for an answer": int64(l.Answer), "idle time of the server": int64(l.BackendIdle),
		"delay": int64(l.DrainDelay), "time to drain": int64(l.Drain),
	} {
		if v < 0 {
			return name
		}
	}
	return ""
}

// or is v, or def for what is not above zero.
func or[T int | int64 | time.Duration](v, def T) T {
	if v > 0 {
		return v
	}
	return def
}

func (c *Config) check() error {
	switch {
	case c.Backend == "" && c.BackendGRPC == "":
		return errors.New("no model server given")
	case len(c.Schemas) == 0:
		return errors.New("no schema given")
	case (c.TLS.Cert == "") != (c.TLS.Key == ""):
		return errors.New("a certificate needs a key, and a key a certificate")
	case c.TLS.ClientCA != "" && c.TLS.Cert == "":
		return errors.New("certificates of clients need TLS")
	case c.Limits.Memory < 2*bodyFactor*c.Limits.Body:
		return fmt.Errorf("%d bytes of memory have no room for a request and an answer of %d bytes, which may need %d", c.Limits.Memory, c.Limits.Body, 2*bodyFactor*c.Limits.Body)
	case !(0 <= c.Traces.Ratio && c.Traces.Ratio <= 1): // NaN is none either
		return fmt.Errorf("%g is not a share of the requests", c.Traces.Ratio)
	case c.Reload < 0:
		return fmt.Errorf("files cannot be read again every %s", c.Reload)
	case c.ReadyPath != "" && !isPath(c.ReadyPath):
		return fmt.Errorf("%q is not a path such as /v2/health/ready", c.ReadyPath)
	}
	for _, u := range []string{c.Backend, c.BackendGRPC, c.Traces.Endpoint} {
		if u == "" {
			continue
		}
		if _, err := parseURL(u); err != nil {
			return err
		}
	}
	return nil
}

// parseURL reads the address of a server: a scheme, a host, perhaps a port and a
// path, and nothing else.
func parseURL(s string) (*url.URL, error) {
	u, err := url.Parse(s)
	if err != nil {
		return nil, fmt.Errorf("%q is not a URL", s)
	}
	switch {
	case u.Scheme != "http" && u.Scheme != "https", u.Hostname() == "":
		return nil, fmt.Errorf("%q is not an http or https URL", s)
	case !validPort(u.Port()):
		return nil, fmt.Errorf("%q has a port that does not exist", s)
	case u.User != nil, u.RawQuery != "", u.Fragment != "", u.RawPath != "":
		return nil, fmt.Errorf("%q has more than a host, a port and a path", s)
	}
	return u, nil
}

// validPort reports whether a port may stand in a URL; it may be missing.
func validPort(s string) bool {
	n, err := strconv.ParseUint(s, 10, 16)
	return s == "" || err == nil && n > 0
}

// isPath reports whether a server can be asked for s: a slash, and nothing that ends
// the line of a request.
func isPath(s string) bool {
	return s[0] == '/' && strings.IndexFunc(s, func(c rune) bool { return c <= ' ' || c > '~' }) < 0
}

// sizeText spells a size as flags do.
func sizeText(n int64) string {
	switch {
	case n%(1<<20) == 0:
		return fmt.Sprintf("%d MiB", n>>20)
	case n%(1<<10) == 0:
		return fmt.Sprintf("%d KiB", n>>10)
	}
	return fmt.Sprintf("%d bytes", n)
}
