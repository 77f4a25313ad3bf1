package contract

import (
	"bytes"
	"compress/zlib"
	"encoding/base64"
	"encoding/hex"
	"strings"

	"github.com/andiron-dev/andiron/internal/bounded"
	"github.com/andiron-dev/andiron/pickle"
)

// maxFolded is the longest string that is rebuilt.
const maxFolded = 64 << 10

// textOf returns the text that a value will be, where constants say it: also what
// join, format, decode, chr and the like make of constants.
func (j *judge) textOf(v pickle.Value) (string, bool) {
	switch v.Kind() {
	case pickle.KindStr, pickle.KindBytes, pickle.KindByteArray:
	case pickle.KindObject:
		// A string whose making needs strings that need strings: nobody hides that deep.
		if j.folding >= maxNesting || j.folds >= maxFolds {
			return "", false
		}
		j.folding++
		j.folds++
		defer func() { j.folding-- }()
	default:
		return "", false
	}
	f := folder{j: j, left: 1 << 12}
	return f.text(v, maxChain)
}

// maxNesting is how deep strings may depend on each other; maxFolds is how many
// are rebuilt in one stream.
const (
	maxNesting = 8
	maxFolds   = 1 << 14
)

// folder rebuilds one string within a number of steps.
type folder struct {
	j    *judge
	left int
}

func (f *folder) text(v pickle.Value, depth int) (string, bool) {
	if f.left--; f.left < 0 || depth == 0 {
		return "", false
	}
	switch v.Kind() {
	case pickle.KindStr, pickle.KindBytes, pickle.KindByteArray:
		if v.Len() > maxFolded {
			return "", false
		}
		return text(v)
	case pickle.KindObject:
		s, ok := f.object(v, depth-1)
		return s, ok && len(s) <= maxFolded
	}
	return "", false
}

// object folds the result of a call.
func (f *folder) object(v pickle.Value, depth int) (string, bool) {
	fn := v.Func()
	t := f.j.resolveAt(fn, depth)
	name, args := t.path, v.Args()
	if t.sink != nil {
		name = t.sink.full
	}
	var self pickle.Value
	switch {
	case strings.HasPrefix(name, "builtins.str."), strings.HasPrefix(name, "builtins.bytes."):
		// getattr("", "join") holds its string; str.join takes it first.
		self = f.self(fn, args)
		if fn.Kind() == pickle.KindGlobal {
			return f.method(name[strings.LastIndexByte(name, '.')+1:], self, items(args, 1), depth)
		}
		return f.method(name[strings.LastIndexByte(name, '.')+1:], self, items(args, 0), depth)
	case t.method != "" && args.Len() == 1:
		return f.method(t.method, args.Index(0), t.bound, depth)
	}
	return f.function(name, args, depth)
}

// self is the string that a method works on.
func (f *folder) self(fn, args pickle.Value) pickle.Value {
	if fn.Kind() == pickle.KindGlobal {
		return args.Index(0)
	}
	return fn.Args().Index(0)
}

func items(args pickle.Value, from int) []pickle.Value {
	var out []pickle.Value
	for i := from; i < args.Len() && i < 64; i++ {
		out = append(out, args.Index(i))
	}
	return out
}

// method folds the string methods that hide text.
func (f *folder) method(name string, self pickle.Value, args []pickle.Value, depth int) (string, bool) {
	s, ok := f.text(self, depth)
	if !ok {
		return "", false
	}
	switch name {
	case "lower", "casefold":
		return strings.ToLower(s), true
	case "upper":
		return strings.ToUpper(s), true
	case "strip", "lstrip", "rstrip":
		return strings.TrimSpace(s), true
	case "encode", "decode", "__str__", "__format__":
		return f.decode(s, args, depth)
	case "join":
		if len(args) == 1 {
			return f.join(s, args[0], depth)
		}
	case "__add__", "__mod__", "format", "replace":
		return f.combine(name, s, args, depth)
	case "fromhex":
		return unhex(s)
	}
	return "", false
}

