"""Guarded functions, models and data sets: eager, in graphs, as TorchScript."""

from __future__ import annotations

import copy
import functools
import importlib
import inspect
import io
import json
import logging
import pickle
import shutil
import struct
import sys
import typing
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import andiron
from andiron._tensor._schema import Schema, parse_schema

pytestmark = [
    pytest.mark.torch,
    pytest.mark.filterwarnings("ignore:.*torch.jit:FutureWarning"),
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:The TorchScript type system:UserWarning"),
]

IMAGE = """andiron: tensor/v1
model: small
dims: {B: 1..8, H: 2..64}
inputs:
  x:
    dtype: float32
    shape: [B, 3, H, H]
    range: [0, 1]
    normalize: {kind: standardize, mean: [0.4, 0.5, 0.6], std: [0.2, 0.25, 0.2]}
outputs:
  y: {dtype: float32, shape: [B, 5]}
"""


def schema_of(text: str) -> Schema:
    return parse_schema(text.encode())


def version(torch: Any) -> tuple[int, int]:
    major, minor = torch.__version__.split(".")[:2]
    return int(major), int(minor)


@pytest.fixture
def small(torch: Any) -> Any:
    torch.manual_seed(0)

    class Small(torch.nn.Module):  # type: ignore[misc,name-defined,unused-ignore]
        def __init__(self) -> None:
            super().__init__()
            self.conv = torch.nn.Conv2d(3, 5, 2)

        def forward(self, x):  # type: ignore[no-untyped-def]
            return self.conv(x).mean((2, 3))

    return Small().eval()


def wanted(torch: Any, model: Any, x: Any) -> Any:
    mean, std = torch.tensor([0.4, 0.5, 0.6]), torch.tensor([0.2, 0.25, 0.2])
    return model((x - mean.view(1, 3, 1, 1)) / std.view(1, 3, 1, 1))


def wrong_inputs(torch: Any) -> dict[str, Any]:
    x = torch.rand(2, 3, 8, 8) / 2
    holed = x.clone()
    holed[1, 2, 7, 7] = float("nan")
    small = x.clone()
    small[0, 0, 0, 0] = 1e-40
    return {
        "AT-RANGE": x + 1, "AT-NAN": holed, "AT-TINY": small, "AT-DIM": x[:, :, :, 1:], "AT-SHAPE": x[:, 1:],
        "AT-RANK": x[0], "AT-DTYPE": x.double(), "AT-INF": x / 0,
    }  # fmt: skip


def test_a_guarded_model(torch: Any, small: Any) -> None:
    guarded = andiron.guard(small, schema_of(IMAGE))
    x = torch.rand(2, 3, 8, 8)
    torch.testing.assert_close(guarded(x), wanted(torch, small, x))
    torch.testing.assert_close(guarded(x=x), wanted(torch, small, x))
    for code, wrong in wrong_inputs(torch).items():
        with pytest.raises(andiron.TensorValidationError) as caught:
            guarded(wrong)
        assert caught.value.violations[0].code == code
        assert caught.value.where.endswith("Small.forward")
    with pytest.raises(andiron.TensorValidationError, match="AT-MISSING"):
        guarded(None)
    assert list(inspect.signature(guarded.forward).parameters) == ["x"]


def test_normalisation_is_carried_but_no_checkpoint_changes_it(torch: Any, small: Any) -> None:
    guarded = andiron.guard(small, schema_of(IMAGE))
    assert set(guarded.state_dict()) == {"model.conv.weight", "model.conv.bias"}
    assert {name for name, _ in guarded.named_buffers()} == {"normalize.input_x.mean", "normalize.input_x.std"}
    identity = andiron.guard(
        torch.nn.Identity().eval(), schema_of(IMAGE.partition("outputs")[0]), parameters={"input": "x"}
    )
    for again, model in ((copy.deepcopy(guarded), small), (pickle.loads(pickle.dumps(identity)), torch.nn.Identity())):
        x = torch.rand(2, 3, 8, 8)
        torch.testing.assert_close(again(x), wanted(torch, model, x))
        with pytest.raises(andiron.TensorValidationError):
            again(x + 1)
        assert not again.training


def test_a_copy_has_all_that_a_module_has(torch: Any) -> None:
    guarded = andiron.guard(
        torch.nn.Identity(), schema_of(IMAGE.partition("outputs")[0]), parameters={"input": "x"}, mode="shadow"
    ).double()
    calls: list[str] = []
    guarded.note, guarded.head = calls, torch.nn.Linear(2, 2)
    guarded.register_forward_hook(keep_call)
    moved = andiron.guard(torch.nn.Identity(), guarded.schema, parameters={"input": "x"}).to("meta")
    ways: list[Callable[[Any], Any]] = [copy.deepcopy, lambda m: pickle.loads(pickle.dumps(m)), copy.copy]
    for copied in ways:
        again = copied(guarded)
        assert type(again).__name__ == type(guarded).__name__ == "GuardedIdentity"
        assert list(inspect.signature(again.forward).parameters) == ["input"]
        assert again.normalize["input_x"].mean.dtype is torch.float64
        assert again.state_dict().keys() == guarded.state_dict().keys()
        again(torch.rand(2, 3, 8, 8) + 1)
        assert again.note == ["called"]
        again.note.clear()
        assert copied(moved).normalize["input_x"].mean.device.type == "meta"
        with pytest.raises(andiron.TensorValidationError, match="AT-RANGE"):
            copied(moved)(torch.rand(2, 3, 8, 8) + 1)


def keep_call(module: Any, args: Any, result: Any) -> None:
    module.note.append("called")


def test_lp_normalisation_is_that_of_torch(torch: Any) -> None:
    schema = schema_of(
        "andiron: tensor/v1\ninputs: {v: {dtype: [float32, float64], shape: [_, 4], normalize: {kind: lp, p: 3, axis: -1}}}\n"
    )
    guarded = andiron.guard(torch.nn.Identity(), schema, parameters={"input": "v"})
    for dtype in (torch.float32, torch.float64):
        v = torch.randn(3, 4).to(dtype)
        torch.testing.assert_close(guarded(v), torch.nn.functional.normalize(v, p=3.0, dim=1))


def test_half_stays_half(torch: Any) -> None:
    schema = schema_of(IMAGE.replace("dtype: float32\n    shape", "dtype: bfloat16\n    shape").partition("outputs")[0])
    guarded = andiron.guard(torch.nn.Identity(), schema, parameters={"input": "x"})
    assert guarded(torch.rand(1, 3, 2, 2).bfloat16()).dtype is torch.bfloat16


