package contract

import (
	"fmt"
	"strings"
	"sync"
)

// category is what kind of harm a sink does.
type category string

// The categories. Effects act on the machine; helpers only lead to effects.
const (
	catCommand     category = "command"
	catCode        category = "code"
	catNative      category = "native"
	catNested      category = "nested"
	catImport      category = "import"
	catWrite       category = "write"
	catDelete      category = "delete"
	catNetwork     category = "network"
	catRead        category = "read"
	catProcess     category = "process"
	catEnvironment category = "environment"
	catReflection  category = "reflection"
	catIteration   category = "iteration"
	catCallback    category = "callback"
	catSynthesis   category = "synthesis"
	catTamper      category = "tamper"
	catString      category = "string"
)

// helper reports whether callables of this category do their harm through others.
func (c category) helper() bool {
	switch c {
	case catReflection, catIteration, catCallback, catSynthesis, catString:
		return true
	}
	return false
}

// sink is a callable that is known to do harm when a file chooses its arguments.
type sink struct {
	cat  category
	verb string // "run the shell command {}"
	bare string // the same where no argument says it: "run a shell command"
	full string // the canonical name: "os.system"
}

// does is what it does, without an argument.
func (s *sink) does() string { return "can " + s.sentence("") }

// sentence fills the argument in.
func (s *sink) sentence(arg string) string {
	if arg != "" {
		return strings.Replace(s.verb, "{}", arg, 1)
	}
	return s.bare
}

type sinkTable struct {
	byKey map[key]*sink
}

// sinks parses the embedded table, once, and only when a stream imports what no
// contract covers.
var sinks = sync.OnceValue(func() *sinkTable {
	t := &sinkTable{byKey: make(map[key]*sink, 4096)}
	err := parseData("sinks.txt", func(s section, module, names string) error {
		verb, bare, ok := strings.Cut(s.text, " / ")
		if !ok {
			return fmt.Errorf("header %q has no second form", s.text)
		}
		for name := range strings.FieldsSeq(names) {
			k := key{module, name}
			if t.byKey[k] == nil {
				t.byKey[k] = &sink{category(s.words[0]), verb, bare, module + "." + name}
			}
		}
		return nil
	})
	if err != nil {
		panic("contract: internal error: " + err.Error())
	}
	return t
})

