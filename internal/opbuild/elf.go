package opbuild

import (
	"debug/elf"
	"strings"
)

// symbols are the names of the functions and variables that a library has or wants;
// none if it is no ELF file.
func symbols(name string) []elf.Symbol {
	f, err := elf.Open(name)
	if err != nil {
		return nil
	}
	defer func() { _ = f.Close() }() // it was only read
	list, err := f.DynamicSymbols()
	if err != nil {
		return nil
	}
	return list
}

// appendModule adds the name under which Python imports a library, if it can.
func appendModule(list []string, file, name string) []string {
	want := "PyInit_" + name[strings.LastIndexByte(name, '.')+1:]
	for _, s := range symbols(file) {
		if s.Name == want && s.Section != elf.SHN_UNDEF {
			return append(list, name)
		}
	}
	return list
}

// watchedBy asks of a library whether it was built for a sanitizer.
func watchedBy(v Variant) func(string) bool {
	prefix := map[Variant]string{ASan: "__asan_", TSan: "__tsan_"}[v]
	return func(name string) bool {
		for _, s := range symbols(name) {
			if strings.HasPrefix(s.Name, prefix) {
				return true
			}
		}
		return false
	}
}
