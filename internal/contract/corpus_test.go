//go:build corpus

package contract

import (
	"archive/zip"
	"bytes"
	"encoding/json"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/andiron-dev/andiron/finding"
	"github.com/andiron-dev/andiron/pickle"
)

// The corpora of tools/corpus, as far as they are plain pickles and torch archives
// that Go's zip reader opens; whole files are the scanner's test.
//
//	ANDIRON_CORPUS=DIR go test -tags corpus -run Corpus -v ./internal/contract

func TestCorpusBenign(t *testing.T) {
	count := walkCorpus(t, "benign", func(path string, v finding.Verdict, issues []Issue) {
		if v > finding.Framework {
			t.Logf("%s is %v: %s", path, v, show(Judgement{Issues: issues}))
		}
	})
	if count[finding.Suspicious]+count[finding.Dangerous] > 0 || count[finding.Unknown]*100 > 3*total(count) {
		t.Errorf("verdicts: %v", count)
	}
	t.Log(count)
}

func TestCorpusMalicious(t *testing.T) {
	type entry struct {
		File, Class, Technique string
		Sink                   bool
	}
	var manifest []entry
	b, err := os.ReadFile(filepath.Join(os.Getenv("ANDIRON_CORPUS"), "malicious", "manifest.json"))
	if err == nil {
		err = json.Unmarshal(b, &manifest)
	}
	if err != nil {
		t.Fatal(err)
	}
	of := map[string]entry{}
	for _, e := range manifest {
		of[e.File] = e
	}
	sinks, caught := 0, 0
	count := walkCorpus(t, "malicious", func(path string, v finding.Verdict, issues []Issue) {
		e := of[filepath.Base(path)]
		if strings.Contains("JKLP", e.Class) { // containers, routing, legacy and TorchScript: not pickles' matter
			return
		}
		if e.Sink {
			sinks++
			if v == finding.Dangerous {
				caught++
			}
		}
		if v <= finding.Framework || e.Sink && v != finding.Dangerous {
			t.Logf("%s (%s, sink %v) is %v: %s", path, e.Technique, e.Sink, v, show(Judgement{Issues: issues}))
		}
	})
	t.Logf("%v, %d of %d sinks dangerous", count, caught, sinks)
	if caught*100 < 95*sinks {
		t.Errorf("%d of %d callers of sinks are dangerous", caught, sinks)
	}
}

func total(count map[finding.Verdict]int) (n int) {
	for _, c := range count {
		n += c
	}
	return n
}

func walkCorpus(t *testing.T, which string, visit func(string, finding.Verdict, []Issue)) map[finding.Verdict]int {
	t.Helper()
	count := map[finding.Verdict]int{}
	err := filepath.WalkDir(filepath.Join(os.Getenv("ANDIRON_CORPUS"), which), func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		b, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		issues, ok := corpusFile(path, b)
		if !ok {
			return nil
		}
		v := verdict(issues)
		count[v]++
		visit(path, v, issues)
		return nil
	})
	if err != nil || len(count) == 0 {
		t.Fatalf("no corpus: set ANDIRON_CORPUS to the folder that tools/corpus/make.sh filled: %v", err)
	}
	return count
}

func verdict(issues []Issue) finding.Verdict {
	v := finding.Safe
	for _, is := range issues {
		if is.Undetermined {
			v = max(v, finding.Unreadable)
		} else {
			v = max(v, is.Rule.Verdict)
		}
	}
	return v
}

func corpusFile(path string, b []byte) ([]Issue, bool) {
	if !bytes.HasPrefix(b, []byte("PK\x03\x04")) {
		if len(b) == 0 || strings.Contains(path, ".joblib") || b[0] != 0x80 && !strings.HasSuffix(path, ".pkl") {
			return nil, false
		}
		return judgeAll(b, ""), true
	}
	r, err := zip.NewReader(bytes.NewReader(b), int64(len(b)))
	if err != nil {
		return nil, false
	}
	kind := "torch-zip"
	for _, f := range r.File {
		if strings.HasSuffix(f.Name, "/constants.pkl") {
			kind = "torchscript"
		}
	}
	var out []Issue
	for _, f := range r.File {
		m, err := f.Open()
		if err != nil || !strings.HasSuffix(f.Name, ".pkl") {
			continue
		}
		data, _ := io.ReadAll(m)
		out = append(out, judgeAll(data, kind)...)
	}
	return out, true
}

func judgeAll(b []byte, kind string) []Issue {
	var out []Issue
	for _, tr := range pickle.RunAll(bytes.NewReader(b), int64(len(b)), pickle.Options{}) {
		j := Judge(tr, Options{Container: kind})
		out = append(out, j.Issues...)
		for _, n := range j.Nested {
			if inner, ok := n.Bytes(); ok && len(inner) < len(b) {
				out = append(out, judgeAll(inner, "")...)
			}
		}
	}
	return out
}
