"""What a schema says about one tensor."""

from __future__ import annotations

import bisect
import dataclasses
import re
from collections.abc import Callable
from fractions import Fraction

from ._dtype import DTYPES, DType, parse_dtype
from ._expr import is_symbol
from ._fields import boolean, count, guarded, items, keys, number, one, scalar, size
from ._number import INF, MAX_DIM, Real, parse_bound, parse_real, whole
from ._pattern import Pattern
from ._yaml import Fault, Node, clip

MAX_RANK = 16
MAX_VALUES = 4096
MAX_ELEMENTS = 1 << 40
MAX_BYTES = 1 << 43
MAX_VALUE_FILE = 4 << 20
_MAX_FILE_VALUES = 65536
_MAX_FILE_NAME = 256
_MAX_VALUE = 1024
_FILE_PART = re.compile(r"(?!\.)[-.]*[A-Za-z0-9_][A-Za-z0-9_.\-]{0,127}")
_MAX_TEXT = 1 << 30
_DEFAULT_TEXT = 64 << 10
_DEFAULT_BELOW = parse_real("2^-100")
_BIG = parse_real("1e30")
_HUGE = parse_real("1e300")


# Gives the content of a file beside the schema.
Files = Callable[[str], bytes]


@dataclasses.dataclass(slots=True)
class Dim:
    """One size of a shape: fixed, a symbol, or any."""

    low: int
    high: int
    symbol: str = ""

    def takes(self, n: int) -> bool:
        return self.low <= n <= self.high

    def __str__(self) -> str:
        return self.symbol or ("_" if self.high == MAX_DIM else span(self.low, self.high))


def span(low: int, high: int) -> str:
    """Spell a closed interval of sizes."""
    return str(low) if low == high else f"{low}..{high}"


@dataclasses.dataclass(slots=True)
class Tiny:
    below: Fraction | None = None
    action: str = "reject"


@dataclasses.dataclass(slots=True)
class Flat:
    fraction: Fraction
    axis: int | None


@dataclasses.dataclass(slots=True)
class Normalize:
    kind: str
    by: str = "model"
    axis: int = 1
    mean: list[Fraction] = dataclasses.field(default_factory=list)
    std: list[Fraction] = dataclasses.field(default_factory=list)
    p: Fraction = Fraction(2)
    eps: Fraction = dataclasses.field(default_factory=lambda: parse_real("1e-12"))
    tolerance: Fraction | None = None

    def allowed(self, d: DType) -> float:
        """Return how far from 1 a norm may be."""
        if self.tolerance is not None:
            return float(self.tolerance)
        return {8: 1e-3, 4: 1e-3, 2: 1e-2}.get(d.size, 0.1)


Band = tuple[Fraction, Fraction]


@dataclasses.dataclass(slots=True)
class Stats:
    axis: int
    mean: list[Band]
    std: list[Band]


@dataclasses.dataclass(slots=True)
class Drift:
    edges: list[Fraction]
    shares: list[Fraction]
    psi: Fraction | None = None
    ks: Fraction | None = None
    window: int = 1000
    action: str = "alert"


@dataclasses.dataclass(slots=True)
class Balance:
    psi: Fraction
    shares: list[Fraction] = dataclasses.field(default_factory=list)


# Lists of code points and no Unicode properties, so that every implementation
# refuses the same.
CLASSES: dict[str, list[tuple[int, int]]] = {
    "control": [(0, 8), (0xB, 0xC), (0xE, 0x1F), (0x7F, 0x9F)],
    "newline": [(0xA, 0xD), (0x85, 0x85), (0x2028, 0x2029)],
    "bidi": [(0x61C, 0x61C), (0x200E, 0x200F), (0x202A, 0x202E), (0x2066, 0x2069)],
    "invisible": [
        (0xAD, 0xAD), (0x34F, 0x34F), (0x115F, 0x1160), (0x17B4, 0x17B5), (0x180B, 0x180F), (0x200B, 0x200D),
        (0x2060, 0x2064), (0x206A, 0x206F), (0x3164, 0x3164), (0xFEFF, 0xFEFF), (0xFFA0, 0xFFA0),
        (0xFFF9, 0xFFFB), (0xE0000, 0xE007F), (0xE0100, 0xE01EF),
    ],
    "private": [(0xE000, 0xF8FF), (0xF0000, 0xFFFFD), (0x100000, 0x10FFFD)],
    "non_ascii": [(0x80, 0x10FFFF)],
}  # fmt: skip


