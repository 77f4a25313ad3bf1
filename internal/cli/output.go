package cli

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
)

// output is where a report goes: the standard output, or a file that appears
// whole or not at all.
type output struct {
	*bufio.Writer

	temp *os.File // nil for the standard output
	name string
}

const outputBuffer = 64 << 10

func openOutput(name string, stdout io.Writer) (*output, error) {
	if name == "" || name == "-" {
		return &output{Writer: bufio.NewWriterSize(stdout, outputBuffer)}, nil
	}
	if info, err := os.Stat(name); err == nil && !info.Mode().IsRegular() {
		return nil, &fault{text: fmt.Sprintf("output %q is not a regular file", name), hint: "without --output the report goes to the standard output"}
	}
	temp, err := os.CreateTemp(filepath.Dir(name), ".andiron-*")
	if err != nil {
		return nil, &fault{text: fmt.Sprintf("output %q cannot be made: %v", name, plain(err)), hint: "the folder must exist and be writable"}
	}
	return &output{Writer: bufio.NewWriterSize(temp, outputBuffer), temp: temp, name: name}, nil
}

// files are those on disk that the report is, or is about to replace.
func (o *output) files() (list []fs.FileInfo) {
	if o.temp == nil {
		return nil
	}
	if info, err := o.temp.Stat(); err == nil {
		list = append(list, info)
	}
	if info, err := os.Stat(o.name); err == nil {
		list = append(list, info)
	}
	return list
}

// finish writes what is left and gives the file its name.
func (o *output) finish() error {
	err := o.Flush()
	if o.temp == nil {
		if err != nil {
			return fmt.Errorf("the report cannot be written: %w", plain(err))
		}
		return nil
	}
	if err == nil {
		err = o.temp.Chmod(o.mode())
	}
	if err == nil {
		err = o.temp.Sync()
	}
	err = errors.Join(err, o.temp.Close())
	if err == nil {
		err = os.Rename(o.temp.Name(), o.name)
	}
	if err != nil {
		return fmt.Errorf("output %q cannot be written: %w", o.name, plain(errors.Join(err, os.Remove(o.temp.Name()))))
	}
	return nil
}

// mode keeps the permissions of a file that is replaced. CreateTemp's 0600 would
// keep a report from the people and the jobs that read it.
func (o *output) mode() fs.FileMode {
	if info, err := os.Stat(o.name); err == nil {
		return info.Mode().Perm()
	}
	return 0o644
}

// abandon leaves no file behind. A report on the standard output stays as it is:
// without its summary.
func (o *output) abandon() {
	if o.temp == nil {
		_ = o.Flush() // an error came before this one and is reported
		return
	}
	_ = o.temp.Close()
	_ = os.Remove(o.temp.Name())
}

// plain takes the operation and the path off an error of the os package.
func plain(err error) error {
	if pe, ok := errors.AsType[*fs.PathError](err); ok {
		return pe.Err
	}
	if le, ok := errors.AsType[*os.LinkError](err); ok {
		return le.Err
	}
	return err
}
