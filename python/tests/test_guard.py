"""The guard, on what comes with Python; with torch and others in test_guard_torch."""

from __future__ import annotations

import bz2
import concurrent.futures
import copy
import ctypes
import gzip
import io
import json
import logging
import lzma
import marshal
import multiprocessing
import os
import pickle
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import andiron
from andiron import _binary, _decision, _sinks
from conftest import Payload, Project, QuietPayload

pytestmark = pytest.mark.usefixtures("guard")


def loads(path: Path) -> dict[str, Callable[[], Any]]:
    """All ways to load a pickle from a file that the guard sees."""

    def by_load() -> Any:
        with path.open("rb") as file:
            return pickle.load(file)

    def by_unpickler() -> Any:
        with path.open("rb") as file:
            return pickle.Unpickler(file).load()

    def by_subclass() -> Any:
        class Own(pickle.Unpickler):
            def find_class(self, module: str, name: str) -> Any:
                return super().find_class(module, name)

        with path.open("rb") as file:
            return Own(file, encoding="latin1").load()

    def unbuffered() -> Any:
        with path.open("rb", buffering=0) as file:
            return pickle.load(file)

    return {"load": by_load, "unpickler": by_unpickler, "subclass": by_subclass, "unbuffered": unbuffered}


WAYS = ["load", "unpickler", "subclass", "unbuffered"]


def records(caplog: pytest.LogCaptureFixture, outcome: str) -> list[dict[str, Any]]:
    found = [vars(r)["andiron"] for r in caplog.records if r.name == "andiron.guard"]
    return [fields for fields in found if fields["outcome"] == outcome]


@pytest.mark.parametrize("way", WAYS)
def test_block_refuses_a_file_that_nobody_trusts(way: str, project: Project, marker: Path) -> None:
    path = project.file("a.pkl", pickle.dumps(QuietPayload(marker)))
    andiron.install_guard()
    with pytest.raises(andiron.UntrustedModelError):
        loads(path)[way]()
    assert not marker.exists()


@pytest.mark.parametrize("way", WAYS)
def test_block_loads_what_the_lock_lists(way: str, project: Project) -> None:
    path = project.file("a.pkl", pickle.dumps({"n": [1, 2, 3]}))
    project.lock(path, fmt="pickle")
    andiron.install_guard()
    assert loads(path)[way]() == {"n": [1, 2, 3]}


