package deps

import (
	"cmp"
	"reflect"
	"slices"
	"strings"

	"github.com/andiron-dev/andiron/internal/family"
	"github.com/andiron-dev/andiron/internal/manifest"
)

// TorchUses are the places of a project that say which torch it uses. What a lock
// fixes is said by the lock alone.
func (p *Project) TorchUses() (uses []TorchUse) {
	for _, set := range p.Sets {
		for _, st := range p.statements(set) {
			if !isTorch(st) || st.locked != nil {
				continue
			}
			u := TorchUse{Version: st.Version, Specifier: st.Specifier, Index: indexOf(st), Where: st.where()}
			u.Lock, u.Update = p.relock(set, st.file, ""), p.updates(set, u.Index)
			if st.by != nil {
				u.Version = st.by.Version
			}
			if st.Source.Type == manifest.Conda {
				u.Specifier = ofConda(st.Specifier)
			}
			u.Distribution = st.file.Kind == manifest.Installed && strings.Contains("/"+st.file.Path, "/dist-packages/")
			if u.Distribution {
				u.Repairs = st.Repairs
			}
			if !slices.ContainsFunc(uses, func(o TorchUse) bool {
				o.Lock, o.Update = u.Lock, u.Update
				return reflect.DeepEqual(o, u)
			}) { // a file that two others name is in two sets
				uses = append(uses, u)
			}
		}
	}
	return uses
}

func isTorch(st *statement) bool {
	conda := st.Source.Type == manifest.Conda || st.file.Kind == manifest.CondaInstalled
	return st.Name == "torch" && !conda || conda && family.FromConda(st.Name) == "torch"
}

// indexOf is the index that a package certainly comes from, or else the one that its
// files name instead of the default.
func indexOf(st *statement) string {
	if st.Source.Type == manifest.OneIndex {
		return st.Source.URL
	}
	return primary(st.set)
}

func primary(s *Set) string {
	for _, f := range s.files() {
		for _, x := range f.Indexes {
			if x.Role == manifest.Primary && !x.Explicit && x.URL != "" {
				return x.URL
			}
		}
	}
	return ""
}

// TorchIndex is the address of the package index that the project's files name for
// torch, or "": the installer's own default is not known.
func (p *Project) TorchIndex() string {
	first := ""
	for _, set := range p.Sets {
		first = cmp.Or(first, primary(set))
		for _, st := range p.statements(set) {
			if isTorch(st) && indexOf(st) != "" {
				return indexOf(st)
			}
		}
	}
	return first
}
