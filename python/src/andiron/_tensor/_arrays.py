"""The elements of a tensor, looked at with numpy.

Integers are looked at and never floats, so that subnormal numbers cost nothing. The
extremes of the bits decide when all is well, but where there are zeros, which hide tiny
values: these are compared one by one. Only what is not well is counted.
"""

from __future__ import annotations

import importlib
import math
import threading
from collections.abc import Iterator, Sequence
from typing import Any

from ._dtype import DType, small_values
from ._elements import Majority, Scan, Tally, along
from ._spec import Want

_BLOCK = 1 << 15  # elements that are looked at together, so that they stay in the cache
_PLANE = 3 << 16  # the same of answers, which are a byte each; an image of 3x224x224 is one


class Array:
    """Elements in a numpy array of unsigned integers, which are their bits."""

    def __init__(self, dtype: DType, shape: tuple[int, ...], bits: Any) -> None:
        self.dtype = dtype
        self.shape = shape
        self._np = importlib.import_module("numpy")
        self._bits = bits.reshape(-1)
        self._signed = self._bits.view(f"i{dtype.size}")

    def __len__(self) -> int:
        return int(self._bits.size)

    def key(self, at: int) -> int:
        return self.dtype.key(int(self._bits[at]))

    def keys(self, start: int = 0, stop: int | None = None) -> Any:
        """Return keys as signed integers of the width of the type."""
        part = self._signed[start:stop]
        d = self.dtype
        if d.unsigned:
            return part ^ self._np.array(-d.mask - 1, part.dtype)
        if d.is_float:
            return part ^ ((part >> (d.bits - 1)) & self._np.array(d.mask, part.dtype))
        return part

    def _blocks(self) -> Iterator[tuple[int, Any]]:
        for start in range(0, len(self), _BLOCK):
            yield start, self.keys(start, start + _BLOCK)

    def scan(self, want: Want) -> Scan:
        if not len(self) or self.is_clean(want):
            return Scan()
        return self._count(want)

    def is_clean(self, want: Want) -> bool:
        """Tell whether all is well. False is no answer: what is allowed may look like what is not."""
        np, d = self._np, self.dtype
        if d.fnuz:
            return False
        if d.unsigned:
            low, high = np.minimum.reduce(self._bits), np.maximum.reduce(self._bits)
            return d.integer(want.low) <= int(low) and int(high) <= d.integer(want.high)
        low, high = int(np.minimum.reduce(self._signed)), int(np.maximum.reduce(self._signed))
        if not d.is_float:
            return want.low <= low and high <= want.high
        return Signed(np, d.size, d.mask, want).clean(self._signed, low, high)

    def _count(self, want: Want) -> Scan:
        scan, d = Scan(), self.dtype
        first, top = d.extremes()
        low, high = top + 1, first - 1
        for start, keys in self._blocks():
            finite = self._np.ones(keys.shape, bool)
            if d.is_float:
                magnitudes = self._np.where(keys < 0, ~keys, keys)
                nan = (magnitudes > top + d.infinite) if not d.fnuz else keys == -1
                finite = (magnitudes <= top) & ~nan
                _tally(scan.nan, nan, start)
                _tally(scan.inf, ~finite & ~nan, start)
                if want.tiny:
                    _tally(scan.tiny, finite & (magnitudes > 0) & (magnitudes < want.tiny), start)
            _tally(scan.out, finite & ((keys < want.low) | (keys > want.high)), start)
            if finite.any():
                low, high = min(low, int(keys[finite].min())), max(high, int(keys[finite].max()))
        scan.low, scan.high = low, high
        return scan

    def _numbers(self, keys: Any) -> Any:
        d = self.dtype
        if not d.is_float:
            return self._np.ones(keys.shape, bool)
        numbers = (keys >= ~d.top) & (keys <= d.top)
        return numbers & (keys != -1) if d.fnuz else numbers

    def _plus(self, keys: Any) -> Any:
        if self.dtype.is_float and not self.dtype.fnuz:
            keys = self._np.where(keys == -1, 0, keys)
        return keys

    def unlisted(self, keys: list[int]) -> Tally:
        tally, listed = Tally(), self._np.array(keys, self._signed.dtype)
        for start, part in self._blocks():
            plain = self._plus(part)
            at = self._np.minimum(self._np.searchsorted(listed, plain), len(listed) - 1)
            _tally(tally, self._numbers(part) & (listed[at] != plain), start)
        return tally

    def majorities(self, axis: int | None, most: int) -> Majority:
        slices, found = along(self.shape, axis), Majority(Tally())
        if slices.each < 2:
            return found
        keys = self._plus(self.keys()).reshape(-1, slices.n, slices.inner)
        step, middle = max(1, _BLOCK // slices.each), slices.each // 2
        for start in range(0, slices.n, step):
            part = self._np.moveaxis(keys[:, start : start + step, :], 1, 0).reshape(-1, slices.each)
            # What has more than half of the elements is in the middle of them, sorted.
            candidates = self._np.partition(part, middle, axis=1)[:, middle]
            counts = (part == candidates[:, None]).sum(axis=1)
            at = found.tally.first
            _tally(found.tally, counts > most, start)
            if at < 0 <= found.tally.first:
                found.count = int(counts[found.tally.first - start])
                found.key = int(candidates[found.tally.first - start])
        return found

    def values(self) -> Any:
        """Return the values in double precision."""
        d, np = self.dtype, self._np
        if d.is_float and d.size == 1:
            return np.array(small_values(d.name))[self._bits]
        if d.name == "bfloat16":
            return (self._bits.astype("u4") << 16).view("f4").astype("f8")
        kind = "f" if d.is_float else "u" if d.unsigned else "i"
        with np.errstate(all="ignore"):
            return self._bits.view(f"{kind}{d.size}").astype("f8")

    def moments(self, axis: int) -> list[tuple[float, float]]:
        slices, np = along(self.shape, axis), self._np
        if not slices.each:
            return [(math.nan, math.nan)] * slices.n
        values, numbers = (a.reshape(-1, slices.n, slices.inner) for a in (self.values(), self._numbers(self.keys())))
        values = np.where(numbers, values, 0.0)
        with np.errstate(all="ignore"):
            count = numbers.sum(axis=(0, 2))
            mean = values.sum(axis=(0, 2)) / count
            squares = np.where(numbers, (values - mean[:, None]) ** 2, 0.0).sum(axis=(0, 2))
            std = np.sqrt(squares / count)
        return list(zip(mean.tolist(), std.tolist(), strict=True))

    def norms(self, axis: int, p: float, within: float) -> tuple[Tally, float]:
        slices, tally, got = along(self.shape, axis), Tally(), 0.0
        if not len(self):
            return tally, got
        with self._np.errstate(all="ignore"):
            powers = abs(self.values().reshape(-1, slices.n, slices.inner)) ** p
            norms = (powers.sum(axis=1) ** (1 / p)).reshape(-1)
            wrong = (norms != 0) & ~(abs(norms - 1) <= within)
        for j in self._np.flatnonzero(wrong)[:1]:
            tally = Tally(int(wrong.sum()), slices.at(0, int(j)))
            got = float(norms[j])
        return tally, got

    def bins(self, edges: Sequence[float]) -> list[int]:
        values = self.values()
        values = values[~self._np.isnan(values) & ~((self.keys() == -1) & self.dtype.fnuz)]
        bins = self._np.searchsorted(self._np.array(edges), values, side="right")
        return [int(n) for n in self._np.bincount(bins, minlength=len(edges) + 1)]


class Signed:
    """The short way of one kind of float that may be negative."""

    def __init__(self, np: Any, size: int, mask: int, want: Want) -> None:
        self.np = np
        self.mask = mask
        self.want = want
        self.unsigned = np.dtype(f"u{size}")
        self.zeros = False  # whether the last tensor had any, which the next one has then, too
        # Two steps for each sign: below the first one, and not the second one, lies what is tiny.
        signed = np.dtype(f"i{size}")
        self.plus = (np.array(want.tiny, self.unsigned), np.array(0, self.unsigned))
        self.minus = (np.array(want.tiny - mask - 1, signed), np.array(-mask - 1, signed))

    def clean(self, signed: Any, low: int, high: int) -> bool:
        """Tell whether all is well.

        signed: the bits as signed integers, in one dimension; low, high: the extremes of these.
        """
        want, mask = self.want, self.mask
        # Bits rise with positive values. Negative ones fall, from -0, which has the lowest.
        if (high if high >= 0 else ~(low & mask)) > want.high:
            return False
        unsigned = signed.view(self.unsigned)
        if low >= 0:
            return low >= want.low and (low >= want.tiny or (low == 0 and self.only_zeros(unsigned, self.plus)))
        if ~(int(self.np.maximum.reduce(unsigned)) & mask) < want.low:
            return False
        if low & mask < want.tiny and not (low & mask == 0 and self.only_zeros(signed, self.minus)):
            return False
        if high < 0 or not want.tiny:
            return True
        if not self.zeros and (least := int(self.np.minimum.reduce(unsigned))):
            return least >= want.tiny
        self.zeros = False
        return self.only_zeros(unsigned, self.plus)

    def only_zeros(self, values: Any, steps: tuple[Any, Any]) -> bool:
        """Tell whether no bits lie above those of a zero and below those of what is not tiny."""
        limit, zero = steps
        np, seen = self.np, False
        for start in range(0, len(values), _PLANE):
            block = values[start : start + _PLANE]
            # A byte for each element is little to write, and bytes are searched and compared fast.
            below, equal, memory, other = _planes(np, len(block))
            np.less(block, limit, below)
            if 1 in memory:
                seen = True
                np.equal(block, zero, equal)
                if memory != other:
                    return False
        self.zeros |= seen and steps is self.plus
        return True


_own = threading.local()
_MOST_PLANES = 4


def _planes(np: Any, n: int) -> Any:
    """Return two arrays of n answers and the memory of each, which the thread keeps."""
    try:
        return _own.kept[n]
    except (AttributeError, KeyError):
        kept = _own.__dict__.setdefault("kept", {})
    if len(kept) >= _MOST_PLANES:
        kept.clear()
    memory, other = bytearray(n), bytearray(n)
    found = kept[n] = (np.frombuffer(memory, bool), np.frombuffer(other, bool), memory, other)
    return found


def _tally(tally: Tally, bad: Any, start: int) -> None:
    """Count where bad is true."""
    count = int(bad.sum())
    if count:
        if not tally.count:
            tally.first = start + int(bad.argmax())
        tally.count += count
