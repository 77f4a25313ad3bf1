package model

import (
	"github.com/andiron-dev/andiron/internal/osfile"
	"github.com/andiron-dev/andiron/internal/scratch"
)

// inSpace is how much of what one artifact holds is kept in memory: values of
// pickles, entries of archives, storages.
const inSpace = 5 << 20

// newSpace makes the scratch space of a looker, whose file comes when it is needed.
func (l *looker) newSpace() *scratch.Space {
	return scratch.New(inSpace, func() (scratch.File, error) {
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
