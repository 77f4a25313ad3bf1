package gitsrc

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"

	"github.com/andiron-dev/andiron/internal/bounded"
	"github.com/andiron-dev/andiron/internal/testkit"
)

const (
	alice = "Alice <alice@example.com>"
	bob   = "Bob <bob@example.com>"
)

func files(m map[string]string) fs.FS {
	out := fstest.MapFS{}
	for name, text := range m {
		out[name] = &fstest.MapFile{Data: []byte(text)}
	}
	return out
}

// project is a history with two branches, one of which was merged twice:
//
//	a - b ------- m - e   the main line
//	 \ - c - d - /
func project() (*testkit.Git, string) {
	g := testkit.NewGit()
	tree := map[string]string{"README": "x", "csrc/op.cpp": "1", "csrc/cuda/op.cu": "1", "csrc/notes.txt": "1"}
	with := func(name, text string) map[string]string {
		tree = maps.Clone(tree)
		tree[name] = text
		return tree
	}
	a := g.Commit(tree, alice, alice, "a\n")
	b := g.Commit(with("README", "y"), alice, alice, "b\n", a)
	c := g.Commit(with("csrc/op.cpp", "2"), bob, bob, "c\n\nwhy\n\nReviewed-by: Alice <alice@example.com>\n", a)
	d := g.Commit(with("csrc/cuda/op.cu", "2"), bob, bob, "d", c)
	m := g.Commit(tree, alice, alice, "merge", b, d)
	e := g.Commit(with("csrc/notes.txt", "2"), alice, alice, "e", m)
	return g, e
}

func open(t *testing.T, fsys fs.FS, lim Limits) (*Repository, Hash) {
	t.Helper()
	r, err := Open(fsys, lim)
	if err != nil {
		t.Fatal(err)
	}
	h, err := r.Head()
	if err != nil {
		t.Fatal(err)
	}
	return r, h
}

func source(name string) bool {
	return strings.HasSuffix(name, ".cpp") || strings.HasSuffix(name, ".cu")
}

// said writes changes as "subject: folders, brought by".
func said(h History) (out []string) {
	for _, c := range h.Changes {
		s := c.Subject() + ": " + strings.Join(c.Folders, " ")
		if c.Merge != nil {
			s += ", brought by " + c.Merge.Subject()
		}
		out = append(out, s)
	}
	return out
}

func TestWalk(t *testing.T) {
	g, head := project()
	want := []string{"d: csrc/cuda, brought by merge", "c: csrc, brought by merge", "a: csrc csrc/cuda"}
	for name, m := range map[string]map[string]string{"loose": g.Loose(head), "packed": g.Packed(head)} {
		r, h := open(t, files(m), Limits{})
		got, err := r.Walk(h, []string{"csrc", "csrc/cuda", "gone"}, source, 100)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if diff := cmp.Diff(want, said(got)); diff != "" || got.Cut || got.Commits != 6 {
			t.Errorf("%s: %d commits, cut %v (-want +got):\n%s", name, got.Commits, got.Cut, diff)
		}
		if err := r.Close(); err != nil {
			t.Error(err)
		}
	}
}

func TestCommit(t *testing.T) {
	g, head := project()
	r, h := open(t, files(g.Packed(head)), Limits{})
	c, err := r.Commit(h)
	if err != nil {
		t.Fatal(err)
	}
	if c.Author.Name != "Alice" || c.Author.Email != "alice@example.com" || c.Author.Time == 0 || c.Subject() != "e" || len(c.Parents) != 1 || h.String() != head {
		t.Errorf("%+v", c)
	}
}

