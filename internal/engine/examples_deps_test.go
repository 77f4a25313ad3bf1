package engine_test

import (
	"bytes"
	"maps"
	"strings"
	"testing"
	"time"

	"github.com/andiron-dev/andiron/internal/advisory"
	"github.com/andiron-dev/andiron/internal/deps"
	"github.com/andiron-dev/andiron/internal/engine"
	"github.com/andiron-dev/andiron/internal/family"
	"github.com/andiron-dev/andiron/internal/osv"
	"github.com/andiron-dev/andiron/internal/pyindex"
	"github.com/andiron-dev/andiron/internal/supply"
)

// notKnown are the rules of the deps room that say what could not be looked at.
var notKnown = []string{"DEP003", "DEP005", "DEP006", "DEP007", "DEP008", "UPD004", "UPD007", "UPD008"}

// osvRecords are the advisories of all examples.
var osvRecords = []string{
	`{"id": "PYSEC-1", "aliases": ["CVE-1"], "modified": "2027-01-09T00:00:00Z", "affected": [{"package": {"ecosystem": "PyPI", "name": "torch"},
		"ranges": [{"type": "GIT", "events": [{"introduced": "0"}, {"fixed": "c0ffee"}]}, {"type": "ECOSYSTEM", "events": [{"introduced": "0"}, {"fixed": "2.6.0"}]}]}]}`,
	`{"id": "MAL-1", "modified": "2027-01-09T00:00:00Z", "affected": [{"package": {"ecosystem": "PyPI", "name": "lightnimg"}, "versions": ["2.6.2"]}]}`,
}

