"""Holds the text of each kind of tensor against the tensor that the runner makes of it.

What is compared is all that an operator could tell apart, behind the elements as well:
dtype, sizes, strides, where it begins, and every element of the memory it lies in.
"""

from __future__ import annotations

import base64
import itertools
import math
import sys

import torch

from andiron_ops import recipe

LAYOUTS = ("contiguous", "transposed", "strided", "offset", "expanded", "channels_last", "huge")
SHAPES = (
    [],
    [0],
    [1],
    [5],
    [2, 1],
    [1, 3],
    [4, 3],
    [2, 0, 3],
    [0, 4],
    [3, 0],
    [2, 3, 4],
    [2, 3, 4, 5],
    [2, 1, 1, 4],
    [70, 2],
)
FILLS = (
    {"how": "const", "v": 2},
    {"how": "const", "v": "nan"},
    {"how": "random", "seed": 1, "low": 0, "high": 9},
    {"how": "random", "seed": 2, "low": -5, "high": 99, "sorted": True},
    {"how": "list", "v": [3, 1, 2]},
    {"how": "bytes", "v": ""},
)
# What has a short form, however many there are.
SHORT = (
    torch.full([300_000], 2.5),
    torch.full([300_000], math.nan, dtype=torch.float64),
    torch.tensor([1.0, -1.0, 2.0]).repeat(100_000),
    torch.tensor([True, False]).repeat(50_000)[:99_999],
    torch.arange(3, 100_003),
    torch.arange(5, -200_000, -2, dtype=torch.float32),
    torch.arange(100, dtype=torch.int16).repeat(1000),
    torch.arange(256).to(torch.uint8).repeat(2000),
)
# What has none, and looks nearly as if it had.
LONG = (
    torch.arange(1000.0) ** 2,
    torch.cat([torch.zeros(1000), torch.ones(1)]),
    torch.tensor([1.0, math.nan, 2.0]).repeat(30) + torch.arange(90.0),
    torch.tensor([2**62, 2**63 - 1]).repeat(50).roll(1).cumsum(0),
    torch.cat([torch.arange(100), torch.tensor([7])]),
)


def memory(t):
    """All elements of what a tensor lies in."""
    size = t.storage().nbytes() // t.element_size()
    return t.detach().as_strided([size], [1], 0)


def same(x, y):
    if x.is_floating_point() or x.is_complex():
        return bool(((x == y) | ((x != x) & (y != y))).all())
    return torch.equal(x, y)


def facts(t):
    out = [t.dtype, tuple(t.shape), t.stride(), t.storage_offset(), t.requires_grad, t.device.type]
    return out if t.device.type == "meta" else [*out, t.storage().nbytes()]


def made_by_text(r):
    return eval(recipe.source(r), {"torch": torch, "base64": base64})  # noqa: S307


def told_apart(r):
    """Where text and recipe do not agree, in words."""
    want, got = recipe.read_tensor(r)[0], made_by_text(r)
    if facts(want) != facts(got):
        return f"{facts(want)} and {facts(got)}"
    if want.device.type == "cpu" and not same(memory(want), memory(got)):
        return f"{memory(want).tolist()[:8]} and {memory(got).tolist()[:8]}"
    return ""


def tensors():
    for layout, shape, fill, dtype in itertools.product(LAYOUTS, SHAPES, FILLS, recipe.DTYPES):
        if layout == "huge" and (fill["how"] != "const" or not shape):
            continue
        for grad in (False, True):
            yield dict(recipe.tensor(dtype, shape, fill, layout), grad=grad)
    for t in (*SHORT, *LONG):
        yield recipe.tensor(str(t.dtype)[6:], list(t.shape), recipe.values(t))
    for shape, layout in itertools.product(SHAPES[1:], LAYOUTS):
        yield dict(recipe.tensor("float32", shape, FILLS[0], layout), device="meta")


def plain():
    for v in (math.inf, -math.inf, 0.1):
        yield {"k": "float", "v": v}
        yield {"k": "complex", "v": [v, 1.0]}
    yield {"k": "dtype", "v": "float64"}
    yield {"k": "device", "v": "cpu"}
    yield {"k": "list", "v": [{"k": "int", "v": 1}, {"k": "none", "v": None}, {"k": "str", "v": "a'b"}]}


def main():
    wrong, n = 0, 0
    for r in tensors():
        n += 1
        if text := told_apart(r):
            wrong += 1
            print(f"{r}\n    {recipe.source(r)}: {text}")
    for r in plain():
        n += 1
        if recipe.read(r)[0] != made_by_text(r):
            wrong += 1
            print(f"{r}: {recipe.source(r)}")
    for t in SHORT:
        text = recipe.source(recipe.tensor(str(t.dtype)[6:], list(t.shape), recipe.values(t)))
        if len(text) > 4000:
            wrong += 1
            print(f"{len(text)} characters: {text[:80]}")
    print(f"{n} recipes, {wrong} of them told apart")
    sys.exit(wrong > 0)


main()
