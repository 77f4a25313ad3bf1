package convert

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/andiron-dev/andiron/internal/bounded"
	"github.com/andiron-dev/andiron/internal/testkit"
)

func selectors(t *testing.T, list ...string) (out []Selector) {
	t.Helper()
	for _, s := range list {
		x, err := ParseSelector(s)
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, x)
	}
	return out
}

// What is taken, and what it is called.
func TestNames(t *testing.T) {
	ckpt := dict(
		text("epoch"), number(3),
		text("state_dict"), dict(text("a.w"), floats("0", 2), text("a.b"), floats("1", 1)),
		text("opt"), dict(number(0), dict(text("m"), floats("2", 2)), text("lr"), "BINFLOAT 0.5"),
		text("list"), lines("EMPTY_LIST", "MARK", floats("3", 1), number(1), "APPENDS"))
	data := [][]byte{count(2), count(1), count(2), count(1)}
	for _, tt := range []struct {
		name string
		sel  []string
		want []string
		ints int
	}{
		{"all", nil, []string{"list.0", "opt.0.m", "state_dict.a.b", "state_dict.a.w"}, 2},
		{"one", []string{"state_dict"}, []string{"a.b", "a.w"}, 0},
		{"a tensor", []string{"state_dict.a.w"}, []string{"a.w"}, 0},
		{"a number", []string{"opt.0"}, []string{"m"}, 0},
		{"keys", []string{`["state_dict","a.w"]`}, []string{"a.w"}, 0},
		{"keys and a number", []string{`["opt", 0]`}, []string{"m"}, 0},
		{"two", []string{"state_dict", "list"}, []string{"list.0", "state_dict.a.b", "state_dict.a.w"}, 1},
	} {
		p, err := open(checkpointOf(ckpt, data...), Options{Select: selectors(t, tt.sel...)})
		if err != nil {
			t.Errorf("%s: %v", tt.name, err)
			continue
		}
		if got := namesOf(p); !slices.Equal(got, tt.want) || p.Integers != tt.ints || p.Unselected != 4-len(got) {
			t.Errorf("%s: %q, %d with numbers, %d not selected; want %q", tt.name, got, p.Integers, p.Unselected, tt.want)
		}
	}
	p := mustOpen(t, checkpointOf(ckpt, data...), Options{})
	want := []Item{{"epoch", "int"}, {"opt.lr", "float"}, {"list.1", "int"}}
	if !slices.Equal(p.Dropped.First, want) || p.Dropped.Count != 3 {
		t.Errorf("dropped %v, want %v", p.Dropped, want)
	}
	for _, bad := range []string{"nothing", "state", "state_dict.a", "opt.1", `["state_dict","a","w"]`, "epoch"} {
		_, err := open(checkpointOf(ckpt, data...), Options{Select: selectors(t, bad)})
		if err == nil || !strings.Contains(err.Error(), "there are no tensors in") {
			t.Errorf("--select %s: %v", bad, err)
		}
	}
}

func TestParseSelector(t *testing.T) {
	for _, bad := range []string{"", "[", "[]", `["a"] x`, `[["a"]]`, "[null]", "[1.5, {}]"} {
		if s, err := ParseSelector(bad); err == nil {
			t.Errorf("%q is read as %v", bad, s)
		}
	}
}

