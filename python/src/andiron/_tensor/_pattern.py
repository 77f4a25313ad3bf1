"""Regular expressions that match in linear time.

Python's own engine backtracks, and a text of a hundred characters can keep it busy for
years. This one builds a non-deterministic automaton and follows all of its states at
once; sets of states that were seen are kept, so that a usual text costs one look-up
for each character.

# Security

Made for hostile texts and patterns: the time is at most in proportion to the length of
the text times that of the pattern, with its repetitions counted out.

# Limits

A pattern has at most 1024 bytes, 100 groups within groups, and 10,000 characters when
its repetitions are counted out.

# Specification

docs/spec/tensor-v1.md, "Text"; RE2's syntax, of which this is a part.
"""

from __future__ import annotations

import bisect
import dataclasses
from collections.abc import Iterator
from typing import Literal

_MAX_BYTES = 1024
_MAX_REPEAT = 1000
_MAX_NESTING = 100
_MAX_STATES = 10_000
_MAX_KEPT = 2_000
_LAST = 0x10FFFF

_ESCAPABLE = frozenset("dDwWsSntr\\.+*?()|[]{}^$/-")
_CONTROLS = {"n": "\n", "t": "\t", "r": "\r"}
_DIGITS = [(48, 57)]
_WORDS = [(48, 57), (65, 90), (95, 95), (97, 122)]
_SPACES = [(9, 10), (12, 13), (32, 32)]

Ranges = list[tuple[int, int]]


def _negated(ranges: Ranges) -> Ranges:
    out, start = [], 0
    for low, high in sorted(ranges):
        if low > start:
            out.append((start, low - 1))
        start = max(start, high + 1)
    return [*out, (start, _LAST)] if start <= _LAST else out


_CLASSES = {
    "d": _DIGITS, "D": _negated(_DIGITS), "w": _WORDS, "W": _negated(_WORDS), "s": _SPACES, "S": _negated(_SPACES),
}  # fmt: skip


@dataclasses.dataclass(slots=True)
class _Part:
    """A part of a pattern: characters, parts in a row, one of some, or a repetition."""

    kind: Literal["chars", "row", "one of", "repeat"]
    ranges: Ranges = dataclasses.field(default_factory=list)
    parts: list[_Part] = dataclasses.field(default_factory=list)
    least: int = 0
    most: int = -1  # -1 is without end

    def size(self) -> int:
        inner = 1 + sum(part.size() for part in self.parts)
        return inner * max(self.least, self.most, 1) if self.kind == "repeat" else inner

    def repeats(self, limit: int) -> bool:
        """Tell whether repetitions within repetitions multiply to no more than limit."""
        if (self.kind == "repeat" and self.most > 1) or self.least > 1:
            times = self.least if self.most < 0 else self.most
            if times > limit:
                return False
            limit //= max(times, 1)
        return all(part.repeats(limit) for part in self.parts)


