package code

import (
	"cmp"
	"slices"
	"strings"

	"github.com/andiron-dev/andiron/finding"
	"github.com/andiron-dev/andiron/internal/day"
	"github.com/andiron-dev/andiron/internal/pysrc"
	"github.com/andiron-dev/andiron/internal/rule"
)

// Fix says how code is rewritten; files that it changes come back in Facts, and how a
// finding is put right with it.
type Fix struct {
	// Verified replaces loads by those of the Python package andiron, where they are of a
	// path and have no argument that these do not take.
	Verified bool
	// Revisions are the commits of repositories of the Hub, by owner/name, that a lock
	// vouches for.
	Revisions map[string]string
	// Together has what other files save decide as well, which is known in a second look;
	// until then such a load is not rewritten.
	Together bool
	// Wanted says whether the findings of a rule in a file count, so that they are put
	// right; nil is all.
	Wanted func(path, rule string) bool
	// Over says whether a day has passed, until which somebody answers for a finding; nil
	// is that none has.
	Over func(day.Day) bool
}

// edit replaces a part of the source; an empty part is an insertion.
type edit struct {
	start, end int32
	text       string
}

// Left is a file, or a part of it, that is not rewritten although it might be.
type Left struct {
	Where finding.Where
	Why   string
}

// group is the edits of one call, which are made together or not at all.
type group struct {
	at    finding.Where
	edits []edit
}

// leave notes that something is not rewritten.
func (l *looker) leave(w finding.Where, why string) {
	if len(l.left) < mostKept {
		l.left = append(l.left, Left{w, why})
	}
}

// fix rewrites what can be rewritten safely. The result has to parse.
func (v *view) fix() {
	to := v.l.opt.Fix
	if to == nil {
		return
	}
	saved := v.objectsKept()
	v.yamlSigns(saved)
	v.l.flow.objects = map[objectsIn]kept{}
	for file, at := range saved {
		if file.scope == nil && !v.l.test {
			v.l.flow.objects[file] = at
		}
	}
	if len(v.f.Errors) > 0 {
		line, column := v.f.Place(int32(v.f.Errors[0].Offset))
		v.l.leave(v.l.place(v.where.Line1(line, column)), "this does not parse as Python, so the file is not rewritten")
		return
	}
	x := &fixer{view: v, to: to}
	of := map[int32][]edit{}
	for _, c := range v.m.Calls {
		if !c.Deferred && !c.Partial && !c.Node.Broken && !v.copies(c) {
			before, imports, taken := len(x.edits), x.imports, x.taken
			x.call(c)
			if (len(x.edits) > before || x.taken != taken) && (x.excused(c) || !x.settled(c)) {
				x.edits, x.imports, x.taken = x.edits[:before], imports, taken
			}
			if list := x.edits[before:]; len(list) > 0 {
				of[c.Node.Start] = append(of[c.Node.Start], list...)
				v.l.groups = append(v.l.groups, group{v.l.place(v.at(c.Node)), slices.Clone(list)})
			}
		}
	}
	switch {
	case x.taken:
		v.l.leave(finding.Where{Path: v.where.Path}, "the file has something else by the name andiron, so it is not rewritten")
		return
	case len(x.edits) == 0:
		return
	case v.f.Text != v.l.bytes:
		v.l.leave(finding.Where{Path: v.where.Path}, "the file is not plain UTF-8, so it is not rewritten")
		return
	}
	if x.imports {
		x.importAndiron()
	}
	text, ok := x.apply()
	if again, err := pysrc.Parse([]byte(text), pysrc.Limits{}); !ok || err != nil || len(again.Errors) > 0 {
		v.l.leave(finding.Where{Path: v.where.Path}, "the file would not be Python any more, so it is not rewritten")
		return
	}
	v.l.fixed, v.l.edits = text, x.edits
	v.edits = of
}

// fixed are the rules of which findings may be put right.
var fixed = []*rule.Rule{loadDefault, loadUnsafe, loadModule, numpyPickle, yamlLoad, hubRevision}

// answered are those, and the ones of which a load that is replaced has none any more.
var answered = slices.Concat(fixed, []*rule.Rule{loadRetry, loadOpen, loadUnverified, jitLoad})

// placed are edits as a report has them; those in a notebook are not of its file.
func (v *view) placed(list []edit) (out []finding.Edit) {
	if v.l.moved != nil {
		return nil
	}
	for _, e := range list {
		line, column := v.f.Place(e.start)
		endLine, endColumn := v.f.Place(e.end)
		out = append(out, finding.Edit{Line: line, Column: column, EndLine: endLine, EndColumn: endColumn, Text: e.text})
	}
	return out
}

