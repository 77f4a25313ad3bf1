// Package manifest reads the files that say which packages a Python project asks
// for, is bound to, or has installed.
//
// Every statement keeps its line, its index, its hashes, its marker and its group.
// Nothing is executed and nothing is resolved: a range stays a range.
package manifest
