"""Reads the schema that says which tensors a model takes and gives.

# Security

A schema may come from anywhere. An unknown key, a key that stands twice and a value
that would have no effect are errors with their line, because a misspelt check is no
check.

# Limits

1 MiB, 64 tensors in each group, 64 symbols, 64 constraints, 16 dimensions in a shape,
4096 values in a list.

# Specification

docs/spec/tensor-v1.md. The cases in testdata/vectors/tensor are part of it.
"""

from __future__ import annotations

import dataclasses
import functools
import hashlib
import os
import re
from collections.abc import Callable, Mapping

from .._errors import FileAccessError, SchemaError
from . import _canonical, _compile
from ._dtype import parse_dtype
from ._expr import Constraint, is_symbol, parse_constraint
from ._fields import count, entries, guarded, items, keys, one, scalar, size
from ._number import MAX_DIM, parse_bound, whole
from ._spec import MAX_BYTES, MAX_ELEMENTS, MAX_RANK, MAX_VALUE_FILE, Dim, Files, Spec, bounds, fits, read_spec
from ._yaml import MAX_FILE, Fault, Node, clip, document

FORM = "tensor/v1"
GROUPS = ("inputs", "outputs", "labels")

_MAX_TENSORS = 64
_MAX_SYMBOLS = 64
_MAX_CONSTRAINTS = 64
_MAX_SHORT = 1024
_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_\-.:/\[\]]{0,127}")


def is_name(text: str) -> bool:
    """Tell whether a text can name a tensor."""
    return _NAME.fullmatch(text) is not None


@dataclasses.dataclass(slots=True)
class Wire:
    """What a gateway lets through."""

    accept: list[str] = dataclasses.field(default_factory=lambda: ["v2-binary", "v2-grpc", "v2-json"])
    forward_as: str = "same"
    parameters: list[str] = dataclasses.field(default_factory=list)
    raw_binary: bool = False
    compression: bool = False
    drop_unknown: bool = False
    unseen_memory: bool = False


@dataclasses.dataclass(slots=True)
class Limits:
    """What all tensors of a request may have together."""

    max_elements: int = 16 << 20
    max_bytes: int = 64 << 20
    max_inputs: int = 0


class Schema:
    """Which tensors a model takes and gives. It does not change once it is read."""

    def __init__(self) -> None:
        self.model = ""
        self.dims: dict[str, tuple[int, int]] = {}
        self.constraints: list[Constraint] = []
        self.limits = Limits()
        self.wire = Wire()
        self.shadow = False
        self.status = 400
        self.groups: dict[str, dict[str, Spec]] = {group: {} for group in GROUPS}  # as written

    @functools.cached_property
    def sha256(self) -> str:
        """The digest of the canonical form, which the gateway and records name, too."""
        return hashlib.sha256(self.canonical()).hexdigest()

    def canonical(self) -> bytes:
        """Return the meaning of the schema in one spelling."""
        return _canonical.encode(self)

    def specs(self, group: str) -> list[Spec]:
        """List the tensors of a group by name."""
        return [spec for _, spec in sorted(self.groups[group].items())]

    def __repr__(self) -> str:
        return f"<Schema {self.model or '-'} sha256:{self.sha256[:12]}>"


