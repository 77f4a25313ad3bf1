package torchfile

import (
	"iter"
	"strings"
)

// NumRecords returns how many records there are.
func (f *File) NumRecords() int {
	if f.Archive != nil {
		return f.Archive.Len()
	}
	return len(f.records)
}

// Record returns record number i, in the order of the archive's directory or of
// the file.
func (f *File) Record(i int) *Record {
	if f.Archive == nil {
		return &f.records[i]
	}
	e := f.Archive.Entry(i)
	rec := &Record{Name: e.Name, Path: f.relative(e.Name), Entry: i, Offset: e.DataOffset, Size: e.Size, Method: e.Method}
	if rec.Role = RoleNested; !f.nested[i] {
		rec.Role = f.roleOf(strings.ToLower(rec.Path))
	}
	return rec
}

// Records yields all records.
func (f *File) Records() iter.Seq[*Record] {
	return func(yield func(*Record) bool) {
		for i := range f.NumRecords() {
			if !yield(f.Record(i)) {
				return
			}
		}
	}
}
