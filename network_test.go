package andiron_test

import (
	"os/exec"
	"slices"
	"strings"
	"testing"
)

// network is what speaks HTTP or TLS. Package net itself is linked because pflag
// can parse addresses.
var network = []string{"net/http", "net/rpc", "net/smtp", "crypto/tls", "golang.org/x/net"}

// imports returns what the packages below import, each with all that it brings.
func imports(t *testing.T, tags string, packages ...string) map[string][]string {
	t.Helper()
	args := append(append(listing(tags), "-deps", "-f", "{{.ImportPath}} {{join .Imports \" \"}}"), packages...)
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

// reach returns what is linked with from, if those without are left out.
func reach(graph map[string][]string, from string, without ...string) map[string]bool {
	seen := map[string]bool{}
	var visit func(p string)
	visit = func(p string) {
		if slices.Contains(without, p) || seen[p] {
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
		if p == "golang.org/x/net/html" || p == "golang.org/x/net/html/atom" { // they read pages, and get none
			continue
		}
		for _, ban := range network {
			if p == ban || strings.HasPrefix(p, ban+"/") {
				list = append(list, p)
			}
		}
	}
	return list
}

// talkers are the packages that may speak HTTP, by the tag they need.
var talkers = map[string][]string{
	"":              {module + "internal/fetch", module + "internal/guard"},
	"keyless":       {module + "internal/fetch", module + "internal/guard", module + "internal/keyless"},
	"keylessinside": {module + "internal/fetch", module + "internal/guard"}, // what is inside is another program
}

// TestNetworkCodeInOnePlace keeps what speaks HTTP or TLS out of everything but
// the packages that are made for it: what others do not link they cannot be made
// to connect with.
func TestNetworkCodeInOnePlace(t *testing.T) {
	for tags, may := range talkers {
		graph := imports(t, tags, append([]string{"./cmd/andiron"}, relative(may)...)...)
		if got := networked(reach(graph, module+"cmd/andiron", may...)); len(got) > 0 {
			t.Errorf("tags %q: without %q, andiron links %q", tags, may, got)
		}
		for _, p := range may {
			// Were this empty, the test above would find nothing either.
			if got := networked(reach(graph, p)); len(got) == 0 {
				t.Errorf("%s brings no network code", p)
			}
		}
	}
}

func relative(packages []string) (list []string) {
	for _, p := range packages {
		list = append(list, "./"+strings.TrimPrefix(p, module))
	}
	return list
}

// TestSigstoreOnlyForKeyless: one package brings it, and nothing else does.
func TestSigstoreOnlyForKeyless(t *testing.T) {
	seen := 0
	for p, list := range imports(t, "keyless", "./cmd/andiron") {
		for _, q := range list {
			if !strings.HasPrefix(q, "github.com/sigstore/") || !strings.HasPrefix(p, module) {
				continue
			}
			if seen++; p != module+"internal/keyless" {
				t.Errorf("%s imports %s", p, q)
			}
		}
	}
	if seen == 0 {
		t.Error("nothing imports it: the tag is not what it was")
	}
}
