package model

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"unicode/utf8"

	"github.com/andiron-dev/andiron/finding"
	"github.com/andiron-dev/andiron/internal/contract"
	"github.com/andiron-dev/andiron/pickle"
)

// stream is one traced pickle and who reads it.
type stream struct {
	view      view
	member    string // the record it lies in, or empty
	trace     *pickle.Trace
	container string
	role      string
	native    bool // only TorchScript's C++ unpickler reads it
	source    io.ReaderAt
	size      int64
}

func (s stream) where() finding.Where {
	if s.member == "" {
		return s.view.where
	}
	return s.view.where.In(s.member)
}

// judgedAs is the container whose names the contracts allow.
func (s stream) judgedAs() string {
	if s.native {
		return "torchscript"
	}
	return s.container
}

// judge holds a stream against the contracts and follows what it feeds to loaders.
func (l *looker) judge(s stream) {
	j := contract.Judge(s.trace, contract.Options{Container: s.judgedAs(), Scratch: l.space})
	s.view.tree.pickle(s, j)
	l.writeTrace(s)
	for _, is := range j.Issues {
		where := s.where().At(is.Offset)
		for _, cve := range j.CVEs {
			if cve.Offset == is.Offset && is.Rule.Verdict > finding.Unknown {
				is.Evidence = append(is.Evidence, fmt.Sprintf("triggers %s on torch below %s", cve.ID, cve.Fixed))
			}
		}
		if is.Undetermined {
			l.report(is.Rule.Undetermined(where, is.Message, is.Evidence...))
			continue
		}
		l.report(is.Rule.Finding(where, is.Message, is.Evidence...))
	}
	for _, n := range j.Nested {
		l.nested(s, n)
	}
}

// nested looks at bytes that the stream hands to a loader.
func (l *looker) nested(s stream, n contract.Nested) {
	name := fmt.Sprintf("%s(bytes)@%#x", n.Loader, n.Offset)
	v := s.view.in(name, nil, 0)
	v.where, v.fed = s.where().In(name), n.Loader
	r, size, ok := content(s.source, n.Value)
	if off, packed, long := n.Value.Section(); !ok && long && n.Value.Kind() == pickle.KindStr {
		spooled, done, err := l.spool(v, name, &latin1{r: bufio.NewReader(io.NewSectionReader(s.source, off, packed))}, packed)
		defer done()
		r, size, ok = spooled.r, spooled.size, err == nil
	}
	if !ok {
		l.report(fmtLimit.Undetermined(v.where, fmt.Sprintf("the bytes given to %s are computed or too long, so they could not be looked at", n.Loader)))
		return
	}
	v.r, v.size = r, size
	if format, _ := l.look(v); format == "" {
		l.report(fmtLimit.Undetermined(v.where, fmt.Sprintf("the bytes given to %s are in no format that andiron reads", n.Loader)))
	}
}

// latin1 encodes UTF-8 text as Latin-1, as protocol 2 has loaders do for bytes.
type latin1 struct{ r *bufio.Reader }

func (l *latin1) Read(p []byte) (int, error) {
	for i := range p {
		r, size, err := l.r.ReadRune()
		if err != nil {
			return i, err
		}
		if r > 0xff || r == utf8.RuneError && size == 1 {
			return i, errors.New("the text is not Latin-1")
		}
		p[i] = byte(r)
	}
	return len(p), nil
}

// content returns the bytes that a value holds. Protocol 2 writes bytes as text
// that is encoded as Latin-1 when it is loaded.
func content(source io.ReaderAt, v pickle.Value) (io.ReaderAt, int64, bool) {
	if text, ok := v.Text(); ok {
		b := make([]byte, 0, len(text))
		for _, r := range text {
			if r > 0xff {
				return nil, 0, false
			}
			b = append(b, byte(r))
		}
		return bytes.NewReader(b), int64(len(b)), true
	}
	if v.Kind() == pickle.KindStr {
		return nil, 0, false
	}
	if off, size, ok := v.Section(); ok {
		return io.NewSectionReader(source, off, size), size, true
	}
	b, ok := v.Bytes()
	return bytes.NewReader(b), int64(len(b)), ok
}