func advisoriesOf(t *testing.T, list ...string) *advisory.DB {
	t.Helper()
	var b advisory.Builder
	for _, text := range list {
		r, err := osv.Parse([]byte(text), osv.Limits{})
		if err != nil {
			t.Fatal(err)
		}
		b.Add(r)
	}
	file, err := b.Build(advisory.Info{Source: "test"})
	if err != nil {
		t.Fatal(err)
	}
	db, err := advisory.Open(bytes.NewReader(file), int64(len(file)), advisory.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	return db
}

func collect(t *testing.T, dir string, paths []string) *deps.Project {
	t.Helper()
	p, err := deps.Collect(t.Context(), dir, paths)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// depending holds a scene against the advisories, and may change what is asked.
func depending(s scene, changes ...func(*testing.T, *deps.Options)) scene {
	s.depends = true
	return s.with(func(t *testing.T, _ string, opt *engine.Options) {
		t.Helper()
		opt.Deps = &deps.Options{
			Advisories: advisoriesOf(t, osvRecords...), Source: deps.Source{Name: "test", Date: clock}, Now: clock,
			Policy: supply.Policy{Reviewed: until(t, "2027-01-01")}, PolicyFile: "andiron.yaml",
		}
		for _, change := range changes {
			change(t, opt.Deps)
		}
	})
}

// reqs is a scene of one requirements file.
func reqs(lines ...string) scene {
	return depending(folder("requirements.txt", strings.Join(lines, "\n")+"\n"))
}

var hash = " --hash=sha256:" + strings.Repeat("ab", 32)

// lockOf is a uv.lock of one package from an index, with a wheel.
func lockOf(name, version, wheel string) string {
	return "version = 1\nrequires-python = \">=3.10\"\n[[package]]\nname = \"" + name + "\"\nversion = \"" + version +
		"\"\nsource = { registry = \"https://index.example/simple\" }\nwheels = [\n    { url = \"https://index.example/w/" + name + "-" + version +
		"-py3-none-any.whl\", hash = \"sha256:" + strings.Repeat("ab", 32) + "\"" + wheel + " },\n]\n"
}

func pyproject(requires string, more ...string) string {
	return "[project]\nname = \"app\"\nversion = \"1\"\ndependencies = [" + requires + "]\n" + strings.Join(more, "\n")
}

// bound is a project that takes torch from an index of its own.
func bound(explicit string) string {
	return pyproject(`"torch==2.7.0"`, "[tool.uv.sources]", `torch = { index = "cu" }`, "[[tool.uv.index]]", `name = "cu"`,
		`url = "https://wheels.example/whl/cu126"`, "explicit = "+explicit, "")
}

// installedIn is an environment with one package.
func installedIn(record string) scene {
	return depending(folder("site-packages/numpy-2.0.0.dist-info/METADATA", "Metadata-Version: 2.1\nName: numpy\nVersion: 2.0.0\n",
		"site-packages/numpy-2.0.0.dist-info/RECORD", "numpy/__init__.py,,\n"+record))
}

func depsExamples() map[string]example {
	all := scanExamples()
	maps.Copy(all, pinExamples())
	maps.Copy(all, updateExamples())
	return all
}

func updateExamples() map[string]example {
	latest := family.Versions()[len(family.Versions())-1].Number
	torch := func(version string) scene { return reqs("torch==" + version + hash) }
	installed := func(dir string) scene {
		return depending(folder(dir+"/torch-2.9.1.dist-info/METADATA", "Metadata-Version: 2.1\nName: torch\nVersion: 2.9.1\n",
			dir+"/torch-2.9.1.dist-info/RECORD", "torch/__init__.py,,\n"))
	}
	open := func(version string) scene {
		return depending(folder("requirements.txt", "torch=="+version+hash+"\n"), func(t *testing.T, o *deps.Options) {
			t.Helper()
			o.Advisories = advisoriesOf(t, `{"id": "PYSEC-2", "modified": "2027-01-09T00:00:00Z", "affected": [{"package": {"ecosystem": "PyPI", "name": "torch"},
				"ranges": [{"type": "ECOSYSTEM", "events": [{"introduced": "2.9.0"}]}]}]}`)
		})
	}
	updated := func(renovate string) scene {
		return depending(folder("requirements.txt", "torch==2.9.1"+hash+"\n", "renovate.json", renovate))
	}
	return map[string]example{
		"UPD001": {torch("2.5.1+cu118"), torch("2.6.0")},
		"UPD002": {torch("2.6.0"), torch(latest)},
		"UPD003": {torch("2.9.0"), torch("2.9.1")},
		"UPD004": {reqs("torch>=2.9"), torch("2.9.1")},
		"UPD005": {torch("2.9.0rc1"), torch("2.9.0.post1")},
		"UPD006": {torch("2.5.1"), reqs("torchvision==0.20.1" + hash)},
		"UPD007": {installed("lib/python3/dist-packages"), installed("lib/python3.13/site-packages")},
		"UPD008": {torch("99.0"), torch(latest)},
		"UPD009": {open("2.9.1"), open("2.8.0")},
		"UPD090": {torch(latest), torch("2.9.1")},
		"UPD091": {updated(`{"extends": ["config:recommended"]}`), updated(`{"ignoreDeps": ["torch"]}`)},
	}
}

func scanExamples() map[string]example {
	on := func(last time.Time) func(*testing.T, *deps.Options) {
		return func(_ *testing.T, o *deps.Options) {
			o.Record = &deps.Record{File: ".andiron/records.jsonl", Last: last, Scans: 1}
		}
	}
	one := folder("requirements.txt", "torch==2.7.0"+hash+"\n")
	return map[string]example{
		"DEP001": {reqs("torch==2.5.1+cu118"), reqs("torch==2.6.0+cu118")},
		"DEP002": {reqs("torch>=2.1"), reqs("torch>=2.6")},
		"DEP003": {reqs("nvidia-cublas-cu12==12.1.3.1"), reqs("nvidiamath==1.0")},
		"DEP004": {reqs("lightnimg==2.6.2"), reqs("lightnimg==2.6.1")},
		"DEP005": {
			depending(one, func(_ *testing.T, o *deps.Options) { o.Source.Date = clock.Add(-8 * 24 * time.Hour) }),
			depending(one, func(_ *testing.T, o *deps.Options) { o.Source.Date = clock.Add(-6 * 24 * time.Hour) }),
		},
		"DEP006": {reqs("torch==2.7.0", "-r missing.txt"), depending(folder("requirements.txt", "torch==2.7.0\n-r base.txt\n", "base.txt", "numpy==2.0\n"))},
		"DEP007": {depending(folder("notes.txt", "buy milk\n")), depending(folder("notes.txt", "buy milk\n", "requirements.in", "torch==2.7.0\n"))},
		"DEP008": {installedIn("numpy.libs/libopenblas64-1.so,,\n"), installedIn("numpy/libnumpy_math.so,,\n")},
		"DEP009": {depending(one, on(time.Time{})), depending(one, on(clock.Add(-time.Hour)))},
		"DEP090": {reqs("torch==2.7.0"), reqs("torch @ git+https://git.example/torch@main")},
		"DEP092": {
			depending(folder("requirements.txt", "torch==2.7.0"+hash+"\n", ".github/workflows/ci.yml", "- run: pip-audit\n"), on(time.Time{})),
			depending(folder("requirements.txt", "torch==2.7.0"+hash+"\n", ".github/workflows/ci.yml", "- run: pip install pip-audit\n"), on(time.Time{})),
		},
		"DEP091": {depending(one, on(clock.Add(-time.Hour))), depending(one, on(clock.Add(-9*24*time.Hour)))},
	}
}

// onIndex is a scene of a pinned package whose index is asked.
func onIndex(status string, files ...pyindex.File) scene {
	return depending(folder("requirements.txt", "--index-url https://index.example/simple\nclick==8.1.7"+hash+"\n"), func(_ *testing.T, o *deps.Options) {
		o.Page = func(string, string) (*pyindex.Page, error) { return &pyindex.Page{Status: status, Files: files}, nil }
	})
}

func pinExamples() map[string]example {
	const (
		extra = "--extra-index-url https://wheels.example/whl/nightly/cu121"
		cuda  = "--index-url https://wheels.example/whl/cu121"
		git   = "pkg @ git+https://git.example/pkg@"
	)
	lock := func(p, l string) scene { return depending(folder("pyproject.toml", p, "uv.lock", l)) }
	of := func(day string) func(*testing.T, *deps.Options) {
		return func(t *testing.T, o *deps.Options) { t.Helper(); o.Policy.Reviewed = until(t, day) }
	}
	asks := pyproject(`"click>=8"`)
	indexes := func(_ *testing.T, o *deps.Options) { o.Policy.Indexes = []string{"https://wheels.example/whl"} }
	return map[string]example{
		"PIN001": {reqs("click>=8"), reqs("click==8.1.7")},
		"PIN002": {reqs("click==8.1.7"), reqs("click==8.1.7" + hash)},
		"PIN003": {depending(folder("pyproject.toml", asks)), lock(asks, lockOf("click", "8.1.7", ""))},
		"PIN004": {lock(asks, lockOf("click", "7.0", "")), lock(asks, lockOf("click", "8.1.7", ""))},
		"PIN010": {reqs(extra, "torchtriton==2.0"), reqs(extra, "torchtriton==2.0"+hash)},
		"PIN011": {reqs(cuda, "torch==2.7.0", "requests==2.32.0"), reqs(cuda, "torch==2.7.0", "torchvision==0.22.0")},
		"PIN012": {
			depending(folder("pyproject.toml", pyproject(`"click"`, "[tool.uv]", `index-strategy = "unsafe-best-match"`, ""))),
			depending(folder("pyproject.toml", pyproject(`"click"`, "[tool.uv]", `index-strategy = "first-index"`, ""))),
		},
		"PIN013": {reqs(git + "v1.0"), reqs(git + strings.Repeat("0123456789", 4))},
		"PIN014": {reqs("--index-url http://index.example/simple", "click==8"), reqs("--index-url https://index.example/simple", "click==8")},
		"PIN015": {
			depending(folder("requirements.txt", "-i https://wheels.example/whl2\nclick==8\n"), indexes),
			depending(folder("requirements.txt", "-i https://wheels.example/whl/cu121\nclick==8\n"), indexes),
		},
		"PIN020": {reqs("torch==2.1.0", "torchvision==0.22.0"), reqs("torch==2.7.0", "torchvision==0.22.0")},
		"PIN021": {reqs("torch==2.7.0+cu126", "torchvision==0.22.0+cpu"), reqs("torch==2.7.0+cu126", "torchvision==0.22.0+cu126")},
		"PIN030": {
			lock(asks, lockOf("click", "8.1.7", `, upload-time = "2027-01-04T12:00:00Z"`)),
			lock(asks, lockOf("click", "8.1.7", `, upload-time = "2027-01-03T12:00:00Z"`)),
		},
		"PIN031": {onIndex("active", pyindex.File{Name: "click-8.1.7-py3-none-any.whl", Yanked: true}), onIndex("active", pyindex.File{Name: "click-8.1.7-py3-none-any.whl"})},
		"PIN032": {onIndex("quarantined", pyindex.File{Name: "click-8.1.7-py3-none-any.whl"}), onIndex("archived", pyindex.File{Name: "click-8.1.7-py3-none-any.whl"})},
		"PIN040": {
			depending(folder("requirements.txt", "click==8\n"), of("2026-10-01")),
			depending(folder("requirements.txt", "click==8\n"), of("2026-11-01")),
		},
		"PIN090": {reqs("click==8.1.7"), reqs("click==8.1.7", "idna>=3")},
		"PIN091": {reqs("click==8.1.7" + hash), reqs("click==8.1.7")},
		"PIN092": {depending(folder("pyproject.toml", bound("true"))), depending(folder("pyproject.toml", bound("false")))},
	}
}
