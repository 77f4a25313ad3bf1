"""Windows of tensors, compared with the baseline of a schema."""

from __future__ import annotations

import math
import threading
from collections.abc import Iterable

from ._check import Given
from ._number import bound, short, to_float
from ._schema import Schema
from ._spec import Drift
from ._violation import Violation

# What an empty bin counts as, so that no logarithm is infinite.
_LEAST = 1e-4


class Windows:
    """Gathers tensors of a group that have passed the check. Threads may share it."""

    def __init__(self, schema: Schema, group: str = "inputs") -> None:
        self._specs = {s.name: (s, s.drift) for s in schema.specs(group) if s.drift}
        self._open: dict[str, tuple[int, list[int]]] = {}
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
            s, drift = self._specs.get(given.name, (None, None))
            if s is None or drift is None or given.known not in s.dtypes:
                continue
            full = self._put(s.name, drift, given.elements().bins([to_float(e) for e in drift.edges]))
            violation = full and compare(s.name, drift, *full)
            if violation:
                found.append(violation)
        return found

    def _put(self, name: str, drift: Drift, bins: list[int]) -> tuple[int, list[int]] | None:
        with self._lock:
            tensors, counts = self._open.get(name, (0, [0] * len(bins)))
            window = (tensors + 1, [a + b for a, b in zip(counts, bins, strict=True)])
            if window[0] < drift.window:
                self._open[name] = window
                return None
            self._open.pop(name, None)
            return window


def compare(name: str, d: Drift, tensors: int, bins: list[int]) -> Violation | None:
    """Compare a full window with the baseline."""
    total = sum(bins)
    got, want = "a window without a number", "one to compare"
    if total:
        psi = ks = a = b = 0.0
        for n, baseline in zip(bins, map(to_float, d.shares), strict=True):
            a, b = a + n / total, b + baseline
            ks = max(ks, abs(a - b))
            share, base = max(n / total, _LEAST), max(baseline, _LEAST)
            psi += (share - base) * math.log(share / base)
        if d.psi is not None and psi > to_float(d.psi):
            got, want = "a PSI of " + short(psi), "at most " + bound(d.psi)
        elif d.ks is not None and ks > to_float(d.ks):
            got, want = "a KS distance of " + short(ks), "at most " + bound(d.ks)
        else:
            return None
    hint = f"{tensors} tensors of this window are unlike the baseline" if total else ""
    return Violation("AT-DRIFT", name, (), -1, got, want, tensors, tensors, hint)