@dataclasses.dataclass(slots=True)
class Text:
    max_bytes: int = _DEFAULT_TEXT
    min_chars: int = 0
    max_chars: int = 0
    strict: bool = True
    deny: list[str] = dataclasses.field(default_factory=list)
    pattern: str = ""
    match: Pattern | None = None
    denied: list[tuple[int, int]] = dataclasses.field(default_factory=list)

    def denies(self, code: int) -> bool:
        i = bisect.bisect_right(self.denied, (code, _BEYOND))
        return i > 0 and code <= self.denied[i - 1][1]


_BEYOND = 0x110000


@dataclasses.dataclass(slots=True)
class Want:
    """What is asked of the elements in one type, in keys."""

    low: int
    high: int
    tiny: int = 0  # 0 where tiny values are not looked for
    values: list[int] | None = None


@dataclasses.dataclass(slots=True)
class Spec:
    """A tensor of a schema."""

    name: str
    line: int
    dtypes: list[DType] = dataclasses.field(default_factory=list)
    shape: list[Dim] = dataclasses.field(default_factory=list)
    optional: bool = False
    allow_nan: bool = False
    allow_inf: bool = False
    range: tuple[Real, Real] | None = None
    vocabulary: int = 0
    values: list[Fraction] = dataclasses.field(default_factory=list)
    texts: list[bytes] = dataclasses.field(default_factory=list)
    tiny: Tiny | None = None
    max_elements: int = 0
    max_bytes: int = 0
    flat: Flat | None = None
    normalize: Normalize | None = None
    stats: Stats | None = None
    drift: Drift | None = None
    balance: Balance | None = None
    max_new: int = 0
    text: Text | None = None
    wants: dict[str, Want] = dataclasses.field(default_factory=dict)

    def types(self) -> str:
        return " or ".join(d.name for d in self.dtypes)

    def want_shape(self) -> str:
        return "[" + ", ".join(map(str, self.shape)) + "]"

    def describe(self) -> str:
        return self.types() + self.want_shape()

    def but_for(self) -> str:
        """Say how many elements may have another value."""
        return f", but for {self.max_new} elements" if self.max_new else ""

    def takes(self, shape: tuple[int, ...]) -> bool:
        return len(shape) == len(self.shape) and all(d.takes(n) for d, n in zip(self.shape, shape, strict=True))

    def tiny_for(self, d: DType) -> tuple[Fraction, str] | None:
        """Return the rule about tiny values in one type: below what, and the action.

        Those whose products leave the normal numbers of float32 are refused unless
        the schema says otherwise; the small types have none that low, or were asked
        for as such.
        """
        if not d.is_float:
            return None
        rule = self.tiny or Tiny()
        if rule.below is not None:
            return rule.below, rule.action
        return (_DEFAULT_BELOW, rule.action) if d.name in ("float64", "float32", "bfloat16") else None


def read_dtypes(node: Node) -> list[DType]:
    """Read a type, or a list of them, and sort it."""

    def read(n: Node) -> DType:
        d = guarded(n, parse_dtype, n.value)
        if n.kind != "text":
            raise Fault(n.line, "a dtype is a name")
        if d.name in seen:
            raise Fault(n.line, f"dtype {d.name} stands twice")
        seen.add(d.name)
        return d

    seen: set[str] = set()
    if node.kind != "list":
        return [read(node)]
    return sorted(items(node, len(DTYPES) + 1, read), key=lambda d: d.name)


def read_shape(node: Node) -> list[Dim]:
    """Read the sizes of a tensor."""
    if node.kind == "list" and not node.items:
        return []
    return items(node, MAX_RANK, _read_dim)


def _read_dim(node: Node) -> Dim:
    if node.kind != "text":
        raise Fault(node.line, "a size is a number, a symbol or _")
    if node.value == "_":
        return Dim(1, MAX_DIM)
    if is_symbol(node.value):
        return Dim(0, 0, node.value)
    try:
        n = whole(node.value, 0, MAX_DIM)
    except ValueError as exc:
        raise Fault(node.line, f'"{clip(node.value)}" is not a size: a number, a symbol or _') from exc
    return Dim(n, n)


def read_range(node: Node) -> tuple[Real, Real]:
    """Read a lower and an upper bound."""
    ends = items(node, 2, lambda n: guarded(n, parse_bound, scalar(n)))
    return guarded(node, bounds, *ends)


