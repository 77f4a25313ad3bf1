"""What came: tensors of torch and numpy, and texts, as the check looks at them.

Neither torch nor numpy is imported here unless the program did so already.
"""

from __future__ import annotations

import math
import sys
from typing import Any

from ._arrays import Array
from ._check import Given
from ._dtype import BY_NAME, DType
from ._elements import Elements, Plain

# More levels than a tensor has dimensions are no tensor.
_MAX_LEVELS = 16


def given(name: str, value: Any, *, texts: bool = False) -> Given:
    """Describe a value. ``texts`` is true where the schema wants bytes."""
    torch = sys.modules.get("torch")
    if torch is not None and isinstance(value, torch.Tensor):
        return _of_torch(torch, name, value)
    numpy = sys.modules.get("numpy")
    if numpy is not None and isinstance(value, (numpy.ndarray, numpy.generic)):
        if value.dtype.kind in "OSU":
            return _of_texts(name, value.tolist(), value.shape) if texts else _no_tensor(name, value)
        return _of_numpy(numpy, name, value)
    if texts and isinstance(value, (str, bytes, list, tuple)):
        return _of_texts(name, value, None)
    return _no_tensor(name, value)


def is_tensor(value: Any) -> bool:
    """Tell whether a value is a tensor of torch or an array of numpy."""
    for module, kind in (("torch", "Tensor"), ("numpy", "ndarray")):
        found = sys.modules.get(module)
        if found is not None and isinstance(value, getattr(found, kind)):
            return True
    return False


def _no_elements() -> Elements:
    raise AssertionError("internal error: elements of what is no tensor")


def _no_tensor(name: str, value: Any) -> Given:
    hint = "torch.as_tensor(x)" if isinstance(value, (list, tuple, int, float)) else "pass a tensor"
    return Given(name, f"{type(value).__name__}, which is no tensor", (), 0, _no_elements, alien=hint)


def _of_torch(torch: Any, name: str, t: Any) -> Given:
    if what := odd(torch, t):
        return Given(name, what, (), 0, _no_elements, alien="pass a dense tensor with data")
    dtype = str(t.dtype).removeprefix("torch.")

    def elements() -> Elements:
        return of_host(BY_NAME[dtype], t)

    return Given(name, dtype, tuple(t.shape), t.numel() * t.element_size(), elements)


def odd(torch: Any, t: Any) -> str:
    """Name a tensor whose elements nobody can look at."""
    if getattr(t, "is_nested", False):
        return "a nested tensor"
    if t.layout is not torch.strided:
        return "a sparse tensor"
    return "a tensor without data" if t.device.type == "meta" else ""


INTEGERS = {1: "int8", 2: "int16", 4: "int32", 8: "int64"}


def bits(torch: Any, d: DType, t: Any) -> Any:
    """Return a view of a tensor as signed integers of the same width."""
    if t.is_neg():
        t = t.resolve_neg()
    return t.detach().view(getattr(torch, INTEGERS[d.size]))


def of_host(d: DType, t: Any) -> Elements:
    """Return the elements of a tensor of torch, on the host."""
    torch = sys.modules["torch"]
    view = bits(torch, d, t).cpu().contiguous()
    try:
        return Array(d, tuple(t.shape), view.numpy().view(f"u{d.size}"))
    except (RuntimeError, ImportError):  # this torch was built, or runs, without numpy
        raw = bytes(view.reshape(-1).view(torch.uint8).tolist())
        return Plain(d, tuple(t.shape), raw)


def _of_numpy(numpy: Any, name: str, value: Any) -> Given:
    array = numpy.asarray(value)
    dtype, shape = array.dtype.name, tuple(int(n) for n in array.shape)
    if dtype in BY_NAME and not array.dtype.isnative:
        hint = f"x.astype(numpy.{dtype})"
        return Given(name, f"{dtype} in the other byte order", (), 0, _no_elements, alien=hint)

    def elements() -> Elements:
        d = BY_NAME[dtype]
        return Array(d, shape, numpy.ascontiguousarray(array).reshape(-1).view(f"u{d.size}"))

    return Given(name, dtype, shape, int(array.nbytes), elements)


def _of_texts(name: str, value: Any, shape: tuple[int, ...] | None) -> Given:
    """Describe texts in lists as the tensor of bytes that they are on the wire."""
    found: list[bytes] = []
    sizes = _flatten(value, found, 0) if shape is None else shape
    if shape is not None:
        _flatten(value, found, 0)
    if sizes is None or len(found) != math.prod(sizes):
        what = "lists of different lengths, or of other things than str and bytes"
        return Given(name, what, (), 0, _no_elements, alien="pass str or bytes")

    def framed() -> bytes:
        return b"".join(len(element).to_bytes(4, "little") + element for element in found)

    return Given(name, "bytes", tuple(sizes), sum(4 + len(e) for e in found), _no_elements, framed)


def _flatten(value: Any, out: list[bytes], level: int) -> tuple[int, ...] | None:
    """Append all texts, and return the shape, or None if there is none."""
    if isinstance(value, (str, bytes)):
        # A lone surrogate becomes bytes that are no UTF-8, and is found as such.
        out.append(value if isinstance(value, bytes) else value.encode("utf-8", "surrogatepass"))
        return ()
    if not isinstance(value, (list, tuple)) or level == _MAX_LEVELS:
        return None
    inner = {_flatten(item, out, level + 1) for item in value}
    if len(inner) > 1 or None in inner:
        return None
    return (len(value), *(inner.pop() if inner else ()))  # type: ignore[misc]