// aliases maps module names to the canonical name of the table: the same code
// under its platform, C or Python 2 name. They are exact.
var aliases = map[string]string{
	"posix": "os", "nt": "os", "os2": "os", "ce": "os",
	"__builtin__": "builtins", "__builtins__": "builtins", "_operator": "operator", "_functools": "functools",
	"_pickle": "pickle", "cPickle": "pickle", "_cPickle": "pickle", "_pickle_compat": "pickle",
	"_socket": "socket", "_ssl": "ssl", "_io": "io", "_pyio": "io", "_thread": "_thread", "thread": "_thread", "_dummy_thread": "_thread",
	"_collections": "collections", "_weakref": "weakref", "_sqlite3": "sqlite3", "sqlite3.dbapi2": "sqlite3",
	"_bz2": "bz2", "_lzma": "lzma", "_json": "json", "_csv": "csv", "_struct": "struct", "_signal": "signal",
	"_asyncio": "asyncio", "_contextvars": "contextvars", "_queue": "queue", "_abc": "abc", "_py_abc": "abc",
	"_frozen_importlib": "importlib._bootstrap", "_frozen_importlib_external": "importlib._bootstrap_external",
	"_sitebuiltins": "_sitebuiltins", "_bootstrap": "importlib._bootstrap", "_interpreters": "_interpreters",
	"_pydatetime": "datetime", "_typing": "typing", "_warnings": "warnings", "_locale": "locale",
	"cStringIO": "io", "StringIO": "io", "UserDict": "collections", "copy_reg": "copyreg", "Queue": "queue",
	"_winreg": "winreg", "ConfigParser": "configparser", "SocketServer": "socketserver", "__main__.builtins": "builtins",
	"posixpath": "os.path", "ntpath": "os.path", "genericpath": "os.path", "_subprocess": "_winapi",
	"pathlib._local": "pathlib", "pathlib._abc": "pathlib", "pathlib2": "pathlib",
	"numpy._core.multiarray": "numpy.core.multiarray", "numpy._core.numeric": "numpy.core.numeric", "numpy._core.records": "numpy.core.records",
	"numpy._core.memmap": "numpy.core.memmap", "setuptools._shutil": "shutil",
	"multiprocessing.dummy.connection": "multiprocessing.connection", "_multiprocessing": "multiprocessing",
	"six.moves.builtins": "builtins", "six.moves.cPickle": "pickle", "six.moves.urllib.request": "urllib.request", "six.moves.urllib_request": "urllib.request",
	"six.moves._thread": "_thread", "six.moves.http_client": "http.client", "six.moves.xmlrpc_client": "xmlrpc.client",
	"future.moves.builtins": "builtins", "future.moves.subprocess": "subprocess", "past.builtins": "builtins",
	"gevent.os": "os", "gevent.subprocess": "subprocess", "gevent._socket3": "socket", "gevent.socket": "socket", "eventlet.green.os": "os", "eventlet.green.subprocess": "subprocess",
	"subprocess32": "subprocess", "backports.tempfile": "tempfile",
	"distutils.util": "distutils.util", "ruamel_yaml": "ruamel.yaml", "simplejson": "json", "ujson": "json",
	"lightning.pytorch.cli": "pytorch_lightning.cli", "tensorflow.python.keras.models": "keras.models",
	"IPython.utils._process_win32": "IPython.utils._process_posix",
}

// vendors are folders in which packages keep copies of others. A name below one
// means what it means outside.
var vendors = []string{
	"pip._vendor.", "setuptools._vendor.", "setuptools.extern.", "setuptools._distutils.", "pkg_resources._vendor.", "pkg_resources.extern.",
	"botocore.vendored.", "requests.packages.", "sklearn.externals.", "joblib.externals.", "torch._vendor.", "urllib3.packages.", "ray._private.thirdparty.",
	"conda._vendor.", "pandas._vendor.", "scipy._lib._vendored.",
	"wheel.vendored.", "poetry.core._vendor.", "pipenv.vendor.", "pipenv.patched.", "google.protobuf.internal.",
}

// canonical returns the spellings of a module to look up, best first.
func canonical(module string) []string {
	out := []string{module}
	if a, ok := aliases[module]; ok {
		out = append(out, a)
	}
	for _, v := range vendors {
		if rest, ok := strings.CutPrefix(module, v); ok {
			if v == "setuptools._distutils." {
				rest = "distutils." + rest
			}
			out = append(out, rest)
			if a, ok := aliases[rest]; ok {
				out = append(out, a)
			}
		}
	}
	return out
}

// findSink says what is known of a global, or nil. Dotted names are also read
// from their end: torch.library's "os.system" is os.system.
func findSink(k key) *sink {
	t := sinks()
	for _, m := range canonical(k.module) {
		if s := t.byKey[key{m, k.name}]; s != nil {
			return s
		}
	}
	if strings.Contains(k.name, ".") {
		if s := findPath(k.module + "." + k.name); s != nil {
			return s
		}
	}
	return reExport(k)
}

// maxParts is how many components of a dotted path are looked at.
const maxParts = 24

// findPath looks a dotted path up, with every prefix that may be the module, from
// every component on.
func findPath(path string) *sink {
	parts := strings.Split(path, ".")
	if len(parts) > maxParts {
		parts = parts[len(parts)-maxParts:]
	}
	kept := parts[:0]
	for _, p := range parts {
		switch p {
		case "__dict__", "__globals__", "__self__", "__func__", "__wrapped__", "__class__", "__call__":
			continue // steps from an object to what it holds
		}
		kept = append(kept, p)
	}
	t := sinks()
	for start := range kept {
		if s := t.from(kept[start:]); s != nil {
			return s
		}
	}
	return nil
}