// What is refused, and why.
func TestRefused(t *testing.T) {
	one := func(s string) string { return dict(text("x"), s) }
	for _, tt := range []struct {
		name, body, want string
		data             int
	}{
		{"two of a name", dict(text("a.b"), floats("0", 1), text("a"), dict(text("b"), floats("1", 1))), `["a.b"] and ["a", "b"]`, 2},
		{"text and number", dict(text("0"), floats("0", 1), number(0), floats("1", 1)), `["0"] and [0]`, 2},
		{"a key twice", dict(text("a"), floats("0", 1), text("a"), floats("1", 1)), `["a"] and ["a"]`, 2},
		{"reserved", one(floats("0", 1)) + "\n" + lines("MARK", text("__metadata__"), floats("1", 1), "SETITEMS"), "cannot represent", 2},
		{"odd key", dict("NONE", floats("0", 1)), "cannot represent", 1},
		{"key is a tensor", dict(floats("0", 1), number(1), text("b"), floats("1", 1)), "cannot represent", 2},
		{"in a set", one(lines("GLOBAL builtins set", "EMPTY_LIST", floats("0", 1), "APPEND", "TUPLE1", "REDUCE")), "cannot represent", 1},
		{"argument", one(lines("GLOBAL my Class", floats("0", 1), "TUPLE1", "REDUCE")), "cannot represent", 1},
		{"odd state", one(object("my Class", lines(floats("0", 1), "TUPLE1"))), "cannot represent", 1},
		{"outside", one(view("FloatStorage", "0", 1, 0, []int64{2}, []int64{1})), "reaches 8 bytes into a storage of 4", 1},
		{"overflow", one(view("FloatStorage", "0", 1, 0, []int64{1 << 30, 1 << 30}, []int64{1 << 30, 1 << 30})), "into a storage of 4", 1},
		{"negative", one(view("FloatStorage", "0", 1, 0, []int64{1}, []int64{-1})), "strides [-1]", 1},
		{"too few bytes", one(floats("0", 3)), "holds 4 bytes, the pickle says 3", 1},
		{"too many bytes", one(floats("1", 1)), "holds 8 bytes, the pickle says 1", 2},
		{"no record", one(floats("7", 1)), "no record", 1},
		{"storage in two ways", dict(text("a"), floats("0", 1), text("b"), view("IntStorage", "0", 1, 0, []int64{1}, []int64{1})), "before", 1},
		{"changed", one(lines(floats("0", 1), "MARK", number(0), number(1), "SETITEMS")), "changes a tensor after it is built", 1},
		{"built", one(lines(floats("0", 1), "EMPTY_DICT", "BUILD")), "changes a tensor after it is built", 1},
		{"odd arguments", one(lines("GLOBAL torch._utils _rebuild_tensor_v2", "EMPTY_TUPLE", "REDUCE")), "torch does not write", 1},
		{"broken", one(floats("0", 1)) + "\nREDUCE\nREDUCE\nREDUCE\nREDUCE", "stack", 1},
		{"nothing", dict(text("a"), number(1)), "it holds no tensors", 1},
	} {
		data := [][]byte{count(1), count(2)}[:max(tt.data, 1)]
		if tt.data == 2 && tt.name != "too many bytes" {
			data[1] = count(1)
		}
		p, err := open(checkpointOf(tt.body, data...), Options{})
		if err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: %v, %v; want an error about %q", tt.name, p, err, tt.want)
		}
	}
}

// What cannot be represented is left out only when that is asked for.
func TestSkip(t *testing.T) {
	body := dict(text("good"), floats("0", 2), text("odd"), view("ComplexDoubleStorage", "1", 1, 0, []int64{1}, []int64{1}))
	file := checkpointOf(body, count(2), make([]byte, 16))
	_, err := open(file, Options{})
	var e *Error
	if !errors.As(err, &e) || len(e.Unsupported) != 1 || e.Unsupported[0].Name != "odd" || !strings.Contains(e.Unsupported[0].What, "complex128") {
		t.Fatalf("%v", err)
	}
	p := mustOpen(t, file, Options{SkipUnsupported: true})
	_, f := written(t, p)
	want := `[{"name":"odd","what":"the dtype complex128, which safetensors does not have"}]`
	if len(f.Tensors) != 1 || f.Metadata["andiron.skipped"] != want || f.Metadata["format"] != "pt" {
		t.Errorf("%v %v", f.Tensors, f.Metadata)
	}
}

// Tensors that are one are written once; views that only overlap are not.
func TestShared(t *testing.T) {
	row := func(off int) string { return view("FloatStorage", "0", 4, off, []int64{2}, []int64{1}) }
	body := dict(text("b"), row(0), text("a"), row(0), text("c"), row(1), text("d"), view("FloatStorage", "0", 4, 0, []int64{2, 1}, []int64{1, 9}))
	file := checkpointOf(body, count(4))
	p := mustOpen(t, file, Options{Metadata: map[string]string{"who": "me"}})
	_, f := written(t, p)
	if got := namesOf(p); !slices.Equal(got, []string{"a", "c", "d"}) || f.Metadata["b"] != "a" || f.Metadata["who"] != "me" {
		t.Errorf("%q %v", got, f.Metadata)
	}
	p = mustOpen(t, file, Options{DuplicateShared: true})
	_, f = written(t, p)
	if len(f.Tensors) != 4 || len(p.Aliases) != 0 || len(f.Metadata) != 1 {
		t.Errorf("%v %v", f.Tensors, f.Metadata)
	}
	if _, err := open(file, Options{Metadata: map[string]string{"b": "mine"}}); err == nil {
		t.Error("a note on a shared tensor was lost")
	}
}