def test_what_the_gateway_normalises_is_left_to_it_but_for_its_form(
    torch: Any, small: Any, caplog: pytest.LogCaptureFixture
) -> None:
    schema = schema_of(IMAGE.replace("kind: standardize,", "kind: standardize, by: gateway,"))
    with caplog.at_level(logging.INFO, "andiron.tensor"):
        guarded = andiron.guard(small, schema)
        called = andiron.guard(lambda x: x.mean((2, 3)).repeat(1, 2)[:, :5], schema)
    want = ["range of x", "tiny of x", "normalize of x"]
    assert [json.loads(r.getMessage())["rules"] for r in caplog.records] == [want, want]
    assert json.loads(caplog.records[0].getMessage())["schema"] == schema.sha256
    assert list(guarded.unchecked) == want
    assert ", ".join(want) in repr(guarded)
    assert andiron.guard(small, schema_of(IMAGE)).unchecked == ()
    x = torch.randn(2, 3, 8, 8) * 3
    torch.testing.assert_close(guarded(x), small(x))
    for call in (guarded, copy.deepcopy(guarded), called):
        call(x)
        for code in ("AT-NAN", "AT-DIM", "AT-SHAPE", "AT-RANK", "AT-DTYPE", "AT-INF"):
            with pytest.raises(andiron.TensorValidationError, match=code):
                call(wrong_inputs(torch)[code])


def test_outputs_are_checked(torch: Any, small: Any) -> None:
    guarded = andiron.guard(small, schema_of(IMAGE))
    with torch.no_grad():
        small.conv.bias.fill_(float("nan"))
    with pytest.raises(andiron.TensorValidationError, match='AT-NAN "y"'):
        guarded(torch.rand(2, 3, 8, 8))


OUTPUTS = """andiron: tensor/v1
dims: {B: 1..4}
inputs: {x: {dtype: float32, shape: [B]}}
outputs:
  z: {dtype: float32, shape: [B]}
  a: {dtype: float32, shape: [B, 2], optional: true}
"""


def test_outputs_are_named_by_what_they_are(torch: Any) -> None:
    class Pair(typing.NamedTuple):
        a: Any
        z: Any

    class Record:
        def __init__(self, z: Any) -> None:
            self.z = z
            self.other = 1

    x, two = torch.ones(3), torch.ones(3, 2)
    results: dict[str, tuple[Any, Any]] = {
        "single": (x, two), "mapping": ({"z": x, "a": None, "n": 1}, {"z": x, "b": x}), "pair": (Pair(two, x), Pair(x, two)),
        "tuple": ((x, two), (two, x)), "record": (Record(x), Record(two)), "list": ([x], [x, two, x]), "short": ((x, None), (x[:1],)),
    }  # fmt: skip
    for name, (good, bad) in results.items():
        result: list[Any] = [good]
        guarded = andiron.guard(lambda x, result=result: result[0], schema_of(OUTPUTS))
        assert guarded(x) is good, name
        result[0] = bad
        with pytest.raises(andiron.TensorValidationError):
            guarded(x)


IDS = """andiron: tensor/v1
dims: {B: 1..4, S: 1..16}
constraints: [B*S <= 32]
inputs:
  ids: {dtype: int64, shape: [B, S], vocabulary: 100}
  mask: {dtype: bool, shape: [B, S], optional: true}
  text: {dtype: bytes, shape: [B], optional: true, text: {max_bytes: 3}}
"""


def test_arguments_are_found_by_name_and_place(torch: Any, tmp_path: Path) -> None:
    path = tmp_path / "ids.schema.yaml"
    path.write_text(IDS)
    calls: list[tuple[Any, ...]] = []

    @andiron.validate(path, tokens="ids")
    def f(tokens: Any, mask: Any = None, *, text: Any = None, other: Any = None) -> None:
        calls.append((tokens, mask, text, other))

    ids, mask = torch.zeros(2, 3, dtype=torch.int64), torch.ones(2, 3, dtype=torch.bool)
    f(ids)
    f(ids, mask)
    f(tokens=ids, text=["a", "b"], mask=mask, other=7)
    wrong: dict[str, Callable[[], Any]] = {
        "AT-TOKEN": lambda: f(ids + 100), "AT-DIM": lambda: f(ids, mask[:1]), "AT-UNKNOWN": lambda: f(ids, other=ids),
        "AT-TEXT-SIZE": lambda: f(ids, text=["a", "bcde"]), "AT-CONSTRAINT": lambda: f(ids.repeat(2, 5)), "AT-MISSING": lambda: f(None),
    }  # fmt: skip
    for code, call in wrong.items():
        with pytest.raises(andiron.TensorValidationError) as caught:
            call()
        assert code in [v.code for v in caught.value.violations]
    assert len(calls) == 3
    assert f.__name__ == "f"
    assert list(inspect.signature(f).parameters) == ["tokens", "mask", "text", "other"]


def test_a_schema_must_fit_the_function(torch: Any) -> None:
    def f(a: Any, b: Any) -> None: ...

    for make in (
        lambda: andiron.guard(f, schema_of(IDS)), lambda: andiron.validate("uint8[1]", "uint8[1]", "uint8[1]")(f),
        lambda: andiron.validate(c="uint8[1]")(f), lambda: andiron.validate("uint8[1]", a="uint8[1]")(f),
        lambda: andiron.guard(f, schema_of(IDS), parameters={"a": "none"}), lambda: andiron.validate("nonsense[")(f),
        lambda: andiron.guard(torch.nn.Identity(), schema_of(IMAGE), graph="some"),  # type: ignore[arg-type]
        lambda: andiron.guard(torch.nn.Identity(), schema_of(IMAGE), mode="warn"),  # type: ignore[arg-type]
        lambda: andiron.guard(f, schema_of(IMAGE)),
    ):  # fmt: skip
        with pytest.raises(ValueError, match=r"."):
            make()

    # A parameter that is not there would leave its input to be guessed.
    for make in (
        lambda: andiron.guard(torch.nn.Identity(), schema_of(IMAGE), parameters={"img": "image"}),
        lambda: andiron.validate(schema_of(IMAGE), img="image")(torch.nn.Identity().forward),
    ):
        with pytest.raises(ValueError, match="forward has no parameter 'img', but input"):
            make()

    @andiron.validate("uint8[1]", b="uint8[2]")
    def g(a: Any, b: Any = None) -> str:
        return "done"

    one = torch.zeros(1, dtype=torch.uint8)
    assert g(one, one.repeat(2)) == "done"
    with pytest.raises(andiron.TensorValidationError, match='AT-SHAPE "b"'):
        g(one, one)


TEXT = """andiron: tensor/v1
inputs:
  image: {dtype: float32, shape: [1]}
  prompt: {dtype: bytes, shape: [1], optional: true, text: {deny: [control]}}
"""