// from looks a path up whose first component starts the module.
func (t *sinkTable) from(parts []string) *sink {
	first := strings.TrimLeft(parts[0], "_")
	for i := len(parts) - 1; i > 0; i-- {
		rest := strings.Join(parts[i:], ".")
		whole := strings.Join(parts[:i], ".")
		tries := canonical(whole)
		if first != parts[0] && first != "" { // "import os as _os"
			tries = append(tries, canonical(strings.Join(append([]string{first}, parts[1:i]...), "."))...)
		}
		for _, m := range tries {
			if s := t.byKey[key{m, rest}]; s != nil {
				return s
			}
		}
	}
	return nil
}

// carriers are modules whose every attribute is within reach once a stream holds
// the module itself.
var carriers = map[string]bool{
	"os": true, "sys": true, "posix": true, "nt": true, "subprocess": true, "builtins": true, "importlib": true, "socket": true,
	"shutil": true, "ctypes": true, "pty": true, "code": true, "runpy": true, "pickle": true, "marshal": true, "imp": true,
	"pathlib": true, "tempfile": true, "commands": true, "urllib": true, "gc": true, "inspect": true, "operator": true, "io": true,
}

// dunders are attributes that lead from any object to all others.
var dunders = map[string]bool{
	"__builtins__": true, "__globals__": true, "__dict__": true, "__subclasses__": true, "__getattribute__": true, "__getattr__": true,
	"__import__": true, "__code__": true, "__loader__": true, "__spec__": true, "__mro__": true, "__bases__": true, "__base__": true, "__self__": true,
	"__func__": true, "__closure__": true, "__init__": true, "__class__": true, "__reduce__": true, "__reduce_ex__": true, "__get__": true,
	"__call__": true, "__setattr__": true, "__setitem__": true, "__getitem__": true, "__new__": true, "__module__": true, "__init_subclass__": true, "__wrapped__": true,
}

// reExport recognises a module that another module imported, and attributes that
// lead to all others.
func reExport(k key) *sink {
	last := k.name[strings.LastIndexByte(k.name, '.')+1:]
	if bare := strings.TrimLeft(last, "_"); carriers[bare] && k.module != "" {
		return reflection("reach the module "+bare, k)
	}
	for part := range strings.SplitSeq(k.name, ".") {
		if dunders[part] {
			return reflection("reach other objects by the attribute "+part, k)
		}
	}
	return nil
}

// tempting are names that, in a module nobody reviewed, say what they do.
var tempting = map[string]bool{
	"system": true, "popen": true, "Popen": true, "exec": true, "eval": true, "execfile": true, "execv": true, "execve": true, "spawn": true,
	"check_call": true, "check_output": true, "getoutput": true, "getstatusoutput": true, "run_command": true, "runcommand": true,
	"run_shell": true, "shell": true, "shell_exec": true, "execute_command": true, "runcode": true, "runsource": true, "run_code": true, "exec_code": true,
	"import_module": true, "__import__": true, "load_module": true, "load_source": true, "unpickle": true, "urlopen": true, "urlretrieve": true,
	"load_library": true, "dlopen": true, "call_subprocess": true, "run_cmd": true, "runcmd": true, "_run_cmd": true, "exec_command": true, "shell_out": true,
	"subprocess_run": true, "os_system": true, "safe_eval": true, "literal_exec": true, "download_file": true, "write_file": true, "unsafe_load": true, "read_pickle": true,
	"import_string": true, "import_from_string": true, "exec_module": true, "run_script": true, "run_path": true,
}

func reflection(verb string, k key) *sink {
	return &sink{catReflection, verb + " ({})", verb, k.module + "." + k.name}
}
