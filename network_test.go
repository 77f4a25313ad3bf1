package andiron_test

import (
	"os/exec"
	"strings"
	"testing"
)

// TestNoNetworkCode keeps what speaks HTTP or TLS out of the program: no verb is
// about the network yet, and what is not linked cannot be made to connect. Package
// net itself is there only because pflag can parse addresses.
func TestNoNetworkCode(t *testing.T) {
	out, err := exec.Command("go", "list", "-deps", "./cmd/andiron").Output()
	if err != nil {
		t.Fatal(err)
	}
	deps := strings.Fields(string(out))
	if len(deps) < 50 {
		t.Fatalf("saw %d packages", len(deps))
	}
	for _, p := range deps {
		for _, ban := range []string{"net/http", "net/rpc", "net/smtp", "crypto/tls", "golang.org/x/net"} {
			if p == ban || strings.HasPrefix(p, ban+"/") {
				t.Errorf("andiron links %s", p)
			}
		}
	}
}
