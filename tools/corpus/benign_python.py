"""Benign pickles of the standard library alone, in every protocol."""

from __future__ import annotations

import argparse
import collections
import datetime
import decimal
import fractions
import functools
import http
import pathlib
import pickle
import types
import uuid

VALUES = {
    "dict": {"epoch": 3, "loss": 0.25, "name": "resnet", "done": True, "best": None},
    "nested": {"a": [1, 2, (3, 4)], "b": {"c": {"d": [b"raw", "text"]}}},
    "big_ints": [0, 255, 65535, -1, 2**31, 2**63, -(2**80)],
    "text": ["plain", "ünicode", "line\nbreak", "back\\slash", "\u2028"],
    "ordered": collections.OrderedDict([("a", 1), ("b", 2)]),
    "defaultdict": collections.defaultdict(list, {"loss": [0.5, 0.25]}),
    "counter": collections.Counter("hello"),
    "deque": collections.deque([1, 2, 3], maxlen=5),
    "sets": [{1, 2}, frozenset({3})],
    "bytes": [b"\x00\xff", bytearray(b"abc")],
    "numbers": [1 + 2j, decimal.Decimal("1.5"), fractions.Fraction(1, 3), slice(1, 5, 2), range(3)],
    "namespace": argparse.Namespace(lr=0.1, layers=[64, 64], name="run"),
    "simple_namespace": types.SimpleNamespace(lr=0.1, device="cpu"),
    "paths": [pathlib.PurePosixPath("/data/train"), pathlib.PosixPath("runs/1"), pathlib.PureWindowsPath("C:/data")],
    "datetime": [datetime.datetime(2024, 1, 2, 3, 4, 5), datetime.date(2024, 1, 2), datetime.timedelta(hours=1),
                 datetime.datetime(2024, 1, 2, tzinfo=datetime.timezone.utc)],
    "uuid": uuid.UUID("12345678123456781234567812345678"),
    "enum": [http.HTTPStatus.OK],
    "partial": functools.partial(int, base=2),
    "builtin_types": [int, float, dict, list, str, bool],
}


def shared() -> list:
    """A list that holds itself and one value twice."""
    inner = [1]
    outer: list = [inner, inner]
    outer.append(outer)
    return outer


def make(out) -> None:
    for name, value in VALUES.items():
        out.write(f"python_{name}.pkl", "pickle", pickle.dumps(value))
    for protocol in range(6):
        out.write(f"python_protocol_{protocol}.pkl", "pickle", pickle.dumps(VALUES["nested"], protocol))
        out.write(f"python_namespace_{protocol}.pkl", "pickle", pickle.dumps(VALUES["namespace"], protocol))
    out.write("python_shared.pkl", "pickle", pickle.dumps(shared()))
    out.write("python_many.pkl", "pickle", pickle.dumps({i: [i, str(i)] for i in range(100_000)}))
    out.write("python_two_streams.pkl", "pickle", pickle.dumps(1) + pickle.dumps([2, 3]))
