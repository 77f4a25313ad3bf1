package dataset

import (
	"errors"
	"fmt"
	"io"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/andiron-dev/andiron/internal/parquet"
	"github.com/andiron-dev/andiron/internal/tensor"
)

// tables is a set of Parquet files.
type tables struct {
	files   []File // that come
	all     int    // how many files there are
	want    Wanted
	lim     Limits
	next    int64 // number of the next sample
	pending error
	broken  *SampleError // of the row that comes next to be said

	file    *parquet.File
	name    string
	close   func() error
	first   int64 // number of the first sample of the file
	group   int
	fields  *fields // of the first file
	cursors []*cursor
	each    int64 // bytes of a sample, about
	shapes  map[string][]int64
	shaped  map[string]int64 // the row that had the shape
}

// Parquet reads files of tables as one set, in the order of their names. The number of
// the first sample is first.
func Parquet(files []File, want Wanted, first int64, lim Limits) (Set, error) {
	files = slices.Clone(files)
	slices.SortFunc(files, func(a, b File) int { return strings.Compare(a.Name, b.Name) })
	if want.Folder || len(files) > 1 { // one file may well be looked at by itself
		if err := wholeSet(files); err != nil {
			return nil, err
		}
	}
	return &tables{files: files, all: len(files), want: want, lim: lim.orDefaults(), next: first, shapes: map[string][]int64{}, shaped: map[string]int64{}}, nil
}

var shardName = regexp.MustCompile(`^(.*)-(\d{5})-of-(\d{5})((?:-[0-9a-f]+)?)\.parquet$`)

// wholeSet reports files that are missing, going by the names of the others, as Hugging
// Face's datasets gives them: train-00000-of-00002.parquet.
func wholeSet(files []File) error {
	there := map[string][]bool{}
	for _, f := range files {
		m := shardName.FindStringSubmatch(path.Base(f.Name))
		if m == nil {
			continue
		}
		n, _ := strconv.Atoi(m[2])
		of, _ := strconv.Atoi(m[3])
		split := path.Join(path.Dir(f.Name), m[1]) + "-of-" + m[3]
		if there[split] == nil {
			there[split] = make([]bool, of)
		}
		if n >= of || there[split][n] {
			return fmt.Errorf("%q: there is no such file of %d, or it is there twice", f.Name, of)
		}
		there[split][n] = true
	}
	for split, list := range there {
		if i := slices.Index(list, false); i >= 0 {
			return fmt.Errorf("%s: file %d of %d is missing, from 0", split, i, len(list))
		}
	}
	return nil
}

func (t *tables) Next() (*Rows, error) {
	if err := t.behind(); err != nil {
		return nil, err
	}
	rows := &Rows{First: t.next}
	for rows.size() < t.lim.Block && len(rows.Bad) < 1024 {
		more, err := t.add(rows)
		if err != nil {
			t.pending = t.wrapped(err)
			if t.file != nil {
				t.file, t.cursors = nil, nil
				_ = t.close() // it was only read, and there is an error already
			}
			break
		}
		if !more {
			break
		}
	}
	if rows.N == 0 && len(rows.Bad) == 0 {
		return nil, t.behind()
	}
	if rows.N > 0 && rows.numbers == nil {
		t.each = max(1, rows.size()/int64(rows.N))
	}
	rows.seal()
	rows.Read, rows.Whole = t.progress()
	return rows, nil
}

// behind is the error that comes behind the last rows, if there is one.
func (t *tables) behind() error {
	if one := t.broken; one != nil {
		t.broken = nil
		return one
	}
	return t.pending
}

// progress counts files, in thousandths of their rows.
func (t *tables) progress() (read, whole int64) {
	const each = 1000
	read = each * int64(t.all-len(t.files))
	if t.file != nil {
		var n float64 // what the footer says may be too much to add
		for _, g := range t.file.Groups {
			n += float64(g.Rows)
		}
		read -= each - int64(each*min(1, float64(t.next-t.first)/max(1, n)))
	}
	return read, each * int64(t.all)
}