// Of a module the state_dict is taken.
func TestModule(t *testing.T) {
	set := lines("GLOBAL builtins set", "EMPTY_LIST", text("tmp"), "APPEND", "TUPLE1", "REDUCE")
	inner := object("torch.nn.modules.linear Linear", dict(
		text("_parameters"), lines(orderedDict(), "MARK", text("weight"), floats("0", 2), text("bias"), "NONE", "SETITEMS"),
		text("_buffers"), lines(orderedDict(), "MARK", text("tmp"), floats("1", 1), text("kept"), floats("2", 1), "SETITEMS"),
		text("_non_persistent_buffers_set"), set, text("_modules"), orderedDict(), text("in_features"), number(2)))
	body := object("my Net", dict(
		text("_parameters"), orderedDict(), text("_buffers"), orderedDict(), text("plain"), floats("3", 1),
		text("_modules"), lines(orderedDict(), "MARK", text("fc"), inner, "SETITEMS")))
	data := [][]byte{count(2), count(1), count(1), count(1)}
	p := mustOpen(t, checkpointOf(body, data...), Options{})
	if got := namesOf(p); !slices.Equal(got, []string{"fc.kept", "fc.weight"}) {
		t.Errorf("%q", got)
	}
	left := []Item{{"fc.tmp", "a buffer that is not persistent"}, {"plain", "an attribute of a module, in no state_dict"}}
	if !slices.Equal(p.Left.First, left) {
		t.Errorf("left %v, want %v", p.Left.First, left)
	}
	p = mustOpen(t, checkpointOf(body, data...), Options{Select: selectors(t, "plain", "fc.tmp")})
	if got := namesOf(p); !slices.Equal(got, []string{"fc.tmp", "plain"}) {
		t.Errorf("selected: %q", got)
	}
}

// What a module keeps besides its state_dict is left out, in whatever it is
// packed; what --select reaches of it needs a name.
func TestModuleAttributePacked(t *testing.T) {
	for name, packed := range map[string]string{
		"an argument": lines("GLOBAL functools partial", floats("1", 1), "TUPLE1", "REDUCE"),
		"a set":       lines("GLOBAL builtins set", "EMPTY_LIST", floats("1", 1), "APPEND", "TUPLE1", "REDUCE"),
		"a state":     object("my Cache", lines(floats("1", 1), "TUPLE1")),
	} {
		body := object("my Net", dict(
			text("_parameters"), lines(orderedDict(), "MARK", text("w"), floats("0", 2), "SETITEMS"),
			text("_buffers"), orderedDict(), text("_modules"), orderedDict(), text("hook"), packed))
		file := checkpointOf(body, count(2), count(1))
		p := mustOpen(t, file, Options{})
		if got := namesOf(p); !slices.Equal(got, []string{"w"}) || p.Left.Count != 1 || p.Left.First[0].What != "an attribute of a module, in no state_dict" {
			t.Errorf("%s: %q, left %v", name, got, p.Left)
		}
		if _, err := open(file, Options{Select: selectors(t, "hook")}); err == nil || !strings.Contains(err.Error(), "cannot represent 1") {
			t.Errorf("%s: selected: %v", name, err)
		}
	}
}

