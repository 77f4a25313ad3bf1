package sandbox

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"

	"golang.org/x/sys/unix"
)

// workerUID is the first number of a worker of root: nobody's, which owns nothing.
const workerUID = 231072

// mostSlots is how many workers root has at once.
const mostSlots = 256

// slot is who a worker is. Workers of root have a number each, so that the limit on
// processes of one is not used up by another, and none can send signals to another.
type slot struct {
	uid  int      // on the host; 0 is the caller's own
	lock *os.File // held as long as the worker is there
}

// nextSlot goes round, so that a number is not taken again at once: what a worker left
// behind, where only Landlock held it, counts until it is reaped.
var nextSlot atomic.Uint32

// takeSlot finds a number that no other worker has. Whoever is not root has only its own.
func takeSlot() (*slot, error) {
	if os.Geteuid() != 0 {
		return &slot{}, nil
	}
	base, err := firstUID()
	if err != nil || base == 0 {
		return &slot{}, err
	}
	dir, err := slotFolder("/run", os.TempDir())
	if err != nil {
		return nil, fmt.Errorf("a number for the worker: %w", err)
	}
	for range mostSlots {
		uid := base + int(nextSlot.Add(1)%mostSlots)
		f, err := os.OpenFile(filepath.Join(dir, strconv.Itoa(uid)), os.O_RDWR|os.O_CREATE|unix.O_NOFOLLOW, 0o600) //nolint:gosec // in a folder that only root can write to
		if err != nil {
			return nil, fmt.Errorf("a number for the worker: %w", err)
		}
		if unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB) == nil {
			return &slot{uid: uid, lock: f}, nil
		}
		_ = f.Close() // another worker has it
	}
	return nil, fmt.Errorf("%d sandboxes of root are there already", mostSlots)
}

// free gives the number back, once nobody is it any more.
func (s *slot) free() {
	if s != nil && s.lock != nil {
		_ = s.lock.Close() // it was only held
	}
}

// slotFolder is the first of some places where root can have a folder of its own.
func slotFolder(places ...string) (string, error) {
	var failed error
	for _, p := range places {
		dir := filepath.Join(p, "andiron-sandbox")
		err := os.Mkdir(dir, 0o700)
		if errors.Is(err, os.ErrExist) {
			err = nil
		}
		var info os.FileInfo
		if err == nil {
			info, err = os.Lstat(dir)
		}
		if err == nil && (!info.IsDir() || info.Mode().Perm() != 0o700 || int(info.Sys().(*syscall.Stat_t).Uid) != os.Geteuid()) {
			err = fmt.Errorf("%s is not a folder that only this user can enter", dir)
		}
		if err == nil {
			return dir, nil
		}
		failed = errors.Join(failed, err)
	}
	return "", failed
}

// firstUID is the first number for workers in this user namespace, or 0 if it has no
// room for others than its root, who is then no root of the host either.
func firstUID() (int, error) {
	users, err := os.ReadFile("/proc/self/uid_map")
	if err != nil {
		return 0, err
	}
	groups, err := os.ReadFile("/proc/self/gid_map")
	if err != nil {
		return 0, err
	}
	return firstOf(string(users), string(groups)), nil
}

// firstOf finds mostSlots numbers that both maps have: those of workerUID, or the last
// ones of a map, without its end, where containers have nobody.
func firstOf(users, groups string) int {
	first := []int{workerUID}
	for line := range strings.SplitSeq(users, "\n") {
		var from, to, n int
		if _, err := fmt.Sscan(line, &from, &to, &n); err == nil {
			first = append(first, from+n-2*mostSlots)
		}
	}
	for _, f := range first {
		if f > 1000 && maps(users, f) && maps(groups, f) {
			return f
		}
	}
	return 0
}

// maps reports whether a map of a user namespace has all numbers of workers.
func maps(text string, first int) bool {
	for line := range strings.SplitSeq(text, "\n") {
		var from, to, n int
		if _, err := fmt.Sscan(line, &from, &to, &n); err == nil && from <= first && first+mostSlots <= from+n {
			return true
		}
	}
	return false
}