def bounds(*ends: Real) -> tuple[Real, Real]:
    """Check that a range has two bounds, the right way round."""
    infinite = [e for e in ends if isinstance(e, float)]
    if len(ends) != 2 or ends[0] > ends[1] or ends[0] == INF or ends[1] == -INF or len(infinite) > 1:
        raise ValueError("a range is a lower and an upper bound, of which one may be infinite")
    return ends[0], ends[1]


def read_values(node: Node, files: Files | None) -> list[bytes]:
    """Read the only values, as texts until the type is known."""
    if node.kind == "text":
        return _value_file(node, files)

    def read(n: Node) -> bytes:
        if n.kind != "text":
            raise Fault(n.line, "a value is a number or a text")
        if len(n.value.encode()) > _MAX_VALUE:
            raise Fault(n.line, f"a value has more than {_MAX_VALUE} bytes")
        return n.value.encode()

    return items(node, MAX_VALUES, read)


def _value_file(node: Node, files: Files | None) -> list[bytes]:
    name = scalar(node)
    if len(name) > _MAX_FILE_NAME or not all(_FILE_PART.fullmatch(part) for part in name.split("/")):
        raise Fault(node.line, f'"{clip(name)}" is neither a list of values nor a file beside the schema')
    if files is None:
        what = f'the values are in the file "{clip(name)}", and there are no files beside this schema'
        raise Fault(node.line, what)
    try:
        return _lines(files(name))
    except (OSError, ValueError) as exc:
        raise Fault(node.line, f'values in "{clip(name)}": {exc}') from exc


def _lines(data: bytes) -> list[bytes]:
    """Return the lines of a file of values."""
    if len(data) > MAX_VALUE_FILE:
        raise ValueError(f"limit exceeded: bytes of values: more than {MAX_VALUE_FILE}")
    data.decode("utf-8")
    if data.startswith(b"\xef\xbb\xbf"):
        raise ValueError("the file begins with a byte order mark")
    lines = [line.removesuffix(b"\r") for line in data.removesuffix(b"\n").split(b"\n")]
    for i, line in enumerate(lines, 1):
        if not line:
            raise ValueError(f"line {i} is empty")
        if len(line) > _MAX_VALUE:
            raise ValueError(f"line {i} has more than {_MAX_VALUE} bytes")
    if len(lines) > _MAX_FILE_VALUES:
        raise ValueError(f"limit exceeded: values in a file: more than {_MAX_FILE_VALUES}")
    return lines


_ACTION = one("reject", "flush", "allow")


def _tiny(node: Node, prefix: str) -> Tiny:
    if node.kind == "text":
        return Tiny(action=_ACTION(node))
    below = number(parse_real("2^-1074"), Fraction(1))
    found = keys(node, prefix + "tiny.", {"below": below, "action": _ACTION})
    return Tiny(**found)  # type: ignore[arg-type]


_axis = count(-MAX_RANK, MAX_RANK - 1)


def _flat(node: Node, prefix: str) -> Flat:
    fraction = number(Fraction(1, 2), Fraction(1))
    found = keys(node, prefix + "flat.", {"max_constant_fraction": fraction, "axis": _axis})
    given = found.get("max_constant_fraction")
    if not isinstance(given, Fraction) or given == 1:
        raise Fault(node.line, "flat needs max_constant_fraction, from 0.5 to less than 1")
    axis = found.get("axis")
    return Flat(given, axis if isinstance(axis, int) else None)


def _reals(low: Fraction, high: Fraction) -> Callable[[Node], list[Fraction]]:
    return lambda node: items(node, MAX_VALUES, number(low, high))


def _normalize(node: Node, prefix: str) -> Normalize:
    found = keys(node, prefix + "normalize.", {
        "kind": one("standardize", "lp"), "by": one("model", "gateway", "client"), "axis": _axis,
        "mean": _reals(-_BIG, _BIG), "std": _reals(1 / _BIG, _BIG),
        "p": number(Fraction(1), Fraction(64)), "eps": number(Fraction(0), Fraction(1)),
        "tolerance": number(parse_real("1e-9"), Fraction(1)),
    })  # fmt: skip
    if "kind" not in found:
        raise Fault(node.line, "normalize needs kind: standardize is (x - mean) / std, lp is x / max(norm, eps)")
    z = Normalize(**found)  # type: ignore[arg-type]
    if z.kind == "standardize" and {"p", "eps", "tolerance"} & found.keys():
        raise Fault(node.line, "p, eps and tolerance belong to kind lp")
    if z.kind == "standardize" and (not z.mean or len(z.mean) != len(z.std)):
        raise Fault(node.line, "standardize needs mean and std, of the same length")
    if z.kind == "lp" and {"mean", "std"} & found.keys():
        raise Fault(node.line, "mean and std belong to kind standardize")
    if "tolerance" in found and z.by != "client":
        raise Fault(node.line, "tolerance is about what a client has normalised: it needs by: client")
    return z