// torch.jit.script of an LSTM keeps its weights a second time, in a list.
func TestScriptTensorList(t *testing.T) {
	list := lines("GLOBAL torch.jit._pickle build_tensorlist", "EMPTY_LIST", "MARK", floats("0", 2), floats("1", 3), "APPENDS", "TUPLE1", "REDUCE")
	body := object("__torch__ LSTM", dict(text("weight"), floats("0", 2), text("_flat_weights"), list))
	code := "class LSTM(Module):\n  __parameters__ = [\"weight\", ]\n  __buffers__ = []\n  weight : Tensor\n  _flat_weights : List[Tensor]\n"
	file := testkit.TorchZip("archive",
		testkit.ZipEntry{Name: "data.pkl", Data: pickled(body)}, testkit.ZipEntry{Name: "code/__torch__.py", Data: []byte(code)},
		testkit.ZipEntry{Name: "data/0", Data: count(2)}, testkit.ZipEntry{Name: "data/1", Data: count(3)},
		testkit.ZipEntry{Name: "constants.pkl", Data: pickled("EMPTY_TUPLE")}, testkit.ZipEntry{Name: "version", Data: []byte("3\n")})
	for _, tt := range []struct{ sel, want []string }{
		{nil, []string{"weight"}},
		{[]string{"_flat_weights"}, []string{"0", "1"}},
		{[]string{"_flat_weights.1"}, []string{"1"}},
	} {
		if got := namesOf(mustOpen(t, file, Options{Select: selectors(t, tt.sel...)})); !slices.Equal(got, tt.want) {
			t.Errorf("--select %q: %q, want %q", tt.sel, got, tt.want)
		}
	}
}

func TestParseSetState(t *testing.T) {
	const head = "class A(Module):\n  __parameters__ = []\n  __buffers__ = [\"w\", ]\n  def __setstate__(self: __torch__.A,\n    s: Tuple[Tensor, bool]) -> NoneType:\n"
	c := parseClass(head+"    self.w = (s)[0]\n    self.training = (s)[1]\n    return None\n", "A")
	if c.base != "Module" || c.slots[0] != "w" || c.slots[1] != "training" || !c.lists("w") || c.lists("x") {
		t.Errorf("%+v", c)
	}
	for _, body := range []string{
		"    self.w = torch.add((s)[0], 1)\n    return None\n", "    self.w = (t)[0]\n    return None\n", "    self.w = (s)[0]\n",
		"    self.w = (s)[0]\n    self.v = (s)[0]\n    return None\n", "    if bool(1):\n    return None\n",
	} {
		if c := parseClass(head+body, "A"); c.slots != nil {
			t.Errorf("%q is read as %v", body, c.slots)
		}
	}
	if c := parseClass(head, "B"); c.base != "Module" || c.kept != nil {
		t.Errorf("a class without code: %+v", c)
	}
	if c := parseClass("class P(NamedTuple):\n  x : Tensor\n", "P"); c.base != "NamedTuple" {
		t.Errorf("%+v", c)
	}
}

// An object that is nested too deep is an error, and one that is in itself ends.
func TestBounds(t *testing.T) {
	deep := strings.Repeat("EMPTY_LIST\n", maxDepth+2) + floats("0", 1) + strings.Repeat("\nAPPEND", maxDepth+2)
	var e *Error
	if _, err := open(checkpointOf(deep, count(1)), Options{}); !errors.Is(err, bounded.ErrLimit) && (!errors.As(err, &e) || !strings.Contains(e.Text, "too deep")) {
		t.Errorf("%v", err)
	}
	cycle := dict(text("a"), lines("EMPTY_LIST", "BINPUT 0", "BINGET 0", "APPEND"), text("t"), floats("0", 1))
	p := mustOpen(t, checkpointOf(cycle, count(1)), Options{})
	if got := namesOf(p); !slices.Equal(got, []string{"t"}) {
		t.Errorf("%q", got)
	}
}

func TestPacked(t *testing.T) {
	for _, tt := range []struct{ head, want string }{
		{"\x1f\x8b\x08\x00", "packed with gzip"},
		{"GGUF\x03\x00\x00\x00", `"gguf"`},
		{"", "not a checkpoint"},
		{string(testkit.Pickle("PROTO 2", "EMPTY_DICT", "STOP")), "a plain pickle"},
		{string(testkit.Zip(testkit.ZipEntry{Name: "a.txt", Data: []byte("x")})), "not in a folder"},
	} {
		if _, err := open([]byte(tt.head), Options{}); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%.8q: %v, want an error about %q", tt.head, err, tt.want)
		}
	}
}
