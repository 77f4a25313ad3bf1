package torchfile

import (
	"encoding/binary"
	"slices"
	"strings"

	"github.com/andiron-dev/andiron/internal/bounded"
	"github.com/andiron-dev/andiron/pickle"
)

const (
	maxDims  = 64 // torch allows that many
	maxCalls = 32 // of rebuild functions in arguments of rebuild functions
)

// tensor returns the tensor that a call builds, nil if it builds none. Calls
// are remembered, so that a tensor that is referred to twice is read once.
func (w *walker) tensor(v pickle.Value) *Tensor {
	key := v.Key()
	switch {
	case w.none.has(key), w.open[key]: // a call that contains itself builds nothing
		return nil
	case w.cheap.has(key):
		return w.again(v)
	case w.known[key] != nil:
		return w.known[key]
	}
	if len(w.open) > maxCalls {
		w.none.set(key)
		return nil
	}
	w.open[key] = true
	t := w.call(globalOf(v.Func()), v.Args(), v.Offset(), 0)
	delete(w.open, key)
	if t == nil {
		w.none.set(key)
		return nil
	}
	if w.f.opt.Unlisted && cheap(v) {
		w.cheap.set(key)
	} else {
		w.known[key] = t
	}
	return t
}

// bits is a set of values.
type bits []uint64

func (b bits) has(key uint32) bool {
	return int(key>>6) < len(b) && b[key>>6]&(1<<(key&63)) != 0
}

func (b *bits) set(key uint32) {
	if i := int(key >> 6); i >= len(*b) {
		*b = append(*b, make(bits, max(16, i+1-len(*b), len(*b)/4))...)
	}
	(*b)[key>>6] |= 1 << (key & 63)
}

// cheap reports whether a call builds a tensor from numbers alone, or from one that
// does, so that building it again costs next to nothing.
func cheap(v pickle.Value) bool {
	switch globalOf(v.Func()) {
	case "torch._utils._rebuild_tensor", "torch._utils._rebuild_tensor_v2", "torch._utils._rebuild_tensor_v3":
		return true
	case "torch._utils._rebuild_parameter":
		inner := v.Args().Index(0)
		return globalOf(inner.Func()) != "torch._utils._rebuild_parameter" && cheap(inner)
	}
	return false
}

// again builds a tensor once more. What there is to say about it has been said.
func (w *walker) again(v pickle.Value) *Tensor {
	old := w.f.silent
	w.f.silent = true
	t := w.call(globalOf(v.Func()), v.Args(), v.Offset(), 0)
	w.f.silent = old
	return t
}

// builder rebuilds from the arguments of one function of torch._utils.
type builder func(w *walker, args pickle.Value, at int64, depth int) *Tensor

// builderOf is a function, not a map, because builders call each other.
func builderOf(name string) builder {
	switch name {
	case "torch._utils._rebuild_tensor", "torch._utils._rebuild_tensor_v2":
		return (*walker).dense
	case "torch._utils._rebuild_tensor_v3":
		return (*walker).denseV3
	case "torch._utils._rebuild_parameter", "torch._utils._rebuild_parameter_with_state":
		return (*walker).parameter
	case "torch._tensor._rebuild_from_type_v2", "torch._tensor._rebuild_from_type",
		"torch.tensor._rebuild_from_type_v2", "torch.tensor._rebuild_from_type":
		return (*walker).fromType
	case "torch._utils._rebuild_qtensor":
		return (*walker).quantized
	case "torch._utils._rebuild_sparse_tensor", "torch._utils._rebuild_sparse_csr_tensor":
		return (*walker).sparse
	case "torch._utils._rebuild_meta_tensor_no_storage":
		return (*walker).meta
	case "torch._utils._rebuild_nested_tensor":
		return (*walker).nested
	case "torch._utils._rebuild_wrapper_subclass":
		return (*walker).wrapper
	case "torch._utils._rebuild_device_tensor_from_cpu_tensor":
		return (*walker).fromCPU
	case "torch._utils._rebuild_device_tensor_from_numpy", "torch._utils._rebuild_xla_tensor":
		return (*walker).fromNumpy
	case "torch.nested._internal.nested_tensor._rebuild_njt":
		return (*walker).jagged
	}
	return nil
}

