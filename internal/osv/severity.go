package osv

import (
	"fmt"
	"strings"

	gocvss20 "github.com/pandatix/go-cvss/20"
	gocvss30 "github.com/pandatix/go-cvss/30"
	gocvss31 "github.com/pandatix/go-cvss/31"
	gocvss40 "github.com/pandatix/go-cvss/40"
)

// Severity is how bad a record is. Nothing is known where Level is empty.
type Severity struct {
	Level  string  // critical, high, medium, low, none
	Score  float64 // of the vector; 0 without one
	Vector string  // CVSS
}

// maxVector is longer than every vector with all its metrics.
const maxVector = 300

// judge takes the vector of the newest version of CVSS that is good, and the
// database's own word where there is none.
func (p *parser) judge(vectors []string, level string) (best Severity) {
	newest := 0
	for _, v := range vectors {
		score, version, err := cvss(v)
		if err != nil {
			p.rec.Notes = append(p.rec.Notes, fmt.Sprintf("the severity %.80q is no CVSS vector: %v", v, err))
			continue
		}
		if version > newest || version == newest && score > best.Score {
			newest, best = version, Severity{rating(score), score, v}
		}
	}
	if newest > 0 {
		return best
	}
	return Severity{Level: normal(level)}
}

// cvss computes the base score of a vector. Of 4.0 it is the score of all metrics
// that are given, as that specification wants it.
func cvss(v string) (score float64, version int, err error) {
	if len(v) > maxVector {
		return 0, 0, fmt.Errorf("longer than %d characters", maxVector)
	}
	switch {
	case strings.HasPrefix(v, "CVSS:4.0/"):
		c, err := gocvss40.ParseVector(v)
		if err != nil {
			return 0, 0, err
		}
		return c.Score(), 40, nil
	case strings.HasPrefix(v, "CVSS:3.1/"):
		c, err := gocvss31.ParseVector(v)
		if err != nil {
			return 0, 0, err
		}
		return c.BaseScore(), 31, nil
	case strings.HasPrefix(v, "CVSS:3.0/"):
		c, err := gocvss30.ParseVector(v)
		if err != nil {
			return 0, 0, err
		}
		return c.BaseScore(), 30, nil
	}
	c, err := gocvss20.ParseVector(v)
	if err != nil {
		return 0, 0, err
	}
	return c.BaseScore(), 20, nil
}

// rating is the scale of CVSS 3.1 §5, which 4.0 has too.
func rating(score float64) string {
	switch {
	case score >= 9:
		return "critical"
	case score >= 7:
		return "high"
	case score >= 4:
		return "medium"
	case score > 0:
		return "low"
	}
	return "none"
}

// normal spells the levels that databases give as we do.
func normal(level string) string {
	switch strings.ToLower(level) {
	case "critical":
		return "critical"
	case "high", "important":
		return "high"
	case "medium", "moderate":
		return "medium"
	case "low":
		return "low"
	}
	return ""
}
