package sandbox_test

import (
	"os"
	"testing"

	"github.com/andiron-dev/andiron/internal/sandbox"
	"github.com/andiron-dev/andiron/internal/testkit/hostile"
)

func TestMain(m *testing.M) {
	sandbox.Stage()
	hostile.Main()
	standIn()
	if name := os.Getenv(poorer); name != "" {
		confine(name)
	}
	os.Exit(m.Run())
}