def _band(node: Node) -> Band:
    low, two, high = node.value.partition("..")
    try:
        band = (parse_real(low), parse_real(high))
    except ValueError:
        band = (Fraction(1), Fraction(0))
    if not two or band[0] > band[1]:
        what = f'"{clip(node.value)}" is not two numbers with .. between them, such as 0.30..0.65'
        raise Fault(node.line, what)
    return band


def _stats(node: Node, prefix: str) -> Stats:
    def bands(n: Node) -> list[Band]:
        return items(n, MAX_VALUES, _band)

    found = keys(node, prefix + "stats.", {"axis": _axis, "mean": bands, "std": bands})
    if "axis" not in found or len(found) < 2:
        raise Fault(node.line, "stats needs axis, and mean or std")
    stats = Stats(**{"mean": [], "std": [], **found})  # type: ignore[arg-type]
    if len(stats.mean) > 1 and len(stats.std) > 1 and len(stats.mean) != len(stats.std):
        raise Fault(node.line, "mean and std have different lengths")
    return stats


def _drift(node: Node, prefix: str) -> Drift:
    share = number(parse_real("1e-6"), Fraction(100))
    found = keys(node, prefix + "drift.", {
        "edges": _reals(-_HUGE, _HUGE), "shares": _reals(Fraction(0), Fraction(1)),
        "psi": share, "ks": share, "window": count(1, 1 << 30),
        "action": one("alert", "reject"),
    })  # fmt: skip
    d = Drift(**{"edges": [], "shares": [], **found})  # type: ignore[arg-type]
    if not d.edges or len(d.shares) != len(d.edges) + 1:
        raise Fault(node.line, "drift needs edges, and shares, of which there is one more")
    if any(a >= b for a, b in zip(d.edges, d.edges[1:], strict=False)):
        raise Fault(node.line, "edges do not rise")
    if d.psi is None and d.ks is None:
        raise Fault(node.line, "drift needs psi or ks: without a bound nothing drifts")
    _all_of_it(node, d.shares)
    return d


def _all_of_it(node: Node, shares: list[Fraction]) -> None:
    if abs(sum(shares, Fraction(0)) - 1) > parse_real("1e-6"):
        raise Fault(node.line, "shares do not add up to 1")


def _balance(node: Node, prefix: str) -> Balance:
    psi = number(parse_real("1e-6"), Fraction(100))
    found = keys(node, prefix + "balance.", {"psi": psi, "shares": _reals(Fraction(0), Fraction(1))})
    if "psi" not in found:
        raise Fault(node.line, "balance needs psi: without a bound every balance is right")
    balance = Balance(**found)  # type: ignore[arg-type]
    if balance.shares:
        _all_of_it(node, balance.shares)
    return balance


def _deny(node: Node) -> list[str]:
    words = items(node, len(CLASSES), one(*sorted(CLASSES)))
    for i, word in enumerate(words):
        if word in words[:i]:
            raise Fault(node.items[i].line, f'"{word}" stands twice')
    return sorted(words)


def _pattern(node: Node) -> str:
    guarded(node, Pattern, scalar(node))
    return node.value


def _text(node: Node, prefix: str) -> Text:
    found = keys(node, prefix + "text.", {
        "max_bytes": size(_MAX_TEXT), "max_chars": count(1, _MAX_TEXT), "min_chars": count(1, _MAX_TEXT),
        "utf8": one("strict", "any"), "deny": _deny,
        "pattern": _pattern,
    })  # fmt: skip
    strict = found.pop("utf8", "strict") == "strict"
    pattern = str(found.pop("pattern", ""))
    match = Pattern(pattern) if pattern else None
    text = Text(strict=strict, pattern=pattern, match=match, **found)  # type: ignore[arg-type]
    text.denied = merged([span for word in text.deny for span in CLASSES[word]])
    if not strict and (text.max_chars or text.min_chars or text.deny or match):
        what = (
            "with utf8: any there are no characters to check: max_chars, min_chars, deny and pattern need utf8: strict"
        )
        raise Fault(node.line, what)
    if text.max_chars and text.min_chars > text.max_chars:
        raise Fault(node.line, "min_chars is above max_chars")
    return text


