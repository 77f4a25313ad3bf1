package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"syscall"
	"testing"
	"time"

	"github.com/andiron-dev/andiron/finding"
)

// What a hostile file may cost. On an idle machine one takes less than a second;
// the test allows for a busy one.
const (
	mostResident  = 128 << 20
	mostProcessor = 10 * time.Second // not of the wall clock: other work may keep the machine busy
	mostMeasured  = 10 * time.Minute // before a run counts as one that does not end
)

// hostileFile is a file that is small or quick to make and asks for the
// impossible: of memory, of time, of depth.
type hostileFile struct {
	name  string // of the file; the extension is part of the attack
	write func(*bufio.Writer)
	// clean says why the file may pass: it asks for nothing that a loader would
	// not survive, and all of it is read.
	clean string
}

// uncollected is garbage that the collector may not have got to on a busy machine.
const uncollected = 48 << 20

// overResident are files that are known to take more memory than they should, and
// how much; the list is to become empty.
var overResident = map[string]int64{
	"dup_tuple2_million.pkl":       256 << 20, // the walk that looks for containers in each other has a record for each
	"ext_million.pkl":              192 << 20, // an event is 24 times the bytes that make it
	"none_64m.pkl":                 160 << 20, // a value is 24 times the byte that makes it
	"overlap_60k.zip":              192 << 20, // garbage of what was inflated
	"overlap_stored.zip":           192 << 20, // garbage of the pickles in it
	"names_64k_long.zip":           192 << 20, // each name is kept in several forms
	"model.safetensors.index.json": 240 << 20, // garbage of the JSON tree
	"pt2_json_30m.pt2":             192 << 20, // garbage of the JSON reader
	"pt2_json_30m_unknown.pt2":     192 << 20, // garbage of the JSON reader
	"pt2_json_string_30m.pt2":      160 << 20, // garbage of the JSON reader
	"mobile_vector_shared.ptl":     160 << 20, // a node is kept for each element
}

// heavy are the files that take more than half a second to make and scan. They
// run with the tag hostile: make hostile.
var heavy = map[string]bool{
	".metadata":                        true,
	"base64_chain.pkl":                 true,
	"bomb.pkl.bz2":                     true,
	"bomb.pkl.lz4":                     true,
	"bomb.pkl.xz":                      true,
	"bomb_many_members.zip":            true,
	"bomb_nested.zip":                  true,
	"bomb_of_none.pkl.gz":              true,
	"builds_million.pkl":               true,
	"calls_million.pkl":                true,
	"calls_of_system.pkl":              true,
	"code_records_20k.pt":              true,
	"dict_keys_200k_deep.pkl":          true,
	"dup_tuple2_million.pkl":           true,
	"entries_65k.pt":                   true,
	"entries_8k_named_alike.pt":        true,
	"entries_of_pickles.zip":           true,
	"ext_million.pkl":                  true,
	"imports_50k.pkl":                  true,
	"junk_of_starts.pkl":               true,
	"lists_200k_deep.pkl":              true,
	"model.safetensors.index.json":     true,
	"names_64k_long.zip":               true,
	"nodes_million.onnx":               true,
	"none_64m.pkl":                     true,
	"overlap_10k.pt":                   true,
	"overlap_60k.zip":                  true,
	"overlap_code.pt":                  true,
	"overlap_stored.zip":               true,
	"persistent_million.pkl":           true,
	"protos_million.pkl":               true,
	"pt2_json_30m.pt2":                 true,
	"pt2_json_30m_unknown.pt2":         true,
	"pt2_json_expression_deep.pt2":     true,
	"pt2_json_expressions.pt2":         true,
	"pt2_json_keys_alike.pt2":          true,
	"pt2_json_string_30m.pt2":          true,
	"script_attributes_million.pt":     true,
	"script_classes_20k.pt":            true,
	"script_functions_all_call_all.pt": true,
	"script_functions_chain.pt":        true,
	"script_line_16m.pt":               true,
	"script_operators_100k.pt":         true,
	"script_statements_million.pt":     true,
	"script_unknown_30k.pt":            true,
	"tar_50k_members.tar":              true,
	"tar_million_members.tar.gz":       true,
	"tar_of_pickles.tar":               true,
	"tensors_30k.pt":                   true,
	"tensors_million.safetensors":      true,
	"zstd_skippable_million.zst":       true,
}

