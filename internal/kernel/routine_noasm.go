//go:build !amd64 || purego

package kernel

var best = choose(feature{})

// here is what this build can use of the processor.
func here() feature { return feature{} }

func choose(feature) routines { return routines{name: "portable"} }
