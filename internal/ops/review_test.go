package ops

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/andiron-dev/andiron/finding"
	"github.com/andiron-dev/andiron/internal/gitsrc"
	"github.com/andiron-dev/andiron/internal/testkit"
)

func TestSecond(t *testing.T) {
	alice := gitsrc.Person{Name: "Alice", Email: "alice@example.com"}
	bob := gitsrc.Person{Name: "Bob", Email: "bob@example.com"}
	forge := gitsrc.Person{Name: "GitHub", Email: "noreply@github.com"}
	for _, tt := range []struct {
		message          string
		committer, merge gitsrc.Person
		want             string
	}{
		{"x", alice, gitsrc.Person{}, ""},
		{"x", bob, gitsrc.Person{}, "committed by Bob"},
		{"x", forge, gitsrc.Person{}, ""},
		{"x", alice, bob, "merged by Bob"},
		{"x", forge, alice, ""},
		{"x", gitsrc.Person{Name: "Example GitHub Bot", Email: "x@example.com"}, gitsrc.Person{}, ""},
		{"x\n\nReviewed-by: Bob <bob@example.com>", alice, alice, "reviewed-by Bob"},
		{"x\n\nSummary: y\n\nReviewed By: bob, carol\n\nDifferential: 1", alice, alice, "reviewed by bob"},
		{"x\n\nReviewed By: alice", alice, alice, ""},
		{"x\n\nSigned-off-by: Alice <alice@example.com>", alice, alice, ""},
		{"x\n\nSigned-off-by: A. <ALICE@example.com>", alice, alice, ""},
		{"x\n\nCo-authored-by: fix[bot] <5+fix[bot]@users.noreply.github.com>", alice, alice, ""},
		{"x\n\nCo-authored-by: Tool <noreply@example.com>", alice, alice, ""},
		{"x\n\nReviewed-by:", alice, alice, ""},
		{"this was reviewed-by nobody: Bob", alice, alice, ""},
	} {
		c := gitsrc.Change{Commit: &gitsrc.Commit{Author: alice, Committer: tt.committer, Message: tt.message}}
		if tt.merge.Name != "" {
			c.Merge = &gitsrc.Commit{Author: tt.merge, Committer: forge}
		}
		if got := second(c); got != tt.want {
			t.Errorf("%q, committed by %s, merged by %s: %q, want %q", tt.message, tt.committer.Name, tt.merge.Name, got, tt.want)
		}
	}
}

func TestRunsTests(t *testing.T) {
	for line, want := range map[string]string{
		"- run: python -m pytest -q":       "pytest",
		"script: make test":                "make test",
		"run: pip install pytest-cov":      "",
		"run: (cd build && ctest)":         "ctest",
		"- uses: actions/checkout@1234":    "",
		"run: make tests-are-not-run-here": "",
	} {
		if got := runsTests(line); got != want {
			t.Errorf("%s: %q", line, got)
		}
	}
}

const registered = "#include <torch/library.h>\nat::Tensor f(const at::Tensor& x) { return x.clone(); }\nTORCH_LIBRARY(ns, m) { m.def(\"f(Tensor x) -> Tensor\", f); }\n"

// looked gives the findings of some rules in a folder of files.
func looked(t *testing.T, files map[string]string, rules ...string) (out []string) {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		at := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(at), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(at, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	p, err := Collect(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	p.Look(func(f finding.Finding) {
		if slices.Contains(rules, f.Rule) {
			s := f.Rule + " " + strings.TrimPrefix(strings.TrimPrefix(f.Where.String(), filepath.ToSlash(dir)), "/") + ": " + f.Message
			out = append(out, strings.Join(append([]string{s}, f.Evidence...), " | "))
		}
	})
	return out
}

func TestReview(t *testing.T) {
	const alice, bob = "Alice <alice@example.com>", "Bob <bob@example.com>"
	g := testkit.NewGit()
	tree := map[string]string{"csrc/op.cpp": registered}
	a := g.Commit(tree, alice, alice, "a")
	tree["csrc/op.cpp"] += "// more\n"
	b := g.Commit(tree, bob, alice, "b", a)
	tree["README"] = "x"
	head := g.Commit(tree, alice, alice, "c", b)
	with := func(git map[string]string) map[string]string {
		files := map[string]string{"csrc/op.cpp": tree["csrc/op.cpp"]}
		for name, text := range git {
			files[".git/"+name] = text
		}
		return files
	}
	rules := []string{"OPS064", "OPS067", "OPS080", "OPS096"}
	want := []string{
		"OPS064 csrc: 1 of the 2 changes to the operators in this folder name no second person | " + a[:12] + " of 2025-10-09 by Alice: a",
		"OPS096 csrc: 1 of the 2 changes to the operators in this folder name a second person | " + b[:12] + " of 2025-10-09 by Bob: b (committed by Alice)",
	}
	if diff := cmp.Diff(want, looked(t, with(g.Loose(head)), rules...)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	shallow := g.Packed(head)
	shallow["shallow"] = b + "\n"
	broken := g.Loose(head)
	broken["objects/"+head[:2]+"/"+head[2:]] = "x"
	lost := g.Loose(head)
	delete(lost, "objects/"+a[:2]+"/"+a[2:])
	for name, tt := range map[string]struct {
		git  map[string]string
		want string
	}{
		"none":     {nil, "there is no .git in the folder"},
		"shallow":  {shallow, "fetched without the older commits"},
		"no head":  {map[string]string{"HEAD": "ref: refs/heads/main\n"}, "it has no commit"},
		"broken":   {broken, "OPS080 .git: the history could not be read: object " + head},
		"lost":     {lost, "is not in the repository"},
		"reftable": {map[string]string{"HEAD": "ref: refs/heads/.invalid\n"}, "reftable"},
	} {
		got := looked(t, with(tt.git), rules...)
		if len(got) != 1 || !strings.Contains(got[0], tt.want) {
			t.Errorf("%s: %q", name, got)
		}
	}
	files := with(nil)
	files[".git"] = "gitdir: /elsewhere/.git/worktrees/x\n"
	if got := looked(t, files, rules...); len(got) != 1 || !strings.Contains(got[0], "is not followed") {
		t.Errorf("a worktree: %q", got)
	}
}

func TestBranchRules(t *testing.T) {
	for name, tt := range map[string]struct {
		file, text, want string
	}{
		"settings": {
			".github/settings.yml", "branches:\n  - name: main\n    protection:\n      required_pull_request_reviews:\n        required_approving_review_count: 2\n        require_code_owner_reviews: true\n",
			"OPS097 .github/settings.yml:5:9: a branch rule asks for 2 approvals, by owners of the code",
		},
		"protection": {".github/branch-protection.json", `{"required_pull_request_reviews": {"required_approving_review_count": 1}}`, "OPS097 .github/branch-protection.json:1:36: a branch rule asks for 1 approval"},
		"tags":       {".github/rulesets/tags.json", `{"target": "tag", "enforcement": "active", "rules": [{"parameters": {"required_approving_review_count": 1}}]}`, "OPS065 .github/rulesets/tags.json: the branch rule that is exported here asks for no approval, or is not in force"},
		"broken":     {".github/rulesets/x.json", "{", "OPS080 .github/rulesets/x.json: the export of a branch rule could not be read"},
	} {
		got := looked(t, map[string]string{"op.cpp": registered, tt.file: tt.text}, "OPS065", "OPS080", "OPS097")
		if !slices.ContainsFunc(got, func(s string) bool { return strings.HasPrefix(s, tt.want) }) {
			t.Errorf("%s: %q", name, got)
		}
	}
}