// hostileFiles are all of them.
func hostileFiles() []hostileFile {
	return slices.Concat(hostilePickles, hostileText, hostileZips, hostilePrograms, hostileStreams, hostileOthers)
}

// TestHostileSizes runs the binary on each file and holds it to time and memory.
// No file may pass unless its entry says why.
func TestHostileSizes(t *testing.T) {
	bin := buildBinary(t)
	dir := t.TempDir()
	seen := map[string]bool{}
	for _, h := range hostileFiles() {
		if seen[h.name] {
			t.Fatalf("two files are named %q", h.name)
		}
		seen[h.name] = true
		if heavy[h.name] && !heavyToo {
			continue
		}
		t.Run(h.name, func(t *testing.T) {
			t.Parallel()
			path := filepath.Join(dir, h.name)
			writeHostile(t, path, h.write)
			checkHostileRun(t, h, measured(t, bin, "scan", "--no-progress", "--format", "json", path))
			if err := os.Remove(path); err != nil { // they add up to more than a temporary folder may hold
				t.Fatal(err)
			}
		})
	}
	if len(seen) < 25 {
		t.Errorf("only %d hostile files", len(seen))
	}
}

func checkHostileRun(t *testing.T, h hostileFile, r run) {
	t.Helper()
	var report struct {
		Artifacts []struct {
			Verdict  finding.Verdict   `json:"verdict"`
			Format   string            `json:"format"`
			Findings []finding.Finding `json:"findings"`
		} `json:"artifacts"`
	}
	if err := json.Unmarshal(r.stdout, &report); err != nil {
		t.Fatalf("exit %d, %v: %.2000s", r.Code, err, r.stderr)
	}
	if len(report.Artifacts) != 1 {
		t.Fatalf("%d artifacts", len(report.Artifacts))
	}
	a := report.Artifacts[0]
	first := ""
	for _, f := range a.Findings {
		if first == "" || f.Outcome == finding.Undetermined {
			first = fmt.Sprintf("%s %.160s", f.Rule, f.Message)
		}
		if f.Rule == "FMT903" {
			t.Errorf("a panic: %v", f.Evidence)
		}
	}
	t.Logf("%4d ms %4d MiB exit %d %s %s, %d findings: %s",
		r.Processor.Milliseconds(), r.Resident>>20, r.Code, a.Format, a.Verdict, len(a.Findings), first)
	switch {
	case r.Code == 0 && h.clean == "":
		t.Errorf("exit 0 and %s", a.Verdict)
	case r.Code != 0 && r.Code != 1 && r.Code != 3:
		t.Errorf("exit %d: %.2000s", r.Code, r.stderr)
	case a.Verdict.Passes() != (r.Code == 0):
		t.Errorf("%s and exit %d", a.Verdict, r.Code)
	}
	if most := max(mostResident, overResident[h.name]); r.Resident > most+uncollected {
		t.Errorf("%d MiB resident, more than %d and %d", r.Resident>>20, most>>20, int64(uncollected)>>20)
	}
	if r.Processor > mostProcessor {
		t.Errorf("took %v of processor time, more than %v", r.Processor, mostProcessor)
	}
}

func writeHostile(t *testing.T, path string, write func(*bufio.Writer)) {
	t.Helper()
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	w := bufio.NewWriterSize(f, 1<<20)
	write(w)
	if err := errors.Join(w.Flush(), f.Close()); err != nil {
		t.Fatal(err)
	}
}

