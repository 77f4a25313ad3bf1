"""Schemas: the corpus, the strict part of YAML, short forms, limits."""

from __future__ import annotations

import contextlib
import pickle
import random
import re
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

import andiron
from andiron._tensor import _dtype, _schema, _spec, _violation
from andiron._tensor._schema import parse_schema, parse_short
from conftest import REPOSITORY
from tensor_vectors import lines, read

PAGE = (REPOSITORY / "docs" / "spec" / "tensor-v1.md").read_text("utf-8")
BASE = "andiron: tensor/v1\ninputs:\n  x: {dtype: float32, shape: [2], range: [0, 1]}\n"


def test_all_schemas_of_the_corpus_have_their_digest() -> None:
    accepted = [line for line in lines() if "case" not in line and "refuse" not in line]
    assert len(accepted) >= 180
    for line in accepted:
        schema = read(line)
        assert schema.sha256 == line["sha256"], schema.canonical()


def test_all_refused_schemas_of_the_corpus_are_refused_at_their_line() -> None:
    refused = [line for line in lines() if "refuse" in line]
    assert len(refused) >= 139
    for line in refused:
        with pytest.raises(andiron.SchemaError) as caught:
            read(line)
        if line.get("line"):
            assert caught.value.line == line["line"], (line, caught.value)


def test_the_example_of_the_page_has_its_digest() -> None:
    example = PAGE.split("```yaml\n")[1].split("```")[0]
    schema = parse_schema(example.encode(), "", lambda _: b"US\nDE\nFR")
    assert f"`{schema.sha256}`" in PAGE


def test_the_canonical_form_is_that_of_the_page() -> None:
    schema = parse_schema(b"andiron: tensor/v1\ninputs: {x: {dtype: float32, shape: [2]}}\n")
    assert schema.canonical().decode() == PAGE.split("```json\n")[1].split("\n```")[0]


def test_codes_and_classes_are_those_of_the_page() -> None:
    table = PAGE.split("| code |")[1].split("\n## ")[0]
    assert [row.split("`")[1] for row in table.splitlines() if row.startswith("| `")] == list(_violation.CODES)
    for name in _spec.CLASSES:
        assert f"| `{name}` | U+" in PAGE


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("x:", "'x':"), ("x:", '"\\x78":'), ("x:", "x :"), ("[0, 1]", "[ 0 , 1, ]"), ("[0, 1]", "[0,\n\n # c\n 1]"),
        ("andiron", "# c\n---\n\nandiron"), ("andiron", "\ufeffandiron"), ("}\n", "} # c\n"), ("\n", "\r\n"),
        ("{dtype: float32, shape: [2], range: [0, 1]}", "\n    dtype: float32\n    shape:\n    - 2\n    range:\n      - 0\n      - 1"),
        ("{dtype: float32, shape: [2], range: [0, 1]}", '{"dtype":"float32","shape":[2],"range":["0",1e0]}'),
    ],
)  # fmt: skip
def test_other_spellings_are_the_same_schema(old: str, new: str) -> None:
    assert parse_schema(BASE.replace(old, new).encode()).sha256 == parse_schema(BASE.encode()).sha256


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        (BASE + "model: |\n  m\n", 4, "block texts"), (BASE + "model: >\n  m\n", 4, "block texts"),
        (BASE + "model: a\n  b\n", 5, "indentation"), (BASE + 'model: "a\n  b"\n', 4, "quotation"),
        (BASE + "\tmodel: m\n", 4, "a tab"), (BASE + "model: m\u2028\n", 4, "U+2028"), (BASE + "model: m\x85\n", 4, "U+0085"),
        (BASE + "model: m\x00\n", 4, "U+0000"), (BASE + "model: m\rwire: {}\n", 4, "U+000D"),
        (BASE + "? model\n: m\n", 4, "not a text"), (BASE + "...\n", 4, "document"), ("%YAML 1.2\n---\n" + BASE, 2, "document"),
        (BASE + "model: @m\n", 4, "not expected"), (BASE + "model: m: n\n", 4, "not expected"), (BASE + "model: - m\n", 4, "not expected"),
        (BASE + "model\n", 4, "colon"), (BASE + "wire: {compression:deny}\n", 4, "colon"), (BASE + "model: '\n", 4, "quotation"),
        (BASE + 'model: "\\q"\n', 4, "escape"), (BASE + 'model: "\\ud800"\n', 4, "escape"), (BASE + "wire: [\n", 5, "not expected"),
        (BASE + "wire: {a#b: c}\n", 4, "not known"), (BASE + "wire: {}#c\n", 4, "not expected"), (BASE + " model: m\n", 4, "indentation"),
    ],
)  # fmt: skip
def test_what_is_not_plain_is_refused_with_its_line(text: str, line: int, words: str) -> None:
    with pytest.raises(andiron.SchemaError) as caught:
        parse_schema(text.encode())
    assert (caught.value.line, words in str(caught.value)) == (line, True), caught.value


