//go:build bench

package guard

import (
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// soaking asks for a long time, with good, malformed and slow clients together,
// and prints memory and goroutines as they go.
func soaking(t *testing.T, p *process, d time.Duration) {
	t.Helper()
	end := time.Now().Add(d)
	good, bad, wrong := atomic.Int64{}, atomic.Int64{}, atomic.Int64{}
	req := imageRequest()
	var all sync.WaitGroup
	for range 6 {
		all.Go(func() {
			a := &asker{addr: p.addr}
			for time.Now().Before(end) {
				if a.ask(req) != nil {
					wrong.Add(1)
				} else {
					good.Add(1)
				}
			}
		})
	}
	for i := range 4 {
		all.Go(func() {
			r := rand.New(rand.NewPCG(uint64(i), 1))
			for time.Now().Before(end) {
				malformed(p.addr, req, r)
				bad.Add(1)
				time.Sleep(2 * time.Millisecond)
			}
		})
	}
	for range 16 {
		all.Go(func() {
			for time.Now().Before(end) {
				slowly(p.addr, req, end)
			}
		})
	}
	for time.Now().Before(end) {
		time.Sleep(min(d/30, time.Minute))
		fmt.Printf("%8s good %d bad %d wrong %d, %d KiB, %s\n", d-time.Until(end).Round(time.Second), good.Load(), bad.Load(), wrong.Load(), p.resident(t), goroutines(p.admin))
	}
	all.Wait()
	fmt.Printf("end: good %d bad %d wrong %d, %d KiB, %s\n", good.Load(), bad.Load(), wrong.Load(), p.resident(t), goroutines(p.admin))
	if wrong.Load() > 0 {
		t.Errorf("%d good requests were not answered", wrong.Load())
	}
}

func goroutines(admin string) string {
	res, err := http.Get("http://" + admin + "/metrics")
	if err != nil {
		return err.Error()
	}
	defer res.Body.Close()
	b, _ := io.ReadAll(res.Body)
	var out []string
	for line := range strings.Lines(string(b)) {
		for _, name := range []string{"go_goroutines ", "andiron_guard_request_memory_bytes ", "andiron_guard_connections_open "} {
			if strings.HasPrefix(line, name) {
				out = append(out, strings.TrimSpace(line))
			}
		}
	}
	return strings.Join(out, " ")
}

// malformed sends a request with some bytes changed, or cut off.
func malformed(addr string, req []byte, r *rand.Rand) {
	c, err := net.Dial("tcp", addr)
	if err != nil {
		return
	}
	defer c.Close()
	b := append([]byte(nil), req...)
	for range 1 + r.IntN(8) {
		b[r.IntN(400)] = byte(r.IntN(256))
	}
	if r.IntN(2) == 0 {
		b = b[:r.IntN(len(b))]
	}
	_ = c.SetDeadline(time.Now().Add(time.Second))
	_, _ = c.Write(b)
	_, _ = io.CopyN(io.Discard, c, 4096)
}

// slowly sends a few bytes a second.
func slowly(addr string, req []byte, end time.Time) {
	c, err := net.Dial("tcp", addr)
	if err != nil {
		return
	}
	defer c.Close()
	for i := 0; i < len(req) && time.Now().Before(end); i += 64 {
		if _, err := c.Write(req[i:min(len(req), i+64)]); err != nil {
			return
		}
		time.Sleep(200 * time.Millisecond)
	}
}
