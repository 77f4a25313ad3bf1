package ops

import (
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/andiron-dev/andiron/finding"
	"github.com/andiron-dev/andiron/internal/pattern"
	"github.com/andiron-dev/andiron/internal/rule"
)

var evidenceRules = []*rule.Rule{unowned, untested, noGradcheck, noSanitizer, owned, tested, gradchecked, sanitized, built}

var unowned = &rule.Rule{
	ID: "OPS060", Title: "Sources of operators that nobody owns", Strategy: finding.CustomOps,
	Severity: finding.Low, Since: since, Refs: []string{"GitHub documentation, About code owners", "CWE-1053"},
	Text: "There is no CODEOWNERS file, or none of its lines is about this folder, so a change to its memory handling can be merged without anybody who knows it. A branch rule that asks for an owner's review needs the line.",
	Fix:  "name the owners of the folder in .github/CODEOWNERS, and require their review in the rule of the branch",
}

var untested = &rule.Rule{
	ID: "OPS061", Title: "An operator that no test uses", Strategy: finding.CustomOps,
	Severity: finding.Low, Since: since, Refs: []string{"CWE-1059"},
	Text: "No test of the project was seen to call this operator, itself or through functions of the project, or to hand it on as a value, as to torch.library.opcheck. Tests are files in folders named test or tests, or whose name begins with test_.",
	Fix:  "write a test with an empty, a non-contiguous and a mismatched argument, and with one of each dtype",
}

var noGradcheck = &rule.Rule{
	ID: "OPS062", Title: "Gradients that no test compares", Strategy: finding.CustomOps,
	Severity: finding.Medium, Since: since, Refs: []string{"PyTorch documentation, torch.autograd.gradcheck", "torch.library.opcheck"},
	Text: "The project has backward functions of its own, and no test calls gradcheck, gradgradcheck or torch.library.opcheck. A wrong gradient raises nothing; it only trains a worse model.",
	Fix:  "call torch.autograd.gradcheck(op, inputs) in double precision in a test of each operator",
}

var noSanitizer = &rule.Rule{
	ID: "OPS063", Title: "Operators that no sanitizer watches", Strategy: finding.CustomOps,
	Severity: finding.Low, Since: since, Refs: []string{"Clang documentation, AddressSanitizer", "Compute Sanitizer documentation"},
	Text: "Neither what builds the operators nor a workflow or script names AddressSanitizer, UndefinedBehaviorSanitizer, ThreadSanitizer, Valgrind or compute-sanitizer. Errors in memory are then found by their users.",
	Fix:  "run andiron ops test, or build and test once with CFLAGS='-fsanitize=address,undefined -fno-omit-frame-pointer -g' in CI, with libasan and libstdc++ preloaded",
}

var owned = &rule.Rule{
	ID: "OPS091", Title: "Sources of operators that somebody owns", Strategy: finding.CustomOps,
	Severity: finding.Info, Since: since, Refs: []string{"GitHub documentation, About code owners"},
	Text: "A line of CODEOWNERS is about this folder. Whether the rule of the branch asks for a review by them is a setting of the forge, which a scan does not see.",
	Fix:  "require review from code owners in the rule of the branch",
}

var tested = &rule.Rule{
	ID: "OPS092", Title: "An operator that a test uses", Strategy: finding.CustomOps,
	Severity: finding.Info, Since: since, Refs: []string{"CWE-1059"},
	Text: "A test calls the operator, itself or through functions of the project, or hands it on as a value, as to torch.library.opcheck. What it asks of the result is not judged.",
	Fix:  "nothing needs to be done",
}

var gradchecked = &rule.Rule{
	ID: "OPS093", Title: "A test of gradients", Strategy: finding.CustomOps,
	Severity: finding.Info, Since: since, Refs: []string{"PyTorch documentation, torch.autograd.gradcheck"},
	Text: "gradcheck, gradgradcheck or torch.library.opcheck is called.",
	Fix:  "nothing needs to be done",
}

var sanitized = &rule.Rule{
	ID: "OPS094", Title: "A sanitizer in the build or in CI", Strategy: finding.CustomOps,
	Severity: finding.Info, Since: since, Refs: []string{"Clang documentation, AddressSanitizer"},
	Text: "A file that builds or tests names a sanitizer, Valgrind or compute-sanitizer.",
	Fix:  "nothing needs to be done",
}

