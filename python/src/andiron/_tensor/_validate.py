"""The decorator and the function that guard models."""

from __future__ import annotations

import functools
import inspect
import logging
import os
import sys
from collections.abc import Callable, Mapping
from typing import Any, Literal, TypeVar, cast

from ._checker import Binder, Checker, Mode, match_inputs, outputs_of, parameters_of
from ._gateway import behind
from ._given import is_tensor
from ._graph import compiling, graphs_of, tracing
from ._schema import Schema, parse_short, read_schema

F = TypeVar("F", bound=Callable[..., Any])
SchemaLike = Schema | str | os.PathLike[str]


def validate(*schemas: SchemaLike, **arguments: str) -> Callable[[F], F]:
    """Check the arguments of a function or of ``forward()`` before it runs.

    ::

        @andiron.validate("float32[B, 3, H, W] in [0, 1]")
        def forward(self, image): ...

        @andiron.validate(image="float32[B, 3, H, W]", ids="int64[B, S] in [0, 30521]")
        def forward(self, image, ids, scale=1.0): ...

        @andiron.validate("vision.schema.yaml")
        def forward(self, image): ...

    Short forms without a name are those of the first parameters, in order; what has
    none is not checked. The first parameter of a method is not one of these if it is called
    ``self`` or ``cls``. A schema, read or as the path of its file, is about all
    tensors that come, and about what is returned where it has outputs; with it,
    ``parameter="input"`` says that a parameter has another name than its input.

    Raises TensorValidationError when the function is called, or logs if the schema says
    ``mode: shadow``; SchemaError, FileAccessError or ValueError at once if the schema is wrong, or
    does not fit the function; TypeError for what is neither a schema nor a form, and when a
    method is called whose form went to the object.
    """
    if wrong := [s for s in schemas if not isinstance(s, (str, os.PathLike, Schema))]:
        kind = type(wrong[0]).__name__
        raise TypeError(f'validate takes forms or a schema, not a {kind}: @andiron.validate("float32[B, 3] in [0, 1]")')

    def decorate(function: F) -> F:
        if isinstance(function, type):
            raise TypeError(f"validate stands before forward(), not before the class {function.__qualname__}")
        if schemas and not _is_short(schemas[0]):
            if len(schemas) > 1:
                raise ValueError("one schema, or short forms")
            return cast(F, _decorated(function, as_schema(schemas[0]), arguments, strict=True))
        names = [p.name for p in parameters_of(inspect.signature(function))]
        if len(schemas) > len(names):
            raise ValueError(f"{len(schemas)} short forms, and {len(names)} parameters")
        forms = dict(zip(names, map(str, schemas), strict=False))
        if twice := forms.keys() & arguments.keys():
            raise ValueError(f"parameter {min(twice)!r} has two short forms")
        if unknown := arguments.keys() - set(names):
            raise ValueError(f"{function.__qualname__} has no parameter {min(unknown)!r}, but {', '.join(names)}")
        schema = parse_short({**forms, **arguments})
        return cast(F, _decorated(function, schema, {}, strict=False))

    return decorate


def _decorated(function: Callable[..., Any], schema: Schema, renamed: Mapping[str, str], *, strict: bool) -> Any:
    where = getattr(function, "__qualname__", type(function).__qualname__)
    checker = Checker(behind(schema, where, logging.getLogger("andiron.tensor"))[0], where)
    signature = inspect.signature(function)
    parameters = match_inputs(where, signature, schema, renamed, "{0}={1!r}")
    checked = _checked(function, checker, parameters, strict=strict)
    owner = where.rpartition(".")[0]
    first = next(iter(signature.parameters), "")
    if not owner or owner.endswith("<locals>") or first not in parameters or checker.shadow:
        return checked

    # It may be a static method, which is the same until it is called.
    @functools.wraps(checked)
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        if args and not is_tensor(args[0]) and _is_of(owner, args[0]):
            raise TypeError(
                f"{where}: the object came for {first!r}, which a form is for: call that parameter self, "
                'or say which one the form is for, as @andiron.validate(x="float32[B, 3]")'
            )
        return checked(*args, **kwargs)

    del wrapper.__wrapped__
    return wrapper


def _is_of(owner: str, value: Any) -> bool:
    """Tell whether a value is of a class, or is that class."""
    return any(kind.__qualname__ == owner for kind in (value if isinstance(value, type) else type(value)).__mro__)


def _is_short(schema: SchemaLike) -> bool:
    return isinstance(schema, str) and "[" in schema


