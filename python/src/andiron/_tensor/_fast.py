"""The short way through a check, for tensors in which all is well.

A tensor of torch on the host costs one pass over its memory; those on a device one
reduction each, and together one copy of the results. The short way never refuses: what
it cannot decide goes the long way, which finds the violations.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ._arrays import Array
from ._dtype import DType
from ._given import INTEGERS, bits
from ._schema import Schema
from ._spec import MAX_BYTES, MAX_ELEMENTS, Spec, Want


class Plan:
    """How the elements of one input are looked at in one type of torch."""

    def __init__(self, torch: Any, d: DType, want: Want) -> None:
        self.d = d
        self.want = want
        self.bits = getattr(torch, INTEGERS[d.size])
        self.aminmax = torch.aminmax
        self.unsigned = d.unsigned
        self.size = d.size
        # From here on, the bits are in the order of the values: there is no sign.
        self.least = max(want.low, want.tiny, 0) if d.is_float else want.low
        if d.fnuz:
            self.least = 1 << 8  # never: one NaN has the bits of a zero

    def passes(self, t: Any) -> bool:
        """Tell whether all elements are well. False is no answer."""
        want = self.want
        if self.unsigned:
            return self._array(t).is_clean(want)
        low, high = self.aminmax((t.detach() if t.requires_grad else t).view(self.bits))
        low, high = low.item(), high.item()
        if high > want.high:
            return False
        if low >= self.least:
            return True
        if not self.d.is_float:
            return False
        return self._array(t).is_clean(want, (low, high))

    def _array(self, t: Any) -> Array:
        view = t.detach().view(self.bits).contiguous().numpy()
        return Array(self.d, tuple(t.shape), view.view(f"u{self.d.size}"))

    def reduced(self, torch: Any, t: Any) -> Any:
        """Return the extremes of the keys, and the least magnitude above zero less one, on the device."""
        view = bits(torch, self.d, t)
        mask = self.d.mask
        if not self.d.is_float:
            keys = view ^ (-mask - 1) if self.d.unsigned else view
            low, high = torch.aminmax(keys)
            return torch.stack((low, high, high)).to(torch.int64)
        low, high = torch.aminmax(view ^ ((view >> (self.d.bits - 1)) & mask))
        least = torch.amin(((view & mask) - 1) & mask)
        return torch.stack((low, high, least)).to(torch.int64)

    def accepts(self, low: int, high: int, least: int) -> bool:
        """Judge what reduced returned."""
        tiny = self.d.is_float and self.want.tiny and least < self.want.tiny - 1
        return self.want.low <= low and high <= self.want.high and not tiny and not self.d.fnuz


class Input:
    """One tensor of a schema, compiled for the short way."""

    def __init__(self, torch: Any, s: Spec) -> None:
        self.spec = s
        self.name = s.name
        self.optional = s.optional
        self.rank = len(s.shape)
        self.max_elements = s.max_elements or MAX_ELEMENTS
        self.max_bytes = s.max_bytes or MAX_BYTES
        self.sizes = tuple((i, d.low, d.high, d.symbol) for i, d in enumerate(s.shape))
        # These need the long way always.
        simple = not (s.values or s.flat or s.stats or s.allow_nan or s.allow_inf or s.dtypes[0].kind == "bytes")
        simple = simple and not (s.normalize and s.normalize.kind == "lp" and s.normalize.by == "client")
        self.plans: dict[Any, Plan] = {}
        for d in s.dtypes if simple else ():
            if (dtype := getattr(torch, d.name, None)) is not None:
                self.plans[dtype] = Plan(torch, d, s.wants[d.name])


class Fast:
    """The short way through the check of one group."""

    def __init__(self, torch: Any, schema: Schema, group: str) -> None:
        self.torch = torch
        self.tensor = torch.Tensor
        self.strided = torch.strided
        self.numpy = _has_numpy(torch)
        self.inputs = [Input(torch, s) for s in schema.specs(group)]
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
            if n:
                (todo if self.numpy and is_host(t) else waiting).append((plan, t))
        if found != len(values) or found > self.max_inputs:
            return False
        if elements > self.max_elements or nbytes > self.max_bytes:
            return False
        if self.constraints and not self.constraints_hold(dims):
            return False
        return all(plan.passes(t) for plan, t in todo) and (not waiting or self.devices_pass(waiting))

    def plan(self, i: Input, t: Any) -> Plan | None:
        if not isinstance(t, self.tensor) or t.layout is not self.strided or t.is_neg() or t.is_meta:
            return None
        return i.plans.get(t.dtype)

    def constraints_hold(self, dims: Mapping[str, int]) -> bool:
        return all(all(n in dims for n in c.symbols()) and not c.violation(dims) for c in self.constraints)

    def devices_pass(self, waiting: list[tuple[Plan, Any]]) -> bool:
        """Wait for each device once."""
        by_device: dict[Any, list[tuple[Plan, Any]]] = {}
        for plan, t in waiting:
            by_device.setdefault(t.device, []).append((plan, plan.reduced(self.torch, t)))
        for results in by_device.values():
            numbers = self.torch.stack([r for _, r in results]).tolist()
            if not all(plan.accepts(*three) for (plan, _), three in zip(results, numbers, strict=True)):
                return False
        return True


def _has_numpy(torch: Any) -> bool:
    """Tell whether this torch can share memory with numpy."""
    try:
        torch.empty(1).numpy()
    except (RuntimeError, ImportError):
        return False
    return True


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
