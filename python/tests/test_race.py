"""Somebody writes to the file while it is loaded.

Whatever they do and whenever: what comes back are the trusted tensors, or an
AndironError. Never the other content.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import pickle
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import andiron
from andiron import _copy, _decision, _load, _source
from conftest import Payload, Project, safetensors_bytes

SIZE = 3 * _copy.CHUNK  # so that reading takes several steps
GOOD = safetensors_bytes(a=("U8", [SIZE], b"\1" * SIZE))
OTHER = safetensors_bytes(a=("U8", [SIZE], b"\2" * SIZE))
assert len(GOOD) == len(OTHER)


def in_place(path: Path) -> None:
    with path.open("r+b") as file:
        file.write(OTHER)


def in_place_the_end_only(path: Path) -> None:
    with path.open("r+b") as file:
        file.seek(-10, os.SEEK_END)
        file.write(b"\2" * 10)


def rename_swap(path: Path) -> None:
    other = path.with_name("other")
    other.write_bytes(OTHER)
    os.replace(other, path)


def symlink_swap(path: Path) -> None:
    other = path.with_name("other.safetensors")
    other.write_bytes(OTHER)
    link = path.with_name("link")
    link.symlink_to(other.name)
    os.replace(link, path)


def hard_link(path: Path) -> None:
    link = path.with_name("hard")
    with contextlib.suppress(FileExistsError):
        os.link(path, link)
    link.write_bytes(OTHER)


def truncate(path: Path) -> None:
    os.truncate(path, 100)


def grow(path: Path) -> None:
    with path.open("ab") as file:
        file.write(b"more")


def unlink(path: Path) -> None:
    path.unlink()


ATTACKS = [in_place, in_place_the_end_only, rename_swap, symlink_swap, hard_link, truncate, grow, unlink]
Do = Callable[[], None]


@contextlib.contextmanager
def before(owner: Any, name: str, do: Do, when: int, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Do something before the nth call of a function."""
    original, calls = getattr(owner, name), 0

    def hooked(*args: Any, **kwargs: Any) -> Any:
        nonlocal calls
        calls += 1
        if calls == when:
            do()
        return original(*args, **kwargs)

    with monkeypatch.context() as patch:
        patch.setattr(owner, name, hooked)
        yield
    assert calls >= when, f"{name} was called {calls} times: the step does not exist"


STEPS = [
    (_source, "_checked", 1),  # opened, nothing looked at
    (_decision, "at_open", 1),
    (_load, "copy_source", 1),  # stage open allowed it
    (_source.Source, "read_at", 1),
    (_source.Source, "read_at", 2),
    (_source.Source, "read_at", 4),  # looks for bytes behind the end
    (_decision, "at_bytes", 1),
    (_load, "_tell", 1),  # stage bytes allowed it
]


