package oip

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
	"testing"

	"github.com/andiron-dev/andiron/internal/tensor"
)

// spellings makes elements that the loops over windows and stretches read, and some
// that they leave.
func spellings(rnd *rand.Rand, d tensor.DType) func() string {
	digits := func(most int) string {
		b := make([]byte, 1+rnd.IntN(most))
		for i := range b {
			b[i] = '0' + byte(rnd.IntN(10))
		}
		return string(b)
	}
	if d == tensor.Float32 || d == tensor.Float64 {
		return func() string {
			s := []string{"", "-"}[rnd.IntN(2)]
			switch rnd.IntN(40) {
			case 0:
				return s + strconv.Itoa(rnd.IntN(1000))
			case 1:
				return s + strconv.FormatFloat(rnd.ExpFloat64(), 'e', rnd.IntN(18), 64)
			case 2:
				return s + "12" + "." + digits(20)
			default:
				return s + digits(1) + "." + digits(1+rnd.IntN(20))
			}
		}
	}
	bits := uint(8 * d.Size())
	return func() string {
		u := rnd.Uint64() >> (64 - bits) >> rnd.UintN(bits)
		if d.V2()[0] == 'I' {
			i := int64(u >> 1)
			return strconv.FormatInt(i-2*i*(rnd.Int64N(20)/19), 10)
		}
		return strconv.FormatUint(u, 10)
	}
}

var numberTypes = []tensor.DType{
	tensor.Float64, tensor.Float32, tensor.Int64, tensor.Int32, tensor.Int16, tensor.Int8,
	tensor.Uint64, tensor.Uint32, tensor.Uint16, tensor.Uint8,
}

// referenceElement is an element of any type of numbers, as strconv reads it.
func referenceElement(s string, d tensor.DType) []byte {
	if e, ok := referenceNumber(s, d); ok && d != tensor.Uint64 && (d == tensor.Float32 || d == tensor.Float64) {
		return e
	}
	if i, err := strconv.ParseInt(s, 10, 64); err == nil {
		return appendLE(nil, uint64(i), d.Size())
	}
	u, _ := strconv.ParseUint(s, 10, 64)
	return appendLE(nil, u, d.Size())
}

// Long lists are what strconv reads of each element. One element that is none is
// refused, and where it stands.
func TestLongLists(t *testing.T) {
	rnd := rand.New(rand.NewPCG(21, 22))
	bad := []string{"01", "00", "-", "-01", "1.", ".5", "1..5", "1.5.5", "0x1", "1 2", "", "1e", "+1", "--1", "1.2345678901x", "0.123456789012345678 9", "12345678:", "1/2", "0.12345678901-", ",", "1h", "0.1234567890123lll"}
	for _, d := range numberTypes {
		next := spellings(rnd, d)
		for range 60 {
			comma := []string{",", ", ", ",  ", " ,"}[rnd.IntN(4)]
			n := 1 + rnd.IntN(300)
			elements := make([]string, n)
			var want []byte
			for i := range elements {
				elements[i] = next()
				want = append(want, referenceElement(elements[i], d)...)
			}
			head := fmt.Sprintf(`{"inputs":[{"name":"x","shape":[%d],"datatype":%q,"data":[`, n, d.V2())
			read := func() ([]byte, error) {
				r, err := ParseJSON([]byte(head+strings.Join(elements, comma)+"]}]}"), Options{})
				if err != nil {
					return nil, err
				}
				return r.Inputs[0].Data, nil
			}
			if got, err := read(); err != nil || !bytes.Equal(got, want) {
				t.Fatalf("%s: %s: got %x and %v, want %x", d, strings.Join(elements, comma), got, err, want)
			}
			at := rnd.IntN(n)
			elements[at] = bad[rnd.IntN(len(bad))]
			if d.Size() < 8 && rnd.IntN(4) == 0 && d != tensor.Float32 {
				elements[at] = strconv.FormatInt(1<<(8*d.Size())+rnd.Int64N(100), 10) // beyond the type
			}
			from := len(head) + len(strings.Join(append(elements[:at:at], ""), comma))
			_, err := read()
			var e *Error
			if !errors.As(err, &e) || e.Offset < int64(from) || e.Offset > int64(from+len(elements[at])+len(comma)+2) {
				t.Fatalf("%s: %q at %d: got %v", d, elements[at], from, err)
			}
		}
	}
}