func (w *walker) call(name string, args pickle.Value, at int64, depth int) *Tensor {
	build := builderOf(name)
	if build == nil || depth > 8 {
		return nil
	}
	t := build(w, args, at, depth+1)
	if t == nil {
		w.f.fact(OddArguments, w.record, at, "%s is called with what torch does not write", name)
		return nil
	}
	t.Offset, t.file, t.Pickle = at, w.f, w.k
	return t
}

// sub returns the tensor that v is.
func (w *walker) sub(v pickle.Value) *Tensor {
	if v.Kind() != pickle.KindObject {
		return nil
	}
	return w.tensor(v)
}

// ints reads a tuple of numbers, or torch.Size of one.
func ints(v pickle.Value) ([]int64, bool) {
	if v.Kind() == pickle.KindObject {
		if globalOf(v.Func()) != "torch.Size" {
			return nil, false
		}
		v = v.Args().Index(0)
	}
	if k := v.Kind(); k != pickle.KindTuple && k != pickle.KindList || v.Len() > maxDims {
		return nil, false
	}
	out := make([]int64, 0, v.Len())
	for x := range v.Items() {
		n, ok := x.Int()
		if !ok {
			return nil, false
		}
		out = append(out, n)
	}
	return out, true
}

// dense is _rebuild_tensor(storage, offset, size, stride) and
// _rebuild_tensor_v2(…, requires_grad, hooks[, metadata]).
func (w *walker) dense(args pickle.Value, at int64, _ int) *Tensor {
	t := w.strided(args, at, "")
	if t != nil {
		t.RequiresGrad, _ = args.Index(4).Bool()
		t.flags(args.Index(6))
	}
	return t
}

// denseV3 is _rebuild_tensor_v3(storage, offset, size, stride, requires_grad,
// hooks, dtype[, metadata]).
func (w *walker) denseV3(args pickle.Value, at int64, _ int) *Tensor {
	dtype, ok := w.dtype(args.Index(6))
	if !ok {
		return nil
	}
	t := w.strided(args, at, dtype)
	if t != nil {
		t.RequiresGrad, _ = args.Index(4).Bool()
		t.flags(args.Index(7))
	}
	return t
}

// flags reads the metadata {'conj': True, 'neg': True}.
func (t *Tensor) flags(meta pickle.Value) {
	if meta.IsZero() || meta.Kind() != pickle.KindDict {
		return
	}
	for k, v := range meta.Pairs() {
		on, _ := v.Bool()
		switch name, _ := k.Text(); name {
		case "conj":
			t.Conj = on
		case "neg":
			t.Neg = on
		}
	}
}

// dtype reads a dtype global: torch.float32.
func (w *walker) dtype(v pickle.Value) (string, bool) {
	name, ok := strings.CutPrefix(globalOf(v), "torch.")
	if !ok {
		return "", false
	}
	full, known := dtypeByName(name)
	if !known {
		w.f.fact(UnknownDType, w.record, v.Offset(), "the dtype %q", name)
		return name, true
	}
	return full, true
}

// strided reads (storage, offset, size, stride). dtype "" is the storage's.
func (w *walker) strided(args pickle.Value, at int64, dtype string) *Tensor {
	if args.Kind() != pickle.KindTuple || args.Len() < 4 {
		return nil
	}
	size, ok1 := ints(args.Index(2))
	stride, ok2 := ints(args.Index(3))
	offset, ok3 := args.Index(1).Int()
	if !ok1 || !ok2 || !ok3 {
		return nil
	}
	t := &Tensor{DType: dtype, Shape: size, Stride: stride, StorageOffset: offset, Storage: -1, Layout: "strided"}
	if st := args.Index(0); st.Kind() == pickle.KindPersistent {
		t.Storage = w.resolve(st.PersistentID())
	}
	if t.Storage < 0 {
		t.Problem = "its storage is not there"
		return t
	}
	s := w.f.nameless(t.Storage)
	t.Device = s.Device
	if dtype == "" {
		t.DType = s.DType
	}
	w.f.checkGeometry(t, s, w.record, at)
	return t
}

