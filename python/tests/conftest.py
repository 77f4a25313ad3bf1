"""Fixtures: the installed package, its real binary, and projects with a lock."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import andiron
from andiron import _binary

REPOSITORY = Path(__file__).resolve().parents[2]


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--torch", help="also run the tests that need torch, and want this version of it, as 1.13")
    parser.addoption("--device", help="also run the tests of tensors on an accelerator, as cuda")


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "torch: needs torch, and runs with --torch only")
    config.addinivalue_line("markers", "device: needs an accelerator, and runs with --device only")
    config.addinivalue_line("markers", "pandas: needs pandas")
    config.addinivalue_line("markers", "attacks: needs torch, Foolbox, torchattacks and ART")
    config.addinivalue_line("markers", "slow: takes seconds, and does not depend on the version of Python")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    for option in ("torch", "device"):
        if not config.getoption(f"--{option}"):
            heavy = [item for item in items if item.get_closest_marker(option)]
            config.hook.pytest_deselected(items=heavy)
            items[:] = [item for item in items if item not in heavy]


@pytest.fixture(scope="session")
def torch(request: pytest.FixtureRequest) -> Any:
    """torch, of the version that --torch says. Its absence is a failure, not a skip."""
    import torch

    assert torch.__version__.startswith(request.config.getoption("--torch"))
    torch.set_num_threads(1)
    return torch


class Project:
    """A folder with models, a lock and perhaps a policy."""

    def __init__(self, root: Path) -> None:
        self.root = root
        (root / "models").mkdir()

    def file(self, name: str, data: bytes) -> Path:
        path = self.root / "models" / name
        path.write_bytes(data)
        return path

    def policy(self, text: str) -> None:
        (self.root / "andiron.yaml").write_text("version: 1\n" + text)

    def add(self, *paths: Path) -> None:
        """List models in the lock, as a person would."""
        run = subprocess.run(
            [_binary.find(), "trust", "add", *map(str, paths)],
            cwd=self.root,
            capture_output=True,
            text=True,
            check=False,
        )
        assert run.returncode == 0, run.stdout + run.stderr

    def lock(self, *paths: Path, verdict: str = "safe", fmt: str = "torch-zip") -> None:
        """Write a lock by hand, for files that trust add would not list."""
        models = [
            {
                "path": str(path.relative_to(self.root)),
                "sha256": hashlib.sha256(path.read_bytes()).hexdigest(),
                "size": path.stat().st_size,
                "format": fmt,
                "verdict": verdict,
                "source": "",
                "added_by": "tests",
                "added_at": "2026-11-25T12:00:00Z",
                "signature": "",
                "waivers": [],
                "reason": "",
            }
            for path in sorted(paths)
        ]
        (self.root / "andiron.lock").write_text(json.dumps({"version": 1, "models": models}, indent=2) + "\n")


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    root = tmp_path / "project"
    root.mkdir(mode=0o755)
    monkeypatch.chdir(root)
    return Project(root)


@pytest.fixture
def guard() -> Iterator[None]:
    """Takes the guard away after a test that installs it."""
    yield
    andiron.uninstall_guard()


@pytest.fixture
def marker(tmp_path: Path) -> Path:
    """The file that an inert payload would write."""
    return tmp_path / "marker"


class Payload:
    """Pickled, it writes a marker file when somebody loads it."""

    def __init__(self, marker: Path) -> None:
        self.marker = marker

    def __reduce__(self) -> tuple[Any, ...]:
        return os.system, (f"echo loaded > {self.marker}",)


class QuietPayload:
    """A payload by a name that the audit hook does not know as dangerous."""

    def __init__(self, marker: Path) -> None:
        self.marker = marker

    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, (str(self.marker),)


def safetensors_bytes(**tensors: tuple[str, list[int], bytes]) -> bytes:
    """Write a safetensors file: dtype, shape and bytes of each tensor."""
    header, data = {}, b""
    for name, (dtype, shape, raw) in tensors.items():
        header[name] = {"dtype": dtype, "shape": shape, "data_offsets": [len(data), len(data) + len(raw)]}
        data += raw
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    return len(text).to_bytes(8, "little") + text + data