def test_an_optional_input_has_a_parameter(torch: Any) -> None:
    def f(image: Any, prompts: Any = None) -> Any:
        return image

    image, schema = torch.ones(1), schema_of(TEXT)
    for make, says in (
        (lambda: andiron.guard(f, schema), r"parameters={'prompts': 'prompt'}"),
        (lambda: andiron.validate(schema)(f), r"prompts='prompt'"),
        (lambda: andiron.guard(lambda image: image, schema), "none is left for it"),
    ):
        with pytest.raises(ValueError, match=r"input 'prompt' of the schema is no parameter of .*" + says):
            make()
    for call in (
        andiron.guard(f, schema, parameters={"prompts": "prompt"}), andiron.validate(schema, prompts="prompt")(f),
    ):  # fmt: skip
        assert call(image) is image
        assert call(image, ["a"]) is image
        with pytest.raises(andiron.TensorValidationError, match="AT-TEXT-CHAR"):
            call(image, ["\0"])
    anything = andiron.guard(lambda image, **rest: image, schema)
    assert anything(image) is image
    with pytest.raises(andiron.TensorValidationError, match="AT-TEXT-CHAR"):
        anything(image, prompt=["\0"])


class Odd:
    """Methods whose object has another name than self."""

    @andiron.validate("float32[2]")
    def positional(s: Any, x: Any) -> Any:  # noqa: N805
        return x

    @andiron.validate(x="float32[2]")
    def named(s: Any, x: Any) -> Any:  # noqa: N805
        return x

    @staticmethod
    @andiron.validate("float32[2]")
    def static(x: Any) -> Any:
        return x

    @classmethod
    @andiron.validate("float32[2]")
    def of_class(kind: Any, x: Any) -> Any:  # noqa: N804
        return x


def test_a_form_is_not_for_the_object(torch: Any) -> None:
    x = torch.ones(2)
    for call in (Odd().positional, Odd.of_class):
        with pytest.raises(TypeError, match=r"Odd\.\w+: the object came for '\w+', .*: call that parameter self"):
            call(x)
    for call in (Odd().named, Odd.static, Odd().static):
        assert call(x) is x
        with pytest.raises(andiron.TensorValidationError, match='AT-SHAPE "x"'):
            call(x[:1])
    with pytest.raises(andiron.TensorValidationError, match="got list, which is no tensor"):
        Odd.static([1.0, 2.0])


def test_what_has_no_elements_is_refused_and_passes_in_shadow(torch: Any) -> None:
    schema = schema_of("andiron: tensor/v1\ninputs: {x: {dtype: float32, shape: [2, 2], tiny: flush}}\n")
    x = torch.ones(2, 2)
    odd = {"a nested tensor": torch.nested.nested_tensor([x[0], x[1]]), "a sparse tensor": x.to_sparse(), "list": [x]}
    for what, value in odd.items():
        with pytest.raises(andiron.TensorValidationError, match=f'AT-DTYPE "x": got {what}'):
            andiron.guard(lambda x: x, schema)(value)
        assert andiron.guard(lambda x: x, schema, mode="shadow")(value) is value


def test_the_decorator_wants_a_schema() -> None:
    def f(image: Any) -> None: ...

    for wrong in (f, None, 3):
        with pytest.raises(TypeError, match="validate takes forms or a schema, not a"):
            andiron.validate(wrong)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match=r"validate stands before forward\(\), not before the class .*Net"):

        @andiron.validate("uint8[1]")  # it would check what Net is made of
        class Net: ...


def test_shadow_lets_through_and_logs(torch: Any, caplog: pytest.LogCaptureFixture) -> None:
    def f(ids: Any, mask: Any = None, text: Any = None) -> Any:
        return ids

    ids = torch.full((1, 2), 100)
    shadow = andiron.guard(f, schema_of(IDS), mode="shadow")
    written = andiron.guard(f, schema_of(IDS + "on_violation: {mode: shadow}\n"))
    for guarded in (shadow, written):
        caplog.clear()
        with caplog.at_level(logging.WARNING, "andiron.tensor"):
            assert guarded(ids) is ids
        (record,) = caplog.records
        body = json.loads(record.getMessage())
        assert (body["event"], body["outcome"], body["violations"][0]["code"]) == ("tensor", "would refuse", "AT-TOKEN")
        assert record.__dict__["andiron"]["schema"] == body["schema"]
        assert len(body["schema"]) == 64
    with pytest.raises(andiron.TensorValidationError):
        andiron.guard(f, schema_of(IDS + "on_violation: {mode: shadow}\n"), mode="enforce")(ids)


def test_drift_is_logged_by_the_window(torch: Any, caplog: pytest.LogCaptureFixture) -> None:
    schema = schema_of(
        "andiron: tensor/v1\ninputs: {x: {dtype: float32, shape: [8], drift: {edges: [0], shares: [0.5, 0.5], psi: 0.1, window: 2}}}\n"
    )
    guarded = andiron.guard(lambda x: x, schema, drift=True)
    even = torch.tensor([-1.0, 1] * 4)
    with caplog.at_level(logging.WARNING, "andiron.tensor"):
        for x in (even, even, even.abs(), even, even.abs()):
            guarded(x)
        assert not caplog.records[1:]
        guarded(even.abs())
    assert [json.loads(r.getMessage())["violations"][0]["code"] for r in caplog.records] == ["AT-DRIFT"] * 2


def test_drift_is_refused_where_the_schema_says_so(torch: Any) -> None:
    schema = schema_of(
        "andiron: tensor/v1\ninputs: {x: {dtype: float32, shape: [8], drift: {edges: [0], shares: [0.5, 0.5], psi: 0.1, "
        "window: 2, action: reject}}}\n"
    )
    guarded = andiron.guard(lambda x: x, schema)
    guarded(torch.ones(8))
    with pytest.raises(andiron.TensorValidationError, match='AT-DRIFT "x": got a PSI of') as caught:
        guarded(torch.ones(8))
    assert not caught.value.violations[0].alert
    andiron.guard(lambda x: x, schema, drift=False)(torch.ones(8))


# In a graph


def hold_all(
    torch: Any, call: Callable[[Any], Any], model: Any, errors: tuple[type[BaseException], ...], **kinds: str
) -> None:
    """Hold a graph to what the model does, and to refusing all that is wrong."""
    for batch in (2, 3, 2):
        x = torch.rand(batch, 3, 8, 8)
        torch.testing.assert_close(call(x), wanted(torch, model, x), atol=1e-5, rtol=1e-5)
    for code, wrong in wrong_inputs(torch).items():
        with pytest.raises(errors) as caught:
            call(wrong)
        if code in kinds:
            assert kinds[code] in str(caught.value)


