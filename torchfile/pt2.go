package torchfile

import (
	"encoding/json"
	"path"
	"strings"
)

const maxConfig = 32 << 20 // bytes of a JSON configuration

// pt2Config is data/weights/<model>_weights_config.json and its like
// (torch/export/pt2_archive/_package_weights.py and the schema of PayloadConfig).
type pt2Config struct {
	Config map[string]pt2Payload `json:"config"`
}

type pt2Payload struct {
	PathName   string   `json:"path_name"`
	IsParam    bool     `json:"is_param"`
	UsePickle  bool     `json:"use_pickle"`
	TensorMeta *pt2Meta `json:"tensor_meta"`
}

type pt2Meta struct {
	DType         int      `json:"dtype"`
	Sizes         []pt2Int `json:"sizes"`
	Strides       []pt2Int `json:"strides"`
	StorageOffset pt2Int   `json:"storage_offset"`
	Layout        int      `json:"layout"`
	RequiresGrad  bool     `json:"requires_grad"`
	Device        struct {
		Type string `json:"type"`
	} `json:"device"`
}

type pt2Int struct {
	AsInt *int64 `json:"as_int"`
}

const pt2Strided = 7

// openNested reads the containers that torch.export.load opens, and the
// tensors that its configurations describe.
func (f *File) openNested() {
	if !f.is(PT2) && !f.is(PT2Old) {
		return
	}
	pickled := map[string]bool{}
	for i := range f.Records {
		p := strings.ToLower(f.Records[i].Path)
		switch {
		case strings.HasPrefix(p, "data/weights/") && strings.HasSuffix(p, "_weights_config.json"):
			f.readConfig(&f.Records[i], "", pickled)
		case strings.HasPrefix(p, "data/constants/") && strings.HasSuffix(p, "_constants_config.json"):
			f.readConfig(&f.Records[i], "constants.", pickled)
		}
	}
	for i := range f.Records {
		rec := &f.Records[i]
		switch {
		case pickled[strings.ToLower(rec.Path)]:
			rec.Role = RoleNested
			f.nestRecord(rec, exportPickle)
		case rec.Role == RoleNested:
			f.nestRecord(rec, exportLoaders)
		}
	}
}

func (f *File) nestRecord(rec *Record, by []Loader) {
	r, size, base, err := f.record(rec.Entry)
	if err != nil {
		f.unreadable(rec.Name, err)
		return
	}
	f.nest(r, Nested{Record: rec.Name, Entry: rec.Entry, Offset: base, Size: size, Loaders: by})
}

func (f *File) readConfig(rec *Record, prefix string, pickled map[string]bool) {
	b, err := f.Archive.Read(rec.Entry, maxConfig)
	if err != nil {
		f.unreadable(rec.Name, err)
		return
	}
	var c pt2Config
	if err := json.Unmarshal(b, &c); err != nil {
		f.fact(BadConfig, rec.Name, -1, "%v", err)
		return
	}
	folder := path.Dir(rec.Path) + "/"
	for _, name := range orderedKeys(b) {
		p, ok := c.Config[name]
		if !ok {
			continue
		}
		if p.PathName != path.Base(p.PathName) {
			f.fact(PathEscape, rec.Name, -1, "the payload %q of %q is not a plain name", p.PathName, name)
		}
		if p.UsePickle {
			f.fact(UsePickle, rec.Name, -1, "%q is loaded from %q as a full pickle", name, p.PathName)
			pickled[strings.ToLower(folder+p.PathName)] = true
			continue
		}
		f.pt2Tensor(rec, prefix+name, folder, p)
	}
}

// orderedKeys returns the keys of the "config" object in their order, so that
// tensors come as they were written.
func orderedKeys(b []byte) []string {
	var outer struct {
		Config json.RawMessage `json:"config"`
	}
	if json.Unmarshal(b, &outer) != nil {
		return nil
	}
	d := json.NewDecoder(strings.NewReader(string(outer.Config)))
	var keys []string
	if _, err := d.Token(); err != nil {
		return nil
	}
	for d.More() {
		t, err := d.Token()
		key, ok := t.(string)
		if err != nil || !ok {
			break
		}
		keys = append(keys, key)
		var skip json.RawMessage
		if d.Decode(&skip) != nil {
			break
		}
	}
	return keys
}

func (f *File) pt2Tensor(rec *Record, name, folder string, p pt2Payload) {
	m := p.TensorMeta
	if m == nil {
		return
	}
	if int64(len(f.Tensors)) >= f.opt.MaxTensors {
		f.fact(Limit, rec.Name, -1, "more tensors than the limit of %d", f.opt.MaxTensors)
		return
	}
	t := Tensor{
		Path: []any{name}, Name: name, DType: pt2DTypes[m.DType], Layout: "strided", Device: m.Device.Type,
		RequiresGrad: m.RequiresGrad, Parameter: p.IsParam, Pickle: -1, Storage: -1, file: f,
	}
	var ok1, ok2 bool
	t.Shape, ok1 = plainInts(m.Sizes)
	t.Stride, ok2 = plainInts(m.Strides)
	if m.StorageOffset.AsInt != nil {
		t.StorageOffset = *m.StorageOffset.AsInt
	}
	switch {
	case t.DType == "":
		f.fact(UnknownDType, rec.Name, -1, "%q has the dtype %d", name, m.DType)
		t.Problem = "its dtype is unknown"
	case m.Layout != 0 && m.Layout != pt2Strided:
		t.Problem = "its layout is not strided"
	case !ok1 || !ok2 || len(t.Shape) > maxDims:
		t.Problem = "its shape is symbolic"
	default:
		t.Storage = f.pt2Storage(rec, folder, p.PathName, m.Device.Type)
		if t.Storage < 0 {
			t.Problem = "its storage is not there"
		} else {
			f.checkGeometry(&t, &f.Storages[t.Storage], rec.Name, -1)
		}
	}
	f.Tensors = append(f.Tensors, t)
}

func plainInts(in []pt2Int) ([]int64, bool) {
	out := make([]int64, 0, len(in))
	for _, x := range in {
		if x.AsInt == nil {
			return nil, false
		}
		out = append(out, *x.AsInt)
	}
	return out, true
}

func (f *File) pt2Storage(rec *Record, folder, name, device string) int {
	mapKey := "pt2/" + folder + name
	if i, ok := f.byKey[mapKey]; ok {
		return i
	}
	s := Storage{
		Key: name, DType: "uint8", Untyped: true, Record: f.full(folder + name), RecordSize: -1, Offset: -1,
		Device: device, entry: -1, file: f,
	}
	i := f.Archive.Locate(s.Record)
	if i < 0 {
		f.fact(MissingStorage, rec.Name, -1, "no record %q", s.Record)
		return -1
	}
	f.placeStorage(&s, i)
	s.NumEl, s.NBytes = s.RecordSize, s.RecordSize
	f.byKey[mapKey] = len(f.Storages)
	f.Storages = append(f.Storages, s)
	return f.byKey[mapKey]
}
