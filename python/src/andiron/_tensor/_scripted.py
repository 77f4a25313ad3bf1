"""What a schema is for TorchScript: the arguments of the check, and a module with it."""

# ruff: noqa: UP006

from __future__ import annotations

import functools
import inspect
import operator
import typing
from collections.abc import Mapping, Sequence
from typing import Any, Dict, List, Optional  # noqa: UP035  # TorchScript knows these

import torch
import torch.fx

from ._dtype import DType
from ._expr import Constraint, Expr
from ._flush import flushes
from ._graph import unfit
from ._number import bound as spelt
from ._number import to_float
from ._schema import Schema
from ._script import check_tensors, check_traced, fail, flush, present
from ._spec import Spec


def _code(x: torch.Tensor) -> int:
    return x.dtype  # type: ignore[no-any-return]


@functools.cache
def _code_of(dtype: Any) -> int:
    """Return the number that TorchScript has for a type."""
    return int(torch.jit.script(_code)(torch.empty(0, dtype=dtype)))


@functools.cache
def compiled() -> Any:
    """Return the check as a function that traces call."""
    return torch.jit.script(check_traced)


@functools.cache
def compiled_flush() -> Any:
    """Return what replaces tiny values as a function that traces call."""
    return torch.jit.script(flush)


# What follows makes what check_tensors wants after the tensors. No list is empty, because
# TorchScript would take it for one of tensors.

_TRUE = [[0, 0], [0, 0], [6, 0]]
_STEPS = {"+": 2, "-": 3, "*": 4, "%": 5}
_COMPARISONS = ("==", "!=", "<=", ">=", "<", ">")


def tables(
    schema: Schema, group: str, names: Sequence[str], bound: Sequence[str], *, partial: bool, shadow: bool = False
) -> tuple[Any, ...]:
    """Return what check_tensors wants after the tensors.

    names: those of the tensors, of a group; bound: inputs that were checked before.
    Raises ValueError for what TorchScript cannot check, unless partial.
    """
    specs = [schema.groups[group][name] for name in names]
    rule = unfit(specs) or _unfit(specs)
    if rule and not partial:
        raise ValueError(f'TorchScript cannot check {rule}: guard what is scripted or traced, or say graph="what_fits"')
    rows = _rows(specs)
    for s in specs:
        if all(row[1] is not s for row in rows):
            raise ValueError(f"TorchScript cannot check {s.name!r}, which is of type {s.types()}")
    symbols = sorted({name for c in schema.constraints for name in c.symbols()})
    return (
        [f'"{s.name}" is not {_want(s)} as the schema says: ' for s in specs],
        [[[d.low for d in s.shape] or [0], [d.high for d in s.shape] or [0],
          [len(s.shape), s.max_elements or 1 << 40, s.max_bytes or 1 << 43]] for s in specs],
        [_symbols(s) for s in specs],
        [_flat(s) for s in specs],
        [_axes(s) for s in specs],
        [_bands(s) for s in specs],
        [[i, _code_of(getattr(torch, d.name)), _code_of(_wide(d))] for i, s, d in rows],
        [_numbers(s, d) for _, s, d in rows],
        [_whole(s, d) for _, s, d in rows],
        [[d.value(key) for key in _listed(s, d)] if d.is_float else [0.0] for _, s, d in rows],
        [[0] if d.is_float else _halves(*(_plain(d, key) for key in _listed(s, d))) for _, s, d in rows],
        ["AT-TOKEN" if s.vocabulary else "AT-BOOL" if s.dtypes[0].kind == "bool" else "AT-RANGE" for s in specs],
        symbols or [""],
        [_postfix(c, symbols) for c in schema.constraints] or [_TRUE],
        [c.text for c in schema.constraints] or [""],
        [_symbols(schema.groups["inputs"][name]) for name in bound] or [[""]],
        [schema.limits.max_elements, schema.limits.max_bytes, int(shadow)],
    )  # fmt: skip


