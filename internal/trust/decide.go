package trust

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/andiron-dev/andiron/finding"
	"github.com/andiron-dev/andiron/internal/lockfile"
	"github.com/andiron-dev/andiron/internal/osfile"
	"github.com/andiron-dev/andiron/internal/rule"
	"github.com/andiron-dev/andiron/internal/source"
	"github.com/andiron-dev/andiron/internal/waiver"
)

// Request is what a loader asks before it loads a file. docs/spec/decide-v1.md
// describes it.
type Request struct {
	Version   int    `json:"v"`
	Operation string `json:"operation"`
	Path      string `json:"path"`
	Project   string `json:"project"`
	Stage     string `json:"stage"`
	Size      int64  `json:"size"`
	Mode      uint32 `json:"mode"`
	UID       uint32 `json:"uid"`
	SHA256    string `json:"sha256"`
	File      string `json:"file"`
	URL       string `json:"url"`
	Expect    string `json:"expect_sha256"`
	Upload    bool   `json:"upload"`
}

// Response is the answer. What is not allowed is denied.
type Response struct {
	Version  int      `json:"v"`
	Allowed  bool     `json:"allowed"`
	Need     []string `json:"need"` // what stage bytes has to bring
	Code     string   `json:"code"`
	What     string   `json:"what"`
	Where    string   `json:"where"`
	Why      string   `json:"why"`
	Hint     string   `json:"hint"`
	Rules    []string `json:"rules"`
	Expected string   `json:"expected_sha256"`
	Format   string   `json:"format"`
	Verdict  string   `json:"verdict"`
	Source   string   `json:"source"`
	Warnings []string `json:"warnings"`
}

// notTrusted begins what is said of a model that lock or policy are against; the title of
// a rule follows, and Why says the same of this model.
const notTrusted = "not trusted: "

// Reason is what and why in one line, for logs.
func (r *Response) Reason() string {
	switch {
	case r.Why == "":
		return r.What
	case strings.HasPrefix(r.What, notTrusted):
		return notTrusted + r.Why
	default:
		return r.What + ": " + r.Why
	}
}

// The stages of a decision.
const (
	StageOpen  = "open"  // before anything is read
	StageBytes = "bytes" // on a private copy of the bytes
)

// What stage bytes may have to bring.
const (
	needDigest = "sha256"
	needBytes  = "bytes"
)

// The codes of a decision.
const (
	CodeOK         = "ok"
	codeUntrusted  = "untrusted"
	codeDigest     = "digest"
	codePolicy     = "policy"
	codeSignature  = "signature"
	codeVerdict    = "verdict"
	codeUnreadable = "unreadable"
)

// jitLoad runs the code of an archive when it is loaded.
const jitLoad = "jit_load"

var operations = []string{"load", jitLoad, "load_safetensors", "guard"}

// Check says what is wrong with the form of a request.
func (q *Request) Check() error {
	switch {
	case q.Version != 1:
		return fmt.Errorf("v is %d and not 1, the only version that this andiron knows", q.Version)
	case !slices.Contains(operations, q.Operation):
		return fmt.Errorf("operation %q is not one of %s", q.Operation, strings.Join(operations, ", "))
	case q.Stage != StageOpen && q.Stage != StageBytes:
		return fmt.Errorf("stage %q is not one of open, bytes", q.Stage)
	case !filepath.IsAbs(q.Path):
		return fmt.Errorf("path %q is not absolute", q.Path)
	case q.Size < 0:
		return fmt.Errorf("size %d is below 0", q.Size)
	case q.Stage == StageOpen && (q.SHA256 != "" || q.File != ""):
		return errors.New("stage open has neither sha256 nor file")
	case q.Stage == StageBytes && q.SHA256 == "":
		return errors.New("stage bytes needs sha256")
	}
	for _, sum := range []string{q.SHA256, q.Expect} {
		if sum != "" && lockfile.CheckDigest(sum) != nil {
			return lockfile.CheckDigest(sum)
		}
	}
	return nil
}

// ScanFunc looks at a file that is a private copy and gives its digest and what was
// found in it, under a name.
type ScanFunc func(ctx context.Context, file, name string) (finding.Artifact, error)

// Decider answers requests about the files of one project.
type Decider struct {
	Room    *Room
	Waivers *waiver.List
	Judge   func([]finding.Finding) finding.Verdict
	Scan    ScanFunc
}

