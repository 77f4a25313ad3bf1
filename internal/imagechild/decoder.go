package imagechild

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/andiron-dev/andiron/internal/dataset"
)

// patience is many times what the largest image takes.
const patience = time.Minute

// Decoder decodes images in a process that it starts with the first of them, and again
// where that ended. It is for one goroutine.
type Decoder struct {
	ctx      context.Context //nolint:containedctx // the process ends with it
	name     string
	patience time.Duration
	p        *process // nil if none runs
	next     uint32
	queue    []*job // without an answer, in order
	sent     int    // of these, to the process that runs
	alone    int    // of these, how many are to be sent one at a time
}

// job is a request and, once it is done, what came of it.
type job struct {
	n       uint32
	q       dataset.Request
	done    bool
	picture dataset.Picture
	err     error
}

// New makes a decoder for a program that is called so and that calls Serve when it is
// Asked. Cancelling ctx ends the process.
func New(ctx context.Context, name string) *Decoder {
	return &Decoder{ctx: ctx, name: name, patience: patience}
}

// Start starts on an image.
func (d *Decoder) Start(q dataset.Request) (wait func() (dataset.Picture, error)) {
	j := &job{n: d.next, q: q}
	d.next++
	d.queue = append(d.queue, j)
	if d.p != nil && d.alone == 0 {
		d.send(len(d.queue))
	}
	return func() (dataset.Picture, error) {
		for !j.done {
			d.receive()
		}
		return j.picture, j.err
	}
}

// Close ends the process, if one runs.
func (d *Decoder) Close() {
	if d.p != nil {
		d.p.end()
		d.p = nil
	}
}

// send sends the first n, but for those that were sent.
func (d *Decoder) send(n int) {
	for ; d.sent < n; d.sent++ {
		j := d.queue[d.sent]
		d.p.requests.add(j.n, &j.q)
	}
}

// receive gets the answer that is due, or finds out that there is none.
func (d *Decoder) receive() {
	j := d.queue[0]
	if d.p == nil {
		var err error
		if d.p, err = start(d.ctx, d.name); err != nil {
			d.finish(dataset.Picture{}, d.cause(err))
			return
		}
	}
	n := len(d.queue)
	if d.alone > 0 {
		n = 1
	}
	d.send(n)
	p, failed, broke := d.p.receive(j, d.patience)
	if broke != nil {
		d.broke(broke)
		return
	}
	d.sent--
	d.p.answered++
	d.finish(p, failed)
}

// finish is the end of the first job.
func (d *Decoder) finish(p dataset.Picture, err error) {
	j := d.queue[0]
	j.done, j.picture, j.err = true, p, err
	j.q.Image = nil
	d.queue[0], d.queue = nil, d.queue[1:]
	d.alone = max(0, d.alone-1)
}

// broke looks for who is to blame for the end of a process: the first without an
// answer, if its answer was a lie or if it is the only one that this process ever had.
// Else all that it had are asked for again, one at a time.
func (d *Decoder) broke(why error) {
	only := d.sent == 1 && d.p.answered == 0
	d.alone = max(d.alone, d.sent)
	d.sent = 0
	d.p.end()
	said := d.p.said.line()
	d.p = nil
	_, lied := errors.AsType[*lieError](why)
	switch {
	case d.ctx.Err() != nil, lied:
		d.finish(dataset.Picture{}, d.cause(why))
	case only && said != "":
		d.finish(dataset.Picture{}, fmt.Errorf("%w: %s", why, said))
	case only:
		d.finish(dataset.Picture{}, why)
	}
}

// cause is why something ended: an interruption, if there was one.
func (d *Decoder) cause(err error) error {
	if d.ctx.Err() != nil {
		return context.Cause(d.ctx)
	}
	return err
}
