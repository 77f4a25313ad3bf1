//go:build keyless

package keyless

import (
	"context"
	"os"
	"path/filepath"

	"github.com/sigstore/sigstore-go/pkg/tuf"

	"github.com/andiron-dev/andiron/internal/whole"
)

// Refresh gets the newest trusted root over the network and returns the file that
// it is in. It is the only thing here that connects to anything.
func Refresh(ctx context.Context, opt RefreshOptions) (file string, err error) {
	if err := ctx.Err(); err != nil {
		return "", err
	}
	if file = opt.File; file == "" {
		if file, err = refreshedRoot(); err != nil {
			return "", err
		}
	}
	raw, err := fetch(ctx, opt)
	if err != nil {
		return "", err
	}
	if _, err := parseTrustedRoot(opt.mirror(), raw); err != nil {
		return "", err
	}
	if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
		return "", err
	}
	return file, whole.WriteFile(file, raw)
}

// fetch runs the TUF client. Its metadata is kept, so that a repository cannot
// later go back to an older version.
func fetch(ctx context.Context, opt RefreshOptions) ([]byte, error) {
	home, err := os.UserCacheDir()
	if err != nil {
		return nil, err
	}
	anchor := opt.Anchor
	if anchor == nil {
		anchor = tuf.DefaultRoot()
	}
	o := tuf.DefaultOptions().WithContext(ctx).WithRepositoryBaseURL(opt.mirror()).WithRoot(anchor).
		WithCachePath(filepath.Join(home, "andiron", "tuf"))
	client, err := tuf.New(o) // which refreshes
	if err != nil {
		return nil, err
	}
	return client.GetTarget("trusted_root.json")
}

func (o RefreshOptions) mirror() string {
	if o.Mirror != "" {
		return o.Mirror
	}
	return tuf.DefaultMirror
}
