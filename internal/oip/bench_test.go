package oip

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/andiron-dev/andiron/internal/tensor"
)

// pixels is how many elements an image of 3x224x224 has.
const pixels = 3 * 224 * 224

// bodies are requests with one tensor of n elements.
func bodies(n int) map[string][]byte {
	rnd := rand.New(rand.NewPCG(1, 2))
	kinds := []struct {
		name, datatype, comma string
		element               func() string
	}{
		{"FP32, 6 decimals", "FP32", ",", func() string { return strconv.FormatFloat(rnd.Float64(), 'f', 6, 64) }},
		{"FP32, 6 decimals, spaces", "FP32", ", ", func() string { return strconv.FormatFloat(rnd.Float64(), 'f', 6, 64) }},
		{"FP32, 17 digits", "FP32", ",", func() string { return strconv.FormatFloat(rnd.Float64(), 'g', -1, 64) }},
		{"FP32, signs", "FP32", ",", func() string { return strconv.FormatFloat(rnd.NormFloat64(), 'f', 6, 64) }},
		{"FP64, 17 digits", "FP64", ",", func() string { return strconv.FormatFloat(rnd.NormFloat64(), 'g', -1, 64) }},
		{"UINT8", "UINT8", ",", func() string { return strconv.Itoa(rnd.IntN(256)) }},
		{"INT64, ids of tokens", "INT64", ",", func() string { return strconv.Itoa(rnd.IntN(30522)) }},
		{"BOOL", "BOOL", ",", func() string { return strconv.FormatBool(rnd.IntN(2) == 1) }},
		{"BYTES", "BYTES", ",", func() string { return strconv.Quote(strings.Repeat("word ", rnd.IntN(20))) }},
	}
	all := map[string][]byte{}
	for _, k := range kinds {
		var b strings.Builder
		fmt.Fprintf(&b, `{"inputs":[{"name":"x","shape":[%d],"datatype":%q,"data":[`, n, k.datatype)
		for i := range n {
			if i > 0 {
				b.WriteString(k.comma)
			}
			b.WriteString(k.element())
		}
		b.WriteString("]}]}")
		all[k.name] = []byte(b.String())
	}
	return all
}

// fastest runs f again and again, and reports the rate of the quickest run beside
// that of all: on a machine that others use as well it says more.
func fastest(b *testing.B, size int, f func() error) {
	b.Helper()
	b.SetBytes(int64(size))
	b.ReportAllocs()
	best := time.Hour
	for b.Loop() {
		start := time.Now()
		if err := f(); err != nil {
			b.Fatal(err)
		}
		best = min(best, time.Since(start))
	}
	b.ReportMetric(float64(size)/best.Seconds()/1e6, "best-MB/s")
}

// BenchmarkParseJSON reads whole requests. The bar is 705 MB/s for floats.
func BenchmarkParseJSON(b *testing.B) {
	for name, body := range bodies(pixels) {
		b.Run(name, func(b *testing.B) {
			fastest(b, len(body), func() error {
				_, err := ParseJSON(body, Options{})
				return err
			})
		})
	}
}

// BenchmarkEncodingJSON is what BenchmarkParseJSON is held against. It reads fewer
// elements, so that its quickest run too is one without interruption.
func BenchmarkEncodingJSON(b *testing.B) {
	for name, body := range bodies(8192) {
		if !strings.HasPrefix(name, "FP32") {
			continue
		}
		b.Run(name, func(b *testing.B) {
			fastest(b, len(body), func() error {
				var v struct {
					Inputs []struct {
						Name, Datatype string
						Shape          []int64
						Data           []float32
					}
				}
				return json.Unmarshal(body, &v)
			})
		})
	}
}

// BenchmarkNested reads rows of a few numbers, as tables are sent.
func BenchmarkNested(b *testing.B) {
	for _, width := range []int{1, 4, 224} {
		b.Run(strconv.Itoa(width), func(b *testing.B) {
			row := "[" + strings.TrimSuffix(strings.Repeat("0.123456,", width), ",") + "],"
			n := pixels / width
			body := []byte(fmt.Sprintf(`{"inputs":[{"name":"x","shape":[%d,%d],"datatype":"FP32","data":[%s]}]}`, n, width, strings.TrimSuffix(strings.Repeat(row, n), ",")))
			fastest(b, len(body), func() error {
				_, err := ParseJSON(body, Options{})
				return err
			})
		})
	}
}

// BenchmarkForms reads and writes the forms that copy nothing, and writes JSON.
func BenchmarkForms(b *testing.B) {
	req := &Request{Model: "m", Inputs: []tensor.Tensor{{Name: "x", DType: tensor.Float32, Shape: []int64{1, 3, 224, 224}, Data: make([]byte, 4*pixels)}}}
	head, data, err := req.AppendBinary(nil)
	if err != nil {
		b.Fatal(err)
	}
	length := strconv.Itoa(len(head))
	body := slices.Concat(head, data[0])
	b.Run("binary", func(b *testing.B) {
		b.ReportAllocs()
		buf := make([]byte, 0, 4096)
		for b.Loop() {
			r, err := ParseBinary(body, length, Options{})
			if err != nil {
				b.Fatal(err)
			}
			if _, _, err := r.AppendBinary(buf); err != nil {
				b.Fatal(err)
			}
		}
	})
	parts, _, err := req.AppendGRPC(nil)
	if err != nil {
		b.Fatal(err)
	}
	msg := slices.Concat(parts...)
	b.Run("gRPC", func(b *testing.B) {
		b.ReportAllocs()
		buf := make([]byte, 0, 4096)
		for b.Loop() {
			r, err := ParseGRPC(msg, Options{})
			if err != nil {
				b.Fatal(err)
			}
			if _, _, err := r.AppendGRPC(buf); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("write JSON", func(b *testing.B) {
		r, err := ParseJSON(bodies(pixels)["FP32, 6 decimals"], Options{})
		if err != nil {
			b.Fatal(err)
		}
		buf := make([]byte, 0, 4<<20)
		fastest(b, 4*pixels, func() error {
			_, err := r.AppendJSON(buf)
			return err
		})
	})
}
