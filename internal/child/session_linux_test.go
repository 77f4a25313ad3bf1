package child

import (
	"bufio"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// What leaves the process group, as the compilers of ninja do, ends with the command: when
// the context ends, and when the command has ended by itself.
func TestSessionEnds(t *testing.T) {
	for name, last := range map[string]string{"cancelled": "wait", "ended": "true"} {
		t.Run(name, func(t *testing.T) {
			file := filepath.Join(t.TempDir(), "pid")
			ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
			defer cancel()
			// With -m bash gives each job a process group.
			cmd := exec.CommandContext(ctx, "bash", "-c", `set -m; sleep 60 & echo $! >"$1.new"; mv "$1.new" "$1"; `+last, "bash", file)
			done := make(chan error, 1)
			go func() { done <- Run(cmd) }()
			pid := 0
			for pid == 0 && ctx.Err() == nil {
				if b, err := os.ReadFile(file); err == nil {
					if pid, err = strconv.Atoi(strings.TrimSpace(string(b))); err != nil {
						t.Fatal(err)
					}
				}
				time.Sleep(5 * time.Millisecond)
			}
			if name == "cancelled" {
				if syscall.Kill(pid, 0) != nil {
					t.Error("it was not started")
				}
				cancel()
			}
			if err := <-done; (err != nil) != (name == "cancelled") {
				t.Error(err)
			}
			for range 200 { // who takes care of orphans may be slow
				if !runs(pid) {
					return
				}
				time.Sleep(5 * time.Millisecond)
			}
			t.Errorf("process %d still runs", pid)
		})
	}
}

// runs reports whether a process is there and not only waits to be asked for.
func runs(pid int) bool {
	f, err := os.Open(filepath.Join("/proc", strconv.Itoa(pid), "status"))
	if err != nil {
		return false
	}
	defer func() { _ = f.Close() }() // it was only read
	for s := bufio.NewScanner(f); s.Scan(); {
		if state, ok := strings.CutPrefix(s.Text(), "State:"); ok {
			return !strings.HasPrefix(strings.TrimSpace(state), "Z")
		}
	}
	return false
}
