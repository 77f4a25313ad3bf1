package cli

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/andiron-dev/andiron/internal/guard"
)

const gatewayForm = "docs/spec/gateway-v1.md explains every flag"

// guardServeFlags are the flags of guard serve.
type guardServeFlags struct {
	c         guard.Config
	schemas   []string
	proxies   []string
	logLevel  choice
	logFormat choice
	body, mem size
	rate      size
}

func (a *app) guardServeCommand() *cobra.Command {
	return a.guardServeCommandWith(&guardServeFlags{})
}

func (a *app) guardServeCommandWith(f *guardServeFlags) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "serve --schema FILE --backend URL",
		Short: "Stand in front of a model server and check every tensor",
		Long: `Listen for clients of a model server, hold every tensor of a request and of its answer
against the schema of the model, and send on what was understood, written anew; what is
not as the schema says never reaches the server. Triton, KServe, MLServer, TorchServe and
other servers of the Open Inference Protocol are spoken to, in JSON, with the binary
extension, and by gRPC on the same port. Only inference, metadata and health of models
with a schema are let through.

Schemas and certificates are read again when their files change or on SIGHUP; a broken
one is reported, and the one before stays in force. SIGTERM lets requests end, then stops.
Metrics, /healthz and /readyz are on an address of their own.`,
		Example: `  andiron guard serve --schema resnet.schema.yaml --backend http://127.0.0.1:8000
  andiron guard serve --schema bert=bert.yaml --schema resnet=resnet.yaml \
      --listen :9000 --backend http://triton.example:8000 --backend-grpc http://triton.example:8001
  andiron guard serve --schema resnet.schema.yaml --backend http://127.0.0.1:8000 --shadow`,
		Args: wants("argument", 0, 0),
		RunE: func(cmd *cobra.Command, _ []string) error { return a.guardServe(cmd, f) },
	}
	f.addServers(cmd)
	f.addLimits(cmd)
	cmd.Flags().SortFlags = false
	return cmd
}

func (f *guardServeFlags) addServers(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.StringArrayVar(&f.schemas, "schema", nil, "the schema in `[NAME=]FILE`; NAME is the model's, without it the schema says it. May be given again")
	flags.StringVar(&f.c.Backend, "backend", "", "the `URL` of the model server, http or https")
	flags.StringVar(&f.c.BackendGRPC, "backend-grpc", "", "the `URL` of the model server's gRPC port")
	flags.BoolVar(&f.c.BareStreams, "bare-streams", false, "the server's streams have answers without a message around them, as those of MLServer")
	flags.StringVar(&f.c.BackendCA, "backend-ca", "", "trust servers with a certificate signed by one in `FILE`, instead of the system's")
	flags.StringVar(&f.c.ReadyPath, "backend-ready", "/v2/health/ready", "`PATH` that says whether the server is ready; empty only connects")
	flags.StringVar(&f.c.Listen, "listen", "127.0.0.1:9000", "take clients on `ADDRESS`")
	flags.StringVar(&f.c.Admin, "admin-listen", "127.0.0.1:9001", "metrics and health on `ADDRESS`; empty for none")
	flags.BoolVar(&f.c.Shadow, "shadow", false, "only report what would be refused, whatever the schemas say")
	flags.DurationVar(&f.c.Reload, "reload", 2*time.Second, "look at schemas and certificates again after `TIME`; 0 only on SIGHUP")
	flags.StringVar(&f.c.TLS.Cert, "tls-cert", "", "take clients by TLS, with the certificates in `FILE`")
	flags.StringVar(&f.c.TLS.Key, "tls-key", "", "the key of the certificate in `FILE`")
	flags.StringVar(&f.c.TLS.ClientCA, "client-ca", "", "take only clients with a certificate signed by one in `FILE`")
	flags.StringArrayVar(&f.proxies, "trusted-proxy", nil, "believe X-Forwarded-For of the addresses in `CIDR`; may be given again")
	flags.StringVar(&f.c.Traces.Endpoint, "otlp", "", "send traces to the `URL` of an OTLP/HTTP collector")
	flags.Float64Var(&f.c.Traces.Ratio, "trace-ratio", 0.01, "trace this `SHARE` of the requests that are in no trace yet")
	addChoice(cmd, &f.logLevel, "log-level", "what is logged; debug has a line for each request", "info", "debug", "warn", "error")
	addChoice(cmd, &f.logFormat, "log-format", "how it is logged", "json", "text")
}