// excused reports whether a call stays as it is because each finding at it that the
// rewriting would put right is one that somebody answers for or the policy does not want,
// and says so. Where a first look does not know of a finding yet, a comment counts for all
// that might be put right.
func (x *fixer) excused(c *pysrc.Invocation) bool {
	at := slices.DeleteFunc(slices.Clone(answered), func(r *rule.Rule) bool { return !x.done[placed{r.ID, c.Node.Start}] })
	known := len(at) > 0
	if !known {
		at = answered
	}
	why := ""
	for _, r := range at {
		switch by := x.allowed(c, r); {
		case by != "":
			why = by
		case known && x.to.Wanted != nil && !x.to.Wanted(x.where.Path, r.ID):
			why = cmp.Or(why, "the policy excuses "+r.ID+" here")
		case known:
			return false
		}
	}
	if why != "" {
		x.l.leave(x.l.place(x.at(c.Node)), why+", so it is not rewritten")
	}
	return why != ""
}

// allowed says by which comment, still in force, somebody answers for the findings of a
// rule in the line of a call, or nothing.
func (x *fixer) allowed(c *pysrc.Invocation, r *rule.Rule) string {
	where := x.l.place(x.at(c.Node))
	for _, a := range x.l.allows {
		if a.Rule == r.ID && a.Where.Line == where.Line && a.Where.Member == where.Member && (x.to.Over == nil || !x.to.Over(a.Until)) {
			return a.Owner + " answers for " + r.ID + " until " + a.Until.String()
		}
	}
	return ""
}

type fixer struct {
	*view

	to      *Fix
	edits   []edit
	imports bool
	taken   bool                 // the name andiron is something else here
	objects map[*pysrc.Call]bool // loads of which an object is taken; nil until it is asked for
}

func (x *fixer) call(c *pysrc.Invocation) {
	_, pinned := x.text(c, -1, "revision")
	switch {
	case x.to.Verified && x.replaceable(c):
		if x.taken = x.taken || x.bindsAndiron(); !x.taken {
			x.replace(c)
		}
	case c.Is(torchLoad...) && x.takesWeightsOnly():
		x.weightsOnly(c)
	case c.Is(numpyLoads...):
		x.swap(c, "allow_pickle", "True", "False")
	case c.Is(yamlLoads...) && slices.Contains([]string{"open", "full"}, x.yamlKind(c)):
		x.safeYAML(c)
	case x.pretrained(c) && !pinned:
		id, _ := x.text(c, 0, "pretrained_model_name_or_path")
		if id == "" {
			id, _ = x.text(c, 0, "repo_id")
		}
		if commit := x.to.Revisions[id]; commit != "" && !given(c, -1, "revision") && !c.Is("transformers.pipeline") {
			x.add(c, `revision="`+commit+`"`)
		}
	}
}

// takesWeightsOnly reports whether every torch that the project allows has the argument.
func (x *fixer) takesWeightsOnly() bool {
	torch := x.l.opt.Torch
	return !torch.Known() || torch.AtLeast(1, 13)
}

// weightsOnly makes torch.load read tensors only.
func (x *fixer) weightsOnly(c *pysrc.Invocation) {
	for i := range c.Node.Keywords {
		if k := &c.Node.Keywords[i]; k.Name == "" {
			return // what it brings is not seen
		}
	}
	if k := keywordOf(c.Node, "pickle_module"); k != nil {
		if keywordOf(c.Node, "weights_only") == nil {
			x.edits = append(x.edits, edit{k.Start, k.End, "weights_only=True"})
			return
		}
		x.remove(c.Node, k)
	} else if len(c.Node.Args) > 2 {
		return
	}
	if keywordOf(c.Node, "weights_only") != nil {
		x.swap(c, "weights_only", "False", "True")
		x.swap(c, "weights_only", "None", "True")
		return
	}
	if !x.l.opt.Torch.AtLeast(2, 6) {
		x.add(c, "weights_only=True")
	}
}

func keywordOf(c *pysrc.Call, name string) *pysrc.Keyword {
	for i := range c.Keywords {
		if c.Keywords[i].Name == name {
			return &c.Keywords[i]
		}
	}
	return nil
}

