//go:build oracle

package pickle_test

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/andiron-dev/andiron/pickle"
)

// oracleRun is what one of CPython's unpicklers did with a stream.
type oracleRun struct {
	Imports [][2]string
	OK      bool
	Error   string
}

// oracle is a running tools/oracle/pickle_oracle.py.
type oracle struct {
	in  io.WriteCloser
	out *bufio.Reader
}

func startOracle(t *testing.T) *oracle {
	t.Helper()
	cmd := exec.Command("python3", filepath.Join("..", "tools", "oracle", "pickle_oracle.py"))
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatalf("the oracle needs python3: %v", err)
	}
	t.Cleanup(func() {
		in.Close()
		if err := cmd.Wait(); err != nil {
			t.Errorf("oracle: %v", err)
		}
	})
	return &oracle{in, bufio.NewReaderSize(out, 1<<20)}
}

// ask sends a batch of streams and returns the answers.
func (o *oracle) ask(t *testing.T, batch [][]byte) []map[string]oracleRun {
	t.Helper()
	go func() {
		var buf bytes.Buffer
		for _, b := range batch {
			buf.Write(binary.LittleEndian.AppendUint32(nil, uint32(len(b))))
			buf.Write(b)
		}
		o.in.Write(buf.Bytes()) // a failure shows as a missing answer
	}()
	answers := make([]map[string]oracleRun, len(batch))
	for i := range batch {
		line, err := o.out.ReadBytes('\n')
		if err != nil {
			t.Fatalf("oracle: no answer for %x: %v", batch[i], err)
		}
		if err := json.Unmarshal(line, &answers[i]); err != nil {
			t.Fatal(err)
		}
	}
	return answers
}

// TestDifferential runs random streams through CPython and this package: no
// import of CPython's may be missing, and where CPython finishes so must we.
func TestDifferential(t *testing.T) {
	seconds := 20
	if s := os.Getenv("ORACLE_SECONDS"); s != "" {
		n, err := strconv.Atoi(s)
		if err != nil {
			t.Fatal(err)
		}
		seconds = n
	}
	first := uint64(1)
	if s := os.Getenv("ORACLE_SEED"); s != "" {
		n, err := strconv.ParseUint(s, 10, 64)
		if err != nil {
			t.Fatal(err)
		}
		first = n
	}
	pickle.SetBufferSizes(0, 16, 64, 8192)
	o := startOracle(t)
	streams, finished, withImports, failures := 0, 0, 0, 0
	end := time.Now().Add(time.Duration(seconds) * time.Second)
	for seed := first; time.Now().Before(end) && failures < 20; seed++ {
		g := newGenerator(seed)
		batch := make([][]byte, 200)
		for i := range batch {
			batch[i] = g.stream()
		}
		for i, runs := range o.ask(t, batch) {
			streams++
			if runs["c"].OK {
				finished++
			}
			if len(runs["c"].Imports) > 0 {
				withImports++
			}
			if msg := compare(batch[i], runs); msg != "" {
				failures++
				t.Errorf("seed %d: %s\n%s", seed, msg, dump(batch[i]))
			}
		}
	}
	t.Logf("%d streams, %d finish, %d import", streams, finished, withImports)
	if finished < streams/20 || withImports < streams/10 {
		t.Errorf("the generator is too wild: of %d streams %d finish and %d import", streams, finished, withImports)
	}
}

// compare says how a stream's trace differs from what CPython does.
func compare(stream []byte, runs map[string]oracleRun) string {
	trace := pickle.Run(bytes.NewReader(stream), int64(len(stream)), pickle.Options{})
	var ours [][2]string
	for _, v := range trace.Imports() {
		g, _ := v.Global()
		ours = append(ours, [2]string{hex.EncodeToString([]byte(g.RawModule)), hex.EncodeToString([]byte(g.RawName))})
	}
	all := true
	for name, run := range runs {
		all = all && run.OK
		rest := ours
		for _, imp := range run.Imports {
			i := 0
			for i < len(rest) && rest[i] != imp {
				i++
			}
			if i == len(rest) {
				return fmt.Sprintf("%s imports %q, which is missing from %q (%v)", name, imp, ours, trace.Err)
			}
			rest = rest[i+1:]
		}
		if run.OK && trace.Err != nil {
			return fmt.Sprintf("%s finishes, ours: %v", name, trace.Err)
		}
		if !run.OK && trace.Err == nil && len(trace.Notes) == 0 && bothFail(runs) && !typeError(run.Error) {
			return fmt.Sprintf("%s breaks (%s), ours finishes without a note", name, run.Error)
		}
	}
	if all && fmt.Sprint(runs["c"].Imports) != fmt.Sprint(ours) {
		return fmt.Sprintf("all finish with %q, ours %q", runs["c"].Imports, ours)
	}
	return ""
}

func bothFail(runs map[string]oracleRun) bool { return !runs["c"].OK && !runs["python"].OK }

// typeError reports whether an error depends on the values' Python types or on
// what the loader was given, which the interpreter does not judge.
func typeError(msg string) bool {
	for _, prefix := range []string{"TypeError", "AttributeError", "ValueError", "MemoryError", "OverflowError",
		"UnpicklingError: NEWOBJ", "UnpicklingError: STACK_GLOBAL requires str", "UnpicklingError: state is not", "UnpicklingError: slot state", "UnpicklingError: pickle stream refers to out-of-band",
		"UnicodeDecodeError", "KeyError", "IndexError"} {
		if len(msg) >= len(prefix) && msg[:len(prefix)] == prefix {
			return true
		}
	}
	return false
}

// dump lists a stream for a person.
func dump(stream []byte) string {
	var b bytes.Buffer
	fmt.Fprintf(&b, "%x\n", stream)
	for op, err := range pickle.Disassemble(bytes.NewReader(stream), int64(len(stream)), 0, pickle.Limits{}) {
		if err != nil {
			fmt.Fprintf(&b, "  %v\n", err)
			break
		}
		fmt.Fprintf(&b, "  %#x %v %q\n", op.Offset, op.Code, stream[op.ArgOffset:op.ArgOffset+op.ArgLen])
	}
	return b.String()
}
