package relock

import (
	"context"
	"fmt"
	"slices"

	"github.com/andiron-dev/andiron/internal/family"
	"github.com/andiron-dev/andiron/internal/pep440"
)

// move is a release of torch with what goes with it.
type move struct {
	torch   *release
	others  map[string]*release // those that change
	remains burden              // of all of them
}

// maxMoves is how many releases of torch are tried.
const maxMoves = 60

// train updates torch and the packages that go with it: to the lowest release of
// torch that leaves no advisory, or else to the lightest that is left.
func (u *updater) train(ctx context.Context, names []string) error {
	names = slices.DeleteFunc(slices.Clone(names), func(n string) bool { return n == "torch" || !family.Member(n) })
	before, err := u.burden(names)
	if err != nil {
		return err
	}
	if before.none() {
		return nil
	}
	c, err := u.choices(ctx, "torch")
	if err != nil {
		return err
	}
	var best *move
	left := before
	for i := range c.list[:min(len(c.list), maxMoves)] {
		m, err := u.move(ctx, &c.list[i], names, left)
		if err != nil {
			return err
		}
		if m != nil && m.remains.less(left) {
			best, left = m, m.remains
		}
		if left.none() {
			break
		}
	}
	if best == nil {
		return u.openAll(append([]string{"torch"}, names...))
	}
	return u.take(best, names)
}

// burden is that of torch and its family as they are.
func (u *updater) burden(names []string) (sum burden, err error) {
	for _, name := range append([]string{"torch"}, names...) {
		list, err := u.advisories(name, u.current(name))
		if err != nil {
			return sum, err
		}
		sum = sum.plus(burdenOf(list))
	}
	return sum, nil
}

func (u *updater) openAll(names []string) error {
	for _, name := range names {
		list, err := u.advisories(name, u.current(name))
		if err != nil {
			return err
		}
		if len(list) > 0 {
			u.open(name, list)
		}
	}
	return nil
}

func (u *updater) take(m *move, names []string) error {
	if pep440.Compare(m.torch.version, u.current("torch")) != 0 {
		if err := u.step("torch", m.torch, ""); err != nil {
			return err
		}
	} else if err := u.openAll([]string{"torch"}); err != nil {
		return err
	}
	for _, name := range names {
		r, ok := m.others[name]
		if !ok {
			if err := u.openAll([]string{name}); err != nil {
				return err
			}
			continue
		}
		if err := u.step(name, r, fmt.Sprintf("it goes with torch %s", m.torch.version)); err != nil {
			return err
		}
	}
	return nil
}

// move finds what has to go with a release of torch, or nil if something cannot, or if
// torch alone has more than most advisories.
func (u *updater) move(ctx context.Context, torch *release, names []string, most burden) (*move, error) {
	m := &move{torch: torch, others: make(map[string]*release)}
	list, err := u.advisories("torch", torch.version)
	if err != nil {
		return nil, err
	}
	if m.remains = burdenOf(list); most.less(m.remains) {
		return nil, nil //nolint:nilnil // no better than what is there
	}
	if ok, err := u.acceptable(ctx, "torch", torch); err != nil || !ok {
		return nil, err
	}
	exact, err := u.exact(ctx, torch)
	if err != nil {
		return nil, err
	}
	for _, name := range names {
		r, err := u.partner(ctx, name, torch, exact)
		if err != nil {
			return nil, err
		}
		if r == nil && u.locked(name) {
			continue // the tool finds one, or says that there is none
		}
		if r == nil {
			u.reject("torch", torch.version, "no release of %s that may be taken goes with it", name)
			return nil, nil //nolint:nilnil // said above
		}
		after, err := u.advisories(name, r.version)
		if err != nil {
			return nil, err
		}
		m.remains = m.remains.plus(burdenOf(after))
		if !u.stays(name, r) {
			m.others[name] = r
		}
	}
	return m, nil
}

// locked reports a package that only the lock has: no file of the project binds it, so
// that it moves with what needs it.
func (u *updater) locked(name string) bool {
	return !slices.ContainsFunc(u.pins[name], func(b pin) bool { return b.file != nil })
}

// stays reports whether every pin of a package is at a release already.
func (u *updater) stays(name string, r *release) bool {
	return !slices.ContainsFunc(u.pins[name], func(b pin) bool { return pep440.Compare(b.version.Public(), r.version) != 0 })
}

// exact are the versions that a release of torch binds others to, as it does with
// triton and the libraries of the accelerator.
func (u *updater) exact(ctx context.Context, torch *release) (map[string]pep440.Version, error) {
	list, _, err := u.requires(ctx, torch)
	bound := make(map[string]pep440.Version)
	for _, q := range list {
		if v, ok := q.Specifiers.Exact(); ok {
			bound[q.Name] = v
		}
	}
	return bound, err
}

// partner is the release of a package that goes with one of torch: the one in use if
// it does, else the lowest of the lightest.
func (u *updater) partner(ctx context.Context, name string, torch *release, exact map[string]pep440.Version) (*release, error) {
	c, err := u.choices(ctx, name)
	if err != nil {
		return nil, err
	}
	var best *release
	var least burden
	for i := range c.list {
		r := &c.list[i]
		ok, err := u.fits(ctx, name, r, torch, exact)
		if err != nil {
			return nil, err
		}
		if !ok {
			continue
		}
		after, err := u.advisories(name, r.version)
		if err != nil {
			return nil, err
		}
		if best != nil && !burdenOf(after).less(least) {
			continue
		}
		if ok, err = u.acceptable(ctx, name, r); err != nil {
			return nil, err
		}
		if ok {
			best, least = r, burdenOf(after)
		}
		if best != nil && least.none() {
			break
		}
	}
	return best, nil
}

// fits reports whether a release goes with one of torch: as torch says, or as the
// release says, or as the release trains are known.
func (u *updater) fits(ctx context.Context, name string, r, torch *release, exact map[string]pep440.Version) (bool, error) {
	if v, ok := exact[name]; ok {
		return pep440.Compare(v.Public(), r.version) == 0, nil
	}
	train, _ := family.Train("torch", torch.version.String())
	span, ok := family.Fits(name, r.version.String())
	if ok && !span.Holds(train) {
		return false, nil
	}
	list, known, err := u.requires(ctx, r)
	if err != nil {
		return false, err
	}
	for _, q := range list {
		if q.Name == "torch" {
			return q.Specifiers.Contains(torch.version, true), nil
		}
	}
	// What asks for no torch goes with any, as far as it says; without METADATA only
	// the table of trains tells.
	return known || ok, nil
}
