"""Tensors of numpy and torch: the corpus, the short way, devices, flushing."""

from __future__ import annotations

import builtins
import struct
from collections.abc import Iterator
from typing import Any

import pytest

import andiron
from andiron._tensor import _fast, _flush, _given, _graph
from andiron._tensor._arrays import Array
from andiron._tensor._check import Given
from andiron._tensor._elements import Elements, Plain
from andiron._tensor._fast import Fast, Plan
from andiron._tensor._given import INTEGERS
from andiron._tensor._schema import Schema, parse_schema, parse_short
from tensor_vectors import Case, Sample, cases, plain, run

pytestmark = pytest.mark.torch

_ELEMENTS = {
    "AT-NAN", "AT-INF", "AT-TINY", "AT-RANGE", "AT-TOKEN", "AT-BOOL", "AT-VALUE", "AT-FLAT", "AT-MEAN", "AT-STD", "AT-NORM",
}  # fmt: skip

# What the oldest torch does not have. A newer one has all.
_LATER = {"uint16", "uint32", "uint64", "float8_e4m3fn", "float8_e5m2", "float8_e4m3fnuz", "float8_e5m2fnuz"}


def numpy_of(s: Sample) -> Any:
    import numpy

    name = s.dtype.name
    if name == "bool" or hasattr(numpy, name):
        return numpy.frombuffer(s.data, numpy.dtype(name)).reshape(s.shape)
    return None


def torch_of(torch: Any, s: Sample) -> Any:
    dtype = getattr(torch, s.dtype.name, None)
    if dtype is None or not s.is_tensor():
        return None
    if not s.data:
        return torch.empty(s.shape, dtype=dtype)
    return torch.frombuffer(bytearray(s.data), dtype=torch.uint8).view(dtype).view(s.shape)


def test_the_whole_corpus_with_numpy() -> None:
    made: set[str] = set()

    def describe(s: Sample) -> Given:
        array = numpy_of(s) if s.is_tensor() else None
        if array is not None:
            made.add(s.dtype.name)
            return _given.given(s.name, array)
        given = plain(s)
        if s.dtype.size and len(s.data) % s.dtype.size == 0:
            import numpy

            bits = numpy.frombuffer(s.data, f"<u{s.dtype.size}")
            given.elements = lambda: Array(s.dtype, s.shape, bits)
        return given

    for case in cases():
        run(case, describe)
    assert len(made) == 12


def test_the_whole_corpus_with_torch(torch: Any) -> None:
    made: set[str] = set()
    without: set[str] = set()

    def describe(s: Sample) -> Given:
        t = torch_of(torch, s)
        if t is None:
            if not hasattr(torch, s.dtype.name):
                without.add(s.dtype.name)
            return plain(s)
        made.add(s.dtype.name)
        return _given.given(s.name, t)

    for case in cases():
        run(case, describe)
    assert without - {"bytes"} == (_LATER if torch.__version__.startswith("1.") else set())
    assert len(made | without) == 18


def values_of(torch: Any, case: Case) -> dict[str, Any] | None:
    """Return the tensors of a case by name, if torch can make all of them."""
    found: dict[str, Any] = {}
    for s in case.samples():
        t = torch_of(torch, s)
        if t is None or s.name in found:
            return None
        found[s.name] = t
    return None if "windows" in case.line else found


