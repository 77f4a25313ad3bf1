//go:build !hostile

package main

const heavyToo = false
