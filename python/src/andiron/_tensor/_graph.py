"""The check inside a graph of torch: of torch.compile, torch.export, TorchScript.

Types and sizes are settled while the graph is made: a graph is made for them, and
another one is refused, or made, for others. What the elements are is asserted by the
graph each time that it runs.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from .._errors import TensorValidationError
from ._checker import Checker
from ._dtype import DType
from ._expr import Constraint
from ._given import INTEGERS
from ._number import to_float
from ._onnx import in_onnx, left_out
from ._schema import Schema
from ._spec import Flat, Spec, Stats, Want

_OTHERWISE = 'guard what is compiled, or say graph="what_fits"'


def compiling() -> Callable[[], bool]:
    """Return the function that says whether a graph is being made."""
    torch = sys.modules.get("torch")
    found = getattr(getattr(torch, "compiler", None), "is_compiling", None)
    return found or _never


def tracing() -> Callable[[], bool]:
    """Return the function that says whether a trace is being made."""
    torch = sys.modules.get("torch")
    return _traces if torch is None else torch._C._is_tracing


def _traces() -> bool:
    """Say so where torch came later than what is decorated."""
    torch = sys.modules.get("torch")
    return torch is not None and torch._C._is_tracing()


def _never() -> bool:
    return False


class Graphs:
    """The checks of a function in a graph: by the operator in one that is compiled, by assertions in an export."""

    def __init__(self, torch: Any, checker: Checker, *, partial: bool = False) -> None:
        from ._ops import OPERATOR, register

        self.torch = torch
        self.operator = OPERATOR
        self.checker = checker
        self.shadow = checker.shadow
        self.partial = partial
        self.handle = register(checker)
        self.is_exporting = exporting(torch)
        self.state = torch.zeros(1, dtype=torch.int64)
        groups = ("inputs", "outputs")
        self.compiled = {
            group: GraphCheck(torch, checker.schema, group, partial=True, asserts=False) for group in groups
        }
        self.exported = {group: GraphCheck(torch, checker.schema, group, partial=partial) for group in groups}

    def check(self, group: str, values: Mapping[str, Any], dims: dict[str, Any]) -> None:
        if self.operator is None:
            refuse(
                "this torch is too old to compile a check: guard what is compiled, andiron.guard(torch.compile(m), …)"
            )
        if self.is_exporting():
            if in_onnx():
                self.left_out(group, values, dims)
            elif not self.shadow:
                self.exported[group].settle(values, dims)
            elif not self.partial:
                refuse(f"a program cannot report in shadow mode: {_OTHERWISE}")
            return
        tensors = [values[name] for name in values]
        for t in tensors:
            if not isinstance(t, self.torch.Tensor):
                refuse(
                    "no graph can check what is no tensor: guard what is compiled, andiron.guard(torch.compile(m), …)"
                )
        if not self.shadow:  # another type or size is refused while the graph is made
            self.compiled[group].settle(values, dims)
        self.operator([t.detach() for t in tensors], self.state, ",".join(values), group, self.handle)

    def left_out(self, group: str, values: Mapping[str, Any], dims: dict[str, Any]) -> None:
        if not self.shadow:
            self.compiled[group].settle(values, dims)
        if not self.partial:
            left_out(self.checker, group)


def exporting(torch: Any) -> Callable[[], bool]:
    """Return the function that says whether the graph that is made is that of an export."""
    compiler = getattr(torch, "compiler", None)
    if compiler is None:
        return _never
    # Before 2.7, the one flag is set by an export that is not strict. From 2.7 there is
    # is_exporting(), which torch.compile takes for true in many versions.
    flag = "_is_exporting_flag" if hasattr(compiler, "_is_exporting_flag") else "_is_compiling_flag"

    # What makes the graph runs this and takes the answer for a constant.
    def found() -> bool:
        if getattr(compiler, flag):
            return True
        dynamo = sys.modules.get("torch._dynamo.symbolic_convert")
        translator = dynamo and dynamo.InstructionTranslator.current_tx()
        return bool(translator and translator.export)

    # What torch.compiler.assume_constant_result does, which imports all of dynamo for it.
    found._dynamo_marked_constant = True  # type: ignore[attr-defined]
    return found


def graphs_of(checker: Checker, *, partial: bool = False) -> Graphs | None:
    """Return the checks in graphs, or nothing where there is no torch yet."""
    torch = sys.modules.get("torch")
    return None if torch is None else Graphs(torch, checker, partial=partial)


def unfit(specs: Iterable[Spec]) -> str:
    """Name a rule that no graph can check, or nothing."""
    for s in specs:
        rules = {
            "values": s.texts,
            "text": s.text,
            "drift": s.drift and s.drift.action == "reject",
        }
        for name, rule in rules.items():
            if rule:
                return f"{name} of {s.name}"
    return ""


class GraphInput:
    """One tensor of a schema, with nothing but what a tracer can follow."""

    def __init__(self, torch: Any, s: Spec) -> None:
        self.name = s.name
        self.optional = s.optional
        self.want = s.describe()
        self.rank = len(s.shape)
        self.sizes = tuple((i, d.low, d.high, d.symbol) for i, d in enumerate(s.shape))
        self.max_elements = s.max_elements or 1 << 40
        self.max_bytes = s.max_bytes or 1 << 43
        self.allow_nan = s.allow_nan
        self.allow_inf = s.allow_inf
        self.max_new = s.max_new
        self.flat = s.flat
        self.bands = bands_of(s.stats) if s.stats else []
        z = s.normalize if s.normalize and s.normalize.kind == "lp" and s.normalize.by == "client" else None
        self.norm = (z.axis, to_float(z.p)) if z else None
        self.near = {d.name: z.allowed(d) for d in s.dtypes} if z else {}
        self.flush = bool(s.tiny and s.tiny.action == "flush")
        self.types = tuple(
            (getattr(torch, d.name), getattr(torch, INTEGERS[d.size]), d, s.wants[d.name], _message(s, d))
            for d in s.dtypes if d.kind != "bytes" and hasattr(torch, d.name)
        )  # fmt: skip


def bands_of(stats: Stats) -> list[tuple[str, int, list[float], list[float]]]:
    """Return the code, the axis and the lower and upper bounds of each statistic."""
    found = []
    for code, bands in (("AT-MEAN", stats.mean), ("AT-STD", stats.std)):
        if bands:
            found.append((code, stats.axis, [to_float(low) for low, _ in bands], [to_float(high) for _, high in bands]))
    return found


def _message(s: Spec, d: DType) -> str:
    want = s.wants[d.name]
    what = "NaN, infinite, tiny or out of range" if d.is_float else "out of range"
    return f'AT-RANGE "{s.name}": {what}, want {d.show(d.plus(want.low))} to {d.show(want.high)}'


class GraphCheck:
    """The check of one group. What it cannot check it refuses, unless it is partial."""

    def __init__(self, torch: Any, schema: Schema, group: str, *, partial: bool = False, asserts: bool = True) -> None:
        self.asserts = asserts
        self.torch = torch
        self.inputs = tuple(GraphInput(torch, s) for s in schema.specs(group))
        self.constraints = tuple(schema.constraints)
        self.max_elements = schema.limits.max_elements
        self.max_bytes = schema.limits.max_bytes
        self.unfit = "" if partial else unfit(schema.specs(group))

    def settle(self, values: Mapping[str, Any], dims: dict[str, Any]) -> None:
        """Settle what can be, and assert the rest. Raises TensorValidationError."""
        if self.unfit:
            refuse(f"no graph can check {self.unfit}: {_OTHERWISE}")
        elements: Any = 0
        nbytes: Any = 0
        for i in self.inputs:
            t = values.get(i.name)
            if t is None:
                if not i.optional:
                    refuse(f'AT-MISSING "{i.name}": got nothing, want {i.want}')
                continue
            n = self.structure(i, t, dims)
            elements = elements + n
            nbytes = nbytes + n * t.element_size()
        known = [i.name for i in self.inputs]
        for name in values:
            if name not in known:
                refuse(f'AT-UNKNOWN: got "{name}", want one of {", ".join(known)}')
        if elements > self.max_elements:
            refuse(f"AT-ELEMENTS: got more, want at most {self.max_elements}")
        if nbytes > self.max_bytes:
            refuse(f"AT-BYTES: got more, want at most {self.max_bytes}")
        for c in self.constraints:
            hold(c, dims)

    def structure(self, i: GraphInput, t: Any, dims: dict[str, Any]) -> Any:
        if len(t.shape) != i.rank:
            refuse(f'AT-RANK "{i.name}": got {len(t.shape)} dimensions, want {i.want}')
        for at, low, high, symbol in i.sizes:
            n = t.shape[at]
            if n < low or n > high:
                code = "AT-DIM" if symbol else "AT-SHAPE"
                refuse(f'{code} "{i.name}": got a size of dimension {at} that is not {low}..{high}, want {i.want}')
            if symbol and symbol in dims:
                if dims[symbol] != n:
                    refuse(f'AT-DIM "{i.name}": got another {symbol} than before')
            elif symbol:
                dims[symbol] = n
        n = t.numel()
        if n > i.max_elements:
            refuse(f'AT-ELEMENTS "{i.name}": got more, want at most {i.max_elements}')
        if n * t.element_size() > i.max_bytes:
            refuse(f'AT-BYTES "{i.name}": got more, want at most {i.max_bytes}')
        self.elements(i, t)
        return n

    def elements(self, i: GraphInput, t: Any) -> None:
        fits = False
        for dtype, integer, d, want, message in i.types:
            if t.dtype == dtype:
                fits = True
                if not self.asserts:
                    continue
                self.torch._assert_tensor_metadata(t, None, None, dtype)
                for holds, said in assertions(self.torch, t, integer, d, want, message, i):
                    # On the host, where it raises: on CUDA it would end every later call as well.
                    self.torch._assert_async(holds.cpu(), said)
        if not fits:
            refuse(f'AT-DTYPE "{i.name}": got {t.dtype}, want {i.want}')


def assertions(
    torch: Any, t: Any, integer: Any, d: DType, want: Want, message: str, i: GraphInput
) -> Iterator[tuple[Any, str]]:
    """Return what has to hold of the elements, and what to say otherwise."""
    yield good(t, integer, d, want, i).all(), message
    if want.values is not None:
        new = unlisted(torch, t, integer, d, want.values)
        yield new <= i.max_new, f'AT-VALUE "{i.name}": none of the values of the schema'
    if i.flat and t.numel():
        yield varies(t, integer, d, i.flat), f'AT-FLAT "{i.name}": too much of one value'
    for code, axis, low, high in i.bands:
        holds = within(torch, moments(torch, t, axis)[code == "AT-STD"], low, high)
        yield holds, f'{code} "{i.name}": a channel outside of what the schema says'
    if i.norm:
        yield unit(t, *i.norm, i.near[d.name]), f'AT-NORM "{i.name}": a norm that is not 1'


def keys_of(t: Any, integer: Any, d: DType) -> Any:
    """Return integers in the order of the values."""
    view = t.detach().view(integer)
    if d.is_float:
        return view ^ ((view >> (d.bits - 1)) & d.mask)
    return view ^ (-d.mask - 1) if d.unsigned else view


def good(t: Any, integer: Any, d: DType, want: Want, i: GraphInput) -> Any:
    """Return for each element whether it is as it should be, by integers only."""
    keys = keys_of(t, integer, d)
    ok = (keys >= want.low) & (keys <= want.high)
    if d.is_float:
        magnitudes = t.detach().view(integer) & d.mask
        if d.fnuz:
            ok = ok & (keys != -1)
        if want.tiny and not i.flush:
            ok = ok & ((magnitudes == 0) | (magnitudes >= want.tiny))
        if i.allow_inf and d.infinite:
            ok = ok | (magnitudes == d.top + 1)
        if i.allow_nan:
            ok = ok | (keys == -1 if d.fnuz else magnitudes > d.top + d.infinite)
    return ok


def _one_zero(keys: Any, d: DType) -> Any:
    return keys.masked_fill(keys == -1, 0) if d.is_float and not d.fnuz else keys


def unlisted(torch: Any, t: Any, integer: Any, d: DType, values: list[int]) -> Any:
    """Count the numbers that are not among those whose keys are given."""
    keys = keys_of(t, integer, d)
    new = ~torch.isin(_one_zero(keys, d), torch.tensor(values, dtype=integer, device=t.device))
    if d.is_float:
        new = new & (keys >= ~d.top) & (keys <= d.top)
        if d.fnuz:
            new = new & (keys != -1)
    return new.sum()


def varies(t: Any, integer: Any, d: DType, flat: Flat) -> Any:
    """Tell whether no slice has too much of one value."""
    keys = _one_zero(keys_of(t, integer, d), d)
    slices = keys.reshape(1, -1) if flat.axis is None else rows(keys, flat.axis)
    # What has more than half of the elements is in the middle of them, sorted.
    counts = (slices == slices.median(dim=1, keepdim=True)[0]).sum(dim=1)
    most = slices.shape[1] * flat.fraction.numerator // flat.fraction.denominator
    return ((counts <= most) | (counts == 1)).all()  # a slice of one element is not looked at


def rows(t: Any, axis: int) -> Any:
    """Return what lies at each place of an axis as a row."""
    return t.transpose(0, axis).unsqueeze(-1).flatten(1)


def moments(torch: Any, t: Any, axis: int) -> tuple[Any, Any]:
    """Return mean and standard deviation of each channel, over finite values."""
    y = rows(t.detach().to(torch.float64), axis)
    finite = torch.isfinite(y)
    count = finite.sum(dim=1)
    mean = y.masked_fill(~finite, 0.0).sum(dim=1) / count
    apart = (y - mean.unsqueeze(1)).masked_fill(~finite, 0.0)
    return mean, ((apart * apart).sum(dim=1) / count).sqrt()


def within(torch: Any, values: Any, low: list[float], high: list[float]) -> Any:
    least, most = (torch.tensor(x, dtype=torch.float64, device=values.device) for x in (low, high))
    return ((values >= least) & (values <= most)).all()


def unit(t: Any, axis: int, p: float, near: float) -> Any:
    """Tell whether each vector has the norm 1, or 0."""
    norms = t.detach().double().abs().pow(p).sum(dim=axis).pow(1 / p)
    return ((norms == 0) | ((norms - 1).abs() <= near)).all()


def hold(c: Constraint, dims: Mapping[str, Any]) -> None:
    for name in c.symbols():
        if name not in dims:
            return
    left, right = value(c.left, dims), value(c.right, dims)
    if not c.holds(left, right):
        refuse(f"AT-CONSTRAINT: {c.text} does not hold")


def value(e: Any, dims: Mapping[str, Any]) -> Any:
    if e.op == "":
        return dims[e.name] if e.name else e.n
    a, b = value(e.sides[0], dims), value(e.sides[1], dims)
    if e.op == "%":
        return a % b
    return a + b if e.op == "+" else a - b if e.op == "-" else a * b


def refuse(what: str) -> None:
    """Raise while a graph is made."""
    raise TensorValidationError(what, hint="")
