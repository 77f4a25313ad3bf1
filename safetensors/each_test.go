package safetensors_test

import (
	"bytes"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/andiron-dev/andiron/internal/bounded"
	"github.com/andiron-dev/andiron/safetensors"
)

// compareReaders checks that Each takes nothing that Open does not, and of what it
// takes sees the same.
func compareReaders(t *testing.T, name string, b []byte) {
	t.Helper()
	var got []safetensors.Tensor
	metadata, err := safetensors.Each(bytes.NewReader(b), int64(len(b)), safetensors.Limits{}, func(x safetensors.Tensor) error {
		got = append(got, x)
		return nil
	})
	f, wrong := safetensors.Open(bytes.NewReader(b), int64(len(b)), safetensors.Limits{})
	if err != nil {
		return
	}
	seen := map[string]bool{}
	for _, x := range got {
		if seen[x.Name] {
			return // that is for the caller to see
		}
		seen[x.Name] = true
	}
	if wrong != nil {
		t.Fatalf("%s: Each takes what is wrong: %v", name, wrong)
	}
	byName := func(a, b safetensors.Tensor) int { return strings.Compare(a.Name, b.Name) }
	slices.SortFunc(got, byName)
	slices.SortFunc(f.Tensors, byName)
	if d := cmp.Diff(f.Tensors, got); d != "" || !cmp.Equal(metadata, f.Metadata) {
		t.Fatalf("%s: %v, %s", name, metadata, d)
	}
}

// TestEach reads what was written, in the order of the bytes, also where an entry is
// longer than what is read at once.
func TestEach(t *testing.T) {
	tensors := []safetensors.Tensor{
		{Name: "short", DType: "F32", Shape: []int64{1}},
		{Name: strings.Repeat("long \"{[]}, \\ \n", 20_000), DType: "F32", Shape: []int64{1}},
		{Name: "é", DType: "U8", Shape: []int64{0, 3}},
	}
	for _, metadata := range []map[string]string{nil, {"format": "pt", "k": strings.Repeat("v\\", 100_000)}} {
		l, err := safetensors.NewLayout(tensors, metadata)
		if err != nil {
			t.Fatal(err)
		}
		b := empty(t, l)
		want := slices.Collect(l.Tensors())
		var got []safetensors.Tensor
		read, err := safetensors.Each(bytes.NewReader(b), l.Size, safetensors.Limits{}, func(x safetensors.Tensor) error {
			got = append(got, x)
			return nil
		})
		if err != nil || !cmp.Equal(got, want) || !cmp.Equal(read, metadata) {
			t.Errorf("%v: %d tensors, %d keys", err, len(got), len(read))
		}
		no := errors.New("no")
		if _, err := safetensors.Each(bytes.NewReader(b), l.Size, safetensors.Limits{}, func(safetensors.Tensor) error { return no }); !errors.Is(err, no) {
			t.Errorf("an error of the caller: %v", err)
		}
		if _, err := safetensors.Each(bytes.NewReader(b), l.Size, safetensors.Limits{Tensors: 2}, func(safetensors.Tensor) error { return nil }); !errors.Is(err, bounded.ErrLimit) {
			t.Errorf("over the limit: %v", err)
		}
		for cut := range 9 {
			if _, err := safetensors.Each(bytes.NewReader(b), l.Size-int64(cut)-1, safetensors.Limits{}, func(safetensors.Tensor) error { return nil }); err == nil {
				t.Errorf("%d bytes less are taken", cut+1)
			}
		}
	}
}

func FuzzEach(f *testing.F) {
	for _, header := range []string{
		`{}`, `{"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}}`, `{"__metadata__":{"k":"v"}}`,
		`{"a":{"dtype":"U8","shape":[0],"data_offsets":[0,0]},"b":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}}  `,
		`{"a\\":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},}`, `{"\u00e9":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}}x`,
		`{"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]`, `{"a":1}`, `[1,2]`, `{"a\`,
	} {
		b := append([]byte{byte(len(header)), 0, 0, 0, 0, 0, 0, 0}, header...)
		f.Add(b)
		f.Add(append(b, 0))
	}
	f.Fuzz(func(t *testing.T, b []byte) { compareReaders(t, "", b) })
}
