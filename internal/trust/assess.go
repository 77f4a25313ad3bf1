package trust

import (
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/andiron-dev/andiron/internal/lockfile"
	"github.com/andiron-dev/andiron/internal/rule"
	"github.com/andiron-dev/andiron/internal/source"
)

// subject is what is known of one file. What is empty is not known, or not yet.
type subject struct {
	path     string // relative to the root; empty where it lies elsewhere
	real     string // the same without links
	abs      string
	url      string // canonical
	size     int64
	digest   string
	format   string
	modified time.Time
	expect   string // the digest that the caller trusts
}

// problem is one reason not to trust a file. A finding is made of it.
type problem struct {
	rule         *rule.Rule
	message      string
	evidence     []string
	undetermined bool
}

// opinion is what lock and policy say of a file.
type opinion struct {
	entry    *lockfile.Model // that lists it
	rule     *source.Rule    // that covers it
	problems []problem
	scan     bool   // the verdict on its bytes decides as well
	hash     bool   // more can be said once the digest is known
	identify bool   // more can be said once the format is known
	signer   string // whose signature was verified
	expected string // digest that the lock lists for the path
}

func (o *opinion) against(r *rule.Rule, message string, evidence ...string) {
	o.problems = append(o.problems, problem{rule: r, message: message, evidence: evidence})
}

func (o *opinion) unknown(message string, evidence ...string) {
	o.problems = append(o.problems, problem{rule: unchecked, message: message, evidence: evidence, undetermined: true})
}

// assess holds a file against policy and lock. With no digest it says only what is
// certain whatever the digest is.
func (r *Room) assess(ctx context.Context, s subject) (o opinion) {
	signatures := &signatures{ctx: ctx, room: r, subject: s}
	if r.opt.Sources.Named {
		r.sources(s, signatures, &o)
	} else {
		r.locked(s, false, &o)
	}
	if len(o.problems) == 0 {
		r.signed(signatures, &o)
	}
	return o
}

// sources finds the rule that decides and asks what it asks.
func (r *Room) sources(s subject, sig *signatures, o *opinion) {
	where := source.Subject{Path: s.path, URL: r.address(s)}
	if s.digest != "" {
		where.SignedBy = sig.by
	}
	m := r.opt.Sources.Match(where, r.opt.Now)
	switch {
	case m.Open: // any rule may turn out to decide, also one that wants the bytes
		o.hash, o.identify = true, true
		return
	case m.Rule == nil:
		o.against(noSource, "no rule of sources allows this model", expiredRules(m.Expired)...)
		return
	case m.Rule.Trust == source.Deny:
		o.rule = m.Rule
		o.against(noSource, fmt.Sprintf("the rule %q of sources denies this model", m.Rule))
		return
	}
	o.rule = m.Rule
	if m.Rule.Path != "" && s.real != "" && s.real != s.path {
		r.behind(s, where, o)
	}
	if m.Rule.Trust == source.Locked {
		r.locked(s, true, o)
	} else {
		r.scanned(s, o)
	}
	r.limits(s, o)
}

// behind asks for a rule that allows the place where a link leads to: who may put
// links into a trusted folder does not decide what is trusted.
func (r *Room) behind(s subject, where source.Subject, o *opinion) {
	where.Path = s.real
	m := r.opt.Sources.Match(where, r.opt.Now)
	if !m.Open && (m.Rule == nil || m.Rule.Trust == source.Deny) {
		o.against(noSource, fmt.Sprintf("it is a link to %q, which no rule of sources allows", s.real), expiredRules(m.Expired)...)
	}
}

func expiredRules(rules []*source.Rule) (evidence []string) {
	for _, r := range rules {
		evidence = append(evidence, fmt.Sprintf("the rule %q would, and is past its review day %s", r, r.ReviewBy))
	}
	return evidence
}

// address is where a file came from: as the caller, the cache that it lies in, or
// the lock says.
func (r *Room) address(s subject) string {
	if s.url != "" {
		return s.url
	}
	if url, _, ok := source.HubURL(filepath.ToSlash(s.abs)); ok {
		return url
	}
	for _, m := range r.lock.Digest(s.digest) {
		if m.Source != "" {
			return m.Source // the same bytes, wherever they lie
		}
	}
	return ""
}

// limits holds a file against what its rule allows.
func (r *Room) limits(s subject, o *opinion) {
	rule := o.rule
	if !rule.AllowsSize(s.size) {
		o.against(tooLarge, fmt.Sprintf("%d bytes are more than the %d that the rule %q allows", s.size, rule.MaxSize, rule))
	}
	format := s.format
	if format == "" && o.entry != nil {
		format = o.entry.Format
	}
	switch {
	case len(rule.Formats) == 0:
	case format == "":
		o.identify = true
	case !rule.AllowsFormat(format):
		o.against(badFormat, fmt.Sprintf("the format %s is not among those that the rule %q allows: %s", format, rule, strings.Join(rule.Formats, ", ")))
	}
	r.age(s, o)
}

