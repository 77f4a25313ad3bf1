"""The check in plain Python: the corpus, messages, texts, patterns."""

from __future__ import annotations

import math
import re
import struct

import pytest

import andiron
from andiron._tensor import _dtype, _given, _number
from andiron._tensor._check import Given, check
from andiron._tensor._elements import Plain
from andiron._tensor._pattern import Pattern
from andiron._tensor._schema import Schema, parse_schema
from andiron._tensor._violation import CODES, Violation, quote
from tensor_vectors import cases, plain, run


def test_the_whole_corpus() -> None:
    seen = {v.code for case in cases() for v in run(case, plain)}
    assert seen == set(CODES)


def schema_of(yaml: str) -> Schema:
    return parse_schema(f"andiron: tensor/v1\n{yaml}\n".encode())


def raw(dtype: str, shape: tuple[int, ...], data: bytes) -> Given:
    d = _dtype.BY_NAME[dtype]
    return Given("x", dtype, shape, len(data), lambda: Plain(d, shape, data), lambda: data)


def f32(*values: float) -> bytes:
    return struct.pack(f"<{len(values)}f", *values)


def i32(*values: int) -> bytes:
    return struct.pack(f"<{len(values)}i", *values)


IMAGE = "dims: {B: 1..4}\ninputs: {x: {dtype: float32, shape: [B, 3, 8, 9], range: [0, 1]}}"
THREE = "inputs: {x: {dtype: float32, shape: [3], range: [0, 1]}}"
TOKENS = "inputs: {x: {dtype: int32, shape: [3], vocabulary: 100}}"
WORDS = "dims: {B: 1..4}\ninputs: {x: {dtype: bytes, shape: [B]}}"
TABLE = "inputs: {x: {dtype: bytes, shape: [2, 3]}}"


# The same as TestMessages of internal/tensor.
@pytest.mark.parametrize(
    ("schema", "given", "want"),
    [
        (THREE, raw("float32", (3,), f32(0, 255, 12)), 'AT-RANGE "x"[1]: got 255, want in [0, 1] (2 of 3); hint: looks like uint8 data: divide by 255'),
        (THREE, raw("float32", (3,), f32(0, -1, 1)), 'AT-RANGE "x"[1]: got -1, want in [0, 1] (1 of 3); hint: looks scaled to [-1, 1]: (x + 1) / 2'),
        (THREE, raw("float32", (3,), f32(0, -1.5, 2)), 'AT-RANGE "x"[1]: got -1.5, want in [0, 1] (2 of 3); hint: looks standardised already: the schema is about values before the mean is taken off'),
        (THREE, raw("float32", (3,), f32(0, 1.5, 1)), 'AT-RANGE "x"[1]: got 1.5, want in [0, 1] (1 of 3)'),
        (THREE, raw("float32", (3,), f32(0, 3e38, 1)), 'AT-RANGE "x"[1]: got 3e+38, want in [0, 1] (1 of 3); hint: looks like data of another type or byte order'),
        (THREE, raw("uint8", (3,), b"\1\2\3"), 'AT-DTYPE "x": got uint8, want float32; hint: looks like an image as it was read: x.to(torch.float32) / 255'),
        ("inputs: {x: {dtype: float32, shape: [1], range: [0, 0.3]}}", raw("float32", (1,), f32(0.3)), 'AT-RANGE "x"[0]: got 0.3, want in [0, 0.3] (1 of 1); hint: the bound is no float32, and the nearest one lies outside: write one that has room'),
        (IMAGE, raw("float32", (1, 8, 9, 3), bytes(864)), 'AT-SHAPE "x": got [1, 8, 9, 3], want [B, 3, 8, 9]; hint: the channels seem to be last: x.permute(0, 3, 1, 2)'),
        (IMAGE, raw("float32", (3, 8, 9), bytes(864)), 'AT-RANK "x": got [3, 8, 9], want [B, 3, 8, 9]; hint: the batch dimension seems to be missing: x.unsqueeze(0)'),
        (IMAGE, raw("float32", (2, 1, 3, 8, 9), bytes(1728)), 'AT-RANK "x": got [2, 1, 3, 8, 9], want [B, 3, 8, 9]; hint: there seems to be a dimension of 1 too many: x.squeeze(1)'),
        (WORDS, raw("bytes", (), b"\1\0\0\0a"), 'AT-RANK "x": got [], want [B]; hint: the batch dimension seems to be missing: a list of one, [x]'),
        (WORDS, raw("bytes", (1, 2), bytes(8)), 'AT-RANK "x": got [1, 2], want [B]; hint: there seems to be a dimension of 1 too many'),
        (TABLE, raw("bytes", (3, 2), bytes(24)), 'AT-SHAPE "x": got [3, 2], want [2, 3]'),
        (TOKENS, raw("int32", (3,), i32(0, 100, 5)), 'AT-TOKEN "x"[1]: got 100, want an id from 0 to 99 (1 of 3); hint: ids count from 0, so the last one is one less than the vocabulary'),
        (TOKENS, raw("int32", (3,), i32(0, 1, -100)), 'AT-TOKEN "x"[2]: got -100, want an id from 0 to 99 (1 of 3); hint: an index that a loss ignores, such as -100, is not for an embedding'),
        (TOKENS, raw("int32", (3,), i32(0, 100, 5000)), 'AT-TOKEN "x"[1]: got 100, want an id from 0 to 99 (2 of 3); hint: the tokenizer seems to have a larger vocabulary than the model'),
        (TOKENS, raw("int32", (3,), i32(0, 5000, 1)), 'AT-TOKEN "x"[1]: got 5000, want an id from 0 to 99 (1 of 3); hint: the tokenizer seems to have a larger vocabulary than the model'),
    ],
)  # fmt: skip
def test_messages(schema: str, given: Given, want: str) -> None:
    found = check(schema_of(schema), "inputs", [given]).violations
    assert [str(v) for v in found] == [want]


