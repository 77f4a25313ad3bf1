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
from ._scripted import scriptable
from ._spec import Normalize, Spec
from ._trace import trace_check, trace_flush

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
        self._prepare()

    def _prepare(self) -> None:
        """Make what is for this process only."""
        self._graphs = Graphs(torch, self._checker, partial=self._graph == "what_fits")
        self._compiling = compiling()

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        values = self._binder.bind(args, kwargs)
        if self._compiling():
            dims: dict[str, Any] = {}
            self._graphs.check("inputs", values, dims)
        elif torch.jit.is_tracing():
            dims = trace_check(self._checker, "inputs", values, {}, {}, partial=self._graph == "what_fits")
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
                values[name] = trace_flush(s, value) if torch.jit.is_tracing() else flushed(s, value)
        for name, key in self._keys:
            if name in values:
                values[name] = self.normalize[key](values[name])
        return values

    def _check_outputs(self, result: Any, dims: dict[str, Any], inputs: Mapping[str, Any]) -> None:
        values = outputs_of(self.schema, result)
        if self._compiling():
            self._graphs.check("outputs", values, dims)
        elif torch.jit.is_tracing():
            trace_check(self._checker, "outputs", values, dims, inputs, partial=self._graph == "what_fits")
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
        # Its class was made for the model, and no other process has it.
        state = {name: value for name, value in self.__dict__.items() if name not in ("_graphs", "_compiling")}
        return _blank, (), state

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)
        self._prepare()
        self.__class__ = _class_for(self.model, self.schema)


def _blank() -> Guarded:
    return Guarded.__new__(Guarded)


def _key(name: str) -> str:
    # A module's name has no dots.
    return "input_" + name.replace(".", "_")


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
    where = f"{type(getattr(model, '_orig_mod', model)).__qualname__}.forward"
    rest, _ = behind(schema, where, logger or logging.getLogger("andiron.tensor"))
    checker = Checker(rest, where, mode=mode, logger=logger, drift=drift)
    found = match_inputs(where, signature_of(model, schema), schema, parameters)
    made = _class_for(model, schema)(model, schema, checker, found, graph)
    # Not train(), which some models refuse.
    made.training = model.training
    made.normalize.train(model.training)
    return made


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


def _class_for(model: Any, schema: Schema) -> type[Guarded]:
    """Make a class whose forward has the parameters of the model's own."""

    def forward(self: Any, *args: Any, **kwargs: Any) -> Any:
        return Guarded.forward(self, *args, **kwargs)

    itself = inspect.Parameter("self", inspect.Parameter.POSITIONAL_ONLY)
    own = signature_of(model, schema)
    first = [p for p in own.parameters.values() if p.kind == p.POSITIONAL_ONLY]
    rest = [p for p in own.parameters.values() if p.kind != p.POSITIONAL_ONLY]
    forward.__signature__ = own.replace(parameters=[itself, *first, *rest])  # type: ignore[attr-defined]
    forward.__doc__ = inspect.getdoc(model.forward)
    return type(f"Guarded{type(model).__name__}", (Guarded,), {"forward": forward, "__module__": __name__})
