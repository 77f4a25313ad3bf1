"""A small pickle assembler: writes opcode streams without importing what they name.

Expressions are plain Python values and the classes below; `stream` turns one
into a complete pickle of a chosen protocol. Nothing here reads a pickle.
Specification: Lib/pickletools.py at CPython v3.13.0.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import Any

STOP = b"."


class Expr:
    """Something that leaves exactly one value on the stack."""


@dataclass
class G(Expr):
    """A global. Dotted names need protocol 4, where CPython walks attributes."""

    module: str
    name: str


class Call(Expr):
    """f(*args) by REDUCE."""

    def __init__(self, f: Any, *args: Any) -> None:
        self.f, self.args = f, args


class New(Expr):
    """cls.__new__(cls, *args) by NEWOBJ."""

    def __init__(self, cls: Any, *args: Any) -> None:
        self.cls, self.args = cls, args


class NewEx(Expr):
    """cls.__new__(cls, *args, **kwargs) by NEWOBJ_EX."""

    def __init__(self, cls: Any, args: tuple, kwargs: dict) -> None:
        self.cls, self.args, self.kwargs = cls, args, kwargs


class Inst(Expr):
    """INST: the text opcode that imports and calls in one."""

    def __init__(self, module: str, name: str, *args: Any) -> None:
        self.module, self.name, self.args = module, name, args


class Obj(Expr):
    """OBJ: cls(*args) with the class on the stack."""

    def __init__(self, cls: Any, *args: Any) -> None:
        self.cls, self.args = cls, args


@dataclass
class Build(Expr):
    """obj.__setstate__(state), or an update of its __dict__."""

    obj: Any
    state: Any


@dataclass
class Append(Expr):
    """obj.append(item) on whatever obj is."""

    obj: Any
    item: Any


@dataclass
class Appends(Expr):
    """obj.extend([...]), or append in a loop."""

    obj: Any
    items: tuple


@dataclass
class SetItem(Expr):
    """obj[key] = value on whatever obj is."""

    obj: Any
    key: Any
    value: Any


@dataclass
class AddItems(Expr):
    """obj.update/add of items on whatever obj is."""

    obj: Any
    items: tuple


@dataclass
class Then(Expr):
    """Evaluates first, throws it away with POP, leaves second."""

    first: Any
    second: Any


@dataclass
class Put(Expr):
    """Evaluates value and stores it in the memo."""

    key: int
    value: Any


@dataclass
class Get(Expr):
    """Reads the memo."""

    key: int


@dataclass
class Raw(Expr):
    """Opcode bytes as they are; must leave one value."""

    code: bytes


def op_int(value: int, proto: int) -> bytes:
    if proto == 0:
        return b"I%d\n" % value
    if 0 <= value < 256:
        return b"K" + struct.pack("<B", value)
    if 0 <= value < 65536:
        return b"M" + struct.pack("<H", value)
    if -(2**31) <= value < 2**31:
        return b"J" + struct.pack("<i", value)
    if proto == 1:
        return b"L%dL\n" % value
    data = value.to_bytes((value.bit_length() // 8) + 1, "little", signed=True)
    return b"\x8a" + bytes([len(data)]) + data


def op_str(value: str, proto: int) -> bytes:
    if proto == 0:
        text = value.replace("\\", "\\u005c").replace("\n", "\\u000a").replace("\0", "\\u0000")
        return b"V" + text.encode("raw-unicode-escape") + b"\n"
    data = value.encode("utf-8", "surrogatepass")
    if proto >= 4 and len(data) < 256:
        return b"\x8c" + bytes([len(data)]) + data
    return b"X" + struct.pack("<I", len(data)) + data


def op_bytes(value: bytes, proto: int) -> bytes:
    if proto < 3:
        return code(Call(G("_codecs", "encode"), value.decode("latin1"), "latin1"), proto)
    if len(value) < 256:
        return b"C" + bytes([len(value)]) + value
    return b"B" + struct.pack("<I", len(value)) + value


def op_global(module: str, name: str, proto: int) -> bytes:
    if proto >= 4 or "." in name:
        return op_str(module, max(proto, 4)) + op_str(name, max(proto, 4)) + b"\x93"
    return b"c" + module.encode() + b"\n" + name.encode() + b"\n"


def op_tuple(items: tuple, proto: int) -> bytes:
    body = b"".join(code(x, proto) for x in items)
    if not items:
        return b"(t" if proto == 0 else b")"
    if proto >= 2 and len(items) <= 3:
        return body + (b"\x85", b"\x86", b"\x87")[len(items) - 1]
    return b"(" + body + b"t"


def op_list(items: list, proto: int) -> bytes:
    body = b"".join(code(x, proto) for x in items)
    return b"(" + body + b"l" if proto == 0 else b"](" + body + b"e"


def op_dict(items: dict, proto: int) -> bytes:
    body = b"".join(code(k, proto) + code(v, proto) for k, v in items.items())
    return b"(" + body + b"d" if proto == 0 else b"}(" + body + b"u"


def op_const(value: Any, proto: int) -> bytes:
    if value is None:
        return b"N"
    if isinstance(value, bool):
        if proto < 2:
            return b"I01\n" if value else b"I00\n"
        return b"\x88" if value else b"\x89"
    if isinstance(value, int):
        return op_int(value, proto)
    if isinstance(value, float):
        return b"F%r\n" % value if proto == 0 else b"G" + struct.pack(">d", value)
    if isinstance(value, str):
        return op_str(value, proto)
    if isinstance(value, bytes):
        return op_bytes(value, proto)
    for kind, write in ((tuple, op_tuple), (list, op_list), (dict, op_dict)):
        if isinstance(value, kind):
            return write(value, proto)
    raise TypeError(f"no opcode for {value!r}")


def op_put(key: int, proto: int) -> bytes:
    if proto == 0:
        return b"p%d\n" % key
    return b"q" + bytes([key]) if key < 256 else b"r" + struct.pack("<I", key)


def op_get(key: int, proto: int) -> bytes:
    if proto == 0:
        return b"g%d\n" % key
    return b"h" + bytes([key]) if key < 256 else b"j" + struct.pack("<I", key)


def op_expr(x: Expr, proto: int) -> bytes:
    def c(value: Any) -> bytes:
        return code(value, proto)

    def many(values: tuple) -> bytes:
        return b"".join(c(v) for v in values)

    if isinstance(x, G):
        return op_global(x.module, x.name, proto)
    if isinstance(x, Call):
        return c(x.f) + c(tuple(x.args)) + b"R"
    if isinstance(x, New):
        return c(x.cls) + c(tuple(x.args)) + b"\x81"
    if isinstance(x, NewEx):
        return c(x.cls) + c(x.args) + c(x.kwargs) + b"\x92"
    if isinstance(x, Inst):
        return b"(" + many(x.args) + b"i" + x.module.encode() + b"\n" + x.name.encode() + b"\n"
    if isinstance(x, Obj):
        return b"(" + c(x.cls) + many(x.args) + b"o"
    if isinstance(x, Build):
        return c(x.obj) + c(x.state) + b"b"
    if isinstance(x, Append):
        return c(x.obj) + c(x.item) + b"a"
    if isinstance(x, Appends):
        return c(x.obj) + b"(" + many(x.items) + b"e"
    if isinstance(x, SetItem):
        return c(x.obj) + c(x.key) + c(x.value) + b"s"
    if isinstance(x, AddItems):
        return c(x.obj) + b"(" + many(x.items) + b"\x90"
    if isinstance(x, Then):
        return c(x.first) + b"0" + c(x.second)
    if isinstance(x, Put):
        return c(x.value) + op_put(x.key, proto)
    if isinstance(x, Get):
        return op_get(x.key, proto)
    if isinstance(x, Raw):
        return x.code
    raise TypeError(f"no opcode for {x!r}")


def code(value: Any, proto: int) -> bytes:
    """The opcodes that leave value on the stack."""
    return op_expr(value, proto) if isinstance(value, Expr) else op_const(value, proto)


def needs_protocol_4(value: Any) -> bool:
    """Whether a dotted global occurs somewhere in value."""
    if isinstance(value, G):
        return "." in value.name
    if isinstance(value, Expr):
        return any(needs_protocol_4(v) for v in vars(value).values())
    if isinstance(value, (tuple, list)):
        return any(needs_protocol_4(v) for v in value)
    if isinstance(value, dict):
        return any(needs_protocol_4(v) for pair in value.items() for v in pair)
    return False


def stream(value: Any, proto: int = 2, frame: bool = True) -> bytes:
    """A complete pickle of value; protocol 4 and up gets one FRAME."""
    if needs_protocol_4(value):
        proto = max(proto, 4)
    body = code(value, proto) + STOP
    if proto < 2:
        return body
    head = b"\x80" + bytes([proto])
    if proto >= 4 and frame and len(body) >= 4:
        head += b"\x95" + struct.pack("<Q", len(body))
    return head + body