// buildBinary builds what make build builds, so that the figures are the user's
// and not those of a test binary, which the race detector may have grown.
func buildBinary(t *testing.T) string {
	t.Helper()
	bin := filepath.Join(t.TempDir(), "andiron")
	cmd := exec.CommandContext(t.Context(), "go", "build", "-trimpath", "-o", bin, ".")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return bin
}

// run is what a process cost.
type run struct {
	Code      int           `json:"code"`
	Processor time.Duration `json:"processor"` // of all its threads
	Resident  int64         `json:"resident"`  // the most at any time, in bytes

	stdout, stderr []byte
}

// measured runs a command under measureMain.
func measured(t *testing.T, args ...string) run {
	t.Helper()
	report := filepath.Join(t.TempDir(), "cost.json")
	cmd := exec.CommandContext(t.Context(), "measure", append([]string{report}, args...)...)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil {
		t.Fatalf("%v: %s", err, &stderr)
	}
	b, err := os.ReadFile(report)
	if err != nil {
		t.Fatal(err)
	}
	r := run{stdout: stdout.Bytes(), stderr: stderr.Bytes()}
	if err := json.Unmarshal(b, &r); err != nil {
		t.Fatal(err)
	}
	return r
}

// measureMain is the command "measure REPORT CMD [ARG...]": it runs CMD and
// writes what it cost. It is a process of its own because Linux hands a process's
// peak memory on to what it starts, and that of the tests is large.
func measureMain() {
	ctx, cancel := context.WithTimeout(context.Background(), mostMeasured)
	defer cancel()
	cmd := exec.CommandContext(ctx, os.Args[2], os.Args[3:]...)
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr

	err := cmd.Run()
	var r run
	if cmd.ProcessState == nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1) //nolint:gocritic // exiting ends the context as well
	}
	r.Code = cmd.ProcessState.ExitCode()
	r.Processor = cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()
	if usage, ok := cmd.ProcessState.SysUsage().(*syscall.Rusage); ok {
		r.Resident = usage.Maxrss
		if runtime.GOOS == "linux" {
			r.Resident <<= 10 // getrusage(2): kilobytes there, bytes on macOS
		}
	}
	b, err := json.Marshal(r)
	if err == nil {
		err = os.WriteFile(os.Args[1], b, 0o600)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// The pieces that the files are written from. Errors stay with the writer until
// it is flushed.

func put(w io.Writer, parts ...string) {
	for _, p := range parts {
		_, _ = io.WriteString(w, p)
	}
}

func repeat(w io.Writer, piece string, n int) {
	// A large piece at a time is as fast as the disk.
	many := max(1, min(n, (64<<10)/len(piece)))
	block := bytes.Repeat([]byte(piece), many)
	for ; n >= many; n -= many {
		_, _ = w.Write(block)
	}
	_, _ = w.Write(block[:n*len(piece)])
}

func le32(v uint32) string { return string(binary.LittleEndian.AppendUint32(nil, v)) }
func le64(v uint64) string { return string(binary.LittleEndian.AppendUint64(nil, v)) }

// all writes parts and nothing else.
func all(parts ...string) func(*bufio.Writer) {
	return func(w *bufio.Writer) { put(w, parts...) }
}

// times writes head, n pieces, and tail.
func times(head, piece string, n int, tail string) func(*bufio.Writer) {
	return func(w *bufio.Writer) {
		put(w, head)
		repeat(w, piece, n)
		put(w, tail)
	}
}

// counted writes head, n pieces made from their number, and tail.
func counted(head string, n int, piece func(int) string, tail string) func(*bufio.Writer) {
	return func(w *bufio.Writer) {
		put(w, head)
		for i := range n {
			put(w, piece(i))
		}
		put(w, tail)
	}
}

// written is what a writing function writes.
func written(write func(*bufio.Writer)) []byte {
	var b bytes.Buffer
	w := bufio.NewWriter(&b)
	write(w)
	_ = w.Flush() // into memory
	return b.Bytes()
}

func itoa(n int) string { return strconv.Itoa(n) }
