package cli

import (
	"context"
	"fmt"
	"maps"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/andiron-dev/andiron/finding"
	"github.com/andiron-dev/andiron/internal/infer"
	"github.com/andiron-dev/andiron/internal/lockfile"
	"github.com/andiron-dev/andiron/internal/policy"
	"github.com/andiron-dev/andiron/internal/safetext"
	"github.com/andiron-dev/andiron/internal/trust"
)

// starterPolicy is a policy of what is there today.
func starterPolicy(models []initModel, now *stood) (starter, error) {
	var b strings.Builder
	b.WriteString(`# What this project trusts, and what "andiron audit" asks of it. docs/spec/policy-v1.md
# of andiron explains every key; "andiron init" wrote what was true that day.
version: 1
`)
	places, formats := placesOf(models)
	if len(places) > 0 {
		b.WriteString("# Models from here are loaded only if andiron.lock has their digest, and none from\n# anywhere else.\nsources:\n")
	}
	for _, p := range places {
		fmt.Fprintf(&b, "  - path: %s\n    trust: locked\n    formats: [%s]\n", strconv.Quote(p), strings.Join(formats[p], ", "))
	}
	b.WriteString("# What users upload is never loaded.\nuser_uploads: deny\n")
	asked := starterStrategies(now.postures)
	text, err := checkedPolicy(b.String() + asked)
	if len(now.policy.Required) > 0 {
		asked = ""
	}
	return starter{
		name: policy.FileName, text: text, need: asked,
		why: "the policy: where models may come from, that no upload is loaded, and that no strategy gets worse than it is today",
	}, err
}

// starterStrategies asks for what is in place.
func starterStrategies(postures []finding.Posture) string {
	asked := least(postures)
	if len(asked) == 0 {
		return ""
	}
	var b strings.Builder
	b.WriteString("# The least that is asked of a strategy: what is in place today. Raise it as gaps close.\nstrategies:\n")
	for _, p := range asked {
		fmt.Fprintf(&b, "  %s: %s\n", p.Strategy, p.Status)
	}
	return b.String()
}

// placesOf are the folders at the top that hold models, and models at the top
// themselves, with the formats there. What andiron convert makes of a model lies beside it,
// so that safetensors may be there too.
func placesOf(models []initModel) (places []string, formats map[string][]string) {
	const beside = "*.safetensors"
	formats = map[string][]string{}
	allow := func(p, format string) {
		if !slices.Contains(formats[p], format) {
			formats[p] = append(formats[p], format)
		}
	}
	for _, m := range models {
		if top, _, ok := strings.Cut(m.rel, "/"); ok {
			allow(top+"/", m.Format)
			allow(top+"/", "safetensors")
		} else {
			allow(m.rel, m.Format)
			allow(beside, "safetensors")
		}
	}
	for _, f := range formats {
		slices.Sort(f)
	}
	return slices.Sorted(maps.Keys(formats)), formats
}

// starterLock lists the models that pass.
func (a *app) starterLock(f *initFlags, models []initModel) (starter, error) {
	s := starter{name: lockfile.FileName}
	by := f.by
	if by == "" {
		by = a.who()
	}
	at, err := a.when(trust.Now())
	if err != nil {
		return s, err
	}
	var lock lockfile.File
	var names []string
	for _, m := range models {
		if m.SHA256 == "" { // a folder that is one model: each of its parts is an artifact too
			continue
		}
		lock.Put(lockfile.Model{
			Path: m.rel, SHA256: m.SHA256, Size: m.Size, Format: m.Format, Verdict: m.Verdict.String(), AddedBy: by, AddedAt: at, Reason: "it passed when andiron init looked at it",
		})
		if !slices.ContainsFunc(m.Findings, func(f finding.Finding) bool { return f.Rule == "TRU090" }) { // it is not listed
			names = append(names, safetext.Word(m.rel))
		}
	}
	if len(lock.Models) == 0 {
		s.why = `no model in the project passes, so there is nothing to trust; "andiron trust add FILE" makes the lock`
		return s, nil
	}
	if len(names) > 0 {
		s.need = "andiron trust add " + strings.Join(names, " ") + "\n"
	}
	s.why = fmt.Sprintf("the digests of %s that passed, vouched for by %s: look at the list before you commit it", countOf(len(lock.Models), "model", "models"), by)
	s.text, err = lock.Encode()
	if err == nil {
		_, err = lockfile.Parse(s.text)
	}
	if err != nil {
		return s, fmt.Errorf("internal error: the lock that was made: %w", err)
	}
	return s, nil
}

const (
	// mostSchemas is how many models a schema is made for.
	mostSchemas = 20
	schemaEnd   = ".schema.yaml"
)

// learnable are the formats of models that say what they take.
var learnable = []string{"pt2", "pt2-old", "onnx", "torchscript"}

