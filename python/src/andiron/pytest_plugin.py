"""A pytest plugin that records what custom operators are called with.

``andiron ops test`` records by itself. This is for a run elsewhere, such as on a machine
with the right GPU, or for looking at what the tests reach::

    pytest --andiron-seeds calls.jsonl --andiron-modules mypkg._C

Each line of the file is one call, as docs/spec/optest-v1.md says. Nothing is pickled.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from andiron import _op_recorder

if TYPE_CHECKING:
    from pytest import Config, Parser, TerminalReporter  # noqa: PT013

__all__ = ["pytest_addoption", "pytest_configure", "pytest_load_initial_conftests", "pytest_terminal_summary"]


def pytest_addoption(parser: Parser) -> None:
    group = parser.getgroup("andiron", "andiron: calls of custom operators")
    group.addoption("--andiron-seeds", metavar="FILE", help="write calls of custom operators to FILE")
    group.addoption(
        "--andiron-modules",
        metavar="LIST",
        default="",
        help="modules in C++ whose functions are operators, such as mypkg._C",
    )
    group.addoption("--andiron-libraries", metavar="LIST", default="", help="libraries to load first, as paths")


def pytest_load_initial_conftests(early_config: Config) -> None:
    """Before a conftest can import the functions."""
    start(early_config)


def pytest_configure(config: Config) -> None:
    """For a plugin that was named in pyproject.toml or a conftest, and comes later."""
    start(config)


def start(config: Config) -> None:
    options = config.known_args_namespace if hasattr(config, "known_args_namespace") else config.option
    path = getattr(options, "andiron_seeds", None)
    if not path or getattr(config, "_andiron_seeds", None):
        return
    path = os.path.abspath(path)
    with open(path, "w", encoding="utf-8"):
        pass  # calls of an earlier run are not of this one
    config._andiron_seeds = path  # type: ignore[attr-defined]
    problems = _op_recorder.install(
        _op_recorder.Recorder(path), split(options.andiron_libraries), split(options.andiron_modules)
    )
    if problems:
        from pytest import UsageError  # noqa: PT013

        raise UsageError("andiron: " + "; ".join(problems))


def split(text: str) -> list[str]:
    return [part for part in text.split(",") if part]


def pytest_terminal_summary(terminalreporter: TerminalReporter, config: Config) -> None:
    path = getattr(config, "_andiron_seeds", None)
    if path is None:
        return
    got = _op_recorder.collect(path)
    calls = sum(map(len, got["calls"].values()))
    terminalreporter.write_line(f"andiron: {calls} calls of {len(got['calls'])} custom operators are in {path}")
    for name, why in sorted(got["left_out"].items()):
        terminalreporter.write_line(f"andiron: some calls of {name} are not: {why}")