// Fewer commits than there are, and a history that was cut off, are said.
func TestCut(t *testing.T) {
	g, head := project()
	r, h := open(t, files(g.Loose(head)), Limits{})
	got, err := r.Walk(h, []string{"csrc"}, source, 2)
	if err != nil || !got.Cut || got.Commits != 2 {
		t.Errorf("%+v, %v", got, err)
	}
	m := g.Loose(head)
	e, err := r.Commit(h)
	if err != nil {
		t.Fatal(err)
	}
	m["shallow"] = e.Parents[0].String() + "\n" // the merge
	r, h = open(t, files(m), Limits{})
	got, err = r.Walk(h, []string{"csrc", "csrc/cuda"}, source, 100)
	if err != nil || !got.Cut || got.Commits != 2 || len(got.Changes) != 0 || !r.Shallow() {
		t.Errorf("%+v, %v", got, err)
	}
}

// What is broken is an error that says what, and never a panic.
func TestBroken(t *testing.T) {
	g, head := project()
	object := "objects/" + head[:2] + "/" + head[2:]
	const pack, index = "objects/pack/pack-1.pack", "objects/pack/pack-1.idx"
	for _, tt := range []struct {
		name   string
		packed bool
		change func(map[string]string)
		want   string
	}{
		{"no HEAD", false, func(m map[string]string) { delete(m, "HEAD") }, "HEAD"},
		{"a HEAD that leads out", false, func(m map[string]string) { m["HEAD"] = "ref: refs/../../x\n" }, "leads nowhere"},
		{"a HEAD that is nothing", false, func(m map[string]string) { m["HEAD"] = "x\n" }, "not the name of an object"},
		{"no commit yet", false, func(m map[string]string) { delete(m, "refs/heads/main") }, "no commit"},
		{"reftable", false, func(m map[string]string) { m["HEAD"] = "ref: refs/heads/.invalid\n" }, "reftable"},
		{"references in a circle", false, func(m map[string]string) { m["refs/heads/main"] = "ref: refs/heads/main\n" }, "names of names"},
		{"a missing object", false, func(m map[string]string) { delete(m, object) }, "is not in the repository"},
		{"an object that is borrowed", false, func(m map[string]string) { delete(m, object); m["objects/info/alternates"] = "/elsewhere\n" }, "borrows objects"},
		{"an object that is no zlib", false, func(m map[string]string) { m[object] = "x" }, "object " + head},
		{"an object under another name", false, func(m map[string]string) {
			for name := range m {
				if strings.HasPrefix(name, "objects/") && name != object {
					m[object] = m[name]
					return
				}
			}
		}, ""},
		{"an index that is none", true, func(m map[string]string) { m[index] = strings.Repeat("x", 2000) }, "not an index"},
		{"an index that is cut", true, func(m map[string]string) { m[index] = m[index][:1100] }, "not an index"},
		{"a pack that is none", true, func(m map[string]string) { m[pack] = strings.Repeat("x", 2000) }, "not a pack"},
		{"a pack that is cut", true, func(m map[string]string) { m[pack] = m[pack][:40] }, "not an index"},
		{"shallow that is nothing", false, func(m map[string]string) { m["shallow"] = "x\n" }, "shallow"},
	} {
		m := g.Loose(head)
		if tt.packed {
			m = g.Packed(head)
		}
		tt.change(m)
		_, err := walkAll(files(m), Limits{})
		if err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: %v", tt.name, err)
		}
	}
}

func walkAll(fsys fs.FS, lim Limits) (History, error) {
	r, err := Open(fsys, lim)
	if err != nil {
		return History{}, err
	}
	h, err := r.Head()
	if err != nil {
		return History{}, err
	}
	got, err := r.Walk(h, []string{".", "csrc", "csrc/cuda"}, source, 100)
	return got, errors.Join(err, r.Close())
}

// No single object, and not all of them, inflate to more than the limits.
func TestLimits(t *testing.T) {
	g := testkit.NewGit()
	head := g.Commit(map[string]string{"a.cpp": "x"}, alice, alice, strings.Repeat("long ", 10_000))
	for _, m := range []map[string]string{g.Loose(head), g.Packed(head)} {
		for _, lim := range []Limits{{Object: 1000}, {Inflated: 1000}} {
			if _, err := walkAll(files(m), lim); !errors.Is(err, bounded.ErrLimit) {
				t.Errorf("%+v: %v", lim, err)
			}
		}
	}
}

