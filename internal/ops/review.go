package ops

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"slices"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/andiron-dev/andiron/finding"
	"github.com/andiron-dev/andiron/internal/gitsrc"
	"github.com/andiron-dev/andiron/internal/osfile"
	"github.com/andiron-dev/andiron/internal/rule"
)

var reviewRules = []*rule.Rule{unreviewed, noBranchRule, testsNotRun, noHistory, reviewed, branchRule, testsRun}

var unreviewed = &rule.Rule{
	ID: "OPS064", Title: "Changes to operators that name no second person", Strategy: finding.CustomOps,
	Severity: finding.Medium, Since: since, Refs: []string{"OWASP SAMM, Secure Build", "SLSA v1.0, Two-person review", "git-interpret-trailers(1)"},
	Text: `The history of the project has commits that changed the sources of operators in this folder, and in which only their author appears. A second person appears where a trailer names one (Reviewed-by, Approved-by, Acked-by, Co-authored-by, Signed-off-by), where somebody else committed what the author wrote, or where somebody else merged it. Bots and the forge itself are no person.

A review that happened on a forge and left no trace in Git is not seen. What a merge itself changes is not looked at.`,
	Fix: "have somebody who knows C++ look at these commits now, and have the forge write Reviewed-by trailers or ask for approvals in the rule of the branch",
}

var noBranchRule = &rule.Rule{
	ID: "OPS065", Title: "No branch rule that asks for a review", Strategy: finding.CustomOps,
	Severity: finding.Low, Since: since, Refs: []string{"GitHub documentation, Available rules for rulesets", "SLSA v1.0, Two-person review"},
	Text: "No export of a branch rule in the project asks for at least one approval. Rules are settings of the forge; a scan sees them only where they are exported: .github/rulesets/*.json, .github/branch-protection.json or .github/settings.yml.",
	Fix:  "require one approval, of a code owner, in the rule of the branch, and export it: mkdir -p .github/rulesets && gh api 'repos/{owner}/{repo}/rulesets/<ID>' > .github/rulesets/main.json",
}

var testsNotRun = &rule.Rule{
	ID: "OPS066", Title: "Tests of operators that no workflow runs", Strategy: finding.CustomOps,
	Severity: finding.Low, Since: since, Refs: []string{"CWE-1059"},
	Text: "The project has tests that call its operators, and no configuration of CI that was found runs tests: none names pytest, unittest, tox, nox, ctest, make test or andiron ops test.",
	Fix:  "run the tests of the operators in a workflow, once more with a sanitizer",
}

var noHistory = &rule.Rule{
	ID: "OPS067", Title: "A history of operators that is not there", Strategy: finding.CustomOps,
	Severity: finding.Info, Since: since, Refs: []string{"gitrepository-layout(5)"},
	Text: "Who else looked at changes to the operators stands in the history of the project, and the folder that was looked at does not have it, or not all of it: there is no .git, it is a link or a file that names another folder, it has no commit, or it was fetched without the older commits.",
	Fix:  "look at a whole clone: git fetch --unshallow",
}

var reviewed = &rule.Rule{
	ID: "OPS096", Title: "Changes to operators that name a second person", Strategy: finding.CustomOps,
	Severity: finding.Info, Since: since, Refs: []string{"SLSA v1.0, Two-person review"},
	Text: "Commits that changed the sources of operators in this folder name somebody besides their author: in a trailer, as the one who committed it, or as the one who merged it.",
	Fix:  "nothing needs to be done",
}

var branchRule = &rule.Rule{
	ID: "OPS097", Title: "A branch rule that asks for a review", Strategy: finding.CustomOps,
	Severity: finding.Info, Since: since, Refs: []string{"GitHub documentation, Available rules for rulesets"},
	Text: "The export of a branch rule asks for approvals. Whether the forge still has the rule is not seen.",
	Fix:  "nothing needs to be done",
}

var testsRun = &rule.Rule{
	ID: "OPS098", Title: "Tests that a workflow runs", Strategy: finding.CustomOps,
	Severity: finding.Info, Since: since, Refs: []string{"CWE-1059"},
	Text: "A configuration of CI runs tests. Which of them call operators is not judged.",
	Fix:  "nothing needs to be done",
}

// history is what Git wrote down of the operators.
type history struct {
	gitsrc.History

	folders []string
	missing string // why there is none, or not all of it
}

// mostCommits is how many of the last commits are looked at.
const mostCommits = 2000

