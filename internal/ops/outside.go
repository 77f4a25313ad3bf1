package ops

import (
	"fmt"
	"slices"
	"strings"

	"github.com/andiron-dev/andiron/finding"
	"github.com/andiron-dev/andiron/internal/rule"
)

var outsideRules = []*rule.Rule{toolNarrowed, toolFault, toolBlind, toolCUDA}

var toolNarrowed = &rule.Rule{
	ID: "OPS070", Title: "A number that a compiler sees narrowed", Strategy: finding.CustomOps,
	Severity: finding.Low, Since: since, Refs: []string{"CWE-681", "clang-tidy bugprone-narrowing-conversions", "GCC -Wconversion"},
	Text: "A whole number of 64 bits goes into one of fewer without saying so, as the compiler or clang-tidy report. Sizes, strides and numbers of elements of torch have 64 bits; a large tensor gives a wrong or negative number here. " +
		"Asked for with --with; where a rule of andiron sees the same, that one is reported and names the tool.",
	Fix: "keep the number in int64_t, or check its range before a static_cast",
}

var toolFault = &rule.Rule{
	ID: "OPS071", Title: "A fault that another tool reports", Strategy: finding.CustomOps,
	Severity: finding.Medium, Since: since, Refs: []string{"clang-tidy clang-analyzer-*", "cppcheck, severity error"},
	Text: "clang-tidy, cppcheck or the compiler report memory that is lost or gone, an index beyond the end, a null pointer, a division by zero or what was never written. " +
		"Asked for with --with; where a rule of andiron sees the same, that one is reported and names the tool.",
	Fix: "follow the message; a test under AddressSanitizer shows whether it can happen (andiron ops test)",
}

var toolBlind = &rule.Rule{
	ID: "OPS072", Title: "A tool that could not look", Strategy: finding.CustomOps,
	Verdict:  finding.Unreadable,
	Severity: finding.Medium, Since: since, Refs: []string{"andiron ops scan --help"},
	Text: "A tool that --with names is not installed, or could not check a source: headers were not found, it was too slow, or it does not understand the file. What it would have said is not known.",
	Fix:  "install the tool; --python names the interpreter whose torch has the headers, and compile_commands.json tells the folders of others",
}

var toolCUDA = &rule.Rule{
	ID: "OPS073", Title: "CUDA that other tools do not read", Strategy: finding.CustomOps,
	Severity: finding.Info, Since: since, Refs: []string{"andiron ops scan --help"},
	Text: "The tools that --with names do not know the language of CUDA sources. The rules of andiron are held against them all the same.",
	Fix:  "nvcc gives the compiler's warnings: --compiler-options -Wconversion",
}

// Warning is what another program says of a source.
type Warning struct {
	Tool  string
	Where finding.Where
	Check string // its own name for it
	Class string // "narrowed", "leak", "bounds", "division", "null", "uninitialised", "dangling" or "fault"
	Text  string
}

// Unchecked is a source that another program could not check, or the program itself.
type Unchecked struct {
	Tool, Path, Why string // Path is empty where the program is missing
}

// Outside is what other programs say of a project.
type Outside struct {
	Warnings  []Warning
	Unchecked []Unchecked
	CUDA      []string // sources that none of them reads
}

// same are the rules that say of a place what a class of warnings says.
var same = map[string][]string{
	"narrowed":      {"OPS020", "OPS021", "OPS022", "OPS024"},
	"leak":          {"OPS011", "OPS012"},
	"bounds":        {"OPS006", "OPS007", "OPS009", "OPS013", "OPS015"},
	"division":      {"OPS023"},
	"null":          {"OPS008", "OPS009"},
	"uninitialised": {"OPS014"},
	"dangling":      {"OPS010"},
}

// SourceFile is a source of operators.
type SourceFile struct {
	Path   string
	Header bool
	Test   bool
}

// SourceFiles are the files that are C++ or CUDA by name and about torch.
func (p *Project) SourceFiles() (list []SourceFile) {
	for _, s := range p.sources {
		if !cpp(s.path) {
			continue // text in a file of Python
		}
		header := false
		for _, ext := range []string{".h", ".hh", ".hpp", ".hxx", ".inl", ".cuh"} {
			header = header || strings.HasSuffix(strings.ToLower(s.path), ext)
		}
		list = append(list, SourceFile{s.path, header, s.test})
	}
	return list
}

// Hear adds what other programs say. It comes before Look.
func (p *Project) Hear(o Outside) { p.outside = o }

// merge adds what other programs say to the findings: to one of the same class at the
// same line, or at the line of something that it lists, or, for memory that is lost, in
// the same function, and otherwise as one of its own. What several of them say of a line
// is one finding.
func (p *Project) merge(all []finding.Finding, w *world, listed map[string][]int) []finding.Finding {
	for _, u := range p.outside.Unchecked {
		where, text := finding.Where{Path: u.Path}, fmt.Sprintf("%s could not check this source: %s", u.Tool, u.Why)
		if u.Path == "" {
			where, text = finding.Where{Path: p.Root}, fmt.Sprintf("%s was not asked: %s", u.Tool, u.Why)
		}
		all = append(all, toolBlind.Undetermined(where, text))
	}
	for _, name := range p.outside.CUDA {
		all = append(all, toolCUDA.Finding(finding.Where{Path: name}, "only the rules of andiron are held against this source, other tools do not read CUDA"))
	}
	own := map[string]int{} // findings that came from outside
	for _, o := range p.outside.Warnings {
		evidence := fmt.Sprintf("%s says: %s (%s)", o.Tool, o.Text, o.Check)
		if i := slices.IndexFunc(all, func(f finding.Finding) bool { return sameFault(f, o, w, listed) }); i >= 0 {
			all[i].Evidence = appendNew(all[i].Evidence, evidence)
			continue
		}
		key := fmt.Sprintf("%s:%d %s", o.Where.Path, o.Where.Line, o.Class)
		if i, ok := own[key]; ok {
			all[i].Evidence = appendNew(all[i].Evidence, evidence)
			continue
		}
		r := toolFault
		if o.Class == "narrowed" {
			r = toolNarrowed
		}
		own[key] = len(all)
		all = append(all, r.Finding(o.Where, fmt.Sprintf("%s: %s", o.Tool, o.Text), evidence))
	}
	return all
}

func appendNew(list []string, s string) []string {
	if slices.Contains(list, s) {
		return list
	}
	return append(slices.Clip(list), s)
}

// sameFault reports whether a finding of ours is about what another program says.
func sameFault(f finding.Finding, o Warning, w *world, listed map[string][]int) bool {
	if f.Where.Path != o.Where.Path || f.Outcome != finding.Present || !slices.Contains(same[o.Class], f.Rule) {
		return false
	}
	if f.Where.Line == o.Where.Line || slices.Contains(listed[f.Rule+" "+f.Where.String()], o.Where.Line) {
		return true
	}
	first, last := w.functionAt(o.Where.Path, o.Where.Line)
	return o.Class == "leak" && f.Where.Line >= first && f.Where.Line <= last
}

// functionAt gives the lines of the function that a line is in; none where it is in none.
func (p *world) functionAt(path string, line int) (first, last int) {
	for _, a := range p.all() {
		if a.src.path != path {
			continue
		}
		from, _ := a.f.Place(a.def.At)
		to, _ := a.f.Place(a.def.Body.Last)
		if from, to = from+a.src.line, to+a.src.line; line >= from && line <= to && from >= first {
			first, last = from, to // the innermost begins last
		}
	}
	if last == 0 {
		return 1, 0
	}
	return first, last
}
