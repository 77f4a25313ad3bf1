//go:build sandbox

package sandbox_test

import (
	"sync"
	"testing"

	"github.com/andiron-dev/andiron/internal/sandbox"
)

// Workers at the same time do not use up each other's limit on processes.
func TestManyAtOnce(t *testing.T) {
	python := pythons(t)[0]
	plots := checkpoints(t, newField(t), python, []attack{{code: "x = 1"}})
	var all sync.WaitGroup
	for range 12 {
		all.Go(func() {
			o := sandbox.Options{Python: python, Without: []sandbox.Layer{sandbox.Namespaces}, Limits: sandbox.Limits{Threads: 2}}
			if _, err := attempt(t, plots[0].file(), o); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
}
