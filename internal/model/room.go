// Package model is the room that looks at model files: what would loading this
// one execute? It reads an artifact by its content with every reader that fits,
// follows what lies inside, and reports what it finds.
//
// # Security
//
// Nothing is executed by looking. What could not be read to its end is an
// undetermined finding, so that the artifact is never called safe; where loaders
// read a file differently, each reading is judged.
//
// # Limits
//
// Options bounds the depth of containers, the bytes that decompression may
// produce, and the values of one pickle.
package model

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/andiron-dev/andiron/finding"
	"github.com/andiron-dev/andiron/internal/artifact"
	"github.com/andiron-dev/andiron/internal/bounded"
	"github.com/andiron-dev/andiron/internal/contract"
	"github.com/andiron-dev/andiron/internal/magic"
	"github.com/andiron-dev/andiron/internal/osfile"
	"github.com/andiron-dev/andiron/internal/rule"
	"github.com/andiron-dev/andiron/internal/scratch"
	"github.com/andiron-dev/andiron/pickle"
)

// Options are the room's limits; a zero field means its default.
type Options struct {
	MaxDepth    int   // containers inside of containers; 8
	MaxInflated int64 // bytes that decompression may produce for one artifact; 4 GiB
	MaxValues   int64 // values of one pickle; grows with the file, see package pickle

	// Spilled, when set, is called when there is so much in an artifact that memory is
	// better kept for it: a temporary file holds what is not in use.
	Spilled func()
}

func (o Options) withDefaults() Options {
	if o.MaxDepth <= 0 {
		o.MaxDepth = 8
	}
	if o.MaxInflated <= 0 {
		o.MaxInflated = 4 << 30
	}
	return o
}

// Facts say what an artifact is.
type Facts struct {
	Format string // "torch-zip", "gzip+pickle"; empty when it is in none
	Model  bool   // it is a model artifact, or named like one
}

// Rules are the rules of the room and of the contracts it judges by.
var Rules = slices.Concat(contract.Rules, zipRules, formatRules, torchRules, torchScriptRules, exportRules, otherRules)

// Look looks at one artifact and reports what it finds. The error is the
// context's or the operating system's; all else is in the findings.
func Look(ctx context.Context, a *artifact.Artifact, opt Options, report func(finding.Finding)) (Facts, error) {
	l := newLooker(ctx, opt, report)
	v := view{r: a.ReaderAt(), size: a.Size(), where: finding.Where{Path: a.Name()}, name: a.Name()}
	format, isModel := l.look(v)
	l.done()
	if l.err != nil {
		return Facts{}, l.err
	}
	if err := ctx.Err(); err != nil {
		return Facts{}, err
	}
	named := magic.ModelName(a.Name())
	if format == "" && named {
		l.report(fmtUnrecognised.Undetermined(v.where, "the file is named like a model and is in no format that andiron reads"))
	}
	return Facts{Format: format, Model: isModel || named}, nil
}

// view is a run of bytes that is looked at: a file, a member, what a loader is given.
type view struct {
	r     io.ReaderAt
	size  int64
	whole []byte // all of it, where it is small and was read; nil otherwise
	where finding.Where
	name  string // of the file or member, for what its extension promises
	depth int
	fed   string // the loader that is known to be given these bytes, if any
	tree  *Tree  // where andiron inspect keeps what is seen, or nil
}

// in returns the view of a member.
func (v view) in(member string, r io.ReaderAt, size int64) view {
	return view{r: r, size: size, where: v.where.In(member), name: member, depth: v.depth + 1, tree: v.tree.child(member, size)}
}

// looker looks at one artifact.
type looker struct {
	ctx      context.Context //nolint:containedctx // a looker lives for one call of Look
	opt      Options
	out      func(finding.Finding)
	inflated *bounded.Budget
	slack    *bounded.Budget // of inflated, what may come whatever it is made from
	defused  bool            // a part expanded beyond its limit
	members  *bounded.Budget
	stored   *bounded.Budget // bytes of members that are read in place
	checked  *bounded.Budget // bytes of members whose CRC is checked
	texts    *bounded.Budget // bytes of code and JSON records
	kept     map[kept]int    // findings reported
	trace    io.Writer       // of andiron inspect --trace, or nil
	models   int             // views that were models
	err      error           // of the operating system
	space    *scratch.Space  // where lies what is not in use
	temp     *osfile.Temp    // the file behind it, or nil
}

