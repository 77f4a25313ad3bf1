"""The part of YAML that a schema is written in.

# Security

Made for hostile input. What is read here is read alike by every YAML library, and
what is not is an error with its line: anchors, aliases, tags, further documents,
texts of several lines, block texts, tabs, keys with ``?``. Depth and size are bounded,
and every expression below takes linear time.

# Specification

docs/spec/tensor-v1.md; YAML 1.2.2, chapters 6 to 8, of which this is a part.
"""

from __future__ import annotations

import dataclasses
import re
from typing import Literal, NoReturn

MAX_FILE = 1 << 20
_MAX_DEPTH = 12


class Fault(Exception):  # noqa: N818
    """What is wrong with a schema, and in which line; 0 is the file as a whole."""

    def __init__(self, line: int, what: str) -> None:
        super().__init__(what)
        self.line = line
        self.what = what


@dataclasses.dataclass(slots=True)
class Node:
    """A mapping, a list, or a text with its line."""

    kind: Literal["map", "list", "text"]
    line: int
    value: str = ""
    null: bool = False
    items: list[Node] = dataclasses.field(default_factory=list)
    pairs: list[tuple[Node, Node]] = dataclasses.field(default_factory=list)
    keys: set[str] = dataclasses.field(default_factory=set)


# Line breaks and marks that some readers see and others do not.
_STRANGE = re.compile("[^\n -~\xa0-\u2027\u202a-\ud7ff\ue000-\ufefe\uff00-\ufffd\U00010000-\U0010ffff]")
_MARKER = re.compile(r"^(?:---|\.\.\.)(?=[ \n]|\Z)", re.MULTILINE)
_GAP = re.compile(r"(?: +|\n|(?:(?<=[ \n])|(?<!.))#[^\n]*)*", re.DOTALL)
_PLAIN = re.compile(r"(?:[^ \n#:]|(?<! )#|:(?=[^ \n])| +(?=[^ \n#]))+")
_PLAIN_FLOW = re.compile(r"(?:[^ \n#:?,\[\]{}]|(?<! )#|[:?](?=[^ \n,\[\]{}])| +(?=[^ \n#,\[\]{}]))+")
_SINGLE = re.compile(r"'((?:[^'\n]|'')*)'")
_DOUBLE = re.compile(r'"((?:[^"\\\n]|\\.)*)"')
_ESCAPE = re.compile(r"\\(?:x([0-9A-Fa-f]{2})|u([0-9A-Fa-f]{4})|U([0-9A-Fa-f]{8})|(.))", re.DOTALL)
_COLON = re.compile(r" *:(?=[ \n]|\Z)")
_ESCAPES = dict(zip('0abtnvfre "/\\N_LP', '\0\a\b\t\n\v\f\r\x1b "/\\\x85\xa0\u2028\u2029', strict=True))
_NULLS = ("~", "null", "Null", "NULL")


def document(data: bytes) -> Node:
    """Read the one document of a file."""
    if len(data) > MAX_FILE:
        raise Fault(0, f"limit exceeded: bytes of schema: more than {MAX_FILE}")
    try:
        text = data.decode("utf-8").removeprefix("\ufeff").replace("\r\n", "\n")
    except UnicodeDecodeError as exc:
        raise Fault(data.count(b"\n", 0, exc.start) + 1, "not UTF-8") from exc
    if strange := _STRANGE.search(text):
        what = "a tab" if strange[0] == "\t" else f"the character U+{ord(strange[0]):04X}"
        raise Fault(text.count("\n", 0, strange.start()) + 1, f"{what} is not accepted")
    return _Reader(text).document()


