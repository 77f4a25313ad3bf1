package opreport

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
)

// Frame is a place in a source.
type Frame struct {
	File     string `json:"file,omitempty"` // absolute, as the compiler wrote it
	Line     int    `json:"line,omitempty"`
	Column   int    `json:"column,omitempty"`
	Function string `json:"function,omitempty"`
}

var (
	// #1 0x7f… in (anonymous namespace)::f(at::Tensor const&) /p/x.cpp:57:12
	sanitizerFrame = regexp.MustCompile(`^\s*#\d+ (?:0x[0-9a-f]+ in )?(.*?) (/[^:()]+):(\d+)(?::(\d+))?(?: \(.*\))?$`)
	// /p/x.cpp:66:12: runtime error: signed integer overflow
	undefined = regexp.MustCompile(`^(/[^:]+):(\d+)(?::(\d+))?: runtime error: `)
	// ==7==    by 0x…: f(at::Tensor) (x.cpp:57)
	valgrindFrame = regexp.MustCompile(`^==\d+==\s+(?:at|by) 0x[0-9A-Fa-f]+: (.*) \(([^()]+):(\d+)\)$`)
)

// Top is the first place in what a sanitizer or valgrind printed that is of the project:
// whose file is one of those that known accepts. It returns the accepted name.
func Top(output string, known func(file string) (string, bool)) (Frame, bool) {
	for line := range strings.Lines(output) {
		line = strings.TrimRight(line, "\r\n")
		var f Frame
		if m := undefined.FindStringSubmatch(line); m != nil {
			f = frame(m[1], m[2], m[3], "")
		} else if m := sanitizerFrame.FindStringSubmatch(line); m != nil {
			f = frame(m[2], m[3], m[4], m[1])
		} else if m := valgrindFrame.FindStringSubmatch(line); m != nil {
			f = frame(m[2], m[3], "", m[1])
		} else {
			continue
		}
		if name, ok := known(f.File); ok {
			f.File = name
			return f, true
		}
	}
	return Frame{}, false
}

func frame(file, line, column, function string) Frame {
	f := Frame{File: file, Function: strings.TrimSpace(function)}
	f.Line, _ = strconv.Atoi(line)     // 0 is no line
	f.Column, _ = strconv.Atoi(column) // nor column
	return f
}

// Access is what a sanitizer says of the memory that was touched: "WRITE of size 4",
// or nothing. What a kernel writes to memory of its block alone is said otherwise.
func Access(output string) string {
	if m := deviceInvalidLine.FindStringSubmatch(output); m != nil {
		if m[1] != "global" {
			return fmt.Sprintf("%s of size %s in %s memory", m[2], m[3], m[1])
		}
		return fmt.Sprintf("%s of size %s", strings.ToUpper(m[2]), m[3])
	}
	if m := valgrindInvalid.FindStringSubmatch(output); m != nil {
		return fmt.Sprintf("%s of size %s", strings.ToUpper(m[1]), m[2])
	}
	return strings.TrimSuffix(access.FindString(output), " at")
}

var (
	access            = regexp.MustCompile(`(?m)^(READ|WRITE) of size \d+`)
	valgrindInvalid   = regexp.MustCompile(`(?m)^==\d+== Invalid (read|write) of size (\d+)$`)
	deviceInvalidLine = regexp.MustCompile(`(?m)^(?:Error: )?Invalid __(\w+)__ (\w+) of size (\d+)`)
)
