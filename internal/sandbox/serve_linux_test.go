package sandbox_test

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/andiron-dev/andiron/internal/child"
	"github.com/andiron-dev/andiron/internal/sandbox"
	"github.com/andiron-dev/andiron/safetensors"
)

// tensors is what a server gives that loads nothing.
func tensors(t *testing.T, seal bool) *os.File {
	t.Helper()
	f, err := child.Memfd("tensors", unix.MFD_NOEXEC_SEAL)
	if err != nil {
		t.Fatal(err)
	}
	l, err := safetensors.NewLayout(nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := l.WriteHeader(f); err != nil {
		t.Fatal(err)
	}
	if seal {
		if err := child.Seal(f); err != nil {
			t.Fatal(err)
		}
	}
	return f
}

// listen runs a server until the test ends.
func listen(t *testing.T, s *sandbox.Server) (socket string) {
	t.Helper()
	socket = filepath.Join(t.TempDir(), "own", "s")
	l, err := sandbox.Listen(t.Context(), socket)
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan error)
	go func() { done <- s.Serve(ctx, l) }()
	t.Cleanup(func() {
		stop()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	return socket
}

func TestServe(t *testing.T) {
	socket := listen(t, &sandbox.Server{Load: func(_ context.Context, r *sandbox.Request, f *os.File) *sandbox.Answer {
		b, err := io.ReadAll(f)
		if err != nil || string(b) != "bytes" || r.Name != "a.pt" || r.Limits.Limits().Load != 1500*time.Millisecond {
			return &sandbox.Answer{Failure: sandbox.NewPoolError(errors.New("not what was sent"))}
		}
		return &sandbox.Answer{Record: json.RawMessage(`{"large": "` + strings.Repeat("x", 4<<20) + `"}`), Tensors: tensors(t, true)}
	}})
	a, err := sandbox.Ask(t.Context(), socket, &sandbox.Request{Name: "a.pt", Limits: sandbox.RequestLimits{Seconds: 1.5}}, checkpoint(t, "bytes"))
	if err != nil {
		t.Fatal(err)
	}
	if a.Failure != nil || len(a.Record) < 4<<20 {
		t.Fatal(a.Failure, len(a.Record))
	}
	r, err := sandbox.OpenResult(a.Tensors)
	if err != nil {
		t.Fatal(err)
	}
	_ = r.Close()
}

// What a server gives may be no result.
func TestServeUnsealed(t *testing.T) {
	f := tensors(t, false)
	defer func() { _ = f.Close() }()
	if _, err := sandbox.OpenResult(f); err == nil {
		t.Error("a file that can be written to")
	}
	if _, err := sandbox.OpenResult(checkpoint(t, "no memory")); err == nil {
		t.Error("a file of a disk")
	}
}

// Errors keep their kind on the way.
func TestServeFailures(t *testing.T) {
	for _, want := range []error{sandbox.ErrContained, sandbox.ErrFailed, sandbox.ErrMissing, sandbox.ErrNoWorker, sandbox.ErrDigest, sandbox.ErrChanged, sandbox.ErrImport, sandbox.ErrLimit} {
		socket := listen(t, &sandbox.Server{Load: func(context.Context, *sandbox.Request, *os.File) *sandbox.Answer {
			return &sandbox.Answer{Failure: sandbox.NewPoolError(errors.Join(want))}
		}})
		a, err := sandbox.Ask(t.Context(), socket, &sandbox.Request{Name: "a.pt"}, checkpoint(t, ""))
		if err != nil {
			t.Fatal(err)
		}
		if !errors.Is(a.Failure, want) || a.Failure.Error() != want.Error() || a.Tensors != nil {
			t.Errorf("%v became %+v", want, a.Failure)
		}
	}
}

// Nonsense is answered, or the connection is closed, and it never comes to a load.
func TestServeStrangers(t *testing.T) {
	socket := listen(t, &sandbox.Server{Load: func(context.Context, *sandbox.Request, *os.File) *sandbox.Answer {
		t.Error("it came to a load")
		return &sandbox.Answer{Failure: sandbox.NewPoolError(io.EOF)}
	}})
	good := framed(`{"name": "a.pt"}`)
	digest := strings.Repeat("ab", 32)
	for name, tc := range map[string]struct {
		data  []byte
		files int
		want  string
	}{
		"nothing":         {nil, 0, ""},
		"no descriptor":   {good, 0, "no descriptor came along"},
		"two descriptors": {good, 2, "more than one descriptor came along"},
		"five":            {good, 5, "more than one descriptor came along"},
		"too long":        {[]byte{0, 0, 0, 255, '{'}, 1, ""},
		"cut":             {good[:7], 1, ""},
		"no JSON":         {framed("name"), 1, ""},
		"unknown":         {framed(`{"name": "a.pt", "python": "/bin/sh"}`), 1, "python"},
		"two":             {framed(`{"name": "a.pt"}{}`), 1, "there is more behind it"},
		"no name":         {framed(`{}`), 1, "a name of 0 bytes"},
		"no digest":       {framed(`{"name": "a.pt", "sha256": "00"}`), 1, "is no SHA-256"},
		"empty digest":    {framed(`{"name": "a.pt", "sha256": ""}`), 1, "asks for nothing"},
		"null digest":     {framed(`{"name": "a.pt", "sha256": null}`), 1, "asks for nothing"},
		"two digests":     {framed(`{"name": "a.pt", "sha256": "` + digest + `", "sha256": "` + digest + `"}`), 1, "stands twice"},
		"another case":    {framed(`{"name": "a.pt", "sha256": "` + digest + `", "SHA256": "` + digest + `"}`), 1, "there is no key"},
		"a long s":        {framed(`{"name": "a.pt", "\u017fha256": "` + digest + `"}`), 1, "there is no key"},
		"two limits":      {framed(`{"name": "a.pt", "limits": {"seconds": 1, "seconds": 9}}`), 1, "stands twice"},
		"no limit":        {framed(`{"name": "a.pt", "limits": {"seconds": 0}}`), 1, "asks for nothing"},
		"less than any":   {framed(`{"name": "a.pt", "limits": {"seconds": 1e-12}}`), 1, "out of range"},
		"below zero":      {framed(`{"name": "a.pt", "limits": {"seconds": -1}}`), 1, "out of range"},
		"no number":       {framed(`{"name": "a.pt", "limits": {"memory_bytes": 1e99}}`), 1, "memory_bytes"},
	} {
		t.Run(name, func(t *testing.T) {
			answer := exchange(t, socket, tc.data, tc.files)
			if len(answer) > 0 && !strings.Contains(string(answer), `"error":{"kind":`) || !strings.Contains(string(answer), tc.want) {
				t.Errorf("%q", answer)
			}
		})
	}
}

func framed(s string) []byte {
	return append([]byte{byte(len(s)), byte(len(s) >> 8), 0, 0}, s...)
}

// exchange sends bytes and descriptors, and returns all that comes back.
func exchange(t *testing.T, socket string, data []byte, files int) []byte {
	t.Helper()
	var d net.Dialer
	conn, err := d.DialContext(t.Context(), "unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	c := conn.(*net.UnixConn)
	var fds []int
	for range files {
		fds = append(fds, int(checkpoint(t, "x").Fd()))
	}
	if len(data) > 0 {
		var oob []byte
		if files > 0 {
			oob = unix.UnixRights(fds...)
		}
		if _, _, err := c.WriteMsgUnix(data, oob, nil); err != nil {
			t.Fatal(err)
		}
	}
	_ = c.CloseWrite()
	b, _ := io.ReadAll(c) // it may be closed at once
	return b
}

// Who begins a request and stalls is answered, and the server goes on.
func TestServeStalled(t *testing.T) {
	t.Parallel()
	socket := listen(t, &sandbox.Server{})
	var d net.Dialer
	conn, err := d.DialContext(t.Context(), "unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	if _, _, err := conn.(*net.UnixConn).WriteMsgUnix(framed(strings.Repeat(" ", 50))[:7], unix.UnixRights(int(checkpoint(t, "x").Fd())), nil); err != nil {
		t.Fatal(err)
	}
	if b, err := io.ReadAll(conn); err != nil || !strings.Contains(string(b), "i/o timeout") {
		t.Errorf("%q, %v", b, err)
	}
	if b := exchange(t, socket, framed(`{}`), 1); !strings.Contains(string(b), "a name of 0 bytes") {
		t.Errorf("the next one: %q", b)
	}
}

// A panic ends one request, and is heard of.
func TestServePanics(t *testing.T) {
	heard := make(chan error, 1)
	socket := listen(t, &sandbox.Server{Failed: func(err error) { heard <- err }, Load: func(_ context.Context, r *sandbox.Request, _ *os.File) *sandbox.Answer {
		if r.Name == "bad.pt" {
			panic("what nobody thought of")
		}
		return &sandbox.Answer{Record: json.RawMessage("{}"), Tensors: tensors(t, true)}
	}})
	for name, fails := range map[string]bool{"bad.pt": true, "good.pt": false} {
		a, err := sandbox.Ask(t.Context(), socket, &sandbox.Request{Name: name}, checkpoint(t, ""))
		if err != nil {
			t.Fatal(err)
		}
		if (a.Failure != nil) != fails || (a.Tensors == nil) != fails {
			t.Errorf("%s: %+v", name, a)
		}
	}
	if err := <-heard; !strings.Contains(err.Error(), "what nobody thought of") {
		t.Error(err)
	}
}

// Who goes away ends what was loaded for it.
func TestServeGone(t *testing.T) {
	ended := make(chan error)
	socket := listen(t, &sandbox.Server{Load: func(ctx context.Context, _ *sandbox.Request, _ *os.File) *sandbox.Answer {
		<-ctx.Done()
		ended <- context.Cause(ctx)
		return &sandbox.Answer{Failure: sandbox.NewPoolError(ctx.Err())}
	}})
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if _, err := sandbox.Ask(ctx, socket, &sandbox.Request{Name: "a.pt"}, checkpoint(t, "")); !errors.Is(err, context.DeadlineExceeded) {
		t.Error(err)
	}
	if err := <-ended; err == nil || errors.Is(err, context.DeadlineExceeded) {
		t.Error(err)
	}
}

// A server that is told to end lets loads end, but not for ever.
func TestServeDrains(t *testing.T) {
	for _, patient := range []bool{true, false} {
		socket := filepath.Join(t.TempDir(), "own", "s")
		l, err := sandbox.Listen(t.Context(), socket)
		if err != nil {
			t.Fatal(err)
		}
		began := make(chan struct{})
		s := &sandbox.Server{Drain: time.Millisecond, Load: func(ctx context.Context, _ *sandbox.Request, _ *os.File) *sandbox.Answer {
			close(began)
			if patient {
				return &sandbox.Answer{Record: json.RawMessage("{}"), Tensors: tensors(t, true)}
			}
			<-ctx.Done()
			return &sandbox.Answer{Failure: sandbox.NewPoolError(ctx.Err())}
		}}
		ctx, stop := context.WithCancel(t.Context())
		served := make(chan error)
		go func() { served <- s.Serve(ctx, l) }()
		go func() { <-began; stop() }()
		a, err := sandbox.Ask(t.Context(), socket, &sandbox.Request{Name: "a.pt"}, checkpoint(t, ""))
		if err != nil || (a.Failure == nil) != patient {
			t.Errorf("patient %v: %v, %v", patient, a, err)
		}
		if err := <-served; err != nil {
			t.Error(err)
		}
		if _, err := os.Stat(socket); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("the socket is left: %v", err)
		}
	}
}

// A server that nobody asks ends by itself.
func TestServeIdle(t *testing.T) {
	l, err := sandbox.Listen(t.Context(), filepath.Join(t.TempDir(), "own", "s"))
	if err != nil {
		t.Fatal(err)
	}
	s := &sandbox.Server{Idle: 20 * time.Millisecond}
	if err := s.Serve(t.Context(), l); err != nil {
		t.Error(err)
	}
}

func TestListen(t *testing.T) {
	dir := t.TempDir()
	open := filepath.Join(dir, "open")
	if err := os.Mkdir(open, 0o755); err != nil {
		t.Fatal(err)
	}
	if _, err := sandbox.Listen(t.Context(), filepath.Join(open, "s")); err == nil {
		t.Error("a folder that others can enter")
	}
	if _, err := sandbox.Listen(t.Context(), filepath.Join(dir, strings.Repeat("x", 120))); err == nil {
		t.Error("a path that no socket can have")
	}
	own := filepath.Join(dir, "own")
	socket := filepath.Join(own, "s")
	l, err := sandbox.Listen(t.Context(), socket)
	if err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(socket); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", info.Mode(), err)
	}
	if _, err := sandbox.Listen(t.Context(), socket); err == nil {
		t.Error("a second server")
	}
	l.SetUnlinkOnClose(false) // as if it had died
	_ = l.Close()
	l, err = sandbox.Listen(t.Context(), socket)
	if err != nil {
		t.Fatalf("the socket of one that died: %v", err)
	}
	_ = l.Close()
	if err := os.WriteFile(socket, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := sandbox.Listen(t.Context(), socket); err == nil {
		t.Error("a file that is no socket")
	}
}
