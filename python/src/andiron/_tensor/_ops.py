"""The check as an operator, which compiled graphs call and cannot leave out.

It says that it writes to ``state``, which outlives the graph: what writes to such a
tensor has to be run each time. An assertion is not enough: inductor of torch 2.6 drops
``aten::_assert_async``.
"""

from __future__ import annotations

import secrets
import threading
import weakref
from typing import Any

import torch

from ._checker import Checker

_checkers: weakref.WeakValueDictionary[int, Checker] = weakref.WeakValueDictionary()
_dims = threading.local()


def register(checker: Checker) -> int:
    """Return the number by which a graph names a checker, as long as there is one."""
    handle = secrets.randbits(62)  # means nothing in another process, rather than something else
    _checkers[handle] = checker
    return handle


def _check(tensors: Any, state: Any, names: str, group: str, handle: int) -> None:
    checker = _checkers.get(handle)
    if checker is None:
        raise RuntimeError("this graph was made in another process, or its guard is gone: compile it again")
    values = dict(zip(names.split(","), tensors, strict=True)) if names else {}
    known = getattr(_dims, "known", {}) if group == "outputs" else {}
    _dims.known = checker.check(group, values, known)
    state.add_(1)


def _fake(tensors: Any, state: Any, names: str, group: str, handle: int) -> None:
    return None


def operator() -> Any:
    """Return the operator, or None where torch cannot have one."""
    if not hasattr(torch.library, "custom_op"):
        return None
    # A CUDA graph is replayed without the host, which has to see what came of a check.
    tag = getattr(torch.Tag, "cudagraph_unsafe", None)
    tags: Any = {} if tag is None else {"tags": (tag,)}
    schema = "(Tensor[] tensors, Tensor(a!) state, str names, str group, int handle) -> ()"
    op = torch.library.custom_op("andiron::check", _check, mutates_args=("state",), schema=schema, **tags)
    op.register_fake(_fake)
    return torch.ops.andiron.check.default


OPERATOR = operator()