def _want(s: Spec) -> str:
    """Describe a tensor of the schema with its bounds."""
    if s.vocabulary:
        return f"{s.describe()} in [0, {s.vocabulary - 1}]"
    return s.describe() + (f" in [{spelt(s.range[0])}, {spelt(s.range[1])}]" if s.range else "")


def _rows(specs: Sequence[Spec]) -> list[tuple[int, Spec, DType]]:
    """Return each input with each of its types that torch has."""
    return [(i, s, d) for i, s in enumerate(specs) for d in s.dtypes if d.kind != "bytes" and hasattr(torch, d.name)]


def flush_tables(s: Spec) -> tuple[int, list[list[int]], list[float]]:
    """Return what flush wants after the tensor."""
    rows = _rows([s])
    return (
        0,
        [[0, _code_of(getattr(torch, d.name)), _code_of(_wide(d))] for _, _, d in rows],
        [d.value(s.wants[d.name].tiny) for _, _, d in rows],
    )


def _unfit(specs: Sequence[Spec]) -> str:
    """Name a rule that TorchScript cannot check beyond those that no graph can, or nothing."""
    for s in specs:
        if s.flat and (s.allow_nan or s.flat.fraction.denominator >= 1 << 31):
            return f"flat of {s.name}" + " beside NaNs" * s.allow_nan
    return ""


def _halves(*numbers: int) -> list[int]:
    """Return the upper and the lower 32 bits of each."""
    return [half for n in numbers for half in (n >> 32, n & 0xFFFFFFFF)]


def _plain(d: DType, key: int) -> int:
    """Return what an integer is in the type that it is compared in."""
    return key if d.name == "uint64" else d.integer(key)


def _listed(s: Spec, d: DType) -> list[int]:
    return s.wants[d.name].values or [0] if d.name in s.wants else [0]


def _symbols(s: Spec) -> list[str]:
    return [d.symbol for d in s.shape] or [""]


def _flat(s: Spec) -> list[int]:
    if not s.flat or _unfit([s]):
        return [0, 0, 0, 0]
    axis = -1 if s.flat.axis is None else s.flat.axis
    return [1, axis, s.flat.fraction.numerator, s.flat.fraction.denominator]


def _axes(s: Spec) -> list[int]:
    normed = s.normalize and s.normalize.kind == "lp" and s.normalize.by == "client"
    return [s.stats.axis if s.stats else -1, s.normalize.axis if s.normalize and normed else -1]


def _bands(s: Spec) -> list[list[float]]:
    mean, std = (s.stats.mean, s.stats.std) if s.stats else ([], [])
    sides = [[to_float(band[side]) for band in bands] or [0.0] for bands in (mean, std) for side in (0, 1)]
    return [*sides, [float(bool(mean)), float(bool(std))]]


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
    z = s.normalize
    norm = [to_float(z.p), z.allowed(d)] if z else [0.0, 0.0]
    if not d.is_float:
        return [0.0, 0.0, 0.0, *norm]
    want = s.wants[d.name]
    return [d.value(want.low), d.value(want.high), 0.0 if flushes(s) else d.value(want.tiny), *norm]


def _whole(s: Spec, d: DType) -> list[int]:
    want = s.wants[d.name]
    new = -1 if want.values is None else s.max_new
    if d.is_float:
        return [0, 1, int(s.allow_nan), int(s.allow_inf), new]
    limited = (want.low, want.high) != d.extremes()
    bounds = _halves(_plain(d, want.low), _plain(d, want.high))
    return [3 if d.name == "uint64" else 1, int(limited), 0, 0, new, *bounds]


class Maybe(torch.nn.Module):  # type: ignore[misc]
    """A step that is left out with its tensor."""

    def __init__(self, step: Any) -> None:
        super().__init__()
        self.step = step

    def forward(self, x: Optional[torch.Tensor]) -> Optional[torch.Tensor]:  # noqa: UP045  # TorchScript knows this
        return None if x is None else self.step(x)