// checkGeometry is the bounds rule: no negative number, and the last element
// inside of the record.
func (f *File) checkGeometry(t *Tensor, s *Storage, record string, at int64) {
	if len(t.Shape) != len(t.Stride) {
		t.Problem = "its shape and strides have different lengths"
		f.fact(BadGeometry, record, at, "a tensor of shape %v with strides %v", t.Shape, t.Stride)
		return
	}
	end, ok := extent(t)
	if !ok {
		t.Problem = "its shape or strides are negative or too large"
		f.fact(BadGeometry, record, at, "a tensor of shape %v, strides %v, offset %d", t.Shape, t.Stride, t.StorageOffset)
		return
	}
	item := itemSizes[t.DType]
	if item == 0 {
		t.Problem = "its dtype is unknown"
		return
	}
	need, ok := bounded.Mul(end, item)
	switch {
	case s.RecordSize < 0:
		t.Problem = "its storage is not there"
	case s.RecordSize == 0 && s.folder == "traced_inputs/" && end > 0:
		t.Problem = "its bytes were not saved"
	case !ok || need > s.RecordSize && end > 0:
		t.Problem = "it reaches outside of its storage"
		f.fact(OutOfRange, record, at, "a tensor of shape %v, strides %v, offset %d of %s reaches %d bytes into a storage of %d", t.Shape, t.Stride, t.StorageOffset, t.DType, need, s.RecordSize)
	}
}

// extent is one more than the highest element that a tensor reaches, 0 when it
// has none.
func extent(t *Tensor) (int64, bool) {
	end, empty := t.StorageOffset, false
	if end < 0 {
		return 0, false
	}
	for i, d := range t.Shape {
		if d < 0 || t.Stride[i] < 0 {
			return 0, false
		}
		if d == 0 {
			empty = true
		}
	}
	if empty {
		return 0, true
	}
	for i, d := range t.Shape {
		step, ok1 := bounded.Mul(d-1, t.Stride[i])
		sum, ok2 := bounded.Add(end, step)
		if !ok1 || !ok2 {
			return 0, false
		}
		end = sum
	}
	_, fits := t.numel()
	last, ok := bounded.Add(end, 1)
	return last, ok && fits
}

func (t *Tensor) numel() (int64, bool) {
	n := int64(1)
	if slices.Contains(t.Shape, 0) {
		return 0, true
	}
	for _, d := range t.Shape {
		m, ok := bounded.Mul(n, d)
		if !ok {
			return 0, false
		}
		n = m
	}
	return n, true
}

// parameter is _rebuild_parameter(tensor, requires_grad, hooks[, state]).
func (w *walker) parameter(args pickle.Value, _ int64, _ int) *Tensor {
	inner := w.sub(args.Index(0))
	if inner == nil {
		return nil
	}
	t := *inner
	t.Parameter = true
	t.RequiresGrad, _ = args.Index(1).Bool()
	return &t
}

// fromType is _rebuild_from_type_v2(func, type, args, state).
func (w *walker) fromType(args pickle.Value, at int64, depth int) *Tensor {
	t := w.call(globalOf(args.Index(0)), args.Index(2), at, depth)
	if t == nil {
		return nil
	}
	c := *t
	if class := globalOf(args.Index(1)); class != "torch.Tensor" && class != "torch._tensor.Tensor" {
		c.Class = class
		if strings.HasSuffix(class, ".Parameter") {
			c.Parameter, c.Class = true, ""
		}
	}
	if c.Layout == "wrapper" {
		w.components(&c, args.Index(3))
	}
	return &c
}

// components adds the tensors of a dict: what a wrapper keeps in its state.
func (w *walker) components(t *Tensor, state pickle.Value) {
	if state.Kind() == pickle.KindTuple {
		state = state.Index(0)
	}
	if state.Kind() != pickle.KindDict {
		return
	}
	for k, v := range state.Pairs() {
		if c := w.sub(v); c != nil {
			t.add(pathKey(k), *c)
		}
	}
}

func (t *Tensor) add(key any, c Tensor) {
	c.Path = []any{key}
	c.Name = joinPath(c.Path)
	t.Components = append(t.Components, c)
}

