package sandbox

import (
	"fmt"
	"slices"
)

// choose takes all layers that are to be tried.
func (v *view) choose(o *Options) {
	v.layers = []Layer{Cgroup, Namespaces, Landlock, Seccomp}
	if v.runsc = o.Runsc; v.runsc != "" {
		v.layers = []Layer{Cgroup, GVisor, Seccomp}
	}
	v.layers = slices.DeleteFunc(v.layers, func(l Layer) bool { return slices.Contains(o.Without, l) })
}

func (v *view) has(l Layer) bool { return slices.Contains(v.layers, l) }

// holds reports whether a layer is there, or one in its place.
func (v *view) holds(l Layer) bool {
	return v.has(l) || v.has(GVisor) && (l == Namespaces || l == Landlock)
}

// enough reports whether all layers that are needed are left. Whoever names none needs
// the filter, and one of those that hold by themselves; whoever names gVisor, that.
func (v *view) enough(o *Options, r *Report) error {
	need := o.Need
	if o.Runsc != "" {
		need = append(slices.Clone(need), GVisor)
	}
	for _, l := range need {
		if !v.holds(l) {
			return fmt.Errorf("%w: %s: %s", ErrMissing, l, r.Missing[l])
		}
	}
	if len(need) > 0 || len(o.Without) > 0 || v.has(Namespaces) || v.has(Landlock) {
		return nil
	}
	return fmt.Errorf("%w: one of namespaces (%s) and landlock (%s) must be there", ErrMissing, r.Missing[Namespaces], r.Missing[Landlock])
}

func (v *view) without(l Layer, why string, r *Report) {
	v.layers = slices.DeleteFunc(v.layers, func(x Layer) bool { return x == l })
	r.Missing[l] = why
}
