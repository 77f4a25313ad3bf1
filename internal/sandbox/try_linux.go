package sandbox

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/andiron-dev/andiron/internal/child"
)

// Verity is a trial of how the input is kept, and no layer.
const Verity Layer = "fs-verity"

// Try puts each layer in force alone, with a Python that imports torch, and then all that
// the options need. It says what is missing and what helps.
func Try(ctx context.Context, o Options) []Trial {
	if _, err := look(ctx, &o); err != nil { // no layer is to blame
		return []Trial{{Why: err.Error(), Remedy: "--python names a Python that has torch, as sandbox.python of the policy does"}}
	}
	all := []Layer{Seccomp, Landlock, Namespaces, Cgroup}
	var out []Trial
	for _, l := range all {
		one := Options{Python: o.Python, Path: o.Path, Need: []Layer{l}}
		one.Without = slices.DeleteFunc(slices.Clone(all), func(x Layer) bool { return x == l })
		out = append(out, attempt(ctx, l, &one))
	}
	out = append(out, tryGVisor(ctx, &o), tryVerity())
	holds := func(l Layer) bool {
		return slices.ContainsFunc(out, func(t Trial) bool { return t.Layer == l && t.OK })
	}
	instead := map[Layer]bool{Cgroup: true, GVisor: true, Verity: true, Namespaces: holds(Landlock), Landlock: holds(Namespaces)}
	for i := range out {
		l := out[i].Layer
		out[i].Optional = !slices.Contains(o.Need, l) && (len(o.Need) > 0 || instead[l])
	}
	return append(out, attempt(ctx, "", &o))
}

func attempt(ctx context.Context, name Layer, o *Options) Trial {
	t := Trial{Layer: name}
	r := &Report{Missing: map[Layer]string{}}
	v, err := look(ctx, o)
	if err == nil {
		var w *worker
		if w, err = begin(ctx, o, v, o.Limits.Filled(0), r); err == nil {
			err = w.locks(o)
			w.kill()
		}
	}
	if why := r.Missing[name]; why != "" {
		t.Why, t.Remedy = why, remedy(name, why)
		return t
	}
	if err != nil {
		t.Why, t.Remedy = err.Error(), remedy(name, err.Error())
		if errors.Is(err, ErrImport) {
			t.Remedy = ImportRemedy(err)
		}
		for _, l := range o.Need {
			t.Remedy = cmp.Or(t.Remedy, remedy(l, r.Missing[l]))
		}
		return t
	}
	t.OK, t.Torch, t.Python = true, r.Torch, r.Python
	return t
}

func tryGVisor(ctx context.Context, o *Options) Trial {
	one := Options{Python: o.Python, Path: o.Path, Runsc: cmp.Or(o.Runsc, "runsc"), Without: []Layer{Cgroup}}
	return attempt(ctx, GVisor, &one)
}

// tryVerity asks whether files of the current folder can be kept by fs-verity.
func tryVerity() Trial {
	t := Trial{Layer: Verity}
	f, err := os.CreateTemp(".", ".andiron-")
	if err == nil {
		_, err = verity(f)
		err = errors.Join(os.Remove(f.Name()), f.Close(), err)
	}
	if errors.Is(err, unix.ENODATA) { // it can, and this one has none
		t.OK, t.About = true, "files in this folder are kept by it, once \"fsverity enable\" was run on them"
		return t
	}
	t.Why = fmt.Sprintf("a lease or a copy keeps the input here: %v", err)
	if errors.Is(err, os.ErrPermission) {
		t.Remedy = "run this in a folder that you may write to, on the file system where checkpoints lie"
	}
	if errors.Is(err, unix.EOPNOTSUPP) || errors.Is(err, unix.ENOTTY) {
		t.Remedy = "fs-verity needs a kernel with CONFIG_FS_VERITY, and ext4 with the feature verity, Btrfs or F2FS"
	}
	return t
}

// locks has a worker import what it is to, put the filter in force for an empty checkpoint,
// and go no further.
func (w *worker) locks(o *Options) error {
	in, err := child.Memfd("nothing", unix.MFD_NOEXEC_SEAL)
	if err != nil {
		return err
	}
	defer func() { _ = in.Close() }() // there is nothing in it
	if err := w.prepare(o); err != nil {
		return err
	}
	if err := w.imports(o.Imports, nil, time.Now().Add(o.Limits.Filled(0).Start), &Report{}); err != nil {
		return err
	}
	fd, err := w.job(Full, o.Limits.Filled(0), in, in)
	if err == nil {
		l := listen(fd, 1, func() {})
		w.stop()
		l.finish()
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
	case l == Cgroup && has("is not delegated"), l == Cgroup && has("gives memory and pids"):
		return "start andiron in a delegated group: systemd-run --user --scope -p Delegate=yes andiron ..., or as root echo +memory +pids to cgroup.subtree_control above it"
	case l == Cgroup && has("memory controller"), l == Cgroup && has("not mounted"):
		return "boot with systemd.unified_cgroup_hierarchy=1, and mount cgroup2 on /sys/fs/cgroup"
	case l == GVisor && has("is not there"):
		return "install runsc of gVisor, which needs no root, and name it with --runsc"
	case l == Landlock && has("not permitted"):
		return "what runs andiron refuses Landlock: a container whose seccomp profile allows landlock_create_ruleset, landlock_add_rule and landlock_restrict_self"
	case l == Landlock && has("this kernel has"):
		return "boot a kernel with CONFIG_SECURITY_LANDLOCK and landlock in lsm="
	case has("No module named 'torch'"):
		return "this Python has no torch: name another one with --python"
	}
	return ""
}
