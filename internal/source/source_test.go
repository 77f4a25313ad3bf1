package source

import (
	"strings"
	"testing"
	"time"

	"github.com/andiron-dev/andiron/internal/day"
)

const commit = "0123456789abcdef0123456789abcdef01234567"

func TestCanonical(t *testing.T) {
	tests := []struct{ in, want string }{ // want is empty where it is refused
		{"https://huggingface.co/acme/", "https://huggingface.co/acme/"},
		{"HTTPS://HuggingFace.CO/Acme/x", "https://huggingface.co/Acme/x"},
		{"https://h.example", "https://h.example/"},
		{"https://h.example:443/x", "https://h.example/x"},
		{"https://h.example:8443/x", "https://h.example:8443/x"},
		{"http://h.example/x", ""},
		{"ftp://h.example/x", ""},
		{"h.example/x", ""},
		{"https:/h.example/x", ""},
		{"https:///x", ""},
		{"https://u@h.example/x", ""},
		{"https://u:p@h.example/x", ""},
		{"https://h.example:p@evil.example/x", ""},
		{"https://h.example\\@evil.example/x", ""},
		{"https://h.example./x", ""},
		{"https://h..example/x", ""},
		{"https://h.example:0/x", ""},
		{"https://h.example:0443/x", ""},
		{"https://h.example:99999/x", ""},
		{"https://h.example:/x", ""},
		{"https://[::1]/x", ""},
		{"https://h.example/a/../b", ""},
		{"https://h.example/a/./b", ""},
		{"https://h.example/a//b", ""},
		{"https://h.example/..", ""},
		{"https://h.example/%2e%2e/b", ""},
		{"https://h.example/a%2fb", ""},
		{"https://h.example/a\\b", ""},
		{"https://h.example/a?b", ""},
		{"https://h.example/a#b", ""},
		{"https://h.example/a b", ""},
		{"https://h.example/a\nb", ""},
		{"https://h.exämple/a", ""},
		{"https://h.example/ä", ""},
		{"https://h.example/" + strings.Repeat("a", maxURL), ""},
	}
	for _, tt := range tests {
		got, err := Canonical(tt.in)
		if got != tt.want || (err == nil) != (tt.want != "") {
			t.Errorf("Canonical(%.60q) = %q, %v", tt.in, got, err)
		}
	}
}

func TestPinned(t *testing.T) {
	for url, want := range map[string]bool{
		"https://huggingface.co/a/m/resolve/" + commit + "/x.bin":              true,
		"https://huggingface.co/a/m/resolve/main/" + commit + "/x.bin":         false,
		"https://huggingface.co/a/" + commit + "/resolve/main/x.bin":           false,
		"https://huggingface.co/a/m/resolve/main/x.bin":                        false,
		"https://huggingface.co/a/m/resolve/" + commit[1:] + "/x.bin":          false,
		"https://huggingface.co/a/m/resolve/" + strings.ToUpper(commit) + "/x": false,
		"https://raw.githubusercontent.com/o/r/" + commit + "/x":               true,
		"https://raw.githubusercontent.com/o/r/main/" + commit + "/x":          false,
		"https://cdn.example/models/" + commit + "/x.pt":                       true,
		"https://cdn.example/models/" + commit:                                 false,
		"https://cdn.example/models/" + commit + "/":                           false,
		"https://cdn.example/x.pt":                                             false,
	} {
		if got := Pinned(url); got != want {
			t.Errorf("Pinned(%q) = %v", url, got)
		}
	}
}

func TestHubURL(t *testing.T) {
	tests := []struct{ path, url, dir string }{
		{"/h/hub/models--a--m/snapshots/" + commit + "/sub/x.bin", "https://huggingface.co/a/m/resolve/" + commit + "/sub/x.bin", "/h/hub"},
		{"models--gpt2/snapshots/" + commit + "/x", "https://huggingface.co/gpt2/resolve/" + commit + "/x", ""},
		{"models--a--m/snapshots/main/x", "", ""},
		{"models--a--m/blobs/x", "", ""},
		{"models--a--m/snapshots/" + commit, "", ""},
		{"models--a--m--z/snapshots/" + commit + "/x", "", ""},
		{"models----m/snapshots/" + commit + "/x", "", ""},
		{"models--a--../snapshots/" + commit + "/x", "", ""},
		{"models--a--m/snapshots/" + commit + "/../x", "", ""},
	}
	for _, tt := range tests {
		url, dir, ok := HubURL(tt.path)
		if url != tt.url || dir != tt.dir || ok != (tt.url != "") {
			t.Errorf("HubURL(%q) = %q, %q, %v", tt.path, url, dir, ok)
		}
	}
}

