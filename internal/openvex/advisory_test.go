package openvex

import (
	"bytes"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/openvex/go-vex/pkg/vex"

	"github.com/andiron-dev/andiron/finding"
)

const torch = "pkg:pypi/torch@2.1.0%2Bcu118"

func writeAdvisories(t testing.TB, list ...Advisory) (string, *vex.VEX) {
	t.Helper()
	var b bytes.Buffer
	if err := WriteAdvisories(&b, list, at, "v1"); err != nil {
		t.Fatal(err)
	}
	doc, err := vex.Parse(b.Bytes())
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range doc.Statements {
		if err := s.Validate(); err != nil {
			t.Errorf("%v in %s", err, b.String())
		}
	}
	return b.String(), doc
}

func accepted(expires string) *finding.Waiver {
	return &finding.Waiver{Rule: "DEP001", Owner: "alice", Reason: "we quantize nothing", Expires: expires}
}

// A waiver accepts a risk; only with a justification, and until its day, does it say
// that there is none.
func TestAdvisoryStatus(t *testing.T) {
	const notReached = "vulnerable_code_not_in_execute_path"
	tests := []struct {
		name string
		a    Advisory
		want string // status, justification, impact, action, notes
	}{
		{"affected", Advisory{Fixed: "2.6.0"}, "affected|||update to 2.6.0 or later|"},
		{"action", Advisory{Fixed: "2.6.0", Action: "update torch and torchvision"}, "affected|||update torch and torchvision|"},
		{"no fix", Advisory{}, "affected|||replace the package or do without it: no version without the vulnerability is known|"},
		{"fixed", Advisory{State: Fixed, Fixed: "2.6.0"}, "fixed||||"},
		{"range", Advisory{State: UnderInvestigation, Fixed: "2.6.0"}, "under_investigation||||"},
		{
			"accepted",
			Advisory{Fixed: "2.6.0", Waived: accepted("2027-01-10")},
			"affected|||none until 2027-01-10, the risk is accepted by alice: we quantize nothing; then update to 2.6.0 or later|waived by alice until 2027-01-10",
		},
		{
			"harmless",
			Advisory{Fixed: "2.6.0", Waived: accepted("2027-01-10"), Justification: notReached},
			"not_affected|" + notReached + "|we quantize nothing||waived by alice until 2027-01-10",
		},
		{
			"expired",
			Advisory{Fixed: "2.6.0", Waived: accepted("2027-01-09"), Justification: notReached},
			"affected|||update to 2.6.0 or later|waived by alice until 2027-01-09, which has passed: we quantize nothing",
		},
		{
			"expired range",
			Advisory{State: UnderInvestigation, Waived: accepted("2027-01-09")},
			"under_investigation||||waived by alice until 2027-01-09, which has passed: we quantize nothing",
		},
		{"fixed and waived", Advisory{State: Fixed, Waived: accepted("2027-01-10")}, "fixed||||waived by alice until 2027-01-10"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			tt.a.ID, tt.a.Products = "CVE-2025-2149", []string{torch}
			_, doc := writeAdvisories(t, tt.a)
			s := doc.Statements[0]
			got := strings.Join([]string{string(s.Status), string(s.Justification), s.ImpactStatement, s.ActionStatement, s.StatusNotes}, "|")
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

func TestAdvisoryNames(t *testing.T) {
	_, doc := writeAdvisories(t, Advisory{
		ID: "CVE-2025-32434", Aliases: []string{"PYSEC-2025-41", "GHSA-53q9-r3pm-6pq6", "PYSEC-2025-41", ""},
		Summary: "torch.load can run code", Products: []string{torch, "pkg:pypi/torch@2.0.0", torch},
	})
	s := doc.Statements[0]
	want := vex.Vulnerability{Name: "CVE-2025-32434", Description: "torch.load can run code", Aliases: []vex.VulnerabilityID{"GHSA-53q9-r3pm-6pq6", "PYSEC-2025-41"}}
	if diff := cmp.Diff(want, s.Vulnerability); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	if len(s.Products) != 2 || s.Products[0].ID != "pkg:pypi/torch@2.0.0" || s.Products[1].Identifiers[vex.PURL] != torch {
		t.Errorf("products %+v", s.Products)
	}
	if !s.Matches("GHSA-53q9-r3pm-6pq6", torch, nil) || s.Matches("CVE-1", torch, nil) {
		t.Error("a tool that looks for an alias does not find it, or finds another")
	}
}

func TestAdvisoriesDeterministic(t *testing.T) {
	list := []Advisory{
		{ID: "CVE-2", Products: []string{torch, "pkg:pypi/a@1"}},
		{ID: "CVE-1", Products: []string{torch}, Fixed: "2.6.0"},
		{ID: "CVE-1", Products: []string{"pkg:pypi/a@1"}, State: Fixed},
	}
	one, a := writeAdvisories(t, list...)
	slices.Reverse(list)
	slices.Reverse(list[2].Products)
	two, _ := writeAdvisories(t, list...)
	if diff := cmp.Diff(one, two); diff != "" {
		t.Errorf("the order matters:\n%s", diff)
	}
	list[0].State = UnderInvestigation
	if _, b := writeAdvisories(t, list...); a.ID == b.ID {
		t.Error("another document has the same id")
	}
	if _, none := writeAdvisories(t); len(none.Statements) != 0 {
		t.Error("no advisories make statements")
	}
}

func TestAdvisoriesRefuse(t *testing.T) {
	good := Advisory{ID: "CVE-1", Products: []string{torch}}
	for want, change := range map[string]func(*Advisory){
		`advisory "": it has no id`:                                 func(a *Advisory) { a.ID = "" },
		`advisory "CVE-1": it has no products`:                      func(a *Advisory) { a.Products = []string{""} },
		`advisory "CVE-1": product "torch" is no package URL`:       func(a *Advisory) { a.Products = []string{"torch"} },
		`advisory "CVE-1": it has a justification and no waiver`:    func(a *Advisory) { a.Justification = "component_not_present" },
		`advisory "CVE-1": state 9 is none`:                         func(a *Advisory) { a.State = 9 },
		`advisory "CVE-1": the waiver expires on "soon" is not a d`: func(a *Advisory) { a.Waived = accepted("soon") },
		`advisory "CVE-1": justification "because" is not one of c`: func(a *Advisory) { a.Waived, a.Justification = accepted("2027-01-10"), "because" },
	} {
		a := good
		change(&a)
		err := WriteAdvisories(&bytes.Buffer{}, []Advisory{a}, at, "v1")
		if err == nil || !strings.HasPrefix(err.Error(), "openvex: "+want) {
			t.Errorf("got %v, want %s", err, want)
		}
	}
	err := WriteAdvisories(&bytes.Buffer{}, []Advisory{good, good}, at, "v1")
	if want := `openvex: advisory "CVE-1" stands twice for "` + torch + `"`; err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
	if err := WriteAdvisories(&bytes.Buffer{}, nil, "now", ""); err == nil {
		t.Error("a time that is none is taken")
	}
}

// FuzzAdvisories: whatever an advisory says, the document is one that its library reads.
func FuzzAdvisories(f *testing.F) {
	f.Add("CVE-1", "alice")
	f.Add("\xff\n<b>", "\x00")
	f.Fuzz(func(t *testing.T, id, text string) {
		if id == "" {
			return
		}
		w := accepted("2027-01-10")
		w.Owner, w.Reason = text, text
		a := Advisory{ID: id, Aliases: []string{text, id}, Summary: text, Fixed: text, Action: text}
		b, c := a, a
		b.Products, c.Products = []string{"pkg:pypi/b-" + text}, []string{"pkg:pypi/c-" + text}
		a.Products = []string{"pkg:pypi/a-" + text}
		b.Waived, c.Waived, c.Justification = w, w, "component_not_present"
		if _, doc := writeAdvisories(t, a, b, c); len(doc.Statements) != 3 {
			t.Errorf("%d statements", len(doc.Statements))
		}
	})
}
