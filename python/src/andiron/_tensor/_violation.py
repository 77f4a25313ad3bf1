"""How a tensor is not as the schema says."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

CODES = (
    "AT-INPUTS", "AT-ELEMENTS", "AT-BYTES", "AT-UNKNOWN", "AT-DUPLICATE", "AT-MISSING", "AT-DTYPE", "AT-RANK",
    "AT-SHAPE", "AT-SIZE", "AT-DIM", "AT-CONSTRAINT", "AT-FRAMING", "AT-NAN", "AT-INF", "AT-TINY", "AT-RANGE",
    "AT-TOKEN", "AT-BOOL", "AT-VALUE", "AT-FLAT", "AT-MEAN", "AT-STD", "AT-NORM", "AT-TEXT-SIZE", "AT-TEXT-UTF8",
    "AT-TEXT-CHAR", "AT-TEXT-PATTERN", "AT-DRIFT", "AT-BALANCE",
)  # fmt: skip

_SHOWN = 16


@dataclasses.dataclass(frozen=True, slots=True)
class Violation:
    """One way in which tensors are not as their schema says.

    ``code`` is stable, and the same in the gateway. ``input`` is the name of the
    tensor, empty for the request as a whole. ``alert`` is true where nothing is refused
    for it: a drift that is only reported. ``index`` is where the first offender is
    and ``flat_index`` its number in row-major order, or -1. ``count`` offenders there
    are ``of`` so many elements.
    """

    code: str
    input: str = ""
    index: tuple[int, ...] = ()
    flat_index: int = -1
    got: str = ""
    want: str = ""
    count: int = 0
    of: int = 0
    hint: str = ""
    alert: bool = False

    def __str__(self) -> str:
        text = self.code
        if self.input:
            text += f' "{self.input}"'
        if self.index:
            text += sizes(self.index)
        text += f": got {self.got}, want {self.want}"
        if self.of:
            text += f" ({self.count} of {self.of})"
        return text + (f"; hint: {self.hint}" if self.hint else "")


def sizes(shape: Sequence[int]) -> str:
    """Spell a shape or an index, of which it shows as much as a schema can have."""
    shown = ", ".join(str(n) for n in shape[:_SHOWN])
    return f"[{shown}{', …' if len(shape) > _SHOWN else ''}]"


def unravel(flat: int, shape: Sequence[int]) -> tuple[int, ...]:
    """Turn a number in row-major order into an index."""
    index = []
    for size in reversed(shape):
        flat, at = divmod(flat, max(size, 1))
        index.append(at)
    return tuple(reversed(index))


def quote(text: str) -> str:
    """Quote a name that a schema does not have, as Go does."""
    data = text.encode("utf-8", "surrogateescape" if text.isascii() else "surrogatepass")
    clipped = data[:64].decode("utf-8", "backslashreplace") + ("…" if len(data) > 64 else "")
    out = []
    for char in clipped:
        if char in '"\\':
            out.append("\\" + char)
        elif char.isprintable():
            out.append(char)
        else:
            out.append(_ESCAPES.get(char) or _hexadecimal(ord(char)))
    return '"' + "".join(out) + '"'


_ESCAPES = {"\a": r"\a", "\b": r"\b", "\f": r"\f", "\n": r"\n", "\r": r"\r", "\t": r"\t", "\v": r"\v"}


def _hexadecimal(code: int) -> str:
    if code < 0x80:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"
