// Package hostile is a worker of the sandbox that does what no checkpoint should do.
//
// It stands in for Python: it is started and spoken to in the same way, puts the same
// filter in force, and then makes one of Attacks, which its checkpoint names. Being
// Go, it needs no Python where it runs, and makes calls that Python cannot make. It is
// for tests only; what it reaches are a marker, a listener and a process of the test.
//
// Most of the Go runtime is gone by then: its threads make calls of their own, which
// the filter does not have. Two threads are left, one that attacks and one that does
// what the first asks for, and nothing may be done that needs another: no goroutine, no
// channel, no collection of garbage, nothing that polls.
package hostile

import (
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"strings"
	"unsafe"

	"golang.org/x/sys/unix"
)

// The descriptors of a worker: those of worker.py, and two of files that it opened
// while it could.
const (
	control = 3
	source  = 10
	out     = 11
	state   = 12 // /proc/self/status, where there is a /proc
	self    = 13 // this program
)

// Target is what an attack is to reach. As JSON it is a checkpoint for this worker.
type Target struct {
	Attack     string `json:"attack"`
	Marker     string `json:"marker"`  // a file that is not there
	Secret     string `json:"secret"`  // a file that anybody may read and write
	Home       string `json:"home"`    // the home folder of a user
	Outside    string `json:"outside"` // a file in the folder for temporary files that is not there
	Device     string `json:"device"`
	TCP        int    `json:"tcp"` // ports of listeners
	UDP        int    `json:"udp"`
	Path       string `json:"path"`       // and sockets of them
	Abstract   string `json:"abstract"`   // without the zero byte
	Supervisor int    `json:"supervisor"` // its process
	Victim     int    `json:"victim"`     // another process of the same user
	Setuid     string `json:"setuid"`     // a program that makes everybody its owner
}

// markName is what this program is called when an attack has started it.
const markName = "andiron-hostile-mark"

// Name is what it is called to be a worker.
const Name = "hostile-python"

// VictimName is what it is called to wait until its standard input ends.
const VictimName = "andiron-hostile-victim"

// Main becomes a worker, if this process was started as the Python of one, and does not
// return then. Every test that names itself as a Python calls it first.
func Main() {
	switch {
	case len(os.Args) == 0:
	case os.Args[0] == markName:
		exit(mark(os.Args[1]))
	case os.Args[0] == VictimName:
		_, _ = os.Stdin.Read(make([]byte, 1)) // it waits
		exit(0)
	case filepath.Base(os.Args[0]) != Name || len(os.Args) < 5 || os.Args[1] != "-I":
	case strings.Contains(os.Args[4], "sys.prefix"):
		tell()
	default:
		work()
	}
}

func exit(code int) {
	for {
		_, _, _ = unix.RawSyscall(unix.SYS_EXIT_GROUP, uintptr(code), 0, 0)
	}
}

// mark is what a program does that should not have been started: 0 if it reached
// something outside, and otherwise the error.
func mark(marker string) int {
	if os.Geteuid() == 0 && os.Getuid() != 0 {
		return 0 // it became root
	}
	fd, err := unix.Open(marker, unix.O_WRONLY|unix.O_CREAT, 0o600)
	if err != nil {
		return int(errno(err))
	}
	_ = unix.Close(fd) // it is there
	return 0
}

// tell says which folders this Python needs.
func tell() {
	b, _ := json.Marshal([]string{filepath.Dir(os.Args[0])}) // it can always be spelled
	_, _ = os.Stdout.Write(b)                                // whoever asked hears it
	exit(0)
}

// Worker is a hostile worker.
type Worker struct {
	Target
	pool *pool
	job  job
}

// job is what the supervisor sends. Modules are nothing that this worker has.
type job struct {
	Filter string `json:"filter"`
}

// work is what worker.py does.
func work() {
	runtime.LockOSThread()
	debug.SetGCPercent(-1)
	runtime.GOMAXPROCS(2)
	w := &Worker{pool: newPool()}
	keep("/proc/self/status", state)
	keep("/proc/self/exe", self)
	pin()
	alone()
	w.say(`{"ready":{"torch":"hostile","python":"go"}}`)
	w.hearJob()
	a := w.chosen()
	if a.Early {
		w.end(a.Do(w))
	}
	w.lock()
	w.end(a.Do(w))
}

