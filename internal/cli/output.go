package cli

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"

	"github.com/andiron-dev/andiron/internal/osfile"
	"github.com/andiron-dev/andiron/internal/whole"
)

// output is where a report goes: the standard output, or a file that appears
// whole or not at all.
type output struct {
	*bufio.Writer

	file *whole.File // nil for the standard output
	name string
}

const outputBuffer = 64 << 10

func openOutput(name string, stdout io.Writer) (*output, error) {
	if name == "" || name == "-" {
		return &output{Writer: bufio.NewWriterSize(stdout, outputBuffer)}, nil
	}
	file, err := createFile(name, "without --output the report goes to the standard output")
	if err != nil {
		return nil, err
	}
	return &output{Writer: bufio.NewWriterSize(file, outputBuffer), file: file, name: name}, nil
}

// createFile begins a file that appears whole or not at all.
func createFile(name, hint string) (*whole.File, error) {
	file, err := whole.Create(name)
	if errors.Is(err, whole.ErrNotRegular) {
		return nil, &fault{text: fmt.Sprintf("output %q is not a regular file", name), hint: hint}
	}
	if err != nil {
		return nil, &fault{text: fmt.Sprintf("output %q cannot be made: %v", name, osfile.Cause(err)), hint: folderFirst}
	}
	return file, nil
}

// copied is what was written to an output.
type copied struct{ b bytes.Buffer }

// copied keeps a copy of what is written from now on.
func (o *output) copied() *copied {
	c := &copied{}
	o.Writer = bufio.NewWriterSize(&through{o.Writer, c}, outputBuffer)
	return c
}

// through passes on what is written as it comes.
type through struct {
	to   *bufio.Writer
	copy *copied
}

func (t *through) Write(b []byte) (int, error) {
	_, _ = t.copy.b.Write(b) // a buffer takes everything
	n, err := t.to.Write(b)
	if err == nil {
		err = t.to.Flush()
	}
	return n, err
}

// files are those on disk that the report is, or is about to replace.
func (o *output) files() (list []fs.FileInfo) {
	if o.file == nil {
		return nil
	}
	if info, err := o.file.Stat(); err == nil {
		list = append(list, info)
	}
	if info, err := os.Stat(o.name); err == nil {
		list = append(list, info)
	}
	return list
}

// temporary is the name of the file that is written before it has its own, if any.
func (o *output) temporary() []string {
	if o.file == nil {
		return nil
	}
	return []string{o.file.Name()}
}

// finish writes what is left and gives the file its name.
func (o *output) finish() error {
	err := o.Flush()
	switch {
	case o.file == nil && err != nil:
		return fmt.Errorf("the report cannot be written: %w", osfile.Cause(err))
	case o.file == nil:
		return nil
	case err != nil:
		o.file.Abandon()
		return notWritten(o.name, err)
	}
	return commit(o.file, o.name)
}

// commit gives a file its name.
func commit(file *whole.File, name string) error {
	if err := file.Commit(); err != nil {
		return notWritten(name, err)
	}
	return nil
}

func notWritten(name string, err error) error {
	return fmt.Errorf("output %q cannot be written: %w", name, osfile.Cause(err))
}

// abandon leaves no file behind. A report on the standard output stays as it is:
// without its summary.
func (o *output) abandon() {
	if o.file == nil {
		_ = o.Flush() // an error came before this one and is reported
		return
	}
	o.file.Abandon()
}
