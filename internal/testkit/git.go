package testkit

import (
	"bytes"
	"compress/zlib"
	"crypto/sha1"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
)

// Git is a repository in the making: what is in a folder .git, by path.
type Git struct {
	objects map[string]gitObject // by name, as bytes
	order   []string
}

type gitObject struct {
	kind string
	body []byte
}

// NewGit returns a repository without commits.
func NewGit() *Git { return &Git{objects: map[string]gitObject{}} }

func (g *Git) add(kind string, body []byte) string {
	sum := sha1.Sum(fmt.Appendf(nil, "%s %d\x00%s", kind, len(body), body))
	name := string(sum[:])
	if _, ok := g.objects[name]; !ok {
		g.order = append(g.order, name)
	}
	g.objects[name] = gitObject{kind, body}
	return name
}

// Commit adds a commit of files and returns its name. A person is "Name <email>".
func (g *Git) Commit(files map[string]string, author, committer, message string, parents ...string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "tree %x\n", g.tree(files))
	for _, p := range parents {
		fmt.Fprintf(&b, "parent %s\n", p)
	}
	at := 1_760_000_000 + len(g.order)
	fmt.Fprintf(&b, "author %s %d +0000\ncommitter %s %d +0000\n\n%s", author, at, committer, at, message)
	return hex.EncodeToString([]byte(g.add("commit", []byte(b.String()))))
}

// tree adds the folder of files whose names begin there.
func (g *Git) tree(files map[string]string) string {
	folders := map[string]map[string]string{}
	entries := map[string]string{} // by the name that Git orders them by
	for name, text := range files {
		if dir, rest, ok := strings.Cut(name, "/"); ok {
			if folders[dir] == nil {
				folders[dir] = map[string]string{}
			}
			folders[dir][rest] = text
			continue
		}
		entries[name] = "100644 " + name + "\x00" + g.add("blob", []byte(text))
	}
	for dir, in := range folders {
		entries[dir+"/"] = "40000 " + dir + "\x00" + g.tree(in)
	}
	var names []string
	for n := range entries {
		names = append(names, n)
	}
	slices.Sort(names)
	var b strings.Builder
	for _, n := range names {
		b.WriteString(entries[n])
	}
	return g.add("tree", []byte(b.String()))
}

func (g *Git) head(commit string) map[string]string {
	return map[string]string{"HEAD": "ref: refs/heads/main\n", "refs/heads/main": commit + "\n"}
}

// Loose is the repository at a commit, each object in a file of its own.
func (g *Git) Loose(commit string) map[string]string {
	out := g.head(commit)
	for name, o := range g.objects {
		h := hex.EncodeToString([]byte(name))
		out["objects/"+h[:2]+"/"+h[2:]] = string(gitZlib(fmt.Appendf(nil, "%s %d\x00%s", o.kind, len(o.body), o.body)))
	}
	return out
}

// Packed is the repository at a commit, all objects in one pack: those of a kind are
// deltas on the one before, in turn by its offset and by its name.
func (g *Git) Packed(commit string) map[string]string {
	out := map[string]string{"HEAD": "ref: refs/heads/main\n", "packed-refs": "# pack-refs with: peeled\n" + commit + " refs/heads/main\n"}
	pack := binary.BigEndian.AppendUint32([]byte("PACK\x00\x00\x00\x02"), uint32(len(g.order)))
	places := map[string]uint32{}
	last := map[string]string{} // the object of a kind before
	for i, name := range g.order {
		o := g.objects[name]
		places[name] = uint32(len(pack))
		base, ok := last[o.kind]
		last[o.kind] = name
		if !ok {
			pack = append(gitHead(pack, gitTypes[o.kind], len(o.body)), gitZlib(o.body)...)
			continue
		}
		delta := gitDelta(g.objects[base].body, o.body)
		if i%2 == 0 {
			pack = append(gitHead(pack, 7, len(delta)), base...)
		} else {
			pack = gitOffset(gitHead(pack, 6, len(delta)), places[name]-places[base])
		}
		pack = append(pack, gitZlib(delta)...)
	}
	sum := sha1.Sum(pack)
	pack = append(pack, sum[:]...)
	out["objects/pack/pack-1.pack"] = string(pack)
	out["objects/pack/pack-1.idx"] = string(gitIndex(places, sum[:]))
	return out
}

var gitTypes = map[string]byte{"commit": 1, "tree": 2, "blob": 3}

func gitHead(b []byte, kind byte, size int) []byte {
	c := kind<<4 | byte(size&15)
	for size >>= 4; size > 0; size >>= 7 {
		b = append(b, c|0x80)
		c = byte(size & 0x7f)
	}
	return append(b, c)
}

func gitOffset(b []byte, back uint32) []byte {
	out := []byte{byte(back & 0x7f)}
	for back >>= 7; back > 0; back >>= 7 {
		back--
		out = append(out, byte(back&0x7f)|0x80)
	}
	slices.Reverse(out)
	return append(b, out...)
}

// gitDelta copies what both begin with, and brings the rest.
func gitDelta(base, to []byte) []byte {
	out := binary.AppendUvarint(binary.AppendUvarint(nil, uint64(len(base))), uint64(len(to)))
	same := 0
	for same < min(len(base), len(to), 0xffff) && base[same] == to[same] {
		same++
	}
	if same > 0 {
		out = append(out, 0x80|0x10|0x20, byte(same), byte(same>>8))
	}
	for rest := to[same:]; len(rest) > 0; {
		n := min(len(rest), 127)
		out = append(append(out, byte(n)), rest[:n]...)
		rest = rest[n:]
	}
	return out
}

func gitIndex(places map[string]uint32, sum []byte) []byte {
	var names []string
	for n := range places {
		names = append(names, n)
	}
	slices.Sort(names)
	b := []byte("\xfftOc\x00\x00\x00\x02")
	n := 0
	for i := range 256 {
		for n < len(names) && int(names[n][0]) == i {
			n++
		}
		b = binary.BigEndian.AppendUint32(b, uint32(n))
	}
	for _, name := range names {
		b = append(b, name...)
	}
	b = append(b, make([]byte, 4*len(names))...) // the checksums, which nobody asks for
	for _, name := range names {
		b = binary.BigEndian.AppendUint32(b, places[name])
	}
	b = append(b, sum...)
	all := sha1.Sum(b)
	return append(b, all[:]...)
}

func gitZlib(b []byte) []byte {
	var out bytes.Buffer
	w := zlib.NewWriter(&out)
	_, _ = w.Write(b) // memory takes everything
	_ = w.Close()
	return out.Bytes()
}
