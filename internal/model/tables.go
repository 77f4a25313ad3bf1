package model

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/andiron-dev/andiron/internal/bounded"
	"github.com/andiron-dev/andiron/internal/mobile"
	"github.com/andiron-dev/andiron/internal/onnx"
	"github.com/andiron-dev/andiron/internal/torchscript"
	"github.com/andiron-dev/andiron/safetensors"
	"github.com/andiron-dev/andiron/torchfile"
)

// safetensors looks at a safetensors file.
func (l *looker) safetensors(v view) (string, bool) {
	f, err := safetensors.Open(v.r, v.size, safetensors.Limits{})
	if f != nil && v.tree != nil {
		for _, t := range f.Tensors {
			v.tree.array(t.Name, string(t.DType), t.Shape, t.Begin)
		}
		for _, k := range slices.Sorted(maps.Keys(f.Metadata)) {
			v.tree.entry(k, f.Metadata[k])
		}
	}
	if err == nil {
		return "safetensors", true
	}
	if f == nil {
		l.failed(safetensorsInvalid, v.where, err)
		return "safetensors", true
	}
	for _, p := range f.Problems {
		if strings.Contains(p.Err.Error(), "given before") { // a key or a field of a tensor
			l.report(safetensorsDuplicate.Finding(v.where.At(p.Offset), p.Error()))
			continue
		}
		l.failed(safetensorsInvalid, v.where.At(p.Offset), p)
	}
	return "safetensors", true
}

// onnx looks at an ONNX model.
func (l *looker) onnx(v view) (string, bool) {
	m, err := onnx.Read(v.r, v.size, onnx.Limits{})
	if err != nil {
		if m == nil || m.IRVersion == 0 {
			return "", false
		}
		l.failed(onnxBroken, v.where, err)
	}
	v.tree.onnx(m)
	for _, t := range m.Tensors {
		if t.External != nil && len(t.External.Flaws) > 0 {
			l.report(onnxExternal.Finding(v.where.At(t.Offset),
				fmt.Sprintf("the data of the tensor %q lies at %q", t.Name, t.External.Location), fmt.Sprint(t.External.Flaws)))
		}
	}
	for _, domain := range m.CustomDomains() {
		l.report(onnxCustom.Finding(v.where, fmt.Sprintf("the graph uses operators of the domain %q", domain), operatorsOf(m, domain)...))
	}
	for _, op := range m.Ops {
		if runsPython[strings.ToLower(op.Type)] {
			l.report(onnxPython.Finding(v.where.At(op.Offset), fmt.Sprintf("the graph uses the operator %s.%s", op.Domain, op.Type)))
		}
	}
	return "onnx", true
}

func (t *Tree) onnx(m *onnx.Model) {
	if t == nil {
		return
	}
	t.entry("ir_version", strconv.FormatInt(m.IRVersion, 10))
	t.entry("producer", m.Producer+" "+m.ProducerVersion)
	for _, o := range m.Opsets {
		t.entry("opset", fmt.Sprintf("%q version %d", o.Domain, o.Version))
	}
	for _, op := range m.Ops {
		t.entry("operator", fmt.Sprintf("%s.%s used %d times", op.Domain, op.Type, op.Count))
	}
	for _, p := range m.Properties {
		t.entry(p.Key, p.Value)
	}
	for _, x := range m.Tensors {
		t.array(x.Name, fmt.Sprintf("onnx type %d", x.DType), x.Dims, x.Offset)
	}
}

// runsPython are operators that call into Python, in lower case.
var runsPython = map[string]bool{"pyop": true, "pythonop": true, "pyfunc": true, "pyfuncstateless": true, "pythonopgrad": true, "externalop": true}

func operatorsOf(m *onnx.Model, domain string) []string {
	var names []string
	for _, op := range m.Ops {
		if op.Domain == domain && len(names) < 20 {
			names = append(names, domain+"."+op.Type)
		}
	}
	return names
}

