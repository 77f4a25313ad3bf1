package finding

import "errors"

// Tee returns a handler that passes each message to every one of handlers, in
// order. All of them see each message, also after an error of one of them; the
// errors come back joined.
func Tee(handlers ...Handler) Handler { return tee(handlers) }

type tee []Handler

func (t tee) each(f func(Handler) error) error {
	var errs []error
	for _, h := range t {
		if err := f(h); err != nil {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

func (t tee) Config(m Config) error { return t.each(func(h Handler) error { return h.Config(m) }) }
func (t tee) Progress(m Progress) error {
	return t.each(func(h Handler) error { return h.Progress(m) })
}

func (t tee) Artifact(m Artifact) error {
	return t.each(func(h Handler) error { return h.Artifact(m) })
}

func (t tee) Finding(m Finding) error { return t.each(func(h Handler) error { return h.Finding(m) }) }

func (t tee) Dependency(m Dependency) error {
	return t.each(func(h Handler) error { return h.Dependency(m) })
}

func (t tee) Posture(m Posture) error { return t.each(func(h Handler) error { return h.Posture(m) }) }

func (t tee) Summary(m Summary) error { return t.each(func(h Handler) error { return h.Summary(m) }) }
