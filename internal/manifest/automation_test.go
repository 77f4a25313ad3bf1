package manifest

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestAutomation(t *testing.T) {
	const workflow = ".github/workflows/ci.yml"
	for _, tt := range []struct {
		what, name, text string
		want             []Automation
	}{
		{"a step", workflow, "on: push\njobs:\n  a:\n    steps:\n      - run: pip-audit -r requirements.txt\n", []Automation{{Line: 5, What: "pip-audit"}}},
		{"a step of several lines", workflow, "on:\n  schedule:\n    - cron: '0 4 * * *'\njobs:\n  a:\n    steps:\n      - run: |\n          pip install pip-audit && python -m pip_audit\n", []Automation{{Line: 8, What: "pip_audit", Scheduled: true}}},
		{"one that is only installed", workflow, "      - run: pip install pip-audit\n      - name: pip-audit\n      - run: echo pip-audit\n", nil},
		{"one in a comment", workflow, "      # pip-audit\n      # - cron: x\n", nil},
		{"by a launcher", workflow, "      - run: uvx pip-audit --strict\n      - run: poetry run safety check\n      - run: FOO=1 osv-scanner -r .\n", []Automation{{Line: 1, What: "pip-audit"}, {Line: 2, What: "safety check"}, {Line: 3, What: "osv-scanner"}}},
		{"another command of the same program", workflow, "      - run: safety generate policy\n      - run: trivy image x\n      - run: andiron deps check\n", nil},
		{"our own", workflow, "      - run: andiron deps scan --format github\n      - run: bin/andiron audit .\n", []Automation{{Line: 1, What: "andiron deps scan"}, {Line: 2, What: "andiron audit"}}},
		{"an action", workflow, "      - uses: pypa/gh-action-pip-audit@v1.1.0\n      - uses: \"google/osv-scanner-action/osv-scanner-action@v2\"\n", []Automation{{Line: 1, What: "pypa/gh-action-pip-audit"}, {Line: 2, What: "google/osv-scanner-action"}}},
		{"an action of a like name", workflow, "      - uses: pypa/gh-action-pip-audit-not@v1\n      - uses: actions/checkout@v4\n", nil},
		{"a comment of a Jenkinsfile", "Jenkinsfile", "// pip-audit\nsh 'pip-audit'\n", []Automation{{Line: 2, What: "pip-audit"}}},
		{"a hook", ".pre-commit-config.yaml", "repos:\n  - repo: https://github.com/pypa/pip-audit\n    rev: v2\n    hooks:\n      - id: pip-audit\n", []Automation{{Line: 2, What: "pypa/pip-audit"}}},
		{"a pipeline of GitLab", ".gitlab-ci.yml", "audit:\n  script:\n    - osv-scanner scan .\n", []Automation{{Line: 3, What: "osv-scanner"}}},
		{"Dependabot", ".github/dependabot.yml", "version: 2\nupdates:\n  - package-ecosystem: pip\n    directory: /\n    schedule: {interval: weekly}\n", []Automation{{Line: 3, What: "Dependabot", Kind: Proposes, Scheduled: true}}},
		{"Dependabot for actions alone", ".github/dependabot.yml", "version: 2\nupdates:\n  - package-ecosystem: github-actions\n    directory: /\n", nil},
		{"Dependabot without torch", ".github/dependabot.yml", "version: 2\nupdates:\n  - package-ecosystem: pip\n    ignore:\n      - dependency-name: \"torch*\"\n", nil},
		{"Dependabot without the major versions of torch", ".github/dependabot.yml", "version: 2\nupdates:\n  - package-ecosystem: uv\n    ignore:\n      - dependency-name: torch\n        update-types: [\"version-update:semver-major\"]\n", []Automation{{Line: 3, What: "Dependabot", Kind: Proposes, Scheduled: true}}},
		{"Dependabot for others alone", ".github/dependabot.yml", "version: 2\nupdates:\n  - package-ecosystem: pip\n    allow:\n      - dependency-name: numpy\n", nil},
		{"Dependabot for what is vulnerable", ".github/dependabot.yml", "version: 2\nupdates:\n  - package-ecosystem: pip\n    open-pull-requests-limit: 0\n", nil},
		{"Renovate", "renovate.json", `{"extends": ["config:recommended"]}`, []Automation{{Line: 1, What: "Renovate", Kind: Proposes, Scheduled: true}}},
		{"Renovate for others alone", "renovate.json", `{"enabledManagers": ["npm"]}`, nil},
		{"Renovate for Python", "renovate.json", `{"enabledManagers": ["npm", "pep621"]}`, []Automation{{Line: 1, What: "Renovate", Kind: Proposes, Scheduled: true}}},
		{"Renovate that is off", ".github/renovate.json", `{"enabled": false}`, nil},
		{"Renovate without torch", "renovate.json", `{"ignoreDeps": ["torch"]}`, nil},
		{"Renovate with a rule against torch", "renovate.json", `{"packageRules": [{"matchPackageNames": ["torch", "torchvision"], "enabled": false}]}`, nil},
	} {
		got, err := ReadAutomation(tt.name, []byte(tt.text), Limits{})
		if err != nil || !Automates(tt.name) {
			t.Errorf("%s: %v", tt.what, err)
		}
		if diff := cmp.Diff(tt.want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tt.what, diff)
		}
	}
	for _, name := range []string{"renovate.json", ".github/dependabot.yml"} {
		if got, err := ReadAutomation(name, []byte("{]"), Limits{}); err == nil {
			t.Errorf("%s that is broken: %v", name, got)
		}
	}
	for _, name := range []string{"docs/.github/workflows/a.yml", "ci.yml", "sub/renovate.json", ".github/workflows/README.md"} {
		if Automates(name) {
			t.Errorf("%s runs nothing", name)
		}
	}
}

// FuzzAutomation: whatever a file of a forge holds, it is read within its limits, and
// each line that is named is one of the file.
func FuzzAutomation(f *testing.F) {
	f.Add(".github/workflows/a.yml", []byte("- run: pip-audit\n# x\n- uses: google/osv-scanner-action@v1\n"))
	f.Add(".github/dependabot.yml", []byte("updates:\n- package-ecosystem: pip\n  ignore: [{dependency-name: torch}]\n"))
	f.Add("renovate.json", []byte(`{"packageRules": [{"matchPackageNames": ["torch"], "enabled": false}]}`))
	f.Fuzz(func(t *testing.T, name string, b []byte) {
		got, err := ReadAutomation(name, b, Limits{})
		lines := 1
		for _, c := range b {
			if c == '\n' || c == '\r' || c > 0x7f {
				lines++
			}
		}
		for _, a := range got {
			if err != nil || a.What == "" || a.Line < 1 || a.Line > lines {
				t.Errorf("%+v, %v", a, err)
			}
		}
	})
}
