// Package day holds dates without a time: the last day on which something counts.
//
// # Security
//
// There is no clock here; the caller says what time it is. A day ends at midnight
// UTC, the same for everyone who reads the file.
//
// # Specification
//
// YYYY-MM-DD, RFC 3339 full-date.
package day

import (
	"fmt"
	"time"
)

// Day is a date. The zero value is none and is never over.
type Day struct{ start time.Time }

const form = "2006-01-02"

// Parse reads a date.
func Parse(s string) (Day, error) {
	t, err := time.Parse(form, s)
	if err != nil {
		return Day{}, fmt.Errorf("%q is not a date such as 2027-01-31", s)
	}
	return Day{t}, nil
}

// Over reports whether the day has passed.
func (d Day) Over(now time.Time) bool {
	return !d.IsZero() && !now.Before(d.start.AddDate(0, 0, 1))
}

// IsZero reports whether there is no date.
func (d Day) IsZero() bool { return d.start.IsZero() }

// Equal reports whether both are the same date, or none.
func (d Day) Equal(e Day) bool { return d.start.Equal(e.start) }

func (d Day) String() string {
	if d.IsZero() {
		return ""
	}
	return d.start.Format(form)
}
