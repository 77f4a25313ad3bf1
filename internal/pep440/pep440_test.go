package pep440

import (
	"errors"
	"math"
	"strings"
	"testing"

	"github.com/andiron-dev/andiron/internal/bounded"
)

func TestParse(t *testing.T) {
	for _, tt := range []struct{ in, want string }{
		{"2.1.0+cu118", "2.1.0+cu118"},
		{" v1!02.1_ALPHA-.post--dev ", "1!2.1a0.post0.dev0"}, // each word may have a separator before and after it
		{"1.0.post---dev", ""},
		{"1.0-1", "1.0.post1"},
		{"1.0+Ubuntu_01-X", "1.0+ubuntu.1.x"},
		{"0!1.0", "1.0"},
		{"2.1.0-cuda", ""},
		{"latest", ""},
		{"", ""},
		{"\u0661.0", ""},
		{"1.0+\xff", ""},
	} {
		v, err := Parse(tt.in)
		if got := v.String(); got != tt.want || (err == nil) != (tt.want != "") {
			t.Errorf("Parse(%q) = %q, %v; want %q", tt.in, got, err, tt.want)
		}
	}
}

func TestParseError(t *testing.T) {
	for _, tt := range []struct{ in, want string }{
		{"", `"" is not a version: at byte 0: it is empty`},
		{"latest", `"latest" is not a version: at byte 0: expected a number`},
		{"2.1.0-cuda", `"2.1.0-cuda" is not a version: at byte 7: this cannot follow`},
		{"2.1+", `"2.1+" is not a version: at byte 4: it ends too early`},
		{"1." + strings.Repeat("9", 200) + "?", `"1.` + strings.Repeat("9", 78) + `…" is not a version: at byte 202: this cannot follow`},
	} {
		if _, err := Parse(tt.in); err == nil || err.Error() != tt.want {
			t.Errorf("Parse(%q): %v, want %s", tt.in, err, tt.want)
		}
	}
}

func TestNumbers(t *testing.T) {
	v := mustParse(t, "7!3.99999999999999999999.0.9223372036854775807")
	if v.Epoch() != 7 || v.Major() != 3 || v.Minor() != math.MaxInt64 {
		t.Errorf("%q: epoch %d, major %d, minor %d", v, v.Epoch(), v.Major(), v.Minor())
	}
	if one := mustParse(t, "1"); one.Minor() != 0 || one.Epoch() != 0 {
		t.Errorf("%q: epoch %d, minor %d", one, one.Epoch(), one.Minor())
	}
}

func TestZeroVersion(t *testing.T) {
	var zero Version
	if zero.String() != "" || zero.Local() != "" || zero.Pre() || zero.Major() != 0 || len(zero.Release()) != 0 {
		t.Errorf("the zero value has parts: %+v", zero)
	}
	if got := Compare(zero, mustParse(t, "0")); got != 0 {
		t.Errorf("Compare(zero, 0) = %d", got)
	}
	if s := parseSpecifiers(t, "<=0"); !s.Overlaps(&zero, nil, &zero) || s.Overlaps(nil, &zero, &zero) == false {
		t.Error("bounds of the zero value are not those of 0")
	}
	if (Specifiers{{}}).Contains(zero, true) {
		t.Error("the zero specifier allows a version")
	}
}

func TestExact(t *testing.T) {
	for _, tt := range []struct{ in, want string }{
		{"==2.1.0", "2.1.0"},
		{"== 2.01.0+CU118", "2.1.0+cu118"},
		{"==2.1.0,>=2,!=2.2", "2.1.0"},
		{"==2.1,==2.1.0", "2.1"},
		{"==2.1.0,==2.1.0+cu118", "2.1.0+cu118"},
		{"===2.1.0", "2.1.0"},
		{"===v2.1", "2.1"},
		{"==2.1.0rc1", "2.1.0rc1"},
		{"==2.1.*", ""},
		{"===weird", ""},
		{"==2.1,==2.2", ""},
		{"==2.1.0+cpu,==2.1.0+cu118", ""},
		{"==2.1,<2", ""},
		{">=2.1,<=2.1", ""},
		{"!=2.1", ""},
		{"", ""},
	} {
		v, ok := parseSpecifiers(t, tt.in).Exact()
		if v.String() != tt.want || ok != (tt.want != "") {
			t.Errorf("%q: Exact() = %q, %t; want %q", tt.in, v, ok, tt.want)
		}
	}
}

