package sandbox

import (
	"cmp"
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

// enough reports whether all layers that are needed are left. Whoever names none needs
// the filter, and one of those that hold by themselves; whoever names gVisor, that.
func (v *view) enough(o *Options, r *Report) error {
	need := o.Need
	if o.Runsc != "" {
		need = append(slices.Clone(need), GVisor)
	}
	if err := have(v.layers, need, r); err != nil {
		return err
	}
	if len(need) > 0 || len(o.Without) > 0 || v.has(Namespaces) || v.has(Landlock) {
		return nil
	}
	return fmt.Errorf("%w: one of namespaces (%s) and landlock (%s) must be there", ErrMissing, r.Missing[Namespaces], r.Missing[Landlock])
}

// have complains about a layer that is needed, and neither there nor one in its place.
func have(layers, need []Layer, r *Report) error {
	for _, l := range need {
		instead := slices.Contains(layers, GVisor) && (l == Namespaces || l == Landlock)
		if !slices.Contains(layers, l) && !instead {
			return fmt.Errorf("%w: %s: %s", ErrMissing, l, cmp.Or(r.Missing[l], "the worker was started without it"))
		}
	}
	return nil
}

func (v *view) without(l Layer, why string, r *Report) {
	v.layers = slices.DeleteFunc(v.layers, func(x Layer) bool { return x == l })
	r.Missing[l] = why
}
