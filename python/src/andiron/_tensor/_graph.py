"""The check inside a graph of torch: of torch.compile, torch.export, TorchScript.

Types and sizes are settled while the graph is made: a graph is made for them, and
another one is refused, or made, for others. What the elements are is asserted by the
graph each time that it runs.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from .._errors import TensorValidationError
from ._checker import Checker
from ._dtype import DType
from ._expr import Constraint
from ._given import INTEGERS
from ._schema import Schema
from ._spec import Spec


def compiling() -> Callable[[], bool]:
    """Return the function that says whether a graph is being made."""
    torch = sys.modules.get("torch")
    found = getattr(getattr(torch, "compiler", None), "is_compiling", None)
    return found or _never


def _never() -> bool:
    return False


class Graphs:
    """The checks of a function in a graph: by the operator in one that is compiled, by assertions in an export."""

    def __init__(self, torch: Any, checker: Checker, *, partial: bool = False) -> None:
        from ._ops import OPERATOR, register

        self.torch = torch
        self.operator = OPERATOR
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
            self.exported[group].settle(values, dims)
            return
        tensors = [values[name] for name in values]
        for t in tensors:
            if not isinstance(t, self.torch.Tensor):
                refuse(
                    "no graph can check what is no tensor: guard what is compiled, andiron.guard(torch.compile(m), …)"
                )
        self.compiled[group].settle(values, dims)  # another type or size is refused while the graph is made
        self.operator([t.detach() for t in tensors], self.state, ",".join(values), group, self.handle)


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
            "values": s.values or s.texts,
            "text": s.text,
            "flat": s.flat,
            "stats": s.stats,
            "drift": s.drift and s.drift.action == "reject",
            "normalize.by: client": s.normalize and s.normalize.kind == "lp" and s.normalize.by == "client",
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
        self.flush = bool(s.tiny and s.tiny.action == "flush")
        self.types = tuple(
            (getattr(torch, d.name), getattr(torch, INTEGERS[d.size]), d, s.wants[d.name], _message(s, d))
            for d in s.dtypes if d.kind != "bytes" and hasattr(torch, d.name)
        )  # fmt: skip


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
            refuse(f'no graph can check {self.unfit}: guard what is compiled, or say graph="what_fits"')
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
        if elements > self.max_elements or nbytes > self.max_bytes:
            refuse(f"AT-ELEMENTS: got more, want at most {self.max_elements} elements and {self.max_bytes} bytes")
        for c in self.constraints:
            hold(c, dims)

    def structure(self, i: GraphInput, t: Any, dims: dict[str, Any]) -> Any:
        if len(t.shape) != i.rank:
            refuse(f'AT-RANK "{i.name}": got {len(t.shape)} dimensions, want {i.want}')
        for at, low, high, symbol in i.sizes:
            n = t.shape[at]
            if n < low or n > high:
                refuse(f'AT-SHAPE "{i.name}": got a size of dimension {at} that is not {low}..{high}, want {i.want}')
            if symbol and symbol in dims:
                if dims[symbol] != n:
                    refuse(f'AT-DIM "{i.name}": got another {symbol} than before')
            elif symbol:
                dims[symbol] = n
        n = t.numel()
        if n > i.max_elements or n * t.element_size() > i.max_bytes:
            refuse(f'AT-ELEMENTS "{i.name}": got more, want at most {i.max_elements}, and {i.max_bytes} bytes')
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
                # On the host, where it raises: on CUDA it would end every later call as well.
                self.torch._assert_async(good(t, integer, d, want, i).all().cpu(), message)
        if not fits:
            refuse(f'AT-DTYPE "{i.name}": got {t.dtype}, want {i.want}')


def good(t: Any, integer: Any, d: Any, want: Any, i: GraphInput) -> Any:
    """Return for each element whether it is as it should be, by integers only."""
    view = t.detach().view(integer)
    keys = view
    if d.is_float:
        keys = view ^ ((view >> (d.bits - 1)) & d.mask)
    elif d.unsigned:
        keys = view ^ (-d.mask - 1)
    ok = (keys >= want.low) & (keys <= want.high)
    if d.is_float:
        magnitudes = view & d.mask
        if d.fnuz:
            ok = ok & (keys != -1)
        if want.tiny and not i.flush:
            ok = ok & ((magnitudes == 0) | (magnitudes >= want.tiny))
        if i.allow_inf and d.infinite:
            ok = ok | (magnitudes == d.top + 1)
        if i.allow_nan:
            ok = ok | (keys == -1 if d.fnuz else magnitudes > d.top + d.infinite)
    return ok


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
