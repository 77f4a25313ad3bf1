// Package scan says what loading a PyTorch model file would execute. It is what
// andiron scan runs, for Go programs.
//
// # Security
//
// Nothing is loaded or executed by looking. What could not be looked at is never
// safe: it is finding.Unreadable, and the summary of the stream is incomplete.
//
// # Limits
//
// Those of Options; zero values are the defaults of the command line.
//
// # Specification
//
// The verdicts are those of the default policy.
package scan

import (
	"context"
	"fmt"
	"os"

	"github.com/andiron-dev/andiron/finding"
	"github.com/andiron-dev/andiron/internal/engine"
	"github.com/andiron-dev/andiron/internal/model"
	"github.com/andiron-dev/andiron/internal/policy"
)

// Options say how to look. The zero value is the default.
type Options struct {
	Jobs        int   // files looked at at once; 0 is one per processor
	SHA256      bool  // compute digests
	MaxDepth    int   // containers within containers
	MaxInflated int64 // bytes that come out of compressed data
	MaxValues   int64 // values that one pickle makes
}

// Paths looks at files and folders and streams what it finds to h, sorted by
// path. Whatever is wrong with them is in the stream; the error is one of h, or
// the context's. With the latter the stream still ends with a summary.
func Paths(ctx context.Context, paths []string, opt Options, h finding.Handler) error {
	rules, err := engine.Catalogue()
	if err != nil {
		return fmt.Errorf("internal error: %w", err)
	}
	err = engine.Scan(ctx, paths, engine.Options{
		Config: finding.Config{
			Tool: "andiron", Verb: "scan", Paths: paths, FailOn: policy.Level{}.String(), Rules: len(rules),
		},
		Judge:  func(fs []finding.Finding) finding.Verdict { return policy.Verdict(fs, rules) },
		Model:  model.Options{MaxDepth: opt.MaxDepth, MaxInflated: opt.MaxInflated, MaxValues: opt.MaxValues},
		Jobs:   opt.Jobs,
		SHA256: opt.SHA256,
	}, h)
	if err != nil {
		return err
	}
	return ctx.Err()
}

// File looks at one file. A file that cannot be read, or is no model, comes back
// as unreadable, with the reason among its findings.
func File(ctx context.Context, path string, opt Options) (finding.Artifact, error) {
	if info, err := os.Stat(path); err == nil && info.IsDir() {
		return finding.Artifact{}, fmt.Errorf("scan: %q is a folder", path)
	}
	var one only
	if err := Paths(ctx, []string{path}, opt, &one); err != nil {
		return finding.Artifact{}, err
	}
	return one.artifact, nil
}

// only keeps the one artifact of a stream.
type only struct{ artifact finding.Artifact }

func (*only) Config(finding.Config) error         { return nil }
func (*only) Progress(finding.Progress) error     { return nil }
func (*only) Finding(finding.Finding) error       { return nil }
func (*only) Dependency(finding.Dependency) error { return nil }
func (*only) Posture(finding.Posture) error       { return nil }
func (*only) Summary(finding.Summary) error       { return nil }
func (o *only) Artifact(a finding.Artifact) error { o.artifact = a; return nil }
