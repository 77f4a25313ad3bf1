"""The check inside a trace: of torch.jit.trace, and of the exporter to ONNX that traces.

Imported when a trace is made, and not before.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch

from ._checker import Binder, Checker, outputs_of
from ._flush import flushed, flushes
from ._onnx import in_onnx, left_out
from ._scripted import compiled, compiled_flush, flush_tables, tables
from ._spec import Spec


def trace_check(
    checker: Checker,
    group: str,
    values: dict[str, Any],
    dims: Mapping[str, int],
    bound: Mapping[str, Any],
    *,
    partial: bool,
) -> dict[str, int]:
    """Check the example, and have the trace check what comes later.

    bound: inputs that were checked before. Puts into values what has to be used in their place.
    """
    schema = checker.schema
    names, known = (
        sorted(name for name in found if name in schema.groups[of])
        for found, of in ((values, group), (bound, "inputs"))
    )
    onnx = in_onnx()
    with _not_traced():
        dims = checker.check(group, values, dims)
        if not onnx:
            rest = tables(schema, group, names, known, partial=partial, shadow=checker.shadow)
            check = compiled()
    if onnx:
        if not partial:
            left_out(checker, group)
        return dims
    tensors = check([values[name] for name in names], [bound[name] for name in known], *rest)
    values.update(zip(names, tensors, strict=True))
    return dims


def call_traced(
    function: Callable[..., Any],
    checker: Checker,
    binder: Binder,
    args: tuple[Any, ...],
    kwargs: Mapping[str, Any],
    values: dict[str, Any],
    *,
    partial: bool,
) -> Any:
    """Call a function with what was bound, checked here and by the trace."""
    dims = trace_check(checker, "inputs", values, {}, {}, partial=partial)
    checked = dict(values)
    for s in checker.schema.specs("inputs"):
        if s.name in values and flushes(s):
            values[s.name] = trace_flush(s, values[s.name])
    args, kwargs = binder.replace(args, kwargs, values)
    result = function(*args, **kwargs)
    if checker.schema.groups["outputs"]:
        trace_check(checker, "outputs", outputs_of(checker.schema, result), dims, checked, partial=partial)
    return result


def trace_flush(s: Spec, value: Any) -> Any:
    """Have the trace replace tiny values by zeros."""
    if in_onnx():
        return flushed(s, value)
    with _not_traced():
        flush, rest = compiled_flush(), flush_tables(s)
    return flush(value, *rest)


class _not_traced:  # noqa: N801
    """What is done within is no part of a trace."""

    def __enter__(self) -> None:
        self.state = torch._C._get_tracing_state()
        torch._C._set_tracing_state(None)

    def __exit__(self, *exc: object) -> None:
        torch._C._set_tracing_state(self.state)