class Pattern:
    """A pattern that has been read. Several threads may use it at once."""

    def __init__(self, text: str) -> None:
        _portable(text)
        part = _Parser(text).pattern()
        if part.size() > _MAX_STATES:
            raise ValueError(
                f"limit exceeded: characters of a pattern, repetitions counted out: more than {_MAX_STATES}"
            )
        self._ranges: list[Ranges] = []  # of each state; without, it splits
        self._next: list[tuple[int, ...]] = []
        self._end = self._state([], ())
        self._start = self._closure({self._build(part, self._end)})
        edges = {low for ranges in self._ranges for low, _ in ranges}
        edges |= {high + 1 for ranges in self._ranges for _, high in ranges}
        self._edges = sorted(edges)
        self._kept: dict[tuple[frozenset[int], int], frozenset[int]] = {}

    def matches(self, text: str) -> bool:
        """Tell whether the whole text matches."""
        states, kept, edges = self._start, self._kept, self._edges
        for char in text:
            at = (states, bisect.bisect_right(edges, ord(char)))
            after = kept.get(at)
            if after is None:
                after = self._step(states, ord(char))
                if len(kept) >= _MAX_KEPT:
                    kept.clear()
                kept[at] = after
            if not after:
                return False
            states = after
        return self._end in states

    def _step(self, states: frozenset[int], code: int) -> frozenset[int]:
        return self._closure({
            self._next[s][0] for s in states if any(low <= code <= high for low, high in self._ranges[s])
        })  # fmt: skip

    def _closure(self, states: set[int]) -> frozenset[int]:
        """Follow what needs no character."""
        seen, todo = set(states), list(states)
        while todo:
            state = todo.pop()
            if not self._ranges[state]:
                todo += [n for n in self._next[state] if n not in seen]
                seen.update(self._next[state])
        return frozenset(s for s in seen if self._ranges[s] or s == self._end)

    def _state(self, ranges: Ranges, after: tuple[int, ...]) -> int:
        self._ranges.append(ranges)
        self._next.append(after)
        return len(self._next) - 1

    def _build(self, part: _Part, after: int) -> int:
        """Add the states of a part before those behind it."""
        if part.kind == "chars":
            # A class without characters, such as [^\d\D], leads nowhere.
            return self._state(part.ranges or [(-1, -1)], (after,))
        if part.kind == "one of":
            return self._state([], tuple(self._build(p, after) for p in part.parts))
        if part.kind == "row":
            for p in reversed(part.parts):
                after = self._build(p, after)
            return after
        return self._build_repeat(part, after)

    def _build_repeat(self, part: _Part, after: int) -> int:
        inner = part.parts[0]
        if part.most < 0:
            loop = self._state([], ())
            self._next[loop] = (self._build(inner, loop), after)
            after = loop
        else:
            end = after
            for _ in range(part.most - part.least):
                after = self._state([], (self._build(inner, after), end))
        for _ in range(part.least):
            after = self._build(inner, after)
        return after


def _portable(text: str) -> None:
    """Refuse what engines read differently."""
    if len(text.encode()) > _MAX_BYTES:
        raise ValueError(f"a pattern has more than {_MAX_BYTES} bytes")
    within = False
    for char, rest in _tokens(text):
        if char == "\\":
            if rest[1:2] not in _ESCAPABLE:
                raise ValueError(f'pattern "{text}": escape "{rest[:2]}" is not portable')
        elif within:
            if char == "[":
                raise ValueError(f'pattern "{text}": a [ within a class is written \\[')
            within = char != "]"
        else:
            within = char == "["
            _portable_outside(text, char, rest)


def _portable_outside(text: str, char: str, rest: str) -> None:
    if char == "[" and rest[1:].removeprefix("^").startswith("]"):
        raise ValueError(f'pattern "{text}": a class starts with ], which is written \\]')
    if rest.startswith("(?") and not rest.startswith("(?:"):
        raise ValueError(f'pattern "{text}": flags and named groups are not portable')
    if char in "^$":
        raise ValueError(f'pattern "{text}": it is about the whole text and needs no "{char}"')


def _tokens(text: str) -> Iterator[tuple[str, str]]:
    i = 0
    while i < len(text):
        yield text[i], text[i:]
        i += 2 if text[i] == "\\" else 1


