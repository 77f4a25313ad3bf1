"""The public face: names, signatures, laziness, the tree of exceptions."""

from __future__ import annotations

import ast
import inspect
import pickle
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import andiron
from andiron import _binary
from conftest import REPOSITORY

FUNCTIONS = [
    "load", "jit_load", "load_safetensors", "load_unsafe", "load_untrusted", "hash_file",
    "install_guard", "uninstall_guard",
]  # fmt: skip


def exceptions() -> list[type[andiron.AndironError]]:
    found = [getattr(andiron, name) for name in andiron.__all__]
    return [kind for kind in found if isinstance(kind, type) and issubclass(kind, andiron.AndironError)]


def test_every_exception_has_a_hint() -> None:
    kinds = {kind.__name__ for kind in exceptions()}
    calls = 0
    for source in Path(andiron.__file__).parent.rglob("*.py"):
        for node in ast.walk(ast.parse(source.read_text("utf-8"))):
            if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Name) or node.func.id not in kinds:
                continue
            calls += 1
            words = {word.arg for word in node.keywords}
            assert "hint" in words or None in words, f"{source.name}:{node.lineno}"
    assert calls > 20


def test_all_is_what_is_public() -> None:
    # andiron.adversarial is there once it has been imported.
    public = {name for name, value in vars(andiron).items() if not name.startswith("_") and not inspect.ismodule(value)}
    assert set(andiron.__all__) == public
    assert andiron.__all__ == sorted(andiron.__all__)
    assert set(FUNCTIONS) < public


def test_importing_brings_no_torch_and_no_numpy() -> None:
    code = (
        "import sys, andiron; print([m for m in ('torch', 'numpy', 'safetensors', 'pickletools') if m in sys.modules])"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert out.strip() == "[]"


def test_installing_the_guard_brings_none_either() -> None:
    code = (
        "import sys, andiron; andiron.install_guard(); "
        "print([m for m in ('torch', 'numpy', 'joblib', 'pandas', 'dill') if m in sys.modules])"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert out.strip() == "[]"


@pytest.mark.parametrize("name", FUNCTIONS)
def test_no_function_has_a_parameter_that_loosens(name: str) -> None:
    parameters = inspect.signature(getattr(andiron, name)).parameters
    assert not {"pickle_module", "weights_only", "pickle_load_args", "mmap"} & set(parameters)
    kinds = {p.kind for p in parameters.values()}
    assert inspect.Parameter.VAR_KEYWORD not in kinds
    assert inspect.Parameter.VAR_POSITIONAL not in kinds


@pytest.mark.parametrize("name", ["load", "jit_load", "load_safetensors", "load_unsafe", "hash_file"])
@pytest.mark.parametrize("parameter", ["weights_only", "pickle_module", "mmap"])
def test_who_gives_one_is_told_why_not(name: str, parameter: str) -> None:
    function: Any = getattr(andiron, name)
    with pytest.raises(TypeError, match=rf"{name}\(\) has no parameter '{parameter}': \w+"):
        function("model.pt", **{parameter: False})


@pytest.mark.parametrize("name", andiron.__all__)
def test_everything_public_is_explained(name: str) -> None:
    thing = getattr(andiron, name)
    assert thing.__doc__
    assert len(thing.__doc__) > 40
    if name in ("load", "jit_load", "load_safetensors", "load_unsafe", "hash_file", "install_guard"):
        assert "Raises" in thing.__doc__


def test_the_tree_is_the_one_that_is_drawn() -> None:
    import andiron._errors as errors

    drawn = re.findall(r"(\w+Error)\b", errors.__doc__ or "")
    assert sorted(drawn) == sorted(kind.__name__ for kind in exceptions())
    for kind in ("UntrustedModelError", "DigestMismatchError", "PolicyError", "SignatureError", "ScanError"):
        assert issubclass(getattr(andiron, kind), andiron.RefusedError)


@pytest.mark.parametrize("kind", exceptions())
def test_an_exception_says_what_where_why_and_a_hint(kind: type[andiron.AndironError]) -> None:
    error = kind("is wrong", where="a.pt", why="it is said so", hint="mend it")
    assert str(error) == "a.pt: is wrong (it is said so)\nhint: mend it"
    assert str(kind("is wrong")) == "is wrong"
    again = pickle.loads(pickle.dumps(error))  # as multiprocessing does
    assert type(again) is kind
    assert vars(again) == vars(error)


def test_the_versions_are_in_step() -> None:
    text = (REPOSITORY / "python" / "pyproject.toml").read_text()
    assert f'version = "{andiron.__version__}"' in text
    out = subprocess.run([_binary.find(), "version"], capture_output=True, text=True, check=True).stdout
    assert out.startswith(("andiron v" + andiron.__version__ + " ", "andiron devel "))


def test_the_package_says_that_it_is_typed() -> None:
    assert (Path(andiron.__file__).parent / "py.typed").is_file()


def test_licence_is_the_project_s() -> None:
    assert (REPOSITORY / "python" / "LICENSE").read_bytes() == (REPOSITORY / "LICENSE").read_bytes()


@pytest.mark.parametrize("reason", ["", "  ", None, 7])
def test_load_unsafe_wants_a_reason(reason: Any) -> None:
    with pytest.raises(ValueError, match="needs a reason"):
        andiron.load_unsafe("model.pt", reason=reason)


def test_a_digest_must_be_one(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_bytes(b"a")
    with pytest.raises(ValueError, match="64 hexadecimal digits"):
        andiron.load(path, sha256="abc")