class _Reader:
    def __init__(self, files: Files | None = None) -> None:
        self.schema = Schema()
        self.files = files
        self.declared: dict[str, int] = {}  # the line of each of dims

    def read(self, top: Node) -> Schema:
        s = self.schema
        late: list[Node] = []
        found = keys(top, "", {
            "andiron": one(FORM), "model": self.model, "dims": self.symbols, "constraints": late.append,
            "limits": self.limits, "inputs": self.group("inputs"), "outputs": self.group("outputs"),
            "labels": self.group("labels"), "wire": self.wire, "on_violation": self.on_violation,
        })  # fmt: skip
        if "andiron" not in found:
            raise Fault(0, f'key "andiron" is missing: a schema starts with "andiron: {FORM}"')
        if not s.groups["inputs"]:
            raise Fault(0, 'key "inputs" is missing: a schema without inputs protects nothing')
        for node in late:
            s.constraints = items(node, _MAX_CONSTRAINTS, self.constraint)
        # Where unknown ones are dropped, any number of them may come beside the others.
        most = _MAX_TENSORS if s.wire.drop_unknown else len(s.groups["inputs"])
        s.limits.max_inputs = s.limits.max_inputs or most
        self.complete()
        return s

    def model(self, node: Node) -> None:
        self.schema.model = scalar(node)
        if not is_name(node.value):
            raise Fault(node.line, f'model "{clip(node.value)}" is not a name')

    def symbols(self, node: Node) -> None:
        dims = self.schema.dims
        for name, k, v in entries(node):
            if not is_symbol(name):
                raise Fault(k.line, f'"{clip(name)}" cannot name a size: letters, digits and _, at most 32')
            if name in dims:
                raise Fault(k.line, f'symbol "{name}" stands twice')
            if len(dims) == _MAX_SYMBOLS:
                raise Fault(k.line, f"limit exceeded: symbols: more than {_MAX_SYMBOLS}")
            dims[name], self.declared[name] = self.bounds(v), k.line

    def bounds(self, node: Node) -> tuple[int, int]:
        low, two, high = node.value.partition("..")
        try:
            bounds = (whole(low, 0, MAX_DIM), whole(high if two else low, 0, MAX_DIM))
        except ValueError:
            bounds = (1, 0)
        if node.kind != "text" or bounds[0] > bounds[1]:
            what = f'sizes "{clip(node.value)}" are not a number or two with .. between them, such as 1..64'
            raise Fault(node.line, what)
        return bounds

    def constraint(self, node: Node) -> Constraint:
        constraint = guarded(node, parse_constraint, scalar(node))
        for name in constraint.symbols():
            if name not in self.schema.dims:
                raise Fault(node.line, f'symbol "{name}" is not among dims')
        return constraint

    def limits(self, node: Node) -> None:
        found = keys(node, "limits.", {
            "max_elements": count(1, MAX_ELEMENTS), "max_bytes": size(MAX_BYTES), "max_inputs": count(1, _MAX_TENSORS),
        })  # fmt: skip
        self.schema.limits = Limits(**found)  # type: ignore[arg-type]

    def words(self, read: Callable[[Node], str]) -> Callable[[Node], list[str]]:
        def read_list(node: Node) -> list[str]:
            words = sorted(items(node, _MAX_TENSORS, read))
            if len(set(words)) < len(words):
                raise Fault(node.line, "a value stands twice")
            return words

        return read_list

    def parameter(self, node: Node) -> str:
        name = scalar(node)
        if not is_name(name):
            raise Fault(node.line, f'parameter "{clip(name)}" is not a name')
        return name

    def wire(self, node: Node) -> None:
        accept = one("v2-json", "v2-binary", "v2-grpc", "v1-json", "torchserve", "openai")
        found = keys(node, "wire.", {
            "accept": self.words(accept), "forward_as": one("same", "v2-json", "v2-binary", "v2-grpc"),
            "parameters": self.words(self.parameter), "raw_binary": one("deny", "allow"),
            "compression": one("deny", "allow"), "unknown_inputs": one("reject", "drop"),
            "shared_memory": one("deny", "allow_unseen"),
        })  # fmt: skip
        wire = Wire(**{k: v for k, v in found.items() if k in ("accept", "forward_as", "parameters")})  # type: ignore[arg-type]
        wire.raw_binary = found.get("raw_binary") == "allow"
        wire.compression = found.get("compression") == "allow"
        wire.drop_unknown = found.get("unknown_inputs") == "drop"
        wire.unseen_memory = found.get("shared_memory") == "allow_unseen"
        self.schema.wire = wire

    def on_violation(self, node: Node) -> None:
        found = keys(node, "on_violation.", {"mode": one("enforce", "shadow"), "status": self.status})
        self.schema.shadow = found.get("mode") == "shadow"

    def status(self, node: Node) -> None:
        self.schema.status = count(400, 499)(node)

    def group(self, group: str) -> Callable[[Node], None]:
        def read(node: Node) -> None:
            specs = self.schema.groups[group]
            for name, k, v in entries(node):
                if not is_name(name):
                    raise Fault(k.line, f'"{clip(name)}" cannot name a tensor')
                if len(specs) == _MAX_TENSORS:
                    raise Fault(k.line, f"limit exceeded: tensors in {group}: more than {_MAX_TENSORS}")
                specs[name] = read_spec(group, name, k, v, self.symbols, self.files)
                guarded(k, _compile.compile_spec, specs[name])

        return read

    def complete(self) -> None:
        """Check what only the whole file shows."""
        s = self.schema
        used = set()
        for spec in (spec for group in GROUPS for spec in s.specs(group)):
            for d in spec.shape:
                if d.symbol and d.symbol not in s.dims:
                    raise Fault(spec.line, f'symbol "{d.symbol}" is not among dims')
                if d.symbol:
                    d.low, d.high = s.dims[d.symbol]
                    used.add(d.symbol)
            try:
                _compile.check_channels(spec)
            except ValueError as exc:
                raise Fault(spec.line, str(exc)) from exc
        for name in sorted(s.dims):
            if name not in used:
                raise Fault(self.declared[name], f'symbol "{name}" is in no shape: its bounds would check nothing')
        s.constraints.sort(key=str)


