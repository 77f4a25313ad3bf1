"""The check as TorchScript, for models that are scripted or traced.

It has no libraries of ours at run time: what is saved with torch.jit.save checks by
itself, wherever it is loaded, and raises what TorchScript raises (torch.jit.Error).
"""

# ruff: noqa: UP006

from __future__ import annotations

import functools
import inspect
import operator
import typing
from collections.abc import Mapping, Sequence
from typing import Any, Dict, List  # noqa: UP035  # TorchScript knows these

import torch
import torch.fx

from ._dtype import DType
from ._expr import Constraint, Expr
from ._graph import unfit
from ._schema import Schema
from ._spec import Spec


def good(
    x: torch.Tensor, wide: int, numbers: List[float], whole: List[int], listed: List[float], ids: List[int]
) -> bool:
    """Compare values, as they are or exactly widened: TorchScript cannot look at bits.

    numbers: lower and upper bound and what is tiny, of a floating type.
    whole: kind (0 floating, 1 integer, 2 integer without bounds), bounds of an integer,
        whether NaN and infinities are allowed, and how many values may be outside of the
        list, or -1 where there is none.
    listed, ids: the list of values of a floating type, and of an integer.
    """
    if whole[0] == 2 and whole[5] < 0:
        return True
    y = x.detach().to(wide)
    if whole[0] != 0:
        ok = (y >= whole[1]) & (y <= whole[2])
        if whole[0] == 2:
            ok = torch.ones_like(ok)
        if whole[5] >= 0:
            new = ~torch.isin(y, torch.tensor(ids, dtype=y.dtype, device=y.device))
            return bool(ok.all()) and int(new.sum()) <= whole[5]
        return bool(ok.all())
    ok = (y >= numbers[0]) & (y <= numbers[1]) & ((y == 0) | (y.abs() >= numbers[2]))
    if whole[3] == 1:
        ok = ok | torch.isnan(y)
    if whole[4] == 1:
        ok = ok | torch.isinf(y)
    if whole[5] >= 0:
        new = torch.isfinite(y) & ~torch.isin(y, torch.tensor(listed, dtype=y.dtype, device=y.device))
        return bool(ok.all()) and int(new.sum()) <= whole[5]
    return bool(ok.all())


def is_flat(x: torch.Tensor, wide: int, flat: List[int]) -> bool:
    """Tell whether a slice has too much of one value. flat: 1, axis or -1, and the share as a fraction."""
    if flat[0] == 0 or x.numel() == 0:
        return False
    y = x.detach().to(wide)
    n = 1
    if flat[1] >= 0:
        y = y.transpose(0, flat[1])
        n = y.size(0)
    y = y.reshape(n, -1)
    each = y.size(1)
    # What has more than half of the elements is in the middle of them, sorted.
    counts = (y == y.median(dim=1)[0].unsqueeze(1)).sum(dim=1)
    return bool(each > 1) and int(counts.max()) > each // flat[3] * flat[2] + each % flat[3] * flat[2] // flat[3]


def check_sizes(
    x: torch.Tensor,
    want: str,
    sizes: List[List[int]],
    symbols: List[str],
    dims: Dict[str, int],
) -> None:
    """Check rank (sizes[2][0]), sizes, symbols, number of elements (sizes[2][1]) and of bytes (sizes[2][2])."""
    if x.dim() != sizes[2][0]:
        raise ValueError(want + "AT-RANK")
    for i in range(x.dim()):
        n = x.size(i)
        if n < sizes[0][i] or n > sizes[1][i]:
            raise ValueError(want + "AT-SHAPE, dimension " + str(i) + " is " + str(n))
        symbol = symbols[i]
        if symbol != "":
            if symbol in dims and dims[symbol] != n:
                raise ValueError(want + "AT-DIM, " + symbol + " is " + str(n) + " and " + str(dims[symbol]))
            dims[symbol] = n
    if x.numel() > sizes[2][1]:
        raise ValueError(want + "AT-ELEMENTS")
    if x.numel() * x.element_size() > sizes[2][2]:
        raise ValueError(want + "AT-BYTES")


def operate(op: int, a: int, b: int) -> List[int]:
    """Return the value of an operation (2 +, 3 -, 4 *, 5 %), or nothing where it is not defined."""
    least = -9223372036854775807 - 1
    if op == 5:
        return [a % b] if b > 0 else []
    value, about = a + b, float(a) + float(b)
    if op == 3:
        value, about = a - b, float(a) - float(b)
    if op == 4:
        value, about = a * b, float(a) * float(b)
        if a == least or b == least or value == least:
            return []
    # What leaves 64 bits is off by a multiple of 2**64.
    return [value] if abs(float(value) - about) < 1e18 else []


