package deps

import (
	"fmt"
	"slices"

	"github.com/andiron-dev/andiron/finding"
	"github.com/andiron-dev/andiron/internal/advisory"
	"github.com/andiron-dev/andiron/internal/family"
	"github.com/andiron-dev/andiron/internal/manifest"
)

// published is the name that a package has on the index.
func (st *statement) published() string {
	if st.Source.Type == manifest.Conda {
		return family.FromConda(st.Name)
	}
	return st.Name
}

// hits are the advisories that a package has, or may have.
func (s *scanner) hits(st *statement) (hits []advisory.Hit, err error) {
	switch {
	case s.opt.Advisories == nil || st.locked != nil:
	case st.exact:
		hits, err = s.opt.Advisories.Match(st.published(), st.version)
	case st.problem == "" && st.indexed():
		hits, err = s.opt.Advisories.MayMatch(st.published(), st.allowed)
	}
	if err != nil {
		return nil, fmt.Errorf("the advisories of %q: %w", st.published(), err)
	}
	return hits, nil
}

// always reports malware of which no version is any better.
func always(h advisory.Hit) bool {
	return h.Malicious && slices.ContainsFunc(h.Ranges, func(i advisory.Interval) bool { return i.From == "" && i.End == advisory.Endless })
}

// divide takes the hits apart of which it cannot be told whether they are any. A
// channel of conda builds a package anew, or has another one under the same name, so
// that a malicious upload to the index may not be what is there.
func (st *statement) divide(hits []advisory.Hit) (sure, unclear []advisory.Hit) {
	for _, h := range hits {
		if h.Malicious && h.Unclear == "" && st.Source.Type == manifest.Conda {
			h.Unclear = "the malicious release was on the package index, and this is a package of conda by that name"
		}
		if h.Unclear != "" {
			unclear = append(unclear, h)
		} else {
			sure = append(sure, h)
		}
	}
	return sure, unclear
}

// unclear reports an advisory that may be about a version.
func (s *scanner) unclear(st *statement, id finding.Package, h advisory.Hit) {
	f := vulnerable.Undetermined(st.where(), fmt.Sprintf("whether %s has %s cannot be told", st.shown(), h.ID), h.Unclear)
	if h.Malicious {
		f = malicious.Undetermined(st.where(), fmt.Sprintf("whether %s is the malicious release of %s cannot be told", st.shown(), h.ID), h.Unclear)
	}
	if st.Source.Type == manifest.Conda {
		f.Severity = finding.Low // by far the most of them share nothing but the name
	}
	f.Package = &id
	f.Advisory = &finding.Advisory{ID: h.ID, Aliases: append([]string{}, h.Aliases...)}
	s.report(f)
}
