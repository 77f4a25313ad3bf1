package main

import (
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// terminal opens a terminal, and gives both of its ends.
func terminal(t *testing.T) (ours, theirs *os.File) {
	t.Helper()
	ours, err := os.OpenFile("/dev/ptmx", os.O_RDWR|syscall.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = ours.Close() })
	fd := int(ours.Fd())
	n, err := unix.IoctlGetInt(fd, unix.TIOCGPTN)
	if err == nil {
		err = unix.IoctlSetPointerInt(fd, unix.TIOCSPTLCK, 0)
	}
	if err != nil {
		t.Fatal(err)
	}
	theirs, err = os.OpenFile("/dev/pts/"+strconv.Itoa(n), os.O_RDWR|syscall.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	return ours, theirs
}

// TestOpsTestAsks: on a terminal ops test asks, and runs nothing unless the answer is yes.
// The interpreter that is named leaves a file when it runs.
func TestOpsTestAsks(t *testing.T) {
	for answer, code := range map[string]int{"n\n": 2, "\n": 2, "\x04": 2, "\x03": 2, "Yes\n": 3} { // 3: the interpreter has no torch
		t.Run(strconv.Quote(answer), func(t *testing.T) {
			dir := t.TempDir()
			python := filepath.Join(dir, "python")
			for name, text := range map[string]string{
				"setup.py": "from torch.utils.cpp_extension import CppExtension\n", "op.cpp": "",
				"python": "#!/bin/sh\ntouch \"$(dirname \"$0\")/ran\"\nexit 1\n",
			} {
				if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o700); err != nil {
					t.Fatal(err)
				}
			}
			ours, theirs := terminal(t)
			cmd := exec.CommandContext(t.Context(), "andiron", "ops", "test", "--python", python, dir)
			cmd.Stdin, cmd.Stdout, cmd.Stderr = theirs, theirs, theirs
			cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			_ = theirs.Close() // the other end is closed when the program ends
			said := answering(t, ours, "[y/N] ", answer)
			_ = cmd.Wait() // the exit code says how
			_, err := os.Stat(filepath.Join(dir, "ran"))
			runs := code == 3
			if ran := err == nil; ran != runs {
				t.Errorf("it ran: %t\n%s", ran, said)
			}
			if !strings.Contains(said, "builds and runs the code of") || !runs && !strings.Contains(said, "nothing was run") || cmd.ProcessState.ExitCode() != code {
				t.Errorf("exit code %d\n%s", cmd.ProcessState.ExitCode(), said)
			}
		})
	}
}

// answering reads a terminal to its end, and answers what is asked.
func answering(t *testing.T, f *os.File, question, answer string) string {
	t.Helper()
	end := time.AfterFunc(time.Minute, func() { _ = f.Close() })
	defer end.Stop()
	var said strings.Builder
	b := make([]byte, 1<<12)
	for asked := false; ; {
		n, err := f.Read(b)
		said.Write(b[:n])
		if err != nil { // Linux says EIO where the other end is closed
			return said.String()
		}
		if !asked && strings.Contains(said.String(), question) {
			asked = true
			if _, err := io.WriteString(f, answer); err != nil {
				t.Fatal(err)
			}
		}
	}
}
