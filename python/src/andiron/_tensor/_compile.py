"""Rounds the numbers of a schema into each type."""

from __future__ import annotations

from fractions import Fraction

from . import _balance
from ._dtype import DType
from ._number import Real, bound, parse_real
from ._spec import Spec, Want


def compile_spec(s: Spec) -> None:
    """Fill in ``values`` and ``wants``. Raises ValueError."""
    try:
        _balance.pair(s)
    except ValueError as exc:
        raise ValueError(f'"{s.name}": {exc}') from exc
    if s.dtypes[0].kind != "bytes":
        _numbers(s)
    s.texts = _balance.sort(s, s.texts)
    if len(set(s.values)) < len(s.values) or len(set(s.texts)) < len(s.texts):
        raise ValueError(f'"{s.name}": a value stands twice')
    for d in s.dtypes:
        if d.kind != "bytes":
            try:
                s.wants[d.name] = _want(s, d)
            except ValueError as exc:
                raise ValueError(f'"{s.name}": {exc}') from exc
    if s.balance:
        try:
            _balance.classes(s, s.balance)
        except ValueError as exc:
            raise ValueError(f'"{s.name}": {exc}') from exc
    if s.tiny and s.tiny.action != "allow" and not any(w.tiny > 1 for w in s.wants.values()):
        raise ValueError(f'"{s.name}": {s.types()} has no value that is tiny: set tiny.below')


def _numbers(s: Spec) -> None:
    try:
        s.values = _balance.sort(s, [parse_real(text.decode()) for text in s.texts])
    except ValueError as exc:
        raise ValueError(f'"{s.name}": value {exc}') from exc
    s.texts = []


def _bounds(s: Spec, d: DType) -> tuple[Real, Real] | None:
    if s.vocabulary:
        return parse_real("0"), parse_real(str(s.vocabulary - 1))
    if d.kind == "bool":
        return parse_real("0"), parse_real("1")
    return s.range


def _want(s: Spec, d: DType) -> Want:
    low, high = d.extremes()
    want = Want(low, high)
    if bounds := _bounds(s, d):
        a, b = d.ceil(bounds[0]), d.floor(bounds[1])
        if a is None or b is None or a > b:
            raise ValueError(f"no {d.name} lies between {bound(bounds[0])} and {bound(bounds[1])}")
        want.low, want.high = a, b
    if s.values:
        want.values = [_exact(d, x) for x in s.values]
    tiny = s.tiny_for(d)
    if tiny and tiny[1] != "allow":
        key = d.ceil(tiny[0])
        if key is None or key < 1:
            raise ValueError(f"tiny.below {bound(tiny[0])} is outside {d.name}")
        want.tiny = key
    return want


def _exact(d: DType, x: Fraction) -> int:
    key = d.holds(x)
    if key is None:
        raise ValueError(f"value {bound(x)} is no {d.name}: a list of values has exact ones")
    return key


def check_channels(s: Spec) -> None:
    """Hold the lists of values per channel against the number of channels."""
    if s.stats:
        _channels(s, "stats.mean", s.stats.axis, len(s.stats.mean))
        _channels(s, "stats.std", s.stats.axis, len(s.stats.std))
    if s.normalize:
        _channels(s, "normalize", s.normalize.axis, len(s.normalize.mean))


def _channels(s: Spec, what: str, axis: int, n: int) -> None:
    d = s.shape[axis]
    if n > 1 and (d.low != d.high or d.low != n):
        raise ValueError(f'"{s.name}": {what} has {n} values, and dimension {axis} is {d}')