func (f *folder) combine(name, s string, args []pickle.Value, depth int) (string, bool) {
	var parts []string
	for _, a := range args {
		list := []pickle.Value{a}
		if a.Kind() == pickle.KindTuple && name == "__mod__" {
			list = items(a, 0)
		}
		for _, v := range list {
			p, ok := f.text(v, depth)
			if !ok {
				return "", false
			}
			parts = append(parts, p)
		}
	}
	switch {
	case name == "__add__" && len(parts) == 1:
		return s + parts[0], true
	case name == "replace" && len(parts) >= 2 && len(s)*(len(parts[1])+1) <= maxFolded:
		return strings.ReplaceAll(s, parts[0], parts[1]), true
	}
	mark := "%s"
	if name == "format" {
		mark = "{}"
	}
	for i, p := range parts {
		s = strings.Replace(s, mark, p, 1)
		s = strings.Replace(s, "{"+string(rune('0'+i%10))+"}", p, 1)
	}
	return s, true
}

// join folds sep.join(list), also of map(chr, numbers).
func (f *folder) join(sep string, list pickle.Value, depth int) (string, bool) {
	var b strings.Builder
	first := true
	if list.Kind() == pickle.KindObject {
		t := f.j.resolveAt(list.Func(), depth)
		if t.path == "builtins.map" && f.j.resolveAt(list.Args().Index(0), depth).path == "builtins.chr" {
			return numbers(list.Args().Index(1), true)
		}
		if t.path == "builtins.reversed" || t.path == "builtins.list" || t.path == "builtins.tuple" {
			list = list.Args().Index(0)
		}
	}
	if list.Kind() == pickle.KindStr { // "".join("abc")
		return f.text(list, depth)
	}
	for v := range list.Items() {
		s, ok := f.text(v, depth)
		if !ok || b.Len() > maxFolded {
			return "", false
		}
		if !first {
			b.WriteString(sep)
		}
		first = false
		b.WriteString(s)
	}
	return b.String(), !first
}

// numbers folds a list of code points or bytes.
func numbers(list pickle.Value, runes bool) (string, bool) {
	var b strings.Builder
	for v := range list.Items() {
		n, ok := v.Int()
		if !ok || n < 0 || n > 0x10ffff || b.Len() > maxFolded {
			return "", false
		}
		if runes {
			b.WriteRune(rune(n))
		} else {
			b.WriteByte(byte(n))
		}
	}
	return b.String(), b.Len() > 0
}

// function folds the functions that hide text.
func (f *folder) function(name string, args pickle.Value, depth int) (string, bool) {
	first := args.Index(0)
	switch name {
	case "builtins.chr":
		n, ok := first.Int()
		return string(rune(n)), ok && n >= 0 && n <= 0x10ffff
	case "builtins.bytes", "builtins.bytearray":
		if s, ok := numbers(first, false); ok {
			return s, true
		}
		return f.text(first, depth)
	case "builtins.reversed":
		return f.text(first, depth)
	case "operator.add", "operator.concat", "operator.iadd", "operator.iconcat", "operator.__add__":
		s, ok := f.text(first, depth)
		if !ok {
			return "", false
		}
		return f.combine("__add__", s, items(args, 1), depth)
	case "operator.mod", "operator.__mod__":
		s, ok := f.text(first, depth)
		if !ok {
			return "", false
		}
		return f.combine("__mod__", s, items(args, 1), depth)
	case "operator.getitem", "operator.__getitem__":
		s, ok := f.text(first, depth)
		if !ok {
			return "", false
		}
		return f.slice(s, args.Index(1))
	case "os.path.join", "posixpath.join":
		return f.join("/", args, depth)
	}
	s, ok := f.text(first, depth)
	if !ok {
		return "", false
	}
	return f.decoded(name, s, items(args, 1), depth)
}

