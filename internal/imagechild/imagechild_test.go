package imagechild

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"os"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/andiron-dev/andiron/internal/dataset"
)

func TestMain(m *testing.M) {
	if Asked(os.Args) {
		if err := Serve(os.Stdin, os.Stdout, faulty); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(3)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

var kept [][]byte

// faulty decodes, but for what tells it to do something else.
func faulty(q dataset.Request) (dataset.Picture, error) {
	p := dataset.Picture{Width: 2, Height: 2, Channels: 1, Values: make([]byte, 4)}
	switch string(q.Image) {
	case "crash":
		panic("a fault")
	case "exit":
		os.Exit(0)
	case "hang":
		time.Sleep(time.Hour)
	case "memory":
		for {
			kept = append(kept, make([]byte, 64<<20))
		}
	case "open":
		_, err := os.Open("/proc/self/exe")
		return p, err
	case "run":
		_, err := os.StartProcess("/proc/self/exe", nil, &os.ProcAttr{})
		return p, err
	case "long error":
		return p, errors.New(strings.Repeat("x", 1<<20))
	case "short":
		p.Values = p.Values[:3]
	case "long":
		p.Values = make([]byte, 5)
	case "wide":
		p.Width = 1 << 20
	case "empty":
		p.Height = 0
	case "channels":
		p.Channels = 2
	default:
		if bytes.Contains(q.Image, []byte("another size")) {
			return p, nil
		}
		return dataset.Decode(q)
	}
	return p, nil
}

func decoder(t testing.TB) *Decoder {
	t.Helper()
	d := New(t.Context(), os.Args[0])
	t.Cleanup(d.Close)
	return d
}

func picture(t testing.TB, side int) []byte {
	t.Helper()
	img := image.NewNRGBA(image.Rect(0, 0, side, side))
	for i := range img.Pix {
		img.Pix[i] = byte(i * i >> 3)
	}
	img.Set(0, 0, color.White)
	var b bytes.Buffer
	if err := png.Encode(&b, img); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func asked(b []byte) dataset.Request { return dataset.Request{Image: b, Pixels: 1 << 16} }

// What comes over the border is what would be decoded here, in order, errors as well.
func TestSame(t *testing.T) {
	d := decoder(t)
	var requests []dataset.Request
	var waits []func() (dataset.Picture, error)
	for i := range 300 {
		b := picture(t, 1+i%60)
		q := asked(b)
		q.Last, q.Channels = i%2 == 0, []int{0, 1, 3}[i%3]
		switch i % 7 {
		case 3:
			q.Image = b[:len(b)/2]
		case 4:
			q.Pixels = 4
		case 5:
			q.Image = nil
		}
		requests, waits = append(requests, q), append(waits, d.Start(q))
	}
	for i, wait := range waits {
		got, err := wait()
		want, failed := dataset.Decode(requests[i])
		if !cmp.Equal(got, want) || fmt.Sprint(err) != fmt.Sprint(failed) {
			t.Errorf("image %d: %v, want %v", i, err, failed)
		}
	}
	if d.p.answered != 300 {
		t.Errorf("one process answered %d", d.p.answered)
	}
}

// An image that breaks its decoder is known by name, and no other one suffers.
func TestCulprit(t *testing.T) {
	good := picture(t, 9)
	want, err := dataset.Decode(asked(good))
	if err != nil {
		t.Fatal(err)
	}
	other := append(bytes.Clone(good), "another size"...)
	for bad, says := range map[string]string{
		"crash": "ended: panic: a fault", "exit": "its decoder ended", "memory": "its decoder ended: ",
		"short": "lies: 3 bytes for a picture that has 4", "long": "lies: 5 bytes", "wide": "lies: a picture of 1048576 by 2",
		"empty": "lies: a picture of 2 by 0", "channels": "lies: a picture with 2 channels",
		string(other): "lies: a picture of 2 by 2 of an image of 9 by 9",
		"long error":  strings.Repeat("x", maxError),
	} {
		d := decoder(t)
		var waits []func() (dataset.Picture, error)
		for i := range 20 {
			b := good
			if i == 7 || i == 12 {
				b = []byte(bad)
			}
			waits = append(waits, d.Start(asked(b)))
		}
		for i, wait := range waits {
			got, err := wait()
			switch {
			case i != 7 && i != 12:
				if err != nil || !cmp.Equal(got, want) {
					t.Errorf("%.20q: image %d: %v", bad, i, err)
				}
			case err == nil || !strings.Contains(err.Error(), says) || len(err.Error()) > 2*maxError || got.Values != nil:
				t.Errorf("%.20q: image %d: %v", bad, i, err)
			}
		}
		d.Close()
	}
}

func TestTooLong(t *testing.T) {
	d := decoder(t)
	d.patience = 200 * time.Millisecond
	if _, err := d.Start(asked([]byte("hang")))(); err == nil || !strings.Contains(err.Error(), "took longer than 200ms") {
		t.Error(err)
	}
	d.patience = patience
	if _, err := d.Start(asked(picture(t, 3)))(); err != nil {
		t.Error(err)
	}
}

// The decoder has no files and no processes.
func TestConfined(t *testing.T) {
	if runtime.GOOS != "linux" {
		return // there the limits are those of the system
	}
	d := decoder(t)
	for _, what := range []string{"open", "run"} {
		if _, err := d.Start(asked([]byte(what)))(); err == nil || !strings.Contains(err.Error(), "operation not permitted") {
			t.Errorf("%s: %v", what, err)
		}
	}
}

func TestInterrupted(t *testing.T) {
	ctx, cancel := context.WithCancelCause(t.Context())
	d := New(ctx, os.Args[0])
	defer d.Close()
	if _, err := d.Start(asked(picture(t, 3)))(); err != nil {
		t.Fatal(err)
	}
	why := errors.New("somebody wants no more")
	waits := []func() (dataset.Picture, error){d.Start(asked([]byte("hang"))), d.Start(asked(nil))}
	time.AfterFunc(10*time.Millisecond, func() { cancel(why) })
	for _, wait := range waits {
		if _, err := wait(); !errors.Is(err, why) {
			t.Error(err)
		}
	}
	if _, err := d.Start(asked(nil))(); !errors.Is(err, why) {
		t.Errorf("started afterwards: %v", err)
	}
}

func answerOf(n uint32, kind, channels byte, width, height, size uint32) []byte {
	b := binary.LittleEndian.AppendUint32(nil, n)
	b = append(b, kind, channels, 0, 0)
	for _, x := range []uint32{width, height, size} {
		b = binary.LittleEndian.AppendUint32(b, x)
	}
	return b
}

func TestAnswer(t *testing.T) {
	for _, c := range []struct {
		answer []byte
		want   string
	}{
		{append(answerOf(7, isPicture, 1, 2, 2, 4), 1, 2, 3, 4), ""},
		{append(answerOf(8, isPicture, 1, 2, 2, 4), 1, 2, 3, 4), "its decoder lies: it answers request 8 instead of 7"},
		{answerOf(7, isPicture, 1, 1<<31, 2, 4), "its decoder lies: a picture of 2147483647 by 2, and 100 pixels were allowed"},
		{answerOf(7, isPicture, 1, 1<<32-1, 1<<32-1, 1), "its decoder lies: a picture of 2147483647 by 2147483647, and 100 pixels were allowed"},
		{answerOf(7, isPicture, 3, 2, 2, 12), "its decoder lies: a picture with 3 channels, and 1 were asked for"},
		{answerOf(7, isPicture, 1, 2, 2, 1<<32-1), "its decoder lies: 4294967295 bytes for a picture that has 4"},
		{answerOf(7, isError, 0, 0, 0, maxError+1), "its decoder lies: an answer of kind 1 with 1025 bytes"},
		{answerOf(7, 2, 0, 0, 0, 0), "its decoder lies: an answer of kind 2 with 0 bytes"},
		{append(answerOf(7, isPicture, 1, 2, 2, 4), 1), "unexpected EOF"},
		{nil, "EOF"},
	} {
		_, failed, broke := readAnswer(bytes.NewReader(c.answer), 7, &dataset.Request{Pixels: 100, Channels: 1})
		if got := fmt.Sprint(broke); failed != nil || broke == nil && c.want != "" || broke != nil && got != c.want {
			t.Errorf("% x: %v, %v, want %s", c.answer, failed, broke, c.want)
		}
	}
	_, failed, broke := readAnswer(bytes.NewReader(append(answerOf(7, isError, 0, 0, 0, 3), "why"...)), 7, &dataset.Request{})
	if broke != nil || failed == nil || failed.Error() != "why" {
		t.Errorf("an error: %v, %v", failed, broke)
	}
}

func FuzzAnswer(f *testing.F) {
	f.Add(append(answerOf(7, isPicture, 1, 2, 2, 4), 1, 2, 3, 4), 0)
	f.Add(append(answerOf(7, isError, 0, 0, 0, 3), "why"...), 1)
	f.Add(answerOf(7, 2, 0, 0, 0, 0), 3)
	f.Fuzz(func(t *testing.T, b []byte, channels int) {
		q := dataset.Request{Pixels: 1 << 12, Channels: channels}
		p, failed, broke := readAnswer(bytes.NewReader(b), 7, &q)
		if failed == nil && broke == nil && (len(p.Values) != p.Width*p.Height*p.Channels || int64(p.Width*p.Height) > q.Pixels || p.Width < 1) {
			t.Fatalf("a picture of %d by %d with %d bytes", p.Width, p.Height, len(p.Values))
		}
		if failed != nil && broke != nil {
			t.Fatal(failed, broke)
		}
	})
}

// An image of side 0 is none, so that what is measured is the way there and back.
func BenchmarkDecode(b *testing.B) {
	for _, side := range []int{0, 28, 224} {
		img := picture(b, max(side, 1))
		if side == 0 {
			img = img[:8]
		}
		for _, where := range []string{"here", "child"} {
			b.Run(fmt.Sprintf("%d/%s", side, where), func(b *testing.B) {
				var d *Decoder
				if where == "child" {
					d = decoder(b)
					_, _ = d.Start(asked(img))()
				}
				b.ReportAllocs()
				var waits []func() (dataset.Picture, error)
				for range b.N {
					if d == nil {
						if _, err := dataset.Decode(asked(img)); (err != nil) != (side == 0) {
							b.Fatal(err)
						}
						continue
					}
					if waits = append(waits, d.Start(asked(img))); len(waits) > 512 {
						for _, wait := range waits[:256] {
							if _, err := wait(); (err != nil) != (side == 0) {
								b.Fatal(err)
							}
						}
						waits = append(waits[:0], waits[256:]...)
					}
				}
				for _, wait := range waits {
					if _, err := wait(); (err != nil) != (side == 0) {
						b.Fatal(err)
					}
				}
			})
		}
	}
}