// keep leaves a file open under a number, where it can be had.
func keep(name string, to int) {
	if fd, err := unix.Open(name, unix.O_RDONLY, 0); err == nil && fd != to {
		_ = unix.Dup3(fd, to, 0) // attacks that need it say so
		_ = unix.Close(fd)       // it has another number
	}
}

func (w *Worker) say(text string) {
	if n, err := unix.Write(control, []byte(text)); err != nil || n != len(text) {
		exit(3)
	}
}

// hearJob takes the checkpoint, the file for tensors, and the filter.
func (w *Worker) hearJob() {
	b, oob := make([]byte, 1<<20), make([]byte, 256)
	n, k, _, _, err := unix.Recvmsg(control, b, oob, 0)
	if err != nil {
		exit(4)
	}
	var m struct {
		Job *job `json:"job"`
	}
	m.Job = &w.job
	all, _ := unix.ParseSocketControlMessage(oob[:k]) // what is not there fails below
	if json.Unmarshal(b[:n], &m) != nil || len(all) != 1 {
		exit(4)
	}
	fds, _ := unix.ParseUnixRights(&all[0])
	for i, to := range []int{source, out} {
		if unix.Dup3(fds[i], to, 0) != nil || unix.Close(fds[i]) != nil {
			exit(4)
		}
	}
}

// chosen is the attack that the checkpoint names. An empty one is for a trial.
func (w *Worker) chosen() Attack {
	b := make([]byte, 1<<16)
	n, err := unix.Pread(source, b, 0)
	if err == nil && n == 0 {
		return Attack{Do: says("")}
	}
	if err != nil || json.Unmarshal(b[:n], &w.Target) != nil {
		exit(5)
	}
	for _, a := range Attacks {
		if a.Name == w.Attack {
			return a
		}
	}
	exit(5)
	return Attack{}
}

// install puts the filter in force for all threads, and returns the listener.
func (w *Worker) install() int {
	code, err := base64.StdEncoding.DecodeString(w.job.Filter)
	if err != nil || len(code) == 0 {
		exit(6)
	}
	prog := unix.SockFprog{Len: uint16(len(code) / 8), Filter: (*unix.SockFilter)(unsafe.Pointer(&code[0]))}
	const flags = unix.SECCOMP_FILTER_FLAG_TSYNC | unix.SECCOMP_FILTER_FLAG_NEW_LISTENER | unix.SECCOMP_FILTER_FLAG_TSYNC_ESRCH
	fd, _, e := unix.RawSyscall(unix.SYS_SECCOMP, unix.SECCOMP_SET_MODE_FILTER, flags, uintptr(unsafe.Pointer(&prog)))
	if e != 0 {
		exit(6)
	}
	return int(fd)
}

// lock is the border: behind it the checkpoint acts.
func (w *Worker) lock() {
	fd := w.install()
	if w.sendFiles(locked, fd) != nil || unix.Close(fd) != nil {
		exit(7)
	}
	if n, err := unix.Read(control, make([]byte, 1<<10)); err != nil || n == 0 {
		exit(7)
	}
}

func (w *Worker) sendFiles(text string, fds ...int) error {
	return unix.Sendmsg(control, []byte(text), unix.UnixRights(fds...), nil, 0)
}

// locked is how a worker says that the filter is in force.
const locked = `{"locked":{}}`

// tensors is a result that is as it should be.
func tensors() []byte { return header(`{"w":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}}`, 1) }

// header is a result with a header and so many bytes.
func header(text string, data int) []byte {
	text += strings.Repeat(" ", (8-len(text)%8)%8)
	b := binary.LittleEndian.AppendUint64(nil, uint64(len(text)))
	return append(append(b, text...), make([]byte, data)...)
}

// done is how a worker says that it has finished.
func done(kind string) string {
	return fmt.Sprintf(`{"done":{"weights_only":false,"type":%q}}`, kind)
}

// end pretends that nothing happened. Whoever lets that pass hears what came of the
// attack.
func (w *Worker) end(err error) {
	text := Worked
	if err != nil {
		text = Refused + ": " + err.Error()
	}
	_, _ = unix.Write(out, tensors()) // or there is no result
	w.say(done(text))
	exit(0)
}

// What came of an attack that the worker lived to tell of, in the type of its result.
const (
	Worked  = "worked"
	Refused = "refused"
)
