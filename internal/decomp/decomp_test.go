package decomp

import (
	"bytes"
	"compress/gzip"
	"compress/zlib"
	"encoding/hex"
	"errors"
	"io"
	"runtime"
	"strings"
	"testing"

	"github.com/klauspost/compress/zstd"
	"github.com/pierrec/lz4/v4"
	"github.com/ulikunitz/xz"
	"github.com/ulikunitz/xz/lzma"

	"github.com/andiron-dev/andiron/internal/bounded"
	"github.com/andiron-dev/andiron/internal/magic"
)

// plain is three small pickles; samples is plain as CPython 3.11, lz4 4.4.5,
// zstandard 0.25 and joblib 1.6 compress it.
const plain = "\x80\x02}q\x00X\x01\x00\x00\x00aK\x01s.\x80\x02}q\x00X\x01\x00\x00\x00aK\x01s.\x80\x02}q\x00X\x01\x00\x00\x00aK\x01s."

var samples = []struct {
	kind magic.Kind
	hex  string
}{
	{magic.Gzip, "1f8b08000000000002ff6b60aa2d64886064606048f4662cd66bc0cb05003e59dd7a2d000000"},
	{magic.Bzip2, "425a68393141592653599669194700001657c07000000100080040200028024000200022bfd520d1908069a68843a84a56a53985bca5be2ee48a70a1212cd2328e"},
	{magic.XZ, "fd377a585a000004e6d6b4460200210116000000742fe5a3e0002c00165d0040008b29d781624d583f9aef29cbb1a0880e2d740000000000a61469dc01664def0001322d2fbd29881fb6f37d010000000004595a"},
	{magic.XZ, "fd377a585a00000ae1fb0ca10200210116000000742fe5a3e0002c00165d0040008b29d781624d583f9aef29cbb1a0880e2d7400000000000177780856dfce6f28ceb2b4a12ee2a3d2b26382711b5597202c98de6027457c00014a2dd14ecf6f189b4b9a01000000000a595a"},
	{magic.LZMA, "5d00008000ffffffffffffffff0040008b29d781624d583f9aef29cbb1a0880e8cc2ebffffd3310000"},
	{magic.Zlib, "789c6b60aa2d64886064606048f4662cd66bc0cb0500dbde0946"},
	{magic.Zstd, "28b52ffd202dad00007880027d71005801000000614b01732e010022ce3a"},
	{magic.LZ4, "04224d1868402d00000000000000761a000000ff0080027d71005801000000614b01732e0f000650614b01732e00000000"},
	{magic.ZFile, "5a463078326420202020202020202020202020202078016b60aa2d64886064606048f4662cd66bc0cb0500dbde0946"},
}