ELEMENTS = dict.fromkeys(("AT_RANGE", "AT_NAN", "AT_TINY", "AT_INF"), 'AT-RANGE "x"')


@pytest.mark.parametrize("fullgraph", [True, False])
def test_a_compiled_guard_has_one_graph_and_refuses(torch: Any, small: Any, fullgraph: bool) -> None:
    if version(torch) < (2, 6):
        assert not hasattr(torch, "compiler")
        return
    torch._dynamo.reset()
    graphs: list[Any] = []

    def backend(graph: Any, _: Any) -> Any:
        graphs.append(graph)
        return graph

    call = torch.compile(andiron.guard(small, schema_of(IMAGE)), backend=backend, fullgraph=fullgraph)
    x = torch.rand(2, 3, 8, 8)
    call(x)
    assert len(graphs) == 1
    assert "torch.ops.andiron.check" in graphs[0].code  # no assertion, which inductor drops
    errors = (RuntimeError, andiron.TensorValidationError, torch._dynamo.exc.Unsupported)
    hold_all(torch, call, small, errors)
    if not fullgraph:  # what is settled while the graph is made falls back to the check itself
        for code in ("AT-DIM", "AT-RANK", "AT-DTYPE"):
            with pytest.raises(andiron.TensorValidationError, match=code):
                call(wrong_inputs(torch)[code])


LIMITED = """andiron: tensor/v1
dims: {B: 2..4}
inputs:
  x: {dtype: float32, shape: [B, _], max_bytes: 40}
  y: {dtype: float32, shape: [_, 3], max_elements: 9}
limits: {max_elements: 16, max_bytes: 56}
"""


def test_a_graph_has_the_codes_of_a_call(torch: Any) -> None:
    if version(torch) < (2, 6):
        assert not hasattr(torch, "compiler")
        return

    class Both(torch.nn.Module):  # type: ignore[misc,name-defined,unused-ignore]
        def forward(self, x: Any, y: Any) -> Any:
            return x.sum() + y.sum()

    guarded = andiron.guard(Both(), schema_of(LIMITED))
    cases = {
        "AT-DIM": ((1, 3), (2, 3)), "AT-SHAPE": ((2, 3), (2, 4)), "AT-BYTES": ((4, 3), (2, 3)), "AT-ELEMENTS": ((2, 3), (4, 3)),
        "AT-BYTES:": ((3, 2), (3, 3)), "AT-ELEMENTS:": ((4, 2), (3, 3)),
    }  # fmt: skip
    for code, (x, y) in cases.items():
        for call in (guarded, torch.compile(guarded, backend="eager", fullgraph=True)):
            torch._dynamo.reset()
            call(torch.ones(2, 3), torch.ones(2, 3))
            with pytest.raises((andiron.TensorValidationError, torch._dynamo.exc.Unsupported), match=code):
                call(torch.ones(x), torch.ones(y))


def test_a_compiled_forward_that_is_decorated(torch: Any, small: Any) -> None:
    if version(torch) < (2, 6):
        assert not hasattr(torch, "compiler")
        return
    torch._dynamo.reset()

    class Decorated(torch.nn.Module):  # type: ignore[misc,name-defined,unused-ignore]
        @andiron.validate("float32[B, 3, H, H] in [0, 1]")
        def forward(self, x: Any) -> Any:
            return wanted(torch, small, x)

    call = torch.compile(Decorated(), backend="aot_eager", fullgraph=True)
    errors = (RuntimeError, andiron.TensorValidationError, torch._dynamo.exc.Unsupported)
    hold_all(torch, call, small, errors)


def test_gradients_flow_through_a_compiled_guard(torch: Any, small: Any) -> None:
    guarded = andiron.guard(small, schema_of(IMAGE))
    call = guarded
    if version(torch) >= (2, 6):
        torch._dynamo.reset()
        call = torch.compile(guarded, backend="aot_eager", fullgraph=True)
    x = torch.rand(2, 3, 8, 8, requires_grad=True)
    call(x).sum().backward()
    assert x.grad.abs().sum() > 0
    assert small.conv.weight.grad.abs().sum() > 0
    with pytest.raises((RuntimeError, andiron.TensorValidationError)):
        call(x + 1)


def test_the_check_outside_of_what_is_compiled(torch: Any, small: Any) -> None:
    if version(torch) < (2, 6):
        assert not hasattr(torch, "compiler")
        return
    torch._dynamo.reset()
    call = andiron.guard(
        torch.compile(small, backend="aot_eager", fullgraph=True), schema_of(IMAGE), parameters={"x": "x"}
    )
    hold_all(torch, call, small, (andiron.TensorValidationError,))


@pytest.mark.parametrize("strict", [False, True])
def test_an_exported_guard_is_saved_with_its_checks(torch: Any, small: Any, strict: bool) -> None:
    if version(torch) < (2, 6):
        assert not hasattr(torch, "compiler")
        return
    batch = torch.export.Dim("B", min=1, max=6)
    guarded = andiron.guard(small, schema_of(IMAGE))
    program = torch.export.export(guarded, (torch.rand(2, 3, 8, 8),), dynamic_shapes={"x": {0: batch}}, strict=strict)
    buffer = io.BytesIO()
    torch.export.save(program, buffer)
    call = torch.export.load(io.BytesIO(buffer.getvalue())).module()
    hold_all(torch, call, small, (RuntimeError, AssertionError))
    for code in ("AT-RANGE", "AT-NAN", "AT-TINY", "AT-INF"):
        with pytest.raises(RuntimeError, match='AT-RANGE "x"'):
            call(wrong_inputs(torch)[code])


def test_what_is_scripted_traced_or_exported_can_be_guarded(torch: Any, small: Any) -> None:
    x = torch.rand(2, 3, 8, 8)
    models = [torch.jit.trace(small, x), torch.jit.script(small), torch.nn.Sequential(small)]
    if version(torch) >= (2, 6):
        models.append(torch.export.export(small, (x,)).module())
    for model in models:
        guarded = andiron.guard(model, schema_of(IMAGE), parameters={} if model is not models[2] else {"input": "x"})
        torch.testing.assert_close(guarded(x), wanted(torch, small, x))
        with pytest.raises(andiron.TensorValidationError, match="AT-RANGE"):
            guarded(x + 1)


def saved(torch: Any, model: Any) -> Any:
    buffer = io.BytesIO()
    torch.jit.save(model, buffer)
    return torch.jit.load(io.BytesIO(buffer.getvalue()))


