"""The strict header reader, on the vectors that the Go package runs, too."""

from __future__ import annotations

import json
import random
import re
import subprocess
from pathlib import Path

import pytest

from andiron import FormatError, _binary, _safetensors
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


SEED = (
    '{"__metadata__":{"format":"pt","\\u00e9":"x"},"a":{"dtype":"F16","shape":[2,1],"data_offsets":[0,4]},'
    '"b":{"data_offsets":[4,8],"shape":[],"dtype":"I32"},"c":{"dtype":"U8","shape":[0,9],"data_offsets":[8,8]}}  '
)
TOKENS = [
    '"',
    "{",
    "}",
    "[",
    "]",
    ",",
    ":",
    "0",
    "1",
    "-",
    ".",
    "e",
    " ",
    "\\u0061",
    "\\",
    '"a"',
    "null",
    "NaN",
    "é",
    "\0",
]


def mutated(rand: random.Random) -> bytes:
    """Change a header in one to three places; its length stays true."""
    text = SEED
    for _ in range(rand.randint(1, 3)):
        at = rand.randrange(len(text))
        cut = rand.choice([0, 0, 1, 1, 2, 8])
        text = text[:at] + rand.choice(["", *TOKENS, text[at : at + 20]]) + text[at + cut :]
    raw = text.encode()
    return len(raw).to_bytes(8, "little") + raw + bytes(8)


def test_it_refuses_what_the_go_reader_refuses(tmp_path: Path) -> None:
    rand = random.Random(20261125)
    ours = {}
    for n in range(600):
        data = mutated(rand)
        (tmp_path / f"{n}.safetensors").write_bytes(data)
        try:
            parse(data)
            ours[f"{n}.safetensors"] = True
        except FormatError:
            ours[f"{n}.safetensors"] = False
    argv = [_binary.find(), "scan", "--format", "json", "--no-progress", "."]
    report = json.loads(subprocess.run(argv, cwd=tmp_path, capture_output=True, check=False).stdout)
    theirs = {artifact["path"]: artifact["verdict"] == "safe" for artifact in report["artifacts"]}
    assert theirs == ours
    assert sum(ours.values()) > 10, "too few are accepted to say anything"