// quantized is _rebuild_qtensor(storage, offset, size, stride, quantizer,
// requires_grad, hooks).
func (w *walker) quantized(args pickle.Value, at int64, _ int) *Tensor {
	t := w.strided(args, at, "")
	if t == nil {
		return nil
	}
	t.RequiresGrad, _ = args.Index(5).Bool()
	qz := args.Index(4)
	q := &Quantizer{Scheme: strings.TrimPrefix(globalOf(qz.Index(0)), "torch.")}
	switch q.Scheme {
	case "per_tensor_affine", "per_tensor_symmetric":
		q.Scale, _ = qz.Index(1).Float()
		q.ZeroPoint, _ = qz.Index(2).Int()
	case "per_channel_affine", "per_channel_affine_float_qparams", "per_channel_symmetric":
		q.Scales, q.ZeroPoints = w.sub(qz.Index(1)), w.sub(qz.Index(2))
		q.Axis, _ = qz.Index(3).Int()
		if q.Axis < 0 || q.Axis >= int64(len(t.Shape)) {
			w.f.fact(BadGeometry, w.record, at, "a tensor of %d dimensions is quantized along %d", len(t.Shape), q.Axis)
		}
	default:
		return nil
	}
	t.Quantizer = q
	return t
}

// layoutParts names the components of the sparse layouts.
var layoutParts = map[string][]string{
	"sparse_coo": {"indices", "values"},
	"sparse_csr": {"crow_indices", "col_indices", "values"},
	"sparse_bsr": {"crow_indices", "col_indices", "values"},
	"sparse_csc": {"ccol_indices", "row_indices", "values"},
	"sparse_bsc": {"ccol_indices", "row_indices", "values"},
}

// sparse is _rebuild_sparse_tensor(layout, (parts…, size[, is_coalesced])).
func (w *walker) sparse(args pickle.Value, _ int64, _ int) *Tensor {
	layout := layoutOf(args.Index(0))
	parts, ok := layoutParts[layout]
	data := args.Index(1)
	if !ok || data.Kind() != pickle.KindTuple || data.Len() <= len(parts) {
		return nil
	}
	size, ok := ints(data.Index(len(parts)))
	if !ok {
		return nil
	}
	t := &Tensor{Layout: layout, Shape: size, Storage: -1}
	for i, name := range parts {
		c := w.sub(data.Index(i))
		if c == nil {
			return nil
		}
		t.add(name, *c)
		t.DType, t.Device = c.DType, c.Device
		if c.Problem != "" {
			t.Problem = "its " + name + ": " + c.Problem
		}
	}
	return t
}

// layoutOf reads _get_layout('torch.sparse_coo') or the global itself.
func layoutOf(v pickle.Value) string {
	if v.Kind() == pickle.KindObject {
		s, _ := v.Args().Index(0).Text()
		return strings.TrimPrefix(s, "torch.")
	}
	return strings.TrimPrefix(globalOf(v), "torch.")
}

// meta is _rebuild_meta_tensor_no_storage(dtype, size, stride, requires_grad).
func (w *walker) meta(args pickle.Value, _ int64, _ int) *Tensor {
	dtype, ok1 := w.dtype(args.Index(0))
	size, ok2 := ints(args.Index(1))
	stride, ok3 := ints(args.Index(2))
	if !ok1 || !ok2 || !ok3 {
		return nil
	}
	t := &Tensor{DType: dtype, Shape: size, Stride: stride, Storage: -1, Layout: "strided", Device: "meta"}
	t.RequiresGrad, _ = args.Index(3).Bool()
	return t
}

// wrapper is _rebuild_wrapper_subclass(cls, dtype, size, stride,
// storage_offset, layout, device, requires_grad).
func (w *walker) wrapper(args pickle.Value, _ int64, _ int) *Tensor {
	dtype, ok1 := w.dtype(args.Index(1))
	size, ok2 := ints(args.Index(2))
	stride, ok3 := ints(args.Index(3))
	if !ok1 || !ok2 || !ok3 {
		return nil
	}
	t := &Tensor{DType: dtype, Shape: size, Stride: stride, Storage: -1, Layout: "wrapper", Class: globalOf(args.Index(0))}
	t.RequiresGrad, _ = args.Index(7).Bool()
	return t
}