@pytest.mark.parametrize("way", ["script", "trace", "freeze"])
def test_torchscript_is_saved_with_its_checks(torch: Any, small: Any, way: str) -> None:
    guarded = andiron.guard(small, schema_of(IMAGE))
    made = torch.jit.trace(guarded, torch.rand(2, 3, 8, 8)) if way == "trace" else torch.jit.script(guarded)
    call = saved(torch, torch.jit.freeze(made) if way == "freeze" else made)
    hold_all(torch, call, small, (torch.jit.Error, RuntimeError))
    for code in ("AT-DIM", "AT-SHAPE", "AT-RANK", "AT-DTYPE", "AT-NAN", "AT-INF", "AT-TINY", "AT-RANGE"):
        with pytest.raises(torch.jit.Error, match=code):
            call(wrong_inputs(torch)[code])


def test_an_example_that_is_wrong_is_not_traced(torch: Any, small: Any) -> None:
    with pytest.raises(andiron.TensorValidationError, match="AT-RANGE"):
        torch.jit.trace(andiron.guard(small, schema_of(IMAGE)), torch.rand(2, 3, 8, 8) + 1)


def test_what_is_decorated_is_traced_with_its_check(torch: Any, small: Any) -> None:
    form, x = "float32[B, 3, H, H] in [0, 1]", torch.rand(2, 3, 8, 8)
    small.requires_grad_(False)  # a trace of a function takes it for constants

    class Decorated(torch.nn.Module):  # type: ignore[misc,name-defined,unused-ignore]
        @andiron.validate(form)
        def forward(self, x: Any) -> Any:
            return wanted(torch, small, x)

    def call(x: Any) -> Any:
        return wanted(torch, small, x)

    plain = schema_of(
        IMAGE.replace("    normalize: {kind: standardize, mean: [0.4, 0.5, 0.6], std: [0.2, 0.25, 0.2]}\n", "")
    )
    models = (Decorated(), torch.nn.Sequential(Decorated()), andiron.validate(form)(call), andiron.guard(call, plain))
    for model in models:
        traced = saved(torch, torch.jit.trace(model, x))
        hold_all(torch, traced, small, (torch.jit.Error, RuntimeError))
        with pytest.raises(torch.jit.Error, match="AT-RANGE"):
            traced(x + 1)
        with pytest.raises(andiron.TensorValidationError, match="AT-RANGE"):
            torch.jit.trace(model, x + 1)
    with pytest.raises(torch.jit.Error, match=r'"y" is not .*AT-SHAPE'):  # what comes out, too
        saved(
            torch, torch.jit.trace(andiron.guard(lambda x: x.mean((2, 3)).repeat(1, 2)[:, : x.shape[0] + 3], plain), x)
        )(x[:1])

    ids = torch.ones(1, 3, dtype=torch.int64)
    traced = torch.jit.trace(andiron.validate("int64[B, 3]")(lambda x: x * 2), ids)
    assert traced(ids.repeat(2, 1)).shape == (2, 3)
    with pytest.raises(torch.jit.Error, match="AT-SHAPE"):
        traced(ids.repeat(2, 3))
    flushed = andiron.guard(
        lambda x: x * 1, schema_of("andiron: tensor/v1\ninputs: {x: {dtype: float32, shape: [2], tiny: flush}}\n")
    )
    assert torch.jit.trace(flushed, torch.ones(2))(torch.tensor([1e-40, 0.5])).tolist() == [0, 0.5]


def to_onnx(torch: Any, model: Any, x: Any) -> bytes:
    """Export as all versions can, and without the package onnx, which adds functions of others to what is made."""
    importlib.import_module("torch.onnx.utils")
    buffer = io.BytesIO()
    with pytest.MonkeyPatch.context() as patch:
        for name, module in list(sys.modules.items()):
            if name.endswith("onnx_proto_utils"):
                patch.setattr(module, "_add_onnxscript_fn", lambda made, _: made)
        torch.onnx.export(model, (x,), buffer, **({"dynamo": False} if version(torch) >= (2, 6) else {}))
    return buffer.getvalue()


def test_onnx_has_the_normalisation_and_no_check(torch: Any, small: Any, caplog: pytest.LogCaptureFixture) -> None:
    schema = schema_of(IMAGE.replace("range:", f"tiny: flush\n    {DRIFT}\n    range:"))
    x = torch.rand(2, 3, 8, 8)
    with caplog.at_level(logging.WARNING, "andiron.tensor"):
        made = to_onnx(torch, andiron.guard(small, schema), x)
    for what in (
        b"Less",
        b"Where",
        b"Sub",
        b"Div",
        struct.pack("<3f", 0.4, 0.5, 0.6),
        struct.pack("<3f", 0.2, 0.25, 0.2),
    ):
        assert what in made
    bodies = [json.loads(r.getMessage()) for r in caplog.records if r.name == "andiron.tensor"]
    assert [(body["outcome"], body["rules"]) for body in bodies] == [
        ("left out of ONNX", [f"all of {name}"]) for name in "xy"
    ]
    caplog.clear()
    assert b"Div" in to_onnx(torch, andiron.guard(small, schema, graph="what_fits"), x)
    assert not [r for r in caplog.records if r.name == "andiron.tensor"]

    decorated = andiron.validate("float32[B, 3, H, H] in [0, 1]")(small.forward)
    small.forward = decorated
    to_onnx(torch, small, x)
    assert "left out of ONNX" in caplog.text
    with pytest.raises(andiron.TensorValidationError, match="AT-RANGE"):
        to_onnx(torch, small, x + 1)