func TestMatches(t *testing.T) {
	for _, tt := range []struct {
		in, text string
		want     bool
	}{
		{"===2.1.0+CU118", "2.1.0+cu118", true},
		{"===2.1.0+\u212a", "2.1.0+k", true},
		{"===2.1.0+\u0130", "2.1.0+i", false}, // Python lowers it to two letters
		{"===2.1", "2.1.0", false},
		{"===3.8,3.9", "3.8,3.9", true},
		{">=2.1", "2.2rc1", true},
		{">=2.1", "5.15.0-91-generic", false},
		{"!=2.1", "5.15.0-91-generic", false},
	} {
		spec, err := ParseSpecifier(tt.in)
		if err != nil {
			t.Fatal(err)
		}
		if got := spec.Matches(tt.text); got != tt.want {
			t.Errorf("%q matches %q: got %t, want %t", tt.in, tt.text, got, tt.want)
		}
	}
}

// What packaging's ranges do not say.
func TestOverlaps(t *testing.T) {
	for _, tt := range []struct {
		in, introduced, fixed, last string
		want                        bool
	}{
		{"==2.1.0+cu118", "2.1.0", "2.1.1", "", true},
		{"==2.1.0+cu118", "", "", "2.1.0", true},
		{"==2.1.0+cu118", "2.1.0+cu121", "", "2.1.0+cpu", true},
		{"==2.1.0+cu118", "", "2.1.0", "", false},
		{"!=2.1.0+cu118", "2.1.0", "", "2.1.0", true},
		{"!=2.1.0+cu118,==2.1.0+cu118", "2.1.0", "", "2.1.0", true},
		{"===2.1.0", "2.1", "2.2", "", true},
		{"===2.1.0", "2.2", "", "", false},
		{"===weird", "2.2", "2.3", "", true},
		{"===weird,>=3", "2.2", "2.3", "", false},
		{"", "2.2", "2.3", "", true},
		{"", "2.3", "2.2", "", false},
		{">=2.7.1", "", "2.7.1rc1", "", false},
		{">=2.7,!=2.7.*", "2.7", "2.8", "", true}, // 2.8rc1 is before 2.8
		{">=2.7,!=2.7.*", "2.7", "2.8.dev0", "", false},
	} {
		var bounds [3]*Version
		for i, b := range []string{tt.introduced, tt.fixed, tt.last} {
			if b != "" {
				v := mustParse(t, b)
				bounds[i] = &v
			}
		}
		if got := parseSpecifiers(t, tt.in).Overlaps(bounds[0], bounds[1], bounds[2]); got != tt.want {
			t.Errorf("%q overlaps [%s, %s) to %q: got %t, want %t", tt.in, tt.introduced, tt.fixed, tt.last, got, tt.want)
		}
	}
}

func TestLimits(t *testing.T) {
	version := strings.Repeat("1.", MaxVersion/2-1) + "11"
	if _, err := Parse(version); err != nil {
		t.Errorf("a version of %d bytes: %v", len(version), err)
	}
	if _, err := Parse(version + "1"); !errors.Is(err, bounded.ErrLimit) {
		t.Errorf("a version of %d bytes: %v", len(version)+1, err)
	}
	// The bounds of the longest operands are longer still.
	for _, op := range []string{"==", "!=", "<", ">", "<=", "~="} {
		s := parseSpecifiers(t, op+strings.Repeat("9.", MaxVersion/2-1)+"99")
		v := mustParse(t, version)
		if !s.Overlaps(nil, nil, nil) || s.Overlaps(&v, nil, &v) != s.Contains(v, true) {
			t.Errorf("%s the longest version: wrong overlap", op)
		}
	}
	set := strings.Repeat("!=1,", MaxSpecifiers/4)
	if got := len(parseSpecifiers(t, set)); got != MaxSpecifiers/4 {
		t.Errorf("a set of %d bytes has %d specifiers", len(set), got)
	}
	if _, err := ParseSpecifiers(set + ","); !errors.Is(err, bounded.ErrLimit) {
		t.Errorf("a set of %d bytes: %v", len(set)+1, err)
	}
	if _, err := ParseSpecifier("===" + set); !errors.Is(err, bounded.ErrLimit) {
		t.Errorf("a specifier of %d bytes: %v", len(set)+3, err)
	}
}

