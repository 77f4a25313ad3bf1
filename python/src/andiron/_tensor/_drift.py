"""Windows of tensors, compared with the baseline of a schema."""

from __future__ import annotations

import bisect
import dataclasses
import math
import threading
from collections.abc import Iterable, Sequence
from fractions import Fraction
from typing import Any

from ._check import Given
from ._number import bound, short, to_float
from ._schema import Schema
from ._spec import Balance, Drift, Spec
from ._text import elements
from ._violation import Violation

# What an empty bin counts as, so that no logarithm is infinite.
_LEAST = 1e-4


@dataclasses.dataclass(slots=True)
class _Window:
    tensors: int
    bins: list[int]

    def add(self, counts: Sequence[int]) -> None:
        self.tensors += 1
        self.bins = [a + b for a, b in zip(self.bins, counts, strict=True)]


class Windows:
    """Gathers tensors of a group that have passed the check. Threads may share it."""

    def __init__(self, schema: Schema, group: str = "inputs") -> None:
        self._specs = {s.name: s for s in schema.specs(group) if s.drift or s.balance}
        self._open: dict[str, _Window] = {}
        self._labels: dict[str, _Window] = {}
        self._lock = threading.Lock()

    def __getstate__(self) -> dict[str, object]:
        return {**self.__dict__, "_lock": None}

    def __setstate__(self, state: dict[str, object]) -> None:
        self.__dict__.update(state)
        self._lock = threading.Lock()

    def add(self, tensors: Iterable[Given]) -> list[Violation]:
        """Return the windows that these filled and that drifted. A full one starts anew."""
        found = []
        for given in tensors:
            s = self._specs.get(given.name)
            if s is None or given.known not in s.dtypes:
                continue
            if s.balance:
                self._put(self._labels, s.name, labels(s, s.balance, given), 0)
            if s.drift:
                bins = given.elements().bins([to_float(e) for e in s.drift.edges])
                window = self._put(self._open, s.name, bins, s.drift.window)
                violation = window and compare(s.name, s.drift, window)
                found += [violation] if violation else []
        return found

    def finish(self) -> list[Violation]:
        """Compare labels, once all have been added. A window that is not full is not compared."""
        found = []
        for s in self._specs.values():
            if s.balance and s.name in self._labels:
                violation = compare_labels(s.name, s.balance, self._labels[s.name])
                found += [violation] if violation else []
        return found

    def _put(self, among: dict[str, _Window], name: str, counts: Sequence[int], full: int) -> _Window | None:
        with self._lock:
            window = among.setdefault(name, _Window(0, [0] * len(counts)))
            window.add(counts)
            return among.pop(name) if window.tensors == full else None


def labels(s: Spec, balance: Balance, given: Given) -> list[int]:
    """Count the labels of a tensor. One that is none of them is not counted."""
    counts = [0] * len(balance.shares)
    d = given.known
    if d is None or d.kind == "bytes":
        for element in elements(given.texts()):
            _count(counts, s.texts, element)
        return counts
    want, found = s.wants[d.name], given.elements()
    for key in (d.plus(found.key(i)) for i in range(len(found))):
        if want.values is not None:
            _count(counts, want.values, key)
        elif 0 <= key - want.low < len(counts):
            counts[key - want.low] += 1
    return counts


def _count(counts: list[int], listed: Sequence[Any], value: Any) -> None:
    i = bisect.bisect_left(listed, value)
    if i < len(listed) and listed[i] == value:
        counts[i] += 1


def distance(bins: Sequence[int], shares: Sequence[Fraction]) -> tuple[float, float] | None:
    """Return PSI and KS of bins against a baseline, or None if nothing is in them."""
    total = sum(bins)
    if not total:
        return None
    psi = ks = a = b = 0.0
    for n, baseline in zip(bins, map(to_float, shares), strict=True):
        a, b = a + n / total, b + baseline
        ks = max(ks, abs(a - b))
        share, base = max(n / total, _LEAST), max(baseline, _LEAST)
        psi += (share - base) * math.log(share / base)
    return psi, ks


def compare(name: str, d: Drift, window: _Window) -> Violation | None:
    """Compare a full window with the baseline."""
    hint = f"{window.tensors} tensors of this window are unlike the baseline"
    found = distance(window.bins, d.shares)
    if found is None:
        got, want, hint = "a window without a number", "one to compare", ""
    elif d.psi is not None and found[0] > to_float(d.psi):
        got, want = "a PSI of " + short(found[0]), "at most " + bound(d.psi)
    elif d.ks is not None and found[1] > to_float(d.ks):
        got, want = "a KS distance of " + short(found[1]), "at most " + bound(d.ks)
    else:
        return None
    n = window.tensors
    return Violation("AT-DRIFT", name, (), -1, got, want, n, n, hint, alert=d.action == "alert")


def compare_labels(name: str, balance: Balance, window: _Window) -> Violation | None:
    """Compare how often labels were there with how often they should be."""
    found, n = distance(window.bins, balance.shares), window.tensors
    if found is None:
        return Violation("AT-BALANCE", name, (), -1, "no label", "labels to compare", n, n)
    if found[0] > to_float(balance.psi):
        return Violation(
            "AT-BALANCE", name, (), -1, "a PSI of " + short(found[0]), "at most " + bound(balance.psi), n, n
        )
    return None