// A delta whose base is itself, or that grows without end, ends.
func TestDeltas(t *testing.T) {
	r := &Repository{object: 1000, budget: bounded.NewBudget("bytes", 1<<20)}
	base := []byte("0123456789")
	for _, tt := range []struct {
		delta []byte
		want  string
		err   error
	}{
		{[]byte{10, 5, 0x90, 5}, "01234", nil},
		{[]byte{10, 5, 0x91, 5, 5}, "56789", nil},
		{[]byte{10, 3, 3, 'a', 'b', 'c'}, "abc", nil},
		{[]byte{10, 5, 0x91, 6, 5}, "", errDelta},            // beyond the base
		{[]byte{9, 5, 0x90, 5}, "", errDelta},                // of another base
		{[]byte{10, 4, 0x90, 5}, "", errDelta},               // more than it says
		{[]byte{10, 6, 0x90, 5}, "", errDelta},               // less than it says
		{[]byte{10, 3, 3, 'a', 'b'}, "", errDelta},           // cut
		{[]byte{10, 3, 0}, "", errDelta},                     // a reserved instruction
		{[]byte{10}, "", errDelta},                           // no size
		{[]byte{10, 0xff, 0xff, 0x7f}, "", bounded.ErrLimit}, // two million bytes
	} {
		got, err := r.patch(base, tt.delta)
		if string(got) != tt.want || !errors.Is(err, tt.err) {
			t.Errorf("%x: %q, %v", tt.delta, got, err)
		}
	}
}

// FuzzRepository changes one file of a repository: whatever is in it, reading it ends
// without a panic, within the limits, and the same way twice.
func FuzzRepository(f *testing.F) {
	g, head := project()
	loose, packed := g.Loose(head), g.Packed(head)
	for _, m := range []map[string]string{loose, packed} {
		for i, name := range slices.Sorted(maps.Keys(m)) {
			f.Add(uint8(i), m[name], true)
		}
	}
	f.Fuzz(func(t *testing.T, which uint8, text string, inPack bool) {
		m := maps.Clone(loose)
		if inPack {
			m = maps.Clone(packed)
		}
		names := slices.Sorted(maps.Keys(m))
		m[names[int(which)%len(names)]] = text
		lim := Limits{Object: 1 << 16, Inflated: 1 << 20}
		a, errA := walkAll(files(m), lim)
		b, errB := walkAll(files(m), lim)
		if fmt.Sprint(errA) != fmt.Sprint(errB) || !slices.Equal(said(a), said(b)) {
			t.Errorf("%v and %v, %q and %q", errA, errB, said(a), said(b))
		}
	})
}

// Offsets of 8 bytes are read as such, and held against the size of the pack.
func TestWideOffset(t *testing.T) {
	g, head := project()
	m := g.Packed(head)
	index := []byte(m["objects/pack/pack-1.idx"])
	n := int(binary.BigEndian.Uint32(index[8+4*255:]))
	offsets := 8 + 1024 + n*24
	wide := binary.BigEndian.AppendUint64(nil, uint64(binary.BigEndian.Uint32(index[offsets:])))
	binary.BigEndian.PutUint32(index[offsets:], 1<<31)
	m["objects/pack/pack-1.idx"] = string(slices.Concat(index[:offsets+4*n], wide, index[offsets+4*n:]))
	if _, err := walkAll(files(m), Limits{}); err != nil {
		t.Error(err)
	}
	m["objects/pack/pack-1.idx"] = string(slices.Concat(index[:offsets+4*n], []byte{0xff, 0, 0, 0, 0, 0, 0, 0}, index[offsets+4*n:]))
	if r, err := Open(files(m), Limits{}); err != nil {
		t.Fatal(err)
	} else if _, err := r.Head(); err != nil {
		t.Fatal(err)
	} else if _, _, err := r.packed(Hash(index[1032 : 1032+20])); err == nil {
		t.Error("an offset beyond the pack is read")
	}
}