// starterSchemas learns a schema of each model that says what it takes. Nothing in it
// is run.
func starterSchemas(ctx context.Context, dir string, models []initModel) (list []starter) {
	of := map[string]string{} // the model of a schema, by its name
	var more []string
	for _, m := range models {
		if !slices.Contains(learnable, m.Format) || ctx.Err() != nil {
			continue
		}
		base := path.Base(m.rel)
		s := starter{name: strings.TrimSuffix(base, path.Ext(base)) + schemaEnd}
		if len(list) == mostSchemas {
			more = append(more, m.rel)
			continue
		}
		if other := of[s.name]; other != "" {
			s.name = strings.TrimSuffix(m.rel, path.Ext(base)) + schemaEnd
			s.why = fmt.Sprintf("%s is the schema of %s, which has the same name; %s", path.Base(s.name), other, inferBy(m.rel, s.name))
			list = append(list, s)
			continue
		}
		text, err := learned(ctx, filepath.Join(dir, filepath.FromSlash(m.rel)))
		if err != nil {
			s.why = fmt.Sprintf("%s does not say what it takes (%v); \"andiron guard infer\" learns it from samples as well", m.rel, err)
		} else {
			s.text, of[s.name] = text, m.rel
			s.why = fmt.Sprintf("which tensors %s takes, as the file says; lines with \"decide\" are for a person, and andiron.guard(model, %q) holds requests against it", m.rel, s.name)
			s.need = "andiron guard infer " + safetext.Word(m.rel) + " prints what the model says\n"
		}
		list = append(list, s)
	}
	if len(more) > 0 {
		list = append(list, starter{name: "*" + schemaEnd, why: fmt.Sprintf("init looks for schemas of %d models, and there are %s, from %s on; %s",
			mostSchemas, countOf(len(more), "more", "more"), more[0], inferBy(more[0], strings.TrimSuffix(more[0], path.Ext(more[0]))+schemaEnd))})
	}
	if len(list) == 0 {
		list = append(list, starter{name: "*" + schemaEnd, why: `no model in the project says what it takes; "andiron guard infer" learns a schema from samples as well`})
	}
	return list
}

// inferBy says how the schema of a model is made by hand.
func inferBy(model, name string) string {
	return fmt.Sprintf("andiron guard infer -o %s %s makes that one", safetext.Word(name), safetext.Word(model))
}

func learned(ctx context.Context, name string) ([]byte, error) {
	l := &learning{Draft: infer.New()}
	defer l.close()
	return l.learn(ctx, &guardInferFlags{}, []string{name})
}

const hookEntry = `  - repo: local
    hooks:
      - id: andiron-audit
        name: andiron audit
        # Exit 3 is an audit that could not look everywhere. Where nothing but the database of
        # advisories is missing or too old ("andiron db update"), the commit goes on, and it
        # is said that packages were not looked up; anything else that is not known stops it.
        entry: >-
          sh -c 'out=$(andiron audit --quiet --no-progress); code=$?; printf "%s\n" "$out";
          if [ $code -eq 3 ] && printf "%s\n" "$out" | grep -q "DEP005 .*undetermined:" &&
          ! printf "%s\n" "$out" | grep -v DEP005 | grep -Eq "^ *(critical|high|medium|low|info) .*undetermined:|unreadable";
          then echo "NOT CLEAN: packages were held against no advisories; run: andiron db update" >&2; exit 0; fi; exit $code'
        language: system # it runs the andiron that is installed, and fetches nothing
        always_run: true
        pass_filenames: false
        verbose: true # what is not known is said also where the commit goes on
`

func starterHook() starter {
	return starter{
		name: ".pre-commit-config.yaml", need: hookEntry, has: "andiron audit",
		why: `a hook that audits before each commit, once "pre-commit install" was run; it runs the andiron that is installed`,
		text: []byte(`# "pre-commit install" has Git run this before each commit. A finding at or above fail_on
# stops it, and so does what could not be looked at, but for advisories that nobody fetched;
# where old findings have to wait, keep a report and add --baseline FILE behind --quiet:
#   andiron audit --format json --output andiron.baseline.json
repos:
` + hookEntry),
	}
}

const auditStep = `      - name: Get what is new about known vulnerabilities
        # It stays in the cache of the runner's user, so that later only what changed is
        # fetched. Without it the audit is incomplete, which is exit 3, and says so.
        run: andiron db update --no-progress || echo "::warning::the advisories could not be updated"
      - name: Audit
        run: andiron audit --format github --no-progress
`

func starterWorkflow() starter {
	return starter{
		name: ".github/workflows/andiron.yml", need: auditStep, has: "andiron audit",
		why: "a workflow that audits each push, and each week because advisories come without a commit; it uses no action of others and downloads no program, so its runner has to have andiron",
		text: []byte(`# Audits each push, and each week, because advisories come without a commit.
#
# It uses no action of others, so there is nothing to pin, and downloads no program: the
# runner has to have andiron installed. Add pull_request only in a private repository,
# because a runner of your own would run what strangers propose.
name: andiron
on:
  push:
  schedule:
    - cron: "17 5 * * 1"
permissions:
  contents: read
jobs:
  audit:
    runs-on: [self-hosted, andiron]
    steps:
      - name: Check out with the whole history, which says who reviewed
        env:
          TOKEN: ${{ github.token }}
        run: |
          git init --quiet .
          auth="$(printf 'x-access-token:%s' "$TOKEN" | base64 -w0)"
          git -c "http.extraHeader=AUTHORIZATION: basic $auth" fetch --quiet "$GITHUB_SERVER_URL/$GITHUB_REPOSITORY" "$GITHUB_SHA"
          git checkout --quiet --force --detach FETCH_HEAD
` + auditStep),
	}
}
