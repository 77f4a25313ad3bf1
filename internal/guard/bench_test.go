//go:build bench

package guard

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// The benchmark runs each proxy as a process of its own, in front of one server,
// and asks all of them in turn: tools/bench_guard_serve.sh.
var (
	rounds  = flag.Int("rounds", 5, "how often each proxy is measured")
	seconds = flag.Float64("seconds", 2, "for how long")
	soak    = flag.Duration("soak", 0, "ask for as long, with bad and slow clients, instead")
	aborts  = flag.Int("aborts", 0, "ask as often, and count connections that broke, instead")
	proxies = flag.String("proxies", "", "the processors that proxies have, as taskset wants them: 0,1")
	others  = flag.String("others", "", "those that the client and the server have: 2-15")
)

const imageSchema = `andiron: tensor/v1
model: image
inputs:
  x: {dtype: float32, shape: [1, 3, 224, 224], range: [0, 1]}
outputs:
  y: {dtype: float32, shape: [1, 10]}
wire: {accept: [v2-json, v2-binary]}
`

// role is what a process of the benchmark is.
const role = "ANDIRON_BENCH_ROLE"

func TestMain(m *testing.M) {
	switch os.Getenv(role) {
	case "":
		flag.Parse()
		os.Exit(m.Run())
	case "server":
		benchServer()
	case "httputil":
		benchHTTPUtil(os.Getenv("ANDIRON_BENCH_BACKEND"))
	default:
		benchGateway(os.Getenv(role) == "unchecked", os.Getenv("ANDIRON_BENCH_BACKEND"))
	}
}

// listening tells the parent where.
func listening(l net.Listener) { fmt.Println(l.Addr()) }

func mustListen() net.Listener {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		panic(err)
	}
	return l
}

// benchServer answers as fast as it can: it reads a request and forgets it.
func benchServer() {
	l := mustListen()
	listening(l)
	head, _ := json.Marshal(map[string]any{"model_name": "image", "model_version": "1", "outputs": []any{
		map[string]any{"name": "y", "datatype": "FP32", "shape": []int{1, 10}, "data": []float64{1, 2, 3, 4, 5, 6, 7, 8, 9, 10}},
	}})
	answer := fmt.Appendf(nil, "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s", len(head), head)
	for {
		c, err := l.Accept()
		if err != nil {
			return
		}
		go func() {
			defer c.Close()
			r := bufio.NewReaderSize(c, 64<<10)
			for {
				n, err := skipHead(r)
				if err != nil {
					return
				}
				if _, err := io.CopyN(io.Discard, r, n); err != nil {
					return
				}
				if _, err := c.Write(answer); err != nil {
					return
				}
			}
		}()
	}
}

// skipHead reads a head and returns the length of the body behind it.
func skipHead(r *bufio.Reader) (n int64, err error) {
	for {
		line, err := r.ReadSlice('\n')
		if err != nil {
			return 0, err
		}
		if len(line) == 2 {
			return n, nil
		}
		if name, value, ok := bytes.Cut(line, []byte(": ")); ok && bytes.EqualFold(name, []byte("Content-Length")) {
			if n, err = strconv.ParseInt(string(bytes.TrimSpace(value)), 10, 64); err != nil {
				return 0, err
			}
		}
	}
}

type bigBuffers struct{ sync.Pool }

func (b *bigBuffers) Get() []byte  { return b.Pool.Get().([]byte) }
func (b *bigBuffers) Put(p []byte) { b.Pool.Put(p) } //nolint:staticcheck // the interface has slices

// wholeBody ends with its last byte, and never touches the body behind it.
type wholeBody struct {
	io.ReadCloser
	left int64
}

func (b *wholeBody) Read(p []byte) (int, error) {
	if b.left == 0 {
		return 0, io.EOF
	}
	n, err := b.ReadCloser.Read(p[:min(int64(len(p)), b.left)])
	if b.left -= int64(n); b.left == 0 {
		err = io.EOF
	}
	return n, err
}

// benchHTTPUtil is the proxy of the standard library, with large buffers, enough
// connections, and a body that is not read beyond its end.
func benchHTTPUtil(backend string) {
	u, err := url.Parse(backend)
	if err != nil {
		panic(err)
	}
	p := httputil.NewSingleHostReverseProxy(u)
	p.Transport = &http.Transport{MaxIdleConnsPerHost: 512, MaxIdleConns: 512, WriteBufferSize: 256 << 10, ReadBufferSize: 64 << 10, DisableCompression: true}
	p.BufferPool = &bigBuffers{sync.Pool{New: func() any { return make([]byte, 256<<10) }}}
	p.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)
	l := mustListen()
	listening(l)
	s := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		r.Body = &wholeBody{r.Body, r.ContentLength}
		p.ServeHTTP(w, r)
	}), ReadHeaderTimeout: 5 * time.Second}
	_ = s.Serve(l)
}

