"""The strict header reader, on the vectors that the Go package runs, too."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from andiron import FormatError, _safetensors
from conftest import REPOSITORY

VECTORS = sorted((REPOSITORY / "testdata" / "vectors" / "safetensors").glob("*.txtar"))


def test_there_are_vectors() -> None:
    assert len(VECTORS) >= 50


@pytest.mark.parametrize("path", VECTORS, ids=lambda path: path.stem)
def test_vector(path: Path) -> None:
    sections = re.split(r"^-- (\w+) --\n", path.read_text(), flags=re.MULTILINE)
    assert sections[1::2] == ["file", "want"]
    data = build(sections[2])
    want = sections[4].splitlines()
    if want[0] == "refused":
        with pytest.raises(FormatError) as caught:
            parse(data)
        reason = want[1].removeprefix("because ") if len(want) > 1 else ""
        assert reason in str(caught.value)
        return
    assert facts(parse(data)) == want


def parse(data: bytes) -> _safetensors.Header:
    return _safetensors.parse(lambda begin, end: data[begin:end], len(data), "vector")


def build(recipe: str) -> bytes:
    header, length, size = b"", None, 0
    for line in recipe.splitlines():
        verb, _, rest = line.partition(" ")
        if verb == "text":
            header += json.loads(rest).encode()
        elif verb == "hex":
            header += bytes.fromhex(rest)
        elif verb == "length":
            length = int(rest)
        elif verb == "data":
            size = int(rest)
        else:
            raise AssertionError(line)
    return (len(header) if length is None else length).to_bytes(8, "little") + header + bytes(size)


def facts(header: _safetensors.Header) -> list[str]:
    lines = [f"metadata {json.dumps(k)} {json.dumps(v)}" for k, v in sorted((header.metadata or {}).items())]
    lines += [f"tensor {json.dumps(t.name)} {t.dtype} {list(t.shape)} {t.begin} {t.end}" for t in header.tensors]
    return lines or ["nothing"]


def test_a_limit_on_the_header() -> None:
    length = (32 << 20) + 1
    with pytest.raises(FormatError, match="limit"):
        _safetensors.parse(lambda b, e: length.to_bytes(8, "little")[b:e], length + 8)


def test_a_limit_on_the_number_of_tensors(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_safetensors, "_TENSORS_LIMIT", 1)
    entry = '{"dtype":"U8","shape":[0],"data_offsets":[0,0]}'
    header = f'{{"a":{entry},"b":{entry}}}'.encode()
    with pytest.raises(FormatError, match="limit of 1"):
        parse(len(header).to_bytes(8, "little") + header)


@pytest.mark.parametrize("head", [b"", b"PK\x03\x04", b"\x80\x02", b"\x02\0\0\0\0\0\0\0[", b"\xff" * 8 + b"{"])
def test_what_is_not_safetensors_does_not_look_like_it(head: bytes) -> None:
    assert not _safetensors.looks_like(head, 100)


def test_what_is_looks_like_it() -> None:
    assert _safetensors.looks_like(b"\x02\0\0\0\0\0\0\0{}", 10)
