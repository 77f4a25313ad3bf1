// Package opreport reads what testing the operators of a project gave: one event of
// JSON a line, written by the runner of package optest, and what sanitizers printed.
// It says what happened and judges nothing; package ops makes findings of it.
//
// # Security
//
// What is read was written beside code of the project, which may have written to it as
// well. Nothing in it is believed to be short, and it never panics.
//
// # Limits
//
// A line: 64 MiB. All of them: 256 MiB. Texts are cut at 64 KiB.
//
// # Specification
//
// docs/spec/optest-v1.md. Reports of AddressSanitizer, UndefinedBehaviorSanitizer,
// LeakSanitizer and ThreadSanitizer as compiler-rt's sanitizer_common prints them with
// the default stack_trace_format, of valgrind's memcheck, and of compute-sanitizer
// (NVIDIA's Compute Sanitizer User Manual, 2021.2 to 2025.3).
package opreport

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"strings"

	"github.com/andiron-dev/andiron/internal/bounded"
)

// Result is what a whole run found.
type Result struct {
	Torch     string      `json:"torch,omitempty"`
	Python    string      `json:"python,omitempty"`
	Operators []*Operator `json:"operators"`
	Passes    []Pass      `json:"passes"`
	Seed      int64       `json:"seed"`
	// Incomplete says what was to be done and was not, a sentence each.
	Incomplete []string `json:"incomplete,omitempty"`
}

// Operator is what testing one gave.
type Operator struct {
	Name     string            `json:"name"`
	Overload string            `json:"overload,omitempty"`
	Kind     string            `json:"kind,omitempty"` // "torch" or "pybind"
	Schema   string            `json:"schema,omitempty"`
	File     string            `json:"file,omitempty"` // where it is registered; empty where nothing says so
	Line     int               `json:"line,omitempty"`
	Skip     string            `json:"skip,omitempty"` // why the project leaves it out
	Counts   Counts            `json:"counts"`
	GPU      Counts            `json:"gpu"`             // of calls with tensors on a GPU
	Asked    map[string]int    `json:"asked"`           // questions, how often each was asked
	Skipped  map[string]string `json:"skipped"`         // questions, why they were not
	Cut      string            `json:"cut,omitempty"`   // why not all was asked
	Stage    string            `json:"stage,omitempty"` // how far that was: "seeds", "questions", "edges", "mutations", "all"
	Found    []Found           `json:"found,omitempty"`
}

// Full is the name with the overload.
func (o *Operator) Full() string { return FullName(o.Name, o.Overload) }

// FullName is the name of an operator with its overload, if it has one.
func FullName(name, overload string) string {
	if overload == "" {
		return name
	}
	return name + "." + overload
}

// Counts say how the cases of an operator ended.
type Counts struct {
	Valid   int `json:"valid"`
	Raised  int `json:"raised"`
	Crashed int `json:"crashed"`
	Limit   int `json:"limit"` // took more time or memory than a case may
	Seeds   int `json:"seeds"`
	Blind   int `json:"blind"` // 1 where calls were made up from the schema
}

// Found is one thing that was found in one build.
type Found struct {
	Kind     string          `json:"kind,omitempty"` // "crash", "poison", "layout" …
	Key      string          `json:"key,omitempty"`  // two that share it are the same
	Detail   string          `json:"detail,omitempty"`
	Values   string          `json:"values,omitempty"` // that it was seen by, which another run may not have
	How      string          `json:"how,omitempty"`    // how the process ended
	Phase    string          `json:"phase,omitempty"`  // what was asked when it ended
	Output   string          `json:"output,omitempty"` // what it printed
	Times    int             `json:"times,omitempty"`
	Calls    int             `json:"calls,omitempty"` // that it takes
	Unsteady bool            `json:"unsteady,omitempty"`
	Raised   bool            `json:"raised,omitempty"` // on a way out by an exception
	Build    string          `json:"build,omitempty"`  // "plain", "asan", "tsan", "gpu", or a tool of compute-sanitizer
	Script   string          `json:"script,omitempty"` // the file that shows it, in the corpus
	Also     string          `json:"also,omitempty"`   // what another build showed of it
	Where    Frame           `json:"where"`
	Case     json.RawMessage `json:"case,omitempty"`
	Text     string          `json:"text,omitempty"` // of the script
}

