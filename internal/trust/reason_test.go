package trust

import "testing"

func TestReason(t *testing.T) {
	for want, r := range map[string]Response{
		"not trusted: the lock does not list this model": {What: notTrusted + unlisted.Title, Why: "the lock does not list this model"},
		"not safe to load: the verdict is dangerous":     {What: "not safe to load: the verdict is dangerous"},
		"policy cannot be read: no such file":            {What: "policy cannot be read", Why: "no such file"},
	} {
		if got := r.Reason(); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}
