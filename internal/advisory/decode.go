package advisory

import (
	"encoding/binary"
	"strconv"

	"github.com/andiron-dev/andiron/internal/osv"
)

// reader takes apart what writer wrote. What is not there is zero, and bad is set.
type reader struct {
	s   string
	bad bool
}

func (r *reader) uint() uint64 {
	var n uint64
	for i := 0; i < len(r.s) && i < binary.MaxVarintLen64; i++ {
		c := r.s[i]
		if i == binary.MaxVarintLen64-1 && c > 1 {
			break
		}
		n |= uint64(c&0x7f) << (7 * i)
		if c < 0x80 {
			r.s = r.s[i+1:]
			return n
		}
	}
	r.fail()
	return 0
}

func (r *reader) int() int64 {
	n := r.uint()
	return int64(n>>1) ^ -int64(n&1)
}

func (r *reader) fail() {
	r.bad, r.s = true, ""
}

func (r *reader) byte() byte {
	if r.s == "" {
		r.fail()
		return 0
	}
	c := r.s[0]
	r.s = r.s[1:]
	return c
}

// string is a part of what is read, not a copy.
func (r *reader) string() string {
	n := r.uint()
	if n > uint64(len(r.s)) {
		r.fail()
		return ""
	}
	s := r.s[:n]
	r.s = r.s[n:]
	return s
}

// count reads how many things follow, each of which has at least some bytes.
func (r *reader) count(least int) int {
	n := r.uint()
	if n > uint64(len(r.s)/least) {
		r.fail()
		return 0
	}
	return int(n)
}

func (r *reader) strings() (list []string) {
	if n := r.count(1); n > 0 {
		list = make([]string, n)
	}
	for i := range list {
		list[i] = r.string()
	}
	return list
}

func (r *reader) finish(what string) error {
	if r.bad {
		return damaged("%s ends too early", what)
	}
	if r.s != "" {
		return damaged("%d bytes too many in %s", len(r.s), what)
	}
	return nil
}

// leastAdvisory is how many bytes an advisory has at least.
const leastAdvisory = 12

func (r *reader) advisory(a *Advisory) {
	a.ID = r.string()
	a.Aliases = r.strings()
	a.Summary = r.string()
	flags := r.byte()
	a.Malicious = flags&flagMalicious != 0
	level := r.byte()
	if int(level) >= len(levels) || flags > flagMalicious|flagUnclear {
		r.fail()
		return
	}
	a.Severity = osv.Severity{Level: levels[level], Score: float64(min(r.uint(), 100)) / 10, Vector: r.string()}
	if n := r.count(1); n > 0 {
		a.CWEs = make([]string, n)
	}
	for i := range a.CWEs {
		a.CWEs[i] = "CWE-" + strconv.FormatUint(r.uint(), 10)
	}
	a.Published, a.Modified = r.int(), r.int()
	if n := r.count(2); n > 0 {
		a.Intervals = make([]Interval, n)
	}
	for i := range a.Intervals {
		v := &a.Intervals[i]
		if v.End = End(r.byte()); v.End > Boundary {
			r.fail()
			return
		}
		if v.From = r.string(); v.End != Endless {
			v.To = r.string()
		}
	}
	a.Versions = r.strings()
	if flags&flagUnclear != 0 {
		a.Unclear = r.string()
	}
	if a.ID == "" {
		r.fail()
	}
}
