package fakeindex_test

import (
	"archive/zip"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"io"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/andiron-dev/andiron/internal/fetch"
	"github.com/andiron-dev/andiron/internal/pyindex"
	"github.com/andiron-dev/andiron/internal/testkit/fakeindex"
)

func page(t *testing.T, c *fetch.Client, i *fakeindex.Index, name string) *pyindex.Page {
	t.Helper()
	at := i.URL + "/" + name + "/"
	b, res, err := c.Get(t.Context(), fetch.Request{URL: at, Accept: pyindex.Accept})
	if err != nil {
		t.Fatal(err)
	}
	p, err := pyindex.Read(res.ContentType, b, at, pyindex.Limits{})
	if err != nil || len(p.Problems) > 0 {
		t.Fatalf("%v, %q", err, p.Problems)
	}
	return p
}

// What one reads of an index is what was put there, by way of our own client and
// reader.
func TestPages(t *testing.T) {
	s := fakeindex.Start()
	defer s.Close()
	pypi, cpu := s.Index("/simple"), s.Index("/whl/cpu")
	cpu.HTML, cpu.NoHashes = true, true
	sum := pypi.Add(fakeindex.Wheel{Name: "Jinja.2", Version: "3.1", RequiresPython: ">=3.8", Yanked: "bad", Upload: time.Date(2026, 1, 2, 0, 0, 0, 0, time.UTC)})
	torch := cpu.Add(fakeindex.Wheel{Name: "torch", Version: "2.1.0+cpu", Tags: "cp311-cp311-linux_x86_64", Requires: []string{"jinja.2"}})
	cpu.Project("torch").Status = "archived"
	c := fetch.New(fetch.Options{})

	p := page(t, c, pypi, "jinja-2")
	f := p.Files[0]
	if f.SHA256() != sum || !f.Yanked || f.YankedReason != "bad" || f.RequiresPython != ">=3.8" || f.Upload != "2026-01-02T00:00:00Z" || f.Size == 0 {
		t.Errorf("%+v", f)
	}
	p = page(t, c, cpu, "torch")
	f = p.Files[0]
	if f.Name != "torch-2.1.0+cpu-cp311-cp311-linux_x86_64.whl" || f.SHA256() != "" || !f.Metadata || p.Status != "archived" {
		t.Errorf("%+v", p)
	}
	var b bytes.Buffer
	res, err := c.Stream(t.Context(), fetch.Request{URL: f.URL}, func() (io.Writer, error) { return &b, nil })
	if err != nil || res.SHA256 != torch {
		t.Fatalf("%+v, %v", res, err)
	}
	z, err := zip.NewReader(bytes.NewReader(b.Bytes()), int64(b.Len()))
	if err != nil || len(z.File) != 4 {
		t.Fatalf("%v", err)
	}
	meta, _, err := c.Get(t.Context(), fetch.Request{URL: f.URL + ".metadata"})
	got := sha256.Sum256(meta)
	if err != nil || !strings.Contains(string(meta), "Requires-Dist: jinja.2\n") || hex.EncodeToString(got[:]) != f.MetadataSHA256() {
		t.Errorf("%q, %v", meta, err)
	}
	if got := s.Asked(); !slices.Contains(got, "/whl/cpu/torch/") {
		t.Errorf("asked %q", got)
	}
}

func TestFaults(t *testing.T) {
	s := fakeindex.Start()
	defer s.Close()
	i := s.Index("/simple")
	i.User, i.Password = "u", "p"
	sums := map[string]string{}
	for version, w := range map[string]fakeindex.Wheel{
		"1": {FalseHash: true}, "2": {Fails: 1}, "3": {Gone: true}, "4": {Redirect: "https://10.0.0.1/x"},
		"5": {Stall: true}, "6": {Break: true}, "7": {FalseMetadata: true}, "8": {NoHash: true},
	} {
		w.Name, w.Version = "a", version
		sums[version] = i.Add(w)
	}
	at := strings.Replace(i.URL, "http://", "http://u:p@", 1)
	c := fetch.New(fetch.Options{
		Attempts: 2, Idle: 50 * time.Millisecond,
		Sleep: func(context.Context, time.Duration) error { return nil },
	})
	get := func(version string) (string, error) {
		res, err := c.Stream(t.Context(), fetch.Request{URL: i.File("a-" + version + "-py3-none-any.whl"), Base: at}, func() (io.Writer, error) { return io.Discard, nil })
		if err != nil {
			return "", err
		}
		return res.SHA256, nil
	}
	for _, version := range []string{"1", "2", "7", "8"} {
		if got, err := get(version); err != nil || got != sums[version] {
			t.Errorf("%s: %v", version, err)
		}
	}
	for version, want := range map[string]string{"3": "404", "4": "must not lead to another", "5": "silent", "6": "broke"} {
		if _, err := get(version); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", version, err, want)
		}
	}
	if _, _, err := c.Get(t.Context(), fetch.Request{URL: i.URL + "/a/"}); err == nil || !strings.Contains(err.Error(), "401") {
		t.Errorf("%v", err)
	}
}
