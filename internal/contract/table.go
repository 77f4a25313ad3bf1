package contract

import (
	"embed"
	"fmt"
	"strings"
	"sync"
)

//go:embed data/*.txt
var data embed.FS

// key is a global: GLOBAL's two operands.
type key struct{ module, name string }

// ops are operations on a global, or on an instance of it.
type ops uint16

const (
	opValue   ops = 1 << iota // stand as a value
	opCall                    // REDUCE, INST, OBJ
	opNew                     // NEWOBJ, NEWOBJ_EX
	opBuild                   // BUILD on an instance
	opSetItem                 // SETITEM(S) on an instance
	opAppend                  // APPEND(S), ADDITEMS on an instance
	opEnum                    // getattr of a member
	opFactory                 // be called without arguments, later
	opNever                   // not: stand where something else could call it later
)

const opLetters = "vrnbsaEFx"

var opWords = []string{"", "call", "new", "build", "set item", "append"}

// words names the operations.
func (o ops) words() []string {
	var out []string
	for i, w := range opWords {
		if o&(1<<i) != 0 && w != "" {
			out = append(out, w)
		}
	}
	return out
}

// entry is a contract.
type entry struct {
	tier Tier
	pkg  string
	why  string // the rationale
	ops  ops
	args arguments // of opCall; nil means any
}

type contracts struct {
	entries map[key]*entry
}

// table parses the embedded contracts, once. They are ours: a fault in them is a
// fault in the build, and a test reads them all.
var table = sync.OnceValue(func() *contracts {
	c := &contracts{entries: make(map[key]*entry, 8192)}
	for _, file := range contractFiles {
		if err := c.parse(file); err != nil {
			panic("contract: internal error: " + err.Error())
		}
	}
	return c
})

// contractFiles are read in this order; an earlier entry's rationale wins.
var contractFiles = []string{
	"contracts.txt", "classes_torch.txt", "classes_torchvision.txt", "classes_lightning.txt", "classes_transformers.txt",
	"classes_ultralytics.txt", "classes_libraries.txt", "classes_sklearn.txt", "classes_more.txt",
}

// section is the header over a run of lines.
type section struct {
	words []string // of the header, before " - "
	text  string   // after it
}

// parseData reads the line form that the data files share.
func parseData(file string, line func(s section, module, names string) error) error {
	b, err := data.ReadFile("data/" + file)
	if err != nil {
		return err
	}
	var s section
	n := 0
	for l := range strings.Lines(string(b)) {
		n++
		l = strings.TrimSpace(l)
		switch {
		case l == "" || l[0] == '#':
			continue
		case l[0] == '=':
			head, text, ok := strings.Cut(l[1:], " - ")
			if !ok {
				return fmt.Errorf("%s:%d: header %q has no text", file, n, l)
			}
			s = section{strings.Fields(head), text}
			continue
		}
		module, names, ok := strings.Cut(l, ":")
		if !ok || s.words == nil {
			return fmt.Errorf("%s:%d: line %q has no module or no header", file, n, l)
		}
		if err := line(s, module, names); err != nil {
			return fmt.Errorf("%s:%d: %w", file, n, err)
		}
	}
	return nil
}

func (c *contracts) parse(file string) error {
	var last section
	var shared *entry // by all entries of a section that have no arguments
	return parseData(file, func(s section, module, names string) error {
		if shared == nil || s.text != last.text || s.words[0] != last.words[0] {
			e, err := newEntry(s)
			if err != nil {
				return err
			}
			last, shared = s, e
		}
		for word := range strings.FieldsSeq(names) {
			if err := c.put(shared, module, word); err != nil {
				return err
			}
		}
		return nil
	})
}

func newEntry(s section) (*entry, error) {
	if len(s.words) != 3 {
		return nil, fmt.Errorf("header %q is not tier, package, operations", s.words)
	}
	e := &entry{tier: Tier(s.words[0]), pkg: s.words[1], why: s.text}
	if e.tier != TierSafe && e.tier != TierFramework {
		return nil, fmt.Errorf("tier %q", e.tier)
	}
	for _, r := range s.words[2] {
		i := strings.IndexRune(opLetters, r)
		if i < 0 {
			return nil, fmt.Errorf("operation %q", r)
		}
		e.ops |= 1 << i
	}
	return e, nil
}

func (c *contracts) put(shared *entry, module, word string) error {
	e, bare := shared, word
	if i := strings.IndexByte(word, '('); i >= 0 {
		args, err := parseArguments(word[i:])
		if err != nil {
			return err
		}
		own := *shared
		own.args = args
		e, bare = &own, word[:i]
	}
	k := key{module, bare}
	if old := c.entries[k]; old != nil && old != e {
		merged := *old
		merged.ops |= e.ops
		if old.ops&opCall == 0 {
			merged.args = e.args
		}
		e = &merged
	}
	c.entries[k] = e
	return nil
}