class _Reader:
    def __init__(self, text: str) -> None:
        self.text = text
        self.pos = 0
        self.counted = 0  # up to where lines are counted
        self.lines = 1

    @property
    def line(self) -> int:
        self.lines += self.text.count("\n", self.counted, self.pos)
        self.counted = self.pos
        return self.lines

    @property
    def column(self) -> int:
        return self.pos - self.text.rfind("\n", 0, self.pos) - 1

    def fail(self, what: str) -> NoReturn:
        raise Fault(self.line, what)

    def at(self, pattern: str) -> bool:
        return self.text.startswith(pattern, self.pos)

    def ended(self) -> bool:
        return self.pos >= len(self.text)

    def gap(self) -> bool:
        """Go to what comes next; tell whether that is in another line, or nothing."""
        start = self.pos
        if match := _GAP.match(self.text, start):
            self.pos = match.end()
        return self.ended() or "\n" in self.text[start : self.pos]

    def dash(self) -> bool:
        return self.at("-") and self.text[self.pos + 1 : self.pos + 2] in ("", " ", "\n")

    def document(self) -> Node:
        for n, marker in enumerate(_MARKER.finditer(self.text)):
            self.pos = marker.end()
            before = _GAP.match(self.text)
            if n or marker[0] != "---" or not before or before.end() != marker.start() or not self.gap():
                self.fail("more than one document, or a document that is not plain")
        self.gap()
        if self.ended():
            raise Fault(0, "the file is empty")
        top = self.block(0)
        self.gap()
        if not self.ended():
            self.fail(f"{self.rest()!r} is not expected there: look at the indentation")
        return top

    def rest(self) -> str:
        return self.text[self.pos : self.pos + 24].partition("\n")[0]

    def deep(self, depth: int) -> None:
        if depth > _MAX_DEPTH:
            self.fail(f"limit exceeded: levels of schema: more than {_MAX_DEPTH}")

    def block(self, depth: int) -> Node:
        """Read what stands in lines of its own, or behind a dash."""
        self.deep(depth)
        if self.dash():
            return self.block_list(depth)
        column = self.column
        node = self.inline(depth)
        if colon := _COLON.match(self.text, self.pos):
            self.pos = colon.end()
            return self.block_map(node, column, depth)
        self.end_of_line()
        return node

    def end_of_line(self) -> None:
        if not self.gap():
            self.fail(f"{self.rest()!r} is not expected there")

    def block_map(self, key: Node, column: int, depth: int) -> Node:
        node = Node("map", key.line)
        while True:
            self.pair(node, key, self.block_value(column, depth))
            if self.ended() or self.column < column:
                return node
            if self.column > column or self.dash():
                self.fail(f"{self.rest()!r} is not expected there: look at the indentation; a text stands on one line")
            key = self.inline(depth)
            if not (colon := _COLON.match(self.text, self.pos)):
                self.fail("a key without a value: it needs a colon and a space")
            self.pos = colon.end()

    def block_value(self, column: int, depth: int) -> Node:
        line = self.line
        if not self.gap():
            self.deep(depth + 1)
            node = self.inline(depth + 1)
            self.end_of_line()
            return node
        if not self.ended() and (self.column > column or (self.column == column and self.dash())):
            return self.block(depth + 1)
        return Node("text", line, null=True)

    def block_list(self, depth: int) -> Node:
        node, column = Node("list", self.line), self.column
        while not self.ended() and self.column == column and self.dash():
            line = self.line
            self.pos += 1
            if self.gap() and (self.ended() or self.column <= column):
                node.items.append(Node("text", line, null=True))
            else:
                node.items.append(self.block(depth + 1))
        if not self.ended() and self.column > column:
            self.fail(f"{self.rest()!r} is not expected there: look at the indentation")
        return node

    def pair(self, node: Node, key: Node, value: Node) -> None:
        if key.kind != "text":
            raise Fault(key.line, "a key is not a text")
        if key.value in node.keys:
            raise Fault(key.line, f'key "{clip(key.value)}" stands twice')
        node.keys.add(key.value)
        node.pairs.append((key, value))

    def inline(self, depth: int) -> Node:
        """Read a text, or a list or mapping in brackets."""
        if self.at("["):
            return self.flow_list(depth)
        if self.at("{"):
            return self.flow_map(depth)
        return self.scalar(_PLAIN)

    def flow(self, depth: int) -> Node:
        self.deep(depth)
        if self.at("[") or self.at("{"):
            return self.inline(depth)
        return self.scalar(_PLAIN_FLOW)

    def flow_list(self, depth: int) -> Node:
        node = Node("list", self.line)
        self.pos += 1
        self.gap()
        while not self.at("]"):
            node.items.append(self.flow(depth + 1))
            self.comma("]")
        self.pos += 1
        return node

    def flow_map(self, depth: int) -> Node:
        node = Node("map", self.line)
        self.pos += 1
        self.gap()
        while not self.at("}"):
            key = self.flow(depth + 1)
            quoted = self.text[self.pos - 1] in "\"'"
            if not (colon := _COLON.match(self.text, self.pos)) and not (quoted and self.at(":")):
                self.fail("a key without a value: it needs a colon and a space")
            self.pos = colon.end() if colon else self.pos + 1
            self.gap()
            self.pair(node, key, self.flow(depth + 1))
            self.comma("}")
        self.pos += 1
        return node

    def comma(self, end: str) -> None:
        self.gap()
        if self.at(","):
            self.pos += 1
            self.gap()
        elif not self.at(end):
            self.fail(f"neither a comma nor {end!r} comes next")

    def scalar(self, plain: re.Pattern[str]) -> Node:
        line = self.line
        for quote, pattern in (("'", _SINGLE), ('"', _DOUBLE)):
            if self.at(quote):
                match = pattern.match(self.text, self.pos)
                if not match:
                    self.fail("a quotation does not end in its line")
                self.pos = match.end()
                value = match[1].replace("''", "'") if quote == "'" else _ESCAPE.sub(self.escape, match[1])
                return Node("text", line, value)
        self.start_of_plain()
        match = plain.match(self.text, self.pos)
        if not match:
            self.fail(f"{self.rest()!r} is not expected there")
        self.pos = match.end()
        value = match[0].rstrip(" ")
        return Node("text", line, value, value in _NULLS)

    def start_of_plain(self) -> None:
        first, second = self.text[self.pos : self.pos + 1], self.text[self.pos + 1 : self.pos + 2]
        if first in ("&", "*"):
            self.fail("anchors and aliases are not accepted")
        if first == "!":
            self.fail("tags are not accepted")
        if first in ("|", ">"):
            self.fail("block texts are not accepted: a text stands on one line")
        if first == "?":
            self.fail("a key is not a text")
        if not first or first in "#,[]{}%@`:" or (first == "-" and (not second or second in " \n,[]{}")):
            self.fail(f"{self.rest()!r} is not expected there")

    def escape(self, match: re.Match[str]) -> str:
        digits = match[1] or match[2] or match[3]
        if digits:
            code = int(digits, 16)
            if 0xD800 <= code < 0xE000 or code > 0x10FFFF:
                self.fail(f"escape {match[0]!r} is no character")
            return chr(code)
        if match[4] not in _ESCAPES:
            self.fail(f"escape {match[0]!r} is not known")
        return _ESCAPES[match[4]]


def clip(text: str) -> str:
    """Keep what a message shows short."""
    return text if len(text) <= 64 else text[:64] + "…"
