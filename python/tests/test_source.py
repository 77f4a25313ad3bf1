"""What can be opened, and what cannot."""

from __future__ import annotations

import hashlib
import io
import os
import threading
from pathlib import Path
from typing import Any

import pytest

import andiron
from andiron import _source
from conftest import Project

LOADS: list[Any] = [andiron.load, andiron.jit_load, andiron.load_safetensors, andiron.hash_file]


@pytest.mark.parametrize("load", LOADS)
def test_a_pipe_is_refused_at_once(load: Any, tmp_path: Path) -> None:
    path = tmp_path / "fifo"
    os.mkfifo(path)
    done: list[BaseException] = []

    def run() -> None:
        try:
            load(path)
        except BaseException as exc:
            done.append(exc)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    thread.join(10)
    assert not thread.is_alive(), "blocked on a pipe without a writer"
    assert isinstance(done[0], andiron.FileAccessError)
    assert "is a pipe, not a regular file" in str(done[0])


@pytest.mark.parametrize("load", LOADS)
@pytest.mark.parametrize(
    ("path", "what"),
    [
        ("/dev/zero", "is a device"),
        (".", "is a folder"),
        ("missing.pt", "cannot be opened"),
        ("nul\0.pt", "cannot be opened"),
    ],
)
def test_what_is_no_regular_file_is_refused(load: Any, path: str, what: str, project: Project) -> None:
    with pytest.raises(andiron.FileAccessError, match=what) as caught:
        load(path)
    assert caught.value.where == path


@pytest.mark.parametrize("load", LOADS)
@pytest.mark.parametrize("path", [b"model.pt", io.BytesIO(b"x"), 3, None])
def test_only_a_name_is_a_path(load: Any, path: Any) -> None:
    with pytest.raises(TypeError, match=r"path must be str or os\.PathLike"):
        load(path)


@pytest.mark.parametrize("load", [andiron.load, andiron.jit_load, andiron.load_safetensors])
def test_an_empty_file_is_refused(load: Any, project: Project) -> None:
    path = project.file("empty.pt", b"")
    digest = hashlib.sha256(b"").hexdigest()
    with pytest.raises(andiron.FileAccessError, match="is empty"):
        load(path, sha256=digest)


def test_the_path_that_is_judged_is_the_one_that_was_opened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a" / "b").mkdir(parents=True)
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "a" / "link").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "x").write_bytes(b"x")
    monkeypatch.chdir(tmp_path)
    with _source.open_source("a/link/../x") as source:
        # For the kernel a/link/.. is tmp_path; by text it would be a.
        assert source.path == str(tmp_path / "x")
    with _source.open_source("x") as source:
        assert source.path == str(tmp_path / "x")


def test_hash_file(tmp_path: Path) -> None:
    path = tmp_path / "f"
    for size in (0, 1, (1 << 20) - 1, 1 << 20, (3 << 20) + 7):
        data = os.urandom(size)
        path.write_bytes(data)
        assert andiron.hash_file(path) == hashlib.sha256(data).hexdigest()


def test_descriptors_are_closed(project: Project) -> None:
    path = project.file("a.pt", b"not a model")
    before = len(os.listdir("/proc/self/fd"))
    for _ in range(20):
        with pytest.raises(andiron.AndironError):
            andiron.load(path)
        with pytest.raises(andiron.AndironError):
            andiron.jit_load(path, sha256=andiron.hash_file(path))
    assert len(os.listdir("/proc/self/fd")) == before