@pytest.mark.parametrize(
    "text",
    ["[" * (1 << 19), "- " * (1 << 18) + "a", "inputs: " + "{a: " * (1 << 16), "a: " + "\n" * (1 << 19), " " * (1 << 20) + "a",
     "{" + ", ".join(f"k{i}: 0" for i in range(1 << 16)) + "}", "#" * (1 << 20), "\xff", "a: '" + "''" * (1 << 18)],
)  # fmt: skip
def test_a_file_without_end_is_refused(text: str) -> None:
    with pytest.raises(andiron.SchemaError):
        parse_schema(text.encode("latin-1"))


def test_nothing_but_schema_errors_comes_out() -> None:
    texts = [line["yaml"] for line in lines() if line.get("yaml")]
    pieces = [
        " ",
        "\n",
        "\n  ",
        ":",
        ": ",
        ",",
        "[",
        "]",
        "{",
        "}",
        '"',
        "'",
        "#",
        "- ",
        "? ",
        "&a ",
        "*a",
        "!",
        "|",
        "\\",
        "0",
        "é",
    ]
    rng = random.Random(5)
    for _ in range(3000):
        text = rng.choice(texts)
        at = rng.randrange(len(text) + 1)
        mutated = text[:at] + rng.choice([*pieces, ""]) + text[at + rng.randrange(3) :]
        with contextlib.suppress(andiron.SchemaError):
            assert parse_schema(mutated.encode()).canonical()


def many(n: int, line: str) -> str:
    return "".join(line % i for i in range(n))


@pytest.mark.parametrize(
    ("limit", "write"),
    [
        (64, lambda n: "inputs:\n" + many(n, "  x%d: {dtype: uint8, shape: [2]}\n")),
        (64, lambda n: "dims: {B: 1..2}\nconstraints:\n" + many(n, "  - B < %d\n") + "inputs: {x: {dtype: uint8, shape: [B]}}\n"),
        (4096, lambda n: "inputs:\n  x:\n    dtype: uint16\n    shape: [2]\n    values:\n" + many(n, "      - %d\n")),
        (16, lambda n: "dims: {B: 1..2}\nconstraints: ['" + "(" * n + "B" + ")" * n + " < 3']\ninputs: {x: {dtype: uint8, shape: [B]}}\n"),
        (1 << 20, lambda n: BASE[19:] + "#" + "x" * (n - len(BASE) - 2) + "\n"),
    ],
)  # fmt: skip
def test_limits(limit: int, write: Any) -> None:
    parse_schema(("andiron: tensor/v1\n" + write(limit)).encode())
    with pytest.raises(andiron.SchemaError, match="limit exceeded"):
        parse_schema(("andiron: tensor/v1\n" + write(limit + 1)).encode())


@pytest.mark.parametrize(
    ("forms", "yaml"),
    [
        ({"x": "float32[B, 3] in [0, 1]"}, "dims: {B: 1..1099511627776}\ninputs: {x: {dtype: float32, shape: [B, 3], range: [0, 1]}}"),
        ({"x": "torch.half|FP32[]"}, "inputs: {x: {dtype: [float16, float32], shape: []}}"),
        ({"x": " int64 [ B , _ ] in [ 0 , inf ] ", "y": "bool[B]"},
         "dims: {B: 1..1099511627776}\ninputs: {x: {dtype: int64, shape: [B, _], range: [0, inf]}, y: {dtype: bool, shape: [B]}}"),
        ({"x": "float32[2]in[-2^3,1e-3]"}, "inputs: {x: {dtype: float32, shape: [2], range: [-8, 0.001]}}"),
    ],
)  # fmt: skip
def test_short_forms_are_the_schema_that_they_stand_for(forms: dict[str, str], yaml: str) -> None:
    assert parse_short(forms).canonical() == parse_schema(f"andiron: tensor/v1\n{yaml}\n".encode()).canonical()