def as_schema(schema: SchemaLike) -> Schema:
    """Take a schema as it is, or the path of a file."""
    return schema if isinstance(schema, Schema) else read_schema(schema)


def _checked(
    function: Callable[..., Any],
    checker: Checker,
    parameters: Mapping[str, str],
    *,
    strict: bool,
    partial: bool = False,
) -> Any:
    where, schema, signature = checker.where, checker.schema, inspect.signature(function)
    binder = Binder(signature, parameters, strict=strict)
    graphs = graphs_of(checker, partial=partial)
    outputs = bool(schema.groups["outputs"])
    if outputs and inspect.iscoroutinefunction(function):
        raise ValueError(f"{where} is async: its outputs cannot be checked")
    flushes = any(s.tiny and s.tiny.action == "flush" for s in schema.groups["inputs"].values())
    is_compiling, is_tracing = compiling(), tracing()

    @functools.wraps(function)
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        # No torch.jit.script of this, which quotes these lines: script what
        # andiron.guard(model, schema) returns.
        values = binder.bind(args, kwargs)
        dims: dict[str, int] = {}
        in_graph = is_compiling()
        if in_graph and graphs is not None:
            graphs.check("inputs", values, dims)
        elif not in_graph and is_tracing():
            from ._trace import call_traced

            return call_traced(function, checker, binder, args, kwargs, values, partial=partial)
        else:
            dims = checker.check("inputs", values)
        if flushes:
            args, kwargs = binder.replace(args, kwargs, checker.flush("inputs", values))
        result = function(*args, **kwargs)
        if outputs and in_graph and graphs is not None:
            graphs.check("outputs", outputs_of(schema, result), dims)
        elif outputs:
            checker.check("outputs", outputs_of(schema, result), dims)
        return result

    # TorchScript would compile what is wrapped, and lose the check without a word. So it
    # sees the wrapper, which it refuses with its first lines: those say what to do.
    wrapper.__signature__ = signature  # type: ignore[attr-defined]
    del wrapper.__wrapped__
    return wrapper


def guard(
    model: Any,
    schema: SchemaLike,
    *,
    parameters: Mapping[str, str] | None = None,
    mode: Mode | None = None,
    drift: bool | None = None,
    logger: logging.Logger | None = None,
    graph: Literal["all", "what_fits"] = "all",
) -> Any:
    """Return the model with the checks of a schema around it.

    model: a ``torch.nn.Module``, which becomes the attribute ``model`` of a new module.
        What goes into its ``forward()`` is checked, what comes out where the schema has
        outputs, and the normalisation that the schema declares ``by: model`` is done in
        between. Any other callable is wrapped, too, without normalisation. Of an input that
        a gateway has normalised (``by: gateway``), only type, sizes, NaN and infinities are
        checked here; what is left to the gateway is logged once, and in ``unchecked``.
    schema: one that was read, or the path of its file.
    parameters: the inputs of the schema by the names of parameters, where these differ.
    mode: ``enforce`` raises, ``shadow`` only logs; default is what the schema says.
    drift: whether to gather windows, and log or refuse what is unlike the baseline of the
        schema, as it says; default is to do so where it says ``action: reject``.
    logger: default ``logging.getLogger("andiron.tensor")``; one JSON record for each event.
    graph: what to do when the guarded model itself is compiled, exported, scripted or
        traced, and the schema has a rule that no graph can check: ``all`` refuses,
        ``what_fits`` leaves that rule out. ONNX can check nothing: ``all`` logs that.

    Raises TensorValidationError when the model is called; SchemaError, FileAccessError
    or ValueError at once if the schema is wrong, or does not fit the model, as where an
    input, optional or not, is none of its parameters.
    """
    if graph not in ("all", "what_fits"):
        raise ValueError(f"graph must be 'all' or 'what_fits', not {graph!r}")
    found = as_schema(schema)
    torch = sys.modules.get("torch")
    if torch is not None and isinstance(model, torch.nn.Module):
        from ._modules import guarded

        return guarded(model, found, parameters=parameters or {}, mode=mode, logger=logger, drift=drift, graph=graph)
    if any(s.normalize and s.normalize.by == "model" for s in found.groups["inputs"].values()):
        raise ValueError("normalisation is inserted into a torch.nn.Module, which this is not")
    where = getattr(model, "__qualname__", type(model).__qualname__)
    rest, _ = behind(found, where, logger or logging.getLogger("andiron.tensor"))
    checker = Checker(rest, where, mode=mode, logger=logger, drift=drift)
    matched = match_inputs(where, inspect.signature(model), found, parameters or {})
    return _checked(model, checker, matched, strict=True, partial=graph == "what_fits")
