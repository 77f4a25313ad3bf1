package tensor

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"

	"github.com/andiron-dev/andiron/internal/bounded"
)

// The limits on a file of values.
const (
	MaxValueFile   = 4 << 20 // bytes
	maxFileValues  = 65536
	maxValueLength = 1024 // bytes
)

// readValueFile reads the values from a file, one a line.
func (t *spec) readValueFile(n *yaml.Node, files Files) error {
	name, err := scalar(n)
	switch {
	case err != nil:
		return err
	case !isFile(name):
		return fault(n, "%q is neither a list of values nor a file beside the schema", clip(name))
	case files == nil:
		return fault(n, "the values are in the file %q, and there are no files beside this schema", clip(name))
	}
	b, err := files(name)
	if err != nil {
		return fault(n, "values in %q: %w", clip(name), err)
	}
	if t.texts, err = fileValues(b); err != nil {
		return fault(n, "values in %q: %w", clip(name), err)
	}
	return nil
}

// isFile reports whether s names a file beneath the folder of the schema: parts of
// letters, digits and -._, none of which begins with a dot.
func isFile(s string) bool {
	for part := range strings.SplitSeq(s, "/") {
		if part == "" || part[0] == '.' || !isName(strings.TrimLeft(part, "-.")) || strings.ContainsAny(part, ":/[]") {
			return false
		}
	}
	return len(s) <= 256
}

// fileValues are the lines of a file. A carriage return at the end of a line does
// not belong to the value, and the last line may end in a newline.
func fileValues(b []byte) (values []string, err error) {
	switch {
	case len(b) > MaxValueFile:
		return nil, bounded.Exceeded("bytes of values", MaxValueFile)
	case !utf8.Valid(b):
		return nil, errors.New("the file is no UTF-8")
	case bytes.HasPrefix(b, []byte("\xef\xbb\xbf")):
		return nil, errors.New("the file begins with a byte order mark")
	}
	text := strings.TrimSuffix(string(b), "\n")
	for line := range strings.SplitSeq(text, "\n") {
		line = strings.TrimSuffix(line, "\r")
		switch {
		case line == "":
			return nil, fmt.Errorf("line %d is empty", len(values)+1)
		case len(line) > maxValueLength:
			return nil, fmt.Errorf("line %d has more than %d bytes", len(values)+1, maxValueLength)
		case len(values) == maxFileValues:
			return nil, bounded.Exceeded("values in a file", maxFileValues)
		}
		values = append(values, line)
	}
	return values, nil
}
