package sandbox

import (
	"context"
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/andiron-dev/andiron/internal/child"
)

// Try puts each layer in force alone, with a Python that imports torch, and then all.
// It says what is missing and what helps.
func Try(ctx context.Context, python string) []Trial {
	all := []Layer{Namespaces, Landlock, Seccomp}
	var out []Trial
	for _, l := range all {
		without := slices.DeleteFunc(slices.Clone(all), func(x Layer) bool { return x == l })
		out = append(out, attemptLayers(ctx, python, l, []Layer{l}, without))
	}
	return append(out, attemptLayers(ctx, python, "", nil, nil))
}

func attemptLayers(ctx context.Context, python string, name Layer, need, without []Layer) Trial {
	t := Trial{Layer: name}
	r := &Report{Missing: map[Layer]string{}}
	o := &Options{Python: python, Need: need, Without: without}
	v, err := look(ctx, python)
	if err == nil {
		var w *worker
		if w, err = begin(ctx, o, v, o.Limits.Filled(0), r); err == nil {
			err = w.locks(o)
			w.kill()
		}
	}
	if err != nil {
		t.Why, t.Remedy = err.Error(), remedy(name, err.Error())
		return t
	}
	t.OK, t.Torch, t.Python = true, r.Torch, r.Python
	return t
}

// locks has a worker put the filter in force for an empty checkpoint, and go no further.
func (w *worker) locks(o *Options) error {
	in, err := child.Memfd("nothing", unix.MFD_NOEXEC_SEAL)
	if err != nil {
		return err
	}
	defer func() { _ = in.Close() }() // there is nothing in it
	fd, err := w.job(o, o.Limits.Filled(0), in, in)
	if err == nil {
		l := listen(fd, 1, func() {})
		w.stop()
		<-l.done
	}
	return err
}

// remedy is what helps against the usual causes.
func remedy(l Layer, why string) string {
	has := func(s string) bool { return strings.Contains(why, s) }
	switch {
	case l == Namespaces && has("no space left"):
		return "user namespaces are switched off: sysctl user.max_user_namespaces=15000"
	case l == Namespaces && (has("operation not permitted") || has("permission denied")):
		return "user namespaces are not allowed here: sysctl kernel.unprivileged_userns_clone=1, an AppArmor profile with userns, or a container that allows them"
	case l == Landlock && has("none"):
		return "boot a kernel with CONFIG_SECURITY_LANDLOCK and landlock in lsm="
	case has("No module named 'torch'"):
		return "this Python has no torch: name another one with --python"
	case has("permission denied"):
		return "a worker of root runs as nobody: it cannot read a Python in a private folder without namespaces"
	}
	return ""
}