def compare(op: int, a: int, b: int) -> bool:
    """Compare by the operators == != <= >= < >."""
    if op == 0:
        return a == b
    if op == 1:
        return a != b
    if op == 2:
        return a <= b
    if op == 3:
        return a >= b
    return a < b if op == 4 else a > b


def check_constraint(constraint: List[List[int]], names: List[str], dims: Dict[str, int]) -> bool:
    """Evaluate a comparison in postfix notation, if all its symbols have a size.

    Each step is a number (0, n), a symbol (1, place in names), an operation (2 to 5, 0) or
    the comparison (6, operator).
    """
    stack: List[int] = []
    for step in constraint:
        if step[0] == 0:
            stack.append(step[1])
        elif step[0] == 1:
            if names[step[1]] not in dims:
                return True
            stack.append(dims[names[step[1]]])
        else:
            b = stack.pop()
            a = stack.pop()
            if step[0] == 6:
                return compare(step[1], a, b)
            value = operate(step[0], a, b)
            if len(value) == 0:
                return False
            stack.append(value[0])
    return True


def check_elements(
    x: torch.Tensor,
    place: int,
    want: str,
    flat: List[int],
    types: List[List[int]],
    numbers: List[List[float]],
    whole: List[List[int]],
    listed: List[List[float]],
    ids: List[List[int]],
) -> None:
    """Check the type of a tensor, and what is in it. ``types`` has input, type and wider type of each row."""
    for j in range(len(types)):
        if types[j][0] == place and types[j][1] == x.dtype:
            if not good(x, types[j][2], numbers[j], whole[j], listed[j], ids[j]):
                raise ValueError(want + "AT-RANGE: NaN, infinite, tiny, out of range or of another value")
            if is_flat(x, types[j][2], flat):
                raise ValueError(want + "AT-FLAT")
            return
    raise ValueError(want + "AT-DTYPE")


def check_request(
    tensors: List[torch.Tensor],
    names: List[str],
    constraints: List[List[List[int]]],
    texts: List[str],
    limits: List[int],
    dims: Dict[str, int],
) -> None:
    """Check limits on all tensors together, and constraints."""
    total = 0
    nbytes = 0
    for x in tensors:
        total += x.numel()
        nbytes += x.numel() * x.element_size()
    if total > limits[0]:
        raise ValueError("AT-ELEMENTS: more than the schema allows")
    if nbytes > limits[1]:
        raise ValueError("AT-BYTES: more than the schema allows")
    for i in range(len(constraints)):
        if not check_constraint(constraints[i], names, dims):
            raise ValueError("AT-CONSTRAINT: " + texts[i] + " does not hold for " + str(dims))


def check_tensors(
    tensors: List[torch.Tensor],
    bound: List[torch.Tensor],
    wants: List[str],
    sizes: List[List[List[int]]],
    symbols: List[List[str]],
    flats: List[List[int]],
    types: List[List[int]],
    numbers: List[List[float]],
    whole: List[List[int]],
    listed: List[List[float]],
    ids: List[List[int]],
    names: List[str],
    constraints: List[List[List[int]]],
    texts: List[str],
    bound_symbols: List[List[str]],
    limits: List[int],
) -> List[torch.Tensor]:
    """Check tensors, and hand them on.

    bound: tensors that were checked before, and fixed the sizes of bound_symbols.
    """
    dims: Dict[str, int] = {}
    for i in range(len(bound)):
        for j in range(bound[i].dim()):
            if bound_symbols[i][j] != "":
                dims[bound_symbols[i][j]] = bound[i].size(j)
    for i in range(len(tensors)):
        check_sizes(tensors[i], wants[i], sizes[i], symbols[i], dims)
    check_request(tensors, names, constraints, texts, limits, dims)
    for i in range(len(tensors)):
        check_elements(tensors[i], i, wants[i], flats[i], types, numbers, whole, listed, ids)
    return tensors


def _code(x: torch.Tensor) -> int:
    return x.dtype  # type: ignore[no-any-return]


@functools.cache
def _code_of(dtype: Any) -> int:
    """Return the number that TorchScript has for a type."""
    return int(torch.jit.script(_code)(torch.empty(0, dtype=dtype)))


@functools.cache
def compiled() -> Any:
    """Return the check as a function that traces call."""
    return torch.jit.script(check_tensors)


