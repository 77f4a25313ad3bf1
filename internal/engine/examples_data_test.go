package engine_test

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/andiron-dev/andiron/finding"
	"github.com/andiron-dev/andiron/internal/data"
	"github.com/andiron-dev/andiron/internal/dataset"
	"github.com/andiron-dev/andiron/internal/engine"
	"github.com/andiron-dev/andiron/internal/survey"
	schema "github.com/andiron-dev/andiron/internal/tensor"
)

// surveyed makes all files of a scene one data set, compared with a table if there is
// one.
func (s scene) surveyed(opt survey.Options, baseline string) scene {
	s.set = func(t *testing.T) engine.DataOptions {
		t.Helper()
		var base *survey.Baseline
		if baseline != "" {
			base = baselineOf(t, baseline)
		}
		s := data.NewSurvey(opt, base, finding.Where{Path: "set"})
		if base != nil {
			s.Standing = `"base.json", which is not signed`
		}
		return engine.DataOptions{Survey: s}
	}
	return s
}

// baselineOf is the baseline of a table.
func baselineOf(t *testing.T, table string) *survey.Baseline {
	t.Helper()
	set, err := dataset.CSV("base.csv", strings.NewReader(table), func(string) schema.DType { return 0 }, 0, dataset.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	s := survey.New(survey.Options{})
	for {
		rows, err := set.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		s.Add(rows)
	}
	s.Settle()
	base, _ := s.Baseline()
	return &base
}

// table is a CSV file with a column x and labels.
func table(rows ...string) []byte { return []byte("x,label\n" + strings.Join(rows, "\n") + "\n") }

// images is a safetensors file with pictures of 10 by 10 pixels and their labels.
func images(t *testing.T, pixels []byte, labels []int64) []byte {
	t.Helper()
	n := int64(len(labels))
	return []byte(arrays(t, stored{"image", "U8", []int64{n, 10, 10}, string(pixels)}, wholes("label", labels...)))
}

// noise is 300 pictures that have nothing in common, of ten labels; the first of label
// 3 have the same corner, as many as are asked for.
func noise(t *testing.T, stamped int) []byte {
	t.Helper()
	random := rand.New(rand.NewPCG(1, 1))
	pixels, labels := make([]byte, 300*100), make([]int64, 300)
	for i := range pixels {
		pixels[i] = byte(random.Uint32())
	}
	for i := range labels {
		if labels[i] = int64(i % 10); labels[i] == 3 && stamped > 0 {
			stamped--
			for j := range 3 {
				copy(pixels[i*100+10*j:], "\xff\xff\xff")
			}
		}
	}
	return images(t, pixels, labels)
}

// twins is two pictures, the second of which is a little lighter and has that label.
func twins(t *testing.T, second int64) []byte {
	t.Helper()
	random := rand.New(rand.NewPCG(2, 2))
	pixels := make([]byte, 200)
	for i := range 100 {
		pixels[i] = byte(random.Uint32N(250))
		pixels[100+i] = pixels[i] + 1
	}
	return images(t, pixels, []int64{0, second})
}

// ramp is a table of 40 numbers, and one more.
func ramp(last string) []byte {
	var rows []string
	for i := range 40 {
		rows = append(rows, fmt.Sprintf("%d,%d", i, i%2))
	}
	return table(append(rows, last+",0")...)
}

// dataExamples are those of whole data sets.
func dataExamples(t *testing.T) map[string]example {
	t.Helper()
	plain := func(fires, quiet []byte, name string) example {
		return example{file(name, fires).surveyed(survey.Options{}, ""), file(name, quiet).surveyed(survey.Options{}, "")}
	}
	since := func(fires, quiet string) example {
		base := string(table("1,a", "2,b", "3,a"))
		return example{file("a.csv", table(strings.Fields(fires)...)).surveyed(survey.Options{}, base), file("a.csv", table(strings.Fields(quiet)...)).surveyed(survey.Options{}, base)}
	}
	return map[string]example{
		"TEN013": plain(table("1,a", "one,b"), table("1,a", "1e3,b"), "a.csv"),
		"TEN014": plain(table("1,a", "1,b"), table("1,a", "2,b"), "a.csv"),
		"TEN015": plain(table("1,a", "1,a"), table("1,a", "2,a"), "a.csv"),
		"TEN016": plain(twins(t, 1), twins(t, 0), "a.safetensors"),
		"TEN017": plain(ramp("9000"), ramp("40"), "a.csv"),
		"TEN018": plain(noise(t, 25), noise(t, 4), "a.safetensors"),
		"TEN019": since("1,b 2,b 3,a", "3,a 1,a 2,b"),
		"TEN020": since("1,a 2,b 4,a", "1,a 2,b 3,a 4,a"),
		"TEN021": since("1,a 2,b 3,a 4,a", "2,b 1,a"),
		"TEN022": plain(twins(t, 1), noise(t, 0), "a.safetensors"),
		"TEN023": plain(table(fox+"jumps over the lazy dog again,a", fox+"jumps over the lazy dog,a"), table(fox+"jumps over the lazy dog,a", "one fine day the quick brown fox slept in the sun and dreamt of dogs,a"), "a.csv"),
		"TEN024": plain(table("1,a", "nan,b", "2,b"), table("1,a", "3,b", "2,b"), "a.csv"),
		"TEN025": plain(noise(t, 0), twins(t, 1), "a.safetensors"),
		"TEN030": {project("a.schema.yaml", oneSchema), project("a.yaml", oneSchema)},
		"TEN031": {
			project("Dockerfile", "FROM x\nCMD [\"andiron\", \"guard\", \"serve\", \"--schema\", \"a.schema.yaml\"]\n"),
			project("Dockerfile", "FROM x\n# andiron guard serve comes later\nCMD [\"andiron\", \"guard\", \"serve\", \"--help\"]\n"),
		},
		"TEN032": {project("a.baseline.json", oneBaseline), project("a.json", oneBaseline)},
		"TEN033": {project("a.robustness.json", oneRobust("true")), project("a.robustness.json", oneRobust("false"))},
		"TEN034": {project("a.schema.yaml", "andiron: tensor/v1\n"), project("a.schema.yaml", oneSchema)},
		"TEN035": {since("1,a 2,b 3,a", "1,a").fires, file("a.csv", table("1,a", "2,b")).surveyed(survey.Options{}, "")},
		"TEN036": {
			project("a.robustness.json", robustOf("net.py", "x = 1\n"), "net.py", "x = 2\n"),
			project("a.robustness.json", robustOf("net.py", "x = 1\n"), "net.py", "x = 1\n"),
		},
		"TEN091": {
			file("a.csv", table("1,a", "2,b")).surveyed(survey.Options{Samples: 1}, ""),
			file("a.csv", table("1,a", "2,b")).surveyed(survey.Options{Samples: 2}, ""),
		},
	}
}

// fox is the beginning of a text.
const fox = "one fine day the quick brown fox that is known to all "

const oneSchema = "andiron: tensor/v1\nmodel: net\ninputs: {x: {dtype: float32, shape: [1]}}\n"

const oneBaseline = `{"schema":"andiron/data-baseline/v1","tool":"andiron","created":"2026-01-02T03:04:05Z","sources":["x.npy"],"samples":1,
"columns":[{"name":"x","values":1,"nan":0,"inf":0,"min":1,"max":1,"mean":1,"std":0,"edges":[],"shares":[1]}],"digests":"AAAAAAAAAAAAAAAAAAAAAA=="}`

// oneRobust is a report with one sign.
func oneRobust(ok string) string {
	const rate = `"right":1,"samples":2,"accuracy":0.5,"low":0.1,"high":0.9`
	return `{"schema":"andiron/robustness/v1","settings":{"norm":"linf","bounds":[0,1],"attacks":["pgd"],"steps":1,"restarts":1,"seed":0,"backend":"andiron","torch":"2.6"},
"clean":{` + rate + `},"rows":[{"eps":0.1,"attack":"pgd",` + rate + `},{"eps":0.1,"attack":"worst",` + rate + `}],"sanity":[{"name":"monotone","ok":` + ok + `,"detail":""}]}`
}

// robustOf is a report on what a script makes.
func robustOf(name, text string) string {
	model := fmt.Sprintf(`"model":{"script":{"path":%q,"sha256":"%x"},"factory":"Net"},"settings"`, name, sha256.Sum256([]byte(text)))
	return strings.Replace(oneRobust("true"), `"settings"`, model, 1)
}