class _Parser:
    def __init__(self, text: str) -> None:
        self.text = text
        self.pos = 0
        self.depth = 0

    def at(self, *starts: str) -> bool:
        return self.text.startswith(starts, self.pos)

    def take(self) -> str:
        if self.pos >= len(self.text):
            raise ValueError(f'pattern "{self.text}" ends too early')
        self.pos += 1
        return self.text[self.pos - 1]

    def pattern(self) -> _Part:
        part = self.one_of()
        if self.pos < len(self.text):
            raise ValueError(f'pattern "{self.text}": a parenthesis is closed that was not opened')
        return part

    def one_of(self) -> _Part:
        parts = [self.row()]
        while self.at("|"):
            self.pos += 1
            parts.append(self.row())
        return parts[0] if len(parts) == 1 else _Part("one of", parts=parts)

    def row(self) -> _Part:
        row, repeated = _Part("row"), False
        while self.pos < len(self.text) and not self.at("|", ")"):
            bounds = self.bounds()
            if bounds is None:
                row.parts.append(self.atom())
                repeated = False
                continue
            if not row.parts:
                raise ValueError(f'pattern "{self.text}": nothing stands there to be repeated')
            if repeated:
                raise ValueError(f'pattern "{self.text}": a repetition is repeated without a group')
            row.parts[-1] = self.repeat(row.parts[-1], *bounds)
            repeated = True
        return row

    def repeat(self, part: _Part, least: int, most: int) -> _Part:
        if self.at("?"):  # lazy, which is the same for the whole text
            self.pos += 1
        repeat = _Part("repeat", parts=[part], least=least, most=most)
        if max(least, most) > _MAX_REPEAT or 0 <= most < least or not repeat.repeats(_MAX_REPEAT):
            raise ValueError(f'pattern "{self.text}": more repetitions than {_MAX_REPEAT}, or the wrong way round')
        return repeat

    def bounds(self) -> tuple[int, int] | None:
        """Read how often something is repeated, if that comes next."""
        for char, pair in (("*", (0, -1)), ("+", (1, -1)), ("?", (0, 1))):
            if self.at(char):
                self.pos += 1
                return pair
        if not self.at("{"):
            return None
        inner, closed, _ = self.text[self.pos + 1 :].partition("}")
        least, comma, most = inner.partition(",")
        if not closed or not _is_count(least) or (most and not _is_count(most)):
            return None  # a brace as a character
        self.pos += len(inner) + 2
        return int(least), int(most) if most else -1 if comma else int(least)

    def atom(self) -> _Part:
        char = self.take()
        if char == "(":
            return self.group()
        if char == "[":
            return _Part("chars", ranges=self.char_class())
        if char == ".":
            return _Part("chars", ranges=[(0, 9), (11, _LAST)])
        if char == "\\":
            return _Part("chars", ranges=self.escape())
        return _Part("chars", ranges=[(ord(char), ord(char))])

    def group(self) -> _Part:
        if self.at("?:"):
            self.pos += 2
        self.depth += 1
        if self.depth > _MAX_NESTING:
            raise ValueError(f"limit exceeded: groups within groups of a pattern: more than {_MAX_NESTING}")
        part = self.one_of()
        self.depth -= 1
        if self.pos >= len(self.text):
            raise ValueError(f'pattern "{self.text}": a parenthesis is not closed')
        self.pos += 1
        return _Part("row", parts=[part])

    def escape(self) -> Ranges:
        char = self.take()
        if char in _CLASSES:
            return _CLASSES[char]
        code = ord(_CONTROLS.get(char, char))
        return [(code, code)]

    def char_class(self) -> Ranges:
        negated = self.at("^")
        self.pos += negated
        ranges: Ranges = []
        while not self.at("]"):
            ranges += self.class_item()
        self.pos += 1
        return _negated(ranges) if negated else ranges

    def class_item(self) -> Ranges:
        first = self.class_char()
        if len(first) > 1 or first[0][0] != first[0][1]:
            return first
        if not self.at("-") or self.text[self.pos + 1 : self.pos + 2] in ("]", ""):
            return first
        self.pos += 1
        last = self.class_char()
        if len(last) > 1 or last[0][0] != last[0][1] or last[0][0] < first[0][0]:
            raise ValueError(f'pattern "{self.text}": a range of characters the wrong way round, or up to a class')
        return [(first[0][0], last[0][0])]

    def class_char(self) -> Ranges:
        char = self.take()
        return self.escape() if char == "\\" else [(ord(char), ord(char))]


def _is_count(text: str) -> bool:
    return text.isascii() and text.isdigit() and (text == "0" or text[0] != "0") and len(text) < 9
