package hf

import "strconv"

func itoa(i int) string { return strconv.Itoa(i) }

// join makes a path for a message; paths of deeply nested keys are cut.
func join(path, name string) string {
	if len(name) > 200 {
		name = name[:200] + "…"
	}
	if path == "" {
		return name
	}
	if len(path) > 1000 {
		return path
	}
	return path + "." + name
}