// Each key of a rule decides: with it changed, the outcome is another.
func TestMatch(t *testing.T) {
	now := time.Date(2027, 1, 10, 12, 0, 0, 0, time.UTC)
	past, _ := day.Parse("2027-01-09")
	today, _ := day.Parse("2027-01-10")
	file := Subject{Path: "models/a.pt", URL: "https://huggingface.co/acme/m/resolve/" + commit + "/a.pt"}
	signed := func(by string) func(string) bool { return func(s string) bool { return s == by } }
	tests := []struct {
		name    string
		rules   []Rule
		subject Subject
		want    string // the name of the rule; "" none; "?" open
	}{
		{"no rules", nil, file, ""},
		{"path", []Rule{{Name: "a", Path: "models/"}}, file, "a"},
		{"other path", []Rule{{Name: "a", Path: "other/"}}, file, ""},
		{"outside of the project", []Rule{{Name: "a", Path: "**"}}, Subject{}, ""},
		{"first wins", []Rule{{Name: "a", Path: "models/a.pt"}, {Name: "b", Path: "models/"}}, file, "a"},
		{"url", []Rule{{Name: "u", URL: "https://huggingface.co/acme/"}}, file, "u"},
		{"url of a name that begins alike", []Rule{{Name: "u", URL: "https://huggingface.co/acm"}}, file, ""},
		{"url that is not pinned", []Rule{{Name: "u", URL: "https://huggingface.co/acme/"}}, Subject{URL: "https://huggingface.co/acme/m/resolve/main/a.pt"}, ""},
		{"no url known", []Rule{{Name: "u", URL: "https://huggingface.co/acme/"}}, Subject{Path: "models/a.pt"}, ""},
		{"past review", []Rule{{Name: "a", Path: "models/", ReviewBy: past}}, file, ""},
		{"review day", []Rule{{Name: "a", Path: "models/", ReviewBy: today}}, file, "a"},
		{"past review, then another", []Rule{{Name: "a", Path: "models/", ReviewBy: past}, {Name: "b", Path: "**"}}, file, "b"},
		{"signer not known yet", []Rule{{Name: "s", Signer: "release"}, {Name: "b", Path: "**"}}, file, "?"},
		{"signer", []Rule{{Name: "s", Signer: "release"}}, Subject{SignedBy: signed("release")}, "s"},
		{"another signer", []Rule{{Name: "s", Signer: "release"}}, Subject{SignedBy: signed("other")}, ""},
		{"path before signer", []Rule{{Name: "a", Path: "models/"}, {Name: "s", Signer: "release"}}, file, "a"},
		{"rule without a source", []Rule{{Name: "x"}}, Subject{SignedBy: signed("")}, ""},
	}
	for _, tt := range tests {
		p := Policy{Named: true, Rules: tt.rules}
		m := p.Match(tt.subject, now)
		got := ""
		switch {
		case m.Open:
			got = "?"
		case m.Rule != nil:
			got = m.Rule.Name
		}
		if got != tt.want {
			t.Errorf("%s: rule %q, want %q", tt.name, got, tt.want)
		}
		if expired := strings.HasPrefix(tt.name, "past review"); expired != (len(m.Expired) == 1) {
			t.Errorf("%s: %d expired", tt.name, len(m.Expired))
		}
	}
}

func TestLimits(t *testing.T) {
	now := time.Date(2027, 1, 10, 12, 0, 0, 0, time.UTC)
	r := Rule{Formats: []string{"safetensors"}, MaxSize: 10, MinAge: time.Hour}
	if !r.AllowsFormat("safetensors") || r.AllowsFormat("pickle") || r.AllowsFormat("") {
		t.Error("formats")
	}
	if !r.AllowsSize(10) || r.AllowsSize(11) {
		t.Error("size")
	}
	if !r.AllowsAge(now.Add(-time.Hour), now) || r.AllowsAge(now.Add(-time.Minute), now) || r.AllowsAge(time.Time{}, now) || r.AllowsAge(now.Add(time.Hour), now) {
		t.Error("age")
	}
	if r := (&Rule{}); !r.AllowsFormat("") || !r.AllowsSize(1<<60) || !r.AllowsAge(time.Time{}, now) {
		t.Error("a rule without limits limits")
	}
}

func TestParseTrust(t *testing.T) {
	if got, err := ParseTrust("scan", Locked, Scan, Deny); got != Scan || err != nil {
		t.Error(got, err)
	}
	if got, err := ParseTrust("locked", Deny, Scan); got != Deny || err == nil || err.Error() != `"locked" is not one of deny, scan` {
		t.Error(got, err)
	}
}

func TestParseAge(t *testing.T) {
	for in, want := range map[string]time.Duration{
		"24h": 24 * time.Hour, "7d": 7 * 24 * time.Hour,
		"": 0, "h": 0, "24": 0, "0h": 0, "-1h": 0, "1.5h": 0, "1m": 0, "7d1h": 0, "36501d": 0, "99999999999d": 0,
	} {
		if got, err := ParseAge(in); got != want || (err == nil) != (want > 0) {
			t.Errorf("ParseAge(%q) = %v, %v", in, got, err)
		}
	}
}

// What is canonical stays as it is, and holds nothing that could be read twice.
func FuzzCanonical(f *testing.F) {
	f.Add("https://huggingface.co/acme/m/resolve/" + commit + "/x.bin")
	f.Add("https://a@b:443/%2e%2e/?#")
	f.Add("https://h.example/name@1") // an @ in the path is no credential
	f.Fuzz(func(t *testing.T, s string) {
		c, err := Canonical(s)
		if err != nil {
			return
		}
		if again, err := Canonical(c); again != c || err != nil {
			t.Errorf("%q becomes %q, %v", c, again, err)
		}
		host, path, _ := strings.Cut(strings.TrimPrefix(c, "https://"), "/")
		if strings.ContainsAny(host, "@[]") || strings.ContainsAny(c, "%?#\\ ") || strings.Contains(c, "/../") || strings.Contains("/"+path, "//") {
			t.Errorf("%q", c)
		}
	})
}

// An address that is made from a path is canonical and pinned.
func FuzzHubURL(f *testing.F) {
	f.Add("/h/models--a--m/snapshots/" + commit + "/x.bin")
	f.Fuzz(func(t *testing.T, s string) {
		url, dir, ok := HubURL(s)
		if !ok {
			return
		}
		if c, err := Canonical(url); err != nil || c != url || !Pinned(url) || !strings.HasPrefix(s, dir) || !strings.HasPrefix(url, "https://huggingface.co/") {
			t.Errorf("%q gives %q, %q, %v", s, url, dir, err)
		}
	})
}
