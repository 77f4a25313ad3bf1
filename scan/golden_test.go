package scan_test

import (
	"bytes"
	"encoding/json"
	"os"
	"path"
	"slices"
	"strings"
	"testing"

	"github.com/andiron-dev/andiron/finding"
	"github.com/andiron-dev/andiron/internal/engine"
	"github.com/andiron-dev/andiron/internal/rule"
	"github.com/andiron-dev/andiron/scan"
)

// golden are files that torch 1.13, 2.6 and 2.14 wrote, and hostile ones made
// from them.
const golden = "../testdata/golden/torch"

// hostileGolden is the reason that each hostile file must be found for, by its
// name, and the verdict that follows. The two of framework are honest objects in
// a form that only torch.load(weights_only=False) and pickle.load read: what
// they say is which package's code runs.
var hostileGolden = map[string]struct {
	verdict finding.Verdict
	rules   []string
}{
	"bad_crc.pt":                 {finding.Suspicious, []string{"ZIP005"}},
	"case_variant_data_pkl.pt":   {finding.Suspicious, []string{"ZIP002"}},
	"duplicate_data_pkl.pt":      {finding.Suspicious, []string{"ZIP001", "TRC008"}},
	"entry_outside_prefix.pt":    {finding.Suspicious, []string{"TRC007", "ZIP008"}},
	"legacy_plus_zip.pt":         {finding.Suspicious, []string{"TRC004"}},
	"nested_load_from_bytes.pt":  {finding.Framework, []string{"PKL090"}},
	"os_global_inert.pt":         {finding.Unknown, []string{"PKL041"}},
	"pt2_expr_str_call.pt2":      {finding.Dangerous, []string{"PT2001"}},
	"raw_pickle_tensor.pkl":      {finding.Framework, []string{"PKL090"}},
	"setitem_on_tensor.pt":       {finding.Dangerous, []string{"PKL035"}},
	"storage_numel_mismatch.pt":  {finding.Dangerous, []string{"TRC001"}},
	"trailing_pickle.pt":         {finding.Suspicious, []string{"TRC003"}},
	"ts_as_strided_oob.pt":       {finding.Suspicious, []string{"TS003"}},
	"ts_aten_save_in_forward.pt": {finding.Dangerous, []string{"TS002"}},
	"ts_from_file_in_forward.pt": {finding.Dangerous, []string{"TS002"}},
}

// collect keeps what is in a stream.
type collect struct {
	artifacts []finding.Artifact
	loose     []finding.Finding
}

func (*collect) Config(finding.Config) error         { return nil }
func (*collect) Progress(finding.Progress) error     { return nil }
func (*collect) Dependency(finding.Dependency) error { return nil }
func (*collect) Posture(finding.Posture) error       { return nil }
func (*collect) Summary(finding.Summary) error       { return nil }
func (c *collect) Artifact(a finding.Artifact) error {
	c.artifacts = append(c.artifacts, a)
	return nil
}
func (c *collect) Finding(f finding.Finding) error { c.loose = append(c.loose, f); return nil }

// TestGolden: what torch wrote passes, but for what runs code that nobody has
// reviewed; each hostile file is found for its own reason.
func TestGolden(t *testing.T) {
	rules, err := engine.Catalogue()
	if err != nil {
		t.Fatal(err)
	}
	var c collect
	if err := scan.Paths(t.Context(), []string{golden}, scan.Options{}, &c); err != nil {
		t.Fatal(err)
	}
	hostiles := map[string]int{}
	for _, a := range c.artifacts {
		if path.Base(path.Dir(a.Path)) == "hostile" {
			hostiles[path.Base(a.Path)]++
			checkHostile(t, a)
			continue
		}
		checkHonest(t, a, rules)
	}
	for name := range hostileGolden {
		if hostiles[name] < 2 {
			t.Errorf("%q was seen %d times", name, hostiles[name])
		}
	}
	for _, f := range c.loose {
		t.Errorf("of no artifact: %s %s: %s", f.Rule, f.Where, f.Message)
	}
	if len(c.artifacts) < 320 {
		t.Errorf("only %d files were seen", len(c.artifacts))
	}
}

func checkHostile(t *testing.T, a finding.Artifact) {
	t.Helper()
	want, ok := hostileGolden[path.Base(a.Path)]
	if !ok {
		t.Errorf("%s is not in the table", a.Path)
		return
	}
	if a.Verdict != want.verdict {
		t.Errorf("%s is %s, want %s: %s", a.Path, a.Verdict, want.verdict, reasonsOf(a))
	}
	for _, id := range want.rules {
		if !hasRule(a, id) {
			t.Errorf("%s is not found by %s: %s", a.Path, id, reasonsOf(a))
		}
	}
}

func checkHonest(t *testing.T, a finding.Artifact, rules rule.Catalogue) {
	t.Helper()
	id := reviewedByNobody(t, a)
	if id == "" {
		if a.Verdict > finding.Framework {
			t.Errorf("%s is %s: %s", a.Path, a.Verdict, reasonsOf(a))
		}
		return
	}
	if a.Verdict != finding.Unknown || !hasRule(a, id) {
		t.Errorf("%s is %s, want unknown for %s: %s", a.Path, a.Verdict, id, reasonsOf(a))
	}
	for _, f := range a.Findings {
		if r := rules.Find(f.Rule); f.Rule != id && (r == nil || r.Verdict > finding.Framework) {
			t.Errorf("%s: beside %s: %s %s", a.Path, id, f.Rule, f.Message)
		}
	}
}

// reviewedByNobody returns the rule for code of the file that nobody has
// reviewed, which makes it unknown: a class of the saver's own script, source in
// a torch.package archive, libraries of AOTInductor. It goes by the bytes and by
// the manifest, not by what andiron says.
func reviewedByNobody(t *testing.T, a finding.Artifact) string {
	t.Helper()
	b, err := os.ReadFile(a.Path)
	if err != nil {
		t.Fatal(err)
	}
	if bytes.Contains(b, []byte("c__main__\n")) {
		return "PKL042"
	}
	switch container(t, a.Path) {
	case "torch-package":
		return "TRC009"
	case "pt2-aoti":
		return "PT2002"
	}
	return ""
}

// container is what a file is by its manifest; the files of a folder that is one
// checkpoint have none of their own.
func container(t *testing.T, file string) string {
	t.Helper()
	b, err := os.ReadFile(file + ".manifest.json")
	if err != nil {
		return ""
	}
	var m struct{ Container string }
	if err := json.Unmarshal(b, &m); err != nil {
		t.Fatalf("%s: %v", file, err)
	}
	return m.Container
}

func hasRule(a finding.Artifact, id string) bool {
	return slices.ContainsFunc(a.Findings, func(f finding.Finding) bool { return f.Rule == id })
}

// reasonsOf are the findings that decided, for a failing test's message.
func reasonsOf(a finding.Artifact) string {
	var lines []string
	for _, f := range a.Findings {
		if f.Severity > finding.Info || f.Outcome == finding.Undetermined {
			lines = append(lines, f.Rule+" "+string(f.Outcome)+" "+f.Message)
		}
	}
	return strings.Join(lines, "\n\t")
}