@pytest.mark.parametrize("host", [True, False])
def test_the_short_way_never_lets_through_what_the_corpus_refuses(
    torch: Any, host: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not host:
        monkeypatch.setattr(_fast, "is_host", lambda _: False)
    passed = refused = 0
    for case in cases():
        group = case.line.get("group") or "inputs"
        values = values_of(torch, case)
        if values is None:
            continue
        fast = Fast(torch, case.schema, group)
        passes = fast.passes(values, dict(case.line.get("dims") or {}))
        if case.line["verdict"] == "reject":
            assert not passes, case.name
            refused += 1
        passed += passes
    assert passed > 60
    assert refused > 200


def test_what_one_tensor_was_like_says_nothing_of_the_next(torch: Any) -> None:
    good = [torch.linspace(-3.9, 3.9, 500), torch.linspace(0.5, 3, 500), torch.zeros(500), -torch.zeros(500)]
    good.append(torch.cat([good[0], good[2], good[3]]))
    values = [1e-40, -1e-40, 1e-31, -1e-31, 4.1, -4.1, float("nan"), -float("nan"), float("inf"), -float("inf")]
    bad = []
    for start in good:
        for value in values:
            bad.append(start.clone())
            bad[-1][len(start) // 3] = value

    @andiron.validate("float32[N] in [-4, 4]")
    def check(x: Any) -> Any:
        return x

    for i, wrong in enumerate(bad * 3):
        check(good[i * 7 % len(good)])  # its zeros, or that it has none, are remembered
        with pytest.raises(andiron.TensorValidationError):
            check(wrong)


def test_a_graph_says_the_same_of_elements_as_the_corpus(torch: Any) -> None:
    looked = 0
    for case in cases():
        values, codes = values_of(torch, case), {o["code"] for o in case.line.get("want") or []}
        if not values or codes - _ELEMENTS or case.line.get("group"):
            continue
        if _graph.unfit(case.schema.specs("inputs")):
            continue
        for i in (_graph.GraphInput(torch, s) for s in case.schema.specs("inputs")):
            for dtype, integer, d, want, said in i.types:
                if i.name in values and values[i.name].dtype == dtype:
                    looked += 1
                    ok = all(
                        bool(holds) for holds, _ in _graph.assertions(torch, values[i.name], integer, d, want, said, i)
                    )
                    assert ok is (case.line["verdict"] == "accept"), case.name
    assert looked > 200


def test_torchscript_says_the_same_as_the_corpus(torch: Any) -> None:
    from andiron._tensor import _scripted  # it needs torch

    check, passed, refused = _scripted.compiled(), 0, set()
    for case in cases():
        values, codes = values_of(torch, case), {o["code"] for o in case.line.get("want") or []}
        group, dims = case.line.get("group") or "inputs", case.line.get("dims") or {}
        if not values or dims or codes & {"AT-MISSING", "AT-UNKNOWN", "AT-INPUTS", "AT-DRIFT"}:
            continue
        names = sorted(name for name in values if name in case.schema.groups[group])
        try:
            rest = _scripted.tables(case.schema, group, names, (), partial=False)
        except ValueError:
            continue
        if case.line["verdict"] == "accept":
            check([values[name] for name in names], [], *rest)
            passed += 1
            continue
        if codes == {"AT-BOOL"}:  # TorchScript cannot see the byte
            continue
        with pytest.raises(torch.jit.Error, match="|".join(codes)):
            check([values[name] for name in names], [], *rest)
        refused |= codes
    assert passed > 100
    assert refused >= _ELEMENTS - {"AT-BOOL"} | {
        "AT-DTYPE",
        "AT-RANK",
        "AT-SHAPE",
        "AT-DIM",
        "AT-ELEMENTS",
        "AT-BYTES",
        "AT-CONSTRAINT",
    }


class Syncs:
    """Counts what makes a program wait for a device."""

    names = ("item", "tolist", "cpu", "numpy", "__bool__", "__int__", "__float__", "nonzero", "to")

    def __init__(self, torch: Any, monkeypatch: pytest.MonkeyPatch) -> None:
        self.calls: list[str] = []
        for name in self.names:
            monkeypatch.setattr(torch.Tensor, name, self.counting(name, getattr(torch.Tensor, name)))

    def counting(self, name: str, original: Any) -> Any:
        def method(*args: Any, **kwargs: Any) -> Any:
            if name != "to" or "cpu" in map(str, (*args[1:], *kwargs.values())):
                self.calls.append(name)
            return original(*args, **kwargs)

        return method


def test_tensors_on_a_device_are_waited_for_once(torch: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    schema = parse_short(
        {"x": "float32[B, 3] in [-1, 1]", "y": "float16[B]", "ids": "int64[B] in [0, 9]", "u": "uint8[B]"}
    )
    fast = Fast(torch, schema, "inputs")
    values = {
        "x": torch.tensor([[0.0, 1, -1]]), "y": torch.zeros(1, dtype=torch.float16),
        "ids": torch.tensor([9]), "u": torch.tensor([255], dtype=torch.uint8),
    }  # fmt: skip
    monkeypatch.setattr(_fast, "is_host", lambda _: False)
    with monkeypatch.context() as patch:
        syncs = Syncs(torch, patch)
        assert fast.passes(values, {})
        assert syncs.calls == ["tolist"]
    zeros = Fast(torch, parse_short({"x": "float32[3] in [0, 1]"}), "inputs")
    with monkeypatch.context() as patch:
        syncs = Syncs(torch, patch)
        for x in (torch.tensor([0.5, 0.0, 1]), torch.tensor([0.0, -0.0, 1]), torch.tensor([0.5, 0.5, 1])):
            assert zeros.passes({"x": x}, {})
        assert syncs.calls == ["tolist", "item", "tolist", "tolist"]  # it learns that there are zeros
    for name, wrong in (
        ("x", torch.tensor([[0.0, 1, -1.001]])), ("x", torch.tensor([[1e-40, 1, 0]])), ("x", torch.tensor([[float("nan"), 1, 0]])),
        ("y", torch.full((1,), float("-inf"), dtype=torch.float16)), ("ids", torch.tensor([-1])), ("ids", torch.tensor([10])),
    ):  # fmt: skip
        assert not fast.passes({**values, name: wrong}, {})


@pytest.mark.parametrize(("form", "reductions"), [
    ("float32[N] in [-1, 1]", ["prod"]), ("float16[N]", ["prod"]), ("int64[N] in [0, 9]", ["aminmax"]),
    ("float32[N] in [0, 1]", ["aminmax"]), ("uint8[N] in [0, 9]", ["aminmax"]), ("int32[N]", []),
])  # fmt: skip
def test_what_a_device_is_asked(torch: Any, form: str, reductions: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    from torch.utils._python_dispatch import TorchDispatchMode

    calls: list[str] = []

    class Count(TorchDispatchMode):  # type: ignore[misc]
        def __torch_dispatch__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
            calls.append(function.__name__.split(".")[0])
            return function(*args, **(kwargs or {}))

    schema = parse_short({"x": form, "y": form})
    fast = Fast(torch, schema, "inputs")
    dtype = getattr(torch, schema.groups["inputs"]["x"].dtypes[0].name)
    x = torch.ones(4096, dtype=dtype)
    monkeypatch.setattr(_fast, "is_host", lambda _: False)
    syncs = Syncs(torch, monkeypatch)
    with Count():
        assert fast.passes({"x": x, "y": x}, {})
    # item() of a tensor is _local_scalar_dense, and another way to wait.
    assert [
        name for name in calls if name in ("aminmax", "prod", "amin", "amax", "any", "all", "_local_scalar_dense")
    ] == 2 * reductions
    assert syncs.calls == ["tolist"][: len(reductions)]


def test_without_numpy_the_device_s_way_is_taken(torch: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_numpy(*_: Any) -> None:
        raise RuntimeError("Numpy is not available")

    monkeypatch.setattr(torch.Tensor, "numpy", no_numpy)

    @andiron.validate("float32[2] in [0, 1]")
    def f(x: Any) -> Any:
        return x

    assert f(torch.tensor([0.0, 1.0])) is not None
    with pytest.raises(andiron.TensorValidationError, match=r'AT-RANGE "x"\[1\]: got 2, want in \[0, 1\] \(1 of 2\)'):
        f(torch.tensor([0.0, 2.0]))


def test_what_is_no_dense_tensor(torch: Any) -> None:
    @andiron.validate("float32[2]")
    def f(x: Any) -> Any:
        return x

    for value, got in (
        (torch.eye(2).to_sparse(), "a sparse tensor"), (torch.empty(2, device="meta"), "a tensor without data"),
        ([1.0, 2.0], "list, which is no tensor"), (1.0, "float, which is no tensor"), ("ab", "str, which is no tensor"),
        (torch.quantize_per_tensor(torch.ones(2), 1.0, 0, torch.quint8), "quint8"), (torch.ones(2, dtype=torch.complex64), "complex64"),
    ):  # fmt: skip
        with pytest.raises(andiron.TensorValidationError, match=f'AT-DTYPE "x": got {got}, want float32'):
            f(value)
    with pytest.raises(andiron.TensorValidationError, match='AT-MISSING "x"'):
        f(None)


def test_numpy_arrays(torch: Any) -> None:
    import numpy

    @andiron.validate("float32[2, 3] in [0, 1]")
    def f(x: Any) -> Any:
        return x

    good = numpy.linspace(0, 1, 6, dtype="f4").reshape(2, 3)
    f(good)
    f(numpy.asfortranarray(good))
    for value, code in (
        (good * 2, "AT-RANGE"), (good.astype("f8"), "AT-DTYPE"), (good.astype(">f4"), "AT-DTYPE"), (good.astype(object), "AT-DTYPE"),
        (good.T, "AT-SHAPE"), (numpy.float32(1), "AT-RANK"), (good.astype("c8"), "AT-DTYPE"),
    ):  # fmt: skip
        with pytest.raises(andiron.TensorValidationError, match=code):
            f(value)

    @andiron.validate(text="bytes[2]")
    def g(text: Any) -> Any:
        return text

    g(numpy.array(["a", "bcd"]))
    g(numpy.array([b"a", "b"], dtype=object))


@pytest.mark.parametrize("make", ["contiguous", "strided", "transposed", "expanded", "grad", "offset"])
def test_views(torch: Any, make: str) -> None:
    base = torch.linspace(0, 1, 64).view(8, 8)
    t = {
        "contiguous": base, "strided": base[:, ::2], "transposed": base.t(), "expanded": base[:1].expand(8, 8),
        "grad": base.clone().requires_grad_(), "offset": base.view(-1)[1:57].view(8, 7),
    }[make]  # fmt: skip

    @andiron.validate("float32[8, N] in [0, 1]")
    def f(x: Any) -> Any:
        return x

    f(t)
    f(t * 0)
    f(-t * 0)  # -0 is 0
    with pytest.raises(andiron.TensorValidationError, match="AT-RANGE"):
        f(-t - 1)
    with pytest.raises(andiron.TensorValidationError, match="AT-RANGE"):
        f(t + 1)


def scanned(schema: Schema, elements: Elements) -> Any:
    return elements.scan(schema.groups["inputs"]["x"].wants[elements.dtype.name])


def random_bits(torch: Any, size: int, n: int) -> Iterator[bytes]:
    """Yield data at which the looks of Array part: one sign, zeros, tiny, huge, and anything."""
    generator = torch.Generator().manual_seed(size)
    for low, high in ((0, 256), (0, 1), (56, 64), (184, 192), (0, 64), (128, 129), (190, 192)):
        raw = torch.randint(0, 256, (n, size), generator=generator, dtype=torch.uint8)
        raw[:, -1] = torch.randint(low, high, (n,), generator=generator).to(torch.uint8)
        raw[raw[:, 0] < 32] = 0
        yield bytes(raw.flatten().tolist())


_TYPES = sorted({"float64", "float32", "float16", "bfloat16", "int64", "int32", "int16", "int8", "bool"} | _LATER)
_BOUNDS = [
    "", "range: [0, 1]", "range: [-1, 2]", "range: [0.25, 100]", "range: [-inf, 0]", "range: [-100, -0.5]",
    "nonfinite: allow",
]  # fmt: skip


def bounded(dtype: str, bounds: str) -> Schema:
    """Return a schema with an input x, with bounds where the type can have them."""
    alien = dtype == "bool" or ("nonfinite" in bounds and "float" not in dtype) or ("-0.5" in bounds and "u" in dtype)
    rules = f", {bounds}" if bounds and not alien else ""
    tiny = ", tiny: {below: 0.25, action: reject}" if "float" in dtype else ""
    return parse_schema(f"andiron: tensor/v1\ninputs: {{x: {{dtype: {dtype}, shape: [_]{rules}{tiny}}}}}\n".encode())


@pytest.mark.parametrize("dtype", _TYPES)
@pytest.mark.parametrize("bounds", _BOUNDS)
def test_numpy_finds_what_plain_python_finds(torch: Any, dtype: str, bounds: str) -> None:
    import numpy

    schema = bounded(dtype, bounds)
    d = schema.groups["inputs"]["x"].dtypes[0]
    for n in (1, 7, 300):
        for data in random_bits(torch, d.size, n):
            want = scanned(schema, Plain(d, (n,), data))
            got = scanned(schema, Array(d, (n,), numpy.frombuffer(data, f"<u{d.size}")))
            assert got.clean == want.clean
            if not want.clean:
                assert (got.nan, got.inf, got.tiny, got.out) == (want.nan, want.inf, want.tiny, want.out)
                assert (got.low, got.high) == (want.low, want.high)


@pytest.mark.parametrize("dtype", _TYPES)
@pytest.mark.parametrize("bounds", _BOUNDS)
def test_a_device_knows_each_element_that_plain_python_accepts(torch: Any, dtype: str, bounds: str) -> None:
    schema = bounded(dtype, bounds)
    x = schema.groups["inputs"]["x"]
    d = x.dtypes[0]
    plan = Plan(torch, None, d, x.wants[dtype])
    same_width = getattr(torch, INTEGERS[d.size])  # what reduced looks at in any case
    for data in random_bits(torch, d.size, 64):
        for i in range(0, len(data), d.size):
            one = data[i : i + d.size]
            t = torch.frombuffer(bytearray(one), dtype=same_width)
            accepted = plan.accepts([int(n) for n in plan.reduced(torch, t)]) or plan.accepts_after_all(torch, t)
            assert accepted is scanned(schema, Plain(d, (1,), one)).clean, one
            if d.is_float:
                assert accepted is bool(plan.product(torch, t) & 1)


def test_blocks_are_counted_as_one(torch: Any) -> None:
    @andiron.validate("float32[N] in [-1, 1]")
    def f(x: Any) -> Any:
        return x

    x = torch.zeros(100_001)
    x[[40_000, 99_999]] = torch.tensor([3.0, -2.0])
    with pytest.raises(andiron.TensorValidationError) as caught:
        f(x)
    (found,) = caught.value.violations
    assert (found.index, found.count, found.of, found.got) == ((40_000,), 2, 100_001, "3")


@pytest.mark.parametrize("library", ["torch", "numpy"])
def test_tiny_values_are_flushed(torch: Any, library: str) -> None:
    schema = parse_schema(b"andiron: tensor/v1\ninputs: {x: {dtype: float32, shape: [4], tiny: flush}}\n")
    data = torch.tensor([1, 1e-40, -1e-38, 2e-30])
    value = data if library == "torch" else data.numpy()

    def f(x: Any) -> Any:
        return x

    assert [float(v) for v in andiron.guard(f, schema)(value)] == [
        1.0,
        0.0,
        0.0,
        struct.unpack("f", struct.pack("f", 2e-30))[0],
    ]
    assert float(data[1]) != 0
    assert not _flush.flushes(parse_short({"x": "float32[4]"}).groups["inputs"]["x"])


def test_torch_is_not_imported_by_a_check(monkeypatch: pytest.MonkeyPatch) -> None:
    original = builtins.__import__

    def no_torch(name: str, *args: Any, **kwargs: Any) -> Any:
        assert not name.startswith("torch")
        return original(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", no_torch)

    @andiron.validate("uint8[2]")
    def f(x: Any) -> Any:
        return x

    with pytest.raises(andiron.TensorValidationError):
        f(b"ab")
