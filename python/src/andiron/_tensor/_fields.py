"""Reads single keys of a schema: words, numbers, lists. What is wrong is a Fault."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from fractions import Fraction
from typing import TypeVar

from ._number import bound, parse_real, whole
from ._yaml import Fault, Node, clip

T = TypeVar("T")
Reader = Callable[[Node], object]

_UNITS = {"KiB": 10, "MiB": 20, "GiB": 30, "TiB": 40}


def entries(node: Node) -> list[tuple[str, Node, Node]]:
    """Return each key as text and node, and its value."""
    if node.kind != "map":
        raise Fault(node.line, "not a mapping of keys to values")
    return [(k.value, k, v) for k, v in node.pairs]


def keys(node: Node, prefix: str, known: Mapping[str, Reader]) -> dict[str, object]:
    """Read the value of each key, all of which must be known."""
    found: dict[str, object] = {}
    for name, k, v in entries(node):
        if name not in known:
            raise Fault(k.line, f'key "{clip(prefix + name)}" is not known')
        found[name] = known[name](v)
    return found


def items(node: Node, limit: int, read: Callable[[Node], T]) -> list[T]:
    """Read a list of one to limit values."""
    if node.kind != "list":
        raise Fault(node.line, "not a list")
    if not node.items:
        raise Fault(node.line, "the list is empty")
    if len(node.items) > limit:
        raise Fault(node.line, f"limit exceeded: values in a list: more than {limit}")
    return [read(item) for item in node.items]


def scalar(node: Node) -> str:
    """Read a text that is not empty."""
    if node.kind != "text" or not node.value or node.null:
        raise Fault(node.line, "not a text or number, or an empty one")
    return node.value


def one(*words: str) -> Callable[[Node], str]:
    """Read one of a few words."""

    def read(node: Node) -> str:
        if node.kind == "text" and node.value in words:
            return node.value
        raise Fault(node.line, f'"{clip(node.value)}" is not one of {", ".join(words)}')

    return read


def boolean(node: Node) -> bool:
    """Read true or false."""
    return one("true", "false")(node) == "true"


def guarded(node: Node, read: Callable[..., T], *args: object) -> T:
    """Give a ValueError the line of a node."""
    try:
        return read(*args)
    except ValueError as exc:
        raise Fault(node.line, str(exc)) from exc


def number(low: Fraction, high: Fraction) -> Callable[[Node], Fraction]:
    """Read a real between two bounds."""

    def read(node: Node) -> Fraction:
        text = scalar(node)
        value = guarded(node, parse_real, text)
        if not low <= value <= high:
            raise Fault(node.line, f"{clip(text)} is not between {bound(low)} and {bound(high)}")
        return value

    return read


def count(low: int, high: int) -> Callable[[Node], int]:
    """Read a whole number between two bounds."""
    return lambda node: guarded(node, whole, node.value, low, high)


def size(limit: int) -> Callable[[Node], int]:
    """Read bytes: 4096, 8KiB, 64MiB, 2GiB, with powers of 1024."""

    def read(node: Node) -> int:
        digits, shift = node.value, 0
        if digits[-3:] in _UNITS:
            digits, shift = digits[:-3], _UNITS[digits[-3:]]
        try:
            total = whole(digits, 1, limit) << shift
        except ValueError:
            total = limit + 1
        if total > limit:
            what = f'size "{clip(node.value)}" is not a number from 1 to {limit}, such as 4096 or 64MiB'
            raise Fault(node.line, what)
        return total

    return read
