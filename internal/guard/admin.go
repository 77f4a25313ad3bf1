package guard

import (
	"context"
	"io"
	"net/http"
	"sync"
	"time"
)

// adminHandler answers operators: metrics, and whether the gateway lives and is
// ready. It belongs on an address that clients do not reach.
func (g *Gateway) adminHandler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { say(w, http.StatusOK, "ok") })
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, r *http.Request) {
		if reason := g.notReady(r.Context()); reason != "" {
			say(w, http.StatusServiceUnavailable, reason)
			return
		}
		say(w, http.StatusOK, "ready")
	})
	mux.HandleFunc("GET /metrics", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/plain; version=0.0.4; charset=utf-8")
		_ = g.meter.write(w) // whoever asked has gone
	})
	return mux
}

func say(w http.ResponseWriter, status int, text string) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.WriteHeader(status)
	_, _ = io.WriteString(w, text+"\n") // whoever asked has gone
}

// probe is what the server last answered when it was asked whether it is ready.
type probe struct {
	mu     sync.Mutex
	at     time.Time
	reason string
}

// probeAge is how long an answer counts, so that asking us is not asking the
// server as often.
const probeAge = time.Second

// notReady says why not, or nothing.
func (g *Gateway) notReady(ctx context.Context) string {
	if g.draining.Load() {
		return "draining"
	}
	p := &g.probe
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.at.IsZero() || time.Since(p.at) > probeAge {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
		defer cancel()
		p.reason, p.at = g.askReady(ctx), time.Now()
	}
	return p.reason
}

func (g *Gateway) askReady(ctx context.Context) string {
	if g.http == nil {
		return g.grpc.reachable(ctx)
	}
	if g.c.ReadyPath == "" {
		c, _, err := g.http.take(ctx)
		if err != nil {
			return "the model server cannot be reached"
		}
		g.http.keep(c)
		return ""
	}
	r, err := g.http.do(ctx, &question{method: http.MethodGet, path: g.c.ReadyPath, header: -1})
	if err != nil {
		return "the model server cannot be reached"
	}
	defer r.Close()
	if r.status != http.StatusOK {
		return "the model server is not ready"
	}
	return ""
}
