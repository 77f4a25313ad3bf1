package sandbox_test

import (
	"os"
	"testing"

	"github.com/andiron-dev/andiron/internal/sandbox"
)

func TestMain(m *testing.M) {
	sandbox.Stage()
	os.Exit(m.Run())
}
