// Package hf reads the JSON files around a Hugging Face model for what makes a
// loader run code or open files: auto_map, custom pipelines, components of
// pipelines, chat templates, and the file names of sharded weights.
//
// # Security
//
// This package is made for hostile input: it never panics, and memory is
// proportional to the file. It looks for the keys wherever they stand and
// whatever the file is called, since loaders copy settings from one file into
// another. A key that is given twice is read twice, and reported.
//
// # Limits
//
// Limits bounds the file, its nesting and the number of values. Exceeding one
// is an error that wraps bounded.ErrLimit.
//
// # Specification
//
// JSON as CPython 3.13's json module reads it. transformers v4.50
// dynamic_module_utils.py (get_class_from_dynamic_module), configuration_utils,
// tokenization_utils_base (chat_template), modeling_utils (weight_map);
// diffusers v0.32 model_index.json; sentence-transformers v3 modules.json; PEFT
// v0.14 adapter_config.json.
package hf

import (
	"cmp"
	"io"
	"strings"

	"github.com/andiron-dev/andiron/internal/bounded"
	"github.com/andiron-dev/andiron/internal/tarball"
)

// Limits bounds what Read does. Zero fields have defaults.
type Limits struct {
	Bytes  int64 // 32 MiB
	Values int64 // 400,000
	Depth  int   // 100
}

func (l Limits) withDefaults() Limits {
	l.Bytes = cmp.Or(l.Bytes, 32<<20)
	l.Values = cmp.Or(l.Values, 400_000)
	l.Depth = cmp.Or(l.Depth, 100)
	return l
}

// CodeRef names a class in a Python file beside the model, or in another
// repository, that a loader imports when remote code is trusted.
type CodeRef struct {
	Path   string // auto_map.AutoModel
	Ref    string // as written: "modeling_x.XModel", "user/repo--modeling_x.XModel"
	Repo   string // of "repo--file.Class", or empty
	File   string // modeling_x.py
	Class  string
	Flaws  []tarball.Flaw // of File
	Offset int64
}

// Setting is a scalar of interest.
type Setting struct {
	Path, Value string
	Offset      int64
}

// Template is a chat template.
type Template struct {
	Path   string // chat_template, chat_template[1], …
	Name   string // of a list of named templates
	Text   string
	Offset int64 // of the JSON string
}

// FileRef is a file that an index points to.
type FileRef struct {
	Path   string
	Flaws  []tarball.Flaw
	Offset int64 // of the first mention
	Count  int
}

// Component is a class that a pipeline loads by name: [library, class] of
// model_index.json, or the type of a sentence-transformers module. A library
// that is not installed is looked for as a Python file beside the model.
type Component struct {
	Path, Library, Class string
	Offset               int64
}

// Facts is what a file says.
type Facts struct {
	AutoMap         []CodeRef
	CustomPipelines []CodeRef
	TrustRemoteCode []Setting // trust_remote_code, wherever it stands
	Origins         []Setting // _name_or_path, base_model_name_or_path
	Templates       []Template
	Files           []FileRef // of weight_map, in order of mention
	Components      []Component
	Duplicates      []Setting // keys given twice; Value is the key
}

// Read reads a JSON file of size bytes. An error comes without facts: a loader
// that uses the file has read all of it or stopped.
func Read(r io.ReaderAt, size int64, lim Limits) (*Facts, error) {
	lim = lim.withDefaults()
	b, err := bounded.ReadRange(r, size, 0, size, lim.Bytes)
	if err != nil {
		return nil, &SyntaxError{0, err}
	}
	root, err := parse(b, lim)
	if err != nil {
		return nil, err
	}
	w := &walker{files: make(map[string]int)}
	w.walk(root, "")
	w.modules(root)
	return &w.facts, nil
}

type walker struct {
	facts Facts
	files map[string]int // path -> index into facts.Files
}

func (w *walker) walk(n node, path string) {
	if n.kind == array {
		for i, item := range n.items {
			if item.kind >= array {
				w.walk(item, path+"["+itoa(i)+"]")
			}
		}
		return
	}
	diffusers := false
	for _, k := range n.keys {
		diffusers = diffusers || k.name == "_class_name" && path == ""
	}
	for i, k := range n.keys {
		at := join(path, k.name)
		if k.dup && len(w.facts.Duplicates) < 1000 {
			w.facts.Duplicates = append(w.facts.Duplicates, Setting{at, k.name, k.off})
		}
		w.member(k.name, at, n.items[i])
		if diffusers {
			w.component(at, n.items[i])
		}
	}
}

