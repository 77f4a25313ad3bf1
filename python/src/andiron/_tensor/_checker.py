"""Checks what goes into a function and comes out of it, and raises or logs."""

from __future__ import annotations

import dataclasses
import inspect
import logging
import sys
from collections.abc import Iterable, Mapping
from typing import Any, Literal

from .._errors import TensorValidationError
from .._record import emit
from ._check import Given, check
from ._drift import Windows
from ._fast import Fast
from ._flush import flushed, flushes
from ._given import given, is_tensor
from ._schema import Schema
from ._violation import Violation

Mode = Literal["enforce", "shadow"]

_SHOWN = 8


class Checker:
    """Checks the groups of a schema. Threads may share it.

    where: what is checked, for messages.
    mode: raise or log; default is what the schema says.
    """

    def __init__(
        self,
        schema: Schema,
        where: str,
        *,
        mode: Mode | None = None,
        logger: logging.Logger | None = None,
        drift: bool | None = None,
    ) -> None:
        if mode not in (None, "enforce", "shadow"):
            raise ValueError(f"mode must be 'enforce' or 'shadow', not {mode!r}")
        self.schema = schema
        self.where = where
        self.shadow = mode == "shadow" if mode else schema.shadow
        self.logger = logger or logging.getLogger("andiron.tensor")
        rejects = any(s.drift and s.drift.action == "reject" for s in schema.specs("inputs"))
        self.windows = Windows(schema) if drift or (drift is None and rejects) else None
        self._fast: dict[str, Fast] = {}

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_fast": {}}  # what is compiled for this process

    def check(
        self, group: str, values: Mapping[str, Any], dims: Mapping[str, int] | None = None, *, where: str = ""
    ) -> dict[str, int]:
        """Check values by name; return the sizes of symbols. Raises TensorValidationError."""
        fast = self._fast.get(group) or self._prepare(group)
        windows = self.windows if group == "inputs" else None
        if fast is not None and windows is None:
            found = dict(dims) if dims else {}
            if fast.passes(values, found):
                return found
        specs = self.schema.groups[group]
        tensors = [
            given(name, value, texts=name in specs and specs[name].dtypes[0].kind == "bytes")
            for name, value in values.items()
        ]
        result = check(self.schema, group, tensors, dims)
        if result.violations:
            self.violated(result.violations, where)
        elif windows is not None:
            self._add(windows, tensors)
        return result.dims

    def _prepare(self, group: str) -> Fast | None:
        torch = sys.modules.get("torch")
        if torch is None or not hasattr(torch, "aminmax"):
            return None
        return self._fast.setdefault(group, Fast(torch, self.schema, group))

    def _add(self, windows: Windows, tensors: Iterable[Given]) -> None:
        found = windows.add(tensors)
        for violation in found:
            if violation.alert:
                self.log("drift", [violation], "")
        if refused := [v for v in found if not v.alert]:
            self.violated(refused)

    def violated(self, violations: list[Violation], where: str = "") -> None:
        """Raise, or log in shadow mode."""
        if self.shadow:
            self.log("would refuse", violations, where)
            return
        lines = [str(v) for v in violations[:_SHOWN]]
        if len(violations) > _SHOWN:
            lines.append(f"and {len(violations) - _SHOWN} more")
        raise TensorValidationError("\n".join(lines), where=where or self.where, hint="", violations=violations)

    def log(self, outcome: str, violations: list[Violation], where: str) -> None:
        """Log one event; no more of the data than one number for each violation."""
        emit(
            self.logger, logging.WARNING, "tensor", outcome=outcome, where=where or self.where,
            schema=self.schema.sha256, violations=[dataclasses.asdict(v) for v in violations],
        )  # fmt: skip

    def flush(self, group: str, values: Mapping[str, Any]) -> dict[str, Any]:
        """Return the values whose tiny elements have to be replaced by zeros, replaced."""
        specs = self.schema.groups[group]
        return {
            name: flushed(specs[name], value)
            for name, value in values.items() if name in specs and flushes(specs[name])
        }  # fmt: skip


