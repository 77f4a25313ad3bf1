"""Numbers as a schema has them: exact, and spelled as every implementation does."""

from __future__ import annotations

import math
import re
import struct
from fractions import Fraction

from ._yaml import clip

# A number exactly, or as float one of the infinities.
Real = Fraction | float

INF = math.inf
MAX_DIM = 1 << 40

_MAX_NUMBER = 64
_MAX_EXPONENT = 400
_MAX_POWER = 1200
_DECIMAL = re.compile(r"-?[0-9]+(?:_[0-9]+)*(?:\.[0-9]+)?(?:[eE]([+-]?[0-9]{1,4}))?", re.ASCII)
_POWER = re.compile(r"(-?)2\^(-?[0-9]+)", re.ASCII)


def parse_real(text: str) -> Fraction:
    """Read 30521, 20_000_000, 0.485, 1e-3, 2^-100 or -2^7."""
    wrong = ValueError(f'"{clip(text)}" is not a number such as 255, 0.5, 1e-3 or 2^-100')
    if len(text.encode("utf-8", "replace")) > _MAX_NUMBER:
        raise wrong
    if power := _POWER.fullmatch(text):
        exponent = int(power[2])
        if abs(exponent) > _MAX_POWER:
            raise wrong
        value = Fraction(2) ** exponent
        return -value if power[1] else value
    match = _DECIMAL.fullmatch(text)
    if not match or abs(int(match[1] or 0)) > _MAX_EXPONENT:
        raise wrong
    return Fraction(text.replace("_", ""))


def parse_bound(text: str) -> Real:
    """Read a number or an infinity, which leaves a side open."""
    if text in ("inf", "-inf"):
        return float(text)
    return parse_real(text)


def whole(text: str, least: int, most: int) -> int:
    """Read a whole number between two bounds."""
    try:
        value = parse_real(text)
    except ValueError:
        value = Fraction(1, 2)
    if value.denominator != 1 or not -(2**63) <= value < 2**63 or any(c in text for c in ".eE"):
        raise ValueError(f'"{clip(text)}" is not a whole number')
    if not least <= value <= most:
        raise ValueError(f"{clip(text)} is not between {least} and {most}")
    return int(value)


def to_float(value: Real) -> float:
    """Return the nearest double."""
    try:
        return float(value)
    except OverflowError:
        return INF if value > 0 else -INF


def canonical(value: Real) -> str:
    """Spell a number as the canonical form does: a reduced fraction."""
    return str(value)


def bound(value: Real) -> str:
    """Spell a number of the schema as a person would."""
    if isinstance(value, float) or (value.denominator == 1 and len(str(value)) <= 20):
        return str(value)
    return shortest(to_float(value))


def shortest(value: float, single: bool = False) -> str:
    """Spell a float with as few digits as tell it from its neighbours."""
    if value != value:
        return "NaN"
    if value in (INF, -INF):
        return "+Inf" if value > 0 else "-Inf"
    if value == 0:
        return "-0" if math.copysign(1, value) < 0 else "0"
    digits, _, exponent = (_single(value) if single else _double(value)).partition("e")
    sign, digits = ("-", digits[1:]) if digits[0] == "-" else ("", digits)
    digits = (digits[0] + digits[2:]).rstrip("0") or "0"
    e = int(exponent)
    if not -4 <= e < 6:
        return f"{sign}{digits[0]}{'.' if digits[1:] else ''}{digits[1:]}e{e:+03d}"
    if e < 0:
        return sign + "0." + "0" * (-e - 1) + digits
    whole_part, rest = digits[: e + 1].ljust(e + 1, "0"), digits[e + 1 :]
    return sign + whole_part + ("." + rest if rest else "")


def _double(value: float) -> str:
    for precision in range(17):
        text = f"{value:.{precision}e}"
        if float(text) == value:
            return text
    return f"{value:.16e}"


def _single(value: float) -> str:
    for precision in range(9):
        text = f"{value:.{precision}e}"
        try:
            if struct.pack("<f", float(text)) == struct.pack("<f", value):
                return text
        except OverflowError:
            continue
    return f"{value:.8e}"


def short(value: float) -> str:
    """Spell a measured float with six digits."""
    if value != value or value in (INF, -INF):
        return shortest(value)
    return format(value, ".6g")
