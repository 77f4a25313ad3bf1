"""The balance of labels: which there are, and how often each should be there."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from typing import Any

from ._spec import MAX_VALUES, Balance, Spec


def pair(s: Spec) -> None:
    """Want a share for each of the values, in whose order they stand. Raises ValueError."""
    if s.balance and s.balance.shares and s.texts and len(s.texts) != len(s.balance.shares):
        raise ValueError(f"balance has {len(s.balance.shares)} shares for {len(s.texts)} values")


def sort(s: Spec, values: Sequence[Any]) -> list[Any]:
    """Sort values, and the shares that belong to them."""
    order = sorted(range(len(values)), key=lambda i: values[i])
    if s.balance and s.balance.shares and values:
        s.balance.shares = [s.balance.shares[i] for i in order]
    return [values[i] for i in order]


_UNKNOWN = "balance needs to know the labels: values, a vocabulary or a range of integers"


def classes(s: Spec, balance: Balance) -> None:
    """Count what labels there are, and fill in equal shares. Raises ValueError."""
    n = len(s.values) or len(s.texts) or s.vocabulary
    if not n and [d.kind for d in s.dtypes] == ["bool"]:
        n = 2
    if not n:
        n = _span(s)
    if not 2 <= n <= MAX_VALUES:
        raise ValueError(f"balance is of 2 to {MAX_VALUES} labels, and here are {n}")
    if balance.shares and len(balance.shares) != n:
        raise ValueError(f"balance has {len(balance.shares)} shares for {n} labels")
    balance.shares = balance.shares or [Fraction(1, n)] * n


def _span(s: Spec) -> int:
    """Count the integers in the range, each of which every type must have."""
    n = 0
    for d in s.dtypes:
        if not d.is_integer or s.range is None:
            raise ValueError(_UNKNOWN)
        low, high = s.range
        if isinstance(low, float) or isinstance(high, float):
            raise ValueError(_UNKNOWN)
        want = s.wants[d.name]
        if d.integer(want.low) - low >= 1 or high - d.integer(want.high) >= 1:
            raise ValueError(f"{d.name} does not have all labels of the range")
        n = want.high - want.low + 1
    return n