def test_a_hostile_shape_is_not_multiplied_beyond_63_bits() -> None:
    schema = schema_of("inputs: {x: {dtype: bytes, shape: [_, _]}}")
    for shape in ((2**63 - 1, 1), (1 << 23, 2), (-(2**63), -(2**63)), (1 << 62, 1 << 62), (0,) * 70_000):
        found = check(schema, "inputs", [raw("bytes", shape, bytes(4))]).violations
        assert found
        assert all(len(str(v)) < 1024 for v in found)


def test_texts_come_as_lists() -> None:
    schema = schema_of(
        "dims: {B: 1..4}\ninputs: {x: {dtype: bytes, shape: [B], text: {max_chars: 4, deny: [control], pattern: '[a-zé]*'}}}"
    )

    def codes(value: object) -> list[str]:
        return [v.code for v in check(schema, "inputs", [_given.given("x", value, texts=True)]).violations]

    assert codes(["abc", b"d", "\xe9"]) == []
    assert codes(("abcde",)) == ["AT-TEXT-SIZE"]
    assert codes(["\ud800"]) == ["AT-TEXT-UTF8"]
    assert codes(["\0"]) == ["AT-TEXT-CHAR", "AT-TEXT-PATTERN"]
    assert codes("abc") == ["AT-RANK"]
    assert codes([["a"], ["b", "c"]]) == codes([1]) == codes([None]) == codes(7) == ["AT-DTYPE"]
    deep: object = "a"
    for _ in range(100):
        deep = [deep]
    assert codes(deep) == ["AT-DTYPE"]


def test_a_violation_says_no_text_and_is_data() -> None:
    schema = schema_of("inputs: {x: {dtype: bytes, shape: [1], values: [yes]}}")
    (found,) = check(schema, "inputs", [_given.given("x", ["secret"], texts=True)]).violations
    assert found == Violation("AT-VALUE", "x", (0,), 0, "a text that is not listed", "one of 1 texts", 1, 1)
    assert "secret" not in str(found)


