package cli

import (
	"fmt"
	"io"
	"path"
	"strings"
	"time"

	"github.com/mattn/go-runewidth"

	"github.com/andiron-dev/andiron/finding"
	"github.com/andiron-dev/andiron/internal/safetext"
)

// progress shows on a terminal how far a run is, and takes itself away before
// anything else is written there. Runs too short to wait for show nothing.
type progress struct {
	w      io.Writer
	shared bool // the report goes to the same terminal
	now    func() time.Time
	total  int // the most that was seen
	width  int
	drawn  bool
	last   time.Time
}

// newProgress writes to a terminal of some columns, 0 where that is not known.
func newProgress(w io.Writer, shared bool, columns int) *progress {
	width := progressWidth
	if columns > 0 {
		width = min(width, max(columns-1, 1))
	}
	return &progress{w: w, shared: shared, now: time.Now, last: time.Now(), width: width}
}

const (
	progressRate  = 150 * time.Millisecond
	progressWidth = 79 // of the line at most: one that wraps cannot be taken away

	clearLine = "\r\x1b[K"
)

// Progress draws the bar. What is not yet walked is not in its total.
func (p *progress) Progress(m finding.Progress) error {
	now := p.now()
	if now.Sub(p.last) < progressRate {
		return nil
	}
	p.last = now
	p.total = max(p.total, m.Total)
	p.drawn = true
	_, _ = io.WriteString(p.w, clearLine+line(path.Base(m.Path), m.Done, p.total, p.width)) // a bar that cannot be drawn is no reason to end the run
	return nil
}

const nameWidth = 32

// line is a name, a bar and what it counts, in at most so many columns.
func line(name string, done, total, width int) string {
	counts := fmt.Sprintf("%d/%d", done, total)
	bar := ""
	if room := width - nameWidth - len(" [] ") - len(counts); room > 0 {
		full := room * min(done, total) / max(total, 1)
		bar = strings.Repeat("=", full)
		if full < room {
			bar += ">" + strings.Repeat(" ", room-full-1)
		}
		bar = "[" + bar + "] "
	}
	return runewidth.Truncate(short(safetext.Plain(name))+" "+bar+counts, width, "")
}

// short cuts or fills a name to nameWidth columns.
func short(name string) string {
	return runewidth.FillRight(runewidth.Truncate(name, nameWidth, "…"), nameWidth)
}

// makeRoom takes the bar away where the report is about to write.
func (p *progress) makeRoom() error {
	if p.shared {
		return p.clear()
	}
	return nil
}

func (p *progress) clear() error {
	if p.drawn {
		_, _ = io.WriteString(p.w, clearLine) // as above
		p.drawn = false
	}
	return nil
}

func (p *progress) Config(finding.Config) error         { return p.makeRoom() }
func (p *progress) Artifact(finding.Artifact) error     { return p.makeRoom() }
func (p *progress) Finding(finding.Finding) error       { return p.makeRoom() }
func (p *progress) Dependency(finding.Dependency) error { return nil }
func (p *progress) Posture(finding.Posture) error       { return p.makeRoom() }
func (p *progress) Summary(finding.Summary) error       { return p.clear() }
