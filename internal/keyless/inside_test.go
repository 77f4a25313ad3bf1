//go:build keylessinside && !keyless

package keyless

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/andiron-dev/andiron/internal/signing"
)

// role is what this program does when it is started in place of the one inside.
const role = "ANDIRON_KEYLESS_TEST"

func TestMain(m *testing.M) {
	switch os.Getenv(role) {
	case "silent":
		os.Exit(0)
	case "nobody":
		fmt.Println("{}")
		os.Exit(0)
	case "fails":
		fmt.Fprintln(os.Stderr, "an error of its own")
		os.Exit(3)
	}
	os.Exit(m.Run())
}

// A program inside that cannot be started, or that does not say who signed, has
// verified nothing.
func TestNoAnswer(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir())
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(self)
	if err != nil {
		t.Fatal(err)
	}
	defer func(p []byte) { program = p }(program)
	for _, c := range []struct {
		role, want string
		program    []byte
	}{
		{"", "it cannot be started", []byte("this is no program")},
		{"silent", "unexpected end", b},
		{"nobody", "names nobody", b},
		{"fails", "an error of its own: exit status 3", b},
	} {
		t.Setenv(role, c.role)
		program = c.program
		verify, err := Verifier(Options{Identity: "alice", Issuer: "https://accounts.example.com"})
		if err != nil {
			t.Errorf("%s: Verifier: %v", c.role, err)
			continue
		}
		payload, signer, err := verify([]byte("{}"))
		if !errors.Is(err, signing.ErrUnsupported) || !strings.Contains(err.Error(), c.want) || payload != nil || signer != "" {
			t.Errorf("%s: %q, %q, %v", c.role, payload, signer, err)
		}
	}
	if _, err := Refresh(t.Context(), RefreshOptions{}); !errors.Is(err, signing.ErrUnsupported) {
		t.Errorf("Refresh: %v", err)
	}
}
