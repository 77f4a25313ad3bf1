"""Replaces tiny values by zero, where a schema says ``tiny: flush``."""

from __future__ import annotations

import sys
from typing import Any

from ._dtype import BY_NAME
from ._given import INTEGERS, is_tensor, odd
from ._onnx import in_onnx
from ._spec import Spec


def flushes(s: Spec) -> bool:
    """Tell whether tiny values of this tensor are replaced."""
    return bool(s.tiny and s.tiny.action == "flush")


def flushed(s: Spec, value: Any) -> Any:
    """Return a tensor with zeros for its tiny values; the value itself is not changed.

    What is no tensor that has elements passes the check in shadow mode only, and is as it was.
    """
    torch = sys.modules.get("torch")
    if not is_tensor(value) or (torch is not None and isinstance(value, torch.Tensor) and odd(torch, value)):
        return value
    name = str(value.dtype).removeprefix("torch.")
    d, want = BY_NAME.get(name), s.wants.get(name)
    if d is None or want is None or not want.tiny:
        return value
    if torch is not None and isinstance(value, torch.Tensor):
        if d.size > 2 and not in_onnx():
            tiny = (value.detach().view(getattr(torch, INTEGERS[d.size])) & d.mask) < want.tiny
            return torch.where(tiny, torch.zeros_like(value), value)
        # Exact, and no code that is made by torch 2.6 has to see these as integers.
        wide = value.detach() if d.size > 2 else value.detach().to(torch.float32)
        tiny = wide.abs() < d.value(want.tiny)
        if d.size == 1:  # torch selects among no eight bits, and no gradient goes through them
            return torch.where(tiny, torch.zeros_like(wide), wide).to(value.dtype)
        return torch.where(tiny, torch.zeros_like(value), value)
    numpy = sys.modules["numpy"]
    magnitudes = numpy.ascontiguousarray(value).view(f"u{d.size}") & numpy.array(d.mask, f"u{d.size}")
    return numpy.where(magnitudes < want.tiny, numpy.zeros_like(value), value)
