"""What custom operators are called with, recorded while tests run."""

from __future__ import annotations

import base64
import json
import math
import os
import subprocess
import sys
import types
from pathlib import Path
from typing import Any

import pytest

from andiron import _op_recorder as recorder

SOURCE = str(Path(recorder.__file__).parent.parent)


def lines(path: Path, *calls: Any) -> Path:
    path.write_text("".join(json.dumps(c) + "\n" for c in calls), "utf-8")
    return path


def integer(v: int) -> dict[str, Any]:
    return {"operator": "ns::f", "call": {"args": [{"k": "int", "v": v}], "kwargs": {}}}


def test_collect_keeps_each_call_once_and_few(tmp_path: Path) -> None:
    many = [integer(v % 20) for v in range(40)]
    path = lines(tmp_path / "calls", *many, {"operator": "ns::g", "left_out": "an argument of type Generator"})
    with path.open("a") as f:
        f.write('{"operator": "ns::h", "call"')  # the process ended here
    got = recorder.collect(str(path))
    assert [c["args"][0]["v"] for c in got["calls"]["ns::f"]] == list(range(recorder.KEPT))
    assert list(got["calls"]) == ["ns::f"]
    assert got["left_out"] == {"ns::g": "an argument of type Generator"}


def test_collect_of_nothing(tmp_path: Path) -> None:
    assert recorder.collect(str(tmp_path / "none")) == {"v": 1, "calls": {}, "left_out": {}}


def test_signature_leaves_elements_out() -> None:
    def call(fill: str, shape: list[int]) -> dict[str, Any]:
        t = {
            "k": "tensor",
            "dtype": "float32",
            "shape": shape,
            "layout": "contiguous",
            "fill": {"how": "bytes", "v": fill},
        }
        return {"args": [{"k": "list", "v": [t]}], "kwargs": {}}

    assert recorder.signature(call("a", [2])) == recorder.signature(call("b", [2]))
    assert recorder.signature(call("a", [2])) != recorder.signature(call("a", [3]))


def test_numbers_that_json_lacks() -> None:
    assert [recorder.finite(v) for v in (1.5, float("inf"), float("-inf"))] == [1.5, "inf", "-inf"]


def test_tests_that_ended_the_process_are_not_begun_again(tmp_path: Path) -> None:
    (tmp_path / "test_two.py").write_text(
        "import os\ndef test_first(): os._exit(11)\ndef test_second(): open('second', 'w').close()\n", "utf-8"
    )
    code = (
        f"import sys; sys.path.insert(0, {SOURCE!r}); from andiron import _op_recorder as r; r.run_tests([], 'begun')"
    )
    codes = [
        subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True).returncode for _ in range(2)
    ]
    assert codes == [11, 0]
    assert (tmp_path / "second").exists()


@pytest.mark.torch
def test_calls_of_operators_and_of_a_module(tmp_path: Path, torch: Any) -> None:
    (tmp_path / "test_ops.py").write_text(
        """
import math
import torch

library = torch.library.Library("recorded", "DEF")
library.define("scale(Tensor x, float by, *, bool up=False) -> Tensor")
library.impl("scale", lambda x, by, up=False: x * by, "CPU")

def test_scale():
    for n in range(12):
        torch.ops.recorded.scale(torch.arange(4.0), 2.0, up=True)
    torch.ops.recorded.scale.default(torch.ones(2, 3).t(), float("inf"))
    torch.ops.aten.add(torch.ones(1), 1)
    assert math.gcd(4, 6) == 2
""",
        "utf-8",
    )
    out = tmp_path / "calls.jsonl"
    flags = [
        "--andiron-seeds",
        str(out),
        "--andiron-modules",
        "math",
        "-p",
        "andiron.pytest_plugin",
        "-p",
        "no:cacheprovider",
    ]
    env = {**os.environ, "PYTHONPATH": SOURCE, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", *flags], cwd=tmp_path, capture_output=True, text=True, env=env
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "calls of 2 custom operators are in" in done.stdout
    got = recorder.collect(str(out))
    scale, gcd = got["calls"]["recorded::scale"], got["calls"]["math.gcd"]
    assert [c["args"][0]["shape"] for c in scale] == [[4], [3, 2]]
    assert scale[0]["kwargs"] == {"up": {"k": "bool", "v": True}}
    assert base64.b64decode(scale[0]["args"][0]["fill"]["v"]) == bytes.fromhex("000000000000803f0000004000004040")
    assert scale[1]["args"][0]["layout"] == "transposed"
    assert scale[1]["args"][1] == {"k": "float", "v": "inf"}
    assert gcd[0]["args"] == [{"k": "int", "v": 4}, {"k": "int", "v": 6}]


def test_names_that_the_package_took_before(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package, module, other = (types.ModuleType(n) for n in ("recorded_pkg", "recorded_pkg._C", "elsewhere"))
    for holder in (package, module, other):
        vars(holder)["gcd"] = math.gcd
        monkeypatch.setitem(sys.modules, holder.__name__, holder)
    monkeypatch.setattr(recorder, "write", lambda v: {"k": "int", "v": v})  # without torch
    recorder.wrap_module(recorder.Recorder(str(tmp_path / "calls")), module)
    assert [vars(m)["gcd"](n, 6) for n, m in ((4, package), (9, module), (5, other))] == [2, 3, 1]
    calls = recorder.collect(str(tmp_path / "calls"))["calls"]["recorded_pkg._C.gcd"]
    assert [c["args"][0]["v"] for c in calls] == [4, 9]


def test_unittest_looks_into_folders_that_are_no_packages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("tests/unit/test_a.py", "tests/pkg/__init__.py", "tests/pkg/sub/test_b.py", "src/latest.py"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    monkeypatch.chdir(tmp_path)
    names = "*test*.py"
    assert sorted(recorder.unittest_folders(".")) == [(".", names), ("./tests", names), ("./tests/unit", names)]
    assert list(recorder.unittest_folders("tests/unit/test_a.py")) == [("tests/unit", "test_a.py")]
