package osv

import (
	"cmp"
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/andiron-dev/andiron/internal/bounded"
)

// Limits bounds what Parse does. Zero fields have defaults.
type Limits struct {
	Bytes int // of a record; 16 MiB
	Items int // packages, ranges, events, versions and aliases together; 200,000
	Depth int // 64
}

func (l Limits) withDefaults() Limits {
	l.Bytes = cmp.Or(l.Bytes, 16<<20)
	l.Items = cmp.Or(l.Items, 200_000)
	l.Depth = cmp.Or(l.Depth, 64)
	return l
}

// Record is what a record says. Times are seconds since 1970, 0 where not given.
type Record struct {
	ID       string
	Aliases  []string // as given, without the id
	Summary  string   // the first line of the details where there is none
	Severity Severity
	CWEs     []string // CWE-502
	Affected []Affected

	Modified, Published, Withdrawn int64

	// Notes say what had to be passed over: nothing that decides what is affected.
	Notes []string
}

// Malicious is true for reports of malware.
func (r *Record) Malicious() bool { return strings.HasPrefix(r.ID, "MAL-") }

// Affected is a package and which of its versions are affected.
type Affected struct {
	Ecosystem, Name string
	Ranges          []Range
	Versions        []string
	Severity        Severity
}

// Range is one of a package's ranges. The order of its events means nothing.
type Range struct {
	Type   string // ECOSYSTEM, SEMVER, GIT
	Events []Event
}

// Event is a version at which something begins or ends.
type Event struct {
	Kind    Kind
	Version string
}

// Kind is what happens at a version.
type Kind uint8

// The kinds of events.
const (
	Introduced   Kind = iota + 1
	Fixed             // this version is not affected any more
	LastAffected      // this version still is
	Limit             // what is said of later versions does not count
)

// Parse reads one record.
func Parse(b []byte, lim Limits) (*Record, error) {
	lim = lim.withDefaults()
	if len(b) > lim.Bytes {
		return nil, fmt.Errorf("osv: %w", bounded.Exceeded("bytes of a record", int64(lim.Bytes)))
	}
	if !utf8.Valid(b) {
		return nil, errors.New("osv: not UTF-8")
	}
	p := &parser{
		scanner: scanner{b: b, depth: lim.Depth, most: lim.Depth},
		items:   bounded.NewBudget("packages, ranges, events, versions and aliases", int64(lim.Items)),
	}
	if p.peek() != '{' {
		return nil, &SyntaxError{p.i, errors.New("not a JSON object")}
	}
	err := p.object(p.record)
	if err == nil {
		err = p.done()
	}
	if err == nil {
		err = p.complete()
	}
	if err != nil {
		return nil, err
	}
	return &p.rec, nil
}

type parser struct {
	scanner

	items   *bounded.Budget
	rec     Record
	details string // its first line
	level   string // database_specific.severity
	vectors []string
}

func (p *parser) record(key []byte) (err error) {
	switch string(key) {
	case "id":
		p.rec.ID, err = p.text()
	case "modified":
		p.rec.Modified, err = p.time("modified")
	case "published":
		p.rec.Published, err = p.time("published")
	case "withdrawn":
		p.rec.Withdrawn, err = p.time("withdrawn")
	case "summary":
		p.rec.Summary, err = p.text()
	case "details":
		var b []byte
		if !p.null() {
			b, err = p.firstLine()
		}
		p.details = string(b)
	case "aliases":
		p.rec.Aliases, err = p.texts()
	case "severity":
		p.vectors, err = p.severities()
	case "affected":
		err = p.array(p.affected)
	case "database_specific":
		err = p.objectOrSkip(p.databaseSpecific)
	default:
		err = p.skip()
	}
	return err
}

// firstLine reads the first line of a string that may be long.
func (p *parser) firstLine() ([]byte, error) {
	if err := p.expect('"'); err != nil {
		return nil, err
	}
	start := p.i
	if _, err := p.quoted(); err != nil {
		return nil, err
	}
	b := p.b[start : p.i-1]
	end := 0
	for end < len(b) {
		n := 1
		if b[end] == '\\' {
			n = escapeLength(b[end:])
		} else if b[end] >= utf8.RuneSelf {
			_, n = utf8.DecodeRune(b[end:])
		}
		if end+n > maxDetails || b[end] == '\\' && b[end+1] == 'n' {
			break
		}
		end += n
	}
	return unescape(b[:end]), nil
}

// maxDetails is how much of the details is looked at for a first line.
const maxDetails = 512

// objectOrSkip is for database_specific, whose form is the database's affair.
func (p *parser) objectOrSkip(each func([]byte) error) error {
	if p.peek() == '{' {
		return p.object(each)
	}
	return p.skip()
}

func (p *parser) texts() (list []string, err error) {
	err = p.array(func() error {
		s, err := p.text()
		if err == nil {
			err = p.items.Spend(1)
		}
		if s != "" {
			list = append(list, s)
		}
		return err
	})
	return list, err
}

