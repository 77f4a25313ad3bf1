//go:build !linux

// Package hostile is a worker of the sandbox, which needs Linux.
package hostile