// Decide answers. Whatever it could not find out is a reason to deny.
func (d *Decider) Decide(ctx context.Context, q Request) Response {
	c := decision{Decider: d, ctx: ctx, q: q, out: Response{
		Version: 1, Need: []string{}, Code: CodeOK, Rules: []string{}, Warnings: []string{}, Where: q.Path, Expected: q.Expect,
	}}
	c.run()
	c.out.Allowed = c.out.Code == CodeOK
	if !c.out.Allowed {
		c.out.Need = []string{}
	}
	return c.out
}

// decision is one answer in the making.
type decision struct {
	*Decider
	ctx     context.Context //nolint:containedctx // it lives for one call of Decide
	q       Request
	out     Response
	subject subject
	opinion opinion
	scanned *finding.Artifact
}

func (c *decision) run() {
	if c.q.Expect != "" && c.q.SHA256 != "" && c.q.Expect != c.q.SHA256 {
		c.deny(codeDigest, changed, "the file is not the one that the caller expects", "it is "+c.q.SHA256)
		return
	}
	if !c.look() || !c.trust() {
		return
	}
	if c.q.Stage == StageOpen {
		c.ask()
		return
	}
	if c.needsBytes() && !c.scan() {
		return
	}
	c.lived()
}

// look finds the file and what the way to it is like.
func (c *decision) look() bool {
	r := c.Room
	if weak := r.weakTrust(); len(weak) > 0 {
		c.deny(codePolicy, writable, "others can change what is trusted: "+weak[0].path, weak[0].why)
		c.out.Hint = closeTo(weak[0].path)
		return false
	}
	c.subject = subject{abs: filepath.Clean(c.q.Path), size: c.q.Size, digest: c.q.SHA256, expect: c.q.Expect}
	if c.q.URL != "" {
		var err error
		if c.subject.url, err = source.Canonical(c.q.URL); err != nil {
			c.deny(codePolicy, noSource, err.Error())
			c.out.Hint = "name the file alone, at a commit: https://host/owner/repo/resolve/COMMIT/file"
			return false
		}
	}
	if c.q.Upload {
		return true // it has no place of its own
	}
	root, rel, done := c.home()
	defer done()
	if root == nil {
		return c.out.Code == CodeOK
	}
	return c.walk(root, rel)
}

// home is the folder beneath which the place of the file is judged: the project, or
// the Hugging Face cache that it lies in.
func (c *decision) home() (root *os.Root, rel string, done func()) {
	done = func() {}
	if rel = Relative(c.Room.opt.Root, c.q.Path); rel != "" {
		c.subject.path = rel
		return c.Room.root, rel, done
	}
	_, dir, ok := source.HubURL(filepath.ToSlash(c.subject.abs))
	if !ok {
		return nil, "", done
	}
	root, err := os.OpenRoot(filepath.FromSlash(dir))
	if err != nil {
		c.deny(codeUnreadable, unchecked, fmt.Sprintf("the cache that it lies in could not be looked at: %v", osfile.Cause(err)))
		return nil, "", done
	}
	return root, Relative(filepath.FromSlash(dir), c.q.Path), func() { _ = root.Close() }
}

func (c *decision) walk(root *os.Root, rel string) bool {
	way := walkPlace(root, rel, ownersOf(root))
	switch {
	case way.outside != nil:
		return c.problem(problem{rule: linkOut, message: "the way to it leads out of the folder: " + way.outside.Error()})
	case way.err != nil:
		return c.problem(problem{rule: unchecked, undetermined: true, message: "the way to it could not be looked at: " + way.err.Error()})
	}
	c.subject.real, c.subject.modified = way.real, way.info.ModTime()
	for _, w := range c.withOpened(way) {
		p := problem{rule: writable, message: fmt.Sprintf("others can exchange it: %q", w.path), evidence: []string{w.why}}
		if !c.Room.opt.Sources.Named { // its digest alone decides
			c.out.Warnings = append(c.out.Warnings, p.message+": "+w.why)
		} else if !c.problem(p) {
			c.out.Hint = closeTo(filepath.Join(root.Name(), filepath.FromSlash(w.path)))
			return false
		}
	}
	return true
}

// closeTo is how to keep others out of a place.
func closeTo(path string) string {
	return strings.ReplaceAll(writable.Fix, "PATH", strconv.Quote(path))
}

// withOpened adds what the caller says of the file that it opened, which may be
// another than the one that lies there now.
func (c *decision) withOpened(way place) []weakness {
	if c.q.Mode == 0 {
		return way.weak
	}
	why := weakAs(way.info, fs.FileMode(c.q.Mode).Perm(), c.q.UID, c.Room.owners)
	known := slices.ContainsFunc(way.weak, func(w weakness) bool { return w.path == way.real })
	if why == "" || known {
		return way.weak
	}
	return append(way.weak, weakness{way.real, why})
}

