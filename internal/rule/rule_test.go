package rule

import (
	"strings"
	"testing"

	"github.com/andiron-dev/andiron/finding"
)

func whole(id string) *Rule {
	return &Rule{ID: id, Title: "t", Strategy: finding.SecureLoading, Text: "x", Fix: "f", Since: "0.1.0"}
}

func TestNewCatalogue(t *testing.T) {
	c, err := NewCatalogue([]*Rule{whole("ZIP002"), whole("PKL001")}, []*Rule{whole("TS001")})
	if err != nil {
		t.Fatal(err)
	}
	var ids []string
	for _, r := range c {
		ids = append(ids, r.ID)
	}
	if got, want := strings.Join(ids, " "), "PKL001 TS001 ZIP002"; got != want {
		t.Errorf("ids = %q, want %q", got, want)
	}
	if c.Find("TS001") == nil || c.Find("TS002") != nil {
		t.Error("Find finds what is not there, or not what is")
	}
}

func TestNewCatalogueRefuses(t *testing.T) {
	noText := whole("PKL002")
	noText.Text = ""
	for name, rules := range map[string][]*Rule{
		"stands twice": {whole("PKL001"), whole("PKL001")},
		"not of the":   {whole("pickle-1")},
		"is empty":     {noText},
	} {
		if _, err := NewCatalogue(rules); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("NewCatalogue = %v, want an error with %q", err, name)
		}
	}
}

func TestFindings(t *testing.T) {
	r := whole("PKL001")
	r.Severity = finding.High
	f := r.Finding(finding.Where{Path: "a"}, "m", "e")
	u := r.Undetermined(finding.Where{Path: "a"}, "m")
	if f.Rule != "PKL001" || f.Severity != finding.High || f.Outcome != finding.Present || f.Fix != "f" || u.Outcome != finding.Undetermined {
		t.Errorf("findings = %+v, %+v", f, u)
	}
}