// fromCPU is _rebuild_device_tensor_from_cpu_tensor(tensor, dtype, device,
// requires_grad).
func (w *walker) fromCPU(args pickle.Value, _ int64, _ int) *Tensor {
	inner := w.sub(args.Index(0))
	if inner == nil {
		return nil
	}
	t := *inner
	if s, ok := args.Index(2).Text(); ok {
		t.Device = s
	}
	t.RequiresGrad, _ = args.Index(3).Bool()
	return &t
}

// fromNumpy is _rebuild_device_tensor_from_numpy(ndarray, dtype, device,
// requires_grad); the bytes are in the pickle.
func (w *walker) fromNumpy(args pickle.Value, _ int64, _ int) *Tensor {
	dtype, ok := w.dtype(args.Index(1))
	if !ok {
		return nil
	}
	t := &Tensor{DType: dtype, Storage: -1, Layout: "numpy", Problem: "it is kept as a numpy array"}
	t.Device, _ = args.Index(2).Text()
	t.RequiresGrad, _ = args.Index(3).Bool()
	return t
}

// jagged is _rebuild_njt, whose argument is a dict of tensors.
func (w *walker) jagged(args pickle.Value, _ int64, _ int) *Tensor {
	t := &Tensor{Layout: "jagged", Storage: -1}
	w.components(t, args)
	for i := range t.Components {
		if t.Components[i].Name == "values" {
			t.DType, t.Device = t.Components[i].DType, t.Components[i].Device
		}
	}
	return t
}

const maxNestedBytes = 1 << 20 // of the size table of a nested tensor

// nested is _rebuild_nested_tensor(buffer, sizes, strides, offsets): its parts
// are views of the buffer, described by three tables of int64.
func (w *walker) nested(args pickle.Value, at int64, _ int) *Tensor {
	buffer := w.sub(args.Index(0))
	if buffer == nil {
		return nil
	}
	t := &Tensor{DType: buffer.DType, Layout: "nested", Storage: buffer.Storage, Device: buffer.Device}
	var tables [3][]int64
	for i := range tables {
		part := w.sub(args.Index(i + 1))
		if part == nil {
			return nil
		}
		tables[i] = w.int64s(part)
	}
	sizes := w.sub(args.Index(1))
	if len(sizes.Shape) != 2 || buffer.Storage < 0 {
		t.Problem = "its tables are not readable"
		return t
	}
	rows, dims := sizes.Shape[0], sizes.Shape[1]
	if int64(len(tables[0])) != rows*dims || len(tables[1]) != len(tables[0]) || int64(len(tables[2])) != rows {
		t.Problem = "its tables are not readable"
		return t
	}
	for i := range rows {
		c := Tensor{
			DType: t.DType, Layout: "strided", Storage: t.Storage, Device: t.Device, Pickle: w.k, Offset: at, file: w.f,
			Shape: tables[0][i*dims : (i+1)*dims], Stride: tables[1][i*dims : (i+1)*dims],
			StorageOffset: tables[2][i],
		}
		w.f.checkGeometry(&c, w.f.nameless(c.Storage), w.record, at)
		c.Path = []any{"component", i}
		c.Name = joinPath(c.Path)
		t.Components = append(t.Components, c)
	}
	return t
}

// int64s reads a small tensor of int64, nil if it is anything else.
func (w *walker) int64s(t *Tensor) []int64 {
	n, ok := t.numel()
	if !ok || t.DType != "int64" || t.Problem != "" || t.Storage < 0 || t.Layout != "strided" || n > maxNestedBytes/8 {
		return nil
	}
	if s := w.f.nameless(t.Storage); s.Offset < 0 && w.f.opt.inflate.Spend(s.RecordSize) != nil {
		w.f.fact(Limit, w.record, t.Offset, "the tables of a nested tensor are compressed and large")
		return nil
	}
	r, err := w.f.TensorData(t)
	if err != nil {
		return nil
	}
	b, err := bounded.ReadAll(r, maxNestedBytes)
	if err != nil || int64(len(b)) != 8*n {
		return nil
	}
	out := make([]int64, n)
	for i := range out {
		out[i] = int64(binary.LittleEndian.Uint64(b[8*i:]))
	}
	return out
}
