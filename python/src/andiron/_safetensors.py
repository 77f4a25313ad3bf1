"""Reads the header of a safetensors file, strictly.

# Security

Made for hostile input, and the same as the Go package safetensors: both run the
vectors in testdata/vectors/safetensors. The header must describe the rest of the
file exactly: every byte belongs to one tensor, no byte to two. Where readers of
the format disagree (a key given twice, an unknown field, padding that is not
spaces, numbers that are not plain integers) the file is refused.

# Limits

Header 32 MiB, 200,000 tensors, 64 dimensions. Memory is proportional to the
header.

# Specification

README.md "Format" and safetensors/src/tensor.rs of huggingface/safetensors (May
2026). Header at most 100,000,000 bytes; first byte '{'; offsets relative to the
end of the header, contiguous from 0 and ending at the end of the file; sub-byte
tensors fill whole bytes.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable
from typing import Any, Final, NoReturn

from ._errors import FormatError

MAX_HEADER: Final = 100_000_000
_HEADER_LIMIT: Final = 32 << 20
_TENSORS_LIMIT: Final = 200_000
_DIMS_LIMIT: Final = 64
_MOST: Final = (1 << 63) - 1

BITS: Final = {
    "BOOL": 8, "F4": 4, "F6_E2M3": 6, "F6_E3M2": 6,
    "U8": 8, "I8": 8, "F8_E5M2": 8, "F8_E4M3": 8, "F8_E8M0": 8, "F8_E4M3FNUZ": 8, "F8_E5M2FNUZ": 8,
    "I16": 16, "U16": 16, "F16": 16, "BF16": 16,
    "I32": 32, "U32": 32, "F32": 32,
    "C64": 64, "F64": 64, "I64": 64, "U64": 64,
}  # fmt: skip


@dataclasses.dataclass(frozen=True)
class Tensor:
    """One entry; begin and end are offsets into the file."""

    name: str
    dtype: str
    shape: tuple[int, ...]
    begin: int
    end: int


@dataclasses.dataclass(frozen=True)
class Header:
    """What a header says."""

    tensors: tuple[Tensor, ...]  # by offset
    metadata: dict[str, str] | None


class _Pairs(list[tuple[str, Any]]):
    """A JSON object as it stands there, with keys that are given twice."""


def looks_like(head: bytes, size: int) -> bool:
    """Tell whether a file that begins with these bytes is safetensors."""
    n = int.from_bytes(head[:8], "little")
    return len(head) > 8 and 2 <= n <= min(MAX_HEADER, size - 8) and head[8:9] == b"{"


def parse(read: Callable[[int, int], bytes], size: int, where: str = "") -> Header:
    """Read the header of a file of size bytes.

    read returns the bytes from one offset to another. Raises FormatError.
    """
    return _Parser(where).parse(read, size)


class _Parser:
    def __init__(self, where: str) -> None:
        self.where = where

    def fail(self, field: str, why: str) -> NoReturn:
        name = field if len(field) <= 80 else field[:80] + "…"
        raise FormatError(
            "is not well-formed safetensors",
            where=self.where,
            why=f"in {name!r}: {why}",
            hint="write the file again with the safetensors library or andiron convert",
        )

    def parse(self, read: Callable[[int, int], bytes], size: int) -> Header:
        if size < 8:
            self.fail("header length", "the file is too small")
        n = int.from_bytes(read(0, 8), "little")
        if n > MAX_HEADER:
            self.fail("header length", f"{n} is more than {MAX_HEADER}")
        if n > size - 8:
            self.fail("header length", f"{n} bytes, but {size - 8} follow: the file is too small")
        if n > _HEADER_LIMIT:
            self.fail("header length", f"more than the limit of {_HEADER_LIMIT}")
        tensors, metadata = self.header(self.json(read(8, 8 + n)), 8 + n)
        return Header(self.layout(tensors, 8 + n, size), metadata)

    def json(self, raw: bytes) -> _Pairs:
        if raw[:1] != b"{":
            self.fail("header", "the first byte is not '{'")
        decoder = json.JSONDecoder(
            object_pairs_hook=_Pairs, parse_int=self.integer, parse_float=self.no_number, parse_constant=self.no_number
        )
        try:
            text = raw.decode("utf-8")
            value, end = decoder.raw_decode(text)
            text.encode("utf-8")
        except UnicodeDecodeError:
            self.fail("header", "not UTF-8")
        except (ValueError, RecursionError) as exc:
            self.fail("header", f"not JSON: {exc}")
        rest = text[end:].lstrip(" ")
        if rest:
            self.fail("padding", f"{rest[0]!r} after the header's object, where only spaces may stand")
        return self.unique("header", value)

    def integer(self, text: str) -> int:
        if text.startswith("-") or len(text) > 19 or (n := int(text)) > _MOST:
            self.fail("header", f"{text[:30]} is not an integer from 0 to 2^63-1")
        return n

    def no_number(self, text: str) -> NoReturn:
        self.fail("header", f"{text[:30]} is not an integer from 0 to 2^63-1")

    def header(self, pairs: _Pairs, start: int) -> tuple[list[Tensor], dict[str, str] | None]:
        tensors: list[Tensor] = []
        metadata: dict[str, str] | None = None
        for name, value in pairs:
            self.string("header", name)
            if name == "__metadata__":
                metadata = self.metadata(value)
                continue
            if len(tensors) >= _TENSORS_LIMIT:
                self.fail("header", f"more than the limit of {_TENSORS_LIMIT} tensors")
            tensors.append(self.tensor(name, value, start))
        return tensors, metadata

    def unique(self, field: str, value: object) -> _Pairs:
        if not isinstance(value, _Pairs):
            self.fail(field, "not an object")
        seen: set[str] = set()
        for key, _ in value:
            if key in seen:
                self.fail(field, f"the key {key[:80]!r} was given before")
            seen.add(key)
        return value

    def string(self, field: str, value: object) -> str:
        if not isinstance(value, str):
            self.fail(field, "not a string")
        try:
            value.encode("utf-8")
        except UnicodeEncodeError:
            self.fail(field, "half of a surrogate pair in a string")
        return value

    def metadata(self, value: object) -> dict[str, str]:
        pairs = self.unique("__metadata__", value)
        return {self.string("__metadata__", k): self.string("__metadata__", v) for k, v in pairs}

    def tensor(self, name: str, value: object, start: int) -> Tensor:
        fields = dict(self.unique(name, value))
        if unknown := [key for key in fields if key not in ("dtype", "shape", "data_offsets")]:
            self.fail(name, f"a field {unknown[0][:80]!r} that the format does not define")
        if len(fields) != 3:
            self.fail(name, "dtype, shape and data_offsets are not all given")
        dtype = self.string(name, fields["dtype"])
        shape = self.sizes(name, fields["shape"], _DIMS_LIMIT)
        offsets = self.sizes(name, fields["data_offsets"], 2)
        if len(offsets) != 2:
            self.fail(name, "data_offsets is not a pair")
        if start + max(offsets) > _MOST:
            self.fail(name, "data_offsets overflow")
        return Tensor(name, dtype, shape, start + offsets[0], start + offsets[1])

    def sizes(self, field: str, value: object, most: int) -> tuple[int, ...]:
        if not isinstance(value, list) or isinstance(value, _Pairs):
            self.fail(field, "not a list of integers")
        if len(value) > most:
            self.fail(field, f"more than {most} numbers")
        if not all(type(n) is int for n in value):
            self.fail(field, "not an integer from 0 to 2^63-1")
        return tuple(value)

    def layout(self, tensors: list[Tensor], at: int, size: int) -> tuple[Tensor, ...]:
        ordered = sorted(tensors, key=lambda t: (t.begin, t.end, t.name))
        for t in ordered:
            self.place(t, at)
            at = t.end
        if at != size:
            self.fail("data", f"the tensors end at {at}, the file at {size}")
        return tuple(ordered)

    def place(self, t: Tensor, at: int) -> None:
        if t.end < t.begin:
            self.fail(t.name, "data_offsets end before they begin")
        if t.begin > at:
            self.fail(t.name, f"{t.begin - at} bytes before the tensor belong to none")
        if t.begin < at:
            self.fail(t.name, "the tensor overlaps the one before it")
        size = self.byte_size(t)
        if size != t.end - t.begin:
            self.fail(
                t.name,
                f"dtype {t.dtype!r} and shape {list(t.shape)} make {size} bytes, data_offsets {t.end - t.begin}",
            )

    def byte_size(self, t: Tensor) -> int:
        bits = BITS.get(t.dtype)
        if bits is None:
            self.fail(t.name, f"unknown dtype {t.dtype[:80]!r}")
        # The reference multiplies in order and refuses on the first product that
        # does not fit, so [huge, huge, 0] is refused although it is empty.
        n = 1
        for dim in t.shape:
            n *= dim
            if n > _MOST:
                self.fail(t.name, "the product of the dimensions overflows")
        if n * bits > _MOST:
            self.fail(t.name, "the size in bits overflows")
        if n * bits % 8:
            self.fail(t.name, "a sub-byte tensor does not fill whole bytes")
        return n * bits // 8
