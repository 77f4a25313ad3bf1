package trust

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/andiron-dev/andiron/internal/osfile"
)

// place is what the way to a file is like.
type place struct {
	real    string // where it is, relative to the root, without links
	info    fs.FileInfo
	weak    []weakness // others can write there
	outside error      // a link leads out of the root
	err     error      // it could not be looked at
}

// weakness is one file or folder on a way that others can write to.
type weakness struct {
	path string // relative to the root; "." is the root
	why  string
}

// maxLinks bounds how many links one way goes through; Linux allows as many.
const maxLinks = 40

// walkPlace goes to rel beneath a root, part by part and through links, without
// ever leaving the root, and looks at everything on the way.
func walkPlace(root *os.Root, rel string, owners []uint32) (p place) {
	w := walker{root: root, owners: owners, todo: strings.Split(rel, "/")}
	if w.see("."); w.place.err == nil {
		w.run()
	}
	w.place.real = strings.Join(w.at, "/")
	return w.place
}

type walker struct {
	root   *os.Root
	owners []uint32 // who may own what is on the way
	at     []string // the parts so far; no links among them
	todo   []string
	links  int
	place  place
}

func (w *walker) run() {
	for len(w.todo) > 0 {
		part := w.todo[0]
		w.todo = w.todo[1:]
		switch part {
		case "", ".":
			continue
		case "..":
			if len(w.at) == 0 {
				w.place.outside = errors.New("it leads out of the folder")
				return
			}
			w.at = w.at[:len(w.at)-1]
			continue
		}
		w.at = append(w.at, part)
		link := w.see(strings.Join(w.at, "/"))
		if w.place.err != nil {
			return
		}
		if link && !w.follow() {
			return
		}
	}
}

// follow replaces the link that the way ends at with what it says.
func (w *walker) follow() bool {
	name := strings.Join(w.at, "/")
	target, err := w.root.Readlink(name)
	if err != nil {
		w.place.err = osfile.Cause(err)
		return false
	}
	target = toSlash(target)
	if w.links++; w.links > maxLinks {
		w.place.outside = fmt.Errorf("%q leads through more than %d links", name, maxLinks)
		return false
	}
	if path.IsAbs(target) || os.IsPathSeparator('\\') && strings.Contains(target, ":") {
		w.place.outside = fmt.Errorf("%q is a link to %q, which is absolute", name, target)
		return false
	}
	w.at = w.at[:len(w.at)-1]
	w.todo = append(strings.Split(target, "/"), w.todo...)
	return true
}

// see looks at one file or folder on the way and reports whether it is a link. Who
// can exchange a link is who can write to its folder.
func (w *walker) see(name string) (link bool) {
	info, err := w.root.Lstat(name)
	if err != nil {
		w.place.err = osfile.Cause(err)
		return false
	}
	w.place.info = info
	if info.Mode()&fs.ModeSymlink != 0 {
		return true
	}
	if why := weak(info, w.owners); why != "" {
		w.place.weak = append(w.place.weak, weakness{name, why})
	}
	return false
}

// weak says why others than the owners can write to a file or folder. A system
// without owners has no such modes either.
func weak(info fs.FileInfo, owners []uint32) string {
	uid, _ := osfile.Owner(info)
	return weakAs(info, info.Mode().Perm(), uid, owners)
}

// weakAs is weak for a mode and an owner that somebody else saw.
func weakAs(info fs.FileInfo, mode fs.FileMode, uid uint32, owners []uint32) string {
	_, known := osfile.Owner(info)
	switch {
	case !known:
		return ""
	case mode&0o002 != 0:
		return fmt.Sprintf("everyone can write to it (mode %04o)", mode)
	case mode&0o020 != 0:
		return fmt.Sprintf("its group can write to it (mode %04o)", mode)
	case !slices.Contains(owners, uid):
		return fmt.Sprintf("it belongs to the user with id %d", uid)
	}
	return ""
}

// ownersOf are who may own what lies beneath a root: root, the user who runs this,
// and the owner of the folder itself.
func ownersOf(root *os.Root) []uint32 {
	owners := []uint32{0, uint32(max(os.Getuid(), 0))}
	if info, err := root.Stat("."); err == nil {
		if uid, ok := osfile.Owner(info); ok {
			owners = append(owners, uid)
		}
	}
	return owners
}

// Relative is the path of a file beneath a root, or empty where it lies elsewhere.
// Links on the way from the root to it are not followed.
func Relative(root, file string) string {
	abs, err := filepath.Abs(file)
	if err != nil {
		return ""
	}
	base, err := filepath.Abs(root)
	if err != nil {
		return ""
	}
	if rel := beneath(base, abs); rel != "" {
		return rel
	}
	// The root may have been named in another way than the file: compare where both
	// really are.
	base, err = filepath.EvalSymlinks(base)
	if err != nil {
		return ""
	}
	if rel := beneath(base, abs); rel != "" {
		return rel
	}
	dir, err := filepath.EvalSymlinks(filepath.Dir(abs))
	if err != nil {
		return ""
	}
	return beneath(base, filepath.Join(dir, filepath.Base(abs)))
}

func beneath(base, abs string) string {
	rel, err := filepath.Rel(base, abs)
	if err != nil || !filepath.IsLocal(rel) || rel == "." {
		return ""
	}
	return filepath.ToSlash(rel)
}

func toSlash(s string) string {
	if os.IsPathSeparator('\\') {
		return strings.ReplaceAll(s, `\`, "/")
	}
	return s
}
