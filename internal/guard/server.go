package guard

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"runtime"
	"sync"
	"sync/atomic"
	"time"
)

// Gateway is one that listens.
type Gateway struct {
	c       Config
	meter   *meter
	journal *journal
	tracer  *tracer
	models  *registry
	certs   *certificates // nil without TLS
	rates   *rates
	slots   *budget // requests that are worked on
	streams *budget
	memory  *budget // bodies of requests
	shares  *shares // of the memory
	answers *budget // bodies of answers
	buffers *buffers
	http    *upstream // nil without an address
	grpc    *grpcUpstream

	listener *listener
	admin    net.Listener // nil without
	draining atomic.Bool
	probe    probe
}

// New reads schemas and certificates, and listens. Serve answers.
func New(ctx context.Context, c Config) (*Gateway, error) {
	if name := c.Limits.negative(); name != "" {
		return nil, fmt.Errorf("the limit of %s is below zero", name)
	}
	c.Limits = c.Limits.filled()
	if err := c.check(); err != nil {
		return nil, err
	}
	m := newMeter()
	l := c.Limits
	g := &Gateway{
		c: c, meter: m, journal: newJournal(c.Log, m), rates: newRates(l), buffers: &buffers{},
		slots: newBudget(int64(l.Requests), l.Queue), streams: newBudget(int64(l.Requests), l.Queue),
		memory: newBudget(l.Memory/2, l.Queue), answers: newBudget(l.Memory/2, l.Queue),
		shares: &shares{most: max(l.Memory/4, bodyFactor*l.Body), by: map[netip.Addr]int64{}},
	}
	g.tracer = newTracer(&g.c, m)
	g.models = &registry{c: &g.c, meter: m}
	if _, err := g.models.load(); err != nil {
		return nil, err
	}
	if err := g.connect(); err != nil {
		return nil, err
	}
	if err := g.listen(ctx); err != nil {
		return nil, err
	}
	g.watch()
	return g, nil
}

// connect makes what speaks to the server.
func (g *Gateway) connect() error {
	conf, err := g.c.towards()
	if err != nil {
		return err
	}
	if g.c.Backend != "" {
		u, err := parseURL(g.c.Backend)
		if err != nil {
			return err
		}
		g.http = newUpstream(u, conf)
		g.http.idle, g.http.buffers, g.http.room, g.http.most = g.c.Limits.BackendIdle, g.buffers, g.answers, g.c.Limits.Body
	}
	if g.c.BackendGRPC != "" {
		u, err := parseURL(g.c.BackendGRPC)
		if err != nil {
			return err
		}
		g.grpc = newGRPCUpstream(u, conf)
	}
	return nil
}

func (g *Gateway) listen(ctx context.Context) error {
	if g.c.TLS.Cert != "" {
		g.certs = &certificates{c: &g.c}
		if _, err := g.certs.load(); err != nil {
			return err
		}
	}
	var lc net.ListenConfig
	l, err := lc.Listen(ctx, "tcp", g.c.Listen)
	if err != nil {
		return err
	}
	refused := g.meter.set.NewCounter("andiron_guard_connections_refused_total")
	g.listener = newListener(l, g.c.Limits, refused.Inc)
	if g.c.Admin == "" {
		return nil
	}
	if g.admin, err = lc.Listen(ctx, "tcp", g.c.Admin); err != nil {
		_ = l.Close() // the other error is the one
		return err
	}
	return nil
}

func (g *Gateway) watch() {
	m := g.meter
	m.watch("requests_in_flight", func() float64 { return float64(g.slots.used.Load()) })
	m.watch("streams_open", func() float64 { return float64(g.streams.used.Load()) })
	m.watch("request_memory_bytes", func() float64 { return float64(g.memory.used.Load()) })
	m.watch("answer_memory_bytes", func() float64 { return float64(g.answers.used.Load()) })
	m.watch("memory_limit_bytes", func() float64 { return float64(g.memory.size + g.answers.size) })
	m.watch("connections_open", func() float64 { return float64(g.listener.open.Load()) })
}

// Addr is where clients are listened to.
func (g *Gateway) Addr() net.Addr { return g.listener.Addr() }

// AdminAddr is where metrics and health are, or nil.
func (g *Gateway) AdminAddr() net.Addr {
	if g.admin == nil {
		return nil
	}
	return g.admin.Addr()
}

// Serve answers until ctx ends, and then lets what has begun come to its end.
func (g *Gateway) Serve(ctx context.Context) error {
	main, admin := g.servers()
	background, stop := context.WithCancel(context.WithoutCancel(ctx))
	defer stop()
	var all sync.WaitGroup
	all.Go(func() { g.tracer.run(background) })
	all.Go(func() { g.reloading(background) })
	if g.http != nil {
		all.Go(func() { g.http.prune(background) })
	}
	failed := make(chan error, 2)
	all.Go(func() { failed <- g.serve(main, g.listener) })
	if g.admin != nil {
		all.Go(func() { failed <- admin.Serve(g.admin) })
	}
	g.started(ctx)
	var err error
	select {
	case <-ctx.Done():
	case err = <-failed:
	}
	if drainErr := g.drain(background, main); err == nil {
		err = drainErr
	}
	_ = admin.Close() // nobody asks any more
	if g.http != nil {
		g.http.close()
	}
	stop()
	all.Wait()
	if errors.Is(err, http.ErrServerClosed) {
		err = nil
	}
	return err
}