func (f *guardServeFlags) addLimits(cmd *cobra.Command) {
	flags, l := cmd.Flags(), &f.c.Limits
	f.body, f.mem, f.rate = 64<<20, 1<<30, 128<<10
	flags.Var(&f.body, "max-body", "bytes of a request or an answer")
	flags.Var(&f.mem, "max-memory", "bytes of all bodies that are held at a time")
	flags.IntVar(&l.Requests, "max-requests", 256, "work on `N` requests at a time")
	flags.IntVar(&l.Connections, "max-connections", 4096, "keep `N` connections")
	flags.IntVar(&l.ConnectionsClient, "max-connections-per-client", 512, "keep `N` connections of one address")
	flags.Float64Var(&l.Rate, "rate", 0, "take `N` requests a second of one address; 0 is any number")
	flags.IntVar(&l.Burst, "burst", 0, "take `N` requests at once (default twice --rate)")
	flags.Var(&f.rate, "min-rate", "bytes a second that a client has to send and to take")
	flags.DurationVar(&l.Grace, "grace", 10*time.Second, "`TIME` that a client has on top of that")
	flags.DurationVar(&l.Header, "header-timeout", 5*time.Second, "`TIME` for the header of a request")
	flags.DurationVar(&l.Idle, "idle-timeout", 75*time.Second, "`TIME` between requests of a connection")
	flags.DurationVar(&l.Queue, "queue-timeout", time.Second, "`TIME` that a request waits for its turn")
	flags.DurationVar(&l.Answer, "timeout", time.Minute, "`TIME` that the server has to answer")
	flags.DurationVar(&l.BackendIdle, "backend-idle", 4*time.Second, "use a connection to the server again for `TIME`; less than the server keeps it")
	flags.DurationVar(&l.DrainDelay, "drain-delay", 0, "on SIGTERM, say not ready and go on for `TIME`")
	flags.DurationVar(&l.Drain, "drain-timeout", 30*time.Second, "then let requests end for `TIME`")
}

func (a *app) guardServe(cmd *cobra.Command, f *guardServeFlags) error {
	if err := noZero(cmd.Flags()); err != nil {
		return err
	}
	c, err := f.config()
	if err != nil {
		return err
	}
	c.Version = version()
	c.Log = f.logger(a)
	a.heap.serve()
	if os.Getenv("GOMAXPROCS") == "" {
		guard.SpareThreads()
	}
	g, err := guard.New(cmd.Context(), c)
	if err != nil {
		return usage("guard serve: "+strings.ReplaceAll(err.Error(), "\n", "; "), gatewayForm)
	}
	// Serve has a signal of its own; the end of the context is SIGTERM's.
	hup := make(chan os.Signal, 1)
	signal.Notify(hup, syscall.SIGHUP)
	defer signal.Stop(hup)
	done := make(chan struct{})
	defer close(done)
	go reloadOn(cmd.Context(), hup, done, g)
	return g.Serve(cmd.Context())
}

// noZero refuses limits of zero, which would let nothing through.
func noZero(flags *pflag.FlagSet) (err error) {
	flags.Visit(func(f *pflag.Flag) {
		switch f.Name {
		case "reload", "rate", "trace-ratio", "drain-delay":
			return
		}
		if v := f.Value.String(); (v == "0" || v == "0s") && f.Value.Type() != "string" {
			err = usage(fmt.Sprintf("flag %q: with %s nothing gets through", "--"+f.Name, v), gatewayForm)
		}
	})
	return err
}

func reloadOn(ctx context.Context, hup <-chan os.Signal, done <-chan struct{}, g *guard.Gateway) {
	for {
		select {
		case <-hup:
			g.Reload(ctx)
		case <-done:
			return
		}
	}
}

// config is what the flags say.
func (f *guardServeFlags) config() (guard.Config, error) {
	c := f.c
	c.Limits.Body, c.Limits.Memory, c.Limits.MinRate = int64(f.body), int64(f.mem), int64(f.rate)
	for _, s := range f.schemas {
		src := guard.Source{File: s}
		if name, file, ok := strings.Cut(s, "="); ok && !strings.ContainsAny(name, "/\\") {
			src = guard.Source{Model: name, File: file}
		}
		c.Schemas = append(c.Schemas, src)
	}
	for _, p := range f.proxies {
		prefix, err := netip.ParsePrefix(p)
		if err != nil {
			return c, usage(fmt.Sprintf("flag %q: %q is not a network", "--trusted-proxy", p), "such as 10.0.0.0/8, or 192.0.2.7/32 for one address")
		}
		c.Proxies = append(c.Proxies, prefix.Masked())
	}
	c.Beside = func(schema, name string) ([]byte, error) { return beside(schema)(name) }
	c.Read = func(name string) ([]byte, error) {
		b, err := readSmall(name, 1<<20)
		if why := errors.Unwrap(err); why != nil {
			return nil, why // the gateway names the file
		}
		return b, err
	}
	return c, nil
}

// logger writes to standard error, as JSON unless text is wanted.
func (f *guardServeFlags) logger(a *app) *slog.Logger {
	levels := map[string]slog.Level{"debug": slog.LevelDebug, "info": slog.LevelInfo, "warn": slog.LevelWarn, "error": slog.LevelError}
	opt := &slog.HandlerOptions{Level: levels[f.logLevel.value]}
	if f.logFormat.value == "text" {
		return slog.New(slog.NewTextHandler(a.stderr, opt))
	}
	return slog.New(slog.NewJSONHandler(a.stderr, opt))
}
