package model

import (
	"context"
	"fmt"
	"io"
	"strings"

	"github.com/andiron-dev/andiron/finding"
	"github.com/andiron-dev/andiron/internal/artifact"
	"github.com/andiron-dev/andiron/internal/bounded"
	"github.com/andiron-dev/andiron/internal/contract"
	"github.com/andiron-dev/andiron/internal/safetext"
	"github.com/andiron-dev/andiron/internal/torchscript"
	"github.com/andiron-dev/andiron/pickle"
	"github.com/andiron-dev/andiron/torchfile"
)

// Tree is what a file holds, for andiron inspect.
type Tree struct {
	Path     string   `json:"path"`
	Format   string   `json:"format"`
	Size     int64    `json:"size"` // bytes
	Records  []Record `json:"records"`
	Tensors  []Tensor `json:"tensors"`
	Pickles  []Pickle `json:"pickles"`
	Code     []Code   `json:"code"`
	Sources  []Source `json:"sources"`  // TorchScript and Python source, as it is
	Metadata []Entry  `json:"metadata"` // key and value pairs of the format's header
	Inside   []*Tree  `json:"inside"`   // files in the file
	Problems []string `json:"problems"` // what could not be looked at
}

// Record is a named run of bytes.
type Record struct {
	Name       string `json:"name"`
	Role       string `json:"role"`
	Offset     int64  `json:"offset"` // in the file, -1 if unknown
	Size       int64  `json:"size"`   // bytes
	Compressed bool   `json:"compressed"`
}

// Tensor is a tensor and where its bytes are.
type Tensor struct {
	Name          string  `json:"name"`
	DType         string  `json:"dtype"`
	Shape         []int64 `json:"shape"`
	Stride        []int64 `json:"stride"`         // elements
	StorageOffset int64   `json:"storage_offset"` // elements
	Storage       string  `json:"storage"`        // key or record; tensors with the same one share it
	Layout        string  `json:"layout"`
	Device        string  `json:"device"`
	RequiresGrad  bool    `json:"requires_grad"`
	Problem       string  `json:"problem,omitempty"`
}

// Pickle is one stream.
type Pickle struct {
	Record      string        `json:"record"`
	Role        string        `json:"role"`
	Start       int64         `json:"start"` // offsets in the record
	End         int64         `json:"end"`
	Protocol    int           `json:"protocol"` // as declared; -1 if it is not
	Complete    bool          `json:"complete"`
	Globals     []Global      `json:"globals"`
	WeightsOnly []WeightsOnly `json:"weights_only"`
}

// Global is a name that a stream imports.
type Global struct {
	Name       string   `json:"name"`
	Tier       string   `json:"tier"`
	Package    string   `json:"package,omitempty"`
	Operations []string `json:"operations"`
	Offset     int64    `json:"offset"` // of the first import
	Rationale  string   `json:"rationale"`
}

// WeightsOnly says whether a line of torch releases loads a stream with
// weights_only=True.
type WeightsOnly struct {
	Torch  string   `json:"torch"`
	Loads  bool     `json:"loads"`
	Reason string   `json:"reason,omitempty"`
	Allow  []string `json:"add_safe_globals"` // what to allow so that it loads
}

// Code is a class or function of TorchScript and the operators it uses.
type Code struct {
	Function  string   `json:"function"`
	Record    string   `json:"record"`
	Line      int      `json:"line"`
	When      string   `json:"when"` // load or call
	Operators []string `json:"operators"`
}

// Source is a record of source code.
type Source struct {
	Record string `json:"record"`
	Text   string `json:"text"`
}

// Entry is a key of a header and its value, as text.
type Entry struct {
	Key   string `json:"key"`
	Value string `json:"value"`
}

// Inspect reads what an artifact holds.
func Inspect(ctx context.Context, a *artifact.Artifact, opt Options) (*Tree, error) {
	tree := newTree(a.Name(), a.Size())
	l := newLooker(ctx, opt, func(f finding.Finding) {
		if f.Outcome == finding.Undetermined {
			tree.Problems = append(tree.Problems, f.Where.String()+": "+f.Message)
		}
	})
	v := view{r: a.ReaderAt(), size: a.Size(), where: finding.Where{Path: a.Name()}, name: a.Name(), tree: tree}
	tree.Format, _ = l.look(v)
	if tree.Format == "" {
		tree.Problems = append(tree.Problems, "the file is in no format that andiron reads")
	}
	tree.prune()
	l.done()
	if l.err != nil {
		return nil, l.err
	}
	return tree, ctx.Err()
}

// Trace writes what loading an artifact would run, in order, as pseudo-Python.
func Trace(ctx context.Context, a *artifact.Artifact, opt Options, w io.Writer) error {
	l := newLooker(ctx, opt, func(finding.Finding) {})
	l.trace = w
	v := view{r: a.ReaderAt(), size: a.Size(), where: finding.Where{Path: a.Name()}, name: a.Name()}
	format, _ := l.look(v)
	l.done()
	if format == "" && l.err == nil {
		return fmt.Errorf("%q is in no format that andiron reads", a.Name())
	}
	if l.err != nil {
		return l.err
	}
	return ctx.Err()
}