# What follows makes what check_tensors wants after the tensors. No list is empty, because
# TorchScript would take it for one of tensors.

_TRUE = [[0, 0], [0, 0], [6, 0]]
_STEPS = {"+": 2, "-": 3, "*": 4, "%": 5}
_COMPARISONS = ("==", "!=", "<=", ">=", "<", ">")


def tables(schema: Schema, group: str, names: Sequence[str], bound: Sequence[str], *, partial: bool) -> tuple[Any, ...]:
    """Return what check_tensors wants after the tensors.

    names: those of the tensors, of a group; bound: inputs that were checked before.
    Raises ValueError for what TorchScript cannot check, unless partial.
    """
    specs = [schema.groups[group][name] for name in names]
    rule = unfit(specs) or _unfit(specs)
    if rule and not partial:
        raise ValueError(f'TorchScript cannot check {rule}: guard what is scripted or traced, or say graph="what_fits"')
    rows = [(i, s, d) for i, s in enumerate(specs) for d in s.dtypes if hasattr(torch, d.name)]
    for s in specs:
        if all(row[1] is not s for row in rows) or any(d.name == "uint64" for d in s.dtypes):
            raise ValueError(f"TorchScript cannot check {s.name!r}, which is of type {s.types()}")
    symbols = sorted({name for c in schema.constraints for name in c.symbols()})
    return (
        [f'"{s.name}" is not {s.describe()} as the schema says: ' for s in specs],
        [[[d.low for d in s.shape] or [0], [d.high for d in s.shape] or [0],
          [len(s.shape), s.max_elements or 1 << 40, s.max_bytes or 1 << 43]] for s in specs],
        [_symbols(s) for s in specs],
        [_flat(s) for s in specs],
        [[i, _code_of(getattr(torch, d.name)), _code_of(_wide(d))] for i, _, d in rows],
        [_numbers(s, d) for _, s, d in rows],
        [_whole(s, d) for _, s, d in rows],
        [[d.value(key) for key in _listed(s, d)] if d.is_float else [0.0] for _, s, d in rows],
        [[0] if d.is_float else [d.integer(key) for key in _listed(s, d)] for _, s, d in rows],
        symbols or [""],
        [_postfix(c, symbols) for c in schema.constraints] or [_TRUE],
        [c.text for c in schema.constraints] or [""],
        [_symbols(schema.groups["inputs"][name]) for name in bound] or [[""]],
        [schema.limits.max_elements, schema.limits.max_bytes],
    )  # fmt: skip


def _unfit(specs: Sequence[Spec]) -> str:
    """Name a rule that TorchScript cannot check beyond those that no graph can, or nothing."""
    for s in specs:
        if s.flat and (s.allow_nan or s.flat.fraction.denominator >= 1 << 31):
            return f"flat of {s.name}" + " beside NaNs" * s.allow_nan
        if any(d.name == "int64" and -(2**63) in _listed(s, d) for d in s.dtypes):
            return f"the value {-(2**63)} of {s.name}"
    return ""


def _listed(s: Spec, d: DType) -> list[int]:
    return s.wants[d.name].values or [0] if d.name in s.wants else [0]


def _symbols(s: Spec) -> list[str]:
    return [d.symbol for d in s.shape] or [""]


def _flat(s: Spec) -> list[int]:
    if not s.flat or _unfit([s]):
        return [0, 0, 0, 0]
    axis = -1 if s.flat.axis is None else s.flat.axis
    return [1, axis, s.flat.fraction.numerator, s.flat.fraction.denominator]


def _postfix(c: Constraint, symbols: list[str]) -> list[list[int]]:
    def steps(e: Expr) -> list[list[int]]:
        if e.op:
            return [*steps(e.sides[0]), *steps(e.sides[1]), [_STEPS[e.op], 0]]
        return [[1, symbols.index(e.name)] if e.name else [0, e.n]]

    return [*steps(c.left), *steps(c.right), [6, _COMPARISONS.index(c.op)]]


def _wide(d: DType) -> Any:
    if not d.is_float:
        return torch.int64
    return torch.float32 if d.size < 4 else getattr(torch, d.name)


def _numbers(s: Spec, d: DType) -> list[float]:
    if not d.is_float:
        return [0.0, 0.0, 0.0]
    want = s.wants[d.name]
    flush = s.tiny is not None and s.tiny.action == "flush"
    return [d.value(want.low), d.value(want.high), 0.0 if flush else d.value(want.tiny)]


