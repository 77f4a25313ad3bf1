package code

import (
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/andiron-dev/andiron/internal/pep440"
)

// Torch is what the project's requirements say about torch. The zero value says
// nothing.
type Torch struct {
	major, minor int // the oldest that is allowed
	spec, file   string
}

// Known reports whether it is stated how old torch may be.
func (t Torch) Known() bool { return t.spec != "" }

// AtLeast reports whether every version that is allowed is at least this one.
func (t Torch) AtLeast(major, minor int) bool {
	return t.Known() && (t.major > major || t.major == major && t.minor >= minor)
}

// Evidence says where the range is stated.
func (t Torch) Evidence() string { return t.file + ": " + t.spec }

// merge keeps the older of two: each file may be the one that is installed from.
func (t Torch) merge(u Torch) Torch {
	if !t.Known() || u.Known() && !u.AtLeast(t.major, t.minor) {
		return u
	}
	return t
}

// Allow adds what a file states: one version, or a range as PEP 440 has it. A range that
// keeps no old version out, such as <3, says nothing, unless it keeps all new ones out.
func (t Torch) Allow(version, specifier, file string) Torch {
	spec := specifier
	if version != "" {
		spec = "==" + version
	}
	allowed, err := pep440.ParseSpecifiers(spec)
	if err != nil || len(allowed) == 0 {
		return t
	}
	list := series()
	i := slices.IndexFunc(list, func(s release) bool { return allowed.Overlaps(&s.from, &s.to, nil) })
	if i < 0 || i == 0 && allowed.Overlaps(&firstSafe, nil, nil) {
		return t
	}
	if i > 0 && !allowed.Overlaps(&list[i].candidate, nil, nil) {
		i-- // nightly builds only, of which the first behave as the series before
	}
	return t.merge(Torch{list[i].major, list[i].minor, "torch" + spec, file})
}

// release is a series of releases, such as 2.6. It begins with its first nightly build,
// so that ==2.6.* is of 2.6 alone; from its first candidate on it behaves as it will.
type release struct {
	major, minor        int
	from, candidate, to pep440.Version
}

// series are those that torch may have, in order.
var series = sync.OnceValue(func() (list []release) {
	for major := range 10 {
		for minor := range 40 {
			list = append(list, release{major, minor, version(major, minor, ".dev0"), version(major, minor, "rc0"), version(major, minor+1, ".dev0")})
		}
	}
	return list
})

// firstSafe is the torch from which on weights_only is the default.
var firstSafe = version(2, 6, "")

func version(major, minor int, stage string) pep440.Version {
	v, _ := pep440.Parse(strconv.Itoa(major) + "." + strconv.Itoa(minor) + stage) // two numbers are a version
	return v
}

// torch and a version as sentences have them: Requires PyTorch >= 1.8.
var torchRE = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`(?i)(?:^|[\s"'\[,])((?:py)?torch\s*(===?|~=|>=|>)\s*(\d+\.\d+)[\w.+]*)`)
})

// Sentence reads a range of torch out of the text of a program, such as what a setup.py
// says where it compares torch.__version__.
func (t Torch) Sentence(file, text string) Torch {
	for line := range strings.Lines(text) {
		line, _, _ = strings.Cut(line, "#")
		if m := torchRE().FindStringSubmatch(line); m != nil {
			u := Torch{}.Allow("", m[2]+m[3], file)
			if u.Known() {
				u.spec = m[1]
				t = t.merge(u)
			}
		}
	}
	return t
}
