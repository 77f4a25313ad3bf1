package model

import (
	"context"

	"github.com/andiron-dev/andiron/finding"
	"github.com/andiron-dev/andiron/internal/artifact"
)

// LookFolder looks at the files of one folder together.
func LookFolder(_ context.Context, _ []artifact.Entry, _ func(artifact.Entry) (*artifact.Artifact, error), _ Options, _ func(finding.Finding)) error {
	return nil
}