def merged(spans: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """Sort spans and join those that meet."""
    out: list[tuple[int, int]] = []
    for low, high in sorted(spans):
        if out and low <= out[-1][1] + 1:
            out[-1] = (out[-1][0], max(out[-1][1], high))
        else:
            out.append((low, high))
    return out


def read_spec(
    group: str, name: str, key: Node, node: Node, symbols: Callable[[Node], object], files: Files | None
) -> Spec:
    """Read what a schema says about one tensor. ``symbols`` reads the dims in it."""
    prefix = f"{group}.{name}."
    found = keys(node, prefix, {
        "dtype": read_dtypes, "shape": read_shape, "dims": symbols, "optional": boolean,
        "nonfinite": one("reject", "allow_nan", "allow_inf", "allow"),
        "range": read_range, "vocabulary": count(1, MAX_DIM),
        "values": lambda n: read_values(n, files), "max_new": count(0, MAX_ELEMENTS),
        "balance": lambda n: _balance(n, prefix),
        "tiny": lambda n: _tiny(n, name + "."),
        "max_elements": count(1, MAX_ELEMENTS), "max_bytes": size(MAX_BYTES),
        "flat": lambda n: _flat(n, prefix), "normalize": lambda n: _normalize(n, prefix),
        "stats": lambda n: _stats(n, prefix), "drift": lambda n: _drift(n, prefix), "text": lambda n: _text(n, prefix),
    })  # fmt: skip
    if "dtype" not in found:
        raise Fault(key.line, f'"{name}" has no dtype')
    if "shape" not in found:
        raise Fault(key.line, f'"{name}" has no shape: [] is a single number, _ any size')
    found.pop("dims", None)
    nonfinite = found.pop("nonfinite", "")
    found["dtypes"] = found.pop("dtype")
    found["texts"] = found.pop("values", [])
    spec = Spec(name, key.line, **found)  # type: ignore[arg-type]
    spec.allow_nan = nonfinite in ("allow", "allow_nan")
    spec.allow_inf = nonfinite in ("allow", "allow_inf")
    if spec.balance and group != "labels":
        raise Fault(key.line, f'"{name}": balance is about labels')
    try:
        fits(spec, nonfinite=bool(nonfinite))
        _axes(spec)
    except ValueError as exc:
        raise Fault(key.line, f'"{name}": {exc}') from exc
    return spec


def fits(s: Spec, *, nonfinite: bool) -> None:
    """Find keys that say nothing about a tensor of these types."""
    floats = sum(d.is_float for d in s.dtypes)
    integers = sum(d.is_integer for d in s.dtypes)
    ways = bool(s.range) + bool(s.vocabulary) + bool(s.texts)
    numbers = [s.range, s.vocabulary, s.tiny, nonfinite, s.flat, s.normalize, s.stats, s.drift]
    if any(d.kind == "bytes" for d in s.dtypes):
        if len(s.dtypes) > 1:
            raise ValueError("dtype bytes stands alone")
        if any(numbers):
            raise ValueError("dtype bytes has text and values, and no key about numbers")
    elif s.text:
        raise ValueError("text needs dtype bytes")
    if not floats and (nonfinite or s.tiny):
        raise ValueError("nonfinite and tiny need a floating dtype")
    if floats < len(s.dtypes) and s.normalize:
        raise ValueError("normalize needs floating dtypes only")
    if s.normalize and s.normalize.by == "model" and any(d.size == 1 for d in s.dtypes):
        raise ValueError("normalize by: model has no float8 dtype: torch does not calculate with them")
    _fits_values(s, integers, ways)


def _fits_values(s: Spec, integers: int, ways: int) -> None:
    if integers < len(s.dtypes) and s.vocabulary:
        raise ValueError("vocabulary needs integer dtypes only")
    if any(d.kind == "bool" for d in s.dtypes) and ways:
        raise ValueError("a bool has the values 0 and 1, and no range, vocabulary or values")
    if ways > 1:
        raise ValueError("only one of range, vocabulary and values may stand there")
    if s.max_new and not s.texts:
        raise ValueError("max_new needs values")


def _axes(s: Spec) -> None:
    """Turn axes that count from the end, and refuse those that there are not."""
    rank = len(s.shape)
    for rule in (s.flat, s.normalize, s.stats):
        if rule is None or rule.axis is None:
            continue
        if not -rank <= rule.axis < rank:
            raise ValueError(f"axis {rule.axis} is not in a shape of {rank} dimensions")
        rule.axis %= rank
