// Command asm writes the assembly of package kernel, and of the package that
// its benchmarks compare it with.
//
//	cd internal/kernel/asm && go run .
//
// It is a module of its own, so that nothing else needs avo. Its test compares
// what it writes with the files that are there.
package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/mmcloughlin/avo/build"
	"github.com/mmcloughlin/avo/pass"
	"github.com/mmcloughlin/avo/printer"
)

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "asm:", err)
		os.Exit(1)
	}
}

func run() error {
	files, err := generate()
	if err != nil {
		return err
	}
	for name, b := range files {
		if err := os.WriteFile(name, b, 0o644); err != nil { //nolint:gosec // source code is for everybody
			return err
		}
	}
	return nil
}

// generate returns the files by their paths from here.
func generate() (map[string][]byte, error) {
	files := map[string][]byte{}
	sources, err := digest()
	if err != nil {
		return nil, err
	}
	for _, set := range []isa{avx2, avx512} {
		lower := strings.ToLower(set.name)
		err := file(files, "kernel", "../"+lower+"_amd64", func(c *build.Context) {
			for _, r := range routines {
				for bits := 8; bits <= 64; bits *= 2 {
					routineFunc(c, set, r, bits)
				}
			}
			if set == avx2 {
				routineFunc(c, set, tops, 16)
			}
		})
		if err != nil {
			return nil, err
		}
		err = file(files, "rawread", "../../testkit/rawread/"+lower+"_amd64", func(c *build.Context) { readFunc(c, set) })
		if err != nil {
			return nil, err
		}
	}
	for name, b := range files {
		if strings.HasSuffix(name, ".s") {
			b = bytes.ReplaceAll(b, []byte("\nturn:\n"), []byte("\n\tPCALIGN $32\n\nturn:\n")) // avo has no word for it
			files[name] = append([]byte("// SHA-256 of asm/gen.go and asm/main.go: "+sources+"\n"), b...)
		}
	}
	return files, nil
}

// digest is of the sources. The tests of package kernel compare it, since they
// do without avo.
func digest() (string, error) {
	h := sha256.New()
	for _, name := range []string{"gen.go", "main.go"} {
		b, err := os.ReadFile(name)
		if err != nil {
			return "", err
		}
		h.Write(b)
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}

// file makes the assembly and the Go declarations of one file.
func file(files map[string][]byte, pkg, name string, write func(*build.Context)) error {
	c := build.NewContext()
	c.ConstraintExpr("amd64,!purego")
	write(c)
	f, err := c.Result()
	if err != nil {
		return err
	}
	if err := pass.Compile.Execute(f); err != nil {
		return err
	}
	cfg := printer.Config{Name: "internal/kernel/asm", Pkg: pkg}
	s, err := printer.NewGoAsm(cfg).Print(f)
	if err != nil {
		return err
	}
	stubs, err := printer.NewStubs(cfg).Print(f)
	if err != nil {
		return err
	}
	if len(s) == 0 || len(stubs) == 0 {
		return errors.New("avo printed nothing")
	}
	files[name+".s"], files[name+".go"] = s, stubs
	return nil
}
