package andiron_test

import (
	"encoding/json"
	"errors"
	"io"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

const module = "github.com/andiron-dev/andiron/"

// layers is a statement of policy: who may import whom. Do not edit it to make
// a build pass. A package belongs to the first layer with a matching room.
var layers = []struct {
	name  string
	rooms []string // patterns, as the go command has them
	may   []string // layers it may import; its own only if listed
	std   []string // standard library and module prefixes it must not import
}{
	{"ground", []string{"finding", "internal/bounded", "internal/rule", "internal/safetext", "internal/scratch", "internal/seccomp"}, []string{"ground"}, append(quiet, "os", "time")},
	{"readers", []string{
		"pickle", "safetensors", "torchfile", "internal/strictzip", "internal/torchscript", "internal/exportir",
		"internal/npy", "internal/decomp", "internal/tarball", "internal/gguf", "internal/onnx", "internal/jinja",
		"internal/hf", "internal/magic", "internal/mobile", "internal/objfile", "internal/pysrc", "internal/cppsrc",
		"internal/pep440", "internal/pep508", "internal/manifest", "internal/osv", "internal/advisory", "internal/pyindex", "internal/family",
		"internal/tensor", "internal/kernel", "internal/tensorfile", "internal/triton",
		"internal/parquet", "internal/infer", "internal/gitsrc", "internal/oip", "internal/robust", "internal/dataset", "internal/survey", "internal/opreport",
	}, []string{"ground", "readers"}, append(quiet, "os", "time")},
	{"terms", []string{"internal/day", "internal/pattern", "internal/source", "internal/waiver", "internal/lockfile", "internal/openvex", "internal/supply", "internal/allowance"}, []string{"ground", "terms"}, append(quiet, "os")},
	{"osfile", []string{"internal/osfile"}, nil, []string{"net", "os/exec", "plugin", "unsafe", "log"}},
	{"digest", []string{"internal/digest"}, []string{"osfile", "whole"}, quiet},
	{"artifact", []string{"internal/artifact"}, []string{"ground", "readers", "osfile"}, quiet},
	{"contract", []string{"internal/contract"}, []string{"ground", "readers"}, append(quiet, "os", "time")},
	{"rooms", []string{"internal/model", "internal/code", "internal/posture", "internal/trust", "internal/deps", "internal/data", "internal/ops"}, []string{"ground", "readers", "artifact", "contract", "terms", "osfile"}, quiet},
	{"judge", []string{"internal/policy"}, []string{"ground", "terms"}, append(quiet, "os", "time")},
	{"report", []string{"internal/report"}, []string{"ground"}, append(quiet, "os", "time")},
	{"ruledoc", []string{"internal/ruledoc"}, []string{"ground"}, append(quiet, "time")},
	{"engine", []string{"internal/engine"}, []string{"ground", "readers", "artifact", "rooms", "contract", "terms", "osfile", "digest"}, quiet},
	{"scan", []string{"scan"}, []string{"ground", "engine", "judge", "rooms"}, quiet},
	{"convert", []string{"internal/convert"}, []string{"ground", "readers"}, append(quiet, "os", "time")},
	{"whole", []string{"internal/whole"}, nil, quiet},
	{"signing", []string{"internal/signing"}, nil, quiet},
	{"bom", []string{"internal/bom"}, []string{"ground"}, append(quiet, "os")},
	{"keyless", []string{"internal/keyless"}, []string{"ground", "signing", "whole", "child"}, quiet},
	// It gets files from other machines; only guard, below, talks to one as well.
	{"fetch", []string{"internal/fetch"}, []string{"ground"}, []string{"os/exec", "plugin", "unsafe", "log"}},
	{"feed", []string{"internal/feed", "internal/release"}, []string{"ground", "readers", "fetch", "whole"}, quiet},
	// It is a server, and talks to the one model server that it stands in front of.
	// It has goroutines of its own, writes to a log/slog that it is given, and has its
	// files read by whoever made it.
	{"guard", []string{"internal/guard"}, []string{"ground", "readers"}, []string{"os", "os/exec", "plugin", "unsafe"}},
	{"record", []string{"internal/record"}, []string{"ground", "whole", "osfile"}, quiet},
	// It starts other programs, and only a verb that says so may call it.
	{"child", []string{"internal/child"}, []string{"ground"}, []string{"net", "plugin", "unsafe", "log"}},
	// It takes rights from the process that it is in, with system calls that take addresses.
	{"confine", []string{"internal/confine"}, []string{"ground"}, []string{"net", "os/exec", "plugin", "log"}},
	// It starts this program a second time, confined, to decode images.
	{"imagechild", []string{"internal/imagechild"}, []string{"ground", "readers", "child", "confine"}, []string{"net", "plugin", "unsafe", "log"}},
	{"relock", []string{"internal/relock"}, []string{"ground", "readers", "fetch", "whole", "child"}, []string{"net", "plugin", "unsafe", "log"}},
	// It starts other programs, and only a verb that says so may call it.
	{"pyrun", []string{"internal/pyrun"}, []string{"ground", "readers", "child"}, []string{"net", "plugin", "unsafe", "log"}},
	// It starts other checkers of C++, and only a verb that says so may call it.
	{"cpptool", []string{"internal/cpptool"}, []string{"child"}, []string{"net", "plugin", "unsafe", "log"}},
	// It starts compilers and what a project says builds it, and only a verb that says so may call it.
	{"opbuild", []string{"internal/opbuild"}, []string{"ground", "child"}, []string{"net", "plugin", "unsafe", "log"}},
	// It starts Python, and holds it; it speaks to the kernel as no other package does.
	{"sandbox", []string{"internal/sandbox"}, []string{"ground", "readers", "terms", "child", "unotify"}, []string{"plugin", "log"}},
	// It answers for system calls of other processes, and says nothing about which.
	{"unotify", []string{"internal/unotify"}, []string{"ground"}, []string{"net", "os", "os/exec", "plugin", "log"}},
	// It starts programs, and opens files for them.
	{"enforce", []string{"internal/enforce"}, []string{"ground", "readers", "child", "sandbox", "unotify"}, []string{"net", "plugin", "log"}},
	// It runs the operators of a project, and only a verb that says so may call it.
	{"optest", []string{"internal/optest"}, []string{"ground", "readers", "child", "opbuild", "whole"}, []string{"net", "plugin", "unsafe", "log"}},
	{"cli", []string{"internal/cli"}, []string{"ground", "sandbox", "enforce", "whole", "convert", "pyrun", "opbuild", "optest", "cpptool", "signing", "keyless", "bom", "engine", "rooms", "artifact", "judge", "report", "ruledoc", "terms", "osfile", "digest", "readers", "fetch", "feed", "record", "relock", "guard", "imagechild"}, []string{"os/exec", "unsafe", "plugin"}},
	{"cmd", []string{"cmd/..."}, []string{"cli", "keyless", "imagechild", "sandbox", "enforce"}, nil},
	{"testkit", []string{"internal/testkit", "internal/testkit/rawread"}, []string{"ground", "readers"}, quiet},
	// For tests only, and no program links it: it does what no program should.
	{"hostile", []string{"internal/testkit/hostile", "internal/testkit/hostile/python"}, []string{"hostile"}, []string{"net", "os/exec", "plugin", "syscall", "log"}},
	// For tests only, and no program links them: they listen on this machine.
	{"servers", []string{"internal/testkit/fakeindex", "internal/testkit/fakeosv"}, []string{"ground", "readers"}, []string{"os", "os/exec", "plugin", "unsafe", "log"}},
}

// lean bans what calls methods by name: with it the linker keeps every method of
// every type, which makes the program a fifth larger.
var lean = []string{"html/template", "text/template"}

// quiet packages neither talk, nor start anything, nor reach around Go's types.
var quiet = []string{"net", "os/exec", "plugin", "syscall", "unsafe", "log"}

func layerOf(p string) int {
	for i, l := range layers {
		for _, r := range l.rooms {
			base, tree := strings.CutSuffix(r, "/...")
			if p == base || tree && strings.HasPrefix(p, base+"/") {
				return i
			}
		}
	}
	return -1
}

func banned(imp string, bans []string) bool {
	if imp == "net/url" { // it takes addresses apart, and goes to none
		return false
	}
	for _, ban := range bans {
		if imp == ban || strings.HasPrefix(imp, ban+"/") {
			return true
		}
	}
	return false
}

func TestLayers(t *testing.T) {
	for _, tags := range []string{"", "keyless", "keylessinside"} {
		checkLayers(t, tags)
	}
}

// listing is a go list with tags. What keylessinside embeds need not have been built.
func listing(tags string) []string {
	if tags == "keylessinside" {
		return []string{"list", "-e", "-tags", tags}
	}
	return []string{"list", "-tags", tags}
}

func checkLayers(t *testing.T, tags string) {
	t.Helper()
	out, err := exec.Command("go", append(listing(tags), "-json=ImportPath,Imports", "./...")...).Output()
	if err != nil {
		t.Fatal(err)
	}
	seen := 0
	for dec := json.NewDecoder(strings.NewReader(string(out))); ; seen++ {
		var p struct {
			ImportPath string
			Imports    []string
		}
		if err := dec.Decode(&p); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatal(err)
		}
		rel, ok := strings.CutPrefix(p.ImportPath, module)
		if !ok {
			continue // the root holds no code
		}
		i := layerOf(rel)
		if i < 0 {
			t.Errorf("%s has no layer: give it a room", rel)
			continue
		}
		checkImports(t, rel, i, p.Imports)
	}
	if seen < 2 {
		t.Fatalf("saw %d packages", seen)
	}
}

func checkImports(t *testing.T, rel string, i int, imports []string) {
	t.Helper()
	l := layers[i]
	for _, imp := range imports {
		dep, ours := strings.CutPrefix(imp, module)
		if !ours {
			if banned(imp, l.std) || banned(imp, lean) {
				t.Errorf("%s (%s) must not import %s", rel, l.name, imp)
			}
			continue
		}
		if j := layerOf(dep); j < 0 || !slices.Contains(l.may, layers[j].name) {
			t.Errorf("%s (%s) must not import %s", rel, l.name, dep)
		}
	}
}

// TestLayersCanFail proves that the ban list bans.
func TestLayersCanFail(t *testing.T) {
	for _, imp := range []string{"net", "net/http", "os/exec", "unsafe"} {
		if !banned(imp, quiet) {
			t.Errorf("%s is let through", imp)
		}
	}
	for _, imp := range []string{"os", "network", "io", "net/url"} {
		if banned(imp, quiet) {
			t.Errorf("%s is banned", imp)
		}
	}
}