// Pass is one of the things that a run does with all operators.
type Pass struct {
	Name   string `json:"name"`
	Run    bool   `json:"run,omitempty"`
	Reason string `json:"reason,omitempty"` // why it was not run
	Note   string `json:"note,omitempty"`   // what it did
}

// Event is one line of the runner.
type Event struct {
	Event    string            `json:"event"`
	Operator string            `json:"operator"`
	Overload string            `json:"overload"`
	Done     int               `json:"done"`
	Total    int               `json:"total"`
	Kind     string            `json:"kind"`
	Key      string            `json:"key"`
	Detail   string            `json:"detail"`
	Values   string            `json:"values"`
	Times    int               `json:"times"`
	How      string            `json:"how"`
	Phase    string            `json:"phase"`
	Output   string            `json:"output"`
	Case     json.RawMessage   `json:"case"`
	Name     string            `json:"name"`
	Script   string            `json:"script"`
	Unsteady bool              `json:"unsteady"`
	Calls    int               `json:"calls"`
	Raised   bool              `json:"raised"`
	Counts   Counts            `json:"counts"`
	GPU      Counts            `json:"gpu"` // of calls with tensors on a GPU
	Asked    map[string]int    `json:"asked"`
	Skipped  map[string]string `json:"skipped"`
	Pool     []json.RawMessage `json:"pool"`
	Cut      string            `json:"cut"`
	Lost     int               `json:"lost"`   // calls that a fault of the runner ended
	Failed   string            `json:"failed"` // what the first of these was
	Stage    string            `json:"stage"`
	Watched  []json.RawMessage `json:"watched"`
	Broken   []json.RawMessage `json:"broken"`
}

const (
	lineLimit  = 64 << 20
	totalLimit = 256 << 20
	textLimit  = 64 << 10
)

// ReadEvents reads the events of one run of the runner. It says whether the last one is
// there, without which the runner died.
func ReadEvents(r io.Reader, each func(Event) error) (whole bool, err error) {
	lines := bufio.NewScanner(io.LimitReader(r, totalLimit+1))
	lines.Buffer(nil, lineLimit)
	total := 0
	for lines.Scan() {
		if total += len(lines.Bytes()); total > totalLimit {
			return false, bounded.Exceeded("bytes of events", totalLimit)
		}
		var e Event
		if err := json.Unmarshal(lines.Bytes(), &e); err != nil {
			return false, nil //nolint:nilerr // the runner died while it wrote
		}
		for _, s := range []*string{&e.Detail, &e.Values, &e.Output, &e.Key, &e.How, &e.Phase, &e.Cut, &e.Failed} {
			*s = cut(*s)
		}
		if e.Event == "end" {
			return true, nil
		}
		if err := each(e); err != nil {
			return false, err
		}
	}
	if err := lines.Err(); err != nil {
		return false, fmt.Errorf("an event of the runner: %w", err)
	}
	return false, nil
}

func cut(s string) string {
	if len(s) > textLimit {
		s = s[:textLimit]
	}
	return strings.ToValidUTF8(s, "\uFFFD")
}

// Found makes a finding of an event.
func (e *Event) Found(build string) Found {
	return Found{
		Kind: e.Kind, Key: e.Key, Detail: e.Detail, Values: e.Values, How: e.How, Phase: e.Phase, Output: e.Output, Times: e.Times, Calls: e.Calls,
		Unsteady: e.Unsteady, Raised: e.Raised, Build: build, Script: e.Name, Case: e.Case, Text: e.Script,
	}
}