// readHistory reads the project's own .git: nothing beyond its folder is followed.
func (p *Project) readHistory(root string) {
	for _, s := range p.sources {
		if !s.test && s.line == 0 {
			p.history.folders = append(p.history.folders, path.Dir(beneath(p.Root, s.path)))
		}
	}
	slices.Sort(p.history.folders)
	p.history.folders = slices.Compact(p.history.folders)
	if len(p.history.folders) == 0 {
		return
	}
	err := p.openHistory(root)
	_, gone := errors.AsType[*gitsrc.MissingError](err)
	switch {
	case err == nil:
	case gone, errors.Is(err, gitsrc.ErrEmpty), errors.Is(err, errElsewhere):
		p.history.missing = err.Error()
	case errors.Is(err, fs.ErrNotExist):
		p.history.missing = "there is no .git in the folder"
	default:
		p.unseen(path.Join(p.Root, ".git"), fmt.Sprintf("the history could not be read: %v", osfile.Cause(err)))
	}
}

var errElsewhere = errors.New(".git is not a folder, and what it names lies elsewhere and is not followed")

func (p *Project) openHistory(name string) (err error) {
	root, err := os.OpenRoot(name)
	if err != nil {
		return err
	}
	defer func() { _ = root.Close() }() // it was read
	info, err := root.Lstat(".git")
	if err != nil {
		return err
	}
	if !info.IsDir() {
		return errElsewhere
	}
	git, err := root.OpenRoot(".git")
	if err != nil {
		return err
	}
	defer func() { _ = git.Close() }() // it was read
	r, err := gitsrc.Open(git.FS(), gitsrc.Limits{})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, r.Close()) }()
	head, err := r.Head()
	if err != nil {
		return err
	}
	p.history.History, err = r.Walk(head, p.history.folders, cpp, mostCommits)
	if r.Shallow() {
		p.history.missing = "the history was fetched without the older commits"
	}
	return err
}

// trailers are what a second person is named in.
var trailers = []string{"reviewed-by", "approved-by", "acked-by", "co-authored-by", "signed-off-by"}

// second is who appears in a change besides its author, and as what; empty for nobody.
func second(c gitsrc.Change) string {
	if who := named(c.Message, c.Author); who != "" {
		return who
	}
	if other(c.Committer, c.Author) {
		return "committed by " + c.Committer.Name
	}
	if c.Merge == nil {
		return ""
	}
	for _, m := range []gitsrc.Person{c.Merge.Author, c.Merge.Committer} {
		if other(m, c.Author) {
			return "merged by " + m.Name
		}
	}
	return named(c.Merge.Message, c.Author)
}

// named is the trailer that names somebody else. Some tools write "Reviewed By", and
// not at the end.
func named(message string, author gitsrc.Person) string {
	for line := range strings.Lines(message) {
		key, value, ok := strings.Cut(strings.TrimSpace(line), ":")
		if !ok || !slices.Contains(trailers, strings.ReplaceAll(strings.ToLower(key), " ", "-")) {
			continue
		}
		for part := range strings.SplitSeq(value, ",") {
			name, rest, _ := strings.Cut(part, "<")
			who := gitsrc.Person{Name: strings.TrimSpace(name), Email: strings.TrimSpace(strings.TrimSuffix(strings.TrimSpace(rest), ">"))}
			if other(who, author) {
				return strings.ToLower(key) + " " + who.Name
			}
		}
	}
	return ""
}

// other reports whether somebody is a person, and not the author.
func other(who, author gitsrc.Person) bool {
	email, name := strings.ToLower(who.Email), strings.ToLower(who.Name)
	local, _, _ := strings.Cut(email, "@")
	switch {
	case name == "" && email == "":
		return false
	case local == "noreply", local == "no-reply", isBot(name), isBot(local):
		return false
	case email != "" && email == strings.ToLower(author.Email), name != "" && name == strings.ToLower(author.Name):
		return false
	}
	mine, _, _ := strings.Cut(strings.ToLower(author.Email), "@")
	return email != "" || name != mine // a mere user name
}

// isBot knows the names that forges and companies give to programs.
func isBot(name string) bool {
	return name == "bot" || strings.HasSuffix(name, "[bot]") || strings.HasSuffix(name, " bot") || strings.HasSuffix(name, "-bot")
}

// mostShown is how many commits a finding lists.
const mostShown = 20

// review is OPS064, OPS067 and OPS096, the first and the last once for each folder.
func (p *Project) review(l *looker) {
	h := &p.history
	if h.missing != "" {
		l.out(noHistory.Finding(finding.Where{Path: p.Root}, "who else looked at changes to the operators is not known, or not of all: "+h.missing))
	}
	among := ""
	if h.Cut {
		among = fmt.Sprintf(" among the last %d commits", h.Commits)
	}
	for _, dir := range h.folders {
		var alone, both []string
		for _, c := range h.Changes {
			if !slices.Contains(c.Folders, dir) {
				continue
			}
			line := fmt.Sprintf("%.12s of %s by %s: %s", c.Hash, time.Unix(c.Author.Time, 0).UTC().Format(time.DateOnly), c.Author.Name, c.Subject())
			if who := second(c); who != "" {
				both = append(both, line+" ("+who+")")
			} else {
				alone = append(alone, line)
			}
		}
		where := finding.Where{Path: path.Join(p.Root, dir)}
		say := func(r *rule.Rule, list []string, what string) {
			if len(list) == 0 {
				return
			}
			text := fmt.Sprintf("%d of the %d changes to the operators in this folder%s %s", len(list), len(alone)+len(both), among, what)
			if n := len(list) - mostShown; n > 0 {
				list = append(list[:mostShown:mostShown], fmt.Sprintf("and %d more", n))
			}
			l.out(r.Finding(where, text, list...))
		}
		say(unreviewed, alone, "name no second person")
		say(reviewed, both, "name a second person")
	}
}

