"""Writes zip archives record by record, with control over every field.

The standard library's writer refuses most of what a hostile archive holds:
names that differ between the two headers, duplicates, wrong CRCs, odd flags.
Specification: APPNOTE 6.3.10 §4.3, §4.4.
"""

from __future__ import annotations

import struct
import zlib
from dataclasses import dataclass, field
from typing import Optional

STORED, DEFLATED = 0, 8


@dataclass
class Entry:
    """One record. Fields that are None follow from the others."""

    name: bytes
    data: bytes
    local_name: Optional[bytes] = None
    local_data: Optional[bytes] = None
    method: int = STORED
    crc: Optional[int] = None
    local_crc: Optional[int] = None
    flags: int = 0x800
    local_flags: Optional[int] = None
    extra: bytes = b""  # of the local header
    central_extra: bytes = b""
    central: bool = True
    size: Optional[int] = None
    attributes: int = 0
    offset: int = field(default=0, init=False)


def entry(name: str, data: bytes, **options) -> Entry:
    """An Entry whose name is given as text."""
    return Entry(name.encode(), data, **options)


def packed(e: Entry) -> bytes:
    data = e.data if e.local_data is None else e.local_data
    if e.method == DEFLATED:
        squeeze = zlib.compressobj(9, zlib.DEFLATED, -15)
        return squeeze.compress(data) + squeeze.flush()
    return data


def local_header(e: Entry, body: bytes) -> bytes:
    name = e.name if e.local_name is None else e.local_name
    crc = zlib.crc32(e.data) if e.crc is None else e.crc
    crc = crc if e.local_crc is None else e.local_crc
    flags = e.flags if e.local_flags is None else e.local_flags
    size = len(e.data) if e.size is None else e.size
    fields = (0x04034B50, 0, flags, e.method, 0, 0x21, crc, len(body), size, len(name), len(e.extra))
    return struct.pack("<IHHHHHIIIHH", *fields) + name + e.extra


def central_header(e: Entry, body: bytes) -> bytes:
    crc = zlib.crc32(e.data) if e.crc is None else e.crc
    size = len(e.data) if e.size is None else e.size
    fields = (0x02014B50, 20, 20, e.flags, e.method, 0, 0x21, crc, len(body), size,
              len(e.name), len(e.central_extra), 0, 0, 0, e.attributes, e.offset)
    return struct.pack("<IHHHHHHIIIHHHHHII", *fields) + e.name + e.central_extra


def write(entries: list[Entry], prefix: bytes = b"", comment: bytes = b"", tail: bytes = b"") -> bytes:
    """The archive. Bytes of prefix come first and offsets count from after it."""
    out = bytearray()
    bodies = []
    for e in entries:
        body = packed(e)
        bodies.append(body)
        e.offset = len(out)
        out += local_header(e, body) + body
    start = len(out)
    listed = [(e, b) for e, b in zip(entries, bodies) if e.central]
    for e, body in listed:
        out += central_header(e, body)
    size = len(out) - start
    out += struct.pack("<IHHHHIIH", 0x06054B50, 0, 0, len(listed), len(listed), size, start, len(comment))
    return prefix + bytes(out) + comment + tail


def torch_zip(pickle: bytes, root: str = "archive", extra: Optional[list[Entry]] = None) -> bytes:
    """What torch.save writes around a pickle without tensors."""
    entries = [entry(f"{root}/data.pkl", pickle), entry(f"{root}/byteorder", b"little")]
    return write(entries + (extra or []) + [entry(f"{root}/version", b"3\n")])