class Binder:
    """Finds the arguments of a call that a schema is about.

    parameters: input by name of parameter.
    """

    def __init__(self, signature: inspect.Signature, parameters: Mapping[str, str], *, strict: bool) -> None:
        names = []
        for p in signature.parameters.values():
            if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD):
                names.append(p.name)
        self.names = tuple(names)
        self.parameters = dict(parameters)
        places = {name: i for i, name in enumerate(names)}
        self.slots = tuple((places.get(name, 1 << 30), name, to) for name, to in parameters.items())
        self.strict = strict

    def bind(self, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> dict[str, Any]:
        """Return the values by input; a None is as if it were not there."""
        values: dict[str, Any] = {}
        n = len(args)
        for place, name, to in self.slots:
            value = args[place] if place < n else kwargs.get(name)
            if value is not None:
                values[to] = value
        if self.strict and len(values) < n + len(kwargs):
            self.strangers(args, kwargs, values)
        return values

    def strangers(self, args: tuple[Any, ...], kwargs: Mapping[str, Any], values: dict[str, Any]) -> None:
        """Add the tensors that the schema does not have, which are AT-UNKNOWN."""
        for i, value in enumerate(args):
            name = self.names[i] if i < len(self.names) else f"[{i}]"
            if name not in self.parameters and is_tensor(value):
                values[name] = value
        for name, value in kwargs.items():
            if name not in self.parameters and is_tensor(value):
                values[name] = value

    def replace(
        self, args: tuple[Any, ...], kwargs: Mapping[str, Any], values: Mapping[str, Any]
    ) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """Return the arguments with other values in place of those of some inputs."""
        new, changed = list(args), dict(kwargs)
        for place, name, to in self.slots:
            if to in values and place < len(new):
                new[place] = values[to]
            elif to in values:
                changed[name] = values[to]
        return tuple(new), changed


def parameters_of(signature: inspect.Signature) -> list[inspect.Parameter]:
    """List the parameters of a function, without the one that is the object."""
    found = list(signature.parameters.values())
    return found[1:] if found and found[0].name in ("self", "cls") else found


def match_inputs(
    where: str,
    signature: inspect.Signature,
    schema: Schema,
    renamed: Mapping[str, str],
    spelling: str = "parameters={{{0!r}: {1!r}}}",
) -> dict[str, str]:
    """Say which parameter is which input. Raises ValueError where that is not clear.

    spelling: how the caller would be told that parameter {0} is input {1}.
    """
    parameters = parameters_of(signature)
    names = [p.name for p in parameters if p.kind not in (p.VAR_POSITIONAL, p.VAR_KEYWORD)]
    inputs = list(schema.groups["inputs"])
    found = dict(renamed)
    keywords = any(p.kind == p.VAR_KEYWORD for p in parameters)
    if not keywords and (strange := [name for name in renamed if name not in names]):
        raise ValueError(f"{where} has no parameter {strange[0]!r}, but {', '.join(names)}")
    if wrong := [name for name in renamed.values() if name not in inputs]:
        raise ValueError(f"the schema has no input {wrong[0]!r}, but {', '.join(map(repr, inputs))}")
    for name in names:
        if name in inputs and name not in found and name not in renamed.values():
            found[name] = name
    # What is optional, too: it would come by another name and not be looked at.
    missing = [name for name in inputs if name not in found.values()]
    free = [name for name in names if name not in found]
    if len(missing) == 1 and len(inputs) == 1 and free:
        found[free[0]] = missing.pop()
    if keywords:
        found |= {name: name for name in missing}
    elif missing:
        say = f"say which is, as {spelling.format(free[0], missing[0])}" if free else "and none is left for it"
        raise ValueError(f"input {missing[0]!r} of the schema is no parameter of {where}({', '.join(names)}): {say}")
    return found


def outputs_of(schema: Schema, result: Any) -> dict[str, Any]:
    """Name what a function returned, as the outputs of the schema."""
    names = list(schema.groups["outputs"])
    if is_tensor(result) or result is None:
        return {} if result is None else {names[0]: result}
    if isinstance(result, Mapping):
        return {str(k): v for k, v in result.items() if v is not None and (k in names or is_tensor(v))}
    fields = getattr(result, "_fields", ())
    if isinstance(result, (tuple, list)) and not set(names) & set(fields):
        pairs = ((names[i] if i < len(names) else f"[{i}]", v) for i, v in enumerate(result))
        return {name: v for name, v in pairs if v is not None and (name in names or is_tensor(v))}
    found = {name: getattr(result, name, None) for name in names}
    return {name: v for name, v in found.items() if v is not None}
