// Package rawread does nothing with memory but read it, as fast as one core
// can. The benchmarks of package kernel compare themselves with it.
package rawread
