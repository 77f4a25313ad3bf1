package oip

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
	"testing"
)

// Rows that are read at once are what they are one by one, and what is wrong with them
// is found at the same place. A line break in front of a row makes it be read alone.
func TestRows(t *testing.T) {
	rng := rand.New(rand.NewPCG(21, 22))
	elements := map[string]func() string{
		"FP32":  func() string { return strconv.FormatFloat(rng.NormFloat64(), "fge"[rng.IntN(3)], rng.IntN(12)-1, 64) },
		"FP64":  func() string { return strconv.FormatFloat(rng.NormFloat64(), 'g', rng.IntN(19)-1, 64) },
		"UINT8": func() string { return strconv.Itoa(rng.IntN(256)) },
		"INT64": func() string { return strconv.FormatInt(rng.Int64()>>rng.IntN(64), 10) },
		"INT32": func() string { return strconv.Itoa(int(rng.Int32()) - 1<<30) },
		"BOOL":  func() string { return strconv.FormatBool(rng.IntN(2) == 1) },
	}
	wrong := []string{"", "-", "--1", "1e999", "01", "null", "[1]", "]", "1,", ",", "1]", "1],[1", " 1 ", "1.", "\"a\"", "9999999999999999999999", "1]]", "{", "1],,[1"}
	read, refused := 0, 0
	for range 1000 {
		for kind, element := range elements {
			width, n := 1+rng.IntN(5), 1+rng.IntN(40)
			if rng.IntN(10) == 0 {
				width = 1 + rng.IntN(2*wide)
			}
			comma := []string{",", ", "}[rng.IntN(2)]
			var list []string
			for range n {
				row := make([]string, width)
				for i := range row {
					row[i] = element()
				}
				if rng.IntN(60) == 0 {
					row[rng.IntN(width)] = wrong[rng.IntN(len(wrong))]
				}
				list = append(list, "["+strings.Join(row, comma)+"]")
			}
			form := `{"inputs":[{"name":"x","shape":[%d,%d],"datatype":"` + kind + `","data":[%s]}]}` + strings.Repeat(" ", rng.IntN(2)*room)
			n += rng.IntN(30) / 29
			rest := strings.Join(list, comma)
			if rng.IntN(8) == 0 { // one byte is another
				i := rng.IntN(len(rest))
				rest = rest[:i] + string("[]{},:1 "[rng.IntN(8)]) + rest[i+1:]
			}
			at := []byte(fmt.Sprintf(form, n, width, rest))
			alone := []byte(fmt.Sprintf(form, n, width, strings.ReplaceAll(rest, "],", "],\n")))
			got, gotErr := ParseJSON(at, Options{})
			want, wantErr := ParseJSON(alone, Options{})
			if a, b := faultOf(at, gotErr), faultOf(alone, wantErr); a != b {
				t.Fatalf("%s\ngot %s, want %s", at, a, b)
			}
			if wantErr != nil {
				refused++
				continue
			}
			read++
			if !json.Valid(at) {
				t.Fatalf("%s was read", at)
			}
			if !bytes.Equal(got.Inputs[0].Data, want.Inputs[0].Data) {
				t.Fatalf("%s\ngot %x, want %x", at, got.Inputs[0].Data, want.Inputs[0].Data)
			}
		}
	}
	if read < 1200 || refused < 500 {
		t.Errorf("%d read, %d refused", read, refused)
	}
}

// faultOf is an error without its offset, and where in the text, spaces left out, it is.
func faultOf(text []byte, err error) string {
	var e *Error
	if !errors.As(err, &e) {
		return fmt.Sprint(err)
	}
	before := strings.NewReplacer(" ", "", "\n", "").Replace(string(text[:min(int(e.Offset), len(text))]))
	return fmt.Sprint(e.Code, e.Path, e.Err, len(before))
}