func (g *Gateway) started(ctx context.Context) {
	for _, name := range g.models.all().names() {
		m := g.models.find(name)
		if m != nil {
			g.c.Log.LogAttrs(ctx, slog.LevelInfo, "schema in force", slog.String("model", name), slog.String("sha256", m.schema.SHA256()), slog.Bool("shadow", m.shadow))
		}
	}
	attrs := []slog.Attr{slog.String("listen", g.Addr().String()), slog.Bool("tls", g.certs != nil), slog.Bool("client_certificates", g.c.TLS.ClientCA != "")}
	if g.admin != nil {
		attrs = append(attrs, slog.String("admin", g.admin.Addr().String()))
	}
	g.c.Log.LogAttrs(ctx, slog.LevelInfo, "gateway listens", attrs...)
}

// servers are the one for clients and the one for operators.
func (g *Gateway) servers() (main, admin *http.Server) {
	l := g.c.Limits
	ours := slog.NewLogLogger(quietHandler{g.journal}, slog.LevelDebug)
	main = &http.Server{
		Handler: g, ReadHeaderTimeout: l.Header, IdleTimeout: l.Idle, MaxHeaderBytes: 16 << 10, ErrorLog: ours, Protocols: &http.Protocols{}, DisableGeneralOptionsHandler: true,
		HTTP2: &http.HTTP2Config{MaxConcurrentStreams: 128, MaxReadFrameSize: 1 << 20, MaxReceiveBufferPerConnection: 4 << 20, MaxReceiveBufferPerStream: 1 << 20, SendPingTimeout: l.Idle},
	}
	main.Protocols.SetHTTP1(true)
	if g.certs != nil {
		main.Protocols.SetHTTP2(true)
		main.TLSConfig = g.certs.server()
	} else {
		main.Protocols.SetUnencryptedHTTP2(true)
	}
	admin = &http.Server{Handler: g.adminHandler(), ReadHeaderTimeout: l.Header, ReadTimeout: l.Header, IdleTimeout: l.Idle, WriteTimeout: time.Minute, MaxHeaderBytes: 16 << 10, ErrorLog: ours}
	return main, admin
}

// SpareThreads lets two more threads run Go than would otherwise: while the kernel copies
// a large body, its thread is one of those, and requests would wait for it.
func SpareThreads() { runtime.GOMAXPROCS(runtime.GOMAXPROCS(0) + 2) }

func (g *Gateway) serve(s *http.Server, l net.Listener) error {
	if g.certs != nil {
		return s.Serve(tls.NewListener(l, s.TLSConfig))
	}
	return s.Serve(l)
}

// drain says that it is not ready, waits until nobody sends new requests here, and
// then lets the last ones end.
func (g *Gateway) drain(ctx context.Context, s *http.Server) error {
	g.draining.Store(true)
	g.c.Log.LogAttrs(ctx, slog.LevelInfo, "gateway drains", slog.Int64("requests", g.slots.used.Load()))
	s.SetKeepAlivesEnabled(false)
	time.Sleep(g.c.Limits.DrainDelay)
	ctx, cancel := context.WithTimeout(ctx, g.c.Limits.Drain)
	defer cancel()
	if err := s.Shutdown(ctx); err != nil {
		_ = s.Close() // the error is that they did not end in time
		return fmt.Errorf("requests did not end within %v", g.c.Limits.Drain)
	}
	return nil
}

// reloading looks at the files again and again.
func (g *Gateway) reloading(ctx context.Context) {
	if g.c.Reload <= 0 {
		return
	}
	tick := time.NewTicker(g.c.Reload)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			if g.models.stale() {
				g.reloadSchemas(ctx)
			}
			g.reloadCertificates(ctx, (*certificates).watch)
		}
	}
}

// Reload reads schemas and certificates again. What is broken is reported, and
// what was there before stays in force.
func (g *Gateway) Reload(ctx context.Context) {
	g.reloadSchemas(ctx)
	g.reloadCertificates(ctx, (*certificates).load)
}

func (g *Gateway) reloadSchemas(ctx context.Context) {
	changed, err := g.models.load()
	g.reloaded(ctx, "schemas", err)
	for _, name := range changed {
		m := g.models.find(name)
		if m != nil {
			g.c.Log.LogAttrs(ctx, slog.LevelInfo, "schema replaced", slog.String("model", name), slog.String("sha256", m.schema.SHA256()))
		}
	}
}

func (g *Gateway) reloadCertificates(ctx context.Context, load func(*certificates) (bool, error)) {
	if g.certs == nil {
		return
	}
	if changed, err := load(g.certs); changed || err != nil {
		g.reloaded(ctx, "certificates", err)
	}
}

func (g *Gateway) reloaded(ctx context.Context, what string, err error) {
	if err != nil {
		g.meter.reloadsBad.Inc()
		g.c.Log.LogAttrs(ctx, slog.LevelError, what+" could not be read again, those before stay in force", slog.String("error", err.Error()))
		return
	}
	g.meter.reloads.Inc()
}

// quietHandler takes what net/http says about connections.
type quietHandler struct{ j *journal }

func (h quietHandler) Enabled(ctx context.Context, _ slog.Level) bool {
	return h.j.log.Enabled(ctx, slog.LevelDebug)
}

// Handle writes the line if there is room for it.
func (h quietHandler) Handle(ctx context.Context, r slog.Record) error {
	h.j.request(ctx, slog.LevelDebug, "connection", slog.String("error", r.Message))
	return nil
}

// WithAttrs is not used by net/http.
func (h quietHandler) WithAttrs([]slog.Attr) slog.Handler { return h }

// WithGroup is not used by net/http.
func (h quietHandler) WithGroup(string) slog.Handler { return h }
