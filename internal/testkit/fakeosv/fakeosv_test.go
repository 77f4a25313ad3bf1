package fakeosv_test

import (
	"archive/zip"
	"bytes"
	"errors"
	"io"
	"slices"
	"testing"
	"time"

	"github.com/andiron-dev/andiron/internal/fetch"
	"github.com/andiron-dev/andiron/internal/testkit/fakeosv"
)

func TestServer(t *testing.T) {
	day := func(d int) time.Time { return time.Date(2026, 1, d, 0, 0, 0, 0, time.UTC) }
	s := fakeosv.Start(fakeosv.Record{ID: "PYSEC-1", Modified: day(1), JSON: `{"id":"PYSEC-1"}`}, fakeosv.Record{ID: "MAL-2", Modified: day(2), JSON: `{"id":"MAL-2"}`})
	defer s.Close()
	c := fetch.New(fetch.Options{Attempts: 1})
	b, res, err := c.Get(t.Context(), fetch.Request{URL: s.URL + "/PyPI/modified_id.csv"})
	if want := "2026-01-02T00:00:00Z,MAL-2\n2026-01-01T00:00:00Z,PYSEC-1\n"; err != nil || string(b) != want {
		t.Errorf("%q, %v", b, err)
	}
	tag := res.ETag
	if _, res, err = c.Get(t.Context(), fetch.Request{URL: s.URL + "/PyPI/modified_id.csv", ETag: tag}); err != nil || !res.NotModified {
		t.Errorf("%+v, %v", res, err)
	}
	s.Put(fakeosv.Record{ID: "PYSEC-1", Modified: day(3), JSON: `{"id":"PYSEC-1","new":1}`})
	s.Remove("MAL-2")
	if b, _, err = c.Get(t.Context(), fetch.Request{URL: s.URL + "/modified_id.csv", ETag: tag}); err != nil || string(b) != "2026-01-03T00:00:00Z,PyPI/PYSEC-1\n" {
		t.Errorf("%q, %v", b, err)
	}
	for _, path := range []string{"/PyPI/PYSEC-1.json", "/vulns/PYSEC-1.json", "/v1/vulns/PYSEC-1"} {
		if b, _, err = c.Get(t.Context(), fetch.Request{URL: s.URL + path}); err != nil || string(b) != `{"id":"PYSEC-1","new":1}` {
			t.Errorf("%s: %q, %v", path, b, err)
		}
	}
	b, _, err = c.Get(t.Context(), fetch.Request{URL: s.URL + "/PyPI/all.zip"})
	if err != nil {
		t.Fatal(err)
	}
	z, err := zip.NewReader(bytes.NewReader(b), int64(len(b)))
	if err != nil || len(z.File) != 1 || z.File[0].Name != "PYSEC-1.json" {
		t.Errorf("%v", err)
	}
	s.Asked()
	s.Fail("/PyPI/all.zip", 503, 1)
	_, _, err = c.Get(t.Context(), fetch.Request{URL: s.URL + "/PyPI/all.zip"})
	if status, ok := errors.AsType[*fetch.StatusError](err); !ok || status.Code != 503 {
		t.Errorf("%v", err)
	}
	s.Truncate("/PyPI/all.zip", 1)
	if _, err = c.Stream(t.Context(), fetch.Request{URL: s.URL + "/PyPI/all.zip"}, func() (io.Writer, error) { return io.Discard, nil }); err == nil {
		t.Error("half of it is the whole")
	}
	if _, _, err = c.Get(t.Context(), fetch.Request{URL: s.URL + "/PyPI/MAL-2.json"}); err == nil {
		t.Error("what was removed is there")
	}
	if got, want := s.Asked(), []string{"/PyPI/all.zip", "/PyPI/all.zip", "/PyPI/MAL-2.json"}; !slices.Equal(got, want) {
		t.Errorf("asked %q", got)
	}
}