// mobileModule looks at a flatbuffer module for PyTorch's mobile runtime.
func (l *looker) mobileModule(v view) (string, bool) {
	m, err := mobile.ReadModule(v.r, v.size, mobile.Limits{})
	if err != nil {
		l.failed(torchMissing, v.where, err)
		if m == nil {
			return "mobile-flatbuffer", true
		}
	}
	v.tree.mobile(m)
	for _, x := range m.Tensors {
		if !inStorage(m, x) {
			l.report(torchView.Finding(v.where, fmt.Sprintf("the tensor %q of shape %d, strides %d and offset %d reaches outside of its storage", x.Name, x.Shape, x.Stride, x.StorageOffset)))
		}
	}
	setState := map[string]bool{}
	for _, t := range m.Types {
		if t.SetState {
			setState[t.Name] = true
			l.report(jitSetState.Finding(v.where, fmt.Sprintf("loading runs %s.__setstate__", t.Name)))
		}
		if name, ok := strings.CutPrefix(t.Name, "__torch__.torch.classes."); ok && (t.Custom || ok) {
			if r := jitCallRule(torchscript.ClassRisk(name)); r != nil {
				l.report(r.Finding(v.where, "the module uses the native class torch.classes."+name))
			}
		}
	}
	for _, f := range m.Functions {
		when := torchscript.Call
		if class, ok := strings.CutSuffix(f.Name, ".__setstate__"); ok && setState[class] || len(setState) > 0 && reached(f.Name) {
			when = torchscript.Load
		}
		l.operators(v, f.Name, f.Operators, when)
	}
	return "mobile-flatbuffer", true
}

func (t *Tree) mobile(m *mobile.Module) {
	if t == nil {
		return
	}
	for _, f := range m.Functions {
		t.Code = append(t.Code, Code{Function: f.Name, When: torchscript.Call.String(), Operators: append([]string{}, f.Operators...)})
	}
	for _, x := range m.Tensors {
		t.Tensors = append(t.Tensors, Tensor{
			Name: x.Name, DType: x.DType, Shape: orEmpty(x.Shape), Stride: orEmpty(x.Stride), StorageOffset: x.StorageOffset,
			Storage: fmt.Sprintf("storage %d", x.Storage), Layout: "strided", Device: "cpu",
		})
	}
	for i, s := range m.Storages {
		t.Records = append(t.Records, Record{Name: fmt.Sprintf("storage %d", i), Role: "storage", Offset: s.Offset, Size: s.Size})
	}
}

// inStorage reports whether a tensor lies in its storage.
func inStorage(m *mobile.Module, x mobile.Tensor) bool {
	size := torchfile.ItemSize(x.DType)
	if x.Storage >= len(m.Storages) || x.StorageOffset < 0 || len(x.Shape) != len(x.Stride) || size == 0 {
		return false
	}
	last := x.StorageOffset
	for i, dim := range x.Shape {
		if dim == 0 {
			return true
		}
		step, fits := bounded.Mul(dim-1, x.Stride[i])
		sum, ok := bounded.Add(last, step)
		if !fits || !ok {
			return false
		}
		last = sum
	}
	end, ok := bounded.Mul(last+1, size)
	return ok && end <= m.Storages[x.Storage].Size
}

// reached reports whether a function may be called by a __setstate__: bytecode
// calls are not followed, so every function but forward may be.
func reached(name string) bool { return !strings.HasSuffix(name, ".forward") }

// operators judges a function's table of operators.
func (l *looker) operators(v view, function string, ops []string, when torchscript.When) {
	seen := map[string]bool{}
	for _, op := range ops {
		name, _, _ := strings.Cut(op, ".")
		risk := torchscript.Risk(name)
		r := jitRule(risk, when)
		if r == nil || seen[name] {
			continue
		}
		seen[name] = true
		l.report(r.Finding(v.where, fmt.Sprintf("%s %s %s, which %s", function, runs(when), name, jitDoes(risk))))
	}
}

// execuTorch says that the program was recognised and not judged.
func (l *looker) execuTorch(v view) (string, bool) {
	p, err := mobile.ReadProgram(v.r, v.size)
	if _, ok := errors.AsType[*mobile.FormatError](err); ok {
		l.failed(torchMissing, v.where, err)
		return "executorch", true
	}
	l.report(fmtFramework.Undetermined(v.where,
		fmt.Sprintf("the operators and delegates of the ExecuTorch file %q are not read", p.Identifier)))
	return "executorch", true
}
