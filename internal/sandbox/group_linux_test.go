package sandbox

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestGroupOf(t *testing.T) {
	const (
		unified = "29 22 0:26 / /sys/fs/cgroup rw,nosuid - cgroup2 cgroup2 rw,nsdelegate\n"
		hybrid  = "30 22 0:27 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n41 31 0:38 / /sys/fs/cgroup/unified rw shared:1 - cgroup2 cgroup2 rw\n"
		inside  = "29 22 0:26 /kubepods/pod1 /sys/fs/cgroup ro - cgroup2 cgroup rw\n"
	)
	for _, c := range []struct {
		name, mounts, own string
		mount, at, err    string
	}{
		{"unified", unified, "0::/user.slice/a.scope\n", "/sys/fs/cgroup", "/sys/fs/cgroup/user.slice/a.scope", ""},
		{"hybrid", hybrid, "4:memory:/x\n0::/\n", "/sys/fs/cgroup/unified", "/sys/fs/cgroup/unified", ""},
		{"a part of it", inside, "0::/kubepods/pod1/c\n", "/sys/fs/cgroup", "/sys/fs/cgroup/c", ""},
		{"v1 alone", "", "4:memory:/x\n", "", "", "is not mounted"},
		{"not mounted", "", "0::/\n", "", "", "is not mounted"},
		{"outside", inside, "0::/kubepods/pod2\n", "", "", "outside"},
		{"outside of a namespace", unified, "0::/../other\n", "", "", "outside"},
	} {
		mount, at, err := groupOf(c.mounts, c.own)
		if mount != c.mount || at != c.at || (err == nil) != (c.err == "") || err != nil && !strings.Contains(err.Error(), c.err) {
			t.Errorf("%s: %q, %q, %v", c.name, mount, at, err)
		}
	}
}

// tree writes the files of groups.
func tree(t *testing.T, files map[string]string) string {
	t.Helper()
	root := t.TempDir()
	for name, text := range files {
		path := filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return root
}

func TestDivisible(t *testing.T) {
	root := tree(t, map[string]string{
		"cgroup.controllers": "cpu memory pids\n", "cgroup.subtree_control": "memory pids\n", "cgroup.procs": "",
		"user/cgroup.subtree_control": "cpu memory pids\n", "user/cgroup.procs": "",
		"user/scope/cgroup.subtree_control": "\n", "user/scope/cgroup.procs": "1\n",
		"half/cgroup.subtree_control": "memory\n", "half/cgroup.procs": "",
	})
	for at, want := range map[string]string{"user/scope": "user", "user": "user", "half": "", "": ""} {
		if got, err := divisible(root, filepath.Join(root, at)); err != nil || got != filepath.Join(root, want) {
			t.Errorf("%q: %q, %v", at, got, err)
		}
	}
	for want, files := range map[string]map[string]string{
		"gives memory and pids":   {"cgroup.controllers": "memory pids", "cgroup.subtree_control": "", "cgroup.procs": ""},
		"the memory controller":   {"cgroup.controllers": "hugetlb", "cgroup.subtree_control": "", "cgroup.procs": ""},
		"is not delegated to thi": {"cgroup.controllers": "memory pids", "cgroup.subtree_control": "memory pids"},
	} {
		root := tree(t, files)
		if got, err := divisible(root, root); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q, %v is not %q", got, err, want)
		}
	}
}

// A group that cannot be limited is none.
func TestGroupWithoutLimits(t *testing.T) {
	parent := t.TempDir()
	if g, err := makeGroup(parent, Limits{}.Filled(0), false); err == nil {
		t.Errorf("%s has no limits", g.path)
	}
	if left, err := os.ReadDir(parent); err != nil || len(left) > 0 {
		t.Errorf("%v, %v is left", left, err)
	}
}

func TestGroupEvents(t *testing.T) {
	root := tree(t, map[string]string{"memory.events": "low 0\noom 2\noom_kill 1\n"})
	if g := (&group{path: root, memory: 7}); g.why() != "it took more than 7 bytes of memory" {
		t.Error(g.why())
	}
	if g := (&group{path: t.TempDir()}); g.why() != "" {
		t.Error(g.why())
	}
}