@pytest.mark.parametrize(
    ("pattern", "yes", "no"),
    [
        ("a", ["a"], ["", "aa", "b", "a\n"]), ("a|b?", ["a", "b", ""], ["ab"]), ("(ab|c)*d", ["d", "abcd"], ["abd ", "ad"]),
        ("a{2,3}", ["aa", "aaa"], ["a", "aaaa"]), ("a{0}b", ["b"], ["ab"]), ("a{2,}", ["aa", "a" * 50], ["a"]), ("a{,2}", ["a{,2}"], ["a"]),
        (".", ["a", "\r", "\U0001f525"], ["\n", ""]), (r"[\d-z]", ["5", "-", "z"], ["y"]), ("[^a]", ["\n", "b"], ["a", ""]),
        (r"\w\s\D", ["_\f\n"], ["é a"]), (r"[^\d\D]", [], ["a", "1", ""]), ("(?:a*?)*", ["", "aaa"], ["b"]), ("(|a)*b", ["b", "aab"], ["a"]),
        (r"[a\]\-]+", ["a]-"], ["\\"]), (r"\n\t\.", ["\n\t."], ["\n\ta"]), ("é+", ["éé"], ["e"]), ("[à-ü]", ["é"], ["e"]), ("()", [""], ["a"]),
    ],
)  # fmt: skip
def test_patterns(pattern: str, yes: list[str], no: list[str]) -> None:
    matches = Pattern(pattern).matches
    assert [matches(text) for text in yes] == [True] * len(yes)
    assert [matches(text) for text in no] == [False] * len(no)
    if "{," not in pattern and "-z" not in pattern:  # which Python reads otherwise
        engine = re.compile(f"(?:{pattern})", re.ASCII)
        assert [bool(engine.fullmatch(text)) for text in yes + no] == [True] * len(yes) + [False] * len(no)


# Python's own engine needs longer than the universe for each of these.
@pytest.mark.parametrize("pattern", ["(a*)*b", "(a|a)*b", "(a|aa)+b", "(.*)(.*)(.*)(.*)b", "(a?){100}a{100}b"])
def test_patterns_take_linear_time(pattern: str) -> None:
    assert not Pattern(pattern).matches("a" * 20_000)


def test_a_pattern_has_limits() -> None:
    assert Pattern("(" * 100 + "a" + ")" * 100).matches("a")
    for pattern in ("(" * 101 + "a" + ")" * 101, "a" * 1025, "(abcdefghijk){1000}", "((((a{10}){10}){10}){10})"):
        with pytest.raises(ValueError, match=r"limit exceeded|more than|more repetitions"):
            Pattern(pattern)


def test_many_states_are_not_kept_for_ever() -> None:
    matches = Pattern("[ab]*a[ab]{12}").matches
    assert matches("ab" * 8000 + "a" + "b" * 12)
    assert not matches("ab" * 8000 + "b" * 13)


@pytest.mark.parametrize(
    ("value", "double", "single"),
    [(0.1, "0.1", "0.1"), (100000, "100000", "100000"), (1e6, "1e+06", "1e+06"), (1e21, "1e+21", "1e+21"), (0.0001, "0.0001", "0.0001"),
     (0.00001, "1e-05", "1e-05"), (-0.0, "-0", "-0"), (float("-inf"), "-Inf", "-Inf"), (16777216.0, "1.6777216e+07", "1.6777216e+07"),
     (65504.5, "65504.5", "65504.5"), (float("nan"), "NaN", "NaN"), (0.3333333432674408, "0.3333333432674408", "0.33333334")],
)  # fmt: skip
def test_numbers_are_spelled_as_the_gateway_spells_them(value: float, double: str, single: str) -> None:
    assert _number.shortest(value) == double
    assert _number.shortest(value, single=True) == single


def test_names_are_quoted_as_the_gateway_quotes_them() -> None:
    assert quote('a"\\\n\x01é\u200b') == '"a\\"\\\\\\n\\x01é\\u200b"'
    assert quote("x" * 100) == '"' + "x" * 64 + '…"'


def test_the_error_is_a_value_error_with_the_violations() -> None:
    @andiron.validate(text="bytes[2]")
    def f(text: object) -> object:
        return text

    assert f(["a", "b"]) == ["a", "b"]
    with pytest.raises(ValueError, match=r'AT-SHAPE "text": got \[1\], want \[2\]') as caught:
        f(text=["a"])
    assert isinstance(caught.value, andiron.TensorValidationError)
    assert isinstance(caught.value, andiron.AndironError)
    assert [v.code for v in caught.value.violations] == ["AT-SHAPE"]


def test_moments_beyond_double_precision_are_no_crash() -> None:
    for values, want in (((1.7e308, 1.7e308), (math.inf, math.inf)), ((1e200, -1e200), (0, math.inf))):
        data = struct.pack("<2d", *values)
        assert Plain(_dtype.BY_NAME["float64"], (1, 2), data).moments(0) == [want]
