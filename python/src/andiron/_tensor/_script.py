"""The check as TorchScript, for models that are scripted or traced.

It has no libraries of ours at run time: what is saved with torch.jit.save checks by
itself, wherever it is loaded, and raises what TorchScript raises (torch.jit.Error).
"""

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
from ._graph import unfit
from ._schema import Schema
from ._spec import Spec


def good(x: torch.Tensor, wide: int, numbers: List[float], whole: List[int]) -> bool:  # noqa: UP006
    """Compare values, as they are or exactly widened: TorchScript cannot look at bits.

    numbers: lower and upper bound and what is tiny, of a floating type.
    whole: kind (0 floating, 1 integer, 2 integer without bounds), bounds of an integer,
        whether NaN and infinities are allowed.
    """
    if whole[0] == 2:
        return True
    y = x.detach().to(wide)
    if whole[0] == 1:
        return bool(((y >= whole[1]) & (y <= whole[2])).all())
    ok = (y >= numbers[0]) & (y <= numbers[1]) & ((y == 0) | (y.abs() >= numbers[2]))
    if whole[3] == 1:
        ok = ok | torch.isnan(y)
    if whole[4] == 1:
        ok = ok | torch.isinf(y)
    return bool(ok.all())


def check_sizes(
    x: torch.Tensor,
    want: str,
    sizes: List[List[int]],  # noqa: UP006
    symbols: List[str],  # noqa: UP006
    dims: Dict[str, int],  # noqa: UP006
) -> int:
    """Check rank (in sizes[2][0]), sizes, symbols and number of elements (in sizes[2][1])."""
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
    return x.numel()  # type: ignore[no-any-return]


def check_inputs(
    tensors: List[torch.Tensor],  # noqa: UP006
    wants: List[str],  # noqa: UP006
    sizes: List[List[List[int]]],  # noqa: UP006
    symbols: List[List[str]],  # noqa: UP006
    types: List[List[int]],  # noqa: UP006
    numbers: List[List[float]],  # noqa: UP006
    whole: List[List[int]],  # noqa: UP006
    max_elements: int,
) -> List[torch.Tensor]:  # noqa: UP006
    """Check tensors, and hand them on. ``types`` has input, type and wider type of each row."""
    dims: Dict[str, int] = {}  # noqa: UP006
    total = 0
    for i in range(len(tensors)):
        x = tensors[i]
        total += check_sizes(x, wants[i], sizes[i], symbols[i], dims)
        known = False
        for j in range(len(types)):
            if types[j][0] == i and types[j][1] == x.dtype:
                known = True
                if not good(x, types[j][2], numbers[j], whole[j]):
                    raise ValueError(wants[i] + "AT-RANGE: NaN, infinite, tiny or out of range")
        if not known:
            raise ValueError(wants[i] + "AT-DTYPE")
    if total > max_elements:
        raise ValueError("AT-ELEMENTS: more than the schema allows")
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
    return torch.jit.script(check_inputs)


def tables(schema: Schema, names: Sequence[str], *, partial: bool) -> tuple[Any, ...]:
    """Return what check_inputs wants after the tensors.

    Raises ValueError for what TorchScript cannot check, unless partial.
    """
    specs = [schema.groups["inputs"][name] for name in names]
    rule = unfit(specs) or ("constraints" if schema.constraints else "outputs" if schema.groups["outputs"] else "")
    if rule and not partial:
        raise ValueError(f'TorchScript cannot check {rule}: guard what is scripted or traced, or say graph="what_fits"')
    rows = [(i, s, d) for i, s in enumerate(specs) for d in s.dtypes if hasattr(torch, d.name)]
    for s in specs:
        if all(row[1] is not s for row in rows) or any(d.name == "uint64" for d in s.dtypes):
            raise ValueError(f"TorchScript cannot check {s.name!r}, which is of type {s.types()}")
    return (
        [f'"{s.name}" is not {s.describe()} as the schema says: ' for s in specs],
        [[[d.low for d in s.shape] or [0], [d.high for d in s.shape] or [0], [len(s.shape), s.max_elements or 1 << 40]]
         for s in specs],
        [[d.symbol for d in s.shape] or [""] for s in specs],
        [[i, _code_of(getattr(torch, d.name)), _code_of(_wide(d))] for i, _, d in rows],
        [_numbers(s, d) for _, s, d in rows],
        [_whole(s, d) for _, s, d in rows],
        schema.limits.max_elements,
    )  # fmt: skip


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
    if d.is_float:
        return [0, 0, 0, int(s.allow_nan), int(s.allow_inf)]
    if (want.low, want.high) == d.extremes():
        return [2, 0, 0, 0, 0]
    # The least number of 64 bits cannot be written in TorchScript.
    return [1, max(d.integer(want.low), -(2**63) + 1), d.integer(want.high), 0, 0]


def scriptable(
    model: Any, schema: Schema, normalize: Mapping[str, Any], parameters: Mapping[str, str], *, partial: bool
) -> Any:
    """Return check, normalisation and model in a row, as a module that torch.jit.script compiles."""
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
    checked = graph.call_function(
        check_inputs, ([nodes[inputs[name]] for name in names], *tables(schema, names, partial=partial))
    )
    root = {"model": model}
    for i, name in enumerate(names):
        node = graph.call_function(operator.getitem, (checked, i))
        if name in normalize:
            root[f"normalize_{i}"] = normalize[name]
            node = graph.call_module(f"normalize_{i}", (node,))
        nodes[inputs[name]] = node
    graph.output(graph.call_module("model", tuple(nodes.values())))
    return torch.fx.GraphModule(root, graph).train(model.training)
