package exportir

import (
	"cmp"
	"io"
	"slices"
	"strconv"
	"strings"

	"github.com/andiron-dev/andiron/internal/bounded"
)

// dtypes are torch's names for the ScalarType codes of the schema
// (torch/_export/serde/schema.py).
var dtypes = map[string]string{
	"1": "uint8", "2": "int8", "3": "int16", "4": "int32", "5": "int64", "6": "float16",
	"7": "float32", "8": "float64", "9": "complex32", "10": "complex64", "11": "complex128",
	"12": "bool", "13": "bfloat16", "28": "uint16", "29": "float8_e4m3fn", "30": "float8_e5m2",
	"31": "float8_e4m3fnuz", "32": "float8_e5m2fnuz", "33": "float8_e8m0fnu", "34": "uint32",
	"35": "uint64",
}

// DType returns torch's name for a ScalarType code as written, "" where the
// schema has none.
func DType(code string) string { return dtypes[code] }

// Entry is one tensor or object of a weights or constants configuration.
type Entry struct {
	FQN       string
	PathName  string // member of data/weights or data/constants
	PlainPath bool   // PathName is a single plain file name
	IsParam   bool
	UsePickle bool // loading unpickles the member without restriction
	DTypeCode string
	DType     string
	Sizes     []int64 // -1 where one is not there
	Strides   []int64
	Symbolic  bool // a size or stride is no number, so Sizes and Strides tell nothing
	Offset    int64
	Layout    string // the code as written; 7 is strided
	Device    string // "cpu"
	Grad      bool   // requires_grad
	HasMeta   bool
	// Notes are what is not as torch writes it: symbolic or negative sizes,
	// fields of the wrong type, unknown fields.
	Notes []string
}

// Config is a weights or constants configuration.
type Config struct {
	Entries    []Entry // sorted by FQN
	Duplicates []string
	Notes      []string // outside entries
}

// ReadConfig reads <name>_weights_config.json or <name>_constants_config.json.
// More than limit bytes are an error. With an error, the configuration is what
// was read until then.
func ReadConfig(r io.Reader, limit int64) (*Config, error) {
	c := &config{}
	data, err := bounded.ReadAll(r, limit)
	if err != nil {
		return &c.Config, err
	}
	c.w = walker{data: data, visit: c.event, dup: c.duplicate}
	err = c.w.run()
	slices.SortStableFunc(c.Entries, func(a, b Entry) int { return cmp.Compare(a.FQN, b.FQN) })
	return &c.Config, err
}

// config collects entries while a document is walked. The containers of an
// entry are config, the FQN, and tensor_meta with its lists below.
type config struct {
	Config
	w   walker
	cur *Entry
}

func (c *config) duplicate(path string) {
	if len(c.Duplicates) < maxFacts {
		c.Duplicates = append(c.Duplicates, path)
	}
}

func (c *config) event(e event) error {
	s := c.w.stack
	switch {
	case e.kind == jsonEnd:
	case len(s) == 0:
		if e.kind != jsonObject {
			c.Notes = append(c.Notes, "the document is not an object")
		}
	case s[0].key != "config":
		if len(s) == 1 {
			c.Notes = append(c.Notes, "unknown field "+strconv.Quote(shorten(s[0].key)))
		}
	case len(s) == 1:
		if e.kind != jsonObject {
			c.Notes = append(c.Notes, "config is not an object")
		}
	case len(s) == 2:
		return c.begin(e)
	case c.cur != nil && len(s) == 3:
		c.field(e)
	case c.cur != nil && s[2].key == "tensor_meta":
		c.meta(e)
	}
	if len(c.Notes) > maxFacts {
		return errFacts
	}
	return nil
}

func (c *config) begin(e event) error {
	if len(c.Entries) >= maxFacts {
		return errFacts
	}
	c.Entries = append(c.Entries, Entry{FQN: strings.Clone(e.key)})
	c.cur = &c.Entries[len(c.Entries)-1]
	if e.kind != jsonObject {
		c.note("entry is not an object")
	}
	return nil
}

func (c *config) note(text string) {
	if len(c.cur.Notes) < maxUnknownTypes {
		c.cur.Notes = append(c.cur.Notes, text)
	}
}

