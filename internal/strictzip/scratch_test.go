package strictzip

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/andiron-dev/andiron/internal/bounded"
	"github.com/andiron-dev/andiron/internal/testkit"
)

// large is an archive of n empty entries, whose end record readers without zip64
// take modulo 65,536.
func large(n int, change func(i int, p *part)) []byte {
	ps := make([]part, n)
	for i := range ps {
		ps[i].name = fmt.Sprintf("a/data/%d", i)
		change(i, &ps[i])
	}
	b := build(ps...)
	tail := b[len(b)-endLen:]
	binary.LittleEndian.PutUint16(tail[8:], uint16(n))
	binary.LittleEndian.PutUint16(tail[10:], uint16(n))
	return b
}

// TestLarge reads more entries than an archive may have that is sorted in memory.
func TestLarge(t *testing.T) {
	const n = mostOdd + 5
	b := large(n, func(int, *part) {})
	space := testkit.Cramped()
	a, err := Open(bytes.NewReader(b), int64(len(b)), Limits{Scratch: space})
	if err != nil || a.Len() != n || space.Used() == 0 {
		t.Fatalf("%v, %d bytes in the file", err, space.Used())
	}
	for _, i := range []int{0, 1, 4711, 34000} {
		name := fmt.Sprintf("A/Data/%d", i)
		if got := a.Locate(name); got != i || a.Entry(i).RawName != fmt.Sprintf("a/data/%d", i) {
			t.Errorf("Locate(%q) = %d: %+v", name, got, a.Entry(i))
		}
	}
	if a.Locate("a/data/x") != -1 || space.Err() != nil {
		t.Errorf("an entry that is not there, %v", space.Err())
	}
	if _, err := Open(bytes.NewReader(b), int64(len(b)), Limits{}); !errors.Is(err, bounded.ErrLimit) {
		t.Errorf("in memory: %v", err)
	}
	for name, change := range map[string]func(int, *part){
		"equal names":   func(i int, p *part) { p.name = fmt.Sprintf("a/data/%d", i%(n-1)) },
		"another order": func(i int, p *part) { p.headerOff = uint32(37 * (i % 2)) },
		"one header for all": func(i int, p *part) {
			if p.headerOff = 1; i == 0 {
				p.before, p.lextra = "x", "FB\xfc\x7f"+strings.Repeat("Z", 0x7ffc)
			}
		},
		"one name for them all": func(_ int, p *part) { p.name = "a/x" },
	} {
		b := large(n, change)
		if _, err := Open(bytes.NewReader(b), int64(len(b)), Limits{Scratch: testkit.Cramped()}); !errors.Is(err, bounded.ErrLimit) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
