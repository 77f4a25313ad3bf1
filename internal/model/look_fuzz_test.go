package model_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/andiron-dev/andiron/finding"
	"github.com/andiron-dev/andiron/internal/artifact"
	"github.com/andiron-dev/andiron/internal/model"
	"github.com/andiron-dev/andiron/internal/policy"
	"github.com/andiron-dev/andiron/internal/rule"
	"github.com/andiron-dev/andiron/internal/testkit"
)

// fuzzNames are the names that an input is looked at under: the name decides
// what is expected of the content, never what it is.
var fuzzNames = []string{"model.pt", "model.safetensors", "noname", "config.json"}

// FuzzLook: whatever the bytes are, looking ends without a panic, says the same
// twice, and never passes an input that it found nothing out about.
func FuzzLook(f *testing.F) {
	catalogue, err := rule.NewCatalogue(model.Rules)
	if err != nil {
		f.Fatal(err)
	}
	for _, seed := range lookSeeds(f) {
		f.Add(seed, byte(0))
	}
	f.Add([]byte(`{"auto_map":{"AutoModel":"modeling.Model"}}`), byte(3))
	f.Add([]byte("\x02\x00\x00\x00\x00\x00\x00\x00{}"), byte(1))
	f.Fuzz(func(t *testing.T, b []byte, which byte) {
		name := fuzzNames[int(which)%len(fuzzNames)]
		facts, first := lookAt(t, name, b)
		again, second := lookAt(t, name, b)
		if facts != again || !bytes.Equal(encode(t, first), encode(t, second)) {
			t.Fatalf("two looks differ:\n%s\n%s", encode(t, first), encode(t, second))
		}
		verdict := policy.Verdict(first, catalogue)
		for _, found := range first {
			checkFinding(t, catalogue, name, found)
			if found.Outcome == finding.Undetermined && verdict.Passes() {
				t.Fatalf("%s in spite of %s: %s", verdict, found.Rule, found.Message)
			}
		}
		if facts.Model && facts.Format == "" && verdict.Passes() {
			t.Fatalf("%s, but in no format", verdict)
		}
		if verdict.Passes() && callsSystem(b) {
			t.Fatalf("%s, but a pickle from its first byte on calls os.system", verdict)
		}
	})
}

// callsSystem reports the plainest of attacks, which no reading may miss.
func callsSystem(b []byte) bool {
	return bytes.HasPrefix(b, []byte("cos\nsystem\n(S'andiron-inert'\ntR."))
}

func checkFinding(t *testing.T, rules rule.Catalogue, name string, f finding.Finding) {
	t.Helper()
	switch {
	case rules.Find(f.Rule) == nil:
		t.Fatalf("the rule %q is in no catalogue", f.Rule)
	case f.Where.Path != name:
		t.Fatalf("%s is at the path %q", f.Rule, f.Where.Path)
	case f.Message == "" || f.Evidence == nil:
		t.Fatalf("%s says nothing: %+v", f.Rule, f)
	}
}

func lookAt(t *testing.T, name string, b []byte) (model.Facts, []finding.Finding) {
	t.Helper()
	var found []finding.Finding
	// Small limits, so that an input costs little.
	opt := model.Options{MaxDepth: 4, MaxInflated: 1 << 20, MaxValues: 1 << 16}
	facts, err := model.Look(context.Background(), artifact.FromBytes(name, b), opt, func(f finding.Finding) { found = append(found, f) })
	if err != nil {
		t.Fatal(err)
	}
	return facts, found
}

func encode(t *testing.T, v any) []byte {
	t.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// lookSeeds are the small golden files and one of each kind of attack.
func lookSeeds(f *testing.F) [][]byte {
	f.Helper()
	var seeds [][]byte
	err := filepath.WalkDir(filepath.FromSlash("../../testdata/golden/torch"), func(p string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || strings.HasSuffix(p, ".json") {
			return err
		}
		b, err := os.ReadFile(p)
		if err == nil && len(b) <= 4096 {
			seeds = append(seeds, b)
		}
		return err
	})
	if err != nil || len(seeds) < 20 {
		f.Fatalf("%d golden files, %v", len(seeds), err)
	}
	return append(seeds, attacks()...)
}

func attacks() [][]byte {
	system := testkit.Pickle("PROTO 2", "GLOBAL os system", "BINUNICODE andiron-inert", "TUPLE1", "REDUCE", "STOP")
	text := []byte("cos\nsystem\n(S'andiron-inert'\ntR.")
	torch := testkit.TorchZip("archive", testkit.ZipEntry{Name: "data.pkl", Data: system}, testkit.ZipEntry{Name: "version", Data: []byte("3\n")})
	script := testkit.TorchZip("archive", testkit.ZipEntry{Name: "data.pkl", Data: []byte("\x80\x02c__torch__\nM\n)\x81}b.")},
		testkit.ZipEntry{Name: "constants.pkl", Data: []byte("\x80\x02).")}, testkit.ZipEntry{Name: "version", Data: []byte("3\n")},
		testkit.ZipEntry{Name: "code/__torch__.py", Data: []byte("class M(Module):\n  def __setstate__(self, x: Tensor) -> NoneType:\n    torch.save(x, \"/dev/null\")\n")})
	program := testkit.TorchZip("m", testkit.ZipEntry{Name: "archive_format", Data: []byte("pt2")}, testkit.ZipEntry{Name: ".data/version", Data: []byte("1")},
		testkit.ZipEntry{Name: "models/model.json", Data: []byte(`{"a":{"expr_str":"__import__('os')"}}`)})
	flags, size := uint16(1), uint64(1<<63)
	return [][]byte{
		system, text, torch, script, program, append([]byte("junk"), text...), gzipped(text), gzipped(torch),
		testkit.Frame(1<<40, system[2:]),
		testkit.Pickle("PROTO 4", "GLOBAL pickle loads", "SHORT_BINBYTES "+`"cos\nsystem\n(S'x'\ntR."`, "TUPLE1", "REDUCE", "STOP"),
		testkit.Zip(testkit.ZipEntry{Name: "a.zip", Data: torch, Method: 8}),
		testkit.Zip(testkit.ZipEntry{Name: "archive/data.pkl", Data: system, Flags: &flags}),
		testkit.Zip(testkit.ZipEntry{Name: "archive/data.pkl", Data: system, Zip64: true, Size: &size}),
		testkit.Zip(testkit.ZipEntry{Name: "archive/DATA.PKL", Data: system}, testkit.ZipEntry{Name: "archive/data.pkl", Data: []byte("N.")}),
		testkit.ZipWith(testkit.ZipOptions{Prefix: text}, testkit.ZipEntry{Name: "a/data.pkl", Data: []byte("N.")}),
		append([]byte("\x93NUMPY\x01\x00\x76\x00{'descr': '|O', 'fortran_order': False, 'shape': (1,), }"+strings.Repeat(" ", 61)+"\n"), system...),
		[]byte("GGUF\x03\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x01\x00\x00\x00\x00\x00\x00\x00"),
		[]byte("\x08\x07\x3a\x02\x0a\x00\x42\x02\x10\x0d"),
		[]byte("\x08\x00\x00\x00PTMF\x00\x00\x00\x00"),
		[]byte("ZF0x5                  \x78\x9c\x03\x00\x00\x00\x00\x01"),
	}
}

func gzipped(b []byte) []byte {
	var out bytes.Buffer
	w := gzip.NewWriter(&out)
	_, _ = w.Write(b) // into memory
	_ = w.Close()
	return out.Bytes()
}