// rawPickle looks at a view that is nothing but pickles.
func (l *looker) rawPickle(v view) (string, bool) {
	opt := l.pickleOptions(0)
	joblib := arrays{looker: l, view: v}
	opt.AfterBuild = joblib.afterBuild
	traces := pickle.RunAll(v.r, v.size, opt)
	if !isPickle(v, traces[0]) {
		return "", false
	}
	container := "pickle"
	if joblib.count > 0 {
		container = "joblib"
	}
	l.streams(v, traces, container)
	for _, t := range joblib.nested {
		l.judge(stream{view: v, trace: t, container: container, source: v.r, size: v.size})
	}
	if joblib.count > 0 {
		if t := joblib.plain(); t != nil {
			l.report(torchPolyglot.Finding(v.where.At(joblib.first), "for pickle.load the bytes of an array are opcodes, which do something else than what joblib loads"))
			l.judge(stream{view: v, trace: t, container: "pickle", source: v.r, size: v.size})
		}
	}
	return container, true
}

// streams judges the pickles that follow each other in a view, and accounts for
// what is behind the last.
func (l *looker) streams(v view, traces []*pickle.Trace, container string) {
	for i, t := range traces {
		l.judge(stream{view: v, trace: t, container: container, source: v.r, size: v.size})
		if t.Err != nil {
			l.failed(fmtLimit, v.where.At(t.End), t.Err)
		}
		if i > 0 {
			l.further(v, traces[i-1], t)
		}
	}
	l.rest(v, traces[len(traces)-1])
}

// isPickle decides whether the bytes are a pickle: one that runs to its end, or
// that does something before it breaks. Text such as a list of labels can look
// like an import; unless the name promises a pickle it must also call something.
func isPickle(v view, t *pickle.Trace) bool {
	expected := v.fed != "" || promisesPickle(v.name)
	if t.Err == nil {
		return t.Proto >= 0 || t.Len() > 0 || expected
	}
	if t.Proto >= 2 {
		return t.Len() > 0 || expected
	}
	return t.Len() > 0 && (expected || acts(t))
}

// acts reports whether a stream does more than import.
func acts(t *pickle.Trace) bool {
	for e := range t.Events() {
		if e.Kind != pickle.EventImport {
			return true
		}
	}
	return false
}

func (l *looker) further(v view, before, t *pickle.Trace) {
	if t.Start == before.End && before.Err == nil {
		l.report(fmtStreams.Finding(v.where.At(t.Start), "another pickle follows the end of the one before"))
		return
	}
	l.report(fmtJunk.Finding(v.where.At(t.Start), "a pickle starts here, behind bytes that belong to none"))
}

// rest accounts for what follows the last stream.
func (l *looker) rest(v view, t *pickle.Trace) {
	if t.Err != nil || t.End >= v.size {
		return
	}
	if n := v.size - t.End; !zeros(v.r, t.End, min(n, 1<<20)) {
		l.report(fmtTrailing.Finding(v.where.At(t.End), fmt.Sprintf("%d bytes follow the end of the pickle", n)))
	}
}

// zeros reports whether n bytes at off are all zero.
func zeros(r io.ReaderAt, off, n int64) bool {
	b := make([]byte, min(n, 64<<10))
	for n > 0 {
		k, err := r.ReadAt(b[:min(n, int64(len(b)))], off)
		for _, c := range b[:k] {
			if c != 0 {
				return false
			}
		}
		off, n = off+int64(k), n-int64(k)
		if err != nil {
			return errors.Is(err, io.EOF)
		}
	}
	return true
}

// imports reports whether a stream imports something before pickle.load would
// stop it: at a persistent id, which it cannot resolve.
func imports(t *pickle.Trace) bool {
	for e := range t.Events() {
		switch e.Kind {
		case pickle.EventImport, pickle.EventExtension:
			return true
		case pickle.EventPersistent:
			return false
		default:
		}
	}
	return false
}

// hiddenPickle judges the pickle that a file of another format is as well.
func (l *looker) hiddenPickle(v view, format string) {
	t := pickle.Run(v.r, v.size, l.pickleOptions(0))
	if !imports(t) {
		return
	}
	l.report(torchPolyglot.Finding(v.where, fmt.Sprintf("the file is %s and, for pickle.load, a pickle", format)))
	l.judge(stream{view: v, trace: t, container: "pickle", source: v.r, size: v.size})
}