func (r *Room) age(s subject, o *opinion) {
	since, what := s.modified, "modified"
	if o.rule.Trust == source.Locked {
		if o.entry == nil {
			return // it is not known which entry it is, or there is none, which was said
		}
		since, what = addedAt(o.entry), "added to the lock"
	}
	if !o.rule.AllowsAge(since, r.opt.Now) {
		o.against(tooYoung, fmt.Sprintf("it was %s at %s, and the rule %q demands an age of %s",
			what, since.UTC().Format(time.RFC3339), o.rule, o.rule.MinAge))
	}
}

func addedAt(m *lockfile.Model) time.Time {
	t, _ := time.Parse(time.RFC3339, m.AddedAt) // the zero time, which is no age, where it is none
	return t
}

// scanned is trust in the verdict on a file. What the lock says of its path counts
// all the same.
func (r *Room) scanned(s subject, o *opinion) {
	o.scan = true
	literal, _ := r.lock.For(r.lockPath(s))
	if len(literal) == 0 {
		return
	}
	o.expected = literal[0].SHA256
	if s.digest == "" {
		o.hash = true
		return
	}
	if o.entry = with(literal, s.digest); o.entry == nil {
		o.against(changed, "the lock lists another digest for this path", digests(literal[0], s)...)
	}
}

func with(list []*lockfile.Model, digest string) *lockfile.Model {
	for _, m := range list {
		if m.SHA256 == digest {
			return m
		}
	}
	return nil
}

// lockPath is the name of a file in the lock: its path, or for one of a Hugging
// Face cache elsewhere its address.
func (r *Room) lockPath(s subject) string {
	if s.path != "" {
		return s.path
	}
	return strings.TrimPrefix(r.hubAddress(s), "https://")
}

func (r *Room) hubAddress(s subject) string {
	url, _, ok := source.HubURL(filepath.ToSlash(s.abs))
	if !ok {
		return ""
	}
	return url
}

// locked asks the lock. covered says that a rule of the policy trusts the place, so
// that a digest which is listed for another one is enough.
func (r *Room) locked(s subject, covered bool, o *opinion) {
	literal, matched := r.lock.For(r.lockPath(s))
	if len(literal) > 0 {
		o.expected = literal[0].SHA256
	}
	all := slices.Concat(literal, matched)
	if s.digest == "" {
		r.early(s, literal, all, covered, o)
		return
	}
	if o.entry = with(all, s.digest); o.entry != nil {
		return
	}
	elsewhere := r.lock.Digest(s.digest)
	switch {
	case len(literal) > 0:
		o.against(changed, "the lock lists another digest for this path", digests(literal[0], s)...)
	case len(elsewhere) > 0 && covered:
		o.entry = elsewhere[0]
	case len(elsewhere) > 0:
		o.against(noSource, fmt.Sprintf("the lock lists this model for another place, %q", elsewhere[0].Path))
	case s.expect == s.digest && !covered:
		o.scan = true // the caller vouches for it
	case len(matched) > 0:
		o.against(unlisted, fmt.Sprintf("the lock lists other digests for %q, and not this one", matched[0].Path), "it is "+s.digest)
	default:
		o.against(unlisted, r.notListed())
	}
}

func (r *Room) notListed() string {
	if r.opt.Lock == nil {
		return "there is no lock that lists this model"
	}
	return "the lock does not list this model"
}

// early says what no digest can change.
func (r *Room) early(s subject, literal, all []*lockfile.Model, covered bool, o *opinion) {
	sized := func(list []*lockfile.Model) bool {
		for _, m := range list {
			if m.Size == s.size {
				return true
			}
		}
		return false
	}
	switch {
	case len(literal) > 0 && !sized(all):
		o.against(changed, "the lock lists another size for this path", fmt.Sprintf("it has %d bytes, the lock says %d", s.size, literal[0].Size))
	case sized(all):
		o.hash = true
		if literal != nil && len(all) == 1 {
			o.entry = literal[0] // which the digest has yet to confirm
		}
	case covered && r.lock.Size(s.size):
		o.hash = true
	case s.expect != "" && !covered:
		o.hash, o.scan = true, true
	default:
		o.against(unlisted, r.notListed())
	}
}

func digests(m *lockfile.Model, s subject) []string {
	return []string{"it is " + s.digest, fmt.Sprintf("the lock lists %s, added by %s at %s", m.SHA256, m.AddedBy, m.AddedAt)}
}
