package model

import (
	"cmp"
	"errors"
	"fmt"
	"io"

	"github.com/andiron-dev/andiron/internal/artifact"
	"github.com/andiron-dev/andiron/internal/bounded"
	"github.com/andiron-dev/andiron/internal/decomp"
	"github.com/andiron-dev/andiron/internal/magic"
	"github.com/andiron-dev/andiron/internal/strictzip"
)

// What is decompressed of an artifact may be 32 MiB whatever it is made from, and
// beyond that each part 200 times its input: zeros squeeze further, weights and code do not.
const (
	freeBytes = 32 << 20
	mostRatio = 200
)

// cut ends a stream where it breaks, so that what a loader would have read by
// then can be looked at, and remembers why.
type cut struct {
	r   io.Reader
	max int64 // bytes that may still come
	all int64 // bytes that may come
	err error
}

func (c *cut) Read(p []byte) (int, error) {
	if c.err != nil {
		return 0, io.EOF
	}
	if c.max <= 0 {
		c.err = bounded.Exceeded("bytes that decompression may produce (--max-inflated)", c.all)
		return 0, io.EOF
	}
	n, err := c.r.Read(p[:min(int64(len(p)), c.max)])
	c.max -= int64(n)
	if err != nil && !errors.Is(err, io.EOF) {
		c.err, err = err, io.EOF
	}
	return n, err
}

// spool reads what packed bytes expand to, in memory or in a temporary file. The
// error is why the view is shorter than it should be.
func (l *looker) spool(v view, name string, r io.Reader, packed int64) (view, func(), error) {
	c := &cut{r: r, max: min(ratioLimit(packed, l.slack.Left()), l.inflated.Left())}
	c.all = c.max
	if c.max <= 0 {
		return view{}, func() {}, l.inflated.Spend(l.inflated.Left() + 1)
	}
	a, err := artifact.FromReader(name, c, c.max)
	if err != nil {
		l.err = err // of the temporary file
		return view{}, func() {}, err
	}
	done := func() { _ = a.Close() }
	if err := l.inflated.Spend(a.Size()); err != nil {
		c.err = cmp.Or(c.err, err)
	}
	if over := a.Size() - ratioLimit(packed, 0); over > 0 {
		_ = l.slack.Spend(min(over, l.slack.Left()))
	}
	if errors.Is(c.err, bounded.ErrLimit) {
		l.defuse()
	}
	return v.in(name, a.ReaderAt(), a.Size()), done, c.err
}

// defuse leaves little to the rest of an artifact in which one part expanded
// beyond its limit: a bomb seldom comes alone.
func (l *looker) defuse() {
	if !l.defused {
		l.inflated = bounded.NewBudget("bytes that decompression may produce after a part went over its limit", min(freeBytes, l.inflated.Left()))
	}
	l.defused = true
}

// ratioLimit is how far packed bytes may expand, with free bytes on top.
func ratioLimit(packed, free int64) int64 {
	n, ok := bounded.Mul(packed, mostRatio)
	if !ok || n > 1<<50 {
		n = 1 << 50
	}
	return free + n
}

// inflateMember makes a view of a compressed member of a zip.
func (l *looker) inflateMember(v view, a *strictzip.Archive, entry int) (view, func(), error) {
	r, err := a.Open(entry)
	if err != nil {
		return view{}, func() {}, err
	}
	e := a.Entry(entry)
	return l.spool(v, e.RawName, r, e.CompressedSize)
}

// compressed returns what looks at the content of a stream compressed as kind.
func compressed(kind magic.Kind) func(*looker, view) (string, bool) {
	return func(l *looker, v view) (string, bool) {
		z, err := decomp.Open(kind, v.r, v.size, decomp.Limits{Bytes: l.opt.MaxInflated, Slack: max(l.slack.Left(), 1), Ratio: mostRatio})
		if err != nil {
			return "", false
		}
		inner, done, err := l.spool(v, string(kind), z, v.size)
		defer done()
		if l.err != nil {
			return "", false
		}
		weak := kind == magic.Zlib || kind == magic.LZMA
		if weak && inner.size == 0 && err != nil && v.depth == 0 && !magic.ModelName(v.name) {
			return "", false // the bytes only began like a compressed stream
		}
		inner.fed = v.fed
		if inner.fed == "" {
			inner.fed = string(kind)
		}
		format, isModel := l.look(inner)
		if err != nil {
			l.failed(fmtLimit, inner.where, err)
		}
		if n := z.Trailing(); n > 0 && err == nil && isModel && !zeros(v.r, v.size-n, min(n, 1<<20)) {
			l.report(fmtTrailing.Finding(v.where.At(v.size-n), fmt.Sprintf("%d bytes follow the end of the compressed stream", n)))
		}
		if format == "" {
			return string(kind), false
		}
		return string(kind) + "+" + format, isModel || err != nil
	}
}
