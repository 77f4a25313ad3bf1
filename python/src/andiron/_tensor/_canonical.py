"""The canonical form of a schema, whose digest is its name."""

from __future__ import annotations

import json
from fractions import Fraction
from typing import TYPE_CHECKING, Any

from ._number import canonical
from ._spec import Normalize, Spec

if TYPE_CHECKING:
    from ._schema import Schema


def encode(s: Schema) -> bytes:
    """Write JSON without spaces, keys sorted, ASCII only, every default filled in."""
    top = {
        "andiron": "tensor/v1", "model": s.model, "dims": {name: list(span) for name, span in s.dims.items()},
        "constraints": list(dict.fromkeys(map(str, s.constraints))),
        "limits": {
            "max_elements": s.limits.max_elements, "max_bytes": s.limits.max_bytes, "max_inputs": s.limits.max_inputs,
        },
        "wire": {
            "accept": s.wire.accept, "forward_as": s.wire.forward_as, "parameters": s.wire.parameters,
            "raw_binary": s.wire.raw_binary, "compression": s.wire.compression,
            "drop_unknown": s.wire.drop_unknown, "unseen_memory": s.wire.unseen_memory,
        },
        "on_violation": {"shadow": s.shadow, "status": s.status},
        **{group: {spec.name: _spec(spec) for spec in specs.values()} for group, specs in s.groups.items()},
    }  # fmt: skip
    return json.dumps(top, sort_keys=True, separators=(",", ":")).encode("ascii")


def _spec(s: Spec) -> dict[str, Any]:
    o: dict[str, Any] = {
        "dtype": [d.name for d in s.dtypes], "optional": s.optional,
        "shape": [d.low if not d.symbol and d.low == d.high else str(d) for d in s.shape],
    }  # fmt: skip
    if s.dtypes[0].kind == "bytes":
        _bytes(s, o)
    else:
        o |= {"allow_nan": s.allow_nan, "allow_inf": s.allow_inf, "tiny": _tiny(s)}
    if s.range:
        o["range"] = [canonical(x) for x in s.range]
    if s.vocabulary:
        o["vocabulary"] = s.vocabulary
    if s.values:
        o["values"] = _fractions(s.values)
    if s.max_new:
        o["max_new"] = s.max_new
    if s.max_elements:
        o["max_elements"] = s.max_elements
    if s.max_bytes:
        o["max_bytes"] = s.max_bytes
    return o | _checks(s)


def _tiny(s: Spec) -> dict[str, Any]:
    rules = {d.name: s.tiny_for(d) for d in s.dtypes}
    return {
        name: {"below": canonical(rule[0]), "action": rule[1]}
        for name, rule in rules.items() if rule and rule[1] != "allow"
    }  # fmt: skip


def _bytes(s: Spec, o: dict[str, Any]) -> None:
    if s.texts:
        o["values"] = [text.decode() for text in s.texts]
    if x := s.text:
        o["text"] = {
            "max_bytes": x.max_bytes, "max_chars": x.max_chars, "min_chars": x.min_chars,
            "utf8": x.strict, "deny": x.deny, "pattern": x.pattern,
        }  # fmt: skip


def _checks(s: Spec) -> dict[str, Any]:
    o: dict[str, Any] = {}
    if s.flat:
        o["flat"] = {"max_constant_fraction": canonical(s.flat.fraction)}
        if s.flat.axis is not None:
            o["flat"]["axis"] = s.flat.axis
    if s.normalize:
        o["normalize"] = _normalize(s.normalize)
    if s.stats:
        o["stats"] = {"axis": s.stats.axis} | {
            key: [[canonical(a), canonical(b)] for a, b in bands]
            for key, bands in (("mean", s.stats.mean), ("std", s.stats.std))
        }
    if d := s.drift:
        o["drift"] = {
            "edges": _fractions(d.edges),
            "shares": _fractions(d.shares),
            "window": d.window,
            "action": d.action,
        }
        o["drift"] |= {key: canonical(x) for key, x in (("psi", d.psi), ("ks", d.ks)) if x is not None}
    if s.balance:
        o["balance"] = {"psi": canonical(s.balance.psi), "shares": _fractions(s.balance.shares)}
    return o


def _normalize(z: Normalize) -> dict[str, Any]:
    o: dict[str, Any] = {"kind": z.kind, "by": z.by, "axis": z.axis}
    if z.kind == "standardize":
        return o | {"mean": _fractions(z.mean), "std": _fractions(z.std)}
    o |= {"p": canonical(z.p), "eps": canonical(z.eps)}
    if z.tolerance is not None:
        o["tolerance"] = canonical(z.tolerance)
    return o


def _fractions(values: list[Fraction]) -> list[str]:
    return [canonical(x) for x in values]
