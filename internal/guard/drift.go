package guard

import (
	"sync"

	"github.com/andiron-dev/andiron/internal/tensor"
)

// drift compares windows of inputs with the baseline of the schema.
type drift struct {
	mu      sync.Mutex // of adding to the windows
	windows *tensor.Windows
}

// newDrift returns nil for a schema without a baseline.
func newDrift(s *tensor.Schema) *drift {
	if !s.Drifts(tensor.Inputs) {
		return nil
	}
	return &drift{windows: s.Windows(tensor.Inputs)}
}

// add takes the tensors of a request that has passed.
func (d *drift) add(in []tensor.Tensor) []tensor.Violation {
	if d == nil {
		return nil
	}
	counted := d.windows.Count(in) // which takes its time, and no lock
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.windows.AddCounted(counted)
}
