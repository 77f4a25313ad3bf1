//go:build unix

package child

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"
)

// TestRunBuild: what is asked to end has the time to end those that are in groups of
// their own; what does not listen is killed.
func TestRunBuild(t *testing.T) {
	for name, trap := range map[string]string{"listens": `trap 'echo asked > asked; exit' TERM`, "does not": `trap 'echo asked > asked' TERM`} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			ctx, cancel := context.WithCancel(t.Context())
			cmd := exec.CommandContext(ctx, "sh", "-c", trap+"; echo ready > ready; while :; do sleep 0.05; done")
			cmd.Dir = dir
			ended := make(chan error, 1)
			go func() { ended <- RunBuild(cmd) }()
			wait(t, filepath.Join(dir, "ready"))
			cancel()
			if err := <-ended; err == nil {
				t.Error("it ended well")
			}
			wait(t, filepath.Join(dir, "asked"))
		})
	}
}

func wait(t *testing.T, name string) {
	t.Helper()
	for end := time.Now().Add(time.Minute); time.Now().Before(end); time.Sleep(5 * time.Millisecond) {
		if _, err := os.Stat(name); err == nil {
			return
		}
	}
	t.Fatalf("there is no %s", name)
}
