package osfile

import (
	"errors"
	"io"
	"os"
	"runtime"
	"syscall"
)

// pipeSize is how much goes through the pipe at once. copy_file_range has a pipe of
// 16 pages, and writes the last page of each filling twice where the two files are
// not aligned alike.
const pipeSize = 1 << 20

const setPipeSize = 1031 // F_SETPIPE_SZ of linux/fcntl.h

func readFrom(f *os.File, r io.Reader) (int64, error) {
	l, ok := r.(*io.LimitedReader)
	if !ok {
		return f.ReadFrom(r)
	}
	src, ok := l.R.(*os.File)
	if !ok {
		return f.ReadFrom(r)
	}
	var p [2]int
	if err := syscall.Pipe2(p[:], syscall.O_CLOEXEC); err != nil {
		return f.ReadFrom(r)
	}
	defer func() { _ = errors.Join(syscall.Close(p[0]), syscall.Close(p[1])) }()       // it holds nothing that counts
	_, _, _ = syscall.Syscall(syscall.SYS_FCNTL, uintptr(p[1]), setPipeSize, pipeSize) // a smaller one does as well
	done := int64(0)
	for l.N > 0 {
		n, err := splice(int(src.Fd()), p[1], min(l.N, pipeSize))
		runtime.KeepAlive(src)
		if err != nil && done == 0 {
			return f.ReadFrom(r) // a file system that cannot, or whose error a plain read says better
		}
		if err != nil {
			return done, &os.PathError{Op: "splice", Path: src.Name(), Err: err}
		}
		if n == 0 {
			return done, nil
		}
		l.N -= n
		for n > 0 {
			k, err := splice(p[0], int(f.Fd()), n)
			runtime.KeepAlive(f)
			if err == nil && k == 0 {
				err = io.ErrShortWrite
			}
			if err != nil {
				return done, &os.PathError{Op: "splice", Path: f.Name(), Err: err}
			}
			n, done = n-k, done+k
		}
	}
	return done, nil
}

// splice moves up to n bytes at the positions of both.
func splice(from, to int, n int64) (int64, error) {
	for {
		k, err := syscall.Splice(from, nil, to, nil, int(n), 0)
		if !errors.Is(err, syscall.EINTR) {
			return int64(k), err //nolint:unconvert // the types differ between architectures
		}
	}
}