// weakTrust are the lock, the policy and their folder, where others can write to
// them.
func (r *Room) weakTrust() []weakness {
	if !r.Asked() {
		return r.weakOwn()
	}
	return append(r.weakOwn(), r.weakRoot()...)
}

func (r *Room) weakRoot() []weakness {
	info, err := r.root.Stat(".")
	if err != nil {
		return nil // it is there: it was opened
	}
	if why := weak(info, r.owners); why != "" {
		return []weakness{{r.opt.Root, why}}
	}
	return nil
}

// trust holds the file against policy and lock.
func (c *decision) trust() bool {
	if c.q.Upload {
		return c.upload()
	}
	c.opinion = c.Room.assess(c.ctx, c.subject)
	o := c.opinion
	if o.expected != "" {
		c.out.Expected = o.expected
	}
	if o.rule != nil {
		c.out.Source = o.rule.String()
	}
	if o.entry != nil {
		c.out.Format, c.out.Verdict, c.out.Expected = o.entry.Format, o.entry.Verdict, o.entry.SHA256
	}
	for _, p := range o.problems {
		if !c.problem(p) {
			return false
		}
	}
	if o.rule != nil && o.rule.ReviewBy.Over(c.Room.opt.Now.AddDate(0, 0, 30)) {
		c.out.Warnings = append(c.out.Warnings, fmt.Sprintf("the rule %q of sources is to be reviewed by %s", o.rule, o.rule.ReviewBy))
	}
	return true
}

func (c *decision) upload() bool {
	c.out.Source = "user_uploads"
	if c.Room.opt.Sources.Uploads == source.Deny {
		c.deny(codePolicy, noSource, "models that users hand in are denied")
		c.out.Hint = "set user_uploads: scan in andiron.yaml to load those whose verdict passes"
		return false
	}
	c.opinion.scan = true
	c.Room.signed(&signatures{ctx: c.ctx, room: c.Room, subject: c.subject}, &c.opinion)
	return !slices.ContainsFunc(c.opinion.problems, func(p problem) bool { return !c.problem(p) })
}

// problem denies for a reason, unless somebody answers for it.
func (c *decision) problem(p problem) bool {
	f := []finding.Finding{p.finding(finding.Where{Path: c.q.Path})}
	if c.q.SHA256 == "" && c.Waivers.ByDigest(p.rule.ID) && !p.undetermined {
		c.opinion.hash = true // which the digest may show to be waived
		return true
	}
	_ = c.Waivers.Apply(c.subject.path, c.digest, f) // there is no error
	if w := f[0].Waived; w != nil {
		c.out.Warnings = append(c.out.Warnings, waived(f[0]))
		return true
	}
	c.deny(codeOf(p.rule), p.rule, p.message, p.evidence...)
	return false
}

func (c *decision) digest() (string, error) { return c.q.SHA256, nil }

func waived(f finding.Finding) string {
	return fmt.Sprintf("%s is waived by %s until %s: %s", f.Rule, f.Waived.Owner, f.Waived.Expires, f.Message)
}

func codeOf(r *rule.Rule) string {
	switch r {
	case unlisted:
		return codeUntrusted
	case changed:
		return codeDigest
	case unsigned:
		return codeSignature
	case unchecked:
		return codeUnreadable
	}
	return codePolicy
}

// name is the file in a command that a user may copy.
func (c *decision) name() string {
	if c.subject.path != "" {
		return strconv.Quote(c.subject.path)
	}
	return strconv.Quote(c.q.Path)
}

func (c *decision) deny(code string, r *rule.Rule, why string, evidence ...string) {
	c.out.Code, c.out.Hint = code, strings.ReplaceAll(r.Fix, "PATH", c.name())
	c.out.What = notTrusted + r.Title
	c.out.Why = strings.Join(append([]string{why}, evidence...), "; ")
	c.out.Rules = append(c.out.Rules, r.ID)
}

// ask says what stage bytes has to bring. The digest is always part of it: an
// answer is about bytes.
func (c *decision) ask() {
	c.out.Need = []string{needDigest}
	if c.needsBytes() {
		c.out.Need = append(c.out.Need, needBytes)
	}
}

// needsBytes reports whether the bytes themselves have to be looked at.
func (c *decision) needsBytes() bool {
	o := c.opinion
	passes := o.entry != nil && verdictOf(o.entry).Passes()
	return o.scan || o.identify || c.q.Operation == jitLoad && !passes
}

func verdictOf(m *lockfile.Model) finding.Verdict {
	v := finding.Unreadable
	_ = v.UnmarshalText([]byte(m.Verdict)) // the lock holds nothing else
	return v
}

