package robust

import (
	"bytes"
	"image/color"
	"image/png"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// digits is the report of a real evaluation.
func digits(t testing.TB) []byte {
	t.Helper()
	b, err := os.ReadFile("testdata/digits.robustness.json")
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func parsed(t testing.TB) *Report {
	t.Helper()
	r, err := Parse(digits(t))
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestParse(t *testing.T) {
	r := parsed(t)
	if got, want := r.Sizes(), []float64{0.05, 0.1, 0.2}; !cmp.Equal(got, want) {
		t.Errorf("sizes %v, want %v", got, want)
	}
	if got, want := r.Attacks(), []string{"fgsm", "pgd", "margin", Worst}; !cmp.Equal(got, want) {
		t.Errorf("attacks %v, want %v", got, want)
	}
	if row, ok := r.At(0.1, Worst); !ok || row.Accuracy != 0.796296 || row.Right != 430 {
		t.Errorf("worst at 0.1 is %v, %v", row, ok)
	}
	if !r.Believable() {
		t.Error("all signs are good, and it is not believable")
	}
	r.Sanity[0].OK = false
	if r.Believable() {
		t.Error("a bad sign, and it is believable")
	}
	r.Sanity = nil
	if r.Believable() {
		t.Error("no signs, and it is believable")
	}
}

func TestRoundTrip(t *testing.T) {
	b, err := parsed(t).JSON()
	if err != nil {
		t.Fatal(err)
	}
	again, err := Parse(b)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(parsed(t), again); d != "" {
		t.Error(d)
	}
}

func TestRefusals(t *testing.T) {
	for _, c := range []struct{ old, new, want string }{
		{`"andiron/robustness/v1"`, `"andiron/robustness/v2"`, `schema "andiron/robustness/v2"`},
		{`"created"`, `"made"`, `unknown field "made"`},
		{`"seed": 0`, `"seed": 0, "seed": 1`, `key "seed" stands twice`},
		{`"right": 430`, `"right": 530`, "accuracy 0.796296 with 530 of 540 samples right"},
		{`"right": 430`, `"right": 541`, "541 of 540 samples are right"},
		{`"eps": 0.05`, `"eps": 0`, "eps 0 of attack"},
		{`"eps": 0.05`, `"eps": 0.15`, "eps 0.05 comes after 0.15"},
		{`"attack": "pgd"`, `"attack": "fgsm"`, `attack "fgsm" with eps 0.05 stands twice`},
		{`"schema"`, `"x`, "invalid"},
	} {
		b := strings.Replace(string(digits(t)), c.old, c.new, 1)
		if _, err := Parse([]byte(b)); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s for %s: error %v, want %q", c.new, c.old, err, c.want)
		}
	}
	if _, err := Parse(append(digits(t), "{}"...)); err == nil || !strings.Contains(err.Error(), "something follows") {
		t.Errorf("with a second document: error %v", err)
	}
	if _, err := Parse(make([]byte, sizeLimit+1)); err == nil {
		t.Error("a report over the limit was read")
	}
}

// TestPicture looks for the lines where they must be.
func TestPicture(t *testing.T) {
	var b bytes.Buffer
	if err := parsed(t).WritePNG(&b); err != nil {
		t.Fatal(err)
	}
	img, err := png.Decode(&b)
	if err != nil {
		t.Fatal(err)
	}
	if s := img.Bounds().Size(); s.X != plotWidth || s.Y != plotHeight {
		t.Errorf("the picture has %v pixels", s)
	}
	at := func(eps, share float64) color.Color {
		return img.At(axisLeft+int(eps/0.2*(axisRight-axisLeft)), axisBottom-int(share*(axisBottom-axisTop)))
	}
	for _, c := range []struct {
		eps, share float64
		want       color.RGBA
	}{{0.1, 0.796, alarm}, {0.2, 0.180, alarm}, {0.2, 0.402, hues[0]}, {0.03, 0.3, color.RGBA{0xff, 0xff, 0xff, 0xff}}} {
		if got := color.RGBAModel.Convert(at(c.eps, c.share)); got != color.Color(c.want) {
			t.Errorf("at eps %g, accuracy %g there is %v, not %v", c.eps, c.share, got, c.want)
		}
	}
}

func TestPageAndText(t *testing.T) {
	r := parsed(t)
	r.Model.Factory = "<script>\x1b[31m"
	r.Sanity[1] = Sign{Name: "monotone", Detail: "rises & falls"}
	var page, text bytes.Buffer
	if err := r.WriteHTML(&page); err != nil {
		t.Fatal(err)
	}
	if err := r.WriteText(&text); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"&lt;script&gt;", `<li class="bad">NO: monotone: rises &amp; falls</li>`, "79.6 % <small>(76.0 to 82.8)</small>", "<polyline points=\"64.0,"} {
		if !strings.Contains(page.String(), want) {
			t.Errorf("the page lacks %q", want)
		}
	}
	for _, want := range []string{"     0.1    83.1 %    80.2 %    79.8 %    79.6 %\n", "NOT BELIEVABLE monotone: rises & falls\n"} {
		if !strings.Contains(text.String(), want) {
			t.Errorf("the text lacks %q:\n%s", want, &text)
		}
	}
	if strings.ContainsRune(page.String()+text.String(), '\x1b') || strings.Contains(page.String(), "<script") {
		t.Error("an escape or a tag of the report got through")
	}
}

func TestTicks(t *testing.T) {
	for most, want := range map[float64]string{0.2: "0 0.02 0.04 ", 8: "0 1 2 ", 0.5: "0 0.05 0.1 ", 1: "0 0.1 0.2 ", 0.3: "0 0.05 0.1 "} {
		var got strings.Builder
		list := ticks(most)
		for _, f := range list {
			got.WriteString(short(f) + " ")
		}
		if len(list) < 4 || len(list) > 11 || !strings.HasPrefix(got.String(), want) {
			t.Errorf("ticks up to %g are %s, which should begin with %s", most, &got, want)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add(digits(f))
	f.Add([]byte(`{"schema":"andiron/robustness/v1","rows":[[[{"a":[]}]]]}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		r, err := Parse(b)
		if err != nil {
			return
		}
		var out bytes.Buffer
		if err := r.WriteHTML(&out); err != nil {
			t.Fatal(err)
		}
		if err := r.WriteText(&out); err != nil {
			t.Fatal(err)
		}
	})
}
