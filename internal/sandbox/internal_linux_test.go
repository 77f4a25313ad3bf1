package sandbox

import (
	"encoding/binary"
	"net"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/andiron-dev/andiron/internal/child"
)

// A mapping that is kept makes a result one that can still change; one that is just gone
// does not, though the kernel may hold its pages for a moment.
func TestPitfall05SealWhileMapped(t *testing.T) {
	for _, kept := range []bool{true, false} {
		f, err := child.Memfd("x", unix.MFD_NOEXEC_SEAL)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = f.Close() }() // there is nothing in it
		const header = `{"w":{"dtype":"U8","shape":[0],"data_offsets":[0,0]}}   `
		if _, err := f.Write(append(binary.LittleEndian.AppendUint64(nil, uint64(len(header))), header...)); err != nil {
			t.Fatal(err)
		}
		m, err := unix.Mmap(int(f.Fd()), 0, 64, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
		if err != nil {
			t.Fatal(err)
		}
		if !kept {
			if err := unix.Munmap(m); err != nil {
				t.Fatal(err)
			}
		}
		if err := seal(f); (err != nil) != kept || kept && !strings.Contains(err.Error(), "sealed") {
			t.Errorf("kept %v: %v", kept, err)
		}
	}
}

// conversation plays a worker that says what it is given, each message with so many
// descriptors, and returns the other end.
func conversation(t *testing.T, script []byte) *worker {
	t.Helper()
	pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_SEQPACKET|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	ours := os.NewFile(uintptr(pair[0]), "control")
	conn, err := net.FileConn(ours)
	_ = ours.Close() // conn has its own
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	for len(script) > 2 {
		n, files := min(int(script[0]), len(script)-2), int(script[1])%12
		var oob []byte
		if files > 0 {
			oob = unix.UnixRights(make([]int, files)...) // standard input, several times
		}
		_ = unix.Sendmsg(pair[1], script[2:2+n], oob, nil, unix.MSG_DONTWAIT) // what there is no room for is not said
		script = script[2+n:]
	}
	// It is there as long as its end is.
	if err := unix.Shutdown(pair[1], unix.SHUT_WR); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = unix.Close(pair[1]) })
	w := &worker{control: conn.(*net.UnixConn), cmd: new(exec.Cmd), ended: make(chan struct{})}
	close(w.ended)
	return w
}

// FuzzControl is the supervisor before a worker that says anything: it neither panics
// nor hangs, believes nothing out of turn, and keeps no descriptor.
func FuzzControl(f *testing.F) {
	say := func(words ...string) (b []byte) {
		for _, w := range words {
			files := byte(0)
			if rest, ok := strings.CutPrefix(w, "+"); ok {
				w, files = rest, 1
			}
			b = append(append(b, byte(len(w)), files), w...)
		}
		return b
	}
	const ready, locked, done, failed = `{"ready":{"torch":"x","python":"y"}}`, `{"locked":{}}`, `{"done":{"weights_only":true,"type":"x"}}`, `{"failed":{"kind":"x","text":"y"}}`
	for _, words := range [][]string{
		{ready, "+" + locked, done},
		{ready, locked, failed},
		{locked, locked},
		{done},
		{ready, ready},
		{ready, done},
		{"+" + ready, "+" + locked, "+" + done},
		{`{"stage":{"layer":"landlock","text":"x"}}`},
		{ready, "+" + locked + locked},
		{"", "{", "null", "[]", ready + " "},
	} {
		f.Add(say(words...))
	}
	f.Add(append([]byte{byte(len(ready)), 0}, ready+"\x0f\x0a"+locked...))
	in, err := os.Open(os.DevNull)
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, script []byte) {
		before := descriptors(t)
		t.Run("", func(t *testing.T) {
			w, r := conversation(t, script), &Report{}
			until := time.Now().Add(5 * time.Second)
			if err := w.ready(until, r); err != nil {
				return
			}
			if r.Torch == "" && r.Python == "" && !strings.Contains(string(script), "ready") {
				t.Error("it is ready, and nobody said so")
			}
			if fd, err := w.job(Full, Limits{Start: 5 * time.Second}, in, in); err == nil {
				t.Errorf("standard input is a listener: %d", fd)
			}
			m, _, err := w.hear(until, false)
			if judge(&m, w.why(err), r, nil) == nil && m.Done == nil {
				t.Error("it is done, and nobody said so")
			}
			if time.Until(until) < 0 {
				t.Error("it hung")
			}
		})
		if n := descriptors(t) - before; n > 0 {
			t.Errorf("%d descriptors are left", n)
		}
	})
}

// descriptors is how many this process has.
func descriptors(t *testing.T) int {
	t.Helper()
	list, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	return len(list)
}