func (c *config) field(e event) {
	wrong := false
	switch e.key {
	case "path_name":
		wrong = e.kind != jsonString
		c.cur.PathName = strings.Clone(e.text)
		c.cur.PlainPath = plainFile(e.text)
	case "is_param":
		wrong = e.kind != jsonTrue && e.kind != jsonFalse
		c.cur.IsParam = e.kind == jsonTrue
	case "use_pickle":
		// Python tests it for truth: only false, null, 0 and "" are not.
		wrong = e.kind != jsonTrue && e.kind != jsonFalse
		c.cur.UsePickle = c.cur.UsePickle || truthy(e)
	case "tensor_meta":
		// null for objects.
		wrong = e.kind != jsonObject && e.kind != jsonNull
		c.cur.HasMeta = e.kind == jsonObject
	default:
		c.note("unknown field " + strconv.Quote(shorten(e.key)))
	}
	if wrong {
		c.note("field " + strconv.Quote(e.key) + " is of the wrong type")
	}
}

func truthy(e event) bool {
	switch e.kind {
	case jsonFalse, jsonNull:
		return false
	case jsonNumber:
		return strings.Trim(e.text, "0.-") != ""
	case jsonString:
		return e.text != ""
	}
	return true
}

// plainFile reports whether s is the name of a file in its folder and nothing
// else on any system.
func plainFile(s string) bool {
	if s == "" || s == "." || s == ".." || len(s) > 255 {
		return false
	}
	return !strings.ContainsFunc(s, func(r rune) bool {
		return r <= ' ' || r >= 0x7f || strings.ContainsRune(`/\:*?"<>|`, r)
	})
}

// meta reads below tensor_meta: dtype, sizes[i].as_int, strides[i].as_int and
// storage_offset.as_int, device.type, layout and requires_grad.
func (c *config) meta(e event) {
	s := c.w.stack
	field := s[3].key
	switch {
	case len(s) == 4 && field == "dtype":
		c.cur.DTypeCode, c.cur.DType = shorten(e.text), DType(e.text)
		if e.kind != jsonNumber || c.cur.DType == "" {
			c.note("dtype " + strconv.Quote(shorten(e.text)))
		}
	case len(s) == 4 && field == "layout":
		c.cur.Layout = shorten(e.text)
	case len(s) == 4 && field == "requires_grad":
		c.cur.Grad = e.kind == jsonTrue
	case len(s) == 5 && field == "device" && e.key == "type":
		c.cur.Device = shorten(e.text)
	case len(s) == 5 && (field == "sizes" || field == "strides"):
		c.element(e, field)
	case len(s) == 6 && (field == "sizes" || field == "strides"):
		n, ok := c.integer(e, field)
		list := c.list(field)
		c.cur.Symbolic = c.cur.Symbolic || !ok
		if k := len(*list); ok && k > 0 {
			(*list)[k-1] = n
		}
	case len(s) == 5 && field == "storage_offset":
		c.cur.Offset, _ = c.integer(e, field)
	}
}

// list is where the numbers of a field are kept.
func (c *config) list(field string) *[]int64 {
	if field == "sizes" {
		return &c.cur.Sizes
	}
	return &c.cur.Strides
}

// maxRank bounds sizes and strides; torch allows 64 dimensions.
const maxRank = 64

// element begins one size or stride.
func (c *config) element(e event, field string) {
	list := c.list(field)
	if e.kind != jsonObject || len(*list) == maxRank {
		c.note(field + " has what is not {\"as_int\": number}, or too many of it")
		c.cur.Symbolic = true
		return
	}
	*list = append(*list, -1)
}

// integer is the value of {"as_int": n}; anything else is noted.
func (c *config) integer(e event, field string) (int64, bool) {
	if e.key != "as_int" || e.kind != jsonNumber {
		c.note(field + " is not an integer but " + strconv.Quote(shorten(e.key)))
		return 0, false
	}
	n, err := strconv.ParseInt(e.text, 10, 64)
	if err != nil || n < 0 {
		c.note(field + " is " + strconv.Quote(shorten(e.text)))
		return n, err == nil
	}
	return n, true
}