class Flush(torch.nn.Module):  # type: ignore[misc]
    """Replaces tiny values by zeros."""

    def __init__(self, s: Spec) -> None:
        super().__init__()
        self.place, self.types, self.tiny = flush_tables(s)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return flush(x, self.place, self.types, self.tiny)


def scriptable(
    model: Any,
    schema: Schema,
    normalize: Mapping[str, Any],
    parameters: Mapping[str, str],
    *,
    partial: bool,
    shadow: bool,
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
    specs = [s for s in schema.specs("inputs") if s.name in inputs and not (partial and not _rows([s]))]
    # What the model itself may be given without.
    left_out = {s.name for s in specs if s.optional and type(None) in typing.get_args(hints.get(inputs[s.name]))}
    specs.sort(key=lambda s: s.name in left_out)  # the others are handed on
    names = [s.name for s in specs]
    given = [
        graph.call_function(present, (nodes[inputs[name]],)) if name in left_out else [nodes[inputs[name]]]
        for name in names
    ]
    rest = tables(schema, "inputs", names, (), partial=partial, shadow=shadow)
    checked = graph.call_function(check_tensors, (given, [[]], *rest))
    root = {"model": model}
    bound = list(given)
    for i, s in enumerate(specs):
        node = nodes[inputs[s.name]]
        if s.name not in left_out:
            node = graph.call_function(operator.getitem, (checked, i))
            bound[i] = [node]
        steps = [Flush(s)] if flushes(s) else []
        steps += [normalize[s.name]] if s.name in normalize else []
        for k, step in enumerate(steps):
            root[f"step_{i}_{k}"] = Maybe(step) if s.name in left_out else step
            node = graph.call_module(f"step_{i}_{k}", (node,))
        nodes[inputs[s.name]] = node
    result = graph.call_module("model", tuple(nodes.values()))
    if schema.groups["outputs"]:
        root["model"] = torch.jit.script(model)
        found = _outputs(graph, root["model"], hints.get("return"), schema, result, shadow)
        rest = tables(schema, "outputs", list(found), names, partial=partial, shadow=shadow)
        graph.call_function(check_tensors, (list(found.values()), bound, *rest))
    graph.output(result)
    return torch.fx.GraphModule(root, graph).train(model.training)


def by_name(
    result: Dict[str, torch.Tensor], names: List[str], needed: List[int], shadow: int
) -> List[List[torch.Tensor]]:
    """Return the outputs of a mapping in the order of names, each a list of one or of none."""
    for key in result.keys():  # noqa: SIM118  # TorchScript needs it
        if key not in names:
            fail("AT-UNKNOWN: got " + key, shadow)
    found: List[List[torch.Tensor]] = []
    for i in range(len(names)):
        some: List[torch.Tensor] = []
        if names[i] in result:
            some.append(result[names[i]])
        elif needed[i] == 1:
            fail("AT-MISSING: " + names[i], shadow)
        found.append(some)
    return found


def _outputs(graph: Any, model: Any, hint: Any, schema: Schema, result: Any, shadow: bool) -> dict[str, Any]:
    """Return the nodes of the outputs by name, of what a scripted model returns, each a list. Raises ValueError."""
    specs = schema.groups["outputs"]
    names = list(specs)
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
        needed = [int(not specs[name].optional) for name in names]
        listed = graph.call_function(by_name, (result, names, needed, int(shadow)))
        return {name: graph.call_function(operator.getitem, (listed, i)) for i, name in enumerate(names)}
    for name in found:
        maybe = types[name].kind() == "OptionalType" and name in names and specs[name].optional
        if maybe and types[name].getElementType().kind() == "TensorType":
            found[name] = graph.call_function(present, (found[name],))
        elif name in names and types[name].kind() == "TensorType":
            found[name] = [found[name]]
        else:
            raise ValueError(f"TorchScript cannot check output {name!r}, which is {types[name].annotation_str}")
    if missing := [s.name for s in specs.values() if s.name not in found and not s.optional]:
        raise ValueError(f"forward() does not return output {missing[0]!r}, but {kind.annotation_str}")
    return found
