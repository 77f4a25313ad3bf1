"""Modules of torch: the normalisation that a schema declares, and a model that is guarded.

Imported when a model is guarded, and not before.
"""

from __future__ import annotations

import inspect
import logging
from collections.abc import Mapping
from typing import Any, Literal

import torch

from ._checker import Binder, Checker, Mode, match_inputs, outputs_of
from ._flush import flushed, flushes
from ._gateway import behind
from ._graph import Graphs, compiling
from ._number import to_float
from ._schema import Schema
from ._scripted import compiled, compiled_flush, flush_tables, scriptable, tables
from ._spec import Normalize, Spec

Graph = Literal["all", "what_fits"]


class Standardize(torch.nn.Module):  # type: ignore[misc]
    """``(x - mean) / std`` per channel, in the type of x.

    The numbers are buffers, so that exports carry them, and no part of the state dict,
    so that no checkpoint changes them.
    """

    def __init__(self, z: Normalize, rank: int) -> None:
        super().__init__()
        shape = [1] * rank
        shape[z.axis] = -1
        for name, numbers in (("mean", z.mean), ("std", z.std)):
            values = torch.tensor([to_float(x) for x in numbers], dtype=torch.float64)
            self.register_buffer(name, values.to(torch.get_default_dtype()).reshape(shape), persistent=False)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return (x - self.mean.to(x.dtype)) / self.std.to(x.dtype)


class UnitNorm(torch.nn.Module):  # type: ignore[misc]
    """``x / max(norm, eps)`` along a dimension, as torch.nn.functional.normalize."""

    def __init__(self, z: Normalize) -> None:
        super().__init__()
        self.p, self.axis, self.eps = to_float(z.p), z.axis, to_float(z.eps)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.nn.functional.normalize(x, p=self.p, dim=self.axis, eps=self.eps)


def normalization(s: Spec) -> Any:
    """Return the module that normalises an input within the model, or None."""
    z = s.normalize
    if z is None or z.by != "model":
        return None
    return Standardize(z, len(s.shape)) if z.kind == "standardize" else UnitNorm(z)


def steps(schema: Schema) -> dict[str, Any]:
    """Return the normalisation of each input within the model."""
    found = {name: normalization(s) for name, s in schema.groups["inputs"].items()}
    return {name: step for name, step in found.items() if step is not None}


class Guarded(torch.nn.Module):  # type: ignore[misc]
    """A model with the checks of a schema around it; ``model`` is the model itself.

    ``unchecked`` names the rules of the schema that are left to a gateway.
    """

    def __init__(
        self, model: Any, schema: Schema, checker: Checker, parameters: Mapping[str, str], graph: Graph
    ) -> None:
        super().__init__()
        self.model = model
        self.schema = schema
        normalize = steps(schema)
        self.normalize = torch.nn.ModuleDict({_key(name): step for name, step in normalize.items()})
        self._keys = tuple((name, _key(name)) for name in normalize)
        self.unchecked = behind(schema)[1]
        self._flushed = tuple((s.name, s) for s in checker.schema.groups["inputs"].values() if flushes(s))
        self._checker = checker
        self._binder = Binder(signature_of(model, schema), parameters, strict=True)
        self._graph = graph
        self._outputs = bool(schema.groups["outputs"])
        self._graphs = Graphs(torch, checker, partial=graph == "what_fits")
        self._compiling = compiling()

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        values = self._binder.bind(args, kwargs)
        if self._compiling():
            dims: dict[str, Any] = {}
            self._graphs.check("inputs", values, dims)
        elif torch.jit.is_tracing():
            dims = self._traced("inputs", values, {}, {})
        else:
            dims = self._checker.check("inputs", values)
        checked = dict(values)
        if self._flushed or self._keys or torch.jit.is_tracing():
            args, kwargs = self._binder.replace(args, kwargs, self._normalized(values))
        result = self.model(*args, **kwargs)
        if self._outputs:
            self._check_outputs(result, dims, checked)
        return result

    def extra_repr(self) -> str:
        return f"unchecked: {', '.join(self.unchecked)}" if self.unchecked else ""

    def _normalized(self, values: dict[str, Any]) -> dict[str, Any]:
        for name, s in self._flushed:
            if name in values:
                value = values[name]
                values[name] = self._flush_traced(s, value) if torch.jit.is_tracing() else flushed(s, value)
        for name, key in self._keys:
            if name in values:
                values[name] = self.normalize[key](values[name])
        return values

    def _flush_traced(self, s: Spec, value: Any) -> Any:
        with _not_traced():
            flush, rest = compiled_flush(), flush_tables(s)
        return flush(value, *rest)

    def _traced(
        self, group: str, values: dict[str, Any], dims: Mapping[str, int], bound: Mapping[str, Any]
    ) -> dict[str, int]:
        """Check the example, and have the trace check what comes later."""
        schema = self._checker.schema
        names, known = (
            sorted(name for name in found if name in schema.groups[of])
            for found, of in ((values, group), (bound, "inputs"))
        )
        with _not_traced():
            dims = self._checker.check(group, values, dims)
            partial, shadow = self._graph == "what_fits", self._checker.shadow
            rest = tables(schema, group, names, known, partial=partial, shadow=shadow)
            check = compiled()
        tensors = check([values[name] for name in names], [bound[name] for name in known], *rest)
        values.update(zip(names, tensors, strict=True))
        return dims

    def _check_outputs(self, result: Any, dims: dict[str, Any], inputs: Mapping[str, Any]) -> None:
        values = outputs_of(self.schema, result)
        if self._compiling():
            self._graphs.check("outputs", values, dims)
        elif torch.jit.is_tracing():
            self._traced("outputs", values, dims, inputs)
        else:
            self._checker.check("outputs", values, dims)

    def __prepare_scriptable__(self) -> Any:
        """Return what torch.jit.script compiles in place of this."""
        normalize = {name: self.normalize[key] for name, key in self._keys}
        partial, shadow = self._graph == "what_fits", self._checker.shadow
        return scriptable(
            self.model, self._checker.schema, normalize, self._binder.parameters, partial=partial, shadow=shadow
        )

    def __reduce__(self) -> tuple[Any, ...]:
        state = (self._checker.where, self._checker.shadow, self._checker.logger, self._checker.windows is not None)
        return _rebuild, (self.model, self.schema, state, self._binder.parameters, self._graph, self.training)


