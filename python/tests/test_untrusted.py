"""The sandbox: real torch in a process that the kernel holds, and what comes out."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import tempfile
import threading
from collections import OrderedDict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import andiron
from andiron import _binary, _untrusted
from conftest import Payload, Project, safetensors_bytes

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="the sandbox needs Linux")


@pytest.fixture(scope="module")
def pool(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The socket of a pool with this Python."""
    path = str(tmp_path_factory.mktemp("pool") / "own" / "s")
    args = [_binary.find(), "sandbox", "pool", "--python", sys.executable, "--socket", path, "--size", "1"]
    with subprocess.Popen(args, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        line = process.stdout.readline()
        assert line.startswith("ready on "), process.stderr.read() if process.stderr else line
        yield path
        process.terminate()
        assert process.wait(30) == 0


def value(torch: Any) -> dict[str, Any]:
    weight = torch.arange(12, dtype=torch.float32).reshape(3, 4)
    return {
        "weight": weight,
        "tied": weight,
        "turned": torch.arange(6, dtype=torch.float64).reshape(2, 3).t(),
        "half": torch.ones(3, dtype=torch.bfloat16),
        "flags": torch.tensor([True, False]),
        "empty": torch.empty(0, 4),
        "scalar": torch.tensor(7),
        "state": {0: {"step": 3, "betas": (0.9, 0.999), "nothing": None}, "list": [1, "two", float("inf")]},
        "type": torch.float16,
    }


def same(torch: Any, a: Any, b: Any) -> bool:
    if isinstance(a, torch.Tensor):
        return type(a) is type(b) and a.dtype == b.dtype and a.shape == b.shape and torch.equal(a, b)
    if isinstance(a, dict):
        return isinstance(b, dict) and list(a) == list(b) and all(same(torch, a[key], b[key]) for key in a)
    if isinstance(a, (list, tuple)):
        return type(a) is type(b) and len(a) == len(b) and all(same(torch, x, y) for x, y in zip(a, b, strict=True))
    return type(a) is type(b) and a == b


@pytest.mark.torch
@pytest.mark.parametrize("zipped", [True, False])
@pytest.mark.parametrize("warm", [True, False])
def test_what_comes_out_is_what_was_saved(zipped: bool, warm: bool, torch: Any, project: Project, pool: str) -> None:
    path = project.root / "models" / "a.pt"
    torch.save(value(torch), path, _use_new_zipfile_serialization=zipped)
    loaded = andiron.load_untrusted(path, pool=pool if warm else None)
    assert same(torch, loaded, value(torch))
    assert loaded["weight"] is loaded["tied"]
    loaded["weight"].add_(1)  # the memory is ours
    assert same(torch, andiron.load_untrusted(path, pool=pool), value(torch))


@pytest.mark.torch
def test_of_a_module_comes_its_state(torch: Any, project: Project, pool: str) -> None:
    path = project.root / "models" / "a.pt"
    module = torch.nn.Sequential(torch.nn.Linear(3, 2), torch.nn.BatchNorm1d(2))
    torch.save(module, path)
    loaded = andiron.load_untrusted(path, pool=pool)
    assert type(loaded) is dict
    assert same(torch, loaded, dict(module.state_dict()))


@pytest.mark.torch
@pytest.mark.parametrize("warm", [True, False])
def test_a_payload_is_stopped(warm: bool, torch: Any, project: Project, pool: str, marker: Path) -> None:
    path = project.root / "models" / "a.pt"
    torch.save({"w": torch.ones(2), "x": Payload(marker)}, path)
    with pytest.raises(andiron.ContainedError) as caught:
        andiron.load_untrusted(path, pool=pool if warm else None)
    assert not marker.exists()
    assert isinstance(caught.value, andiron.RefusedError)
    assert caught.value.events
    assert caught.value.record["static"]["verdict"] == "dangerous"
    assert caught.value.record["schema"] == "andiron/sandbox/v1"


@pytest.fixture
def public() -> Iterator[Path]:
    """A folder that every user may enter, as a worker of root does where there are no namespaces."""
    with tempfile.TemporaryDirectory() as path:
        Path(path).chmod(0o755)
        yield Path(path)


@pytest.mark.torch
def test_a_project_that_is_named_says_what_is_imported(
    torch: Any, project: Project, public: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = project.root / "models" / "a.pt"
    (public / "own").mkdir()
    (public / "own" / "andiron_own_net.py").write_text("import torch\nclass Net(torch.nn.Linear): pass\n")
    monkeypatch.syspath_prepend(str(public / "own"))
    from andiron_own_net import Net  # type: ignore[import-not-found]

    torch.save(Net(2, 2), path)
    (public / "andiron.yaml").write_text(
        "version: 1\nsandbox:\n  path: [own]\n  allow_globals: [andiron_own_net.Net]\n"
    )
    assert list(andiron.load_untrusted(path, project=public)) == ["weight", "bias"]
    monkeypatch.chdir(public)
    with pytest.raises(andiron.BinaryError, match="you have not named it"):
        andiron.load_untrusted(path)


def test_the_policy_of_a_project_counts_beneath_it(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    path = project.file("a.pt", b"bytes")
    (project.root / "andiron.yaml").write_text("version: 1\nsandbox:\n  need: [gvisor]\n  runsc: /nonexistent/runsc\n")
    (project.root / "sub").mkdir()
    monkeypatch.chdir(project.root / "sub")
    with pytest.raises(andiron.BinaryError, match=r"runsc.*you have not named it"):
        andiron.load_untrusted(path)
    (project.root / "andiron.yaml").write_text("version: 1\nsandbox:\n  need: gvisor\n")
    monkeypatch.setenv("PATH", "/nonexistent")
    with pytest.raises(andiron.SandboxError, match="a layer of the sandbox is missing: gvisor"):
        andiron.load_untrusted(path)


def test_parameters_of_torch_load_are_explained(project: Project) -> None:
    path = project.file("a.pt", b"bytes")
    with pytest.raises(TypeError, match=r"load_untrusted\(\) has no parameter 'weights_only': it is tried with True"):
        andiron.load_untrusted(path, weights_only=True)  # type: ignore[call-arg]


@pytest.mark.torch
def test_what_holds_no_tensors_is_an_error(torch: Any, project: Project, pool: str) -> None:
    path = project.root / "models" / "a.pt"
    torch.save({"w": OrderedDict(a={1, 2})}, path)
    with pytest.raises(andiron.SandboxError, match=r"builtins\.set") as caught:
        andiron.load_untrusted(path, pool=pool)
    assert caught.value.events == ()


@pytest.mark.torch
def test_quantized_layers_are_an_error_and_no_attack(torch: Any, project: Project, pool: str) -> None:
    path = project.root / "models" / "a.pt"
    quantization = getattr(torch, "ao", torch).quantization
    torch.save(quantization.quantize_dynamic(torch.nn.Sequential(torch.nn.Linear(3, 3)), {torch.nn.Linear}), path)
    with pytest.raises(andiron.SandboxError, match="quantized") as caught:
        andiron.load_untrusted(path, pool=pool)
    assert caught.value.events == ()


@pytest.mark.torch
def test_limits_and_digests(torch: Any, project: Project, pool: str, caplog: pytest.LogCaptureFixture) -> None:
    path = project.root / "models" / "a.pt"
    torch.save(torch.ones(1 << 20), path)  # 4 MiB
    with pytest.raises(andiron.SandboxError, match="more than 1048576 bytes of tensors"):
        andiron.load_untrusted(path, pool=pool, max_result=1 << 20)
    caplog.clear()
    with pytest.raises(andiron.DigestMismatchError) as caught:
        andiron.load_untrusted(path, pool=pool, sha256="0" * 64)
    (record,) = [r.andiron["record"] for r in caplog.records if hasattr(r, "andiron")]
    assert record["static"] is None  # nobody looked
    assert caught.value.actual == andiron.hash_file(path)
    assert torch.equal(andiron.load_untrusted(path, pool=pool, sha256=caught.value.actual), torch.ones(1 << 20))


@pytest.mark.torch
def test_the_record_is_logged(torch: Any, project: Project, pool: str, caplog: pytest.LogCaptureFixture) -> None:
    path = project.root / "models" / "a.pt"
    torch.save(torch.ones(1), path)
    with caplog.at_level("INFO", "andiron.load"):
        andiron.load_untrusted(path, pool=pool)
    events = [getattr(r, "andiron", {}) for r in caplog.records]
    (record,) = [e["record"] for e in events if e.get("event") == "sandbox"]
    assert record["input"]["path"] == str(path)
    assert record["observed"] == "no forbidden system call observed"


def test_a_python_that_is_none_is_an_error(project: Project) -> None:
    path = project.file("a.pt", b"bytes")
    with pytest.raises(andiron.SandboxError, match="python") as caught:
        andiron.load_untrusted(path, python="/nonexistent/python")
    assert caught.value.hint.startswith("name a Python that has torch")


def test_a_pool_that_is_none_is_an_error(project: Project) -> None:
    path = project.file("a.pt", b"bytes")
    with pytest.raises(andiron.SandboxError, match="cannot be reached"):
        andiron.load_untrusted(path, pool=project.root / "s")


@pytest.mark.parametrize(
    ("limits", "error", "match"),
    [
        ({"max_time": 0}, ValueError, "max_time must be above zero"),
        ({"max_time": float("nan")}, ValueError, "above zero"),
        ({"max_time": float("inf")}, ValueError, "at most 1000000"),
        ({"max_time": 10**400}, ValueError, "at most 1000000"),
        ({"max_time": "3"}, TypeError, "max_time must be a number, not str"),
        ({"max_time": True}, TypeError, "not bool"),
        ({"max_memory": -1}, ValueError, "max_memory must be above zero"),
        ({"max_memory": 2e9}, TypeError, "max_memory must be a whole number, not float"),
        ({"max_result": 10**30}, ValueError, "max_result must be .* at most 9223372036854775807"),
        ({"max_result": True}, TypeError, "not bool"),
        ({"max_result": 1.5}, TypeError, "not float"),
    ],
)
def test_limits_that_make_no_sense(
    limits: dict[str, Any], error: type[Exception], match: str, project: Project
) -> None:
    with pytest.raises(error, match=match):
        andiron.load_untrusted(project.file("a.pt", b""), **limits)


def test_limits_as_flags_of_the_binary() -> None:
    def flags(*limits: Any) -> list[str]:
        return list(_untrusted._flags(_untrusted._limits(*limits)))

    assert flags(None, None, None) == []
    assert flags(1e-12, None, 1) == ["--max-time=1ns", "--max-result=1"]
    assert flags(0.29, 2 << 30, (1 << 63) - 1) == [
        "--max-time=290000000ns", "--max-memory=2147483648", "--max-result=9223372036854775807"
    ]  # fmt: skip
    assert flags(1_000_000, 1 << 20, None) == ["--max-time=1000000000000000ns"]  # torch is imported with more


@pytest.mark.torch
def test_limits_are_raised(torch: Any, project: Project) -> None:
    path = project.root / "models" / "a.pt"
    torch.save(torch.ones(1).expand(20 << 20), path)  # 80 MiB, of a small file
    with pytest.raises(andiron.SandboxError, match="the limit on the result") as caught:
        andiron.load_untrusted(path)
    assert "lower limit" not in caught.value.why
    loaded = andiron.load_untrusted(path, max_time=90.5, max_memory=2 << 30, max_result=1 << 30)
    assert loaded.shape == (20 << 20,)
    assert andiron.load_untrusted(path, max_result=1 << 30, project="").shape == loaded.shape
    project.policy("sandbox:\n  limits: {result: 64MiB, memory: 600MiB}\n")
    with pytest.raises(andiron.BinaryError, match=r"sandbox\.limits\.result is lower") as caught_early:
        andiron.load_untrusted(path, max_result=1 << 30)
    assert caught_early.value.hint == "a flag may ask for less than the policy allows"
    with pytest.raises(andiron.SandboxError, match="the policy has a lower limit: memory_bytes: 629145600, not 7"):
        andiron.load_untrusted(path, max_memory=700 << 20)


@pytest.mark.torch
def test_a_limit_below_what_torch_takes_is_of_the_load(torch: Any, project: Project) -> None:
    path = project.root / "models" / "a.pt"
    torch.save(torch.ones(1), path)
    with pytest.raises(andiron.SandboxError, match="MemoryError"):
        andiron.load_untrusted(path, max_memory=1000)


@pytest.mark.torch
def test_the_time_that_is_asked_for_is_waited_for(
    torch: Any, project: Project, pool: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = project.root / "models" / "a.pt"
    torch.save(torch.ones(1), path)
    monkeypatch.setattr(_untrusted, "_PATIENCE", 1e-3)
    assert andiron.load_untrusted(path, pool=pool, max_time=50).shape == (1,)
    with pytest.raises(andiron.BinaryError, match="timed out"):
        andiron.load_untrusted(path, pool=pool)


def refused(kind: str, limits: Any = None) -> bytes:
    record = {"schema": "andiron/sandbox/v1", "limits": limits}
    return framed({"record": record, "error": {"kind": kind, "text": "it was so"}})


def test_what_a_pool_has_less_of_is_said(project: Project) -> None:
    path = project.file("a.pt", b"bytes")
    given = {"seconds": 0.289999999, "memory_bytes": 1 << 30, "result_bytes": 1 << 20}
    with Liar(project.root / "s", refused("failed", given), []) as pool, pytest.raises(andiron.SandboxError) as caught:
        andiron.load_untrusted(path, pool=pool, max_time=0.29, max_memory=1 << 29, max_result=1 << 21)
    assert caught.value.why == "it was so; the pool has a lower limit: result_bytes: 1048576, not 2097152"
    zeros = dict.fromkeys(given, 0)  # nothing was loaded
    with Liar(project.root / "z", refused("failed", zeros), []) as pool, pytest.raises(andiron.SandboxError) as caught:
        andiron.load_untrusted(path, pool=pool, max_result=1)
    assert caught.value.why == "it was so"


def test_a_request_that_is_not_understood_is_of_the_binary(project: Project) -> None:
    path = project.file("a.pt", b"bytes")
    with Liar(project.root / "s", refused("request"), []) as pool, pytest.raises(andiron.BinaryError) as caught:
        andiron.load_untrusted(path, pool=pool)
    assert "same wheel" in caught.value.hint


@pytest.mark.parametrize(
    ("kind", "limit", "hint"),
    [
        ("contained", False, "do not load this file anywhere else"),
        ("contained", True, "max_time, max_memory and max_result give more"),
        ("failed", True, "max_time, max_memory and max_result give more"),
        ("import", False, "sandbox.path of the policy"),
    ],
)
def test_the_hint_is_of_what_it_was(kind: str, limit: bool, hint: str, project: Project) -> None:
    path = project.file("a.pt", b"bytes")
    answer = framed({"record": None, "error": {"kind": kind, "text": "it was so", "limit": limit}})
    with Liar(project.root / "s", answer, []) as pool, pytest.raises(andiron.SandboxError) as caught:
        andiron.load_untrusted(path, pool=pool)
    assert hint in caught.value.hint


def test_a_busy_pool_has_its_own_hint(project: Project) -> None:
    path = project.file("a.pt", b"bytes")
    with Liar(project.root / "s", refused("busy"), []) as pool, pytest.raises(andiron.SandboxError) as caught:
        andiron.load_untrusted(path, pool=pool)
    assert caught.value.hint == "try again, or give the pool more workers"


@pytest.mark.parametrize("name", ["none", "file", "no\0name"])
def test_a_project_that_is_no_folder(name: str, project: Project) -> None:
    (project.root / "file").write_bytes(b"")
    folder = str(project.root / name)
    with pytest.raises(andiron.PolicyError, match="cannot be entered") as caught:
        andiron.load_untrusted(project.file("a.pt", b"bytes"), project=folder)
    assert caught.value.where == folder
    assert "andiron.yaml" in caught.value.hint


class Liar:
    """A pool that answers what it is told to."""

    def __init__(self, path: Path, answer: bytes, tensors: list[int]) -> None:
        self.path = str(path)
        self._answer, self._tensors = answer, tensors
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(self.path)
        self._listener.listen()
        self._thread = threading.Thread(target=self._serve)

    def __enter__(self) -> str:
        self._thread.start()
        return self.path

    def __exit__(self, *_: object) -> None:
        self._thread.join()
        self._listener.close()

    def _serve(self) -> None:
        connection, _ = self._listener.accept()
        with connection:
            _, fds, _, _ = socket.recv_fds(connection, 1 << 16, 1)
            for fd in fds:
                os.close(fd)
            if self._answer:
                socket.send_fds(connection, [self._answer], self._tensors)


def framed(answer: Any) -> bytes:
    data = json.dumps(answer).encode()
    return len(data).to_bytes(4, "little") + data


GOOD = {"record": {"schema": "andiron/sandbox/v1", "output": {"sha256": "0"}}, "error": None}


def memory(data: bytes, *, seal: bool = True) -> int:
    import fcntl

    fd = os.memfd_create("tensors", os.MFD_ALLOW_SEALING | os.MFD_CLOEXEC)
    os.write(fd, data)
    if seal:
        fcntl.fcntl(fd, fcntl.F_ADD_SEALS, 15)
    return fd


@pytest.mark.parametrize(
    "answer",
    [b"", b"\0", b"\xff\xff\xff\xff", framed([]), framed(GOOD), framed({"error": {}})[:9], framed(GOOD) * 2],
)
def test_an_answer_that_is_none(answer: bytes, project: Project) -> None:
    path = project.file("a.pt", b"bytes")
    with Liar(project.root / "s", answer, []) as pool, pytest.raises(andiron.BinaryError):
        andiron.load_untrusted(path, pool=pool)


def test_tensors_must_be_sealed(project: Project) -> None:
    path = project.file("a.pt", b"bytes")
    fd = memory(safetensors_bytes(), seal=False)
    with Liar(project.root / "s", framed(GOOD), [fd]) as pool, pytest.raises(andiron.BinaryError, match="sealed"):
        andiron.load_untrusted(path, pool=pool)
    os.close(fd)


def tree(node: Any) -> bytes:
    header = json.dumps(
        {"__metadata__": {"andiron.tree": node if isinstance(node, str) else json.dumps(node)}}
    ).encode()
    return len(header).to_bytes(8, "little") + header


@pytest.mark.torch
@pytest.mark.parametrize(
    "node",
    [
        {}, [], None, "", "{", {"t": "w"}, {"v": []}, {"v": {"v": 1}}, {"f": "1"},
        {"d": [["a"]]}, {"d": {"a": {"v": 1}}}, {"d": [[[], {"v": 1}]]}, {"d": [[None, {"v": 1}]]},
        {"v": 1, "t": "w"}, {"m": "os.system"}, {"s": "torch.load"}, {"s": "os"}, {"s": 1}, {"x": 1}, {"l": "ab"},
        '{"l":[' * 300 + "]}" * 300, '{"l":[' * 100000,
    ],
)  # fmt: skip
def test_a_tree_that_is_none(node: Any, torch: Any, project: Project) -> None:
    path = project.file("a.pt", b"bytes")
    fd = memory(tree(node))
    with Liar(project.root / "s", framed(GOOD), [fd]) as pool, pytest.raises(andiron.FormatError):
        andiron.load_untrusted(path, pool=pool)
    os.close(fd)


@pytest.mark.torch
def test_nothing_is_made_but_plain_values(torch: Any) -> None:
    builder = _untrusted._Builder({"w": torch.ones(1)}, "")
    node = {"m": "os.system", "d": [["a", {"u": [{"v": 1}, {"t": "w"}, {"s": "cpu"}, {"f": "nan"}]}]]}
    built = builder.node(node, 0)
    assert type(built) is dict
    assert [type(x) for x in built["a"]] == [int, torch.Tensor, torch.device, float]