@pytest.mark.parametrize("way", WAYS)
def test_block_loads_the_bytes_that_were_verified(
    way: str, project: Project, marker: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = project.file("a.pkl", pickle.dumps("trusted"))
    project.lock(path, fmt="pickle")
    andiron.install_guard()
    at_bytes = _decision.at_bytes

    def then_swap(*args: Any) -> Any:
        answer = at_bytes(*args)
        with path.open("r+b") as file:  # the very file that is open
            file.write(pickle.dumps(QuietPayload(marker)))
        return answer

    monkeypatch.setattr("andiron._decision.at_bytes", then_swap)
    assert loads(path)[way]() == "trusted"
    assert not marker.exists()


@pytest.mark.parametrize("way", WAYS)
def test_warn_says_what_block_would_refuse(way: str, project: Project, caplog: pytest.LogCaptureFixture) -> None:
    path = project.file("a.pkl", pickle.dumps("untrusted"))
    andiron.install_guard("warn")
    with caplog.at_level(logging.INFO, "andiron.guard"):
        assert loads(path)[way]() == "untrusted"
    (fields,) = records(caplog, "would block")
    assert fields["error"] == "UntrustedModelError"
    assert fields["path"] == str(path)
    assert fields["rules"]
    assert fields["where"].startswith(__file__ + ":")


def test_records_are_json_and_go_to_the_given_logger(project: Project, caplog: pytest.LogCaptureFixture) -> None:
    path = project.file("a.pkl", pickle.dumps(1))
    project.lock(path, fmt="pickle")
    with caplog.at_level(logging.INFO, "mine"):
        andiron.install_guard(logger=logging.getLogger("mine"))
        loads(path)["load"]()
    messages = [json.loads(r.getMessage()) for r in caplog.records if r.name == "mine"]
    assert [m["outcome"] for m in messages] == ["installed", "verified"]
    assert messages[1]["call"] == "pickle.load"
    assert messages[1]["sha256"] == andiron.hash_file(path)


def test_many_pickles_in_one_file(project: Project) -> None:
    values = [{"n": n, "pad": "x" * n} for n in range(200)]
    path = project.file("a.pkl", b"".join(map(pickle.dumps, values)) + b"the rest")
    project.lock(path, fmt="pickle")
    andiron.install_guard()
    with path.open("rb") as file:
        assert [pickle.load(file) for _ in values] == values
        assert file.read() == b"the rest"
    with path.open("rb") as file:
        unpickler = pickle.Unpickler(file)
        assert [unpickler.load() for _ in values] == values
        assert file.read() == b"the rest"


def test_a_temporary_file_is_a_file(project: Project) -> None:
    andiron.install_guard()
    with tempfile.NamedTemporaryFile() as file:
        pickle.dump("mine", file)
        file.seek(0)
        with pytest.raises(andiron.UntrustedModelError):
            pickle.load(file)


@pytest.mark.parametrize("module", [gzip, bz2, lzma])
def test_a_compressed_pickle_cannot_be_verified(module: Any, project: Project, marker: Path) -> None:
    path = project.file("a.pkl.z", module.compress(pickle.dumps(QuietPayload(marker))))
    andiron.install_guard()
    with module.open(path) as file, pytest.raises(andiron.PolicyError, match="compressed"):
        pickle.load(file)
    assert not marker.exists()


def test_a_missing_file_is_what_it_was(project: Project) -> None:
    andiron.install_guard()
    with pytest.raises(FileNotFoundError):
        loads(Path("missing.pkl"))["load"]()


def test_pickles_in_memory_are_logged_once_for_each_place(caplog: pytest.LogCaptureFixture) -> None:
    andiron.install_guard()
    with caplog.at_level(logging.INFO, "andiron.guard"):
        for _ in range(10):
            assert pickle.loads(pickle.dumps([1])) == [1]
        assert pickle.load(io.BytesIO(pickle.dumps([2]))) == [2]
        assert pickle.Unpickler(io.BytesIO(pickle.dumps([3]))).load() == [3]
    calls = [fields["call"] for fields in records(caplog, "in memory")]
    assert calls == ["pickle.loads", "pickle.load", "pickle.Unpickler"]


def test_strict_refuses_them() -> None:
    andiron.install_guard(strict=True)
    with pytest.raises(andiron.PolicyError, match="in memory"):
        pickle.loads(pickle.dumps([1]))
    with pytest.raises(andiron.PolicyError, match="in memory"):
        pickle.load(io.BytesIO(pickle.dumps([2])))


def square(n: int) -> int:
    return n * n


class Value:
    def __init__(self) -> None:
        self.lock_free = [1, {"a": (2, 3)}]


@pytest.mark.parametrize("strict", [False, True])
@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_multiprocessing_goes_on(method: str, strict: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(sys.path))
    andiron.install_guard(strict=strict)
    context = multiprocessing.get_context(method)
    with concurrent.futures.ProcessPoolExecutor(2, mp_context=context) as pool:
        assert list(pool.map(square, range(5))) == [0, 1, 4, 9, 16]
    with context.Pool(1) as old:
        assert old.map(square, range(3)) == [0, 1, 4]
    queue = context.Queue()
    queue.put({"a": Value().lock_free})
    assert queue.get(timeout=30) == {"a": [1, {"a": (2, 3)}]}


@pytest.mark.parametrize("strict", [False, True])
def test_copying_goes_on(strict: bool) -> None:
    andiron.install_guard(strict=strict)
    assert copy.deepcopy(Value()).lock_free == Value().lock_free
    assert copy.copy(Value()).lock_free == Value().lock_free


def test_exceptions_still_travel_between_processes() -> None:
    andiron.install_guard()
    with concurrent.futures.ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("fork")) as pool:
        error = pool.submit(andiron.load, "missing.pt").exception()
    assert isinstance(error, andiron.FileAccessError)
    assert error.where == "missing.pt"


def test_the_audit_hook_sees_unpicklers_that_nobody_wrapped(marker: Path, caplog: pytest.LogCaptureFixture) -> None:
    data = pickle.dumps(Payload(marker))
    originals = [pickle.loads, pickle._loads]  # type: ignore[attr-defined]
    andiron.install_guard()
    for original in originals:
        with pytest.raises(andiron.ScanError, match=r"posix\.system"):
            original(data)
    assert not marker.exists()
    andiron.install_guard("warn")
    with caplog.at_level(logging.INFO, "andiron.guard"):
        originals[0](data)
    assert marker.exists(), "mode warn lets it pass"
    assert records(caplog, "would block")[0]["call"] == "pickle.find_class"


def test_a_locked_pickle_may_do_what_somebody_answers_for(project: Project, marker: Path) -> None:
    path = project.file("a.pkl", pickle.dumps(Payload(marker)))
    project.lock(path, fmt="pickle")
    andiron.install_guard()
    loads(path)["load"]()
    assert marker.exists()


@pytest.mark.parametrize(
    "name",
    [("os", "system"), ("posix", "execv"), ("nt", "startfile"), ("builtins", "eval"), ("__builtin__", "exec"),
     ("subprocess", "Popen"), ("subprocess", "check_output"), ("runpy", "run_path"), ("pty", "spawn"),
     ("os", "system.__call__")],
)  # fmt: skip
def test_names_that_run_code(name: tuple[str, str]) -> None:
    assert _sinks.is_sink(*name)


@pytest.mark.parametrize(
    "name",
    [("os", "stat_result"), ("builtins", "getattr"), ("subprocess", "CompletedProcess"), ("collections", "OrderedDict"),
     ("torch._utils", "_rebuild_tensor_v2"), ("os.path", "join"), ("pathlib", "PosixPath")],
)  # fmt: skip
def test_names_that_do_not(name: tuple[str, str]) -> None:
    assert not _sinks.is_sink(*name)


