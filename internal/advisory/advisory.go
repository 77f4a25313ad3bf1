package advisory

import (
	"fmt"

	"github.com/andiron-dev/andiron/internal/osv"
	"github.com/andiron-dev/andiron/internal/pep440"
)

// Ecosystem is the one whose packages are kept.
const Ecosystem = "PyPI"

// Advisory is what a record says of one package.
type Advisory struct {
	ID       string
	Aliases  []string // without the id
	Summary  string
	Severity osv.Severity
	CWEs     []string

	Published, Modified int64 // seconds since 1970

	Malicious bool // the package itself is malware

	Intervals []Interval
	Versions  []string // affected ones that no interval holds, in PEP 440's normal form
	Unclear   string   // why there may be more that is affected
}

// End is how an interval ends.
type End uint8

// The ends of intervals.
const (
	Endless  End = iota // every later version is affected
	Fixed               // To is not affected any more
	Last                // To is the last affected version
	Boundary            // the record says nothing of To and later versions
)

// Interval is a run of affected versions, beginning with From. An empty From is
// before every version.
type Interval struct {
	From, To string
	End      End
}

func (i Interval) String() string {
	s := "every version"
	if i.From != "" {
		s = ">=" + i.From
	}
	if i.End == Endless {
		return s
	}
	sign := "<"
	if i.End == Last {
		sign = "<="
	}
	if i.From == "" {
		return sign + i.To
	}
	return s + "," + sign + i.To
}

// bounds parses what the interval holds. A version that is not there is nil.
func (i Interval) bounds() (from, to *pep440.Version, err error) {
	if i.From != "" {
		if from, err = parse(i.From); err != nil {
			return nil, nil, err
		}
	}
	if i.End != Endless {
		if to, err = parse(i.To); err != nil {
			return nil, nil, err
		}
	}
	return from, to, nil
}

func parse(s string) (*pep440.Version, error) {
	v, err := value(s)
	return &v, err
}

// value parses what Build wrote in normal form.
func value(s string) (pep440.Version, error) {
	v, err := pep440.Parse(s)
	if err != nil {
		return v, fmt.Errorf("advisory: %w: %w", ErrDamaged, err)
	}
	return v, nil
}

// holds reports whether a version without a local part lies in the interval.
func (i Interval) holds(v pep440.Version) (bool, error) {
	if i.From != "" {
		from, err := value(i.From)
		if err != nil || pep440.Compare(v, from) < 0 {
			return false, err
		}
	}
	if i.End == Endless {
		return true, nil
	}
	to, err := value(i.To)
	if err != nil {
		return false, err
	}
	c := pep440.Compare(v, to)
	return c < 0 || c == 0 && i.End == Last, nil
}

func between(v pep440.Version, from, to *pep440.Version, end End) bool {
	if from != nil && pep440.Compare(v, *from) < 0 {
		return false
	}
	if to == nil {
		return true
	}
	c := pep440.Compare(v, *to)
	return c < 0 || c == 0 && end == Last
}

// Info is what a database says of itself.
type Info struct {
	Source  string // where the records came from
	Builtin bool   // it is the small one that is compiled in

	Newest  int64 // when the newest record was changed
	Current int64 // until when it is known to be complete
	Built   int64 // when it was made, or last found to be current

	ETag, LastModified string // of the source's list of changes

	Records   int // that are kept
	Packages  int
	Malicious int // of the records
	Withdrawn int // left out, since they were withdrawn
	Foreign   int // left out, since they are about no package of PyPI
	Rejected  int // that could not be read
	Repaired  int // that are kept, with something passed over

	Digest string // SHA-256 of the content, hexadecimal; times of building do not count
	Size   int64  // of the file
}

// Problem is a record that could not be used, or not all of it.
type Problem struct {
	ID     string // or the name of the file, where no id could be read
	Whole  bool   // nothing of it is kept
	Reason string
}
