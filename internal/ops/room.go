// Package ops is the room that looks at custom operators: extensions of PyTorch in
// C++ and CUDA. It reads their sources with package cppsrc, finds the functions that
// Python can reach, and asks what each checks of its arguments before it takes raw
// pointers, and what it then does with them.
//
// # Security
//
// Nothing is compiled, imported or executed by looking. A part of a file that could
// not be read is an undetermined finding; what stands around it is looked at.
//
// # Limits
//
// Those of package cppsrc for one file, and of [Collect] for all; of the history, those
// of package gitsrc, and the last 2,000 commits. Calls are followed
// eight deep; of one rule 200 findings are reported in one file.
//
// # Specification
//
// The C++ interface of torch 1.13 to 2.14: ATen/core/TensorBase.h, torch/library.h,
// c10/cuda/CUDAException.h, ATen/Parallel.h. What a call checks by itself counts:
// data_ptr<T> throws on another dtype, accessor<T, N> on another rank, and the
// dispatcher on another device where an implementation is registered for one.
// Findings stand at the line and column of the source, from 1.
package ops

import (
	"slices"

	"github.com/andiron-dev/andiron/finding"
	"github.com/andiron-dev/andiron/internal/rule"
)

// Rules are the rules of the room.
var Rules = slices.Concat(argumentRules, memoryRules, numberRules, cudaRules, interfaceRules, evidenceRules, reviewRules, outsideRules, readRules, testedRules)

const since = "0.1.0"

// looker reports what is found in a project.
type looker struct {
	out  func(finding.Finding)
	done map[string]bool // what was reported, by rule and place

	// The lines of what one finding lists, by rule and place, where they are several.
	listed map[string][]int
}

// mostKept is how many findings of one rule are reported of one file.
const mostKept = 200

// checks are what is asked of each function.
var checks = []func(*looker, *fn){
	(*looker).nothingChecked, (*looker).untypedPointers, (*looker).devices, (*looker).sizes, (*looker).layouts,
	(*looker).indexValues, (*looker).scalars, (*looker).optionals, (*looker).firstElements,
	(*looker).temporaries, (*looker).moved, (*looker).allocations, (*looker).fixedArrays, (*looker).unwritten, (*looker).offByOne,
	(*looker).narrowed, (*looker).products, (*looker).packed32, (*looker).divisions, (*looker).kernelIndices,
	(*looker).launches, (*looker).kernelBounds,
	(*looker).mutations, (*looker).gradients, (*looker).races, (*looker).deprecated, (*looker).builtIn,
}

// look asks everything of every function, and of the registrations.
func (l *looker) look(p *world) {
	for _, a := range p.all() {
		if a.src.test {
			continue
		}
		for _, check := range checks {
			check(l, a)
		}
	}
	l.registrations(p)
}

// found reports a finding at a token of a function's file, once.
func (l *looker) found(r *rule.Rule, a *fn, at int, message string, evidence ...string) {
	l.foundAs(r, r.Severity, a.src, at, message, evidence...)
}

// foundAll is foundAs for what stands in several places, of which the first is reported.
func (l *looker) foundAll(r *rule.Rule, s finding.Severity, a *fn, all []int, message string) {
	at := slices.Min(all)
	l.foundAs(r, s, a.src, at, message)
	line, column := a.f.Place(at)
	key := r.ID + " " + finding.Where{Path: a.src.path}.Line1(line+a.src.line, column).String()
	for _, i := range all {
		l.listed[key] = append(l.listed[key], a.line(i)+a.src.line)
	}
}

// foundAs is found with a severity that the rule's text gives a reason for.
func (l *looker) foundAs(r *rule.Rule, s finding.Severity, src *source, at int, message string, evidence ...string) {
	line, column := src.f.Place(at)
	line += src.line
	where := finding.Where{Path: src.path}.Line1(line, column)
	key := r.ID + " " + where.String()
	if l.done[key] {
		return
	}
	l.done[key] = true
	f := r.Finding(where, message, evidence...)
	f.Severity = s
	l.out(f)
}
