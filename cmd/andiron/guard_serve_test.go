//go:build unix

package main

import (
	"bufio"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

const servedSchema = `andiron: tensor/v1
model: toy
inputs:
  x: {dtype: float32, shape: [1, 2], range: [0, 1]}
outputs:
  y: {dtype: float32, shape: [1]}
`

// gatewayProcess is andiron guard serve as a process.
type gatewayProcess struct {
	t             *testing.T
	cmd           *exec.Cmd
	lines         *bufio.Scanner
	listen, admin string
}

func startServed(t *testing.T, args ...string) *gatewayProcess {
	t.Helper()
	s := &gatewayProcess{t: t, cmd: exec.CommandContext(t.Context(), "andiron", append([]string{"guard", "serve", "--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0"}, args...)...)}
	out, err := s.cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := s.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	s.lines = bufio.NewScanner(out)
	line := s.until("gateway listens")
	s.listen, s.admin = line["listen"].(string), line["admin"].(string)
	return s
}

// until reads the log until a message comes, and returns its line.
func (s *gatewayProcess) until(message string) map[string]any {
	s.t.Helper()
	for s.lines.Scan() {
		var line map[string]any
		if err := json.Unmarshal(s.lines.Bytes(), &line); err != nil {
			s.t.Fatalf("%q is no line of a log", s.lines.Text())
		}
		if line["msg"] == message {
			return line
		}
	}
	s.t.Fatalf("no %q before the end", message)
	return nil
}

func (s *gatewayProcess) ask(value string) (status int, body string) {
	s.t.Helper()
	req := `{"inputs":[{"name":"x","shape":[1,2],"datatype":"FP32","data":[0,` + value + `]}]}`
	res, err := http.Post("http://"+s.listen+"/v2/models/toy/infer", "application/json", strings.NewReader(req))
	if err != nil {
		s.t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		s.t.Fatal(err)
	}
	return res.StatusCode, string(b)
}

// TestGuardServe runs the program in front of a server: it lets a good request
// through, refuses a bad one, reads a schema again on SIGHUP, and ends on SIGTERM.
func TestGuardServe(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, `{"model_name":"toy","outputs":[{"name":"y","datatype":"FP32","shape":[1],"data":[0.5]}]}`)
	}))
	defer server.Close()
	schema := filepath.Join(t.TempDir(), "toy.yaml")
	write := func(text string) {
		t.Helper()
		if err := os.WriteFile(schema, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write(servedSchema)
	s := startServed(t, "--schema", schema, "--backend", server.URL, "--reload", "0")
	if status, body := s.ask("1"); status != 200 || !strings.Contains(body, `"data":[0.5]`) {
		t.Errorf("%d %s", status, body)
	}
	if status, body := s.ask("2"); status != 400 || !strings.Contains(body, `"code":"AT-RANGE"`) {
		t.Errorf("%d %s", status, body)
	}
	write(strings.Replace(servedSchema, "[0, 1]", "[0, 5]", 1))
	if err := s.cmd.Process.Signal(syscall.SIGHUP); err != nil {
		t.Fatal(err)
	}
	s.until("schema replaced")
	if status, body := s.ask("2"); status != 200 {
		t.Errorf("%d %s", status, body)
	}
	write("andiron: nonsense\n")
	if err := s.cmd.Process.Signal(syscall.SIGHUP); err != nil {
		t.Fatal(err)
	}
	s.until("schemas could not be read again, those before stay in force")
	if status, body := s.ask("2"); status != 200 {
		t.Errorf("%d %s", status, body)
	}
	for path, want := range map[string]int{"/healthz": 200, "/readyz": 200, "/metrics": 200, "/": 404} {
		res, err := http.Get("http://" + s.admin + path)
		if err != nil {
			t.Fatal(err)
		}
		_ = res.Body.Close()
		if res.StatusCode != want {
			t.Errorf("%s: %d", path, res.StatusCode)
		}
	}
	if err := s.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	s.until("gateway drains")
	for s.lines.Scan() { // to its end
		t.Logf("%s", s.lines.Text())
	}
	if err := s.cmd.Wait(); err != nil {
		t.Errorf("%v", err)
	}
}
