package engine

import (
	"context"

	"github.com/andiron-dev/andiron/finding"
	"github.com/andiron-dev/andiron/internal/artifact"
	"github.com/andiron-dev/andiron/internal/model"
)

// LookWith replaces what looks at a file, for the examples of what goes wrong
// meanwhile. The real one runs after hook.
func (o *Options) LookWith(hook func()) {
	o.look = func(ctx context.Context, a *artifact.Artifact, opt model.Options, report func(finding.Finding)) (model.Facts, error) {
		hook()
		return model.Look(ctx, a, opt, report)
	}
}
