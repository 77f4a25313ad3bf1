package main

import (
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"

	"github.com/rogpeppe/go-internal/testscript"
)

// served starts a server of metadata on this machine for the rest of a script, and
// puts its address into an environment variable: served VARIABLE PATH FILE
func served(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 3 {
		ts.Fatalf("usage: served VARIABLE PATH FILE")
	}
	body := []byte(ts.ReadFile(args[2]))
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != args[1] {
			http.NotFound(w, r)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write(body) // the client sees what is missing
	}))
	ts.Defer(s.Close)
	ts.Setenv(args[0], s.URL)
}

// learned copies a model that guard infer learns from: learned NAME...
func learned(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) == 0 {
		ts.Fatalf("usage: learned NAME...")
	}
	for _, name := range args {
		b, err := os.ReadFile(filepath.Join(inferred, name))
		ts.Check(err)
		ts.Check(os.WriteFile(ts.MkAbs(name), b, 0o600))
	}
}

var inferred = func() string {
	dir, err := filepath.Abs("../../internal/infer/testdata")
	if err != nil {
		panic(err)
	}
	return dir
}()
