package cli

import (
	"slices"
	"strings"
	"testing"

	"github.com/andiron-dev/andiron/internal/allowance"
)

// The names that a pickle asks for, and which modules a policy has imported for it.
func TestNames(t *testing.T) {
	const (
		magic = "\x80\x02\x8a\x0al\xfc\x9cF\xf9 j\xa8P\x19." // of the legacy form of torch.save
		proto = "\x80\x02M\xe9\x03."
		info  = "\x80\x02}q\x00."
		body  = "\x80\x02cown.net\nNet\nq\x00cown.net\nOther\nccollections\nOrderedDict\ncnot a module\nX\n0000."
	)
	file := magic + proto + info + body + "\x80\x02]q\x00."
	all := namesOf(strings.NewReader(file), int64(len(file)))
	if got, want := all.String(), "collections.OrderedDict, own.net.Net, own.net.Other"; got != want {
		t.Errorf("%s, not %s", got, want)
	}
	p := allowance.Policy{Globals: []string{"own.net.Net"}}
	if got := all.modules(p.Allows); !slices.Equal(got, []string{"own.net"}) {
		t.Errorf("allowed: %v", got)
	}
	if got := all.modules(nil); !slices.Equal(got, []string{"collections", "own.net"}) {
		t.Errorf("all: %v", got)
	}
	if got := all.in([]string{"own.net"}).String(); got != "own.net.Net, own.net.Other" {
		t.Errorf("of a module: %v", got)
	}
	if got := namesOf(strings.NewReader("no checkpoint"), 13); len(got) > 0 {
		t.Errorf("no checkpoint asks for %v", got)
	}
}
