// Package fakeindex serves package indexes over HTTP on this machine, for tests: the
// pages of PEP 503 and 691, the metadata of PEP 658, and small wheels that it makes.
//
// It can do what real indexes do wrong: digests that are missing, as on the index of
// PyTorch, or false, releases that are yanked, servers that fail, stall, break off or
// redirect to where they should not.
package fakeindex

import (
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"time"
)

// Server is one host with several indexes. Fill them before anything asks.
type Server struct {
	URL string // http://127.0.0.1:PORT

	http    *httptest.Server
	indexes []*Index

	mu    sync.Mutex
	asked []string
	left  map[string]int // failures that a path has left
}

// Start begins to listen. Close ends it.
func Start() *Server {
	s := &Server{left: make(map[string]int)}
	s.http = httptest.NewServer(http.HandlerFunc(s.serve))
	s.URL = s.http.URL
	return s
}

// Close ends the server, and what it still has open.
func (s *Server) Close() {
	s.http.CloseClientConnections()
	s.http.Close()
}

// Asked are the paths that were asked for since the last call, in order.
func (s *Server) Asked() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	list := s.asked
	s.asked = nil
	return list
}

// Index adds an index below a path such as "/simple" or "/whl/cpu".
func (s *Server) Index(path string) *Index {
	i := &Index{URL: s.URL + path, server: s, path: path}
	s.indexes = append(s.indexes, i)
	return i
}

// Index is one index.
type Index struct {
	URL string
	// HTML is of an index that has no JSON, and so no times and sizes.
	HTML bool
	// NoHashes leaves the digests out, NoMetadata the METADATA beside the files.
	NoHashes, NoMetadata bool
	// User and Password are asked for, if there is a User.
	User, Password string

	server   *Server
	path     string
	projects []*Project
}

// Project is what an index has of one name.
type Project struct {
	Name, Status, Reason string
	files                []*file
}

// Project returns a project of the index, and adds it if it is not there.
func (i *Index) Project(name string) *Project {
	for _, p := range i.projects {
		if p.Name == name {
			return p
		}
	}
	p := &Project{Name: name}
	i.projects = append(i.projects, p)
	return p
}

// Wheel is one wheel, and what is wrong with it. The zero value of every field but
// Name and Version is what an honest index does.
type Wheel struct {
	Name, Version  string
	Tags           string // "py3-none-any"
	Requires       []string
	RequiresPython string
	Upload         time.Time // the first of January 2024
	Yanked         string    // the reason
	Body           string    // of a module in it, to make files differ

	FalseHash         bool   // the page has another digest
	FalseMetadata     bool   // the METADATA beside it is not the one in it
	FalseMetadataHash bool   // the page has another digest of the METADATA
	NoHash            bool   // the page has none of this file
	Fails             int    // this many requests are answered by 503
	Gone              bool   // 404
	Redirect          string // to here
	Stall             bool   // half of it comes, and then nothing
	Break             bool   // half of it comes, and the connection ends
}

type file struct {
	Wheel

	name           string
	body, metadata []byte
}

// Add puts a wheel into the index and returns its SHA-256.
func (i *Index) Add(w Wheel) string {
	if w.Tags == "" {
		w.Tags = "py3-none-any"
	}
	if w.Upload.IsZero() {
		w.Upload = time.Date(2024, 1, 1, 0, 0, 0, 0, time.UTC)
	}
	f := &file{Wheel: w, name: escape(w.Name) + "-" + w.Version + "-" + w.Tags + ".whl"}
	f.metadata = w.metadata()
	f.body = w.build(f.metadata)
	p := i.Project(w.Name)
	p.files = append(p.files, f)
	return digest(f.body)
}

// File is the address of a file of the index.
func (i *Index) File(name string) string { return i.URL + "/files/" + pathEscape(name) }

func digest(b []byte) string {
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}

// serve finds the index of a path.
func (s *Server) serve(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	s.asked = append(s.asked, r.URL.Path)
	s.mu.Unlock()
	at := slices.IndexFunc(s.indexes, func(i *Index) bool { return strings.HasPrefix(r.URL.Path, i.path+"/") })
	if at < 0 {
		http.NotFound(w, r)
		return
	}
	i := s.indexes[at]
	if user, password, _ := r.BasicAuth(); i.User != "" && (user != i.User || password != i.Password) {
		w.Header().Set("WWW-Authenticate", "Basic")
		w.WriteHeader(http.StatusUnauthorized)
		return
	}
	rest := strings.TrimPrefix(r.URL.Path, i.path+"/")
	if name, ok := strings.CutPrefix(rest, "files/"); ok {
		i.serveFile(w, r, name)
		return
	}
	i.servePage(w, r, strings.TrimSuffix(rest, "/"))
}

func (i *Index) serveFile(w http.ResponseWriter, r *http.Request, name string) {
	base, beside := strings.CutSuffix(name, ".metadata")
	f := i.find(base)
	if f == nil || f.Gone || beside && i.NoMetadata {
		http.NotFound(w, r)
		return
	}
	if beside {
		i.serveMetadata(w, f)
		return
	}
	if i.server.fails(r.URL.Path, f.Fails) {
		w.Header().Set("Retry-After", "0")
		w.WriteHeader(http.StatusServiceUnavailable)
		return
	}
	switch {
	case f.Redirect != "":
		http.Redirect(w, r, f.Redirect, http.StatusFound)
	case f.Stall, f.Break:
		w.Header().Set("Content-Length", itoa(len(f.body)))
		_, _ = w.Write(f.body[:len(f.body)/2])
		if flusher, ok := w.(http.Flusher); ok {
			flusher.Flush()
		}
		if f.Stall {
			<-r.Context().Done()
		}
	default:
		http.ServeContent(w, r, f.name, f.Upload, strings.NewReader(string(f.body))) // with ranges
	}
}

func (i *Index) serveMetadata(w http.ResponseWriter, f *file) {
	b := f.metadata
	if f.FalseMetadata {
		b = append(slices.Clone(b), "Requires-Dist: intruder\n"...)
	}
	_, _ = w.Write(b) // the client may be gone
}

func (s *Server) fails(path string, times int) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, ok := s.left[path]; !ok {
		s.left[path] = times
	}
	s.left[path]--
	return s.left[path] >= 0
}

func (i *Index) find(name string) *file {
	for _, p := range i.projects {
		for _, f := range p.files {
			if f.name == name {
				return f
			}
		}
	}
	return nil
}