@pytest.mark.slow
@pytest.mark.parametrize("attack", ATTACKS)
@pytest.mark.parametrize(("owner", "name", "when"), STEPS, ids=lambda value: getattr(value, "__name__", str(value)))
@pytest.mark.parametrize("trust", ["lock", "digest", "scan"])
def test_a_write_at_each_step(
    trust: str, owner: Any, name: str, when: int, attack: Callable[[Path], None], project: Project,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    path = project.file("a.safetensors", GOOD)
    options: dict[str, Any] = {}
    if trust == "lock":
        project.lock(path, fmt="safetensors")
    elif trust == "digest":
        options["sha256"] = hashlib.sha256(GOOD).hexdigest()
    else:
        project.policy("sources:\n  - path: models/\n    trust: scan\n")
    with before(owner, name, lambda: attack(path), when, monkeypatch):
        try:
            with _source.open_source(path) as source:
                verified = _load.verify(source, _load.request("load", **options))
        except andiron.AndironError:
            return
    data = bytes(verified.copy.buffer)
    assert hashlib.sha256(data).hexdigest() == verified.copy.sha256
    if trust == "scan":  # whatever was read, these very bytes were scanned
        assert verified.answer.verdict == "safe"
    else:
        assert data == GOOD


RACER = """
import os, sys
path, good, other, how = sys.argv[1], *(open(p, "rb").read() for p in sys.argv[2:4]), sys.argv[4]
beside = path + ".racer"
print("racing", flush=True)
n = 0
while True:
    n += 1
    data = other if n % 2 else good
    if how == "in_place":
        with open(path, "r+b") as f: f.write(data)
    elif how == "hard_link":
        if n == 1: os.link(path, beside)
        with open(beside, "r+b") as f: f.write(data)
    elif how == "rename":
        with open(beside, "wb") as f: f.write(data)
        os.replace(beside, path)
    elif how == "symlink":
        os.symlink(os.path.basename(sys.argv[3] if n % 2 else sys.argv[2]), beside)
        os.replace(beside, path)
"""


@contextlib.contextmanager
def racer(path: Path, good: bytes, other: bytes, how: str) -> Iterator[None]:
    # Beside it, so that links to them stay inside the project.
    a, b = path.with_name("racer-good"), path.with_name("racer-other")
    a.write_bytes(good)
    b.write_bytes(other)
    argv = [sys.executable, "-c", RACER, str(path), str(a), str(b), how]
    with subprocess.Popen(argv, stdout=subprocess.PIPE) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == b"racing\n"
            yield
            assert process.poll() is None, "the racer ended early"
        finally:
            process.kill()


@pytest.mark.slow
@pytest.mark.parametrize("how", ["in_place", "hard_link", "rename", "symlink"])
def test_thousands_of_copies_beside_a_writer(how: str, tmp_path: Path) -> None:
    good, other = (safetensors_bytes(a=("U8", [40_000], c * 40_000)) for c in (b"\1", b"\2"))
    path = tmp_path / "raced"
    path.write_bytes(good)
    seen = set()
    with racer(path, good, other, how):
        for n in range(2000):
            try:
                with _source.open_source(path) as source, _copy.copy_source(source, named=n % 4 == 0) as copy:
                    data = bytes(copy.buffer)
                    assert hashlib.sha256(data).hexdigest() == copy.sha256
                    seen.add(copy.sha256)
            except andiron.FileAccessError:
                seen.add("error")
    assert len(seen) >= 2, "the writer never came through, so nothing was tested"


@pytest.mark.torch
@pytest.mark.parametrize("how", ["in_place", "hard_link", "rename", "symlink"])
@pytest.mark.parametrize("kind", ["safetensors", "zip", "payload"])
def test_loads_beside_a_writer(kind: str, how: str, torch: Any, project: Project, marker: Path, tmp_path: Path) -> None:
    good, other, name = contents(kind, torch, tmp_path, marker)
    path = project.file(name, good)
    project.lock(path)
    outcomes = set()
    with racer(path, good, other, how):
        for _ in range(60):
            try:
                loaded = andiron.load(path)
            except andiron.AndironError as exc:
                outcomes.add(type(exc).__name__)
            else:
                outcomes.add("loaded")
                assert loaded["a"].eq(1).all()
    assert not marker.exists()
    assert "loaded" in outcomes or "DigestMismatchError" in outcomes


def contents(kind: str, torch: Any, tmp_path: Path, marker: Path) -> tuple[bytes, bytes, str]:
    if kind == "safetensors":
        a, b = (safetensors_bytes(a=("U8", [40_000], c * 40_000)) for c in (b"\1", b"\2"))
        return a, b, "a.safetensors"
    made = []
    for value in (1, 2):
        path = tmp_path / "m.pt"
        torch.save({"a": torch.full((10_000,), value)}, path)
        made.append(path.read_bytes())
    if kind == "payload":
        made[1] = pickle.dumps(Payload(marker)).ljust(len(made[0]), b"\0")
    return made[0], made[1], "a.pt"
