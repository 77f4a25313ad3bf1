//go:build linux || darwin

package trust

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// tree makes files ("a/b"), folders ("a/") and links ("a -> b") in a folder.
func tree(t *testing.T, entries ...string) string {
	t.Helper()
	dir := t.TempDir()
	if err := os.Chmod(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		name, target, link := strings.Cut(e, " -> ")
		at := filepath.Join(dir, name)
		err := os.MkdirAll(filepath.Dir(at), 0o700)
		switch {
		case err != nil:
		case link:
			err = os.Symlink(target, at)
		case strings.HasSuffix(name, "/"):
			err = os.MkdirAll(at, 0o700)
		default:
			err = os.WriteFile(at, []byte(name), 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func TestWalkPlace(t *testing.T) {
	dir := tree(t, "p/m/a.pt", "p/n/b.pt", "p/m/link -> a.pt", "p/m/up -> ../n/b.pt", "p/m/round -> ../m/../m/./a.pt", "p/folder -> m",
		"p/m/out -> ../../outside", "p/m/far -> ../../../../../../../../../../etc/passwd", "p/m/abs -> /etc/passwd", "p/m/loop -> loop2", "p/m/loop2 -> loop",
		"p/m/dead -> nothing", "p/m/back -> ../../p/m/a.pt", "outside", "p/chain1 -> chain2", "p/chain2 -> folder/link")
	root, err := os.OpenRoot(filepath.Join(dir, "p"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = root.Close() }()
	tests := []struct{ path, real, outside, err string }{
		{"m/a.pt", "m/a.pt", "", ""},
		{"m/link", "m/a.pt", "", ""},
		{"m/up", "n/b.pt", "", ""},
		{"m/round", "m/a.pt", "", ""},
		{"folder/a.pt", "m/a.pt", "", ""},
		{"chain1", "m/a.pt", "", ""},
		{"m/out", "", "it leads out of the folder", ""},
		{"m/far", "", "it leads out of the folder", ""},
		{"m/back", "", "it leads out of the folder", ""}, // and in again, by a name that somebody else may change
		{"m/abs", "", `"m/abs" is a link to "/etc/passwd", which is absolute`, ""},
		{"m/loop", "", "leads through more than 40 links", ""},
		{"m/dead", "", "", "no such file or directory"},
		{"m/none", "", "", "no such file or directory"},
		{"m/a.pt/x", "", "", "not a directory"},
	}
	for _, tt := range tests {
		p := walkPlace(root, tt.path, ownersOf(root))
		outside, looked := "", ""
		if p.outside != nil {
			outside = p.outside.Error()
		}
		if p.err != nil {
			looked = p.err.Error()
		}
		if !strings.Contains(outside, tt.outside) || (outside == "") != (tt.outside == "") || looked != tt.err || tt.real != "" && p.real != tt.real {
			t.Errorf("%s: real %q, outside %q, error %q", tt.path, p.real, outside, looked)
		}
		if len(p.weak) > 0 {
			t.Errorf("%s: weak %v", tt.path, p.weak)
		}
	}
}

// Whoever can write to anything on the way, links' folders included, is found.
func TestWalkPlaceWeak(t *testing.T) {
	for _, tt := range []struct {
		chmod string
		mode  os.FileMode
		want  []weakness
	}{
		{"p/m/a.pt", 0o666, []weakness{{"m/a.pt", "everyone can write to it (mode 0666)"}}},
		{"p/m/a.pt", 0o464, []weakness{{"m/a.pt", "its group can write to it (mode 0464)"}}},
		{"p/m/a.pt", 0o755, nil},
		{"p/m", 0o777 | os.ModeSticky, []weakness{{"m", "everyone can write to it (mode 0777)"}}},
		{"p/l", 0o770, []weakness{{"l", "its group can write to it (mode 0770)"}}}, // which holds the link
		{"p", 0o707, []weakness{{".", "everyone can write to it (mode 0707)"}}},
		{".", 0o777, nil}, // above the project
	} {
		dir := tree(t, "p/m/a.pt", "p/l/link -> ../m/a.pt")
		if err := os.Chmod(filepath.Join(dir, tt.chmod), tt.mode); err != nil {
			t.Fatal(err)
		}
		root, err := os.OpenRoot(filepath.Join(dir, "p"))
		if err != nil {
			t.Fatal(err)
		}
		p := walkPlace(root, "l/link", ownersOf(root))
		if diff := cmp.Diff(tt.want, p.weak, cmp.AllowUnexported(weakness{})); diff != "" || p.real != "m/a.pt" {
			t.Errorf("%s %v: real %q (-want +got):\n%s", tt.chmod, tt.mode, p.real, diff)
		}
		_ = root.Close()
	}
}

func TestWeakOwner(t *testing.T) {
	info, err := os.Stat(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	owners := []uint32{0, 1000}
	for uid, want := range map[uint32]string{0: "", 1000: "", 1001: "it belongs to the user with id 1001"} {
		if got := weakAs(info, 0o755, uid, owners); got != want {
			t.Errorf("%d: %q", uid, got)
		}
	}
}

func TestRelative(t *testing.T) {
	dir := tree(t, "p/m/a.pt", "q/a.pt", "way -> p", "p/in -> ../q", "q/back -> ../p/m")
	at := func(s string) string { return filepath.Join(dir, s) }
	for _, tt := range []struct{ root, file, want string }{
		{"p", "p/m/a.pt", "m/a.pt"},
		{"p", "p/m/../m/a.pt", "m/a.pt"},
		{"way", "p/m/a.pt", "m/a.pt"},
		{"p", "way/m/a.pt", "m/a.pt"},
		{"way", "way/m/a.pt", "m/a.pt"},
		{"p", "q/a.pt", ""},
		{"p", "q/back/a.pt", "m/a.pt"},
		{"p", "p/in/a.pt", "in/a.pt"}, // the walk finds that it leads out
		{"p", "p", ""},
		{"p", "p2/a.pt", ""},
		{"p", "none/a.pt", ""},
	} {
		if got := Relative(at(tt.root), at(tt.file)); got != tt.want {
			t.Errorf("Relative(%q, %q) = %q, want %q", tt.root, tt.file, got, tt.want)
		}
	}
}