class TestBypasses:
    """What is known to get around the guard. A test that fails here is good news for the README."""

    def test_a_function_that_was_taken_before(self, project: Project, marker: Path) -> None:
        load = pickle.load
        path = project.file("a.pkl", pickle.dumps(QuietPayload(marker)))
        andiron.install_guard()
        with path.open("rb") as file:
            load(file)
        assert marker.exists()

    def test_the_python_unpickler(self, project: Project, marker: Path) -> None:
        path = project.file("a.pkl", pickle.dumps(QuietPayload(marker)))
        andiron.install_guard()
        with path.open("rb") as file:
            pickle._Unpickler(file).load()
        assert marker.exists()

    def test_memory(self, marker: Path) -> None:
        andiron.install_guard()
        pickle.loads(pickle.dumps(QuietPayload(marker)))
        assert marker.exists()

    def test_marshal(self, project: Project) -> None:
        andiron.install_guard()
        exec(marshal.loads(marshal.dumps(compile("ran = True", "x", "exec"))), names := {})  # type: ignore[var-annotated]
        assert names["ran"]

    def test_ctypes(self) -> None:
        andiron.install_guard()
        assert ctypes.CDLL(None).getpid() == os.getpid()

    def test_code_that_takes_the_guard_away(self, project: Project, marker: Path) -> None:
        path = project.file("a.pkl", pickle.dumps(QuietPayload(marker)))
        andiron.install_guard()
        andiron.uninstall_guard()
        loads(path)["load"]()
        assert marker.exists()


def test_uninstalling_puts_everything_back() -> None:
    before = (pickle.load, pickle.loads, pickle.Unpickler, list(sys.meta_path))
    andiron.install_guard()
    assert pickle.load is not before[0]
    taken = pickle.load
    andiron.install_guard("warn", strict=True)
    andiron.uninstall_guard()
    andiron.uninstall_guard()
    assert (pickle.load, pickle.loads, pickle.Unpickler, list(sys.meta_path)) == before
    assert taken(io.BytesIO(pickle.dumps(1))) == 1, "who holds a wrapper has one that lets pass"


def test_wrappers_behave_as_the_built_in_functions() -> None:
    andiron.install_guard()

    holder: Any = type("Holder", (), {"loads": pickle.loads})()
    assert holder.loads(pickle.dumps(1)) == 1  # no self comes along
    assert pickle.loads(pickle.dumps(pickle.load)) is pickle.load
    assert pickle.load.__name__ == "load"
    assert issubclass(pickle.Unpickler, pickle.__dict__["Unpickler"])


def test_a_guard_that_could_not_decide_is_not_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_binary, "_found", None)
    monkeypatch.setattr(_binary, "_candidates", lambda: iter(()))
    with pytest.raises(andiron.BinaryNotFoundError):
        andiron.install_guard()
    assert not hasattr(pickle.load, "__andiron_original__")


def test_another_mode_is_an_error() -> None:
    with pytest.raises(ValueError, match="must be 'block' or 'warn'"):
        andiron.install_guard("audit")  # type: ignore[arg-type]


def test_a_logging_handler_that_unpickles_does_not_recurse(project: Project) -> None:
    class Handler(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            pickle.loads(pickle.dumps(record.getMessage()))

    logger = logging.Logger("own")
    logger.addHandler(Handler())
    andiron.install_guard(logger=logger)
    assert pickle.loads(pickle.dumps(1)) == 1


def test_threads(project: Project, marker: Path) -> None:
    good = project.file("good.pkl", pickle.dumps("good"))
    project.lock(good, fmt="pickle")
    bad = project.file("bad.pkl", pickle.dumps(QuietPayload(marker)))
    andiron.install_guard()
    outcomes: list[object] = []

    def run(path: Path) -> None:
        for _ in range(5):
            try:
                outcomes.append(loads(path)["load"]())
            except andiron.UntrustedModelError:
                outcomes.append("refused")

    threads = [threading.Thread(target=run, args=(path,)) for path in (good, bad, good, bad)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(map(str, outcomes)) == ["good"] * 10 + ["refused"] * 10
    assert not marker.exists()


def test_a_module_is_wrapped_when_it_is_imported(project: Project, tmp_path: Path) -> None:
    (tmp_path / "joblib.py").write_text(
        '"""Stands for the real one."""\ndef load(file, mmap_mode=None):\n    return file\n'
    )
    code = (
        "import andiron, sys, importlib.util\n"
        "andiron.install_guard()\n"
        "assert 'joblib' not in sys.modules\n"
        "import joblib\n"
        "assert joblib.__doc__ == 'Stands for the real one.'\n"
        "assert type(joblib.__loader__).__module__ != 'andiron._imports'\n"
        "assert joblib.__spec__.loader is joblib.__loader__\n"
        "try: joblib.load('models/a.pkl')\n"
        "except andiron.UntrustedModelError: print('refused')\n"
    )
    project.file("a.pkl", b"x")
    env = {**os.environ, "PYTHONPATH": os.pathsep.join([str(tmp_path), *sys.path])}
    done = subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, text=True, check=False)
    assert done.stdout == "refused\n", done.stderr
