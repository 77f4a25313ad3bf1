package manifest

import (
	"path"
	"slices"
	"strings"

	"github.com/andiron-dev/andiron/internal/bounded"
)

// Automation is a place that has dependencies looked after without anybody asking.
type Automation struct {
	Line int
	What string // "pip-audit", "Dependabot"
	Kind Care
	// Scheduled says that the file runs what it names at times, and not only when
	// something changes.
	Scheduled bool
}

// Care is what is done about dependencies.
type Care uint8

// What is done.
const (
	Scans    Care = iota // they are held against advisories
	Proposes             // updates are proposed, those of torch among them
)

// Automates reports whether a file, by its path from the root of a project, is one
// that a forge or a service runs by.
func Automates(name string) bool {
	return ofDependabot(name) || ofRenovate(name) || runsCommands(name)
}

func ofDependabot(name string) bool {
	return name == ".github/dependabot.yml" || name == ".github/dependabot.yaml"
}

// ofRenovate has where Renovate looks for its configuration, and of its forms those
// that are JSON.
func ofRenovate(name string) bool {
	return slices.Contains([]string{
		"renovate.json", ".renovaterc", ".renovaterc.json", ".github/renovate.json", ".gitlab/renovate.json",
	}, name)
}

func runsCommands(name string) bool {
	dir, base := path.Dir(name), path.Base(name)
	yaml := strings.HasSuffix(base, ".yml") || strings.HasSuffix(base, ".yaml")
	switch dir {
	case ".github/workflows", ".gitlab/ci", ".buildkite", ".circleci", ".woodpecker":
		return yaml
	case ".":
		return slices.Contains([]string{
			".gitlab-ci.yml", "azure-pipelines.yml", "bitbucket-pipelines.yml", "Jenkinsfile", ".travis.yml", ".cirrus.yml", ".drone.yml", ".woodpecker.yml",
			".pre-commit-config.yaml",
		}, base)
	}
	return false
}

// ReadAutomation lists what such a file has done about dependencies. An error says that
// the file could not be read; it then says nothing.
func ReadAutomation(name string, b []byte, lim Limits) ([]Automation, error) {
	r := &reader{file: File{Path: name}, lim: lim.withDefaults()}
	if int64(len(b)) > r.lim.Bytes {
		return nil, bounded.Exceeded("bytes of a file", r.lim.Bytes)
	}
	switch {
	case ofDependabot(name):
		t, err := r.parseYAML(b)
		if err != nil {
			return nil, err
		}
		return dependabot(t), nil
	case ofRenovate(name):
		t, err := r.parseJSON(b)
		if err != nil {
			return nil, err
		}
		return renovate(t), nil
	}
	return scanners(string(b)), nil
}

// pythonUpdates are what Dependabot calls the files of Python packages.
var pythonUpdates = []string{"pip", "uv", "conda", "poetry", "pipenv"}

// dependabot lists the entries that have versions of torch proposed.
func dependabot(t *tree) (out []Automation) {
	for u := range (value{t, 1}).get("updates").each() {
		system := u.get("package-ecosystem")
		if !slices.Contains(pythonUpdates, system.text()) || u.get("open-pull-requests-limit").scalar() == "0" {
			continue // with a limit of 0 only what is vulnerable is proposed
		}
		ignored, allowed := false, !u.get("allow").there()
		for i := range u.get("ignore").each() {
			whole := !i.get("versions").there() && !i.get("update-types").there()
			ignored = ignored || whole && namesTorch(i.get("dependency-name").text())
		}
		for a := range u.get("allow").each() {
			allowed = allowed || namesTorch(a.get("dependency-name").text()) || a.get("dependency-type").there()
		}
		if !ignored && allowed {
			out = append(out, Automation{Line: system.line(), What: "Dependabot", Kind: Proposes, Scheduled: true})
		}
	}
	return out
}

// namesTorch reports whether a name, in which * stands for anything, is torch's.
func namesTorch(name string) bool {
	before, behind, wild := strings.Cut(strings.ToLower(name), "*")
	return !wild && before == "torch" || wild && strings.HasPrefix("torch", before) && strings.HasSuffix("torch", behind)
}

// pythonManagers are what Renovate calls the readers of files of Python packages.
var pythonManagers = []string{"pip_requirements", "pip-compile", "pip_setup", "setup-cfg", "pep621", "pep723", "poetry", "pipenv", "pixi", "uv"}

