package engine

import (
	"context"
	"errors"
	"path/filepath"

	"github.com/andiron-dev/andiron/finding"
	"github.com/andiron-dev/andiron/internal/artifact"
	"github.com/andiron-dev/andiron/internal/data"
	"github.com/andiron-dev/andiron/internal/osfile"
)

// TensorFile is a file of tensors.
type TensorFile struct {
	Path string
	As   string // the name of its only tensor; empty takes the names in the file
}

// TensorRequest is files whose tensors belong together.
type TensorRequest struct {
	Where finding.Where // of what is about the whole
	Files []TensorFile
}

// Tensors holds requests against a schema, one after the other in their order.
func Tensors(ctx context.Context, s data.Schema, requests []TensorRequest, opt Options, h finding.Handler) error {
	opt = opt.withDefaults()
	opt.looked = ofTensors
	if err := h.Config(opt.Config); err != nil {
		return err
	}
	s.Windows = s.Schema.Windows(s.Group)
	e := &emitter{h: h, opt: opt, sum: newTally()}
	e.sum.tensors = &finding.Tensors{Schema: s.SHA256()}
	for i, r := range requests {
		if ctx.Err() != nil {
			break
		}
		if err := h.Progress(finding.Progress{Path: r.Files[0].Path, Done: i, Total: len(requests)}); err != nil {
			return err
		}
		var found result
		n := tensorsOf(ctx, s, r, func(f finding.Finding) { found.loose = append(found.loose, f) })
		if ctx.Err() != nil { // it may have been cut off in the middle
			break
		}
		e.sum.request(n)
		if err := e.emit(found); err != nil {
			return err
		}
	}
	if len(requests) > 0 && ctx.Err() == nil {
		var all result
		data.Finish(s, requests[0].Where, func(f finding.Finding) { all.loose = append(all.loose, f) })
		if err := e.emit(all); err != nil {
			return err
		}
	}
	if err := e.finish(false); err != nil {
		return err
	}
	if ctx.Err() != nil {
		e.sum.reasons[Interrupted] = true
	}
	return h.Summary(e.sum.summary())
}

// tensorsOf holds one request against the schema. A panic of ours is caught, as one
// on a model is.
func tensorsOf(ctx context.Context, s data.Schema, r TensorRequest, report func(finding.Finding)) (count finding.Tensors) {
	unread := finding.Tensors{Requests: 1, Unread: 1}
	defer func() {
		if p := recover(); p != nil {
			report(broken(r.Where.Path, p))
			count = unread
		}
	}()
	req := data.Request{Where: r.Where}
	defer func() {
		for _, p := range req.Parts {
			_ = p.File.Close() // it was only read
		}
	}()
	for _, f := range r.Files {
		a, err := artifact.Open(f.Path, filepath.ToSlash(filepath.Clean(f.Path)))
		if err != nil {
			report(data.Unread(finding.Where{Path: filepath.ToSlash(filepath.Clean(f.Path))}, osfile.Cause(err)))
			return unread
		}
		a.StopOn(ctx.Done())
		req.Parts = append(req.Parts, data.Part{File: a, As: f.As})
	}
	count = data.Check(s, req, report)
	for _, p := range req.Parts {
		if p.File.Changed() {
			report(data.Unread(finding.Where{Path: p.File.Name()}, errors.New("it changed while it was read")))
			count.Unread = 1
		}
	}
	return count
}
