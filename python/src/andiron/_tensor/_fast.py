"""The short way through a check, for tensors in which all is well.

A tensor of torch on the host costs one pass over its memory; those on a device one
reduction each, behind a search for the place of each element where there are zeros or two
signs, and together one copy of the results. The short way never refuses: what
it cannot decide goes the long way, which finds the violations.
"""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from typing import Any

from ._arrays import Array, Signed
from ._dtype import DType
from ._given import INTEGERS, bits
from ._schema import Schema
from ._spec import MAX_BYTES, MAX_ELEMENTS, Spec, Want


class Plan:
    """How the elements of one input are looked at in one type of torch."""

    def __init__(self, torch: Any, np: Any, d: DType, want: Want) -> None:
        self.np = np
        self.d = d
        self.want = want
        self.size = d.size
        # Torch has the extremes of unsigned integers of one byte only, and before 2.0 is slow at these.
        self.by_numpy = d.unsigned and (d.size > 1 or torch.__version__.startswith("1."))
        self.bits = torch.uint8 if d.unsigned and d.size == 1 else getattr(torch, INTEGERS[d.size])
        self.aminmax = torch.aminmax
        self.low, self.high = want.low, want.high
        if d.unsigned:
            self.low, self.high = d.integer(want.low), d.integer(want.high)
        # From here on, the bits are in the order of the values: there is no sign.
        self.least = max(want.low, want.tiny, 0) if d.is_float else self.low
        if d.fnuz:
            self.least = 1 << 8  # never: one NaN has the bits of a zero
        self.all = not d.is_float and (want.low, want.high) == d.extremes()
        # The extremes of the bits do not decide where there are two signs, or zeros.
        self.in_steps = d.is_float and (want.low < -1 or d.fnuz)
        self.steps: dict[Any, Any] = {}  # by device
        self.signed = Signed(np, d.size, d.mask, want) if np and d.is_float and not d.fnuz else None

    def passes(self, t: Any) -> bool:
        """Tell whether all elements are well. False is no answer."""
        if t.requires_grad:
            t = t.detach()
        if self.by_numpy:
            return self._array(t).is_clean(self.want)
        view = t.view(self.bits)
        low, high = self.aminmax(view)
        low = low.item()
        if low >= self.least:
            return bool(high.item() <= self.high)
        return self.signed is not None and self.signed.clean(view.numpy().reshape(-1), low, high.item())

    def _array(self, t: Any) -> Array:
        view = t.view(self.bits).contiguous().numpy()
        return Array(self.d, tuple(t.shape), view.view(f"u{self.d.size}"))

    def reduced(self, torch: Any, t: Any) -> tuple[Any, ...]:
        """Return what accepts judges, on the device: one reduction."""
        if self.in_steps:
            return (self.product(torch, t),)
        if self.d.unsigned and self.d.size == 1:
            return torch.aminmax(t.detach().view(torch.uint8))  # type: ignore[no-any-return]
        view = bits(torch, self.d, t)
        return torch.aminmax(view ^ (-self.d.mask - 1) if self.d.unsigned else view)  # type: ignore[no-any-return]

    def product(self, torch: Any, t: Any) -> Any:
        """Return a number that is odd if all elements are good."""
        view = bits(torch, self.d, t)
        steps = self.steps.get(t.device)
        if steps is None:
            steps = torch.tensor(good_steps(self.d, self.want), dtype=view.dtype, device=t.device)
            self.steps[t.device] = steps
        # An odd place is a good one. A product is odd if all factors are, also modulo 2**32.
        places = torch.bucketize(view.contiguous(), steps, out_int32=True, right=True)
        return torch.prod(places, dtype=torch.int32)

    def accepts(self, numbers: list[int]) -> bool:
        """Judge what reduced returned."""
        if len(numbers) == 1:
            return numbers[0] & 1 == 1
        low, high = numbers
        if self.d.unsigned and self.d.size > 1:
            return self.want.low <= low and high <= self.want.high
        return (self.least if self.d.is_float else self.low) <= low and high <= self.high

    def accepts_after_all(self, torch: Any, t: Any) -> bool:
        """Look again where zeros may have hidden that nothing is tiny; the next tensor is looked at so at once."""
        if self.in_steps or not self.d.is_float or not self.product(torch, t).item() & 1:
            return False
        self.in_steps = True
        return True


def good_steps(d: DType, want: Want) -> list[int]:
    """Return where the good elements of a floating type begin and end, in the order of their bits as integers.

    An odd number of steps lies at or below a good element, and an even one at or below any other.
    """
    good, start = [], want.low
    for low, high in ((-want.tiny, -2), (-1, -1 if d.fnuz else -2), (1, want.tiny - 1)):
        if low <= high:
            good.append((start, min(low - 1, want.high)))
            start = max(start, high + 1)
    good.append((start, want.high))
    steps = []
    for low, high in good:
        if low <= min(high, -1):  # below zero, larger bits are further down
            steps += [min(high, -1) ^ d.mask, (low ^ d.mask) + 1]
        if max(low, 0) <= high:
            steps += [max(low, 0), high + 1]
    return sorted(step for step in steps if step <= d.mask)


