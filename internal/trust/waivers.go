package trust

import (
	"fmt"
	"path/filepath"

	"github.com/andiron-dev/andiron/finding"
	"github.com/andiron-dev/andiron/internal/waiver"
)

// Waivers reports the waivers that need somebody's eye: those whose day has passed
// and, where the whole project was looked at, those of the rules that were looked
// for (nil: all) that covered nothing. policy is what findings call the file that
// they stand in.
func Waivers(list *waiver.List, policy string, whole bool, looked func(rule string) bool, report func(finding.Finding)) {
	where := finding.Where{Path: filepath.ToSlash(policy)}
	for _, w := range list.Expired(whole) {
		report(waiverExpired.Finding(where.Line1(w.Line, 0),
			fmt.Sprintf("the waiver of %s for %s expired after %s", w.Rule, w.Subject(), w.Expires), "owner: "+w.Owner, "reason: "+w.Reason))
	}
	if !whole {
		return
	}
	for _, w := range list.Unused(looked) {
		report(waiverUnused.Finding(where.Line1(w.Line, 0),
			fmt.Sprintf("the waiver of %s for %s covers nothing", w.Rule, w.Subject()), "owner: "+w.Owner, "reason: "+w.Reason))
	}
}
