"""Private copies: the digest is theirs, and nobody else can change them."""

from __future__ import annotations

import errno
import hashlib
import mmap
import os
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

import andiron
from andiron import _copy, _source

SIZES = [1, 4096, _copy.CHUNK - 1, _copy.CHUNK, _copy.CHUNK + 1, 3 * _copy.CHUNK + 5]


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("named", [False, True])
def test_a_copy_has_the_bytes_and_their_digest(size: int, named: bool, tmp_path: Path) -> None:
    data = os.urandom(size)
    path = tmp_path / "f"
    path.write_bytes(data)
    with _source.open_source(path) as source, _copy.copy_source(source, named=named) as copy:
        assert bytes(copy.buffer) == data
        assert copy.sha256 == hashlib.sha256(data).hexdigest()
        assert bool(copy.path) == named
        if named:
            assert Path(copy.path).read_bytes() == data


@pytest.mark.skipif(sys.platform != "linux", reason="memfd is Linux's")
def test_the_kernel_refuses_to_change_a_sealed_copy(tmp_path: Path) -> None:
    path = tmp_path / "f"
    path.write_bytes(b"trusted " * 1000)
    with _source.open_source(path) as source, _copy.copy_source(source, named=True) as copy:
        attempts: list[Callable[[int], object]] = [
            lambda fd: os.pwrite(fd, b"X", 0),
            lambda fd: os.ftruncate(fd, 1),
            lambda fd: os.ftruncate(fd, 1 << 20),
            lambda fd: mmap.mmap(fd, 8, mmap.MAP_SHARED, mmap.PROT_READ | mmap.PROT_WRITE),
        ]
        again = os.open(copy.path, os.O_RDWR)  # as another process of this user could
        try:
            for fd in (copy.fd, again):
                for attempt in attempts:
                    with pytest.raises(OSError, match=r"not permitted|Permission denied") as caught:
                        attempt(fd)
                    assert caught.value.errno in (errno.EPERM, errno.EACCES)
        finally:
            os.close(again)
        copy.buffer[0:1] = b"X"  # ours to change, and seen by nobody
        assert Path(copy.path).read_bytes() == path.read_bytes()


def test_without_memfd_a_copy_is_a_private_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_copy, "_sealed", _copy._filed)
    path = tmp_path / "f"
    path.write_bytes(b"trusted")
    with _source.open_source(path) as source, _copy.copy_source(source, named=True) as copy:
        there = Path(copy.path)
        assert there.read_bytes() == b"trusted"
        assert there.parent.stat().st_mode & 0o777 == 0o700
        assert there.stat().st_mode & 0o777 == 0o400
    assert not there.parent.exists()


class Changing(_source.Source):
    """A file that somebody changes between two reads."""

    change: Callable[[], object] | None = None

    def read_at(self, piece: memoryview, offset: int) -> int:
        if offset >= _copy.CHUNK and self.change is not None:
            self.change()
            self.change = None
        return super().read_at(piece, offset)


@pytest.mark.parametrize("named", [False, True])
@pytest.mark.parametrize(("to", "why"), [(_copy.CHUNK, "ended after"), (9 * _copy.CHUNK, "has more than")])
def test_a_file_that_changes_its_size_while_it_is_read_is_refused(
    named: bool, to: int, why: str, tmp_path: Path
) -> None:
    path = tmp_path / "f"
    path.write_bytes(os.urandom(4 * _copy.CHUNK))
    fd = os.open(path, os.O_RDONLY)
    with Changing(str(path), fd, os.fstat(fd)) as source:
        assert isinstance(source, Changing)
        source.change = lambda: os.truncate(path, to)
        with pytest.raises(andiron.FileAccessError, match="changed while it was read") as caught:
            _copy.copy_source(source, named=named)
    assert why in caught.value.why


def test_a_copy_that_memory_has_no_room_for_is_an_error(tmp_path: Path) -> None:
    path = tmp_path / "sparse"
    with path.open("wb") as file:
        try:
            file.truncate(1 << 46)
        except OSError:
            file.truncate(1 << 43)
    with _source.open_source(path) as source, pytest.raises(andiron.FileAccessError, match="could not be copied"):
        _copy.copy_source(source, named=False)
