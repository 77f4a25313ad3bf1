"""Element types: how their bits are read.

Values are compared by keys, integers in the order of the values: -0 lies right below
+0, a NaN beyond the infinities.
"""

from __future__ import annotations

import dataclasses
import functools
import math
from fractions import Fraction
from typing import Literal

from ._number import Real, shortest
from ._yaml import clip


@dataclasses.dataclass(frozen=True, slots=True)
class DType:
    """A type. ``top`` is the key of the largest finite value of a floating one."""

    name: str
    size: int
    kind: Literal["float", "signed", "unsigned", "bool", "bytes"]
    others: tuple[str, ...] = ()
    mant: int = 0
    bias: int = 0
    top: int = 0
    infinite: bool = False
    fnuz: bool = False  # one NaN where others have the negative zero

    @property
    def is_float(self) -> bool:
        return self.kind == "float"

    @property
    def is_integer(self) -> bool:
        return self.kind in ("signed", "unsigned")

    @property
    def unsigned(self) -> bool:
        return self.kind in ("unsigned", "bool")

    @property
    def bits(self) -> int:
        return 8 * self.size

    @property
    def mask(self) -> int:
        """All bits but the sign."""
        return (1 << (self.bits - 1)) - 1

    def extremes(self) -> tuple[int, int]:
        """Return the keys of the smallest and the largest finite value."""
        if self.is_float:
            return ~self.top, self.top
        return -self.mask - 1, self.mask

    def key(self, bits: int) -> int:
        """Return the key of an element, whose bits are given as an unsigned number."""
        if self.unsigned:
            return bits - self.mask - 1
        value = bits - ((bits & (self.mask + 1)) << 1)
        return value ^ self.mask if self.is_float and value < 0 else value

    def integer(self, key: int) -> int:
        """Return the value of a key of a type that is not floating."""
        return key + self.mask + 1 if self.unsigned else key

    def value(self, key: int) -> float:
        """Return the value of a key, exactly but for integers of 64 bits."""
        if not self.is_float:
            return float(self.integer(key))
        return -self._magnitude(~key) if key < 0 else self._magnitude(key)

    def _magnitude(self, m: int) -> float:
        if m > self.top:
            return math.inf if self.infinite and m == self.top + 1 else math.nan
        exponent, fraction = m >> self.mant, m & ((1 << self.mant) - 1)
        if exponent == 0:
            return math.ldexp(fraction, 1 - self.bias - self.mant)
        return math.ldexp(fraction + (1 << self.mant), exponent - self.bias - self.mant)

    def is_number(self, key: int) -> bool:
        """Tell whether a key is that of no infinity and no NaN."""
        return not self.is_float or (~self.top <= key <= self.top and not (self.fnuz and key == -1))

    def plus(self, key: int) -> int:
        """Make one value of the two zeros."""
        return 0 if key == -1 and self.is_float and not self.fnuz else key

    def _compare(self, key: int, x: Real) -> int:
        value: Real = Fraction(self.value(key)) if self.is_float else Fraction(self.integer(key))
        return (value > x) - (value < x)

    def floor(self, x: Real) -> int | None:
        """Return the key of the largest finite value that is not above x."""
        low, high = self.extremes()
        if isinstance(x, float):
            return high if x > 0 else None
        if self._compare(low, x) > 0:
            return None
        while low < high:
            middle = high - (high - low) // 2
            low, high = (middle, high) if self._compare(middle, x) <= 0 else (low, middle - 1)
        return low

    def ceil(self, x: Real) -> int | None:
        """Return the key of the smallest finite value that is not below x."""
        low, high = self.extremes()
        if isinstance(x, float):
            return low if x < 0 else None
        if self._compare(high, x) < 0:
            return None
        while low < high:
            middle = low + (high - low) // 2
            low, high = (low, middle) if self._compare(middle, x) >= 0 else (middle + 1, high)
        return low

    def holds(self, x: Fraction) -> int | None:
        """Return the key of exactly x, if the type has it."""
        if not self.is_float:
            low, high = map(self.integer, self.extremes())
            if x.denominator != 1 or not low <= x <= high:
                return None
            return int(x) - (self.mask + 1 if self.unsigned else 0)
        magnitude = self._encode(abs(x))
        if magnitude is None or magnitude > self.top:
            return None
        return ~magnitude if x < 0 else magnitude

    def _encode(self, x: Fraction) -> int | None:
        """Return exponent and fraction of a number from 0."""
        exponent = max(_log2(x) + self.bias, 1) if x else 1
        steps = x * Fraction(2) ** (self.bias + self.mant - exponent)
        if steps.denominator != 1:
            return None
        return ((exponent - 1) << self.mant) + int(steps)

    def show(self, key: int) -> str:
        """Spell the value of a key as the type needs it."""
        if self.kind == "bool" and self.integer(key) < 2:
            return "true" if self.integer(key) else "false"
        if not self.is_float:
            return str(self.integer(key))
        return shortest(self.value(key), self.name != "float64")


def _log2(x: Fraction) -> int:
    """Return the largest power of two that is not above x."""
    guess = x.numerator.bit_length() - x.denominator.bit_length()
    return guess if Fraction(2) ** guess <= x else guess - 1


DTYPES = (
    DType("float64", 8, "float", ("double", "FP64"), 52, 1023, 0x7FEFFFFFFFFFFFFF, infinite=True),
    DType("float32", 4, "float", ("float", "FP32"), 23, 127, 0x7F7FFFFF, infinite=True),
    DType("float16", 2, "float", ("half", "FP16"), 10, 15, 0x7BFF, infinite=True),
    DType("bfloat16", 2, "float", ("BF16",), 7, 127, 0x7F7F, infinite=True),
    DType("float8_e4m3fn", 1, "float", (), 3, 7, 0x7E),
    DType("float8_e5m2", 1, "float", (), 2, 15, 0x7B, infinite=True),
    DType("float8_e4m3fnuz", 1, "float", (), 3, 8, 0x7F, fnuz=True),
    DType("float8_e5m2fnuz", 1, "float", (), 2, 16, 0x7F, fnuz=True),
    DType("int64", 8, "signed", ("long", "INT64")),
    DType("int32", 4, "signed", ("int", "INT32")),
    DType("int16", 2, "signed", ("short", "INT16")),
    DType("int8", 1, "signed", ("INT8",)),
    DType("uint64", 8, "unsigned", ("UINT64",)),
    DType("uint32", 4, "unsigned", ("UINT32",)),
    DType("uint16", 2, "unsigned", ("UINT16",)),
    DType("uint8", 1, "unsigned", ("UINT8",)),
    DType("bool", 1, "bool", ("BOOL",)),
    DType("bytes", 0, "bytes", ("BYTES",)),
)

BY_NAME = {d.name: d for d in DTYPES}


def parse_dtype(text: str) -> DType:
    """Read a name of torch or of the V2 protocol."""
    plain = text.removeprefix("torch.")
    for d in DTYPES:
        for other in (d.name, *d.others):
            if other == (text if other.isupper() else plain):
                return d
    raise ValueError(
        f'dtype "{clip(text)}" is not known: use a name of torch such as float32, or of the V2 protocol such as FP32'
    )


@functools.cache
def small_values(name: str) -> tuple[float, ...]:
    """Return the values of all bit patterns of a type of 8 bits."""
    d = BY_NAME[name]
    return tuple(d.value(d.key(bits)) for bits in range(256))
