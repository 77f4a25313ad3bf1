"""What a violation looks like, for whoever has to mend it."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

from ._dtype import DType
from ._number import to_float
from ._spec import MAX_RANK, Spec


def near(name: str, names: Sequence[str]) -> str:
    """Find the name that was meant, if only the case is another."""
    for n in names:
        if n.lower() == name.lower():
            return f'did you mean "{n}"?'
    return ""


def _wants_text(s: Spec) -> bool:
    """Tell whether what is wanted is no tensor for torch, whose methods it does not have."""
    return s.dtypes[0].kind == "bytes"


def rank(s: Spec, got: tuple[int, ...]) -> str:
    """Guess why there are too many dimensions, or too few."""
    if len(got) > MAX_RANK:
        return ""
    if s.takes((1, *got)):
        how = "a list of one, [x]" if _wants_text(s) else "x.unsqueeze(0)"
        return f"the batch dimension seems to be missing: {how}"
    for i, n in enumerate(got):
        if n == 1 and s.takes(got[:i] + got[i + 1 :]):
            how = "" if _wants_text(s) else f": x.squeeze({i})"
            return f"there seems to be a dimension of 1 too many{how}"
    return ""


_ORDERS = (
    ((0, 3, 1, 2), "the channels seem to be last: x.permute(0, 3, 1, 2)"),
    ((0, 2, 3, 1), "the channels seem to be first: x.permute(0, 2, 3, 1)"),
    ((2, 0, 1), "the channels seem to be last: x.permute(2, 0, 1)"),
    ((1, 2, 0), "the channels seem to be first: x.permute(1, 2, 0)"),
    ((1, 0), "rows and columns seem to be swapped: x.t()"),
)


def shape(s: Spec, got: tuple[int, ...], i: int) -> str:
    """Try the permutations that data loaders produce."""
    if got[i] < 0:
        return "-1 stands for any size in a schema of a server, and is no size of a tensor"
    if got[i] == 0:
        return "the tensor is empty"
    if _wants_text(s):
        return ""
    for order, hint in _ORDERS:
        if len(order) == len(got) and s.takes(tuple(got[j] for j in order)):
            return hint
    return ""


def dtype(s: Spec, got: DType | None) -> str:
    """Say how to convert, unless that would hide a mistake."""
    want = s.dtypes[0]
    if got and got.name == "uint8" and want.is_float and s.range and s.range[1] == 1:
        return f"looks like an image as it was read: x.to(torch.{want.name}) / 255"
    if not got or got.kind == "bytes" or _wants_text(s):
        return ""
    if got.is_float and want.is_integer:
        return "indices and token ids are integers: do not round, find out where they became floating"
    return f"x.to(torch.{want.name})"


def value(s: Spec, d: DType, low_key: int, high_key: int, worst: int, first: int) -> str:
    """Guess what data out of range are. Keys of the extremes and of the first offender."""
    if d.kind == "bool":
        return "looks like another type: compare with 0, do not view"
    if s.vocabulary:
        return _token(s, d, worst)
    if s.range is None:
        return ""
    low, high = d.value(low_key), d.value(high_key)
    want_low, want_high = to_float(s.range[0]), to_float(s.range[1])
    if d.is_float and worst == first and _nearest(s, d, worst):
        return f"the bound is no {d.name}, and the nearest one lies outside: write one that has room"
    if want_high <= 1 and want_low >= -1 and low >= 0 and 16 <= high <= 255:
        return "looks like uint8 data: divide by 255"
    if want_low == 0 and want_high == 1 and -1 <= low < -0.5 and high <= 1:
        return "looks scaled to [-1, 1]: (x + 1) / 2"
    if want_low == 0 and want_high in (1, 255) and -6 < low < -0.5 and high < 6:
        return "looks standardised already: the schema is about values before the mean is taken off"
    if d.is_float and (high > 1e30 or low < -1e30):
        return "looks like data of another type or byte order"
    return ""


def _token(s: Spec, d: DType, worst: int) -> str:
    if d.integer(worst) == s.vocabulary:
        return "ids count from 0, so the last one is one less than the vocabulary"
    if worst < 0 and d.kind == "signed":
        return "an index that a loss ignores, such as -100, is not for an embedding"
    return "the tokenizer seems to have a larger vocabulary than the model"


def _nearest(s: Spec, d: DType, key: int) -> bool:
    """Tell whether a value is the one of the type that is nearest to a bound, and yet beyond it."""
    for b in s.range or ():
        if not isinstance(b, Fraction):
            continue
        below, above = d.floor(b), d.ceil(b)
        if below is None or above is None or below == above:
            continue
        f = to_float(b)
        near_key = above if d.value(above) - f < f - d.value(below) else below
        if near_key == key if d.name != "float64" else d.value(key) == f:
            return True
    return False