def parse_schema(data: bytes, where: str = "", files: Files | None = None) -> Schema:
    """Read a schema, and the files of values that it names. Raises SchemaError with the line."""
    try:
        return _Reader(files).read(document(data))
    except Fault as exc:
        raise schema_error(exc.what, where, exc.line) from exc


def schema_error(what: str, where: str = "", line: int = 0) -> SchemaError:
    """Make the exception for a schema that is wrong."""
    at = (f"{where}:{line}" if where else f"line {line}") if line else where
    return SchemaError(what, where=at, hint="docs/spec/tensor-v1.md describes every key", line=line)


def read_schema(path: str | os.PathLike[str]) -> Schema:
    """Read a schema file. Raises FileAccessError or SchemaError."""
    where = os.fspath(path)

    def beside(name: str) -> bytes:
        with open(os.path.join(os.path.dirname(where), name), "rb") as file:
            return file.read(MAX_VALUE_FILE + 1)

    try:
        with open(where, "rb") as file:
            return parse_schema(file.read(MAX_FILE + 1), where, beside)
    except OSError as exc:
        raise FileAccessError(
            "cannot be read",
            where=where,
            why=str(exc),
            hint="name a schema file; a short form such as float32[B, 3, H, W] is for @andiron.validate",
        ) from exc


_FORM = re.compile(r" *([^ \[\]|]+(?: *\| *[^ \[\]|]+)*) *\[([^\[\]]*)\] *(?:in *\[([^\[\],]*),([^\[\],]*)\] *)?")


def parse_short(forms: Mapping[str, str]) -> Schema:
    """Read short forms, such as ``float32[B, 3] in [0, 1]``, by the names of their inputs."""
    reader = _Reader()
    try:
        if not 0 < len(forms) <= _MAX_TENSORS:
            raise ValueError(f"not 1 to {_MAX_TENSORS} short forms")
        for name, form in forms.items():
            _short(reader.schema, name, form)
        reader.schema.limits.max_inputs = len(forms)
        reader.complete()
    except (ValueError, Fault) as exc:
        raise schema_error(exc.what if isinstance(exc, Fault) else str(exc)) from exc
    return reader.schema


def _short(schema: Schema, name: str, form: str) -> None:
    match = _FORM.fullmatch(form)
    if not is_name(name):
        raise ValueError(f'"{clip(name)}" cannot name a tensor')
    if not match or len(form.encode()) > _MAX_SHORT:
        raise ValueError(f'"{clip(form)}" is not a short form such as float32[B, 3, H, W] in [0, 1]')
    spec = Spec(name, 0, dtypes=[parse_dtype(word.strip(" ")) for word in match[1].split("|")])
    spec.dtypes.sort(key=lambda d: d.name)
    spec.shape = [_size(word.strip(" ")) for word in match[2].split(",")] if match[2].strip(" ") else []
    if len({d.name for d in spec.dtypes}) < len(spec.dtypes):
        raise ValueError(f'"{clip(form)}": a dtype stands twice')
    if len(spec.shape) > MAX_RANK:
        raise ValueError(f"limit exceeded: dimensions: more than {MAX_RANK}")
    if match[3] is not None:
        spec.range = bounds(parse_bound(match[3].strip(" ")), parse_bound(match[4].strip(" ")))
    for d in spec.shape:
        if d.symbol:
            schema.dims[d.symbol] = (1, MAX_DIM)
    if len(schema.dims) > _MAX_SYMBOLS:
        raise ValueError(f"limit exceeded: symbols: more than {_MAX_SYMBOLS}")
    fits(spec, nonfinite=False)
    _compile.compile_spec(spec)
    schema.groups["inputs"][name] = spec


def _size(word: str) -> Dim:
    if word == "_":
        return Dim(1, MAX_DIM)
    if is_symbol(word):
        return Dim(1, MAX_DIM, word)
    try:
        n = whole(word, 0, MAX_DIM)
    except ValueError as exc:
        raise ValueError(f'"{clip(word)}" is not a size: a number, a symbol or _') from exc
    return Dim(n, n)