// decoded folds the functions of one text.
func (f *folder) decoded(name, s string, args []pickle.Value, depth int) (string, bool) {
	switch name {
	case "builtins.str", "os.fspath", "builtins.format", "io.BytesIO", "io.StringIO", "builtins.memoryview", "os.fsdecode", "os.fsencode", "textwrap.dedent", "os.path.expanduser", "os.path.expandvars",
		"pathlib.Path", "pathlib.PosixPath", "pathlib.PurePath", "pathlib.PurePosixPath":
		return s, true
	case "codecs.decode", "_codecs.decode", "codecs.encode", "_codecs.encode":
		return f.decode(s, args, depth)
	case "binascii.unhexlify", "binascii.a2b_hex", "builtins.bytes.fromhex", "bytes.fromhex":
		return unhex(s)
	case "base64.b64decode", "base64.decodebytes", "base64.standard_b64decode", "base64.urlsafe_b64decode", "binascii.a2b_base64", "base64.decodestring":
		return unbase64(s)
	case "zlib.decompress":
		return inflate(s)
	}
	return "", false
}

// decode folds what a codec makes of text.
func (f *folder) decode(s string, args []pickle.Value, depth int) (string, bool) {
	if len(args) == 0 {
		return s, true
	}
	codec, ok := f.text(args[0], depth)
	if !ok {
		return "", false
	}
	switch strings.NewReplacer("-", "", "_", "", " ", "").Replace(strings.ToLower(codec)) {
	case "utf8", "latin1", "ascii", "iso88591", "cp1252", "usascii", "u8", "l1", "utf":
		return s, true
	case "rot13":
		return strings.Map(rot13, s), true
	case "hex", "hexcodec":
		return unhex(s)
	case "base64", "base64codec":
		return unbase64(s)
	case "zlib", "zip", "zlibcodec":
		return inflate(s)
	}
	return "", false
}

func rot13(r rune) rune {
	switch {
	case r >= 'a' && r <= 'z':
		return 'a' + (r-'a'+13)%26
	case r >= 'A' && r <= 'Z':
		return 'A' + (r-'A'+13)%26
	}
	return r
}

func unhex(s string) (string, bool) {
	b, err := hex.DecodeString(strings.ReplaceAll(s, " ", ""))
	return string(b), err == nil
}

func unbase64(s string) (string, bool) {
	s = strings.NewReplacer("\n", "", "-", "+", "_", "/", "=", "").Replace(s)
	b, err := base64.RawStdEncoding.DecodeString(s)
	return string(b), err == nil
}

func inflate(s string) (string, bool) {
	r, err := zlib.NewReader(bytes.NewReader([]byte(s)))
	if err != nil {
		return "", false
	}
	b, err := bounded.ReadAll(r, maxFolded)
	return string(b), err == nil
}

// slice folds s[start:stop:step] and s[i].
func (f *folder) slice(s string, by pickle.Value) (string, bool) {
	at := func(v pickle.Value, none int64) int64 {
		n, ok := v.Int()
		switch {
		case !ok:
			return none
		case n < 0:
			return max(n+int64(len(s)), -1)
		}
		return min(n, int64(len(s)))
	}
	if n, ok := by.Int(); ok {
		if n = at(by, n); n < 0 || n >= int64(len(s)) {
			return "", false
		}
		return s[n : n+1], true
	}
	if n := f.j.funcName(by); n == nil || n.key != (key{"builtins", "slice"}) {
		return "", false
	}
	args := by.Args()
	start, stop, step := int64(0), int64(len(s)), int64(1)
	if args.Len() == 1 {
		return s[:max(at(args.Index(0), stop), 0)], true
	}
	if n, ok := args.Index(2).Int(); ok {
		step = n
	}
	if step == 0 {
		return "", false
	}
	if step < 0 {
		start, stop = int64(len(s))-1, -1
	}
	start, stop = at(args.Index(0), start), at(args.Index(1), stop)
	var b []byte
	for i := max(start, 0); i < int64(len(s)) && (step > 0 && i < stop || step < 0 && i > stop && i >= 0); i += step {
		b = append(b, s[i])
		if step > int64(len(s)) || step < -int64(len(s)) {
			break
		}
	}
	return string(b), true
}