func (p *parser) time(what string) (int64, error) {
	at := p.i
	s, err := p.text()
	if err != nil || s == "" {
		return 0, err
	}
	sec, ok := ParseTime(s)
	if !ok {
		return 0, &SyntaxError{at, fmt.Errorf("%s: %.40q is no RFC 3339 time", what, s)}
	}
	return sec, nil
}

func (p *parser) severities() (vectors []string, err error) {
	err = p.array(func() error {
		if err := p.items.Spend(1); err != nil {
			return err
		}
		return p.object(func(key []byte) error {
			if string(key) != "score" || p.peek() != '"' {
				return p.skip()
			}
			s, err := p.text()
			vectors = append(vectors, s)
			return err
		})
	})
	return vectors, err
}

func (p *parser) databaseSpecific(key []byte) (err error) {
	switch {
	case string(key) == "severity" && p.peek() == '"':
		p.level, err = p.text()
	case string(key) == "cwe_ids" && p.peek() == '[':
		err = p.array(func() error {
			if p.peek() != '"' {
				return p.skip()
			}
			s, err := p.text()
			if isCWE(s) && len(p.rec.CWEs) < maxCWEs {
				p.rec.CWEs = append(p.rec.CWEs, s)
			}
			return err
		})
	default:
		err = p.skip()
	}
	return err
}

const maxCWEs = 32

func isCWE(s string) bool {
	digits, ok := strings.CutPrefix(s, "CWE-")
	return ok && digits != "" && len(digits) <= 6 && digits[0] != '0' && strings.Trim(digits, "0123456789") == ""
}

func (p *parser) affected() error {
	if err := p.items.Spend(1); err != nil {
		return err
	}
	var a Affected
	var vectors []string
	err := p.object(func(key []byte) (err error) {
		switch string(key) {
		case "package":
			err = p.object(func(key []byte) (err error) {
				switch string(key) {
				case "ecosystem":
					a.Ecosystem, err = p.text()
				case "name":
					a.Name, err = p.text()
				default:
					err = p.skip()
				}
				return err
			})
		case "versions":
			a.Versions, err = p.texts()
		case "severity":
			vectors, err = p.severities()
		case "ranges":
			err = p.array(func() error { return p.ranges(&a) })
		default:
			err = p.skip()
		}
		return err
	})
	a.Severity = p.judge(vectors, "")
	p.rec.Affected = append(p.rec.Affected, a)
	return err
}

func (p *parser) ranges(a *Affected) error {
	if err := p.items.Spend(1); err != nil {
		return err
	}
	var r Range
	err := p.object(func(key []byte) (err error) {
		switch string(key) {
		case "type":
			r.Type, err = p.text()
		case "events":
			err = p.array(func() error { return p.events(&r) })
		default:
			err = p.skip()
		}
		return err
	})
	a.Ranges = append(a.Ranges, r)
	return err
}

// events reads one element of a range's events: one event by the specification,
// but some databases put several keys into one.
func (p *parser) events(r *Range) error {
	return p.object(func(key []byte) error {
		var kind Kind
		switch string(key) {
		case "introduced":
			kind = Introduced
		case "fixed":
			kind = Fixed
		case "last_affected":
			kind = LastAffected
		case "limit":
			kind = Limit
		default:
			return p.skip()
		}
		v, err := p.text()
		if err == nil {
			err = p.items.Spend(1)
		}
		r.Events = append(r.Events, Event{kind, v})
		return err
	})
}

// complete checks what each record needs, and fills in what follows from the rest.
func (p *parser) complete() error {
	r := &p.rec
	switch {
	case r.ID == "":
		return errors.New("osv: no id")
	case !ValidID(r.ID):
		return fmt.Errorf("osv: the id %.80q is not one: letters, digits, dashes and dots, 100 at most", r.ID)
	case r.Modified == 0:
		return errors.New("osv: no modified time")
	}
	aliases := r.Aliases[:0]
	for _, a := range r.Aliases {
		switch {
		case !ValidID(a):
			r.Notes = append(r.Notes, fmt.Sprintf("the alias %.80q is not an id", a))
		case a != r.ID:
			aliases = append(aliases, a)
		}
	}
	r.Aliases = aliases
	if r.Summary == "" {
		r.Summary = p.details
	}
	r.Severity = p.judge(p.vectors, p.level)
	return nil
}

// ValidID reports whether a text can be the id of a record: letters, digits, dashes,
// dots and colons, 100 at most.
func ValidID(s string) bool {
	if s == "" || len(s) > 100 {
		return false
	}
	for i := range len(s) {
		c := s[i]
		if (c < '0' || c > '9') && (c|0x20 < 'a' || c|0x20 > 'z') && strings.IndexByte("-._:", c) < 0 {
			return false
		}
	}
	return s[0] != '.'
}
