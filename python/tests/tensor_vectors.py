"""The corpus in testdata/vectors/tensor, as the tests run it."""

from __future__ import annotations

import base64
import dataclasses
import json
import math
from collections.abc import Callable, Iterator
from typing import Any

from andiron._tensor import _dtype
from andiron._tensor._check import Given, check
from andiron._tensor._drift import Windows
from andiron._tensor._elements import Plain
from andiron._tensor._schema import Schema, parse_schema, parse_short
from andiron._tensor._violation import Violation
from conftest import REPOSITORY

VECTORS = REPOSITORY / "testdata" / "vectors" / "tensor"


@dataclasses.dataclass
class Sample:
    """A tensor of the corpus."""

    name: str
    dtype: _dtype.DType
    shape: tuple[int, ...]
    data: bytes

    def is_tensor(self) -> bool:
        """Tell whether a library can make it: not one whose data do not fit its shape."""
        if self.dtype.kind == "bytes" or len(self.shape) > 32 or any(n < 0 for n in self.shape):
            return False
        return math.prod(self.shape) * self.dtype.size == len(self.data) and max(self.shape, default=0) < 2**31


@dataclasses.dataclass
class Case:
    """A case of the corpus with its schema."""

    name: str
    schema: Schema
    line: dict[str, Any]

    def samples(self) -> list[Sample]:
        return [sample(t) for t in self.line.get("tensors") or []]

    def windows(self) -> list[list[Sample]]:
        return [[sample(t) for t in window] for window in self.line.get("windows") or []]


def sample(t: dict[str, Any]) -> Sample:
    d, shape = _dtype.parse_dtype(t["dtype"]), tuple(t["shape"] or ())
    if "fill" not in t:
        return Sample(t["name"], d, shape, base64.b64decode(t.get("data", "")))
    element = bytes.fromhex(t["fill"])
    data = bytearray(element * math.prod(shape))
    for patch in t.get("set", []):
        data[patch["at"] * len(element) : (patch["at"] + 1) * len(element)] = bytes.fromhex(patch["hex"])
    return Sample(t["name"], d, shape, bytes(data))


def lines() -> Iterator[dict[str, Any]]:
    files = sorted(VECTORS.rglob("*.jsonl"))
    assert len(files) >= 6
    for file in files:
        for line in file.read_bytes().decode().removesuffix("\n").split("\n"):  # texts have other line breaks
            yield json.loads(line)


def read(line: dict[str, Any]) -> Schema:
    """Read the schema of a line."""
    if "short" in line:
        return parse_short(line["short"])
    files = line.get("files")
    return parse_schema(line.get("yaml", "").encode(), "", None if files is None else lambda name: file(files, name))


def file(files: dict[str, str], name: str) -> bytes:
    if name not in files:
        raise FileNotFoundError("the file does not exist")
    return files[name].encode()


def cases() -> list[Case]:
    found: list[Case] = []
    schema: Schema | None = None
    for line in lines():
        if "case" in line:
            assert schema is not None
            found.append(Case(line["case"], schema, line))
        elif "refuse" not in line:
            schema = read(line)
    assert len(found) >= 742
    return found


def plain(s: Sample) -> Given:
    return Given(s.name, s.dtype.name, s.shape, len(s.data), lambda: Plain(s.dtype, s.shape, s.data), lambda: s.data)


def run(case: Case, describe: Callable[[Sample], Given]) -> list[Violation]:
    """Run a case, and hold what is found against what the corpus says."""
    group = case.line.get("group") or "inputs"
    if "windows" in case.line:
        windows = Windows(case.schema, group)
        found = [v for samples in case.windows() for v in windows.add([describe(s) for s in samples])]
        found += windows.finish()
    else:
        found = check(case.schema, group, [describe(s) for s in case.samples()], case.line.get("dims")).violations
    want = case.line.get("want") or []
    assert [summary(v) for v in found] == want, (case.name, [str(v) for v in found])
    assert case.line["verdict"] == ("reject" if found else "accept"), case.name
    for v in found:
        assert v.got, case.name
        assert v.want, case.name
        assert "\n" not in str(v)
        assert len(str(v)) <= 4096
    return found


def summary(v: Violation) -> dict[str, Any]:
    all_of = {"code": v.code, "input": v.input, "index": list(v.index), "count": v.count}
    return {key: value for key, value in all_of.items() if value}
