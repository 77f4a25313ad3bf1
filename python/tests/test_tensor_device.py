"""Guards of tensors on an accelerator: pytest --torch VERSION --device cuda.

With --device cpu, tensors on the host are taken for those of a device.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import pytest

import andiron
from andiron._tensor import _fast, _given
from andiron._tensor._check import Given
from andiron._tensor._fast import Fast
from andiron._tensor._schema import parse_schema
from tensor_vectors import Sample, cases, plain, run
from test_tensor_torch import torch_of, values_of

pytestmark = [pytest.mark.torch, pytest.mark.device]


@pytest.fixture
def device(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    name = str(request.config.getoption("--device"))
    if name == "cpu":
        monkeypatch.setattr(_fast, "is_host", lambda _: False)
    return name


def test_the_whole_corpus(torch: Any, device: str) -> None:
    moved = 0

    def describe(s: Sample) -> Given:
        nonlocal moved
        t = torch_of(torch, s)
        if t is None:
            return plain(s)
        moved += 1
        return _given.given(s.name, t.to(device))

    for case in cases():
        run(case, describe)
    assert moved > 500


def test_the_short_way_of_the_corpus(torch: Any, device: str) -> None:
    passed = refused = 0
    for case in cases():
        group = case.line.get("group") or "inputs"
        values = values_of(torch, case)
        if values is None:
            continue
        there = {name: t.to(device) for name, t in values.items()}
        passes = Fast(torch, case.schema, group).passes(there, dict(case.line.get("dims") or {}))
        if case.line["verdict"] == "reject":
            assert not passes, case.name
            refused += 1
        passed += passes
    assert passed > 60
    assert refused > 200


FLOATS = ("float64", "float32", "float16", "bfloat16", "float8_e5m2", "float8_e4m3fn")
INTEGERS = ("int64", "int32", "int16", "int8", "uint8")


def same(x: Any) -> Any:
    return x


def answer(call: Callable[[Any], Any], x: Any) -> str:
    try:
        call(x)
    except andiron.TensorValidationError as exc:
        return str(exc)
    return ""


@pytest.mark.parametrize("name", FLOATS)
def test_floats_are_judged_as_on_the_host(torch: Any, device: str, name: str) -> None:
    dtype = getattr(torch, name, None)
    if dtype is None:
        assert name.startswith("float8")
        return
    tiny = "" if name.startswith("float8") else ", tiny: {below: 2^-12, action: reject}"
    schema = parse_schema(
        f"andiron: tensor/v1\ninputs: {{x: {{dtype: {name}, shape: [_, 3, _, _], range: [-1, 2]{tiny}}}}}\n".encode()
    )
    guarded = andiron.guard(same, schema)
    x = torch.linspace(-1, 2, 3 * 64 * 64).view(1, 3, 64, 64)
    x = torch.where(x.abs() < 0.01, torch.zeros_like(x), x)
    codes = {"": None, "AT-NAN": float("nan"), "AT-INF": float("-inf"), "AT-TINY": -(2.0**-13), "AT-RANGE": 2.5}
    for code, value in codes.items():
        wrong = x.clone()
        if value is not None:
            wrong[0, 2, 63, 5] = value
        wrong = wrong.to(dtype)
        if (code == "AT-INF" and name == "float8_e4m3fn") or (code == "AT-TINY" and not tiny):
            continue
        host = answer(guarded, wrong)
        assert answer(guarded, wrong.to(device)) == host
        assert code in host
        assert bool(code) == bool(host)
    x = x.to(dtype)
    for code, wrong in (("AT-SHAPE", x[:, 1:]), ("AT-RANK", x[0]), ("AT-DTYPE", x.to(torch.int32))):
        assert code in answer(guarded, wrong.to(device))


@pytest.mark.parametrize("name", INTEGERS)
def test_integers_are_judged_as_on_the_host(torch: Any, device: str, name: str) -> None:
    guarded = andiron.validate(f"{name}[B, S] in [1, 100]")(same)
    x = (torch.arange(4096) % 100 + 1).to(getattr(torch, name)).view(8, 512)
    assert answer(guarded, x.to(device)) == ""
    for value in (0, 101):
        wrong = x.clone()
        wrong[7, 510] = value
        host = answer(guarded, wrong)
        assert 'AT-RANGE "x"[7, 510]: got ' in host
        assert answer(guarded, wrong.to(device)) == host


def test_views_on_a_device(torch: Any, device: str) -> None:
    f = andiron.validate("float32[8, N] in [0, 1]")(same)
    base = torch.linspace(0, 1, 64, device=device).view(8, 8)
    for t in (
        base,
        base[:, ::2],
        base.t(),
        base[:1].expand(8, 8),
        base.clone().requires_grad_(),
        base.view(-1)[1:57].view(8, 7),
    ):
        f(t)
        f(-t * 0)
        for wrong in (t + 1, -t - 1, t * 1e-40 + 1e-41):
            with pytest.raises(andiron.TensorValidationError, match=r"AT-RANGE|AT-TINY"):
                f(wrong)


SEVERAL = """andiron: tensor/v1
dims: {B: 1..64}
inputs:
  image: {dtype: float32, shape: [B, 3, 224, 224], range: [0, 1]}
  half: {dtype: bfloat16, shape: [B, 256]}
  ids: {dtype: int64, shape: [B, 128], vocabulary: 30522}
