package opbuild

import _ "embed" // the presets

//go:embed presets/CMakePresets.json
var presets []byte

// Preset is a file that a CMake project can be given.
type Preset struct {
	Name string // with slashes
	Text []byte
}

// Presets are CMake presets that build and test as this package does (plain, asan,
// tsan, valgrind), and the header that tsan needs beside them.
func Presets() ([]Preset, error) {
	const header = "ATen/ParallelOpenMP.h"
	text, err := standIn.ReadFile("standin/" + header)
	return []Preset{{"CMakePresets.json", presets}, {"andiron-tsan/" + header, text}}, err
}
