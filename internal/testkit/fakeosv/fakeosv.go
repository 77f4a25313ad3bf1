// Package fakeosv serves a database of OSV over HTTP on this machine, for tests: the
// archive of all records, the list of when each was modified, and each by itself.
package fakeosv

import (
	"archive/zip"
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/http"
	"net/http/httptest"
	"path"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// Record is one advisory: its JSON, and when it was modified.
type Record struct {
	ID       string
	Modified time.Time
	JSON     string
}

// Server is a host of OSV.
type Server struct {
	URL string // http://127.0.0.1:PORT

	http *httptest.Server

	mu      sync.Mutex
	records map[string]Record
	fails   map[string]failure
	asked   []string
	kept    []byte // the archive, if it is no longer made anew
}

type failure struct {
	status, times int
	truncate      bool
}

// Start begins to listen, with these records. Below the URL are
//
//	/PyPI/all.zip, /PyPI/modified_id.csv, /PyPI/ID.json   as in the bucket
//	/modified_id.csv                                      with the ecosystem before each id
//	/vulns/ID.json, /v1/vulns/ID                          as in the API
func Start(records ...Record) *Server {
	s := &Server{records: make(map[string]Record), fails: make(map[string]failure)}
	s.Put(records...)
	s.http = httptest.NewServer(http.HandlerFunc(s.serve))
	s.URL = s.http.URL
	return s
}

// Close ends the server.
func (s *Server) Close() {
	s.http.CloseClientConnections()
	s.http.Close()
}

// Put adds records, or replaces those that have the same id.
func (s *Server) Put(records ...Record) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, r := range records {
		s.records[r.ID] = r
	}
}

// Remove takes a record away.
func (s *Server) Remove(id string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.records, id)
}

// Fail answers the next requests of a path by a status.
func (s *Server) Fail(path string, status, times int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.fails[path] = failure{status: status, times: times}
}

// Truncate breaks the next bodies of a path off.
func (s *Server) Truncate(path string, times int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.fails[path] = failure{times: times, truncate: true}
}

// Asked are the paths that were asked for since the last call, in order. A request
// that was answered by 304 has " 304" behind it.
func (s *Server) Asked() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	list := s.asked
	s.asked = nil
	return list
}

// FreezeArchive keeps the archive of all records as it is now, whatever comes later.
func (s *Server) FreezeArchive() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.kept = s.archive()
}

func (s *Server) serve(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	f := s.fails[r.URL.Path]
	f.times--
	s.fails[r.URL.Path] = f
	body, ok := s.body(r.URL.Path)
	tag := etag(body)
	current := ok && f.times < 0 && r.Header.Get("If-None-Match") == tag
	note := r.URL.Path
	if current {
		note += " 304"
	}
	s.asked = append(s.asked, note)
	s.mu.Unlock()
	w.Header().Set("ETag", tag)
	switch {
	case f.times >= 0 && !f.truncate:
		w.Header().Del("ETag")
		w.WriteHeader(f.status)
	case !ok:
		http.NotFound(w, r)
	case current:
		w.WriteHeader(http.StatusNotModified)
	default:
		w.Header().Set("Content-Length", strconv.Itoa(len(body)))
		if f.times >= 0 {
			body = body[:len(body)/2]
		}
		_, _ = w.Write(body) // the client may be gone
	}
}

func etag(b []byte) string {
	sum := sha256.Sum256(b)
	return `"` + hex.EncodeToString(sum[:8]) + `"`
}

func (s *Server) body(at string) ([]byte, bool) {
	switch at {
	case "/PyPI/all.zip":
		if s.kept != nil {
			return s.kept, true
		}
		return s.archive(), true
	case "/PyPI/modified_id.csv":
		return s.list(""), true
	case "/modified_id.csv":
		return s.list("PyPI/"), true
	}
	switch path.Dir(at) {
	case "/PyPI", "/vulns", "/v1/vulns":
		r, ok := s.records[strings.TrimSuffix(path.Base(at), ".json")]
		return []byte(r.JSON), ok
	}
	return nil, false
}

// latest are the records, the last modified first, as in the list.
func (s *Server) latest() (list []Record) {
	for _, r := range s.records {
		list = append(list, r)
	}
	slices.SortFunc(list, func(a, b Record) int { return cmp.Or(b.Modified.Compare(a.Modified), cmp.Compare(a.ID, b.ID)) })
	return list
}

func (s *Server) list(prefix string) []byte {
	var b bytes.Buffer
	for _, r := range s.latest() {
		fmt.Fprintf(&b, "%s,%s%s\n", r.Modified.UTC().Format(time.RFC3339), prefix, r.ID)
	}
	return b.Bytes()
}

func (s *Server) archive() []byte {
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	for _, r := range s.latest() {
		f, err := z.CreateHeader(&zip.FileHeader{Name: r.ID + ".json", Method: zip.Deflate})
		if err == nil {
			_, _ = f.Write([]byte(r.JSON)) // a buffer takes all
		}
	}
	_ = z.Close() // the same
	return b.Bytes()
}