def test_a_program_for_onnx_has_no_assertion(
    torch: Any, small: Any, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    if version(torch) < (2, 6):
        assert not hasattr(torch, "compiler")
        return
    monkeypatch.setattr(torch.onnx, "is_in_onnx_export", lambda: True)
    x = torch.rand(2, 3, 8, 8)
    guarded = andiron.guard(small, schema_of(IMAGE.replace("range:", "tiny: flush\n    range:")))
    code = torch.export.export(guarded, (x,), strict=False).graph_module.code
    assert "where" in code
    assert "div" in code
    assert "assert_async" not in code
    assert "view" not in code  # which ONNX has for no other type
    assert "left out of ONNX" in caplog.text
    with pytest.raises(andiron.TensorValidationError, match="AT-SHAPE"):
        torch.export.export(guarded, (x[:, 1:],), strict=False)


TWO = """andiron: tensor/v1
dims: {B: 1..4}
inputs:
  b: {dtype: [int32, int64], shape: [B], range: [-5, 5]}
  a: {dtype: [float16, float32], shape: [B, 2], nonfinite: allow_nan}
"""


def test_several_inputs_in_torchscript(torch: Any) -> None:
    class Sum(torch.nn.Module):  # type: ignore[misc,name-defined,unused-ignore]
        def forward(self, a, b, scale: float = 2.0):  # type: ignore[no-untyped-def]
            return a.sum() * scale + b.sum()

    guarded = andiron.guard(Sum(), schema_of(TWO))
    a, b = torch.ones(3, 2), torch.tensor([-5, 0, 5])
    for call in (saved(torch, torch.jit.script(guarded)), guarded):
        assert float(call(a, b)) == 12.0
        assert float(call(a, b.int(), 1.0)) == 6.0
        assert torch.isnan(call(a / 0 - a / 0, b))
        for wrong in ((a, b[:2]), (a / 0, b), (a, b - 1), (a, b.short()), (a.repeat(2, 1), b.repeat(2))):
            with pytest.raises((torch.jit.Error, andiron.TensorValidationError)):
                call(*wrong)


DRIFT = "drift: {edges: [0.5], shares: [0.5, 0.5], psi: 0.2, action: reject}"


def test_what_no_graph_can_check_is_not_left_out_in_silence(torch: Any, small: Any) -> None:
    drift = IMAGE.replace("range:", f"{DRIFT}\n    range:").partition("outputs")[0]
    guarded = andiron.guard(small, schema_of(drift))
    x = torch.rand(2, 3, 8, 8)
    guarded(x)
    with pytest.raises(ValueError, match="drift of x"):
        torch.jit.script(guarded)
    with pytest.raises(ValueError, match="drift of x"):
        torch.jit.trace(guarded, x)
    torch.jit.script(andiron.guard(small, schema_of(drift), graph="what_fits"))
    if version(torch) >= (2, 6):
        with pytest.raises(Exception, match="drift of x"):
            torch.export.export(guarded, (x,), strict=False)
        torch.export.export(andiron.guard(small, schema_of(drift), graph="what_fits"), (x,), strict=False)


def graphs_of(torch: Any, model: Any, *example: Any) -> dict[str, Any]:
    """Make each kind of graph of a guarded model, saved and loaded where it can be."""
    found = {"script": saved(torch, torch.jit.script(model)), "trace": saved(torch, torch.jit.trace(model, example))}
    if version(torch) >= (2, 6):
        torch._dynamo.reset()
        found["compile"] = torch.compile(model, backend="aot_eager", fullgraph=True)
        found["export"] = torch.export.export(model, example).module()
    return found


def refusals(torch: Any) -> tuple[type[BaseException], ...]:
    """Return what graphs raise."""
    return (torch.jit.Error, RuntimeError, AssertionError, ValueError)


def test_graphs_shadow(torch: Any, small: Any, caplog: pytest.LogCaptureFixture) -> None:
    guarded = andiron.guard(small, schema_of(IMAGE), mode="shadow")
    good, wrong = torch.rand(2, 3, 8, 8), torch.rand(2, 3, 8, 8) + 1
    larger = torch.rand(9, 3, 8, 8)  # than the schema allows
    ways = {"script": torch.jit.script(guarded), "trace": torch.jit.trace(guarded, good)}
    for call in map(functools.partial(saved, torch), ways.values()):
        for x in (wrong, larger):
            with pytest.warns(UserWarning, match='andiron would refuse: "x" is not .*: AT-(RANGE|DIM)'):
                got = call(x)
            torch.testing.assert_close(got, wanted(torch, small, x), atol=1e-5, rtol=1e-5)
    if version(torch) >= (2, 6):
        torch._dynamo.reset()
        call = torch.compile(guarded, backend="aot_eager", fullgraph=True)
        for x in (wrong, larger):
            caplog.clear()
            torch.testing.assert_close(call(x), wanted(torch, small, x), atol=1e-5, rtol=1e-5)
            assert '"outcome": "would refuse"' in caplog.text
        with pytest.raises(Exception, match="cannot report in shadow mode"):
            torch.export.export(guarded, (good,), strict=False)
        partial = andiron.guard(small, schema_of(IMAGE), mode="shadow", graph="what_fits")
        torch.export.export(partial, (good,), strict=False).module()(wrong)


def test_graphs_flush(torch: Any) -> None:
    schema = schema_of(
        "andiron: tensor/v1\ninputs: {x: {dtype: [float32, float16], shape: [3], range: [-1, 1], tiny: flush}}\n"
    )
    guarded = andiron.guard(torch.nn.Identity(), schema, parameters={"input": "x"})
    for way, call in graphs_of(torch, guarded, torch.ones(3)).items():
        assert [float(v) for v in call(torch.tensor([1e-40, -0.5, -1e-35]))] == [0, -0.5, 0], way
        with pytest.raises(refusals(torch)):
            call(torch.tensor([1e-40, 2, 0]))


@pytest.mark.parametrize("name", ["float64", "float16", "bfloat16", "float8_e4m3fn", "float8_e5m2", "float8_e4m3fnuz"])
def test_graphs_flush_narrow_types(torch: Any, name: str) -> None:
    dtype = getattr(torch, name, None)
    if dtype is None:
        assert name.startswith("float8")
        assert version(torch) < (2, 2)
        return
    schema = schema_of(
        f"andiron: tensor/v1\ninputs: {{x: {{dtype: {name}, shape: [4], tiny: {{below: 0.2, action: flush}}}}}}\n"
    )

    class Wide(torch.nn.Module):  # type: ignore[misc,name-defined,unused-ignore]
        def forward(self, x):  # type: ignore[no-untyped-def]
            return x.to(torch.float32) * 1

    x = torch.tensor([1, 0.25, 0.125, -0.125]).to(dtype)
    guarded = andiron.guard(Wide(), schema, parameters={"x": "x"})
    assert guarded(x).tolist() == [1, 0.25, 0, 0]
    assert torch.jit.script(guarded)(x).tolist() == [1, 0.25, 0, 0]
    if version(torch) >= (2, 6):
        torch._dynamo.reset()
        by = "aot_eager" if name.endswith("fnuz") or not shutil.which("g++") else "inductor"  # which 2.6 cannot name
        assert torch.compile(guarded, backend=by, fullgraph=True)(x).tolist() == [1, 0.25, 0, 0]
    assert x.to(torch.float32)[2] != 0


STATS = """andiron: tensor/v1
dims: {B: 1..9}
inputs:
  x: {dtype: [float32, uint8], shape: [B, 2], stats: {axis: 1, mean: [0..1, 2..3], std: [0..1]}}
  v: {dtype: float32, shape: [B, 2], normalize: {kind: lp, by: client, axis: -1}}
  one: {dtype: float32, shape: [B], flat: {max_constant_fraction: 0.5, axis: 0}, nonfinite: allow}
"""


def test_graphs_have_statistics_and_norms(torch: Any) -> None:
    class Sum(torch.nn.Module):  # type: ignore[misc,name-defined,unused-ignore]
        def forward(self, x, v, one):  # type: ignore[no-untyped-def]
            return x.sum() + v.sum() + one.sum()

    guarded = andiron.guard(Sum(), schema_of(STATS.replace(", nonfinite: allow", "")))
    x, v, one = torch.tensor([[0.0, 2.0], [1.0, 3.0]]), torch.tensor([[0.6, 0.8], [0.0, 0.0]]), torch.tensor([1.0, 1.0])
    wrong = {
        "AT-MEAN": (x * 2, v, one), "AT-STD": (x + torch.tensor([[2.0, 2.0], [-1.5, -2.0]]), v, one),
        "AT-NORM": (x, v * 1.01, one),
    }  # fmt: skip
    for way, call in {"": guarded, **graphs_of(torch, guarded, x, v, one)}.items():
        assert abs(float(call(x, v, one)) - 9.4) < 1e-5, way
        for code, arguments in wrong.items():
            with pytest.raises(refusals(torch), match=code):
                call(*arguments)


OPTIONAL = """andiron: tensor/v1
dims: {B: 1..4}
inputs:
  m: {dtype: float32, shape: [B], range: [0, 4], optional: true, tiny: flush, normalize: {kind: standardize, axis: 0, mean: [1], std: [2]}}
  x: {dtype: float32, shape: [B], range: [0, 1]}
outputs:
  a: {dtype: float32, shape: [B], optional: true}
  z: {dtype: float32, shape: [B], range: [-1, 2]}
"""


def test_optional_inputs_and_outputs_in_torchscript(torch: Any) -> None:
    from tensor_models import MaybeByKey, MaybeMask

    x, m = torch.tensor([0.5, 1.0]), torch.tensor([1.0, 3.0])
    for model in (MaybeMask(), MaybeByKey()):
        guarded = andiron.guard(model, schema_of(OPTIONAL))
        call = saved(torch, torch.jit.script(guarded))
        for arguments in ((x,), (x, m), (x, m.where(m > 1, torch.tensor(1e-40)))):
            torch.testing.assert_close(call(*arguments), guarded(*arguments))
        for arguments in ((x, m[:1]), (x, m * 2), (x * 2, m), (x, torch.full((2,), 4.0))):
            for way in (call, guarded):
                with pytest.raises(refusals(torch), match="AT-"):
                    way(*arguments)


def test_what_is_optional_in_the_schema_only(torch: Any) -> None:
    schema = schema_of("andiron: tensor/v1\ninputs: {x: {dtype: float32, shape: [2], range: [0, 1], optional: true}}\n")
    call = torch.jit.script(andiron.guard(torch.nn.Identity(), schema, parameters={"input": "x"}))
    assert call(torch.ones(2)).sum() == 2
    with pytest.raises(
        torch.jit.Error, match=r'"x" is not float32\[2\] in \[0, 1\] as the schema says: AT-RANGE at \[0\]: got 2'
    ):
        call(torch.ones(2) * 2)


def test_torchscript_says_what_is_wrong(torch: Any) -> None:
    schema = schema_of(
        "andiron: tensor/v1\ninputs: {x: {dtype: [float32, int64], shape: [2, 3], values: [-9223372036854775808, 0, 1]}}\n"
    )
    call = torch.jit.script(andiron.guard(torch.nn.Identity(), schema, parameters={"input": "x"}))
    least = torch.zeros(2, 3, dtype=torch.int64)
    least[1, 1] = -(2**63)
    call(least)
    call(least.float())
    nan = torch.ones(2, 3)
    nan[1, :2] = float("nan")
    for wrong, says in (
        (least + (least == 0) * 7, r"AT-VALUE at \[0, 0\]: got 7 \(5 of 6\)"), (nan, r"AT-NAN at \[1, 0\] \(2 of 6\)"),
        (nan[:, :1], "AT-SHAPE, dimension 1 is 1"), (nan[0], "AT-RANK: got 1 dimensions"),
    ):  # fmt: skip
        with pytest.raises(torch.jit.Error, match='"x" is not .* as the schema says: ' + says):
            call(wrong)


RULES = """andiron: tensor/v1
dims: {B: 1..8, S: 1..16}
constraints: [B*S <= 32, S % 2 == 0]
inputs:
  ids: {dtype: int64, shape: [B, S], values: [0, 1, 2, 50], max_new: 1}
  x: {dtype: float32, shape: [B, 4], values: [0, 0.5, -1], flat: {max_constant_fraction: 0.5, axis: 0}}
outputs:
  y: {dtype: float32, shape: [B, 4], range: [-2, 2]}
  z: {dtype: int64, shape: [B]}
"""


@pytest.mark.parametrize("way", ["script", "trace", "freeze", "export"])
def test_a_graph_has_values_flat_constraints_and_outputs(torch: Any, way: str) -> None:
    if way == "export" and version(torch) < (2, 6):
        assert not hasattr(torch, "compiler")
        return

    class Two(torch.nn.Module):  # type: ignore[misc,name-defined,unused-ignore]
        def forward(self, ids, x):  # type: ignore[no-untyped-def]
            return x * ids.max(), ids.sum(1)

    guarded = andiron.guard(Two(), schema_of(RULES))
    x = torch.tensor([[0, 0.5, -1, -0.0], [0.5, 0, -1, -1]])
    ids = torch.tensor([[0, 1, 2, 1], [1, 0, 0, 2]])
    if way == "export":
        call = torch.export.export(guarded, (ids, x)).module()
    else:
        made = torch.jit.trace(guarded, (ids, x)) if way == "trace" else torch.jit.script(guarded.eval())
        call = saved(torch, torch.jit.freeze(made) if way == "freeze" else made)
    new, flat, other, large = ids.clone(), x.clone(), x.clone(), ids.clone()
    new[0, 0] = 3
    torch.testing.assert_close(call(ids, x), (x * 2, ids.sum(1)))
    flat[1] = torch.tensor([0, 0.5, -0.0, 0])
    other[0, 0] = 0.25
    large[0, 0] = 50
    twice = torch.cat([new[:1], new[:1]])
    wrong = {"flat": (ids, flat), "value": (ids, other), "output": (large, x), "values": (twice, x)}
    if way != "export":  # it has one size
        wrong |= {"odd": (ids[:, :3], x), "many": (ids.repeat(4, 2), x.repeat(4, 1)), "another": (ids[:1], x)}
    for name, arguments in wrong.items():
        with pytest.raises(andiron.TensorValidationError):
            guarded(*arguments)
        with pytest.raises((torch.jit.Error, RuntimeError), match="AT-"):
            call(*arguments)
        assert name


def test_outputs_in_torchscript_are_named_by_what_they_are(torch: Any) -> None:
    from tensor_models import ByKey, ByName, Listed, More, Wrong

    x = torch.ones(3)
    for model in (ByName(), ByKey()):
        saved(torch, torch.jit.script(andiron.guard(model, schema_of(OUTPUTS))))(x)
    with pytest.raises(torch.jit.Error, match='"z" is not'):
        saved(torch, torch.jit.script(andiron.guard(Wrong(), schema_of(OUTPUTS))))(x)
    for model, what in ((Listed(), "'z', which is List"), (More(), r"'\[2\]', which is Tensor")):
        with pytest.raises(ValueError, match=f"TorchScript cannot check output {what}"):
            torch.jit.script(andiron.guard(model, schema_of(OUTPUTS)))


def test_a_decorated_forward_is_not_scripted_without_its_check(torch: Any) -> None:
    class Decorated(torch.nn.Module):  # type: ignore[misc,name-defined,unused-ignore]
        @andiron.validate("float32[2]")
        def forward(self, x: Any) -> Any:
            return x

    with pytest.raises(
        Exception, match=r"(?s)can't take variable number of arguments.*andiron\.guard\(model, schema\)"
    ):
        torch.jit.script(Decorated())


# Data

SAMPLES = """andiron: tensor/v1
inputs: {image: {dtype: float32, shape: [1, 2, 2], range: [0, 1]}}
labels: {y: {dtype: int64, shape: [], range: [0, 9]}}
"""


class Images:
    """A data set of which one sample is wrong."""

    def __init__(self, torch: Any, wrong: int) -> None:
        self.images = [torch.full((1, 2, 2), 2.0 if i == wrong else 0.5) for i in range(12)]

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, i: int) -> Any:
        import torch

        return self.images[i], torch.tensor(i % 10)


