"""The file-like object over a private copy."""

from __future__ import annotations

import io
import os
import pickle
import random
from pathlib import Path

import pytest

import andiron
from andiron import _copy, _reader, _source


def reader_of(data: bytes, tmp_path: Path, *, once: bool = True) -> _reader.CopyReader:
    path = tmp_path / "f"
    path.write_bytes(data)
    with _source.open_source(path) as source:
        return _reader.CopyReader(_copy.copy_source(source, named=False), once=once)


def test_it_reads_as_bytes_io_does(tmp_path: Path) -> None:
    data = bytes(random.Random(1).choices(b"ab\n", k=50_000))
    ours, theirs = reader_of(data, tmp_path), io.BytesIO(data)
    rand = random.Random(2)
    for _ in range(3000):
        n = rand.choice([-1, 0, 1, 7, 4096])
        match rand.randrange(6):
            case 0:
                assert ours.read(n) == theirs.read(n)
            case 1:
                assert ours.readline(n) == theirs.readline(n)
            case 2:
                a, b = bytearray(max(n, 0)), bytearray(max(n, 0))
                assert ours.readinto(a) == theirs.readinto(b)
                assert a == b
            case 3:
                assert ours.seek(at := rand.randrange(60_000)) == theirs.seek(at)
            case 4:
                assert ours.seek(-10, io.SEEK_END) == theirs.seek(-10, io.SEEK_END)
            case 5:
                assert theirs.getvalue()[ours.tell() :].startswith(ours.peek(n))
        assert ours.tell() == theirs.tell()


def test_there_is_no_descriptor_to_get_around_it(tmp_path: Path) -> None:
    reader = reader_of(b"x", tmp_path)
    with pytest.raises(io.UnsupportedOperation):
        reader.fileno()
    with pytest.raises(ValueError, match="negative"):
        reader.seek(-1)
    assert not reader.writable()


def test_what_was_consumed_is_given_back_and_never_read_as_zeros(tmp_path: Path) -> None:
    data = os.urandom(8 << 20)
    reader = reader_of(data, tmp_path)
    reader.seek(100)
    into = bytearray(4 << 20)
    assert reader.readinto(into) == len(into)
    assert bytes(into) == data[100 : 100 + len(into)]
    assert reader.read() == data[100 + len(into) :]
    # The edges stay, because pages are whole.
    reader.seek(0)
    assert reader.read(200) == data[:200]
    for at in (8192, 3 << 20, 5 << 20):
        reader.seek(at)
        with pytest.raises(andiron.LoadError, match="read the same tensor twice"):
            reader.read(10)
        with pytest.raises(andiron.LoadError, match="read the same tensor twice"):
            reader.readinto(bytearray(10))
        with pytest.raises(andiron.LoadError, match="read the same tensor twice"):
            reader.readline()


def test_pages_really_go_back(tmp_path: Path) -> None:
    size = 64 << 20
    reader = reader_of(bytes(size), tmp_path)
    before = resident()
    into = bytearray(1 << 20)
    while reader.readinto(into):
        pass
    assert before - resident() > size // 2


def test_who_reads_again_keeps_everything(tmp_path: Path) -> None:
    data = os.urandom(4 << 20)
    reader = reader_of(data, tmp_path, once=False)
    for _ in range(2):
        reader.seek(0)
        assert reader.read() == data


def test_the_unpickler_leaves_it_behind_the_pickle(tmp_path: Path) -> None:
    stream = b"".join(pickle.dumps({"n": n, "pad": "x" * 100_000}) for n in range(3))
    reader = reader_of(stream, tmp_path, once=False)
    assert [pickle.load(reader)["n"] for _ in range(3)] == [0, 1, 2]
    assert reader.tell() == len(stream)


def resident() -> int:
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmRSS"):
            return int(line.split()[1]) * 1024
    raise AssertionError("no VmRSS")