def _key(name: str) -> str:
    # A module's name has no dots.
    return "input_" + name.replace(".", "_")


class _not_traced:  # noqa: N801
    """What is done within is no part of a trace."""

    def __enter__(self) -> None:
        self.state = torch._C._get_tracing_state()
        torch._C._set_tracing_state(None)

    def __exit__(self, *exc: object) -> None:
        torch._C._set_tracing_state(self.state)


def guarded(
    model: Any,
    schema: Schema,
    *,
    parameters: Mapping[str, str],
    mode: Mode | None,
    logger: logging.Logger | None,
    drift: bool | None,
    graph: Graph,
) -> Guarded:
    """Make a guarded model whose forward has the parameters of the model's own."""
    if graph not in ("all", "what_fits"):
        raise ValueError(f"graph must be 'all' or 'what_fits', not {graph!r}")
    where = f"{type(getattr(model, '_orig_mod', model)).__qualname__}.forward"
    rest, _ = behind(schema, where, logger or logging.getLogger("andiron.tensor"))
    checker = Checker(rest, where, mode=mode, logger=logger, drift=drift)
    return _make(model, schema, checker, match_inputs(where, signature_of(model, schema), schema, parameters), graph)


def signature_of(model: Any, schema: Schema) -> inspect.Signature:
    """Return what forward() takes, also where it is compiled; of a forward(*args), the inputs in their order."""
    if isinstance(model, torch.jit.ScriptModule):
        names = [argument.name for argument in model.forward.schema.arguments[1:]]
        return inspect.Signature([inspect.Parameter(name, inspect.Parameter.POSITIONAL_OR_KEYWORD) for name in names])
    found = inspect.signature(getattr(model, "_orig_mod", model).forward)
    names = list(schema.groups["inputs"])
    if any(p.kind == p.VAR_POSITIONAL for p in found.parameters.values()) and all(
        name.isidentifier() for name in names
    ):
        return inspect.Signature([inspect.Parameter(name, inspect.Parameter.POSITIONAL_OR_KEYWORD) for name in names])
    return found


def _make(model: Any, schema: Schema, checker: Checker, parameters: Mapping[str, str], graph: Graph) -> Guarded:
    def forward(self: Any, *args: Any, **kwargs: Any) -> Any:
        return Guarded.forward(self, *args, **kwargs)

    itself = inspect.Parameter("self", inspect.Parameter.POSITIONAL_ONLY)
    own = signature_of(model, schema)
    first = [p for p in own.parameters.values() if p.kind == p.POSITIONAL_ONLY]
    rest = [p for p in own.parameters.values() if p.kind != p.POSITIONAL_ONLY]
    forward.__signature__ = own.replace(parameters=[itself, *first, *rest])  # type: ignore[attr-defined]
    forward.__doc__ = inspect.getdoc(model.forward)
    kind = type(f"Guarded{type(model).__name__}", (Guarded,), {"forward": forward, "__module__": __name__})
    made: Guarded = kind(model, schema, checker, parameters, graph)
    _set_mode(made, model.training)
    return made


def _set_mode(made: Guarded, training: bool) -> None:
    # Not train(), which some models refuse.
    made.training = training
    made.normalize.train(training)


def _rebuild(
    model: Any, schema: Schema, state: tuple[Any, ...], parameters: Mapping[str, str], graph: Graph, training: bool
) -> Guarded:
    where, shadow, logger, drift = state
    checker = Checker(behind(schema)[0], where, mode="shadow" if shadow else "enforce", logger=logger, drift=drift)
    made = _make(model, schema, checker, parameters, graph)
    _set_mode(made, training)
    return made
