package bom

import (
	"maps"
	"slices"
)

// SPDX is for the test of the table.
func SPDX() []string { return slices.Sorted(maps.Values(spdx)) }
