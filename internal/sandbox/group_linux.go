package sandbox

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// controllers of cgroup v2 are what the layer is made of.
var controllers = []string{"memory", "pids"}

const groupPrefix = "andiron-sandbox-"

// group is a control group for one worker. It bounds what the limits of a process do
// not: all processes together, with what they write to memory.
type group struct {
	path   string
	dir    *os.File // the worker is started in it
	memory int64
	gvisor bool // its kernel is in there as well
}

// newGroup makes one beneath the nearest group above this process that may be divided.
func newGroup(lim Limits, gvisor bool) (*group, error) {
	mounts, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		return nil, err
	}
	own, err := os.ReadFile("/proc/self/cgroup")
	if err != nil {
		return nil, err
	}
	mount, at, err := groupOf(string(mounts), string(own))
	if err != nil {
		return nil, err
	}
	parent, err := divisible(mount, at)
	if err != nil {
		return nil, err
	}
	sweep(parent)
	return makeGroup(parent, lim, gvisor)
}

func makeGroup(parent string, lim Limits, gvisor bool) (*group, error) {
	g := &group{gvisor: gvisor}
	var err error
	if g.path, err = os.MkdirTemp(parent, fmt.Sprintf("%s%d-", groupPrefix, os.Getpid())); err != nil {
		return nil, err
	}
	if err = g.limit(lim); err == nil {
		g.dir, err = os.Open(g.path)
	}
	if err != nil {
		g.remove()
		return nil, err
	}
	return g, nil
}

// groupOf says where cgroup v2 is mounted, and which group this process is in.
func groupOf(mounts, own string) (mount, at string, err error) {
	for line := range strings.SplitSeq(own, "\n") {
		if path, ok := strings.CutPrefix(line, "0::"); ok {
			at = path
		}
	}
	var root string
	for line := range strings.SplitSeq(mounts, "\n") {
		// 36 35 98:0 /root /mount/point options ... - type source options
		f := strings.Fields(line)
		if i := slices.Index(f, "-"); i > 5 && len(f) > i+1 && f[i+1] == "cgroup2" {
			root, mount = f[3], f[4]
		}
	}
	rel, err := filepath.Rel(root, at)
	if mount == "" || at == "" {
		return "", "", errors.New("cgroup v2 is not mounted")
	}
	if err != nil || strings.HasPrefix(at, "/..") || strings.HasPrefix(rel, "..") {
		return "", "", errors.New("the group of this process is outside of what is mounted")
	}
	return mount, filepath.Join(mount, rel), nil
}

// divisible is the nearest group, from one upwards, where this user may make others
// with a limit on memory and processes, and start processes in them.
func divisible(mount, at string) (string, error) {
	for dir := at; ; dir = filepath.Dir(dir) {
		gives := words(filepath.Join(dir, "cgroup.subtree_control"))
		has := func(c string) bool { return slices.Contains(gives, c) }
		switch {
		case !slices.ContainsFunc(controllers, func(c string) bool { return !has(c) }):
			if unix.Access(dir, unix.W_OK) != nil || unix.Access(filepath.Join(dir, "cgroup.procs"), unix.W_OK) != nil {
				return "", fmt.Errorf("%s is not delegated to this user", dir)
			}
			return dir, nil
		case dir != mount:
		case slices.Contains(words(filepath.Join(mount, "cgroup.controllers")), "memory"):
			return "", fmt.Errorf("no group from %s upwards gives memory and pids to those beneath it", at)
		default:
			return "", errors.New("the cgroup v2 of this host does not have the memory controller, which v1 may have")
		}
	}
}

func words(name string) []string {
	b, _ := os.ReadFile(name) //nolint:gosec // a control file of the kernel; one that is not there has no words
	return strings.Fields(string(b))
}

// sweep removes what processes left that were killed.
func sweep(parent string) {
	left, _ := filepath.Glob(filepath.Join(parent, groupPrefix+"*")) // the pattern is right
	for _, path := range left {
		pid, _, _ := strings.Cut(strings.TrimPrefix(filepath.Base(path), groupPrefix), "-")
		if n, err := strconv.Atoi(pid); err == nil && unix.Kill(n, 0) == unix.ESRCH {
			_ = unix.Rmdir(path) // one with a process in it stays
		}
	}
}

// limit sets what all processes of the group may take together. What they write as
// result lies in memory, too.
func (g *group) limit(lim Limits) error {
	if g == nil {
		return nil
	}
	if g.gvisor { // it has threads and memory of its own
		lim.Memory, lim.Threads = lim.Memory+1<<30, lim.Threads+1024
	}
	g.memory = lim.Memory + lim.Result
	for _, c := range []struct{ file, text string }{
		{"memory.max", strconv.FormatInt(g.memory, 10)},
		{"memory.oom.group", "1"},
		{"pids.max", strconv.Itoa(lim.Threads)},
		{"memory.swap.max", "0"},
	} {
		err := g.put(c.file, c.text)
		if errors.Is(err, os.ErrNotExist) && c.file == "memory.swap.max" { // there is no swap
			err = nil
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// put writes to a file of the group.
func (g *group) put(file, text string) error {
	f, err := os.OpenFile(filepath.Join(g.path, file), os.O_WRONLY, 0) //nolint:gosec // a control file of our group
	if err != nil {
		return err
	}
	_, err = f.WriteString(text)
	return errors.Join(err, f.Close())
}

// why says which limit ended the worker, if one did.
func (g *group) why() string {
	if g == nil {
		return ""
	}
	if g.count("memory.events", "oom_kill") > 0 {
		return fmt.Sprintf("it took more than %d bytes of memory", g.memory)
	}
	return ""
}

// count is a number of a file with names and numbers, or 0.
func (g *group) count(file, name string) int64 {
	f := words(filepath.Join(g.path, file))
	for i := 0; i+1 < len(f); i += 2 {
		if f[i] == name {
			n, _ := strconv.ParseInt(f[i+1], 10, 64) // the kernel writes numbers
			return n
		}
	}
	return 0
}

// remove ends what is left in the group, and the group. Ended processes may stay in it
// for a moment.
func (g *group) remove() {
	if g == nil {
		return
	}
	if g.dir != nil {
		_ = g.dir.Close() // it was only a name
	}
	_ = g.put("cgroup.kill", "1") // mostly nothing is left
	for range 100 {
		if err := unix.Rmdir(g.path); err == nil || errors.Is(err, unix.ENOENT) {
			return
		}
		time.Sleep(5 * time.Millisecond)
	}
}