// scan looks at the private copy and wants its verdict to pass.
func (c *decision) scan() bool {
	if c.q.File == "" {
		c.deny(codeUnreadable, unchecked, "its bytes have to be looked at, and the request brings no file")
		return false
	}
	a, err := c.Scan(c.ctx, c.q.File, c.q.Path)
	if err != nil {
		c.deny(codeUnreadable, unchecked, "its bytes could not be looked at: "+err.Error())
		return false
	}
	if a.SHA256 == "" {
		c.deny(codeUnreadable, unchecked, "its bytes could not be looked at", messages(a.Findings)...)
		return false
	}
	if a.SHA256 != c.q.SHA256 {
		c.deny(codeDigest, changed, "the copy is not what the request says", "it is "+a.SHA256)
		return false
	}
	c.scanned = &a
	_ = c.Waivers.Apply(c.subject.path, c.digest, a.Findings) // there is no error
	v := c.Judge(a.Findings)
	c.out.Format, c.out.Verdict = a.Format, v.String()
	if !c.formatAllowed(a.Format) {
		return false
	}
	for _, f := range a.Findings {
		if f.Waived != nil {
			c.out.Warnings = append(c.out.Warnings, waived(f))
		}
	}
	if v.Passes() {
		return true
	}
	c.verdict(v, a.Findings)
	return false
}

func messages(fs []finding.Finding) (list []string) {
	for _, f := range fs {
		list = append(list, f.Message)
	}
	return list
}

// formatAllowed holds the format that the content has against the rule.
func (c *decision) formatAllowed(format string) bool {
	r := c.opinion.rule
	if r == nil || r.AllowsFormat(format) {
		return true
	}
	return c.problem(problem{rule: badFormat, message: fmt.Sprintf("the format %s is not among those that the rule %q allows: %s", format, r, strings.Join(r.Formats, ", "))})
}

func (c *decision) verdict(v finding.Verdict, fs []finding.Finding) {
	c.out.Code, c.out.What = codeVerdict, "not safe to load: the verdict is "+v.String()
	c.out.Hint = fmt.Sprintf("run: andiron scan %s; do not load it in another way", c.name())
	if v == finding.Unreadable {
		c.out.Code = codeUnreadable
	}
	var why []string
	for _, f := range slices.SortedStableFunc(slices.Values(fs), worstFirst) {
		if f.Waived != nil || c.Judge([]finding.Finding{f}).Passes() {
			continue
		}
		if !slices.Contains(c.out.Rules, f.Rule) {
			c.out.Rules = append(c.out.Rules, f.Rule)
		}
		if len(why) < 3 {
			why = append(why, f.Rule+": "+f.Message)
		}
	}
	c.out.Why = strings.Join(why, "; ")
}

func worstFirst(a, b finding.Finding) int { return int(b.Severity) - int(a.Severity) }

// lived wants every waiver that the lock's entry needed to count still.
func (c *decision) lived() {
	if c.opinion.entry == nil || c.scanned != nil {
		return
	}
	if !verdictOf(c.opinion.entry).Passes() && len(c.opinion.entry.Waivers) == 0 {
		c.deny(codeVerdict, unlisted, fmt.Sprintf("the lock lists it with the verdict %s and no waiver", c.opinion.entry.Verdict))
		return
	}
	for _, rule := range c.opinion.entry.Waivers {
		if !c.Waivers.Covers(rule, c.subject.path, c.q.SHA256) {
			c.deny(codeVerdict, waiverExpired, fmt.Sprintf("the lock lists it with a waiver of %s that no longer counts", rule))
			return
		}
	}
}

// Failed is the answer where lock or policy could not be read: nothing is trusted.
func Failed(q Request, what string, err error, hint string) Response {
	return Response{
		Version: 1, Need: []string{}, Code: codePolicy, What: what, Where: q.Path, Why: err.Error(), Hint: hint,
		Rules: []string{}, Expected: q.Expect, Warnings: []string{},
	}
}

// Project is the folder that a loader's files belong to: the one that is named, or
// the nearest from dir upwards that holds a policy or a lock. Without one it is dir.
func Project(named, dir string, files ...string) string {
	if named != "" {
		return named
	}
	for at := dir; ; at = filepath.Dir(at) {
		for _, f := range files {
			if _, err := os.Lstat(filepath.Join(at, f)); err == nil {
				return at
			}
		}
		if at == filepath.Dir(at) {
			return dir
		}
	}
}

// Now is the time of a run, as all of trust counts it.
func Now() time.Time { return time.Now().UTC() }