// renovate says whether versions of torch are proposed.
func renovate(t *tree) []Automation {
	root := value{t, 1}
	off := func(v value) bool { return v.get("enabled").kind() == boolean && !v.get("enabled").truth() }
	holds := func(list value, is func(string) bool) bool {
		for e := range list.each() {
			if is(e.text()) {
				return true
			}
		}
		return false
	}
	managers := root.get("enabledManagers")
	python := !managers.there() || holds(managers, func(s string) bool { return slices.Contains(pythonManagers, s) })
	if root.kind() != table || off(root) || !python || holds(root.get("ignoreDeps"), namesTorch) {
		return nil
	}
	for rule := range root.get("packageRules").each() {
		if off(rule) && (holds(rule.get("matchPackageNames"), namesTorch) || holds(rule.get("matchDepNames"), namesTorch)) {
			return nil
		}
	}
	return []Automation{{Line: 1, What: "Renovate", Kind: Proposes, Scheduled: true}}
}

// scanActions are actions and hooks that hold packages against advisories.
var scanActions = []string{
	"pypa/gh-action-pip-audit", "google/osv-scanner-action", "google/osv-scanner", "actions/dependency-review-action", "pyupio/safety-action", "pyupio/safety",
	"aquasecurity/trivy-action", "anchore/scan-action", "snyk/actions", "pypa/pip-audit", "Lucas-C/pre-commit-hooks-safety",
}

// scanCommands are programs that do, each with what follows its name.
var scanCommands = [][]string{
	{"pip-audit"},
	{"pip_audit"},
	{"osv-scanner"},
	{"safety", "check"},
	{"safety", "scan"},
	{"snyk", "test"},
	{"grype"},
	{"uv-secure"},
	{"trivy", "fs"},
	{"trivy", "filesystem"},
	{"trivy", "repo"},
	{"andiron", "deps", "scan"},
	{"andiron", "audit"},
}

// scanners lists the lines that scan dependencies.
func scanners(text string) (out []Automation) {
	scheduled := false
	for n, line := range lines(text) {
		line, _ = cutComment(line)
		if line = strings.TrimSpace(line); strings.HasPrefix(line, "//") {
			continue
		}
		scheduled = scheduled || strings.Contains(line, "cron:") || strings.Contains(line, "cron(")
		if what := scanner(line); what != "" {
			out = append(out, Automation{Line: n, What: what, Kind: Scans})
		}
	}
	for i := range out {
		out[i].Scheduled = scheduled
	}
	return out
}

// scanner is what a line scans dependencies with, or empty.
func scanner(line string) string {
	for _, key := range []string{"uses:", "repo:"} {
		if _, ref, ok := strings.Cut(strings.TrimPrefix(line, "- "), key); ok && strings.HasPrefix(strings.TrimPrefix(line, "- "), key) {
			ref = strings.TrimPrefix(strings.Trim(ref, " \"'"), "https://github.com/")
			for _, a := range scanActions {
				if rest, ok := strings.CutPrefix(ref, a); ok && (rest == "" || strings.ContainsRune("@/.", rune(rest[0]))) {
					return a
				}
			}
			return ""
		}
	}
	for part := range strings.FieldsFuncSeq(line, func(r rune) bool { return strings.ContainsRune(";&|", r) }) {
		words := strings.FieldsFunc(part, func(r rune) bool { return strings.ContainsRune(" \t\"'[],()", r) })
		if what := scanCommand(words); what != "" {
			return what
		}
	}
	return ""
}

// launchers are what stands before the program that is run.
var launchers = []string{
	"-", "run:", "script:", "sh", "bash", "-c", "sudo", "time", "exec", "env", "uvx", "uv", "pipx", "poetry", "pdm", "hatch", "run", "tool", "x", "python", "python3", "-m", "entry:",
	"command:", "then", "do",
}

// scanCommand is the scanner that a command is, or empty.
func scanCommand(words []string) string {
	for len(words) > 0 && (slices.Contains(launchers, words[0]) || strings.Contains(words[0], "=")) {
		words = words[1:]
	}
	for _, c := range scanCommands {
		if len(words) >= len(c) && path.Base(words[0]) == c[0] && slices.Equal(words[1:len(c)], c[1:]) {
			return strings.Join(c, " ")
		}
	}
	return ""
}