def test_a_checked_data_set_names_the_sample(torch: Any) -> None:
    checked = andiron.checked_dataset(Images(torch, 7), schema_of(SAMPLES))
    assert isinstance(checked, torch.utils.data.Dataset)
    assert len(checked) == 12
    assert checked[6][1] == 6
    with pytest.raises(andiron.TensorValidationError, match=r'Images\[7\]: AT-RANGE "image"\[0, 0, 0\]: got 2'):
        checked[7]
    shadow = andiron.checked_dataset(Images(torch, 7), schema_of(SAMPLES), mode="shadow")
    assert shadow[7][1] == 7


@pytest.mark.parametrize("workers", [0, 2])
def test_a_data_loader(torch: Any, workers: int) -> None:
    checked = andiron.checked_dataset(Images(torch, 7), schema_of(SAMPLES))
    batches = iter(torch.utils.data.DataLoader(checked, batch_size=2, num_workers=workers))
    assert [len(next(batches)[0]) for _ in range(3)] == [2, 2, 2]
    with pytest.raises(andiron.TensorValidationError, match=r"Images\[7\]: AT-RANGE"):
        next(batches)


def test_an_iterable_data_set(torch: Any) -> None:
    class Stream(torch.utils.data.IterableDataset):  # type: ignore[misc,name-defined,unused-ignore]
        def __iter__(self) -> Any:
            samples: list[Any] = [(3, {}), (4, {"more": torch.zeros(1)})]
            return iter(
                [{"image": torch.zeros(1, 2, 2), "y": torch.tensor(y), "name": "x", **more} for y, more in samples]
            )

    checked = andiron.checked_dataset(Stream(), schema_of(SAMPLES))
    assert isinstance(checked, torch.utils.data.IterableDataset)
    with pytest.raises(andiron.TensorValidationError, match=r"sample 1 of .*Stream: AT-INPUTS: got 2 tensors"):
        list(checked)


