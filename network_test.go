package andiron_test

import (
	"os/exec"
	"strings"
	"testing"
)

// network is what speaks HTTP or TLS. Package net itself is linked because pflag
// can parse addresses.
var network = []string{"net/http", "net/rpc", "net/smtp", "crypto/tls", "golang.org/x/net"}

// imports returns what the packages below import, each with all that it brings.
func imports(t *testing.T, tags string, packages ...string) map[string][]string {
	t.Helper()
	args := append([]string{"list", "-deps", "-tags", tags, "-f", "{{.ImportPath}} {{join .Imports \" \"}}"}, packages...)
	out, err := exec.Command("go", args...).Output()
	if err != nil {
		t.Fatal(err)
	}
	graph := map[string][]string{}
	for line := range strings.Lines(string(out)) {
		fields := strings.Fields(line)
		graph[fields[0]] = fields[1:]
	}
	if len(graph) < 50 {
		t.Fatalf("saw %d packages", len(graph))
	}
	return graph
}

// reach returns what is linked with from, if without is left out.
func reach(graph map[string][]string, from, without string) map[string]bool {
	seen := map[string]bool{}
	var visit func(p string)
	visit = func(p string) {
		if p == without || seen[p] {
			return
		}
		seen[p] = true
		for _, q := range graph[p] {
			visit(q)
		}
	}
	visit(from)
	return seen
}

func networked(seen map[string]bool) (list []string) {
	for p := range seen {
		for _, ban := range network {
			if p == ban || strings.HasPrefix(p, ban+"/") {
				list = append(list, p)
			}
		}
	}
	return list
}

// TestNoNetworkCode keeps what speaks HTTP or TLS out of the program: what is not
// linked cannot be made to connect.
func TestNoNetworkCode(t *testing.T) {
	graph := imports(t, "", "./cmd/andiron")
	if got := networked(reach(graph, module+"cmd/andiron", "")); len(got) > 0 {
		t.Errorf("andiron links %q", got)
	}
}

// TestNetworkCodeOnlyForKeyless: with the tag keyless one package brings it, and
// nothing else does.
func TestNetworkCodeOnlyForKeyless(t *testing.T) {
	graph := imports(t, "keyless", "./cmd/andiron")
	if got := networked(reach(graph, module+"cmd/andiron", module+"internal/keyless")); len(got) > 0 {
		t.Errorf("without internal/keyless, andiron links %q", got)
	}
	// Were this empty, the test above would find nothing either.
	if got := networked(reach(graph, module+"internal/keyless", "")); len(got) == 0 {
		t.Error("internal/keyless brings no network code: the tag is not what it was")
	}
	for p, list := range graph {
		for _, q := range list {
			if strings.HasPrefix(q, "github.com/sigstore/") && strings.HasPrefix(p, module) && p != module+"internal/keyless" {
				t.Errorf("%s imports %s", p, q)
			}
		}
	}
}