func benchGateway(unchecked bool, backend string) {
	c := Config{
		Listen: "127.0.0.1:0", Admin: "127.0.0.1:0", Backend: backend, Schemas: []Source{{File: "x"}},
		Read: func(string) ([]byte, error) { return []byte(imageSchema), nil }, Log: slog.New(slog.DiscardHandler), unchecked: unchecked,
	}
	SpareThreads()
	g, err := New(context.Background(), c)
	if err != nil {
		panic(err)
	}
	fmt.Println(g.Addr())
	fmt.Println(g.AdminAddr())
	_ = g.Serve(context.Background())
}

// process is a part of the benchmark.
type process struct {
	name  string
	addr  string
	admin string
	cmd   *exec.Cmd
}

func launch(t *testing.T, name, backend string) *process {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	p := &process{name: name, cmd: exec.Command(exe)}
	if list := processors(name); list != "" {
		p.cmd = exec.Command("taskset", "--cpu-list", list, exe)
	}
	p.cmd.Env = append(os.Environ(), role+"="+name, "ANDIRON_BENCH_BACKEND=http://"+backend)
	p.cmd.Stderr = os.Stderr
	out, err := p.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = p.cmd.Process.Kill()
		_ = p.cmd.Wait()
	})
	r := bufio.NewScanner(out)
	r.Scan()
	p.addr = r.Text()
	if name == "checked" || name == "unchecked" {
		r.Scan()
		p.admin = r.Text()
	}
	return p
}

// processors are those of a process of the benchmark.
func processors(name string) string {
	if name == "server" {
		return *others
	}
	return *proxies
}

// pinClient keeps all threads of this process off the proxies' processors.
func pinClient(t *testing.T) {
	t.Helper()
	if *others == "" {
		return
	}
	pid := strconv.Itoa(os.Getpid())
	if out, err := exec.Command("taskset", "--all-tasks", "--cpu-list", "--pid", *others, pid).CombinedOutput(); err != nil {
		t.Fatalf("taskset: %v: %s", err, out)
	}
}

// cpu is what the process has used.
func (p *process) cpu(t *testing.T) time.Duration {
	t.Helper()
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", p.cmd.Process.Pid))
	if err != nil {
		t.Fatal(err)
	}
	f := strings.Fields(string(b[bytes.LastIndexByte(b, ')')+2:]))
	user, _ := strconv.Atoi(f[11])
	system, _ := strconv.Atoi(f[12])
	return time.Duration(user+system) * 10 * time.Millisecond
}

// resident is the memory of the process in KiB.
func (p *process) resident(t *testing.T) int {
	t.Helper()
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.cmd.Process.Pid))
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(b), "VmRSS:")
	n, _ := strconv.Atoi(strings.Fields(rest)[0])
	return n
}

// imageRequest is a request of 602 KB with the binary extension.
func imageRequest() []byte {
	head := `{"inputs":[{"name":"x","shape":[1,3,224,224],"datatype":"FP32","parameters":{"binary_data_size":602112}}]}`
	values := make([]float32, 3*224*224)
	for i := range values {
		values[i] = float32(i%255) / 255
	}
	data := floats(values...)
	return fmt.Appendf(nil, "POST /v2/models/image/infer HTTP/1.1\r\nHost: h\r\nContent-Type: application/octet-stream\r\nInference-Header-Content-Length: %d\r\nContent-Length: %d\r\n\r\n%s%s", len(head), len(head)+len(data), head, data)
}

// asker is a client with a connection of its own.
type asker struct {
	addr string
	c    net.Conn
	r    *bufio.Reader
}

// ask makes a request and reports whether it was answered with 200.
func (a *asker) ask(req []byte) error {
	if a.c == nil {
		c, err := net.Dial("tcp", a.addr)
		if err != nil {
			return err
		}
		a.c, a.r = c, bufio.NewReaderSize(c, 16<<10)
	}
	if err := a.one(req); err != nil {
		_ = a.c.Close()
		a.c = nil
		return err
	}
	return nil
}

func (a *asker) one(req []byte) error {
	if _, err := a.c.Write(req); err != nil {
		return err
	}
	status, err := a.r.ReadString('\n')
	if err != nil {
		return err
	}
	n, err := skipHead(a.r)
	if err != nil {
		return err
	}
	if _, err := io.CopyN(io.Discard, a.r, n); err != nil {
		return err
	}
	if !strings.HasPrefix(status, "HTTP/1.1 200") {
		return errors.New(strings.TrimSpace(status))
	}
	return nil
}

// figures are what one measurement gives.
type figures struct {
	rate     float64 // requests a second
	p50, p99 time.Duration
	asked    time.Duration // the 99th percentile since the client, which shares the processors, wrote the first byte
	cpu      time.Duration // of the proxy, for each request
	broken   int
}

