package main

import (
	"os"
	"os/exec"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/andiron-dev/andiron/internal/testkit/hostile"
)

// interpreter makes a Python for the sandbox that does what its checkpoint names, which
// is an attack of internal/testkit/hostile: interpreter FOLDER
func interpreter(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: interpreter FOLDER")
	}
	cmd := exec.Command("go", "build", "-o", ts.MkAbs(args[0])+"/"+hostile.Name, "../../internal/testkit/hostile/python")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0") // there are no libraries where it runs
	if out, err := cmd.CombinedOutput(); err != nil {
		ts.Fatalf("%v: %s", err, out)
	}
}
