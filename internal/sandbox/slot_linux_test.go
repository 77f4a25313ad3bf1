package sandbox

import (
	"os"
	"path/filepath"
	"testing"
)

// Two workers at once are two users, and a number comes back.
func TestSlots(t *testing.T) {
	a, err := takeSlot()
	if err != nil {
		t.Fatal(err)
	}
	b, err := takeSlot()
	if err != nil {
		t.Fatal(err)
	}
	if base, err := firstUID(); err != nil {
		t.Fatal(err)
	} else if os.Geteuid() != 0 || base == 0 {
		if a.uid != 0 || b.uid != 0 {
			t.Errorf("%d and %d for who is one user only", a.uid, b.uid)
		}
		return
	}
	if a.uid == b.uid || a.uid < workerUID || b.uid < workerUID {
		t.Errorf("%d and %d", a.uid, b.uid)
	}
	a.free()
	c, err := takeSlot()
	if err != nil || c.uid == b.uid {
		t.Errorf("%+v, %v beside %d", c, err, b.uid)
	}
	b.free()
	c.free()
}

func TestFirstOf(t *testing.T) {
	for _, c := range []struct {
		name, users, groups string
		want                int
	}{
		{"the host", "0 0 4294967295\n", "0 0 4294967295\n", workerUID},
		{"a container with a map", "0 1000 1\n1 100000 65536\n", "0 1000 1\n1 100000 65536\n", 65537 - 2*mostSlots},
		{"one user", "0 1000 1\n", "0 1000 1\n", 0},
		{"few users", "0 0 1000\n", "0 0 1000\n", 0},
		{"groups differ", "0 0 65536\n", "0 0 1\n", 0},
		{"no map", "", "", 0},
	} {
		if got := firstOf(c.users, c.groups); got != c.want {
			t.Errorf("%s: %d, not %d", c.name, got, c.want)
		}
	}
}

// A folder that another could have made is not used.
func TestSlotFolder(t *testing.T) {
	bad, good := t.TempDir(), t.TempDir()
	if err := os.Mkdir(filepath.Join(bad, "andiron-sandbox"), 0o755); err != nil {
		t.Fatal(err)
	}
	if got, err := slotFolder(bad); err == nil {
		t.Errorf("%s is used", got)
	}
	link := t.TempDir()
	if err := os.Symlink(good, filepath.Join(link, "andiron-sandbox")); err != nil {
		t.Fatal(err)
	}
	if got, err := slotFolder(link, "/nowhere", good); err != nil || got != filepath.Join(good, "andiron-sandbox") {
		t.Errorf("%s, %v", got, err)
	}
}