def test_fields_are_named(torch: Any) -> None:
    data = [(torch.tensor(3), "name", torch.zeros(1, 2, 2)), (torch.tensor(10), "name", torch.zeros(1, 2, 2))]
    checked = andiron.checked_dataset(data, schema_of(SAMPLES), fields=["y", "", "image"])
    assert checked[0][1] == "name"
    with pytest.raises(andiron.TensorValidationError, match=r'list\[1\]: AT-RANGE "y": got 10, want in \[0, 9\]'):
        checked[1]
    with pytest.raises(ValueError, match="a sample has 3 fields, not 2"):
        andiron.checked_dataset(data, schema_of(SAMPLES))[0]
    with pytest.raises(ValueError, match="field 'z' is no input or label"):
        andiron.checked_dataset(data, schema_of(SAMPLES), fields=["z"])


def test_numbers_of_python_are_what_torch_collates_them_to(torch: Any) -> None:
    image = torch.zeros(1, 2, 2)
    checked = andiron.checked_dataset([(image, 3), (image, 10), (image, 2**70), (image, 3.0)], schema_of(SAMPLES))
    assert type(checked[0][1]) is int
    assert [len(y) for _, y in torch.utils.data.DataLoader(checked, sampler=[0, 0], batch_size=2)] == [2]
    for i, want in enumerate(
        (r'AT-RANGE "y": got 10', r'AT-DTYPE "y": got int, which', r'AT-DTYPE "y": got float64'), 1
    ):
        with pytest.raises(andiron.TensorValidationError, match=want):
            checked[i]
    flag = schema_of(SAMPLES.replace("dtype: int64, shape: [], range: [0, 9]", "dtype: bool, shape: []"))
    assert andiron.checked_dataset([(image, True)], flag)[0][1] is True


def test_a_checked_collate_checks_batches(torch: Any) -> None:
    batches = schema_of(
        SAMPLES.replace("shape: [", "shape: [B, ").replace("[B, ]", "[B]").replace("inputs", "dims: {B: 1..4}\ninputs")
    )
    collate = andiron.checked_collate(batches)
    loader = torch.utils.data.DataLoader(Images(torch, 7), batch_size=2, collate_fn=collate, num_workers=1)
    with pytest.raises(andiron.TensorValidationError, match=r"batch of 2: AT-RANGE .*\[1, 0, 0, 0\]: got 2"):
        list(loader)
    assert len(list(torch.utils.data.DataLoader(Images(torch, -1), batch_size=4, collate_fn=collate))) == 3
    with pytest.raises(andiron.TensorValidationError, match="AT-DIM"):
        list(torch.utils.data.DataLoader(Images(torch, -1), batch_size=5, collate_fn=collate))
    own = andiron.checked_collate(batches, lambda batch: {"image": batch[0], "y": torch.zeros(1, dtype=torch.int64)})
    assert set(own([torch.zeros(1, 1, 2, 2)])) == {"image", "y"}
