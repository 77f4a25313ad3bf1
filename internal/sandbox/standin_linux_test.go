package sandbox_test

import (
	"encoding/json"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/andiron-dev/andiron/internal/sandbox"
	"github.com/andiron-dev/andiron/safetensors"
)

// standIn is a worker without Python: it does what a checkpoint says in one word.
func standIn() {
	if len(os.Args) < 5 || os.Args[1] != "-I" {
		return
	}
	if err := standInFor(os.Args[4]); err != nil {
		_, _ = os.Stderr.WriteString(err.Error())
		os.Exit(1)
	}
	os.Exit(0)
}

func standInFor(program string) error {
	const control = 3
	has := func(file string) bool {
		_, err := os.Stat(filepath.Join(filepath.Dir(os.Args[0]), file))
		return err == nil
	}
	if len(program) < 200 { // it is asked where its parts are
		return json.NewEncoder(os.Stdout).Encode([]string{os.Args[0], filepath.Dir(os.Args[0])})
	}
	late := has("late")
	ready := []byte(`{"ready": {"torch": "none", "python": "none"}}`)
	if _, err := unix.Write(control, ready); err != nil {
		return err
	}
	if has("die") {
		return errors.New("it is to die while it waits")
	}
	b, oob := make([]byte, 1<<20), make([]byte, unix.CmsgSpace(8))
	n, oobn, _, _, err := unix.Recvmsg(control, b, oob, 0)
	if err != nil || n == 0 || late {
		return err
	}
	var m struct {
		Job struct {
			Filter []byte
			Limits map[string]int64
		}
	}
	if err := json.Unmarshal(b[:n], &m); err != nil {
		return err
	}
	messages, err := unix.ParseSocketControlMessage(oob[:oobn])
	if err != nil {
		return err
	}
	fds, err := unix.ParseUnixRights(&messages[0])
	if err != nil {
		return err
	}
	listener, err := lockWith(m.Job.Filter)
	if err != nil {
		return err
	}
	if err := unix.Sendmsg(control, []byte(`{"locked": {}}`), unix.UnixRights(listener), nil, 0); err != nil {
		return err
	}
	_ = unix.Close(listener)
	if _, err := unix.Read(control, b); err != nil {
		return err
	}
	return do(control, os.NewFile(uintptr(fds[0]), "in"), os.NewFile(uintptr(fds[1]), "out"), m.Job.Limits)
}

func lockWith(filter []byte) (int, error) {
	p := unix.SockFprog{Len: uint16(len(filter) / 8), Filter: (*unix.SockFilter)(unsafe.Pointer(&filter[0]))}
	fd, _, e := unix.Syscall(unix.SYS_SECCOMP, 1, 1|8|16, uintptr(unsafe.Pointer(&p)))
	if e != 0 {
		return -1, e
	}
	return int(fd), nil
}

// do does what the checkpoint says.
func do(control int, in, out *os.File, limits map[string]int64) error {
	what, err := io.ReadAll(in)
	if err != nil {
		return err
	}
	switch string(what) {
	case "hang":
		time.Sleep(time.Minute)
	case "exit":
		return nil
	}
	l, err := safetensors.NewLayout(nil, map[string]string{"pid": strconv.Itoa(os.Getpid()), "data": strconv.FormatInt(limits["RLIMIT_DATA"], 10)})
	if err != nil {
		return err
	}
	if err := l.WriteHeader(out); err != nil {
		return err
	}
	if _, err := unix.Write(control, []byte(`{"done": {"weights_only": true, "type": "none"}}`)); err != nil {
		return err
	}
	_, err = unix.Read(control, make([]byte, 1))
	return err
}

// standInOptions start workers that are this program.
func standInOptions(t *testing.T) sandbox.PoolOptions {
	t.Helper()
	program, err := os.ReadFile("/proc/self/exe")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	for _, d := range []string{filepath.Dir(dir), dir} { // a worker of root is another user
		if err := os.Chmod(d, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	name := filepath.Join(dir, "python")
	if err := os.WriteFile(name, program, 0o755); err != nil {
		t.Fatal(err)
	}
	return sandbox.PoolOptions{
		Options: sandbox.Options{Python: name, Without: []sandbox.Layer{sandbox.Namespaces, sandbox.Seccomp}, Size: 1 << 46}, // the race detector takes much
		Places:  1, Wait: 20 * time.Second,
	}
}

// checkpoint says what a worker is to do.
func checkpoint(t *testing.T, what string) *os.File {
	t.Helper()
	name := filepath.Join(t.TempDir(), "checkpoint")
	if err := os.WriteFile(name, []byte(what), 0o600); err != nil {
		t.Fatal(err)
	}
	f, err := os.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = f.Close() })
	return f
}