// size is how many bytes the columns have.
func (r *Rows) size() (n int64) {
	for i := range r.Columns {
		n += int64(len(r.Columns[i].Data))
	}
	return n
}

func (t *tables) wrapped(err error) error {
	if errors.Is(err, io.EOF) {
		return io.EOF
	}
	return fmt.Errorf("%q: %w", t.name, err)
}

// add adds rows that come next; false says that they do not go with those that are there.
func (t *tables) add(rows *Rows) (more bool, err error) {
	n, err := t.ready(rows.N > 0 || len(rows.Bad) > 0)
	if n == 0 || err != nil {
		return false, err
	}
	if rows.place == nil {
		t.head(rows)
	}
	if t.unreadable() {
		return false, nil
	}
	for _, c := range t.cursors {
		if c.front().bad {
			t.leaveOut(rows, min(n, 1024))
			return true, nil
		}
	}
	if err := t.even(); err != nil {
		return false, err
	}
	for i, c := range t.cursors {
		if rows.N > 0 && (!slices.Equal(rows.Columns[i].Shape[1:], c.front().shape) || rows.Columns[i].DType != c.dtype) {
			return false, nil
		}
	}
	most := max(1, (t.lim.Block-rows.size())/max(1, t.each))
	n = int(min(int64(n), most))
	for i, c := range t.cursors {
		col := &rows.Columns[i]
		if rows.N == 0 {
			col.DType, col.Shape = c.dtype, append([]int64{0}, c.front().shape...)
		}
		col.Data = c.take(col.Data, n)
		col.Shape[0] += int64(n)
	}
	if rows.numbers != nil {
		for i := range n {
			rows.numbers = append(rows.numbers, t.next+int64(i))
		}
	}
	rows.N += n
	t.next += int64(n)
	return true, nil
}

// head says of rows what holds for all of a file.
func (t *tables) head(rows *Rows) {
	rows.Columns = make([]tensor.Tensor, len(t.cursors))
	at := map[string]int{}
	for i, c := range t.cursors {
		rows.Columns[i].Name = c.name
		at[c.name] = c.at
	}
	rows.Label, rows.Names, rows.Unread = t.fields.label, t.fields.names, t.fields.out
	rows.First = t.next
	file, first := t.name, t.first
	rows.place = func(row int, column string) Place {
		return Place{File: file, Row: rows.Number(row) - first + 1, Column: at[column]}
	}
}

// unreadable passes over the row that comes next if some cell of it cannot be read, and
// keeps what is wrong with it.
func (t *tables) unreadable() bool {
	for _, c := range t.cursors {
		s := c.front()
		if s.err == nil {
			continue
		}
		row := t.next - t.first + 1
		t.broken = &SampleError{t.next, fmt.Errorf("%q: row %d, column %d (%.80q): %w", t.name, row, c.at, c.name, s.err)}
		t.pass(1)
		return true
	}
	return false
}

// leaveOut passes over n rows of which some cell has no value.
func (t *tables) leaveOut(rows *Rows, n int) {
	if rows.numbers == nil {
		rows.numbers = []int64{}
		for i := range rows.N {
			rows.numbers = append(rows.numbers, rows.First+int64(i))
		}
	}
	for i := range n {
		for _, c := range t.cursors {
			if s := c.front(); s.bad {
				place := Place{File: t.name, Row: t.next + int64(i) - t.first + 1, Column: c.at}
				rows.Bad = append(rows.Bad, &BadCell{place, t.next + int64(i), c.name, c.dtype, s.empty, ""})
			}
		}
	}
	t.pass(n)
}

// pass leaves n rows behind.
func (t *tables) pass(n int) {
	for _, c := range t.cursors {
		if s := c.front(); s.bad {
			c.drop(n)
		} else {
			c.take(nil, n)
		}
	}
	t.next += int64(n)
}