// swap replaces a constant that is written out.
func (x *fixer) swap(c *pysrc.Invocation, name, from, to string) {
	k := keywordOf(c.Node, name)
	if k == nil {
		return
	}
	if w, ok := k.Value.(*pysrc.Const); ok && w.Word == from {
		x.edits = append(x.edits, edit{w.Start, w.End, to})
	}
}

// add appends a keyword argument, on a line of its own where the last one has one.
func (x *fixer) add(c *pysrc.Invocation, text string) {
	last := lastArgument(c.Node)
	if last == nil {
		return
	}
	at := last.Where().End
	gap := x.f.Text[at : c.Node.End-1]
	if g, ok := last.(*pysrc.Comprehension); ok && g.Kind == pysrc.Generator && (x.f.Text[g.Start] != '(' || !strings.Contains(x.f.Text[c.Node.Func.Where().End:g.Start], "(")) {
		x.l.leave(x.l.place(x.at(c.Node)), "its argument is a generator without parentheses, beside which no other may stand, so it is not rewritten")
		return
	}
	if strings.Contains(gap, "#") && strings.Contains(gap, ")") {
		return
	}
	if i := strings.LastIndexByte(gap, ')'); i >= 0 { // of parentheses around the argument
		at += int32(i) + 1
	}
	sep := ", "
	start := last.Where().Start
	line := x.f.Text[strings.LastIndexByte(x.f.Text[:start], '\n')+1 : start]
	if strings.TrimSpace(line) == "" && line != "" && start > c.Node.Func.Where().End {
		sep = "," + newline(x.f.Text) + line
		if i := strings.IndexAny(gap, "\r\n"); i >= 0 && strings.HasPrefix(strings.TrimLeft(gap, " \t"), ",") { // behind the comma, and a comment
			at = last.Where().End + int32(i)
			sep, text = sep[1:], text+","
		}
	}
	x.edits = append(x.edits, edit{at, at, sep + text})
}

func newline(text string) string {
	if strings.Contains(text, "\r\n") {
		return "\r\n"
	}
	return "\n"
}

// lastArgument is the one that ends last.
func lastArgument(c *pysrc.Call) (last pysrc.Node) {
	see := func(n pysrc.Node) {
		if last == nil || n.Where().End > last.Where().End {
			last = n
		}
	}
	for _, a := range c.Args {
		see(a)
	}
	for i := range c.Keywords {
		see(&c.Keywords[i])
	}
	return last
}

// remove takes an argument out, with a comma beside it.
func (x *fixer) remove(c *pysrc.Call, k *pysrc.Keyword) {
	start, end := k.Start, k.End
	rest := x.f.Text[end : c.End-1]
	if trimmed := strings.TrimLeft(rest, " \t\r\n"); strings.HasPrefix(trimmed, ",") {
		end += int32(len(rest)-len(trimmed)) + 1
		for end < c.End-1 && (x.f.Text[end] == ' ' || x.f.Text[end] == '\t') {
			end++
		}
		line := int32(len(strings.TrimRight(x.f.Text[:start], " \t")))
		if rest := strings.TrimPrefix(x.f.Text[end:c.End-1], "\r"); strings.HasPrefix(rest, "\n") && line > 0 && x.f.Text[line-1] == '\n' {
			start, end = line, c.End-int32(len(rest)) // it has a line of its own
		}
	} else if before := strings.TrimRight(x.f.Text[c.Func.Where().End:start], " \t\r\n"); strings.HasSuffix(before, ",") {
		start = c.Func.Where().End + int32(len(before)) - 1
	}
	x.edits = append(x.edits, edit{start, end, ""})
}

// safeYAML makes yaml.load and its kind yaml.safe_load, where it is called by that name.
func (x *fixer) safeYAML(c *pysrc.Invocation) {
	a, ok := c.Node.Func.(*pysrc.Attribute)
	if !ok || len(c.Node.Args) != 1 && keywordOf(c.Node, "Loader") == nil && len(c.Node.Args) != 2 {
		return
	}
	to := "safe_load"
	if strings.HasSuffix(a.Attr, "_all") {
		to = "safe_load_all"
	}
	x.edits = append(x.edits, edit{a.End - int32(len(a.Attr)), a.End, to})
	if k := keywordOf(c.Node, "Loader"); k != nil {
		x.remove(c.Node, k)
	} else if len(c.Node.Args) == 2 {
		x.remove(c.Node, &pysrc.Keyword{Span: c.Node.Args[1].Where()})
	}
}