// writeTrace writes one stream for --trace.
func (l *looker) writeTrace(s stream) {
	if l.trace == nil || l.err != nil {
		return
	}
	_, err := fmt.Fprintf(l.trace, "# %s, pickle at offset %#x\n", safetext.Plain(s.where().String()), s.trace.Start)
	if err == nil {
		err = s.trace.WritePython(l.trace, pickle.PythonOptions{})
	}
	if err == nil && s.trace.Err != nil {
		_, err = fmt.Fprintf(l.trace, "# the stream breaks here: %v\n", s.trace.Err)
	}
	if err == nil {
		_, err = fmt.Fprintln(l.trace)
	}
	l.err = err
}

func newTree(path string, size int64) *Tree {
	return &Tree{
		Path: path, Size: size, Records: []Record{}, Tensors: []Tensor{}, Pickles: []Pickle{},
		Code: []Code{}, Sources: []Source{}, Metadata: []Entry{}, Inside: []*Tree{}, Problems: []string{},
	}
}

// child adds a file in the file.
func (t *Tree) child(name string, size int64) *Tree {
	if t == nil {
		return nil
	}
	c := newTree(name, size)
	t.Inside = append(t.Inside, c)
	return c
}

// prune drops the members that are in no format.
func (t *Tree) prune() {
	kept := t.Inside[:0]
	for _, c := range t.Inside {
		if c.Format != "" {
			c.prune()
			kept = append(kept, c)
		}
	}
	t.Inside = kept
}

// torch adds what a PyTorch container holds.
func (t *Tree) torch(f *torchfile.File) {
	if t == nil {
		return
	}
	for r := range f.Records() {
		t.Records = append(t.Records, Record{Name: r.Name, Role: string(r.Role), Offset: r.Offset, Size: r.Size, Compressed: r.Method != 0})
	}
	for i := range f.Tensors {
		t.tensor(f, &f.Tensors[i], f.Tensors[i].Name)
	}
}

func (t *Tree) tensor(f *torchfile.File, x *torchfile.Tensor, name string) {
	row := Tensor{
		Name: name, DType: x.DType, Shape: orEmpty(x.Shape), Stride: orEmpty(x.Stride), StorageOffset: x.StorageOffset,
		Layout: x.Layout, Device: x.Device, RequiresGrad: x.RequiresGrad, Problem: x.Problem,
	}
	if x.Storage >= 0 && x.Storage < f.NumStorages() {
		row.Storage = f.Storage(x.Storage).Key
	}
	t.Tensors = append(t.Tensors, row)
	for i := range x.Components {
		t.tensor(f, &x.Components[i], name+"."+x.Components[i].Name)
	}
}

func orEmpty(n []int64) []int64 {
	if n == nil {
		return []int64{}
	}
	return n
}

// array adds a tensor of a format whose tensors are plain runs of bytes.
func (t *Tree) array(name, dtype string, shape []int64, at int64) {
	if t == nil {
		return
	}
	t.Tensors = append(t.Tensors, Tensor{
		Name: name, DType: dtype, Shape: orEmpty(shape), Stride: contiguous(shape), Storage: fmt.Sprintf("@%#x", at),
		Layout: "strided", Device: "cpu",
	})
}

// contiguous returns the strides of a row-major array; no strides if they do not fit.
func contiguous(shape []int64) []int64 {
	stride := make([]int64, len(shape))
	n := int64(1)
	for i := len(shape) - 1; i >= 0; i-- {
		stride[i] = n
		var ok bool
		if n, ok = bounded.Mul(n, shape[i]); !ok {
			return []int64{}
		}
	}
	return stride
}

// entry adds a pair of the header.
func (t *Tree) entry(key, value string) {
	if t != nil {
		t.Metadata = append(t.Metadata, Entry{Key: key, Value: clip(value)})
	}
}

// source adds a record of source code.
func (t *Tree) source(record, text string) {
	if t != nil {
		t.Sources = append(t.Sources, Source{Record: record, Text: text})
	}
}

// pickle adds a stream and what was judged of it.
func (t *Tree) pickle(s stream, j contract.Judgement) {
	if t == nil {
		return
	}
	p := Pickle{
		Record: s.member, Role: s.role, Start: s.trace.Start, End: s.trace.End, Protocol: s.trace.Proto,
		Complete: s.trace.Err == nil, Globals: []Global{}, WeightsOnly: []WeightsOnly{},
	}
	for _, u := range j.Uses {
		p.Globals = append(p.Globals, Global{
			Name: u.Name, Tier: string(u.Tier), Package: u.Package, Operations: append([]string{}, u.Operations...), Offset: u.Offset, Rationale: u.Rationale,
		})
	}
	if s.container == string(torchfile.TorchZip) || s.container == string(torchfile.TorchLegacy) { // what torch.load reads
		for _, w := range j.WeightsOnly {
			p.WeightsOnly = append(p.WeightsOnly, WeightsOnly{Torch: w.Torch, Loads: w.Loads, Reason: w.Reason, Allow: append([]string{}, w.Allow...)})
		}
	}
	t.Pickles = append(t.Pickles, p)
}

