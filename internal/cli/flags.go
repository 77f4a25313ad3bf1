package cli

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/andiron-dev/andiron/internal/model"
	"github.com/andiron-dev/andiron/internal/policy"
	"github.com/andiron-dev/andiron/internal/report"
)

// choice is a flag with a few possible values.
type choice struct {
	value string
	from  []string
}

func (c *choice) String() string { return c.value }
func (c *choice) Type() string   { return strings.Join(c.from, "|") }

func (c *choice) Set(s string) error {
	if !slices.Contains(c.from, s) {
		return fmt.Errorf("%q is not one of %s", s, strings.Join(c.from, ", "))
	}
	c.value = s
	return nil
}

// addChoice adds a flag whose first value is the default, with its completion.
func addChoice(cmd *cobra.Command, c *choice, name, text string, from ...string) {
	if c.from = from; c.value == "" {
		c.value = from[0]
	}
	cmd.Flags().Var(c, name, text)
	// The only error is a flag that does not exist.
	_ = cmd.RegisterFlagCompletionFunc(name, cobra.FixedCompletions(from, cobra.ShellCompDirectiveNoFileComp))
}

// size is a flag with a number of bytes or other units; 0 is the default of the
// part that has the limit.
type size int64

func (s *size) String() string { return strconv.FormatInt(int64(*s), 10) }
func (s *size) Type() string   { return "size" }

func (s *size) Set(v string) error {
	n, err := policy.ParseSize(v)
	*s = size(n)
	return err
}

// atLeast1 is a flag with a whole number above 0.
type atLeast1 int

func (n *atLeast1) String() string { return strconv.Itoa(int(*n)) }
func (n *atLeast1) Type() string   { return "N" }

func (n *atLeast1) Set(v string) error {
	i, err := strconv.Atoi(v)
	if err != nil || i < 1 {
		return fmt.Errorf("%q is not a number above 0", v)
	}
	*n = atLeast1(i)
	return nil
}

// span is a flag with a time above 0.
type span time.Duration

func (d *span) String() string { return time.Duration(*d).String() }
func (d *span) Type() string   { return "duration" }

func (d *span) Set(v string) error {
	t, err := time.ParseDuration(v)
	if err != nil || t <= 0 {
		return fmt.Errorf("%q is not a time above 0, such as 30s", v)
	}
	*d = span(t)
	return nil
}

// sha256Flag is a flag with a SHA-256, which it keeps in lower case.
type sha256Flag string

func (d *sha256Flag) String() string { return string(*d) }
func (d *sha256Flag) Type() string   { return "DIGEST" }

func (d *sha256Flag) Set(v string) error {
	b, err := hex.DecodeString(v)
	if err != nil || len(b) != sha256.Size {
		return fmt.Errorf("%.80q is no SHA-256, which has 64 hexadecimal digits", v)
	}
	*d = sha256Flag(hex.EncodeToString(b))
	return nil
}

// notEmpty complains about a flag that was given without a value. What a script has
// there may be a variable that is not set, and what the flag asks for would not be done.
func notEmpty(flags *pflag.FlagSet) (err error) {
	flags.Visit(func(f *pflag.Flag) {
		if s := f.Value.String(); err == nil && (s == "" || s == "[]") {
			err = usage(fmt.Sprintf("flag %q has no value", "--"+f.Name), "leave it out, or give it one")
		}
	})
	return err
}

// limitFlags are the limits on looking at one artifact.
type limitFlags struct {
	depth            atLeast1
	inflated, values size
}

func (l *limitFlags) add(f *pflag.FlagSet) {
	f.Var(&l.depth, "max-depth", "look into at most `N` containers within containers")
	f.Var(&l.inflated, "max-inflated", "unpack at most this many bytes of compressed data, such as 4GiB")
	f.Var(&l.values, "max-values", "let one pickle make at most this many values, such as 32M")
	for _, name := range []string{"max-depth", "max-inflated", "max-values"} {
		f.Lookup(name).DefValue = "0" // pflag then shows no default
	}
}

// over lays the flags that were given over a policy's limits.
func (l *limitFlags) over(p policy.Limits) model.Options {
	opt := model.Options{MaxDepth: p.MaxDepth, MaxInflated: p.MaxInflated, MaxValues: p.MaxValues}
	if l.depth > 0 {
		opt.MaxDepth = int(l.depth)
	}
	if l.inflated > 0 {
		opt.MaxInflated = int64(l.inflated)
	}
	if l.values > 0 {
		opt.MaxValues = int64(l.values)
	}
	return opt
}

// runFlags are the flags of the verbs that stream findings.
type runFlags struct {
	format, failOn, color choice
	output, policy        string
	jobs                  atLeast1
	limits                limitFlags

	quiet, noProgress, sha256, everything bool

	// trusting, lock and noCache are of the verbs that hold models against lock and
	// policy.
	trusting trusting
	lock     string
	noCache  bool
}

// trusting is how far a verb holds models against lock and policy.
type trusting int

const (
	notAtAll   trusting = iota
	asAsked             // where the project has a lock or sources
	everything          // and without them nothing is trusted
)

func addNoCache(cmd *cobra.Command, to *bool) {
	cmd.Flags().BoolVar(to, "no-cache", false, "compute every digest anew instead of remembering those of unchanged files")
}

func (f *runFlags) add(cmd *cobra.Command) {
	f.addReport(cmd)
	flags := cmd.Flags()
	flags.BoolVar(&f.sha256, "sha256", false, "compute and report the SHA-256 of every artifact")
	f.addWalk(cmd)
	f.limits.add(flags)
}

// addWalk adds the flags that are about where and how fast to look.
func (f *runFlags) addWalk(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.BoolVar(&f.everything, "everything", false, "also walk .git, __pycache__, node_modules and virtual environments")
	flags.Var(&f.jobs, "jobs", "look at `N` artifacts at once (default one per processor)")
	flags.Lookup("jobs").DefValue = "0"
}

// addReport adds the flags that are about the report and what it fails on.
func (f *runFlags) addReport(cmd *cobra.Command) {
	flags := cmd.Flags()
	f.failOn.value = policy.Level{}.String()
	addChoice(cmd, &f.format, "format", "how to write the report", report.Formats()...)
	addChoice(cmd, &f.failOn, "fail-on", "exit 1 for a finding at or above this severity", policy.Levels()...)
	addChoice(cmd, &f.color, "color", "colours in text; auto is a terminal without NO_COLOR", "auto", "always", "never")
	flags.StringVarP(&f.output, "output", "o", "", "write the report to `FILE`, whole or not at all")
	flags.StringVar(&f.policy, "policy", "", "read the policy from `FILE` instead of "+policy.FileName)
	flags.BoolVarP(&f.quiet, "quiet", "q", false, "in text, leave out what passes")
	flags.BoolVar(&f.noProgress, "no-progress", false, "show no progress on the terminal")
	flags.SortFlags = false
}