func unhex(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(s)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func readAll(kind magic.Kind, b []byte, lim Limits) ([]byte, *Reader, error) {
	return ReadAll(kind, bytes.NewReader(b), int64(len(b)), lim)
}

func TestReadAll(t *testing.T) {
	for _, s := range samples {
		b := unhex(t, s.hex)
		if got := magic.Detect(b, nil, int64(len(b))); got != s.kind {
			t.Errorf("%s: detected as %q", s.kind, got)
		}
		got, z, err := readAll(s.kind, b, Limits{})
		if err != nil || string(got) != plain || z.Consumed() != int64(len(b)) || z.Trailing() != 0 {
			t.Errorf("%s: got %q, consumed %d of %d, trailing %d, %v", s.kind, got, z.Consumed(), len(b), z.Trailing(), err)
		}
	}
}

func TestTrailing(t *testing.T) {
	for _, s := range samples {
		got, z, err := readAll(s.kind, append(unhex(t, s.hex), "cposix\nsystem\n"...), Limits{})
		if err != nil || string(got) != plain || z.Trailing() != 14 {
			t.Errorf("%s: got %q, trailing %d, %v", s.kind, got, z.Trailing(), err)
		}
	}
}

func TestConcatenated(t *testing.T) {
	for _, s := range samples {
		if s.kind == magic.LZMA || s.kind == magic.ZFile {
			continue // CPython's FORMAT_ALONE and joblib's read one
		}
		b := unhex(t, s.hex)
		got, z, err := readAll(s.kind, append(b, b...), Limits{})
		if err != nil || string(got) != plain+plain || z.Trailing() != 0 {
			t.Errorf("%s: got %q, trailing %d, %v", s.kind, got, z.Trailing(), err)
		}
	}
	b := unhex(t, samples[0].hex)
	got, z, err := readAll(magic.Gzip, append(append(bytes.Clone(b), 0, 0, 0), b...), Limits{})
	if err != nil || string(got) != plain+plain || z.Members() != 2 {
		t.Errorf("gzip with padding: got %q, %d members, %v", got, z.Members(), err)
	}
}

// Every cut of every stream is an error with a prefix of the data.
func TestTruncated(t *testing.T) {
	for _, s := range samples {
		b := unhex(t, s.hex)
		for n := range b {
			got, _, err := readAll(s.kind, b[:n], Limits{})
			if !strings.HasPrefix(plain, string(got)) && s.kind != magic.XZ && s.kind != magic.LZMA {
				t.Errorf("%s cut at %d: got %q", s.kind, n, got)
			}
			if err == nil {
				t.Errorf("%s cut at %d: no error", s.kind, n)
			}
		}
	}
}

// What was compressed before the break comes out.
func TestBytesBeforeBreak(t *testing.T) {
	text := strings.Repeat(plain, 3000)
	for _, kind := range []magic.Kind{magic.Gzip, magic.XZ, magic.LZMA, magic.Zlib, magic.Zstd, magic.LZ4} {
		b := compress(t, kind, text[:90000], strings.Repeat("0123456789abcdef", 20000))
		got, _, err := readAll(kind, b[:len(b)-6], Limits{})
		if err == nil || len(got) < 80000 {
			t.Errorf("%s: got %d bytes, %v", kind, len(got), err)
		}
	}
}

func compress(t testing.TB, kind magic.Kind, parts ...string) []byte {
	t.Helper()
	var b bytes.Buffer
	var w io.WriteCloser
	var err error
	switch kind {
	case magic.Gzip:
		w = gzip.NewWriter(&b)
	case magic.Zlib:
		w = zlib.NewWriter(&b)
	case magic.XZ:
		w, err = xz.NewWriter(&b)
	case magic.LZMA:
		w, err = lzma.NewWriter(&b)
	case magic.Zstd:
		w, err = zstd.NewWriter(&b, zstd.WithEncoderConcurrency(1), zstd.WithWindowSize(64<<10))
	case magic.LZ4:
		l := lz4.NewWriter(&b)
		w, err = l, l.Apply(lz4.BlockSizeOption(lz4.Block64Kb))
	}
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range parts {
		if _, err := io.WriteString(w, p); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestBombs(t *testing.T) {
	zeros := strings.Repeat("\x00", 1<<20)
	for _, kind := range []magic.Kind{magic.Gzip, magic.XZ, magic.Zlib, magic.Zstd, magic.LZ4} {
		b := compress(t, kind, zeros, zeros, zeros, zeros)
		for _, lim := range []Limits{{Bytes: 1 << 20}, {Ratio: 1, Slack: 1 << 20}} {
			got, _, err := readAll(kind, b, lim)
			if !errors.Is(err, bounded.ErrLimit) || len(got) < 1<<20 || len(got) > 3<<20/2 {
				t.Errorf("%s %+v: got %d bytes, %v", kind, lim, len(got), err)
			}
		}
		if got, _, err := readAll(kind, b, Limits{Bytes: 4 << 20}); err != nil || len(got) != 4<<20 {
			t.Errorf("%s, exactly the limit: got %d bytes, %v", kind, len(got), err)
		}
	}
}

// A header that asks for a large window gets none that its stream cannot fill.
func TestClaims(t *testing.T) {
	alone := unhex(t, samples[4].hex)
	copy(alone[1:], "\xff\xff\xff\xff")
	block := unhex(t, samples[2].hex)
	block[16] = 40 // the dictionary code; header CRCs are advisory
	for _, s := range []struct {
		kind magic.Kind
		b    []byte
	}{{magic.LZMA, alone}, {magic.XZ, block}} {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		got, _, err := readAll(s.kind, s.b, Limits{Window: 1 << 30, Bytes: 1 << 40, Slack: 1 << 20})
		runtime.ReadMemStats(&after)
		if n := after.TotalAlloc - before.TotalAlloc; err != nil && !errors.Is(err, bounded.ErrLimit) || n > 200<<20 {
			t.Errorf("%s: got %q, %v, %d bytes allocated", s.kind, got, err, n)
		}
	}
	big := []byte{0x28, 0xb5, 0x2f, 0xfd, 0x00, 0xa8, 0x01, 0x00, 0x00} // a window of 2 GiB
	if _, _, err := readAll(magic.Zstd, big, Limits{}); !errors.Is(err, bounded.ErrLimit) {
		t.Errorf("zstd: got %v, want a limit", err)
	}
}

func TestZFileLength(t *testing.T) {
	b := unhex(t, samples[8].hex)
	b[4] = '3'
	if got, _, err := readAll(magic.ZFile, b, Limits{}); err == nil || string(got) != plain {
		t.Errorf("got %q, %v", got, err)
	}
}

func TestOpenUnknown(t *testing.T) {
	if _, err := Open(magic.Zip, bytes.NewReader(nil), 0, Limits{}); err == nil || Supported(magic.Zip) {
		t.Error("zip is not a stream")
	}
}

func FuzzReadAll(f *testing.F) {
	for i, s := range samples {
		f.Add(uint8(i), unhex(f, s.hex))
	}
	f.Fuzz(func(t *testing.T, i uint8, b []byte) {
		kind := samples[int(i)%len(samples)].kind
		lim := Limits{Bytes: 1 << 16, Window: 1 << 20}
		got, z, err := readAll(kind, b, lim)
		again, _, err2 := readAll(kind, b, lim)
		if !bytes.Equal(got, again) || (err == nil) != (err2 == nil) {
			t.Error("two answers for one input")
		}
		if int64(len(got)) > lim.Bytes || z.Trailing() < 0 || z.Trailing() > int64(len(b)) {
			t.Errorf("got %d bytes, trailing %d", len(got), z.Trailing())
		}
	})
}
