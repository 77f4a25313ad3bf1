package guard

import (
	"context"
	"log/slog"
	"time"

	"golang.org/x/time/rate"
)

// journal writes what happened. Lines about requests are bounded, so that a client
// cannot fill a disk with its refusals; what is left out is counted.
type journal struct {
	log   *slog.Logger
	lines *rate.Limiter
	meter *meter
}

func newJournal(log *slog.Logger, m *meter) *journal {
	return &journal{log: log, lines: rate.NewLimiter(50, 500), meter: m}
}

// request writes the line of a request. It has no byte that a client chose but its
// address.
func (j *journal) request(ctx context.Context, level slog.Level, text string, attrs ...slog.Attr) {
	if !j.log.Enabled(ctx, level) {
		return
	}
	if level > slog.LevelDebug && !j.lines.AllowN(time.Now(), 1) {
		j.meter.quiet.Inc()
		return
	}
	j.log.LogAttrs(ctx, level, text, attrs...)
}
