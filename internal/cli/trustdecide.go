package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/andiron-dev/andiron/finding"
	"github.com/andiron-dev/andiron/internal/bounded"
	"github.com/andiron-dev/andiron/internal/engine"
	"github.com/andiron-dev/andiron/internal/lockfile"
	"github.com/andiron-dev/andiron/internal/policy"
	"github.com/andiron-dev/andiron/internal/rule"
	"github.com/andiron-dev/andiron/internal/trust"
)

// requestLimit is the most that a request may hold, in bytes.
const requestLimit = 1 << 20

// trustDecideCommand is what the Python package asks. It is hidden because it is an
// interface for programs: docs/spec/decide-v1.md.
func (a *app) trustDecideCommand() *cobra.Command {
	return &cobra.Command{
		Use:    "decide",
		Short:  "Answer a loader's question whether a file may be loaded",
		Hidden: true,
		Args:   wants("argument", 0, 0),
		RunE:   func(cmd *cobra.Command, _ []string) error { return a.trustDecide(cmd.Context()) },
	}
}

func (a *app) trustDecide(ctx context.Context) error {
	q, err := readRequest(a.stdin)
	if err != nil {
		return usage("trust decide: "+err.Error(), "the request is one JSON object on the standard input, as docs/spec/decide-v1.md says")
	}
	answer, err := a.decide(ctx, q)
	if err != nil {
		return err
	}
	return writeJSON(a.stdout, answer)
}

func readRequest(r io.Reader) (q trust.Request, err error) {
	b, err := bounded.ReadAll(r, requestLimit)
	if err != nil {
		return q, fmt.Errorf("the request cannot be read: %w", err)
	}
	dec := json.NewDecoder(bytes.NewReader(b))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&q); err != nil {
		return q, fmt.Errorf("the request cannot be read: %w", err)
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return q, errors.New("something stands after the request")
	}
	return q, q.Check()
}

// decide answers a request. A project that cannot be read trusts nothing.
func (a *app) decide(ctx context.Context, q trust.Request) (trust.Response, error) {
	rules, err := engine.Catalogue()
	if err != nil {
		return trust.Response{}, fmt.Errorf("internal error: %w", err)
	}
	dir, err := here()
	if err != nil {
		return trust.Response{}, err
	}
	p, err := openProject(trust.Project(q.Project, dir, policy.FileName, lockfile.FileName), "", "")
	if err == nil {
		err = checkWaivers(p.policy, p.policyName, rules)
	}
	if err != nil {
		return trust.Failed(q, "the project's policy or lock cannot be read", err, "mend the file that is named"), nil
	}
	d, err := decider(p, rules)
	if err != nil {
		return trust.Failed(q, "the project's folder cannot be read", err, "name the folder that holds "+policy.FileName+" or "+lockfile.FileName), nil
	}
	defer closeRoom(d.Room)
	return d.Decide(ctx, q), nil
}

// decider is what answers for the models of a project. Its room is to be closed.
func decider(p project, rules rule.Catalogue) (*trust.Decider, error) {
	now := trust.Now()
	room, err := trust.New(p.options(now, verifyFor))
	if err != nil {
		return nil, err
	}
	return &trust.Decider{
		Room: room, Waivers: p.waivers(now),
		Judge: func(fs []finding.Finding) finding.Verdict { return policy.Verdict(fs, rules) },
		Scan:  scanCopy(p, rules),
	}, nil
}

// scanCopy looks at a private copy of the bytes that are to be loaded, and hashes
// it through the same open file. No cache has a part in it.
func scanCopy(p project, rules rule.Catalogue) trust.ScanFunc {
	return func(ctx context.Context, file, name string) (finding.Artifact, error) {
		run := runFlags{sha256: true}
		opt := run.engine(finding.Config{Tool: "andiron", Version: version(), Verb: "trust decide"}, p.policy, rules, nil)
		a, err := engine.File(ctx, file, filepath.ToSlash(name), opt)
		if err == nil {
			err = ctx.Err()
		}
		return a, err
	}
}
