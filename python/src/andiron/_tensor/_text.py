"""Checks tensors of bytes: a length of four bytes, then the bytes, for each element."""

from __future__ import annotations

import bisect
import math
from collections.abc import Iterator

from ._elements import Tally
from ._spec import Spec, Text
from ._violation import Violation, quote, unravel


def check_texts(found: list[Violation], s: Spec, shape: tuple[int, ...], data: bytes) -> None:
    """Check the framing, and then the rules."""
    of = math.prod(shape)
    broken = _framing(data, of)
    if broken is not None:
        at, got = broken
        at = min(at, max(of - 1, 0))
        want = f"{of} elements of a length of 4 bytes and as many bytes"
        found.append(Violation("AT-FRAMING", s.name, unravel(at, shape), at, got, want, 1, of))
        return
    _Rules(s).check(found, shape, data, of)


def _framing(data: bytes, of: int) -> tuple[int, str] | None:
    pos = 0
    for i in range(of):
        left = len(data) - pos
        if left < 4:
            return i, f"{left} bytes where a length is"
        n = int.from_bytes(data[pos : pos + 4], "little")
        if n > left - 4:
            return i, f"a length of {n}, and {left - 4} bytes"
        pos += 4 + n
    if pos < len(data):
        return of, f"{len(data) - pos} bytes behind the last element"
    return None


def elements(data: bytes) -> Iterator[bytes]:
    pos = 0
    while pos < len(data):
        n = int.from_bytes(data[pos : pos + 4], "little")
        yield data[pos + 4 : pos + 4 + n]
        pos += 4 + n


class _Rules:
    def __init__(self, s: Spec) -> None:
        self.s = s
        self.size, self.utf8, self.char, self.match, self.value = (Tally() for _ in range(5))
        self.sizes = ""  # of the first that is too long or too short
        self.denied = 0  # the first

    def check(self, found: list[Violation], shape: tuple[int, ...], data: bytes, of: int) -> None:
        s, text = self.s, self.s.text
        for i, element in enumerate(elements(data)):
            if text:
                self.element(text, i, element)
            if s.texts and not _listed(s.texts, element):
                self.value.add(i)

        def add(code: str, n: Tally, got: str, want: str) -> None:
            if n.count:
                found.append(Violation(code, s.name, unravel(n.first, shape), n.first, got, want, n.count, of))

        if self.value.count > s.max_new:
            add("AT-VALUE", self.value, "a text that is not listed", f"one of {len(s.texts)} texts{s.but_for()}")
        if text:
            add("AT-TEXT-SIZE", self.size, self.sizes, _wanted_size(text))
            add("AT-TEXT-UTF8", self.utf8, "bytes that are no UTF-8", "UTF-8")
            add("AT-TEXT-CHAR", self.char, f"U+{self.denied:04X}", "no character of " + ", ".join(text.deny))
            add(
                "AT-TEXT-PATTERN",
                self.match,
                "a text that does not match",
                f"all of it to match {quoted(text.pattern)}",
            )

    def element(self, x: Text, i: int, element: bytes) -> None:
        """Look at one element. One that is too long or no UTF-8 is not looked at further."""
        if len(element) > x.max_bytes:
            self.wrong_size(i, f"{len(element)} bytes")
            return
        if not x.strict:
            return
        try:
            text = element.decode("utf-8")
        except UnicodeDecodeError:
            self.utf8.add(i)
            return
        if len(text) < x.min_chars or (x.max_chars and len(text) > x.max_chars):
            self.wrong_size(i, f"{len(element)} bytes, {len(text)} characters")
            return
        denied = next((c for c in map(ord, text) if x.denies(c)), None) if x.denied else None
        if denied is not None:
            self.char.add(i)
            self.denied = denied if self.char.count == 1 else self.denied
        if x.match and not x.match.matches(text):
            self.match.add(i)

    def wrong_size(self, i: int, sizes: str) -> None:
        self.size.add(i)
        self.sizes = sizes if self.size.count == 1 else self.sizes


def _listed(texts: list[bytes], element: bytes) -> bool:
    i = bisect.bisect_left(texts, element)
    return i < len(texts) and texts[i] == element


def _wanted_size(x: Text) -> str:
    parts = [f"at most {x.max_bytes} bytes"]
    if x.min_chars:
        parts.append(f"at least {x.min_chars} characters")
    if x.max_chars:
        parts.append(f"at most {x.max_chars} characters")
    return ", ".join(parts)


def quoted(text: str) -> str:
    """Quote a pattern, of any length."""
    return '"' + "".join(quote(text[i : i + 16])[1:-1] for i in range(0, len(text), 16)) + '"'
