package model

import (
	"github.com/andiron-dev/andiron/internal/osfile"
	"github.com/andiron-dev/andiron/internal/scratch"
)

// How much of what one artifact holds is kept in memory: values of pickles, entries
// of archives, storages. Where that is not all of it, it is the less.
const (
	inSpace = 20 << 20
	spilled = 5 << 20
)

// newSpace makes the scratch space of a looker, whose file comes when it is needed.
func (l *looker) newSpace() *scratch.Space {
	return scratch.New(inSpace, spilled, func() (scratch.File, error) {
		f, err := osfile.NewTemp()
		if err != nil {
			return nil, err
		}
		l.temp = f
		if l.opt.Spilled != nil {
			l.opt.Spilled()
		}
		return f, nil
	})
}

// done lets the scratch space go. What was looked at is not, if something was lost.
func (l *looker) done() {
	if err := l.space.Err(); err != nil && l.err == nil {
		l.err = err
	}
	if l.temp != nil {
		_ = l.temp.Close() // nothing in it is needed any more
	}
}
