package sandbox_test

import (
	"os"
	"testing"

	"github.com/andiron-dev/andiron/internal/sandbox"
)

func TestMain(m *testing.M) {
	sandbox.Stage()
	standIn()
	os.Exit(m.Run())
}