var built = &rule.Rule{
	ID: "OPS095", Title: "An extension that is built", Strategy: finding.CustomOps,
	Severity: finding.Info, Since: since, Refs: []string{"PyTorch documentation, torch.utils.cpp_extension"},
	Text: "Custom operators are built here.",
	Fix:  "nothing needs to be done",
}

// setting reports whether a file says how a project is built, tested or reviewed.
func setting(name string) bool {
	base := path.Base(name)
	switch {
	case base == "CMakeLists.txt", base == "CMakePresets.json", base == "Makefile", base == "CODEOWNERS", base == "pyproject.toml", base == "setup.cfg",
		base == "tox.ini", base == "noxfile.py", base == "meson.build", base == "Jenkinsfile", base == ".gitlab-ci.yml", base == "azure-pipelines.yml":
		return true
	case strings.HasSuffix(base, ".cmake"), strings.HasSuffix(base, ".sh"), strings.HasPrefix(base, "Dockerfile"), base == ".bazelrc":
		return true
	case exported(name), ofCI(name):
		return true
	}
	dir := path.Dir(name)
	return (strings.HasSuffix(base, ".yml") || strings.HasSuffix(base, ".yaml")) &&
		(strings.Contains(dir, ".github/actions") || strings.Contains(dir, "packaging"))
}

// sanitizers are what names one.
var sanitizers = []string{"-fsanitize=", "compute-sanitizer", "cuda-memcheck", "valgrind", "USE_ASAN", "ASAN_OPTIONS", "UBSAN_OPTIONS", "TSAN_OPTIONS", "ANDIRON_SANITIZE", "andiron ops test"}

// settings reads what one such file says.
func (p *Project) settings(name, text string) {
	if path.Base(name) == "CODEOWNERS" {
		p.owners = readOwners(p.Root, name, text, p.owners)
		return
	}
	if exported(name) {
		p.branchRules(name, text)
		return
	}
	line := 0
	for s := range strings.Lines(text) {
		line++
		s = strings.TrimSpace(s)
		if strings.HasPrefix(s, "#") || strings.HasPrefix(s, "//") {
			continue
		}
		if before, _, ok := strings.Cut(s, " #"); ok && strings.Count(before, `"`)%2 == 0 && strings.Count(before, "'")%2 == 0 {
			s = before // what follows is a comment, in no quotes
		}
		at := finding.Where{Path: name}.Line1(line, 1)
		if w := runsTests(s); w != "" && ofCI(name) {
			p.ran = append(p.ran, place{at, w + " is run"})
		}
		for _, w := range sanitizers {
			if strings.Contains(s, w) {
				p.checked = append(p.checked, place{at, strings.TrimSuffix(w, "=") + " is named"})
				break
			}
		}
		if strings.HasSuffix(path.Base(name), "CMakeLists.txt") && strings.Contains(strings.ToLower(s), "find_package(torch") {
			p.builds = append(p.builds, place{at, "CMake builds against torch"})
		}
		if path.Base(name) == "pyproject.toml" && strings.Contains(s, "requires") && strings.Contains(s, "torch") && !strings.Contains(s, "requires-python") {
			p.builds = append(p.builds, place{at, "the build needs torch"})
		}
	}
}

// owners are the lines of CODEOWNERS.
type owners struct {
	name  string
	lines []ownerLine
}

type ownerLine struct {
	pattern string
	who     string
	line    int
}

// beneath is a name as it is from the root.
func beneath(root, name string) string {
	if root == "." {
		return name
	}
	return strings.TrimPrefix(strings.TrimPrefix(name, root), "/")
}

// readOwners reads CODEOWNERS where a forge looks for it: the project's folder,
// .github, .gitlab or docs.
func readOwners(root, name, text string, before *owners) *owners {
	switch path.Dir(beneath(root, name)) {
	case ".", ".github", ".gitlab", "docs":
	default:
		return before
	}
	o := &owners{name: name}
	line := 0
	for s := range strings.Lines(text) {
		line++
		s, _, _ = strings.Cut(s, "#")
		if fields := strings.Fields(s); len(fields) > 0 && !strings.HasPrefix(fields[0], "[") {
			o.lines = append(o.lines, ownerLine{fields[0], strings.Join(fields[1:], " "), line})
		}
	}
	return o
}

