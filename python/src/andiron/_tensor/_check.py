"""Holds tensors against a schema.

# Security

Tensors are hostile. Shapes are multiplied before anything is read, no element is looked
at before the sizes are those of the schema, and messages carry numbers and positions,
never the text of an element.

# Specification

docs/spec/tensor-v1.md, "Sizes" to "Violations", whose order this follows.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence

from . import _hint
from ._dtype import BY_NAME, DType
from ._elements import Elements, Majority, Scan, Tally, along
from ._number import bound, short, shortest, to_float
from ._schema import Schema
from ._spec import MAX_RANK, Flat, Normalize, Spec, Stats, Want, span
from ._text import check_texts
from ._violation import Violation, quote, sizes, unravel

_LAST = 2**63 - 1


@dataclasses.dataclass(slots=True)
class Given:
    """A tensor that came. ``elements`` is called when type, shape and size are right."""

    name: str
    dtype: str  # a name of the specification, or what it is instead
    shape: tuple[int, ...]
    nbytes: int
    elements: Callable[[], Elements]
    texts: Callable[[], bytes] = bytes  # of a tensor of bytes: lengths and elements
    alien: str = ""  # a hint about what is no tensor at all, and has no shape

    @property
    def known(self) -> DType | None:
        return BY_NAME.get(self.dtype)


@dataclasses.dataclass(slots=True)
class Result:
    """The outcome; ``dims`` are the sizes that symbols had, for the outputs."""

    violations: list[Violation]
    dims: dict[str, int]


def check(schema: Schema, group: str, tensors: Sequence[Given], dims: Mapping[str, int] | None = None) -> Result:
    """Hold tensors against a group. Sizes in dims are fixed already."""
    c = _Checker(schema, group, dict(dims or {}))
    if c.budget(tensors):
        present = c.names(tensors)
        sound = [(s, present[s.name]) for s in schema.specs(group) if s.name in present]
        sound = [(s, given) for s, given in sound if c.structure(s, given)]
        c.constraints()
        for s, given in sound:
            check_elements(c.found, s, given)
    return Result(c.found, c.dims)


def numel(shape: Sequence[int]) -> int | None:
    """Multiply from the left; -1 is a product beyond 63 bits, None a size below 0."""
    if any(n < 0 for n in shape):
        return None
    total = 1
    for n in shape:
        if total >= 0:
            total = total * n if total * n <= _LAST else -1
    return total


def _spell(n: int) -> str:
    return "more elements than 63 bits count" if n == _LAST else f"{n} elements"


class _Checker:
    def __init__(self, schema: Schema, group: str, dims: dict[str, int]) -> None:
        self.schema = schema
        self.group = group
        self.dims = dims
        self.origin = dict.fromkeys(dims, "the inputs")
        self.found: list[Violation] = []

    def add(self, code: str, name: str, got: str, want: str, hint: str = "") -> None:
        self.found.append(Violation(code, name, got=got, want=want, hint=hint))

    def budget(self, tensors: Sequence[Given]) -> bool:
        """Check what bounds the work. Nothing else is looked at beyond it."""
        limits = self.schema.limits
        most = limits.max_inputs
        if self.group != "inputs":
            most = max(most, len(self.schema.groups[self.group]))
        if len(tensors) > most:
            self.add("AT-INPUTS", "", f"{len(tensors)} tensors", f"at most {most}")
            return False
        elements = 0
        for given in tensors:
            # A shape of too many dimensions is not multiplied: AT-RANK says so.
            n = numel(given.shape) if len(given.shape) <= MAX_RANK else None
            if n is not None:
                elements = _LAST if n < 0 or elements + n > _LAST else elements + n
        nbytes = sum(given.nbytes for given in tensors)
        if elements > limits.max_elements:
            self.add("AT-ELEMENTS", "", _spell(elements), f"at most {limits.max_elements} elements")
        if nbytes > limits.max_bytes:
            self.add("AT-BYTES", "", f"{nbytes} bytes", f"at most {limits.max_bytes}")
        return not self.found

    def names(self, tensors: Sequence[Given]) -> dict[str, Given]:
        """Find what is unknown, twice there or missing, and return the rest."""
        specs = self.schema.groups[self.group]
        present: dict[str, Given] = {}
        twice, unknown = set(), set()
        for given in tensors:
            if given.name not in specs:
                unknown.add(given.name)
            elif given.name in present:
                twice.add(given.name)
            else:
                present[given.name] = given
        if self.group != "inputs" or not self.schema.wire.drop_unknown:
            for name in sorted(unknown):
                wanted = sorted(specs)
                self.add("AT-UNKNOWN", "", quote(name), "one of " + ", ".join(wanted), _hint.near(name, wanted))
        for name in sorted(twice):
            del present[name]
            self.add("AT-DUPLICATE", name, "more than one", "one")
        for s in self.schema.specs(self.group):
            if s.name not in present and s.name not in twice and not s.optional:
                self.add("AT-MISSING", s.name, "nothing", s.describe())
        return present

    def structure(self, s: Spec, given: Given) -> bool:
        """Check everything that needs no element; tell whether elements can be looked at."""
        before = len(self.found)
        d = given.known
        if d not in s.dtypes:
            self.add("AT-DTYPE", s.name, given.dtype, s.types(), given.alien or _hint.dtype(s, d))
        if given.alien:
            return False
        fixed = False
        if len(given.shape) != len(s.shape):
            self.add("AT-RANK", s.name, sizes(given.shape), s.want_shape(), _hint.rank(s, given.shape))
        else:
            fixed = self.shape(s, given.shape)
        n = numel(given.shape) if len(given.shape) <= MAX_RANK else None
        if n is not None:
            self.sizes(s, given, n)
        if s.max_bytes and given.nbytes > s.max_bytes:
            self.add("AT-BYTES", s.name, f"{given.nbytes} bytes", f"at most {s.max_bytes}")
        sound = len(self.found) == before
        if fixed:
            self.bind(s, given.shape)
        return sound

    def sizes(self, s: Spec, given: Given, n: int) -> None:
        if s.max_elements and n > s.max_elements:
            self.add("AT-ELEMENTS", s.name, _spell(n), f"at most {s.max_elements} elements")
        d = given.known
        if d and d.kind != "bytes" and given.nbytes != n * d.size:
            want = f"{n * d.size} for {d.name}{sizes(given.shape)}"
            self.add("AT-SIZE", s.name, f"{given.nbytes} bytes", want)

    def shape(self, s: Spec, shape: tuple[int, ...]) -> bool:
        """Check the sizes that are no symbols."""
        for i, (d, n) in enumerate(zip(s.shape, shape, strict=True)):
            if n < 0 or not (d.symbol or d.takes(n)):
                self.add("AT-SHAPE", s.name, sizes(shape), s.want_shape(), _hint.shape(s, shape, i))
                return False
        return True

    def bind(self, s: Spec, shape: tuple[int, ...]) -> None:
        """Give symbols their sizes, or find that they have another one already."""
        for i, (d, n) in enumerate(zip(s.shape, shape, strict=True)):
            if not d.symbol:
                continue
            got = f"{d.symbol} of {n} in {sizes(shape)}"
            had = self.dims.get(d.symbol)
            if not d.takes(n):
                self.add("AT-DIM", s.name, got, span(d.low, d.high), _hint.shape(s, shape, i))
            elif had is None:
                self.dims[d.symbol] = n
                self.origin[d.symbol] = f'"{s.name}"'
            elif had != n:
                self.add("AT-DIM", s.name, got, f"{had}, as in {self.origin[d.symbol]}")

    def constraints(self) -> None:
        """Check those whose symbols all have a size."""
        done = set()
        for constraint in self.schema.constraints:
            if str(constraint) in done:
                continue
            done.add(str(constraint))
            names = constraint.symbols()
            if all(name in self.dims for name in names) and (got := constraint.violation(self.dims)):
                sized = ", ".join(f"{name} is {self.dims[name]}" for name in names)
                self.add("AT-CONSTRAINT", "", got, f"{constraint.text} where {sized}")


def check_elements(found: list[Violation], s: Spec, given: Given) -> None:
    """Check what is in a tensor whose type, shape and size are right."""
    d = BY_NAME[given.dtype]
    if d.kind == "bytes":
        check_texts(found, s, given.shape, given.texts())
        return
    c = _ElementChecker(found, s, given.elements())
    want = s.wants[d.name]
    c.scanned(c.elements.scan(want), want)
    if want.values is not None:
        c.values(want.values)
    if s.flat:
        c.flat(s.flat)
    if s.stats:
        c.stats(s.stats)
    if s.normalize and s.normalize.kind == "lp" and s.normalize.by == "client":
        c.norms(s.normalize)


class _ElementChecker:
    def __init__(self, found: list[Violation], s: Spec, elements: Elements) -> None:
        self.found = found
        self.s = s
        self.elements = elements
        self.d = elements.dtype

    def offence(self, code: str, n: Tally, got: str, want: str, hint: str = "", of: int | None = None) -> None:
        index = unravel(n.first, self.elements.shape)
        total = len(self.elements) if of is None else of
        self.found.append(Violation(code, self.s.name, index, n.first, got, want, n.count, total, hint))

    def show(self, n: Tally) -> str:
        return self.d.show(self.elements.key(n.first))

    def scanned(self, scan: Scan, want: Want) -> None:
        if scan.clean:
            return
        if scan.nan.count and not self.s.allow_nan:
            hint = "a value is missing, or a division by zero lies upstream; nan_to_num hides it"
            self.offence("AT-NAN", scan.nan, "NaN", "a number", hint)
        if scan.inf.count and not self.s.allow_inf:
            hint = "float16 ends at 65504: a larger value becomes infinite when it is converted"
            half = self.d.name == "float16"
            self.offence("AT-INF", scan.inf, self.show(scan.inf), "a finite number", hint if half else "")
        rule = self.s.tiny_for(self.d)
        if scan.tiny.count and rule and rule[1] == "reject":
            hint = "such values make a CPU up to a hundred times slower; set them to 0"
            wanted = "0 or a magnitude of at least " + self.d.show(want.tiny)
            self.offence("AT-TINY", scan.tiny, self.show(scan.tiny), wanted, hint)
        if scan.out.count:
            self.out(scan, want)

    def out(self, scan: Scan, want: Want) -> None:
        first = self.elements.key(scan.out.first)
        # The extreme that lies farthest on the side of the first offender.
        worst = scan.low if first < want.low else scan.high
        hint = _hint.value(self.s, self.d, scan.low, scan.high, worst, first)
        code, wanted = "AT-RANGE", ""
        if self.s.vocabulary:
            code, wanted = "AT-TOKEN", f"an id from 0 to {self.s.vocabulary - 1}"
        elif self.d.kind == "bool":
            code, wanted = "AT-BOOL", "a byte of 0 or 1"
        elif self.s.range:
            wanted = f"in [{bound(self.s.range[0])}, {bound(self.s.range[1])}]"
        self.offence(code, scan.out, self.d.show(first), wanted, hint)

    def values(self, keys: list[int]) -> None:
        bad = self.elements.unlisted(keys)
        if bad.count <= self.s.max_new:
            return
        shown = ", ".join(bound(x) for x in self.s.values[:8])
        more = len(self.s.values) > 8
        wanted = f"one of {len(self.s.values)} values: {shown}, …" if more else "one of " + shown
        self.offence("AT-VALUE", bad, self.show(bad), wanted + self.s.but_for())

    def slice(self, code: str, axis: int | None, bad: Tally, got: str, want: str, hint: str = "") -> None:
        n = along(self.elements.shape, axis).n
        index = () if axis is None else (bad.first,)
        self.found.append(Violation(code, self.s.name, index, -1, got, want, bad.count, n, hint))

    def flat(self, flat: Flat) -> None:
        each = along(self.elements.shape, flat.axis).each
        if each < 2:
            return
        most: Majority = self.elements.majorities(flat.axis, int(flat.fraction * each))
        if most.tally.count:
            got = f"{most.count} of {each} elements are {self.d.show(most.key)}"
            wanted = "a share of at most " + bound(flat.fraction)
            self.slice("AT-FLAT", flat.axis, most.tally, got, wanted, "a blank image or a dead sensor")

    def stats(self, stats: Stats) -> None:
        moments = self.elements.moments(stats.axis)
        for code, what, bands, values in (
            ("AT-MEAN", "a mean", stats.mean, [m for m, _ in moments]),
            ("AT-STD", "a standard deviation", stats.std, [s for _, s in moments]),
        ):
            bad = Tally()
            for i, value in enumerate(values if bands else ()):
                low, high = bands[i if len(bands) > 1 else 0]
                if not to_float(low) <= value <= to_float(high):
                    bad.add(i)
            if bad.count:
                low, high = bands[bad.first if len(bands) > 1 else 0]
                wanted = f"one in [{bound(low)}, {bound(high)}]"
                self.slice(code, stats.axis, bad, f"{what} of {short(values[bad.first])}", wanted)

    def norms(self, z: Normalize) -> None:
        within = z.allowed(self.d)
        bad, norm = self.elements.norms(z.axis, float(z.p), within)
        if bad.count:
            of = along(self.elements.shape, z.axis).each
            wanted = f"1 within {shortest(within)}, or 0"
            hint = f"torch.nn.functional.normalize(x, p={shortest(float(z.p))}, dim={z.axis})"
            self.offence("AT-NORM", bad, "a norm of " + short(norm), wanted, hint, of)