// even refuses lists that are not as long as those before, unless the schema judges that.
func (t *tables) even() error {
	for _, c := range t.cursors {
		if c.lists == 0 || c.free {
			continue
		}
		shape := c.front().shape
		row := t.next - t.first + 1
		if had, ok := t.shapes[c.name]; !ok {
			t.shapes[c.name], t.shaped[c.name] = slices.Clone(shape), row
		} else if !slices.Equal(had, shape) {
			return fmt.Errorf("row %d, column %d (%.80q): its lists have the lengths %v, and those before %v; a schema that has the column may allow both", row, c.at, c.name, shape, had)
		}
	}
	return nil
}

// ready is how many rows of all columns can be taken as they are, 0 with io.EOF behind
// the last. With begun it does not go on to another file, and is 0 at the end of one.
func (t *tables) ready(begun bool) (int, error) {
	for {
		if t.file == nil {
			if err := t.open(); err != nil {
				return 0, err
			}
		}
		if t.cursors == nil {
			if t.group == len(t.file.Groups) {
				if begun {
					return 0, nil
				}
				if err := t.end(); err != nil {
					return 0, err
				}
				continue
			}
			t.begin()
		}
		n, err := t.fill()
		if n > 0 || err != nil {
			return n, err
		}
		if err := t.endGroup(); err != nil {
			return 0, err
		}
	}
}

func (t *tables) open() error {
	if len(t.files) == 0 {
		return io.EOF
	}
	f := t.files[0]
	t.files, t.name = t.files[1:], f.Name
	r, size, closeFile, err := f.Open()
	if err != nil {
		return err
	}
	t.close = closeFile
	if t.file, err = parquet.Open(r, size, t.lim.Parquet); err == nil {
		err = t.learn()
	}
	if err != nil {
		return errors.Join(err, closeFile())
	}
	t.group, t.first = 0, t.next
	return nil
}

// learn finds what the columns of a file are.
func (t *tables) learn() error {
	fs, err := fieldsOf(t.file, t.want, t.lim)
	if err != nil {
		return err
	}
	if t.fields == nil {
		t.fields = fs
		for _, x := range fs.list {
			t.each += int64(max(1, x.wide))
			if x.wide == 0 {
				t.each += 64
			}
		}
	} else if err := t.fields.same(fs); err != nil {
		return err
	}
	t.fields = fs // its columns are those of this file
	return nil
}

// end closes a file, of which all was read.
func (t *tables) end() error {
	t.file = nil
	return t.close()
}

// begin begins a row group.
func (t *tables) begin() {
	ahead, images := aheadSamples, 0
	for i := range t.fields.list {
		if t.fields.list[i].image {
			images++
		}
	}
	if images > 1 { // answers come in order, and those of another column would have to be kept
		ahead = 1
	}
	for i := range t.fields.list {
		x := &t.fields.list[i]
		t.cursors = append(t.cursors, &cursor{field: x, lim: t.lim, chunk: t.file.Chunk(t.group, x.leaf), images: ahead})
	}
}

// fill reads all columns, and returns how many rows they have in common.
func (t *tables) fill() (int, error) {
	want := int(min(max(1, t.lim.Block/max(1, t.each)), 1<<16))
	most := int(max(1<<12, t.lim.Block/int64(len(t.cursors))))
	least, ended := want, 0
	for _, c := range t.cursors {
		c.room, c.most = want, max(most, want*c.dtype.Size())
		if err := c.fill(want); err != nil {
			return 0, err
		}
		if s := c.front(); s == nil {
			ended++
		} else {
			least = min(least, s.rows)
		}
	}
	switch ended {
	case 0:
		return least, nil
	case len(t.cursors):
		return 0, nil
	}
	return 0, errors.New("its columns do not have as many rows each")
}

func (t *tables) endGroup() error {
	for _, c := range t.cursors {
		c.chunk.Close()
		if c.read != t.file.Groups[t.group].Rows {
			return fmt.Errorf("row group %d, column %d (%.80q): it has %d rows, and the footer says %d", t.group, c.at, c.name, c.read, t.file.Groups[t.group].Rows)
		}
	}
	t.cursors = nil
	t.group++
	return nil
}
