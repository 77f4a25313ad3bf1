package sandbox

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"testing"
)

// zipped has so many numbers in data/0, as torch wrote it.
const (
	zipped         = "../../testdata/golden/torch/torch-1.13/zip/single_tensor.pt"
	recordElements = 12
)

func goldenRecords(t testing.TB) *records {
	t.Helper()
	f, err := os.Open(zipped)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = f.Close() })
	info, err := f.Stat()
	if err != nil {
		t.Fatal(err)
	}
	z, err := openRecords(&Input{file: f, Size: info.Size(), Kept: "copy"})
	if err != nil {
		t.Fatal(err)
	}
	return z
}

// said is what a worker could say.
func said(header, references string) []byte {
	return append(append(binary.LittleEndian.AppendUint64(nil, uint64(len(header))), header...), references...)
}

// one is said of one tensor of two numbers of 32 bits.
func one(reference string) []byte {
	return said(`{"w":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}`, `{"size":8,"parts":{"w":`+reference+`}}`)
}

func TestReferences(t *testing.T) {
	z := goldenRecords(t)
	i, ok := z.find("data/0")
	if !ok {
		t.Fatal("there is no data/0")
	}
	data, err := z.zip.Read(i, 1<<20)
	if err != nil {
		t.Fatal(err)
	}
	r, err := z.read(one(`["data/0",4,[1]]`), 1<<20)
	if err != nil {
		t.Fatal(err)
	}
	var got bytes.Buffer
	digest, err := r.CopyTo(&got)
	if err != nil || int64(got.Len()) != r.Size || digest != fmt.Sprintf("%x", sha256.Sum256(got.Bytes())) {
		t.Fatalf("%d bytes with the digest %s, %v", got.Len(), digest, err)
	}
	if b := got.Bytes()[r.Header.DataStart:]; !bytes.Equal(b, data[4:12]) {
		t.Errorf("got % x, want % x", b, data[4:12])
	}
	if r, err = z.read(one(`["data/0",0,[2]]`), 1<<20); err != nil {
		t.Fatal(err)
	}
	got.Reset()
	if _, err := r.CopyTo(&got); err != nil {
		t.Fatal(err)
	}
	if b, want := got.Bytes()[r.Header.DataStart:], append(bytes.Clone(data[:4]), data[8:12]...); !bytes.Equal(b, want) {
		t.Errorf("every second: got % x, want % x", b, want)
	}
}

// Nothing that a worker says of the bytes is believed.
func TestReferencesLie(t *testing.T) {
	z := goldenRecords(t)
	for name, b := range map[string][]byte{
		"nothing":              nil,
		"no header":            {1, 2, 3},
		"a header of 2^63":     {0, 0, 0, 0, 0, 0, 0, 128, '{', '}'},
		"no references":        said(`{}`, ``),
		"more behind them":     said(`{}`, `{"size":0,"parts":{}}{}`),
		"unknown":              said(`{}`, `{"size":0,"parts":{},"path":"/etc/passwd"}`),
		"below zero":           said(`{}`, `{"size":-1,"parts":{}}`),
		"too large":            said(`{}`, `{"size":1048577,"parts":{}}`),
		"another size":         said(`{"w":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}`, `{"size":9,"parts":{"w":["data/0",0,[1]]}}`),
		"a tensor without":     said(`{"w":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}`, `{"size":8,"parts":{}}`),
		"one without tensor":   said(`{}`, `{"size":0,"parts":{"w":["data/0",0,[1]]}}`),
		"another name":         said(`{"w":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}`, `{"size":8,"parts":{"x":["data/0",0,[1]]}}`),
		"half a byte":          said(`{"w":{"dtype":"F4","shape":[2],"data_offsets":[0,1]}}`, `{"size":1,"parts":{"w":["data/0",0,[1]]}}`),
		"no list":              one(`{}`),
		"two parts":            one(`["data/0",0]`),
		"four parts":           one(`["data/0",0,[1],1]`),
		"no record":            one(`["data/9",0,[1]]`),
		"a folder above":       one(`["../data/0",0,[1]]`),
		"between two elements": one(`["data/0",2,[1]]`),
		"before the record":    one(`["data/0",-4,[1]]`),
		"behind the record":    one(`["data/0",1073741824,[1]]`),
		"over its end":         one(fmt.Sprintf(`["data/0",%d,[1]]`, 4*recordElements-4)),
		"backwards":            one(`["data/0",4,[-1]]`),
		"far apart":            one(`["data/0",0,[9223372036854775807]]`),
		"strides of another":   one(`["data/0",0,[1,1]]`),
		"no strides":           one(`["data/0",0,[]]`),
	} {
		if r, err := z.read(b, 1<<20); err == nil {
			t.Errorf("%s: %+v", name, r.Header)
		}
	}
	if _, err := z.read(one(fmt.Sprintf(`["data/0",%d,[1]]`, 4*recordElements-8)), 1<<20); err != nil {
		t.Errorf("the last two: %v", err)
	}
}

// What torch would have to make of the bytes is no reference.
func TestReferencesNeedPlainBytes(t *testing.T) {
	for _, name := range []string{"deflated.pt", "../legacy/dtypes.pt"} {
		f, err := os.Open("../../testdata/golden/torch/torch-1.13/zip/" + name)
		if err != nil {
			t.Fatal(err)
		}
		info, err := f.Stat()
		if err != nil {
			t.Fatal(err)
		}
		in := &Input{file: f, Size: info.Size(), Kept: "copy"}
		if _, _, err := modeFor(in, Reference); !errors.Is(err, ErrFailed) {
			t.Errorf("%s: %v", name, err)
		}
		_ = f.Close() // it was only read
	}
}

// A checkpoint that changes while it is copied is no result.
func TestReferencesChange(t *testing.T) {
	z := goldenRecords(t)
	r, err := z.read(one(`["data/0",0,[1]]`), 1<<20)
	if err != nil {
		t.Fatal(err)
	}
	z.in.Kept = "lease" // and there is none
	if _, err := r.CopyTo(&bytes.Buffer{}); err == nil {
		t.Error("a lease that is broken")
	}
}

func FuzzReferences(f *testing.F) {
	z := goldenRecords(f)
	f.Add(one(`["data/0",0,[1]]`))
	f.Add(one(`["data/0",0,[0]]`))
	f.Add(said(`{}`, `{"size":0,"parts":{}}`))
	f.Add(said(`{"w":{"dtype":"F32","shape":[0],"data_offsets":[0,0]}}`, `{"size":0,"parts":{"w":["data/0",0,[1]]}}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		r, err := z.read(b, 1<<16)
		if err != nil {
			return
		}
		var out bytes.Buffer
		if _, err := r.CopyTo(&out); err != nil || int64(out.Len()) != r.Size || r.Size > 1<<16 {
			t.Fatalf("%d bytes of %d: %v", out.Len(), r.Size, err)
		}
	})
}
