package deps

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/andiron-dev/andiron/internal/pyindex"
)

// TestPublished: a release stands if any of the indexes has it that its installer
// searches, and what none of them tells is said once.
func TestPublished(t *testing.T) {
	pages := map[string]*pyindex.Page{
		"https://one.example/simple six":   {Files: []pyindex.File{{Name: "six-1.0-py3-none-any.whl"}, {Name: "six-1.1.tar.gz", Yanked: true}}},
		"https://wheels.example/cpu torch": {Files: []pyindex.File{{Name: "torch-2.7.0+cpu-cp312-cp312-linux_x86_64.whl"}}},
		"https://wheels.example/cpu six":   {Files: []pyindex.File{{Name: "six-1.1-py3-none-any.whl"}}},
	}
	page := func(index, name string) (*pyindex.Page, error) {
		if strings.Contains(index, "down.example") {
			return nil, errors.New("it does not answer")
		}
		return pages[index+" "+name], nil
	}
	const both = "--index-url https://one.example/simple\n--extra-index-url https://wheels.example/cpu\n"
	for _, tt := range []struct{ name, file, index, want string }{
		{"it is on the second", both + "torch==2.7.0+cpu\n", "", ""},
		{"yanked on one, and not on the other", both + "six==1.1\n", "", ""},
		{"on neither", both + "torch==2.6.0\n", "", `torch 2.6.0 is not, or not any more, on "https://one.example/simple" or "https://wheels.example/cpu"`},
		{"yanked", "-i https://one.example/simple\nsix==1.1\n", "", `six 1.1 was yanked from "https://one.example/simple"`},
		{"nobody says where", "six==1.0\ntorch==2.7.0\n", "", "whether six 1.0 and 1 more were withdrawn cannot be told: no file names the index that it comes from"},
		{"the user does", "six==1.0\n", "https://one.example/simple", ""},
		{"the second is known, and not the first", "--extra-index-url https://wheels.example/cpu\ntorch==2.7.0+cpu\nsix==1.0\n", "", `whether six 1.0 was withdrawn cannot be told: it is not on "https://wheels.example/cpu", and no file names the index that is searched first`},
		{"pages of links", "-i https://one.example/simple\n-f https://wheels.example/links.html\ntorch==2.7.0\n", "", `whether torch 2.7.0 was withdrawn cannot be told: it is not on "https://one.example/simple", and pages of links are not asked`},
		{"no answer", "-i https://down.example/simple\nsix==1.0\ntorch==2.7.0\n", "", "whether six 1.0 and 1 more were withdrawn cannot be told: it does not answer"},
		{"no answer from one of two", "-i https://down.example/simple\n--extra-index-url https://wheels.example/cpu\nsix==1.1\n", "", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var got []string
			for _, f := range Check(gather(t, "requirements.txt", tt.file), Options{Page: page, Index: tt.index, Now: clock}) {
				if slices.Contains([]string{yanked.ID, quarantined.ID}, f.Rule) {
					got = append(got, f.Message)
				}
			}
			if strings.Join(got, "; ") != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}