// asked is what the export of a branch rule asks for.
type asked struct {
	where     finding.Where
	approvals int
	owners    bool // an owner of the code has to approve
}

// exported reports whether a file is the export of branch rules.
func exported(name string) bool {
	dir, base := path.Dir(name), path.Base(name)
	inGitHub := dir == ".github" || strings.HasSuffix(dir, "/.github")
	return strings.HasSuffix(base, ".json") && (path.Base(dir) == "rulesets" || inGitHub && strings.HasPrefix(base, "branch-protection")) ||
		inGitHub && (base == "settings.yml" || base == "settings.yaml")
}

// branchRules reads an export: JSON is YAML as well, and has lines then.
func (p *Project) branchRules(name, text string) {
	var doc yaml.Node
	if err := yaml.Unmarshal([]byte(text), &doc); err != nil {
		p.unseen(name, fmt.Sprintf("the export of a branch rule could not be read: %v", err))
		return
	}
	p.exports = append(p.exports, name)
	for _, n := range doc.Content {
		p.branchRule(name, n, 0)
	}
}

// deepest is how deep an export is looked into.
const deepest = 40

// branchRule finds what asks for approvals. A rule of something else than branches, and
// one that is not in force, asks for nothing.
func (p *Project) branchRule(name string, n *yaml.Node, depth int) {
	if depth > deepest {
		return
	}
	if n.Kind == yaml.MappingNode {
		if s := value(n, "enforcement"); s != "" && s != "active" {
			return
		}
		if s := value(n, "target"); s != "" && s != "branch" {
			return
		}
		for i := 0; i+1 < len(n.Content); i += 2 {
			if k := n.Content[i]; k.Value == "required_approving_review_count" && n.Content[i+1].Value != "0" {
				a := asked{where: finding.Where{Path: name}.Line1(k.Line, k.Column)}
				_, err := fmt.Sscan(n.Content[i+1].Value, &a.approvals)
				a.owners = value(n, "require_code_owner_review") == "true" || value(n, "require_code_owner_reviews") == "true"
				if err == nil && a.approvals > 0 {
					p.asked = append(p.asked, a)
				}
			}
		}
	}
	for _, c := range n.Content {
		p.branchRule(name, c, depth+1)
	}
}

// value is the text of a key, or empty.
func value(n *yaml.Node, key string) string {
	for i := 0; i+1 < len(n.Content); i += 2 {
		if n.Content[i].Value == key {
			return n.Content[i+1].Value
		}
	}
	return ""
}

// branches is OPS065 and OPS097.
func (p *Project) branches(l *looker) {
	for _, a := range p.asked {
		text := "a branch rule asks for 1 approval"
		if a.approvals > 1 {
			text = fmt.Sprintf("a branch rule asks for %d approvals", a.approvals)
		}
		if a.owners {
			text += ", by owners of the code"
		}
		l.out(branchRule.Finding(a.where, text))
	}
	switch {
	case len(p.asked) > 0:
	case len(p.exports) > 0:
		l.out(noBranchRule.Finding(finding.Where{Path: p.exports[0]}, "the branch rule that is exported here asks for no approval, or is not in force"))
	default:
		l.out(noBranchRule.Finding(finding.Where{Path: path.Dir(firstSource(p.sources).path)}, "no export of a branch rule says that a second person has to approve changes to the operators"))
	}
}

// ofCI reports whether a file configures CI.
func ofCI(name string) bool {
	dir, base := path.Dir(name), path.Base(name)
	return strings.HasSuffix(dir, ".github/workflows") || strings.Contains(dir, ".circleci") || strings.Contains(dir, ".gitlab") || strings.Contains(dir, ".buildkite") ||
		base == ".gitlab-ci.yml" || base == "azure-pipelines.yml" || base == "Jenkinsfile"
}

// testers are what runs tests.
var testers = []string{"pytest", "unittest", "tox", "nox", "ctest", "make test", "make check", "setup.py test", "andiron ops test"}

// runsTests is the word in a line that runs tests, or empty.
func runsTests(line string) string {
	words := strings.FieldsFunc(line, func(r rune) bool { return strings.ContainsRune(" \t;&|\"'[]()", r) })
	all := " " + strings.Join(words, " ") + " "
	for _, w := range testers {
		if strings.Contains(all, " "+w+" ") {
			return w
		}
	}
	return ""
}
