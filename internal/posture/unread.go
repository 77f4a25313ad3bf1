package posture

import (
	"fmt"
	"slices"
	"strings"

	"github.com/andiron-dev/andiron/finding"
)

var (
	aboutDeps   = []finding.Strategy{finding.DependencyScanning, finding.DependencyPinning, finding.FrameworkUpdates}
	aboutModels = []finding.Strategy{finding.SafeSerialization, finding.TrustedSources, finding.SecureLoading}
	aboutCode   = append(slices.Clip(aboutModels), finding.InputValidation, finding.CustomOps)
)

// touches are the strategies that a finding may hide something of, by what it is about.
// What belongs to no room, such as a folder that could not be listed, may hide anything.
func touches(f finding.Finding, ofArtifact bool) []finding.Strategy {
	switch {
	case strings.HasPrefix(f.Rule, "DEP") && f.Rule != "DEP006" && f.Rule != "DEP007": // about advisories, and not about files
		return aboutDeps[:1]
	case strings.HasPrefix(f.Rule, "DEP"), strings.HasPrefix(f.Rule, "PIN"), strings.HasPrefix(f.Rule, "UPD"):
		return aboutDeps
	case ofOps(f):
		return []finding.Strategy{finding.CustomOps}
	case isTensors(f):
		return []finding.Strategy{finding.InputValidation}
	case fromCode(f):
		return aboutCode
	case ofArtifact, strings.HasPrefix(f.Rule, "TRU"):
		return aboutModels
	}
	return finding.Strategies()
}

// unread names what could not be looked at and may be about a strategy, or is empty.
func (in *Input) unread(s finding.Strategy) string {
	var places []string
	blind := false
	see := func(f finding.Finding, ofArtifact bool) {
		if f.Outcome != finding.Undetermined || f.Waived != nil {
			return
		}
		blind = true
		if slices.Contains(touches(f, ofArtifact), s) {
			places = append(places, spot(f))
		}
	}
	for _, a := range in.Artifacts {
		for _, f := range a.Findings {
			see(f, true)
		}
		if a.Verdict == finding.Unreadable {
			blind = true
			if slices.Contains(aboutModels, s) {
				places = append(places, a.Path)
			}
		}
	}
	for _, f := range in.Findings {
		see(f, false)
	}
	switch {
	case in.Interrupted:
		return "the run was interrupted before everything was looked at"
	case in.Incomplete && !blind:
		return "the run is incomplete: something could not be looked at"
	}
	return named(places)
}

// spot is where a finding is, or what it says where that is no place.
func spot(f finding.Finding) string {
	if at := f.Where.String(); at != "" {
		return at
	}
	return f.Message
}

// mostNamed is how many places are named.
const mostNamed = 5

func named(places []string) string {
	slices.Sort(places)
	places = slices.Compact(places)
	switch n := len(places); {
	case n == 0:
		return ""
	case n > mostNamed:
		return fmt.Sprintf("could not be looked at: %s and %s", strings.Join(places[:mostNamed], ", "), count(n-mostNamed, "more place", "more places"))
	}
	return "could not be looked at: " + strings.Join(places, ", ")
}

// remains is what remains possible with a strategy as it stands.
func (s *strategy) remains(p finding.Posture) string {
	var names []string
	for _, t := range s.threats {
		names = append(names, fmt.Sprintf("%s (%s)", t.Name, t.Severity))
	}
	threats := strings.Join(names, ", ")
	switch p.Status {
	case finding.Implemented:
		return s.residual
	case finding.Partial:
		if len(p.Missing) == 0 {
			return fmt.Sprintf("Where nobody looked, nothing is known of %s. Elsewhere: %s", threats, lower(s.residual))
		}
		return fmt.Sprintf("Through %s that %s missing: %s. With everything in place: %s",
			count(len(p.Missing), "point", "points"), isAre(len(p.Missing)), threats, lower(s.residual))
	case finding.Missing:
		return fmt.Sprintf("All of it: %s. With everything in place: %s", threats, lower(s.residual))
	case finding.Undecided:
		return fmt.Sprintf("Not known, and to be taken for all of it: %s.", threats)
	case finding.NotApplicable:
	}
	return "None, while the project has nothing that the strategy is about."
}

func isAre(n int) string {
	if n == 1 {
		return "is"
	}
	return "are"
}

func lower(s string) string {
	if s == "" {
		return s
	}
	return strings.ToLower(s[:1]) + s[1:]
}