class Input:
    """One tensor of a schema, compiled for the short way."""

    def __init__(self, torch: Any, np: Any, s: Spec) -> None:
        self.spec = s
        self.name = s.name
        self.optional = s.optional
        self.rank = len(s.shape)
        self.max_elements = s.max_elements or MAX_ELEMENTS
        self.max_bytes = s.max_bytes or MAX_BYTES
        self.sizes = tuple((i, d.low, d.high, d.symbol) for i, d in enumerate(s.shape))
        # These need the long way always.
        simple = not (s.values or s.flat or s.stats or s.dtypes[0].kind == "bytes")
        simple = simple and not (s.normalize and s.normalize.kind == "lp" and s.normalize.by == "client")
        self.plans: dict[Any, Plan] = {}
        for d in s.dtypes if simple else ():
            if (dtype := getattr(torch, d.name, None)) is not None:
                self.plans[dtype] = Plan(torch, np, d, s.wants[d.name])


class Fast:
    """The short way through the check of one group."""

    def __init__(self, torch: Any, schema: Schema, group: str) -> None:
        self.torch = torch
        self.tensor = torch.Tensor
        self.strided = torch.strided
        self.numpy = _numpy(torch)
        self.inputs = [Input(torch, self.numpy, s) for s in schema.specs(group)]
        self.constraints = schema.constraints
        self.max_elements = schema.limits.max_elements
        self.max_bytes = schema.limits.max_bytes
        limit = schema.limits.max_inputs
        self.max_inputs = limit if group == "inputs" else max(limit, len(self.inputs))

    def passes(self, values: Mapping[str, Any], dims: dict[str, int]) -> bool:
        """Tell whether all is well, and add the sizes of symbols. False is no answer."""
        found = 0
        elements = nbytes = 0
        waiting: list[tuple[Plan, Any]] = []
        todo: list[tuple[Plan, Any]] = []
        for i in self.inputs:
            t = values.get(i.name)
            if t is None:
                if i.optional:
                    continue
                return False
            found += 1
            plan = self.plan(i, t)
            if plan is None or not bind(i, t.shape, dims):
                return False
            n = t.numel()
            size = n * plan.size
            elements, nbytes = elements + n, nbytes + size
            if n > i.max_elements or size > i.max_bytes:
                return False
            if n and not plan.all:
                (todo if self.numpy and is_host(t) else waiting).append((plan, t))
        if found != len(values) or found > self.max_inputs:
            return False
        if elements > self.max_elements or nbytes > self.max_bytes:
            return False
        if self.constraints and not self.constraints_hold(dims):
            return False
        return all(plan.passes(t) for plan, t in todo) and (not waiting or self.devices_pass(waiting))

    def plan(self, i: Input, t: Any) -> Plan | None:
        if not isinstance(t, self.tensor) or t.layout is not self.strided or t.is_neg() or t.is_meta or t.is_nested:
            return None
        return i.plans.get(t.dtype)

    def constraints_hold(self, dims: Mapping[str, int]) -> bool:
        return all(all(n in dims for n in c.symbols()) and not c.violation(dims) for c in self.constraints)

    def devices_pass(self, waiting: list[tuple[Plan, Any]]) -> bool:
        """Wait for each device once, but where a tensor has zeros and none before it had."""
        by_device: dict[Any, list[tuple[Plan, Any, tuple[Any, ...]]]] = {}
        for plan, t in waiting:
            by_device.setdefault(t.device, []).append((plan, t, plan.reduced(self.torch, t)))
        for results in by_device.values():
            numbers = iter(self.torch.stack([n for _, _, some in results for n in some]).tolist())
            for plan, t, some in results:
                if not plan.accepts([next(numbers) for _ in some]) and not plan.accepts_after_all(self.torch, t):
                    return False
        return True


def _numpy(torch: Any) -> Any:
    """Return numpy, if this torch can share memory with it."""
    try:
        torch.empty(1).numpy()
        return importlib.import_module("numpy")
    except (RuntimeError, ImportError):
        return None


def is_host(t: Any) -> bool:
    """Tell whether the memory of a tensor can be read without waiting for a device."""
    return bool(t.is_cpu)


def bind(i: Input, shape: Any, dims: dict[str, int]) -> bool:
    """Check sizes, and give symbols theirs."""
    if len(shape) != i.rank:
        return False
    for at, low, high, symbol in i.sizes:
        n = shape[at]
        if not low <= n <= high:
            return False
        if symbol and dims.setdefault(symbol, n) != n:
            return False
    return True