"""


def test_all_inputs_together_wait_once_and_are_reduced_once_each(torch: Any, device: str) -> None:
    schema = parse_schema(SEVERAL.encode())
    image = torch.rand(2, 3, 224, 224)
    image[:, :, ::3] = 0
    values = {
        "image": image.to(device), "half": torch.randn(2, 256).bfloat16().to(device),
        "ids": torch.randint(0, 30522, (2, 128)).to(device),
    }  # fmt: skip
    fast = Fast(torch, schema, "inputs")
    assert fast.passes(values, {})  # the first time, the bounds go to the device
    if device != "cuda":
        return
    torch.cuda.synchronize()
    torch.cuda.set_sync_debug_mode("warn")
    try:
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            assert fast.passes(values, {})
    finally:
        torch.cuda.set_sync_debug_mode("default")
    assert len([w for w in caught if "synchroniz" in str(w.message)]) == 1, [str(w.message) for w in caught]

    activities = [torch.profiler.ProfilerActivity.CPU, torch.profiler.ProfilerActivity.CUDA]
    with torch.profiler.profile(activities=activities) as profile:
        assert fast.passes(values, {})
    names = [e.name for e in profile.events() if e.device_type == torch.autograd.DeviceType.CUDA]
    # That of a product is reduction_prod_kernel, those of extremes are reduce_kernel.
    assert len([name for name in names if "reduc" in name.lower()]) == 3, names
    assert len([name for name in names if "searchsorted" in name.lower()]) == 2, names
    assert len([name for name in names if "dtoh" in name.lower()]) == 1, names


def small_model(torch: Any) -> Any:
    torch.manual_seed(0)
    conv = torch.nn.Conv2d(3, 5, 2)
    return torch.nn.Sequential(conv, torch.nn.AdaptiveAvgPool2d(1), torch.nn.Flatten()).eval()


IMAGE = """andiron: tensor/v1
dims: {B: 1..8, H: 2..64}
inputs:
  input:
    dtype: float32
    shape: [B, 3, H, H]
    range: [0, 1]
    normalize: {kind: standardize, mean: [0.4, 0.5, 0.6], std: [0.2, 0.25, 0.2]}
outputs:
  y: {dtype: float32, shape: [B, 5]}
"""


@pytest.mark.parametrize("way", ["eager", "aot_eager", "inductor", "reduce-overhead", "script", "export"])
def test_a_model_on_a_device(torch: Any, device: str, way: str) -> None:
    if way != "eager" and way != "script" and torch.__version__.startswith("1."):
        assert not hasattr(torch, "compile")
        return
    if way == "inductor" and device == "cpu":
        way = "eager"  # inductor for the host wants a compiler for C++
    guarded = andiron.guard(small_model(torch), parse_schema(IMAGE.encode())).to(device)
    x = torch.rand(2, 3, 16, 16, device=device)
    want = guarded(x)
    call = made(torch, guarded, x, way if device != "cpu" or way != "reduce-overhead" else "aot_eager")
    for _ in range(4):
        torch.testing.assert_close(call(x), want, atol=1e-4, rtol=1e-4)
    holed, small = x.clone(), x.clone()
    holed[1, 2, 7, 7] = float("nan")
    small[0, 0, 0, 0] = 1e-40
    errors = {"script": torch.jit.Error, "export": RuntimeError}
    for wrong in (x + 1, holed, small, x / 0):
        with pytest.raises(errors.get(way, andiron.TensorValidationError), match="AT-"):
            call(wrong)
    torch.testing.assert_close(call(x), want, atol=1e-4, rtol=1e-4)


def made(torch: Any, guarded: Any, x: Any, way: str) -> Any:
    """Return the guarded model as a graph."""
    if way == "script":
        return torch.jit.script(guarded)
    if way == "export":
        batch = torch.export.Dim("B", min=1, max=6)
        return torch.export.export(guarded, (x,), dynamic_shapes=({0: batch},)).module()
    if way == "eager":
        return guarded
    torch._dynamo.reset()
    if way == "reduce-overhead":
        return torch.compile(guarded, mode=way, fullgraph=True)
    return torch.compile(guarded, backend=way, fullgraph=True)