// script adds the functions of TorchScript code.
func (t *Tree) script(prog *torchscript.Program) {
	if t == nil {
		return
	}
	ops := map[string][]string{}
	seen := map[string]bool{}
	for _, u := range prog.Ops {
		if k := u.Func + " " + u.Op; !seen[k] {
			seen[k] = true
			ops[u.Func] = append(ops[u.Func], u.Op)
		}
	}
	for _, f := range prog.Functions {
		t.Code = append(t.Code, Code{Function: f.Name, Record: f.Unit, Line: f.Line, When: f.When.String(), Operators: append([]string{}, ops[f.Name]...)})
	}
}

// WriteText writes the tree for people. Names from the file are escaped.
func (t *Tree) WriteText(w io.Writer) error {
	var b strings.Builder
	t.text(&b, "")
	_, err := io.WriteString(w, b.String())
	return err
}

func (t *Tree) text(b *strings.Builder, indent string) {
	p := func(format string, args ...any) { fmt.Fprintf(b, indent+format+"\n", args...) }
	p("%s (%s, %d bytes)", safetext.Plain(t.Path), t.Format, t.Size)
	if len(t.Records) > 0 {
		p("  records:")
	}
	for _, r := range t.Records {
		p("    %-10s %12d  %s", r.Role, r.Size, safetext.Plain(r.Name))
	}
	t.tensorText(p)
	for i := range t.Pickles {
		t.Pickles[i].text(p)
	}
	if len(t.Code) > 0 {
		p("  TorchScript:")
	}
	for _, c := range t.Code {
		p("    %s (%s:%d, at %s): %s", safetext.Plain(c.Function), safetext.Plain(c.Record), c.Line, c.When, strings.Join(c.Operators, " "))
	}
	if len(t.Metadata) > 0 {
		p("  metadata:")
	}
	for _, e := range t.Metadata {
		p("    %s = %s", safetext.Plain(e.Key), safetext.Plain(e.Value))
	}
	for _, s := range t.Sources {
		p("  source %s:", safetext.Plain(s.Record))
		n := 0
		for line := range strings.Lines(s.Text) {
			n++
			p("    %4d  %s", n, safetext.Plain(strings.TrimRight(line, "\n")))
		}
	}
	for _, problem := range t.Problems {
		p("  could not look: %s", safetext.Plain(problem))
	}
	for _, c := range t.Inside {
		c.text(b, indent+"  ")
	}
}

func (t *Tree) tensorText(p func(string, ...any)) {
	if len(t.Tensors) == 0 {
		return
	}
	first := map[string]string{}
	p("  tensors:")
	for _, x := range t.Tensors {
		note := ""
		if x.Storage != "" {
			if other, ok := first[x.Storage]; ok {
				note = "  shares storage with " + safetext.Plain(other)
			} else {
				first[x.Storage] = x.Name
			}
		}
		if x.Problem != "" {
			note += "  " + x.Problem
		}
		p("    %-12s %-20s stride %-16s %s%s", x.DType, fmt.Sprint(x.Shape), fmt.Sprint(x.Stride), safetext.Plain(x.Name), note)
	}
}

func (k *Pickle) text(p func(string, ...any)) {
	state := "complete"
	if !k.Complete {
		state = "broken"
	}
	name := strings.TrimSpace(strings.Join([]string{"pickle", k.Role, safetext.Plain(k.Record)}, " "))
	p("  %s: bytes %d to %d, protocol %d, %s", strings.Join(strings.Fields(name), " "), k.Start, k.End, k.Protocol, state)
	for _, g := range k.Globals {
		p("    %-9s %s (%s) @%#x", g.Tier, safetext.Plain(g.Name), strings.Join(g.Operations, ", "), g.Offset)
	}
	var loads []string
	for _, w := range k.WeightsOnly {
		switch {
		case w.Loads:
			loads = append(loads, w.Torch)
		case len(w.Allow) > 0:
			p("    torch %s: loads with weights_only=True after torch.serialization.add_safe_globals([%s])", w.Torch, safetext.Plain(strings.Join(w.Allow, ", ")))
		default:
			p("    torch %s: does not load with weights_only=True: %s", w.Torch, safetext.Plain(w.Reason))
		}
	}
	if len(loads) > 0 {
		p("    torch %s: loads with weights_only=True", strings.Join(loads, ", "))
	}
}