@pytest.mark.parametrize(
    "form",
    ["", "float32", "float32[", "float31[2]", "float32[2] in [1, 0]", "float32[2] in [0]", "float32[2] in (0, 1)", "float32[2.5]",
     "float32|float32[2]", "float32[2]\n", "float32[-1]", "float32[B+1]", "float32[2,]", "bytes[2] in [0, 1]", "bool[2] in [0, 1]",
     "float32[2] in [-inf, inf]", "float32[" + ", ".join("2" * 17) + "]", "uint8[2] in [0.5, 0.6]", "float32[2]" + " " * 1024,
     "float32[\t2]", "float32 float16[2]", "bytes|uint8[2]", "float32[2] in [nan, 1]", "x: float32[2]"],
)  # fmt: skip
def test_short_forms_that_are_none(form: str) -> None:
    with pytest.raises(andiron.SchemaError):
        parse_short({"x": form})


def test_values_from_a_file_beside_the_schema(tmp_path: Path) -> None:
    (tmp_path / "sets").mkdir()
    (tmp_path / "sets" / "a.txt").write_text("".join(f"{i}.0\n" for i in range(65536)))
    path = tmp_path / "x.schema.yaml"
    path.write_text("andiron: tensor/v1\ninputs: {x: {dtype: [float64, int32], shape: [_], values: sets/a.txt}}\n")
    assert len(andiron.read_schema(path).groups["inputs"]["x"].values) == 65536
    for text in ("1\n" * 2, "1\n" + "0" * 5_000_000, "1\n\xff", "".join(f"{i}\n" for i in range(65537))):
        (tmp_path / "sets" / "a.txt").write_bytes(text.encode("latin-1"))
        with pytest.raises(andiron.SchemaError) as caught:
            andiron.read_schema(path)
        assert caught.value.line == 2
    (tmp_path / "sets" / "a.txt").unlink()
    with pytest.raises(andiron.SchemaError, match=r"x.schema.yaml:2: values in .*No such file"):
        andiron.read_schema(path)


@pytest.mark.parametrize("dtype", [d for d in _dtype.DTYPES if d.kind != "bytes"])
def test_a_type_holds_exactly_its_values(dtype: _dtype.DType) -> None:
    rng = random.Random(7)
    low, high = dtype.extremes()
    for key in [low, low + 1, -1, 0, 1, high - 1, high, *(rng.randint(low, high) for _ in range(200))]:
        if not dtype.is_number(key):
            continue
        value = Fraction(dtype.value(key)) if dtype.is_float else Fraction(dtype.integer(key))
        assert dtype.holds(value) == dtype.plus(key)
        assert dtype.holds(value) == dtype.floor(value)
        assert dtype.holds(value + Fraction(1, 3)) is None
    assert dtype.holds(Fraction(2) ** 2000) is None


def test_a_schema_file(tmp_path: Path) -> None:
    path = tmp_path / "x.schema.yaml"
    path.write_text(BASE + "wrong: 1\n")
    with pytest.raises(andiron.SchemaError, match=r"x.schema.yaml:4: key \"wrong\" is not known") as caught:
        andiron.read_schema(path)
    assert isinstance(caught.value, ValueError)
    again = pickle.loads(pickle.dumps(caught.value))
    assert (again.line, str(again)) == (4, str(caught.value))
    with pytest.raises(andiron.FileAccessError):
        andiron.read_schema(tmp_path / "none")
    path.write_text(BASE)
    schema = andiron.read_schema(path)
    assert pickle.loads(pickle.dumps(schema)).sha256 == schema.sha256
    assert repr(schema) == f"<Schema - sha256:{schema.sha256[:12]}>"
    assert _schema.FORM == "tensor/v1"


def test_short_forms_say_what_a_size_is() -> None:
    for form, size in (("float32[*batch, 3]", "*batch"), ("float32[B 3 H W]", "B 3 H W"), ("float32[B-1]", "B-1")):
        with pytest.raises(andiron.SchemaError, match=re.escape(f'"{size}" is not a size: a number, a symbol or _')):
            andiron.validate(form)(lambda x: x)
    with pytest.raises(andiron.FileAccessError, match=r"a short form such as float32\[B.* is for @andiron.validate"):
        andiron.validate("float32")(print)
