package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"github.com/andiron-dev/andiron/internal/allowance"
	"github.com/andiron-dev/andiron/internal/sandbox"
)

type poolFlags struct {
	socket, log string
	places      atLeast1
	fd          int
	input       size
	idle, wait  time.Duration
	holdFlags
}

const (
	poolPlaces = 2
	poolInput  = 16 << 30
	poolDrain  = 10 * time.Second
)

func (a *app) sandboxPoolCommand() *cobra.Command {
	f := poolFlags{places: poolPlaces, input: poolInput}
	cmd := &cobra.Command{
		Use:   "pool",
		Short: "Keep workers of the sandbox ready, for services that cannot wait for torch",
		Long: `Keep processes ready that have imported torch, and load checkpoints in them for who
asks on a socket: "andiron sandbox load --pool", andiron.load_untrusted(pool=...) in
Python, or a program of yours (docs/spec/sandbox-v1.md). Each process loads one
checkpoint and is gone, and another one takes its place. The client hands over the
open file and gets the tensors in a file in memory that nobody can change.

The socket lies in a folder that only you can enter, and processes of other users
are not answered. A line on the standard output says that the first worker is
ready; each load is a line of JSON in the log. SIGTERM lets loads end, then stops.`,
		Example: `  andiron sandbox pool --python .venv/bin/python --size 4
  andiron sandbox load untrusted.pt -o weights.safetensors --pool /run/user/1000/andiron/sandbox.sock`,
		Args: wants("argument", 0, 0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := notEmpty(cmd.Flags()); err != nil {
				return err
			}
			return a.sandboxPool(cmd.Context(), &f)
		},
	}
	flags := cmd.Flags()
	flags.Var(&f.places, "size", "keep so many workers; there are never more")
	flags.StringVar(&f.socket, "socket", "", "listen on `SOCKET` (default andiron/sandbox.sock in $XDG_RUNTIME_DIR, or andiron-UID/sandbox.sock in the folder for temporary files)")
	flags.IntVar(&f.fd, "fd", -1, "answer the one request on the connected socket with this `NUMBER`, and end")
	flags.StringVar(&f.log, "log", "", "append the records to `FILE` (default the standard error)")
	flags.DurationVar(&f.idle, "idle", 0, "end when nobody asked for this time")
	flags.DurationVar(&f.wait, "wait", 30*time.Second, "refuse a request when no worker is ready for it after this time")
	flags.Var(&f.input, "max-input", "refuse files that are larger")
	f.add(flags)
	flags.SortFlags = false
	return cmd
}

func (a *app) sandboxPool(ctx context.Context, f *poolFlags) error {
	o, allowed, err := f.options()
	if err != nil {
		return err
	}
	if f.idle < 0 || f.wait <= 0 {
		return usage("a time is below zero", "such as --wait 30s")
	}
	o.Size = int64(f.input)
	log, err := a.poolLog(f.log)
	if err != nil {
		return err
	}
	defer func() { _ = log.Close() }() // each record was written whole
	if f.fd >= 0 {
		f.places = 1
	}
	// Loads go on for a while when the context ends, so workers are not of it.
	pool := sandbox.NewPool(context.WithoutCancel(ctx), sandbox.PoolOptions{Options: o, Places: int(f.places), Wait: f.wait})
	defer pool.Close()
	loads := &poolLoads{pool: pool, allowed: allowed, log: log}
	server := &sandbox.Server{Load: loads.load, Idle: f.idle, Drain: poolDrain, Failed: func(err error) { a.complain(ours(err)) }}
	if f.fd >= 0 {
		return serveOne(ctx, server, f.fd)
	}
	return a.servePool(ctx, server, pool, f)
}

// servePool listens until it is told to end.
func (a *app) servePool(ctx context.Context, server *sandbox.Server, pool *sandbox.Pool, f *poolFlags) error {
	if f.socket == "" {
		f.socket = a.poolSocket()
	}
	l, err := sandbox.Listen(ctx, f.socket)
	if errors.Is(err, sandbox.ErrUnsupported) {
		return cannotOpen("IN", err)
	}
	if err != nil {
		return &fault{text: fmt.Sprintf("the pool cannot listen: %v", err), hint: "name another --socket, in a folder of your own that nobody else can enter"}
	}
	defer func() { _ = l.Close() }() // Serve closes it as well
	r, err := pool.Wait(ctx)
	if ctx.Err() != nil {
		return nil // it was told to end before it began
	}
	if err != nil {
		return &fault{text: fmt.Sprintf("no worker can be started: %v", err), hint: `"andiron sandbox doctor" tries each part`}
	}
	if err := a.say(fmt.Sprintf("ready on %s: %d workers, torch %s on Python %s, held by %s\n", f.socket, f.places, r.Torch, r.Python, layerNames(r.Layers))); err != nil {
		return err
	}
	return server.Serve(ctx, l)
}