func (w *walker) member(name, at string, v node) {
	switch name {
	case "auto_map":
		w.refs(&w.facts.AutoMap, at, v)
	case "custom_pipelines":
		w.pipelines(at, v)
	case "trust_remote_code":
		w.facts.TrustRemoteCode = append(w.facts.TrustRemoteCode, Setting{at, v.str, v.off})
	case "_name_or_path", "base_model_name_or_path":
		if v.kind == text && v.str != "" {
			w.facts.Origins = append(w.facts.Origins, Setting{at, v.str, v.off})
		}
	case "chat_template", "chat_templates", "default_chat_template":
		w.template(at, "", v)
	case "weight_map":
		w.weights(v)
		return
	}
	if v.kind >= array {
		w.walk(v, at)
	}
}

// refs collects every string below an auto_map: values are strings, or lists
// of a slow and a fast tokenizer.
func (w *walker) refs(into *[]CodeRef, at string, v node) {
	switch v.kind {
	case text:
		*into = append(*into, codeRef(at, v))
	case array:
		for i, x := range v.items {
			w.refs(into, at+"["+itoa(i)+"]", x)
		}
	case object:
		for i, x := range v.items {
			w.refs(into, join(at, v.keys[i].name), x)
		}
	}
}

// pipelines collects the implementations of custom pipelines.
func (w *walker) pipelines(at string, v node) {
	for i, p := range v.items {
		if v.kind != object || p.kind != object {
			continue
		}
		for j, k := range p.keys {
			if k.name == "impl" {
				w.refs(&w.facts.CustomPipelines, join(join(at, v.keys[i].name), "impl"), p.items[j])
			}
		}
	}
}

func codeRef(at string, v node) CodeRef {
	ref := CodeRef{Path: at, Ref: v.str, Offset: v.off}
	rest := v.str
	if repo, r, ok := strings.Cut(rest, "--"); ok {
		ref.Repo, rest = repo, r
	}
	i := strings.LastIndexByte(rest, '.')
	if i < 0 {
		ref.Class = rest
		return ref
	}
	ref.File, ref.Class = rest[:i]+".py", rest[i+1:]
	ref.Flaws = tarball.Flaws(ref.File)
	return ref
}

func (w *walker) template(at, name string, v node) {
	switch v.kind {
	case text:
		w.facts.Templates = append(w.facts.Templates, Template{at, name, v.str, v.off})
	case array:
		for i, x := range v.items {
			w.template(at+"["+itoa(i)+"]", nameOf(x), x)
		}
	case object:
		for i, x := range v.items {
			switch k := v.keys[i].name; {
			case k == "template":
				w.template(at, name, x)
			case k != "name":
				w.template(join(at, k), k, x)
			}
		}
	}
}

func nameOf(v node) string {
	for i, k := range v.keys {
		if k.name == "name" {
			return v.items[i].str
		}
	}
	return ""
}

func (w *walker) weights(v node) {
	for i, x := range v.items {
		if v.kind != object || x.kind != text {
			continue
		}
		if v.keys[i].dup && len(w.facts.Duplicates) < 1000 {
			w.facts.Duplicates = append(w.facts.Duplicates, Setting{"weight_map", v.keys[i].name, v.keys[i].off})
		}
		j, ok := w.files[x.str]
		if !ok {
			j = len(w.facts.Files)
			w.files[x.str] = j
			w.facts.Files = append(w.facts.Files, FileRef{x.str, tarball.Flaws(x.str), x.off, 0})
		}
		w.facts.Files[j].Count++
	}
}

// component reads an entry of model_index.json: ["library", "Class"], or a
// _class_name that names a file of its own.
func (w *walker) component(at string, v node) {
	if v.kind != array || len(v.items) != 2 || v.items[0].kind != text || v.items[1].kind != text {
		return
	}
	w.facts.Components = append(w.facts.Components, Component{at, v.items[0].str, v.items[1].str, v.off})
}

// modules reads the modules.json of sentence-transformers: a list of objects
// with a path and a dotted type.
func (w *walker) modules(root node) {
	if root.kind != array {
		return
	}
	for i, x := range root.items {
		var typ node
		path := false
		for j, k := range x.keys {
			path = path || k.name == "path"
			if k.name == "type" {
				typ = x.items[j]
			}
		}
		if dot := strings.LastIndexByte(typ.str, '.'); path && typ.kind == text && dot > 0 {
			w.facts.Components = append(w.facts.Components,
				Component{"[" + itoa(i) + "].type", typ.str[:dot], typ.str[dot+1:], typ.off})
		}
	}
}