// holds says how large the artifact is. Members in place are read once for what
// they are and perhaps again as a part of what holds them; more than that is a
// directory that gives the same bytes many names.
func (l *looker) holds(size int64) {
	if n, ok := bounded.Mul(size, 4); ok {
		size = n
	}
	if n, ok := bounded.Add(size, freeBytes); ok {
		size = n
	}
	l.stored = bounded.NewBudget("bytes of members, which share them", size)
	l.checked = bounded.NewBudget("bytes of members, which share them", size)
}

// maxMembers bounds how many members of all the archives are looked at.
const maxMembers = 200_000

func newLooker(ctx context.Context, opt Options, out func(finding.Finding)) *looker {
	opt = opt.withDefaults()
	l := &looker{
		ctx: ctx, opt: opt, out: out,
		inflated: bounded.NewBudget("bytes that decompression may produce (--max-inflated)", opt.MaxInflated),
		slack:    bounded.NewBudget("bytes that decompression may produce whatever they are made from", freeBytes),
		members:  bounded.NewBudget("members of archives", maxMembers),
		texts:    bounded.NewBudget("bytes of code and JSON", mostTexts),
		kept:     map[kept]int{},
	}
	l.space = l.newSpace()
	return l
}

// kept are the findings that are told apart when they are counted.
type kept struct {
	rule    string
	outcome finding.Outcome
}

// mostKept is how many findings of one rule are reported of one artifact; a file
// can be made to give millions. The verdict needs one.
const mostKept = 1000

// triggers says which published vulnerability a file with a finding of a rule
// sets off by itself.
var triggers = map[string]string{
	torchNumel.ID:   "triggers CVE-2026-24747 on torch below 2.10, also under weights_only=True",
	jitLoad.ID:      "triggers CVE-2025-32434 on torch below 2.6: torch.load(weights_only=True) gives a TorchScript archive to torch.jit.load",
	exportExpr.ID:   "torch.export.load of an untrusted file is CVE-2026-4538, which no release fixes",
	exportPickle.ID: "torch.export.load of an untrusted file is CVE-2026-4538, which no release fixes",
}

func (l *looker) report(f finding.Finding) {
	if f.Evidence == nil {
		f.Evidence = []string{}
	}
	if cve := triggers[f.Rule]; cve != "" {
		f.Evidence = append(f.Evidence, cve)
	}
	k := kept{f.Rule, f.Outcome}
	l.kept[k]++
	switch n := l.kept[k]; {
	case n < mostKept:
		l.out(f)
	case n == mostKept:
		f.Message += fmt.Sprintf(" (no more findings of %s are listed)", f.Rule)
		l.out(f)
	}
}

// stop reports whether to go no further.
func (l *looker) stop() bool { return l.err != nil || l.ctx.Err() != nil }

// failed says that a part could not be looked at.
func (l *looker) failed(r *rule.Rule, where finding.Where, err error) {
	if errors.Is(err, bounded.ErrLimit) && r != zipBomb {
		r = fmtLimit
	}
	l.report(r.Undetermined(where, fmt.Sprintf("this part could not be looked at: %v", err)))
}

func (l *looker) pickleLimits() pickle.Limits { return pickle.Limits{MaxValues: l.opt.MaxValues} }

// pickleOptions are those of a stream that begins at start.
func (l *looker) pickleOptions(start int64) pickle.Options {
	return pickle.Options{Limits: l.pickleLimits(), Start: start, Scratch: l.space}
}

// small reads a view that is no larger than its tail once and for all.
func (v view) small() view {
	if v.whole != nil || v.size > magic.TailLen {
		return v
	}
	b := make([]byte, v.size)
	if n, _ := v.r.ReadAt(b, 0); n == len(b) { // else each reader meets the error where it reads
		v.r, v.whole = bytes.NewReader(b), b
	}
	return v
}

// head reads the first bytes of a view.
func (v view) head() ([]byte, error) {
	if v.whole != nil {
		return v.whole[:min(v.size, magic.HeadLen)], nil
	}
	b := make([]byte, min(v.size, magic.HeadLen))
	n, err := v.r.ReadAt(b, 0)
	if n < len(b) {
		if err == nil {
			err = io.ErrUnexpectedEOF
		}
		return b[:n], err
	}
	return b, nil
}

// tail reads the last bytes of a view; head may have all of them.
func (v view) tail(head []byte) []byte {
	if v.size <= int64(len(head)) {
		return head
	}
	if v.whole != nil {
		return v.whole // no longer than a tail
	}
	b := make([]byte, min(v.size, magic.TailLen))
	n, _ := v.r.ReadAt(b, v.size-int64(len(b)))
	return b[:n]
}
