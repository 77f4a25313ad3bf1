package cli

import (
	"fmt"
	"io"
	"path"
	"time"

	"github.com/cheggaaa/pb/v3"

	"github.com/andiron-dev/andiron/finding"
	"github.com/andiron-dev/andiron/internal/safetext"
)

// progress shows on a terminal how far a run is, and takes itself away before
// anything else is written there. Runs too short to wait for show nothing.
type progress struct {
	w      io.Writer
	shared bool // the report goes to the same terminal
	now    func() time.Time
	bar    *pb.ProgressBar
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

	progressLine = `{{string . "name"}} {{bar . "[" "=" ">" " " "]"}} {{counters . "%s/%s"}}`
	clearLine    = "\r\x1b[K"
)

// Progress draws the bar. What is not yet walked is not in its total.
func (p *progress) Progress(m finding.Progress) error {
	now := p.now()
	if now.Sub(p.last) < progressRate {
		return nil
	}
	p.last = now
	if p.bar == nil {
		// A static bar has no goroutine of its own: the stream is its clock.
		p.bar = pb.ProgressBarTemplate(progressLine).New(m.Total).
			Set(pb.Static, true).Set(pb.Terminal, true).Set(pb.Color, false).
			SetWriter(io.Discard).SetWidth(p.width)
	}
	p.bar.Set("name", safetext.Plain(short(path.Base(m.Path))))
	p.bar.SetTotal(max(int64(m.Total), p.bar.Total())).SetCurrent(int64(m.Done))
	p.drawn = true
	_, _ = io.WriteString(p.w, clearLine+p.bar.String()) // a bar that cannot be drawn is no reason to end the run
	return nil
}

const nameWidth = 32

func short(name string) string {
	r := []rune(name)
	if len(r) > nameWidth {
		return string(r[:nameWidth-1]) + "…"
	}
	return fmt.Sprintf("%-*s", nameWidth, name)
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
