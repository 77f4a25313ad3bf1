"""What is left of a check behind a gateway that has normalised an input.

The schema is about the tensor as it comes to the gateway, which holds it against all of
it. Behind it the values are others: type, sizes, NaN and infinities are as before.
"""

from __future__ import annotations

import copy
import dataclasses
import logging

from .._record import emit
from ._schema import Schema
from ._spec import Spec, Want


def behind(schema: Schema, where: str = "", logger: logging.Logger | None = None) -> tuple[Schema, tuple[str, ...]]:
    """Return what can be checked behind the gateway, and by name what cannot, which is logged."""
    inputs, unchecked = {}, []
    for name, s in schema.groups["inputs"].items():
        inputs[name] = s
        if s.normalize and s.normalize.by == "gateway":
            inputs[name] = _rest(s)
            unchecked += [f"{rule} of {name}" for rule in _rules(s)]
    if not unchecked:
        return schema, ()
    found = copy.copy(schema)
    found.__dict__["sha256"] = schema.sha256  # it is that schema that is enforced, here and there
    found.groups = {**schema.groups, "inputs": inputs}
    if logger:
        emit(logger, logging.INFO, "tensor", outcome="left to the gateway", where=where,
             schema=schema.sha256, rules=unchecked)  # fmt: skip
    return found, tuple(unchecked)


def _rules(s: Spec) -> list[str]:
    rules = {
        "range": s.range, "values": s.values, "tiny": any(w.tiny for w in s.wants.values()), "flat": s.flat,
        "stats": s.stats, "drift": s.drift,
    }  # fmt: skip
    return [name for name, rule in rules.items() if rule] + ["normalize"]


def _rest(s: Spec) -> Spec:
    wants = {d.name: Want(*d.extremes()) for d in s.dtypes}
    return dataclasses.replace(
        s, range=None, values=[], max_new=0, tiny=None, flat=None, stats=None, drift=None, normalize=None, wants=wants
    )
