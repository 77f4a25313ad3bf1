"""The elements of a tensor, looked at in plain Python, a byte buffer at a time.

This is what is meant; :mod:`._arrays` does the same with numpy. Integers are compared,
never floats, so that subnormal numbers cost nothing.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterator, Sequence
from typing import Protocol

from ._dtype import DType, small_values
from ._spec import Want


@dataclasses.dataclass(slots=True)
class Tally:
    """Counts offenders; ``first`` is -1 where there is none."""

    count: int = 0
    first: int = -1

    def add(self, at: int) -> None:
        self.count += 1
        if self.count == 1:
            self.first = at


@dataclasses.dataclass(slots=True)
class Scan:
    """What one look at every element finds. Keys of finite values, or low above high."""

    nan: Tally = dataclasses.field(default_factory=Tally)
    inf: Tally = dataclasses.field(default_factory=Tally)
    tiny: Tally = dataclasses.field(default_factory=Tally)
    out: Tally = dataclasses.field(default_factory=Tally)
    low: int = 1
    high: int = 0

    @property
    def clean(self) -> bool:
        return not (self.nan.count or self.inf.count or self.tiny.count or self.out.count)


@dataclasses.dataclass(slots=True)
class Majority:
    """Slices in which one value has more than its share: the first one's count and key."""

    tally: Tally
    count: int = 0
    key: int = 0


class Elements(Protocol):
    """The elements of one tensor, in row-major order."""

    dtype: DType
    shape: tuple[int, ...]

    def __len__(self) -> int: ...

    def key(self, at: int) -> int:
        """Return the key of an element."""

    def scan(self, want: Want) -> Scan:
        """Look at every element once."""

    def unlisted(self, keys: list[int]) -> Tally:
        """Count the numbers that are not among the sorted keys."""

    def majorities(self, axis: int | None, most: int) -> Majority:
        """Find slices in which more than most elements are the same."""

    def moments(self, axis: int) -> list[tuple[float, float]]:
        """Return mean and standard deviation of the numbers of each slice, or NaNs."""

    def norms(self, axis: int, p: float, within: float) -> tuple[Tally, float]:
        """Find vectors whose norm is neither 0 nor 1, and the norm of the first."""

    def bins(self, edges: Sequence[float]) -> list[int]:
        """Count the values between edges; a value on an edge is in the bin above."""


@dataclasses.dataclass(frozen=True, slots=True)
class Slices:
    """A tensor along an axis: element j of slice i is at (j / inner * n + i) * inner + j % inner."""

    n: int
    inner: int
    each: int

    def at(self, i: int, j: int) -> int:
        return (j // self.inner * self.n + i) * self.inner + j % self.inner

    def all(self, i: int) -> Iterator[int]:
        return (self.at(i, j) for j in range(self.each))


def along(shape: tuple[int, ...], axis: int | None) -> Slices:
    """Cut a tensor along an axis, or not at all."""
    total = math.prod(shape)
    if axis is None:
        return Slices(1, 1, total)
    n = shape[axis]
    return Slices(n, max(math.prod(shape[axis + 1 :]), 1), total // n if n else 0)


def norm_is_wrong(norm: float, within: float) -> bool:
    return norm != 0 and not abs(norm - 1) <= within


_FORMATS = {8: "Q", 4: "I", 2: "H", 1: "B"}


class Plain:
    """Elements in a buffer of little-endian bytes."""

    def __init__(self, dtype: DType, shape: tuple[int, ...], data: bytes | memoryview) -> None:
        self.dtype = dtype
        self.shape = shape
        self._data = memoryview(data).cast("B")

    def __len__(self) -> int:
        return len(self._data) // self.dtype.size

    def key(self, at: int) -> int:
        size = self.dtype.size
        return self.dtype.key(int.from_bytes(self._data[at * size : (at + 1) * size], "little"))

    def keys(self) -> Iterator[int]:
        return (self.key(i) for i in range(len(self)))

    def values(self) -> list[float]:
        if self.dtype.is_float and self.dtype.size == 1:
            table = small_values(self.dtype.name)
            return [table[b] for b in self._data]
        return [self.dtype.value(k) for k in self.keys()]

    def scan(self, want: Want) -> Scan:
        scan, d = Scan(), self.dtype
        first, top = d.extremes()
        low, high = top + 1, first - 1
        for i, key in enumerate(self.keys()):
            if d.is_float:
                magnitude = ~key if key < 0 else key
                if (d.fnuz and key == -1) or magnitude > top + d.infinite:
                    scan.nan.add(i)
                    continue
                if magnitude > top:
                    scan.inf.add(i)
                    continue
                if 0 < magnitude < want.tiny:
                    scan.tiny.add(i)
            if not want.low <= key <= want.high:
                scan.out.add(i)
            low, high = min(low, key), max(high, key)
        scan.low, scan.high = low, high
        return scan

    def unlisted(self, keys: list[int]) -> Tally:
        tally, listed, d = Tally(), set(keys), self.dtype
        for i, key in enumerate(self.keys()):
            if d.is_number(key) and d.plus(key) not in listed:
                tally.add(i)
        return tally

    def majorities(self, axis: int | None, most: int) -> Majority:
        slices = along(self.shape, axis)
        found = Majority(Tally())
        for i in range(slices.n if slices.each > 1 else 0):
            counts: dict[int, int] = {}
            for at in slices.all(i):
                key = self.dtype.plus(self.key(at))
                counts[key] = counts.get(key, 0) + 1
            key, count = max(counts.items(), key=lambda item: item[1])
            if count > most:
                found.tally.add(i)
                if found.tally.count == 1:
                    found.count, found.key = count, key
        return found

    def moments(self, axis: int) -> list[tuple[float, float]]:
        slices, values, out = along(self.shape, axis), self.values(), []
        for i in range(slices.n):
            numbers = [values[at] for at in slices.all(i) if self.dtype.is_number(self.key(at))]
            if not numbers:
                out.append((math.nan, math.nan))
                continue
            mean = _total(numbers) / len(numbers)
            out.append((mean, math.sqrt(_total([(x - mean) * (x - mean) for x in numbers]) / len(numbers))))
        return out

    def norms(self, axis: int, p: float, within: float) -> tuple[Tally, float]:
        slices, values = along(self.shape, axis), self.values()
        tally, got = Tally(), 0.0
        for j in range(slices.each):
            norm = _power(sum(_power(abs(values[slices.at(i, j)]), p) for i in range(slices.n)), 1 / p)
            if norm_is_wrong(norm, within):
                tally.add(slices.at(0, j))
                got = norm if tally.count == 1 else got
        return tally, got

    def bins(self, edges: Sequence[float]) -> list[int]:
        counts = [0] * (len(edges) + 1)
        for key, x in zip(self.keys(), self.values(), strict=True):
            if x == x and not (self.dtype.fnuz and key == -1):
                counts[sum(edge <= x for edge in edges)] += 1
        return counts


def _total(numbers: list[float]) -> float:
    try:
        return math.fsum(numbers)
    except OverflowError:
        return sum(numbers)


def _power(x: float, p: float) -> float:
    try:
        return float(x**p)
    except OverflowError:
        return math.inf
