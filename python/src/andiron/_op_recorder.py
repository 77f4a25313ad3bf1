"""Records what operators are called with while a project's own tests run.

``andiron ops test`` runs the tests with this once, and starts from what it saw. Without
the binary, ``pytest -p andiron.pytest_plugin --andiron-seeds seeds.json`` writes the same
file. Of each operator the first few calls that differ in dtypes, shapes or kinds of
arguments are kept.
"""

from __future__ import annotations

import functools
import importlib
import json
import math
import os
import sys
import types
from collections.abc import Callable, Iterator
from typing import Any

KEPT = 8  # calls of each operator
SIZE = 1 << 16  # bytes of a tensor that are kept as they are
BUILT_IN = frozenset(
    [
        "_c10d_functional",
        "_inductor_test",
        "_nnapi",
        "_quantized",
        "_test",
        "aten",
        "aten_view",
        "c10d",
        "cuda",
        "debugprims",
        "fb",
        "higher_order",
        "image_ops",
        "inductor",
        "library",
        "metal",
        "mkl",
        "mkldnn",
        "onednn",
        "prepacked",
        "prim",
        "prims",
        "profiler",
        "quantized",
        "quantized_decomposed",
        "rngprims",
        "sparse",
        "static_runtime",
        "tensorexpr",
        "vulkan",
        "xnnpack",
    ]
)


