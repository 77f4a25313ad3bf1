"""Constraints: comparisons of sums of sizes."""

from __future__ import annotations

import dataclasses
import operator
import re
from collections.abc import Callable, Mapping

from ._number import MAX_DIM, whole
from ._yaml import clip

_MAX_BYTES = 256
_MAX_NESTING = 16
_TOKEN = re.compile(r" *([A-Za-z_][A-Za-z0-9_]*|[0-9]+|[=!<>]=|[<>()+*%-])")
_SYMBOL = re.compile(r"(?!_\Z)[A-Za-z_][A-Za-z0-9_]{0,31}")
_COMPARE: Mapping[str, Callable[[int, int], bool]] = {
    "==": operator.eq, "!=": operator.ne, "<=": operator.le, ">=": operator.ge, "<": operator.lt, ">": operator.gt,
}  # fmt: skip


def is_symbol(text: str) -> bool:
    """Tell whether a text can name a size. A lone underscore is any size."""
    return _SYMBOL.fullmatch(text) is not None


@dataclasses.dataclass(frozen=True, slots=True)
class Expr:
    """A number, a symbol, or an operation on two."""

    op: str = ""
    name: str = ""
    n: int = 0
    sides: tuple[Expr, ...] = ()

    def __str__(self) -> str:
        if self.op:
            return f"({self.sides[0]}{self.op}{self.sides[1]})"
        return self.name or str(self.n)

    def symbols(self) -> list[str]:
        """List the names in it, each once, from the left."""
        if self.op:
            return list(dict.fromkeys(name for side in self.sides for name in side.symbols()))
        return [self.name] if self.name else []

    def evaluate(self, dims: Mapping[str, int]) -> int:
        """Return the value. Raises ArithmeticError where it is not defined."""
        if not self.op:
            return dims[self.name] if self.name else self.n
        a, b = (side.evaluate(dims) for side in self.sides)
        if self.op == "%":
            if b <= 0:
                raise ArithmeticError(f"the remainder of a division by {b} is not defined")
            return a % b
        value = a + b if self.op == "+" else a - b if self.op == "-" else a * b
        # A product is one of magnitudes, and the least number of 64 bits has none.
        least = -(2**63) + (self.op == "*")
        if not least <= min(value, a, b) or value >= 2**63:
            raise ArithmeticError(f"{a} {self.op} {b} leaves 64 bits")
        return value


@dataclasses.dataclass(frozen=True, slots=True)
class Constraint:
    """Compares two sums; ``text`` is how the schema has it."""

    op: str
    left: Expr
    right: Expr
    text: str

    def __str__(self) -> str:
        return f"{self.left}{self.op}{self.right}"

    def symbols(self) -> list[str]:
        """List the names in it, each once, from the left."""
        return list(dict.fromkeys(self.left.symbols() + self.right.symbols()))

    def violation(self, dims: Mapping[str, int]) -> str:
        """Return what there is instead, or nothing if it holds."""
        try:
            left, right = self.left.evaluate(dims), self.right.evaluate(dims)
        except ArithmeticError as exc:
            return str(exc)
        return "" if self.holds(left, right) else f"{left} {self.op} {right}"

    def holds(self, left: int, right: int) -> bool:
        """Compare two values."""
        return _COMPARE[self.op](left, right)


def parse_constraint(text: str) -> Constraint:
    """Read two sums with a comparison between them."""
    if len(text.encode()) > _MAX_BYTES:
        raise ValueError(f"limit exceeded: bytes of a constraint: more than {_MAX_BYTES}")
    parser = _Parser(text)
    left = parser.sum()
    op = parser.take(*_COMPARE)
    if not op:
        raise ValueError(f'"{text}" does not compare: it needs one of == != <= >= < >')
    constraint = Constraint(op, left, parser.sum(), text)
    if parser.tokens:
        raise ValueError(f'"{parser.tokens[0]}" is not expected there')
    if not constraint.symbols():
        raise ValueError(f'"{text}" has no symbol')
    return constraint


class _Parser:
    def __init__(self, text: str) -> None:
        self.tokens: list[str] = []
        self.depth = 0
        pos, end = 0, len(text.rstrip(" "))
        while pos < end:
            match = _TOKEN.match(text, pos)
            if not match:
                raise ValueError(f'"{clip(text[pos:].lstrip(" "))}" is not understood')
            self.tokens.append(match[1])
            pos = match.end()

    def take(self, *which: str) -> str:
        return self.tokens.pop(0) if self.tokens and self.tokens[0] in which else ""

    def sum(self) -> Expr:
        return self.chain(lambda: self.chain(self.atom, "*", "%"), "+", "-")

    def chain(self, read: Callable[[], Expr], *ops: str) -> Expr:
        expr = read()
        while op := self.take(*ops):
            expr = Expr(op, sides=(expr, read()))
        return expr

    def atom(self) -> Expr:
        if self.take("("):
            self.depth += 1
            if self.depth > _MAX_NESTING:
                raise ValueError(f"limit exceeded: parentheses within parentheses: more than {_MAX_NESTING}")
            expr = self.sum()
            if not self.take(")"):
                raise ValueError("a parenthesis is not closed")
            self.depth -= 1
            return expr
        if not self.tokens:
            raise ValueError("it ends where a number or symbol is expected")
        token = self.tokens.pop(0)
        return Expr(name=token) if is_symbol(token) else Expr(n=whole(token, 0, MAX_DIM))
