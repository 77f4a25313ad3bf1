package child

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
)

// rounds is how often a session is looked through: what is killed may have started
// another just before.
const rounds = 10

// endSession kills the processes of a session. As long as one of them is there, no other
// process gets its number.
func endSession(id int) {
	for range rounds {
		list := session(id)
		if len(list) == 0 {
			return
		}
		for _, pid := range list {
			_ = syscall.Kill(pid, syscall.SIGKILL) // it may have ended by itself
		}
	}
}

// session lists the processes of a session that have not ended.
func session(id int) (list []int) {
	names, err := filepath.Glob("/proc/[0-9]*/stat")
	if err != nil {
		return nil
	}
	for _, name := range names {
		b, err := os.ReadFile(name) //nolint:gosec // the kernel's
		if err != nil {
			continue // it has ended
		}
		// proc_pid_stat(5): pid (name) state ppid pgrp session; a name may hold anything.
		text := string(b)
		f := strings.Fields(text[strings.LastIndexByte(text, ')')+1:])
		if len(f) < 4 || f[0] == "Z" || f[0] == "X" || f[3] != strconv.Itoa(id) {
			continue
		}
		if pid, err := strconv.Atoi(filepath.Base(filepath.Dir(name))); err == nil {
			list = append(list, pid)
		}
	}
	return list
}