// serveOne answers on a socket that somebody made.
func serveOne(ctx context.Context, server *sandbox.Server, fd int) error {
	f := os.NewFile(uintptr(fd), "request")
	if f == nil {
		return usage(fmt.Sprintf("flag %q: %d is no descriptor", "--fd", fd), "the number of a connected Unix socket")
	}
	c, err := net.FileConn(f)
	_ = f.Close() // c has its own
	conn, ok := c.(*net.UnixConn)
	if err != nil || !ok {
		return usage(fmt.Sprintf("flag %q: %d is no connected Unix socket", "--fd", fd), "such as one of a socketpair")
	}
	server.ServeConn(ctx, conn)
	return nil
}

// poolSocket is where a pool listens if nobody says so.
func (a *app) poolSocket() string {
	if dir := a.getenv("XDG_RUNTIME_DIR"); filepath.IsAbs(dir) {
		return filepath.Join(dir, "andiron", "sandbox.sock")
	}
	return filepath.Join(os.TempDir(), "andiron-"+strconv.Itoa(os.Getuid()), "sandbox.sock")
}

// poolLog is where records go.
func (a *app) poolLog(name string) (io.WriteCloser, error) {
	if name == "" {
		return nopCloser{a.stderr}, nil
	}
	f, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o600) //nolint:gosec // what the user names
	if err != nil {
		return nil, usage(err.Error(), folderFirst)
	}
	return f, nil
}

type nopCloser struct{ io.Writer }

func (nopCloser) Close() error { return nil }

// poolLoads loads what clients of a pool ask for.
type poolLoads struct {
	pool    *sandbox.Pool
	allowed allowance.Policy

	mu  sync.Mutex
	log io.Writer
}

func (p *poolLoads) load(ctx context.Context, r *sandbox.Request, f *os.File) *sandbox.Answer {
	in, err := sandbox.AdoptInput(f)
	if err != nil {
		return &sandbox.Answer{Failure: sandbox.NewPoolError(fmt.Errorf("%q cannot be read: %w", r.Name, err))}
	}
	defer func() { _ = in.Close() }() // it was only read
	rec := recordOf(r.Name, in)
	result, failed := p.run(ctx, rec, in, r)
	a := &sandbox.Answer{}
	if failed == nil {
		a.Tensors = result.File
	} else {
		a.Failure = sandbox.NewPoolError(failed)
	}
	if a.Record, err = json.Marshal(rec); err != nil {
		if failed == nil {
			_ = result.Close() // nobody gets it
		}
		return &sandbox.Answer{Failure: sandbox.NewPoolError(fmt.Errorf("internal error: %w", err))}
	}
	p.write(a.Record)
	return a
}

// run scans and loads a checkpoint, and fills the record.
func (p *poolLoads) run(ctx context.Context, rec *sandboxRecord, in *sandbox.Input, r *sandbox.Request) (*sandbox.Result, error) {
	if err := p.check(rec, in, r.SHA256); err != nil {
		rec.note(nil, err)
		return nil, err
	}
	// The scan goes on beside the load, and so do the names, unless they say what is to be
	// imported first.
	scan := sync.OnceValue(func() error { return rec.look(ctx, in) })
	asked := sync.OnceValue(func() names { list, _ := namesIn(in); return list }) // reading says what is wrong with it
	var scanned sync.WaitGroup
	scanned.Go(func() { _ = scan() }) // who asks for it has the error
	scanned.Go(func() { _ = asked() })
	defer scanned.Wait()
	job := sandbox.Job{Mode: r.Mode, Need: r.Need, Limits: r.Limits.Limits(), Wants: func() []string { return asked().modules(nil) }}
	rec.Allowed = []string{}
	if len(p.allowed.Globals) > 0 || in.MayNameLate() {
		rec.Allowed = asked().modules(p.allowed.Allows)
		job.Imports, job.Warm = rec.Allowed, sandbox.Late(asked().modules(nil))
	}
	result, report, err := p.pool.Load(ctx, in, job, func(r *sandbox.Result) (*sandbox.Result, error) { return p.finish(rec, in, r) })
	if failed := scan(); err == nil {
		err = failed
	}
	if sum, e := in.Digest(); e == nil { // what was refused is known by it as well
		rec.Input.SHA256 = sum
	}
	rec.note(report, err)
	if err != nil && result != nil {
		_ = result.Close() // nobody gets it
		rec.Output = nil
	}
	return result, err
}

