package main

import (
	"os"
	"strings"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/andiron-dev/andiron/internal/testkit/fakeindex"
)

// index starts a package index of torch and of a few others, on this machine, for the rest of a script,
// and puts its address where files have INDEX: index FILE...
func index(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) == 0 {
		ts.Fatalf("usage: index FILE...")
	}
	s := fakeindex.Start()
	ts.Defer(s.Close)
	day := time.Date(2024, 1, 1, 0, 0, 0, 0, time.UTC)
	cpu := s.Index("/whl/cpu")
	cpu.HTML, cpu.NoHashes = true, true
	for _, r := range [][2]string{{"1.13.0", "0.14.0"}, {"1.13.1", "0.14.1"}, {"2.14.0", "0.29.0"}} {
		cpu.Add(fakeindex.Wheel{Name: "torch", Version: r[0] + "+cpu", Upload: day})
		cpu.Add(fakeindex.Wheel{Name: "torchvision", Version: r[1] + "+cpu", Upload: day, Requires: []string{"torch==" + r[0]}})
	}
	simple := s.Index("/simple")
	simple.Add(fakeindex.Wheel{Name: "stands", Version: "1.0", Upload: day})
	simple.Add(fakeindex.Wheel{Name: "yanked", Version: "1.0", Upload: day, Yanked: "leaks memory"})
	simple.Add(fakeindex.Wheel{Name: "yanked", Version: "1.1", Upload: day})
	simple.Add(fakeindex.Wheel{Name: "caught", Version: "1.0", Upload: day})
	simple.Project("caught").Status, simple.Project("caught").Reason = "quarantined", "it steals tokens"
	simple.Add(fakeindex.Wheel{Name: "fresh", Version: "2.0", Upload: time.Now().Add(-24 * time.Hour)})
	for _, name := range args {
		text := strings.ReplaceAll(ts.ReadFile(name), "INDEX", s.URL)
		ts.Check(os.WriteFile(ts.MkAbs(name), []byte(text), 0o600))
	}
}