// of gives the line that is about a file, the last that is, or nil.
func (o *owners) of(rel string) *ownerLine {
	if o == nil {
		return nil
	}
	for i := len(o.lines) - 1; i >= 0; i-- {
		if ownsPath(o.lines[i].pattern, rel) {
			if o.lines[i].who == "" {
				return nil // the line takes the owners away
			}
			return &o.lines[i]
		}
	}
	return nil
}

// ownsPath matches as CODEOWNERS does: a pattern with a slash that is not its last is
// from the root, any other at any depth; a folder stands for all in it, and dir/* for
// what is directly in it.
func ownsPath(line, rel string) bool {
	p := strings.Trim(strings.TrimSuffix(line, "/**"), "/")
	if p == "*" || p == "**" {
		return true
	}
	if !strings.Contains(strings.TrimSuffix(line, "/"), "/") {
		p = "**/" + p
	}
	if pattern.Check(p) != nil {
		return false
	}
	return pattern.Match(p, rel) || !strings.HasSuffix(p, "/*") && pattern.Match(p+"/", rel)
}

// evidence says how operators are built, tested and reviewed.
func (p *Project) evidence(w *world, l *looker) {
	for _, b := range p.builds {
		l.out(built.Finding(b.where, b.text))
	}
	first := firstSource(p.sources)
	if len(w.entries) == 0 && len(p.builds) == 0 {
		return
	}
	p.ownership(l)
	p.branches(l)
	p.review(l)
	p.tests(w, l)
	if p.sanitizedByTest() {
		p.checked = append(p.checked, place{finding.Where{Path: p.record.path}, "andiron ops test ran with a sanitizer"})
	}
	if len(p.checked) == 0 {
		l.out(noSanitizer.Finding(finding.Where{Path: first.path}, "no file that builds or tests the operators names a sanitizer"))
	}
	for _, c := range p.checked {
		l.out(sanitized.Finding(c.where, c.text))
	}
	for _, c := range p.python.checks {
		l.out(gradchecked.Finding(c.where, c.text))
	}
	if len(p.python.checks) == 0 {
		for _, a := range w.all() {
			if a.def.Name == "backward" && a.def.Class != "" && !a.src.test {
				l.found(noGradcheck, a, a.def.At, "no test compares the gradients of "+a.def.Class)
				break
			}
		}
	}
}

// firstSource is where what is about all is said: at a source of operators that is no
// test.
func firstSource(list []*source) *source {
	if i := slices.IndexFunc(list, func(s *source) bool { return !s.test && s.line == 0 }); i >= 0 {
		return list[i]
	}
	return list[0]
}

// ownership is OPS060 and OPS091, once for each folder.
func (p *Project) ownership(l *looker) {
	done := map[string]bool{}
	for _, s := range p.sources {
		dir := path.Dir(s.path)
		if s.test || done[dir] {
			continue
		}
		done[dir] = true
		if o := p.owners.of(beneath(p.Root, s.path)); o != nil {
			l.out(owned.Finding(finding.Where{Path: p.owners.name}.Line1(o.line, 1), fmt.Sprintf("%s answers for %s", o.who, dir)))
			continue
		}
		text := "no CODEOWNERS file says who answers for the operators in this folder"
		if p.owners != nil {
			text = fmt.Sprintf("no line of %s is about the operators in this folder", p.owners.name)
		}
		l.out(unowned.Finding(finding.Where{Path: dir}, text))
	}
}

// tests is OPS061 and OPS092, once for each operator.
func (p *Project) tests(w *world, l *looker) {
	done, some := map[string]bool{}, false
	for _, r := range w.entries {
		if r.src.test || done[r.name] || !r.def {
			continue
		}
		done[r.name] = true
		if at, ok := p.python.testedAs(r.name); ok {
			some = true
			l.out(tested.Finding(at, "a test uses the operator "+r.name))
			continue
		}
		l.foundAs(untested, untested.Severity, r.src, r.at, "no test was seen that uses the operator "+r.name)
	}
	p.workflows(some, l)
}

// workflows is OPS066 and OPS098: whether CI runs the tests, if there are any.
func (p *Project) workflows(tests bool, l *looker) {
	for _, r := range p.ran {
		l.out(testsRun.Finding(r.where, r.text))
	}
	if tests && len(p.ran) == 0 {
		l.out(testsNotRun.Finding(finding.Where{Path: firstSource(p.sources).path}, "tests call the operators, and no workflow that was found runs tests"))
	}
}