// check refuses a checkpoint that is not the one that is wanted, before it is loaded.
func (p *poolLoads) check(rec *sandboxRecord, in *sandbox.Input, want string) (err error) {
	if want == "" {
		return nil
	}
	if rec.Input.SHA256, err = in.Digest(); err == nil && !strings.EqualFold(want, rec.Input.SHA256) {
		err = fmt.Errorf("%w: %s, not %s", sandbox.ErrDigest, rec.Input.SHA256, want)
	}
	return err
}

// finish has the tensors in memory, and fills in the digests of what was loaded and of
// what came out.
func (p *poolLoads) finish(rec *sandboxRecord, in *sandbox.Input, r *sandbox.Result) (_ *sandbox.Result, err error) {
	if r.File != nil {
		rec.Output, err = writeTensors(io.Discard, r, "memory")
	} else {
		r, err = r.Copy(func(out io.Writer, r *sandbox.Result) (err error) {
			rec.Output, err = writeTensors(out, r, "memory")
			return err
		})
	}
	if err == nil {
		rec.Input.SHA256, err = in.Digest()
	}
	if err == nil {
		err = in.Unchanged()
	}
	return r, err
}

// write appends a record to the log, in one line.
func (p *poolLoads) write(b []byte) {
	p.mu.Lock()
	defer p.mu.Unlock()
	_, _ = p.log.Write(append(b, '\n')) // a log that cannot be written keeps nobody from loading
}

// loadByPool has a pool load a checkpoint.
func (a *app) loadByPool(ctx context.Context, in string, o *sandbox.Options, f *sandboxFlags) error {
	if name := f.ofPool(); name != "" {
		return usage(fmt.Sprintf("flag %q has no meaning with --pool, whose workers are started already", name), "give it to andiron sandbox pool")
	}
	file, err := sandbox.OpenOnly(in)
	if err != nil {
		return cannotOpen(in, err)
	}
	defer func() { _ = file.Close() }() // it was only read
	out, err := createFile(f.output, "name a file")
	if err != nil {
		return err
	}
	defer out.Abandon()
	l := o.Limits
	answer, err := sandbox.Ask(ctx, f.pool, &sandbox.Request{
		Name: in, SHA256: string(f.sha256), Mode: sandbox.Mode(f.mode.value),
		Need:   o.Need,
		Limits: sandbox.RequestLimits{Seconds: l.Load.Seconds(), CPUSeconds: l.CPU.Seconds(), Memory: l.Memory, Result: l.Result},
	}, file)
	if ctx.Err() != nil {
		return stopped(in, f.output)
	}
	if err != nil {
		return &fault{text: fmt.Sprintf("pool %q: %v", f.pool, err), hint: "start one: andiron sandbox pool --socket " + f.pool}
	}
	done := &loaded{name: in, out: out, rec: &sandboxRecord{}}
	if answer.Failure != nil {
		done.failed = answer.Failure
	} else if done.result, err = sandbox.OpenResult(answer.Tensors); err != nil {
		return err
	} else {
		defer func() { _ = done.result.Close() }() // it was only read
	}
	if err := json.Unmarshal(answer.Record, done.rec); err != nil || done.rec.Schema == "" {
		return &fault{text: fmt.Sprintf("pool %q: %v", f.pool, errors.Join(done.failed, err))}
	}
	if errors.Is(done.failed, sandbox.ErrDigest) {
		done.failed = otherDigest(in, done.rec.Input.SHA256, string(f.sha256))
	}
	return a.finishLoad(ctx, done, f)
}

// layerNames is a list of layers in words.
func layerNames(layers []sandbox.Layer) string {
	names := make([]string, 0, len(layers))
	for _, l := range layers {
		names = append(names, string(l))
	}
	return strings.Join(names, ", ")
}
