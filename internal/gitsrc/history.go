package gitsrc

import (
	"slices"
	"strings"
)

// Change is a commit that changed files that were asked for.
type Change struct {
	*Commit

	Folders []string // those that it changed, as they were asked for
	// Merge is the commit on the main line that brought it there, or nil for one that
	// stands on it.
	Merge *Commit
}

// History is what is known of the last commits.
type History struct {
	Commits int      // that were looked at
	Cut     bool     // there are older ones
	Changes []Change // the youngest first, as Git orders first parents; what a merge brought follows it
}

// Walk looks through the last commits, at most as many as most, for those that
// changed a file directly in one of the folders whose name is wanted. "." is the root.
// What a merge changes that none of its parents has is not looked at.
func (r *Repository) Walk(head Hash, folders []string, wanted func(name string) bool, most int) (History, error) {
	w := &walk{Repository: r, folders: folders, wanted: wanted, left: most, owned: map[Hash]bool{}, tree: map[Hash]Hash{}}
	line, err := w.mainLine(head)
	if err != nil {
		return w.History, err
	}
	brought := make([][]Change, len(line))
	for i := len(line) - 1; i >= 0; i-- { // the oldest merge has what only it brought
		if len(line[i].Parents) > 1 {
			if brought[i], err = w.bring(line[i], line[len(line)-1].Committer.Time); err != nil {
				return w.History, err
			}
		}
	}
	for i, c := range line {
		if len(c.Parents) < 2 {
			if err := w.look(c, nil); err != nil {
				return w.History, err
			}
		}
		w.Changes = append(w.Changes, brought[i]...)
	}
	return w.History, nil
}

type walk struct {
	*Repository
	History

	folders []string
	wanted  func(string) bool
	left    int
	owned   map[Hash]bool
	tree    map[Hash]Hash // of commits
}

// mainLine follows the first parents.
func (w *walk) mainLine(head Hash) (line []*Commit, err error) {
	for h := head; ; {
		if w.owned[h] {
			return line, errCommit // it is its own ancestor, which no digest allows
		}
		c, err := w.next(h)
		if err != nil {
			return line, err
		}
		line = append(line, c)
		if len(c.Parents) == 0 {
			w.Cut = w.Cut || w.shallow[h]
			return line, nil
		}
		if w.left <= 0 {
			w.Cut = true
			return line, nil
		}
		h = c.Parents[0]
	}
}

func (w *walk) next(h Hash) (*Commit, error) {
	w.owned[h] = true
	w.left--
	w.Commits++
	c, err := w.Commit(h)
	if err == nil {
		w.tree[h] = c.Tree
	}
	return c, err
}

// bring looks at the commits that a merge brought to the main line: those that nothing
// before it had. None older than the main line that was read is followed.
func (w *walk) bring(merge *Commit, oldest int64) ([]Change, error) {
	before := w.Changes
	w.Changes = nil
	todo := slices.Clone(merge.Parents[1:])
	for len(todo) > 0 {
		h := todo[0]
		todo = todo[1:]
		if w.owned[h] {
			continue
		}
		if w.left <= 0 {
			w.Cut = true
			break
		}
		c, err := w.next(h)
		if err != nil {
			return nil, err
		}
		if w.Cut && c.Committer.Time < oldest {
			continue
		}
		if len(c.Parents) < 2 {
			if err := w.look(c, merge); err != nil {
				return nil, err
			}
		}
		todo = append(todo, c.Parents...)
	}
	found := w.Changes
	w.Changes = before
	return found, nil
}

// look notes a commit if it changed what is wanted. Where the history was cut off,
// what a commit changed is not known, and nothing is noted.
func (w *walk) look(c *Commit, merge *Commit) error {
	if w.shallow[c.Hash] {
		return nil
	}
	var before Hash
	if len(c.Parents) > 0 {
		var ok bool
		if before, ok = w.tree[c.Parents[0]]; !ok {
			p, err := w.Commit(c.Parents[0])
			if err != nil {
				return err
			}
			before = p.Tree
		}
	}
	var touched []string
	for _, f := range w.folders {
		changed, err := w.changed(f, before, c.Tree)
		if err != nil {
			return err
		}
		if changed {
			touched = append(touched, f)
		}
	}
	if touched != nil {
		w.Changes = append(w.Changes, Change{c, touched, merge})
	}
	return nil
}

// changed compares a folder in two trees, the first of which may be none.
func (w *walk) changed(folder string, before, after Hash) (bool, error) {
	if before == after {
		return false, nil
	}
	was, err := w.at(before, folder)
	if err != nil {
		return false, err
	}
	is, err := w.at(after, folder)
	if err != nil || was == is {
		return false, err
	}
	old, err := w.sources(was)
	if err != nil {
		return false, err
	}
	now, err := w.sources(is)
	if err != nil {
		return false, err
	}
	if len(old) != len(now) {
		return true, nil
	}
	for name, h := range now {
		if old[name] != h {
			return true, nil
		}
	}
	return false, nil
}

// at is the tree of a folder, or empty where there is none.
func (w *walk) at(tree Hash, folder string) (Hash, error) {
	if folder == "." || tree == "" {
		return tree, nil
	}
	for part := range strings.SplitSeq(folder, "/") {
		list, err := w.Tree(tree)
		if err != nil {
			return "", err
		}
		i := slices.IndexFunc(list, func(e Entry) bool { return e.Folder && e.Name == part })
		if i < 0 {
			return "", nil
		}
		tree = list[i].Hash
	}
	return tree, nil
}

// sources are the wanted files directly in a folder.
func (w *walk) sources(tree Hash) (map[string]Hash, error) {
	if tree == "" {
		return nil, nil //nolint:nilnil // no folder has no files
	}
	list, err := w.Tree(tree)
	if err != nil {
		return nil, err
	}
	out := map[string]Hash{}
	for _, e := range list {
		if !e.Folder && w.wanted(e.Name) {
			out[e.Name] = e.Hash
		}
	}
	return out, nil
}