// load asks with some connections, as fast as it can or at a rate.
func load(t *testing.T, p *process, conns int, rate float64, d time.Duration) figures {
	t.Helper()
	req := imageRequest()
	var mu sync.Mutex
	var took, asked []time.Duration
	var broken atomic.Int64
	var all sync.WaitGroup
	cpu, begin := p.cpu(t), time.Now()
	for i := range conns {
		all.Go(func() {
			a := &asker{addr: p.addr}
			var mine, own []time.Duration
			next := begin.Add(time.Duration(float64(i) / max(rate, 1) * float64(time.Second)))
			for time.Since(begin) < d {
				from := time.Now()
				sent := from
				if rate > 0 {
					time.Sleep(time.Until(next))
					from, sent = next, time.Now() // a late start counts
					next = next.Add(time.Duration(float64(conns) / rate * float64(time.Second)))
				}
				if a.ask(req) != nil {
					broken.Add(1)
				}
				mine, own = append(mine, time.Since(from)), append(own, time.Since(sent))
			}
			mu.Lock()
			took, asked = append(took, mine...), append(asked, own...)
			mu.Unlock()
		})
	}
	all.Wait()
	wall := time.Since(begin)
	slices.Sort(took)
	slices.Sort(asked)
	return figures{
		rate: float64(len(took)) / wall.Seconds(), p50: took[len(took)/2], p99: took[len(took)*99/100], asked: asked[len(asked)*99/100],
		cpu: (p.cpu(t) - cpu) / time.Duration(len(took)), broken: int(broken.Load()),
	}
}

func median[T int | float64 | time.Duration](list []T) T {
	slices.Sort(list)
	return list[len(list)/2]
}

func TestServe(t *testing.T) {
	pinClient(t)
	server := launch(t, "server", "")
	switch {
	case *soak > 0:
		soaking(t, launch(t, "checked", server.addr), *soak)
		return
	case *aborts > 0:
		aborting(t, launch(t, "checked", server.addr), *aborts)
		return
	}
	names := []string{"direct", "httputil", "unchecked", "checked"}
	by := map[string]*process{"direct": server}
	for _, name := range names[1:] {
		by[name] = launch(t, name, server.addr)
	}
	d := time.Duration(*seconds * float64(time.Second))
	for _, n := range names {
		load(t, by[n], 8, 0, 500*time.Millisecond) // warm
	}
	full, one := map[string][]figures{}, map[string][]figures{}
	for range *rounds {
		for _, n := range names {
			full[n] = append(full[n], load(t, by[n], 8, 0, d))
			one[n] = append(one[n], load(t, by[n], 1, 0, d/2))
		}
	}
	if *proxies != "" {
		fmt.Printf("proxies on processors %s, client and server on %s\n", *proxies, *others)
	}
	fmt.Printf("%d cores, %d rounds of %v, median; 602 KB requests\n", runtime.NumCPU(), *rounds, d)
	fmt.Printf("%-10s %10s %10s %12s %10s %10s %8s\n", "", "req/s x8", "req/s x1", "CPU/req x8", "p50 x1", "p99 x1", "broken")
	rate := map[string]float64{}
	for _, n := range names {
		rate[n] = median(pick(full[n], func(f figures) float64 { return f.rate }))
		broken := 0
		for _, f := range append(full[n], one[n]...) {
			broken += f.broken
		}
		fmt.Printf("%-10s %10.0f %10.0f %12v %10v %10v %8d\n", n, rate[n], median(pick(one[n], func(f figures) float64 { return f.rate })),
			median(pick(full[n], func(f figures) time.Duration { return f.cpu })).Round(time.Microsecond),
			median(pick(one[n], func(f figures) time.Duration { return f.p50 })).Round(time.Microsecond),
			median(pick(one[n], func(f figures) time.Duration { return f.p99 })).Round(time.Microsecond), broken)
	}
	var added []time.Duration
	for i := range full["checked"] {
		added = append(added, full["checked"][i].cpu-full["unchecked"][i].cpu)
	}
	fmt.Printf("CPU added by validation: %v a request\n", median(added).Round(time.Microsecond))
	fmt.Printf("throughput: %.2f of httputil\n", rate["checked"]/rate["httputil"])
	half := map[string][]figures{}
	for range *rounds {
		for _, n := range names {
			half[n] = append(half[n], load(t, by[n], 8, rate["checked"]/2, d))
		}
	}
	fmt.Printf("p99 at half load (%.0f req/s), since it was due and since it was sent:\n", rate["checked"]/2)
	for _, n := range names {
		fmt.Printf("%-10s %12v %12v\n", n, median(pick(half[n], func(f figures) time.Duration { return f.p99 })).Round(time.Microsecond),
			median(pick(half[n], func(f figures) time.Duration { return f.asked })).Round(time.Microsecond))
	}
}

func pick[T any](list []figures, f func(figures) T) []T {
	out := make([]T, 0, len(list))
	for _, x := range list {
		out = append(out, f(x))
	}
	return out
}

// aborting asks n times over one connection for each of two clients.
func aborting(t *testing.T, p *process, n int) {
	t.Helper()
	req := imageRequest()
	var broken atomic.Int64
	var all sync.WaitGroup
	for range 2 {
		all.Go(func() {
			a := &asker{addr: p.addr}
			for range n / 2 {
				if err := a.ask(req); err != nil {
					broken.Add(1)
					fmt.Println("broken:", err)
				}
			}
		})
	}
	all.Wait()
	fmt.Printf("%d requests of 602 KB, %d connections broke\n", n, broken.Load())
}