def _whole(s: Spec, d: DType) -> list[int]:
    want = s.wants[d.name]
    new = -1 if want.values is None else s.max_new
    if d.is_float:
        return [0, 0, 0, int(s.allow_nan), int(s.allow_inf), new]
    if (want.low, want.high) == d.extremes():
        return [2, 0, 0, 0, 0, new]
    # The least number of 64 bits cannot be written in TorchScript.
    return [1, max(d.integer(want.low), -(2**63) + 1), d.integer(want.high), 0, 0, new]


def scriptable(
    model: Any, schema: Schema, normalize: Mapping[str, Any], parameters: Mapping[str, str], *, partial: bool
) -> Any:
    """Return checks, normalisation and model in a row, as a module that torch.jit.script compiles."""
    graph = torch.fx.Graph()
    hints = typing.get_type_hints(model.forward)
    nodes = {}
    for p in inspect.signature(model.forward).parameters.values():
        default = () if p.default is p.empty else (p.default,)
        hint = hints.get(p.name)
        nodes[p.name] = graph.placeholder(p.name, None if hint is torch.Tensor else hint, *default)
    inputs = {parameters[name]: name for name in nodes if name in parameters}
    names = [s.name for s in schema.specs("inputs") if s.name in inputs and not s.optional]
    if len(names) < len(schema.groups["inputs"]) and not partial:
        raise ValueError('TorchScript cannot check optional inputs: guard what is scripted, or say graph="what_fits"')
    tensors = [nodes[inputs[name]] for name in names]
    checked = graph.call_function(check_tensors, (tensors, [], *tables(schema, "inputs", names, (), partial=partial)))
    root = {"model": model}
    bound = []
    for i, name in enumerate(names):
        node = graph.call_function(operator.getitem, (checked, i))
        bound.append(node)
        if name in normalize:
            root[f"normalize_{i}"] = normalize[name]
            node = graph.call_module(f"normalize_{i}", (node,))
        nodes[inputs[name]] = node
    result = graph.call_module("model", tuple(nodes.values()))
    if schema.groups["outputs"]:
        root["model"] = torch.jit.script(model)
        found = _outputs(graph, root["model"], hints.get("return"), schema, result)
        rest = tables(schema, "outputs", list(found), names, partial=partial)
        graph.call_function(check_tensors, (list(found.values()), bound, *rest))
    graph.output(result)
    return torch.fx.GraphModule(root, graph).train(model.training)


def named(result: Dict[str, torch.Tensor], names: List[str]) -> List[torch.Tensor]:
    """Return the outputs of a mapping in the order of names."""
    for key in result.keys():  # noqa: SIM118  # TorchScript needs it
        if key not in names:
            raise ValueError("AT-UNKNOWN: got " + key)
    found: List[torch.Tensor] = []
    for name in names:
        if name not in result:
            raise ValueError("AT-MISSING: " + name)
        found.append(result[name])
    return found


def _outputs(graph: Any, model: Any, hint: Any, schema: Schema, result: Any) -> dict[str, Any]:
    """Return the nodes of the outputs by name, of what a scripted model returns. Raises ValueError."""
    names = list(schema.groups["outputs"])
    kind = model.forward.schema.returns[0].type
    types, found = {names[0]: kind}, {names[0]: result}
    fields = [name for name in getattr(hint, "_fields", ()) if name in names]
    if kind.kind() == "TupleType" and fields:
        types = dict(zip(hint._fields, kind.elements(), strict=True))
        found = {name: graph.call_function(getattr, (result, name)) for name in fields}
    elif kind.kind() == "TupleType" and kind.annotation_str.startswith("Tuple["):
        keys = [names[i] if i < len(names) else f"[{i}]" for i in range(len(kind.elements()))]
        types = dict(zip(keys, kind.elements(), strict=True))
        found = {key: graph.call_function(operator.getitem, (result, i)) for i, key in enumerate(keys)}
    elif kind.annotation_str == "Dict[str, Tensor]":
        listed = graph.call_function(named, (result, names))
        return {name: graph.call_function(operator.getitem, (listed, i)) for i, name in enumerate(names)}
    for name in found:
        if name not in names or types[name].kind() != "TensorType":
            raise ValueError(f"TorchScript cannot check output {name!r}, which is {types[name].annotation_str}")
    if missing := [s.name for s in schema.specs("outputs") if s.name not in found and not s.optional]:
        raise ValueError(f"forward() does not return output {missing[0]!r}, but {kind.annotation_str}")
    return found