func TestAllocations(t *testing.T) {
	if got := testing.AllocsPerRun(100, func() {
		a, _ := Parse("2.1.0rc1.post2.dev3+cu118")
		b, _ := Parse("2.1.0+cu121")
		Compare(a, b)
	}); got != 0 {
		t.Errorf("comparing two versions in normal form allocates %v times", got)
	}
}

func parseSpecifiers(t testing.TB, s string) Specifiers {
	t.Helper()
	list, err := ParseSpecifiers(s)
	if err != nil {
		t.Fatal(err)
	}
	return list
}

func FuzzVersion(f *testing.F) {
	for _, s := range []string{"2.1.0+cu118", "v1!02.1_ALPHA-.post-dev", "1.0-1", " 1.0\n", "1+a-01", "1..0", "1." + strings.Repeat("9", 40)} {
		f.Add(s, "2.1.0rc1")
	}
	f.Fuzz(func(t *testing.T, s, other string) {
		v, err := Parse(s)
		if err != nil {
			return
		}
		again, err := Parse(v.String())
		if err != nil || again != v {
			t.Errorf("Parse(%q) = %+v, and of its normal form %+v, %v", s, v, again, err)
		}
		if Compare(v, again) != 0 || Compare(v.Public(), v) > 0 || v.Public().Local() != "" {
			t.Errorf("%q is not where it should be", s)
		}
		w, err := Parse(other)
		if err != nil {
			return
		}
		if Compare(v, w) != -Compare(w, v) {
			t.Errorf("Compare(%q, %q) = %d, and %d the other way", v, w, Compare(v, w), Compare(w, v))
		}
		if Compare(v, w) < 0 && Compare(v.Public(), w.Public()) > 0 {
			t.Errorf("%q is before %q, and its public part is not", v, w)
		}
	})
}

func FuzzSpecifiers(f *testing.F) {
	for _, s := range []string{">=2.1,<3,!=2.2.*", "~=2.1rc1", "===x", "==2.1.0+cu118", ">1!0.post1", "<2.0.post1", ",", "==1.*.*"} {
		f.Add(s, "2.1.0+cu118")
	}
	f.Fuzz(func(t *testing.T, text, version string) {
		s, err := ParseSpecifiers(text)
		if err != nil {
			return
		}
		again, err := ParseSpecifiers(s.String())
		if err != nil || again.String() != s.String() {
			t.Errorf("ParseSpecifiers(%q) = %q, and of that %q, %v", text, s, again, err)
		}
		v, err := Parse(version)
		if err != nil {
			return
		}
		allowed := s.Contains(v, true)
		if again.Contains(v, true) != allowed {
			t.Errorf("%q and its normal form differ on %q", text, v)
		}
		if s.Contains(v, false) != (allowed && !v.Pre()) {
			t.Errorf("%q of %q without pre-releases is wrong", text, v)
		}
		// No version that is allowed lies outside of what overlaps.
		if allowed && !s.Overlaps(&v, nil, &v) {
			t.Errorf("%q allows %q and does not overlap it", text, v)
		}
		if pin, ok := s.Exact(); ok && allowed && Compare(pin.Public(), v.Public()) != 0 {
			t.Errorf("%q pins %q and allows %q", text, pin, v)
		}
	})
}