class Recorder:
    """Writes calls down as data, each before it is made: it may not come back."""

    def __init__(self, path: str) -> None:
        self.path = path
        self.seen: dict[str, set[str]] = {}
        self.busy = False

    def record(self, name: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        seen = self.seen.setdefault(name, set())
        if self.busy or len(seen) >= KEPT:
            return
        self.busy = True  # what is written down here calls operators as well
        try:
            call = {"args": [write(a) for a in args], "kwargs": {k: write(v) for k, v in kwargs.items()}}
            line, shape = {"operator": name, "call": call}, signature(call)
        except ValueError as e:
            line, shape = {"operator": name, "left_out": str(e)}, str(e)
        finally:
            self.busy = False
        if shape not in seen:
            seen.add(shape)
            with open(self.path, "a", encoding="utf-8") as f:
                f.write(json.dumps(line) + "\n")


def collect(path: str) -> dict[str, Any]:
    """What one or several recorders wrote, by operator."""
    calls: dict[str, list[Any]] = {}
    left_out: dict[str, str] = {}
    seen: dict[str, set[str]] = {}
    with open(path, "a+", encoding="utf-8") as f:
        f.seek(0)
        for text in f:
            try:
                line = json.loads(text)
            except ValueError:
                continue  # the process ended while it wrote
            name = line["operator"]
            if "left_out" in line:
                left_out[name] = line["left_out"]
                continue
            shape, mine = signature(line["call"]), seen.setdefault(name, set())
            if shape not in mine and len(mine) < KEPT:
                mine.add(shape)
                calls.setdefault(name, []).append(line["call"])
    return {"v": 1, "calls": calls, "left_out": left_out}


def signature(call: dict[str, Any]) -> str:
    """What makes two calls differ: not the elements of tensors."""

    def of(r: Any) -> Any:
        if r["k"] == "tensor":
            return ["tensor", r["dtype"], r["shape"], r["layout"]]
        return ["list", [of(e) for e in r["v"]]] if r["k"] == "list" else r

    return json.dumps([[of(a) for a in call["args"]], {k: of(v) for k, v in call["kwargs"].items()}], sort_keys=True)


def write(v: Any) -> dict[str, Any]:
    """An argument as data."""
    import torch

    if v is None:
        return {"k": "none"}
    if isinstance(v, torch.Tensor):
        return write_tensor(v)
    for kind, name in ((bool, "bool"), (int, "int"), (str, "str")):
        if isinstance(v, kind):
            return {"k": name, "v": v}
    if isinstance(v, float):
        return {"k": "float", "v": finite(v)}
    if isinstance(v, complex):
        return {"k": "complex", "v": [finite(v.real), finite(v.imag)]}
    if isinstance(v, (torch.dtype, torch.device)):
        return {"k": type(v).__name__, "v": str(v).replace("torch.", "")}
    if isinstance(v, (list, tuple)) and len(v) <= 256:
        return {"k": "list", "v": [write(e) for e in v]}
    raise ValueError(f"an argument of type {type(v).__name__} cannot be written down")


def finite(v: float) -> float | str:
    return v if math.isfinite(v) else str(v)


def write_tensor(t: Any) -> dict[str, Any]:
    import torch

    name = str(t.dtype)[6:]
    if t.layout != torch.strided or t.is_quantized or t.device.type not in ("cpu", "cuda") or t.dim() > 16:
        raise ValueError(f"a tensor of {name} on {t.device} with {t.dim()} dimensions cannot be written down")
    layout = "contiguous" if t.is_contiguous() else "transposed" if t.dim() > 1 else "strided"
    recipe = {"k": "tensor", "dtype": name, "shape": list(t.shape), "layout": layout, "device": t.device.type}
    return {**recipe, "grad": bool(t.requires_grad), "fill": elements(t.detach().cpu())}


def elements(t: Any) -> dict[str, Any]:
    import base64

    import torch

    t = t.resolve_conj().resolve_neg()
    if t.numel() * t.element_size() <= SIZE:
        flat = torch.empty(t.numel(), dtype=t.dtype).copy_(t.reshape(-1))
        raw = bytes(flat.view(torch.uint8).tolist()) if flat.numel() else b""
        return {"how": "bytes", "v": base64.b64encode(raw).decode()}
    if t.is_floating_point() or t.is_complex() or t.dtype == torch.bool:
        return {"how": "random", "seed": 1}
    ordered = t.dim() == 1 and bool((t[1:] >= t[:-1]).all())
    return {"how": "random", "seed": 1, "low": int(t.min()), "high": int(t.max()), "sorted": ordered}


def install(recorder: Recorder, libraries: list[str], modules: list[str]) -> list[str]:
    """Records from now on. Returns what could not be loaded, and why."""
    import torch

    problems = []
    wrap_operators(recorder)
    for path in libraries:
        problems += attempt(path, functools.partial(torch.ops.load_library, path))
    redirect(torch, {os.path.basename(p): p for p in libraries})
    for name in modules:
        problems += attempt(name, functools.partial(wrap_named, recorder, name))
    return problems


def attempt(what: str, do: Callable[[], Any]) -> list[str]:
    try:
        do()
    except Exception as e:
        return [f"{what}: {type(e).__name__}: {e}"]
    return []


def redirect(torch: Any, built: dict[str, str]) -> None:
    """What a project loads by its own path is the library that was built for this run."""
    load = torch.ops.load_library

    def load_library(path: Any) -> Any:
        return load(built.get(os.path.basename(os.fspath(path)), path))

    torch.ops.load_library = load_library


def wrap_operators(recorder: Recorder) -> None:
    """Every operator of Python is called through one of two classes."""
    import torch._ops as ops

    for kind in (ops.OpOverloadPacket, ops.OpOverload):
        call = kind.__call__

        def recording(self: Any, *args: Any, __call: Any = call, **kwargs: Any) -> Any:
            name = qualified(self)
            if name:
                recorder.record(name, args, kwargs)
            return __call(self, *args, **kwargs)

        kind.__call__ = functools.wraps(call)(recording)


def qualified(op: Any) -> str | None:
    """ns::name of an operator that is not torch's own."""
    name = getattr(op, "_qualified_op_name", None) or getattr(op, "_name", None) or ""
    name = str(name).replace(".", "::", 1) if "::" not in str(name) else str(name)
    space, _, rest = name.partition("::")
    if not rest or space in BUILT_IN:
        return None
    return f"{space}::{rest.partition('.')[0]}"


def wrap_named(recorder: Recorder, name: str) -> None:
    wrap_module(recorder, importlib.import_module(name))


def wrap_module(recorder: Recorder, module: types.ModuleType) -> None:
    """Functions of a module in C++ are replaced by ones that record first.

    That is done in the whole package: it mostly takes them from the module as it is
    imported, and that is before this.
    """
    package = module.__name__.partition(".")[0]
    wrapped = {}
    for name, f in list(vars(module).items()):
        if name.startswith("__") or not isinstance(f, types.BuiltinFunctionType):
            continue

        def recording(*args: Any, __f: Any = f, __name: str = f"{module.__name__}.{name}", **kwargs: Any) -> Any:
            recorder.record(__name, args, kwargs)
            return __f(*args, **kwargs)

        wrapped[id(f)] = f, functools.wraps(f)(recording)
    for place, holder in [*sys.modules.items(), (module.__name__, module)]:
        if place.partition(".")[0] != package or not isinstance(holder, types.ModuleType):
            continue
        for name, f in list(vars(holder).items()):
            if id(f) in wrapped and f is wrapped[id(f)][0]:
                setattr(holder, name, wrapped[id(f)][1])


class Once:
    """Leaves out tests that were begun in an earlier process, which one of them ended."""

    def __init__(self, path: str) -> None:
        self.path = path
        with open(path, "a+", encoding="utf-8") as f:
            f.seek(0)
            self.begun = set(f.read().splitlines())

    def pytest_collection_modifyitems(self, items: list[Any]) -> None:
        items[:] = [i for i in items if i.nodeid not in self.begun]

    def pytest_runtest_logstart(self, nodeid: str) -> None:
        with open(self.path, "a", encoding="utf-8") as f:
            f.write(nodeid + "\n")


def unittest_folders(place: str) -> Iterator[tuple[str, str]]:
    """Where unittest looks for which names. By itself it enters no folder that is not a package."""
    if not os.path.isdir(place):
        folder, name = os.path.split(place)
        yield folder or ".", name
        return
    yield place, "*test*.py"
    for name in sorted(os.listdir(place)):
        if "test" not in name.lower():
            continue
        for folder, below, files in os.walk(os.path.join(place, name)):
            if "__init__.py" in files:
                below.clear()
            else:
                yield folder, "*test*.py"


def run_tests(tests: list[str], begun: str) -> int:
    """Runs tests with pytest, or with unittest where there is no pytest."""
    try:
        import pytest
    except ImportError:
        import unittest

        suite = unittest.TestSuite()
        for place in tests or ["."]:
            for folder, names in unittest_folders(place):
                suite.addTests(unittest.TestLoader().discover(folder, names))
        if suite.countTestCases() == 0:
            return 5  # as pytest does
        return 0 if unittest.TextTestRunner(stream=sys.stderr).run(suite).wasSuccessful() else 1
    return int(pytest.main(["-q", "-p", "no:cacheprovider", "-p", "no:faulthandler", *tests], plugins=[Once(begun)]))