// replaceable reports whether a load of the package andiron does the same: it is of a path,
// and has no arguments that this does not take.
func (x *fixer) replaceable(c *pysrc.Invocation) bool {
	takes := []string{"map_location", "weights_only", "f", "mmap"}
	if !c.Is(torchLoad...) && !c.Is("torch.jit.load") || len(c.Node.Args) == 0 || len(c.Node.Args) > 2 {
		return false
	}
	for i := range c.Node.Keywords {
		if !slices.Contains(takes, c.Node.Keywords[i].Name) {
			return false
		}
	}
	return x.isPath(pysrc.Arg{Expr: c.Node.Args[0], Scope: c.Scope}, 0)
}

// isPath reports whether an argument is a path, as far as the code says, and no open file.
func (x *fixer) isPath(a pysrc.Arg, depth int) bool {
	if depth > mostTurns {
		return false
	}
	switch e := a.Expr.(type) {
	case *pysrc.Str:
		return !e.Bytes
	case *pysrc.Joined:
		return true
	case *pysrc.Binary:
		return e.Op == "+" || e.Op == "/"
	case *pysrc.Call:
		return slices.ContainsFunc(x.m.Names(e.Func, a.Scope), func(n string) bool {
			return strings.HasPrefix(n, "os.path.") || n == "str" || strings.HasPrefix(n, "pathlib.")
		})
	case *pysrc.Name:
		owner := a.Scope.Owner(e.ID)
		if owner == nil {
			return false
		}
		list := owner.Bindings(e.ID)
		for _, b := range list {
			switch b.Kind {
			case pysrc.Parameter:
				n := strings.ToLower(e.ID)
				if !strings.Contains(n, "path") && !strings.Contains(n, "file") && !strings.Contains(n, "name") && !strings.HasPrefix(n, "ckpt") {
					return false
				}
			case pysrc.Assigned:
				if b.Value == nil || !x.isPath(pysrc.Arg{Expr: b.Value, Scope: b.Scope}, depth+1) {
					return false
				}
			default:
				return false
			}
		}
		return len(list) > 0
	}
	return false
}

// replace calls the load of the package andiron instead.
func (x *fixer) replace(c *pysrc.Invocation) {
	to := "andiron.load"
	if c.Is("torch.jit.load") {
		to = "andiron.jit_load"
	}
	f := c.Node.Func.Where()
	x.edits = append(x.edits, edit{f.Start, f.End, to})
	if len(c.Node.Args) == 2 { // it is by name there
		at := c.Node.Args[1].Where().Start
		x.edits = append(x.edits, edit{at, at, "map_location="})
	}
	for i := range c.Node.Keywords {
		if k := &c.Node.Keywords[i]; k.Name == "weights_only" || k.Name == "mmap" {
			x.remove(c.Node, k)
		}
	}
	x.imports = true
}

// bindsAndiron reports whether the file has something else by the name of the package.
func (x *fixer) bindsAndiron() (yes bool) {
	x.m.Top.Each(func(s *pysrc.Scope) {
		yes = yes || slices.ContainsFunc(s.Bindings("andiron"), func(b pysrc.Binding) bool {
			return b.Kind != pysrc.Imported || b.Ref != "andiron"
		})
	})
	return yes
}

// importAndiron adds the import before the first other one that is no future.
func (x *fixer) importAndiron() {
	at := int32(-1)
	for _, s := range x.f.Body {
		switch s := s.(type) {
		case *pysrc.Import:
			if at < 0 {
				at = s.Start
			}
			if slices.ContainsFunc(s.Names, func(a pysrc.Alias) bool { return a.Name == "andiron" && a.As == "" }) {
				return
			}
		case *pysrc.ImportFrom:
			if at < 0 && s.Module != "__future__" {
				at = s.Start
			}
		}
	}
	if at >= 0 {
		x.edits = append(x.edits, edit{at, at, "import andiron" + newline(x.f.Text)})
	}
}

// apply makes the new text. Edits that meet are of no use.
func (x *fixer) apply() (string, bool) {
	slices.SortStableFunc(x.edits, func(a, b edit) int { return cmp.Or(cmp.Compare(a.start, b.start), cmp.Compare(a.end, b.end)) })
	var b strings.Builder
	at := int32(0)
	for _, e := range x.edits {
		if e.start < at {
			return "", false
		}
		b.WriteString(x.f.Text[at:e.start])
		b.WriteString(e.text)
		at = e.end
	}
	b.WriteString(x.f.Text[at:])
	return b.String(), true
}
