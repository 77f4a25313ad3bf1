"""The guard: makes loads that other people's code does obey the policy.

# Security

A net, not a wall. Whoever already runs code in this process can undo what Python
code did in it. What is known to get around the guard, and tested as known:

* functions that a module took with ``from pickle import load`` before the guard
  was installed, ``_pickle`` and ``pickle._Unpickler`` themselves, and loaders that
  nobody wrapped. For the standard unpicklers the audit hook still stops the names
  that run commands;
* pickles in memory, which is how processes talk to each other: they are logged,
  and refused with ``strict=True`` only;
* native code: ctypes, extension modules, ``marshal``.

The wall is ``andiron exec`` and the sandbox.
"""

from __future__ import annotations

import contextlib
import dataclasses
import logging
import os
import sys
import threading
from collections.abc import Iterator
from types import ModuleType
from typing import Literal

from . import _binary, _wrappers
from ._decision import Operation
from ._errors import AndironError, BinaryError, PolicyError, ScanError
from ._imports import Finder
from ._load import Path, Verified, request, verify
from ._record import emit
from ._sinks import is_sink
from ._source import Source

Mode = Literal["block", "warn"]

_lock = threading.RLock()


@dataclasses.dataclass(frozen=True)
class Settings:
    """What install_guard was given."""

    blocks: bool
    project: Path | None
    logger: logging.Logger
    strict: bool


def install_guard(
    mode: Mode = "block",
    project: Path | None = None,
    logger: logging.Logger | None = None,
    *,
    strict: bool = False,
) -> None:
    """Make loads that do not go through this package obey the policy, too.

    Wraps ``torch.load``, ``torch.jit.load``, ``torch.hub``, ``torch.package``,
    ``torch.export.load``, ``pickle.load``, ``pickle.Unpickler``, ``joblib.load``,
    ``numpy.load(allow_pickle=True)``, ``pandas.read_pickle``, ``dill`` and
    ``cloudpickle``, now or when they are imported, and imports none of them. Call
    it first of all: who did ``from torch import load`` before it keeps the
    original.

    mode: ``block`` verifies each file as :func:`load` does, loads the verified
        bytes, always with ``weights_only=True`` for torch, and raises what
        :func:`load` raises; ``warn`` only logs what ``block`` would refuse.
    project: as for :func:`load`.
    logger: gets one record per event, whose message is JSON and whose attribute
        ``andiron`` has the same fields; default ``logging.getLogger("andiron.guard")``.
    strict: also refuse pickles in memory, except those that multiprocessing and
        copy make themselves.

    Installing again replaces the settings. Raises ValueError for another mode, and
    BinaryNotFoundError if nobody could decide. This is a net, not a wall: see "Limits of the guard" in the README.
    """
    if mode not in ("block", "warn"):
        raise ValueError(f"mode must be 'block' or 'warn', not {mode!r}")
    _binary.find()
    settings = Settings(mode == "block", project, logger or logging.getLogger("andiron.guard"), strict)
    global _hooked
    with _lock:
        if not _hooked:
            sys.addaudithook(_audit)  # for good: Python has no way back
            _hooked = True
        _guard.attach(settings)
    _guard.record(logging.INFO, "installed", "install_guard", mode=mode, strict=strict)


def uninstall_guard() -> None:
    """Put the originals back, for tests. Does nothing if no guard is installed."""
    with _lock:
        _guard.detach()


def _audit(event: str, args: tuple[object, ...]) -> None:
    if event != "pickle.find_class" or _guard.settings is None:
        return
    module, name = args[:2]
    if isinstance(module, str) and isinstance(name, str) and is_sink(module, name):
        _guard.sink(module, name)


class Guard:
    """The guard of this process. Without settings it lets everything pass."""

    def __init__(self) -> None:
        self.settings: Settings | None = None
        self._replaced: list[tuple[ModuleType, str, object]] = []
        self._finder = Finder(_wrappers.TARGETS, self.wrap)
        self._thread = threading.local()
        self._seen: set[tuple[str, str, int]] = set()

    def attach(self, settings: Settings) -> None:
        """Wrap what is imported, and what will be."""
        self.settings = settings
        self._seen.clear()
        if self._finder not in sys.meta_path:
            sys.meta_path.insert(0, self._finder)
        for name in _wrappers.TARGETS:
            if (module := sys.modules.get(name)) is not None:
                self.wrap(module)

    def detach(self) -> None:
        """Put the originals back. Who holds a wrapper has one that does nothing."""
        self.settings = None
        with contextlib.suppress(ValueError):
            sys.meta_path.remove(self._finder)
        for module, name, original in reversed(self._replaced):
            setattr(module, name, original)
        self._replaced.clear()

    def wrap(self, module: ModuleType) -> None:
        """Replace what a module has to load files with."""
        with _lock:
            if self.settings is None:
                return
            for attribute, wrapper in _wrappers.TARGETS.get(module.__name__, {}).items():
                original = getattr(module, attribute, None)
                if original is not None and not _wrappers.is_wrapped(original):
                    setattr(module, attribute, wrapper(self, original))
                    self._replaced.append((module, attribute, original))

    def verified(self, call: str, source: Source, operation: Operation, url: str, *, named: bool) -> Verified | None:
        """Verify an open file for a call.

        In mode block, raises what verify raises. In mode warn, logs it, and
        returns None: the call goes on as it would have.
        """
        settings = self.settings
        if settings is None:
            return None
        upload = source.fd < 0
        try:
            req = request(operation, settings.project, url=url, upload=upload)
            verified = verify(source, req, named=named or upload)
        except AndironError as exc:
            self.refuse(call, exc, source.path)
            return None
        self.record(logging.INFO, "verified", call, path=source.path, sha256=verified.copy.sha256)
        if settings.blocks:
            return verified
        verified.copy.close()
        return None

    def refuse(self, call: str, error: AndironError, path: str = "") -> None:
        """Raise error in mode block, log it in both."""
        settings = self.settings
        if settings is None:
            return
        level = logging.ERROR if isinstance(error, BinaryError) else logging.WARNING
        self.record(
            level, "blocked" if settings.blocks else "would block", call, path=path, error=type(error).__name__,
            what=error.what, why=error.why, hint=error.hint, rules=list(getattr(error, "rules", ())),
        )  # fmt: skip
        if settings.blocks:
            raise error

    @contextlib.contextmanager
    def loading_verified(self) -> Iterator[None]:
        """While this thread loads bytes that were verified, what is inside them is."""
        depth = getattr(self._thread, "depth", 0)
        self._thread.depth = depth + 1
        try:
            yield
        finally:
            self._thread.depth = depth

    def is_verified(self) -> bool:
        """Tell whether this thread loads bytes that were verified."""
        return getattr(self._thread, "depth", 0) > 0

    def sink(self, module: str, name: str) -> None:
        """A pickle asks for a name that runs commands."""
        if self.is_verified():
            return
        error = ScanError(
            f"a pickle asked for {module}.{name}, which runs code",
            where=_caller(),
            why="the audit hook of install_guard saw it before it was called",
            hint="find out where the pickle comes from; andiron scan says what it would do",
        )
        error.verdict = "dangerous"
        self.refuse("pickle.find_class", error)

    def in_memory(self, call: str) -> None:
        """A pickle is loaded that is no file: log it, or refuse it if strict."""
        if self.settings is None or self.is_verified():
            return
        module, where, line = _outside()
        if self.settings.strict and not _wrappers.is_internal(module):
            error = PolicyError(
                "a pickle in memory cannot be traced to a trusted file",
                where=f"{where}:{line}",
                why="the guard is strict",
                hint="load it from a file that andiron.lock lists, or use another format",
            )
            self.refuse(call, error)
        elif (call, where, line) not in self._seen:  # one record for each place
            self._seen.add((call, where, line))
            self.record(logging.INFO, "in memory", call)

    def record(self, level: int, outcome: str, call: str, **fields: object) -> None:
        """Log one event."""
        # A handler that loads something itself must not bring us back here.
        if self.settings is None or getattr(self._thread, "logging", False):
            return
        self._thread.logging = True
        try:
            emit(self.settings.logger, level, "guard", outcome=outcome, call=call, where=_caller(), **fields)
        finally:
            self._thread.logging = False


def _outside() -> tuple[str, str, int]:
    """Return module, file and line of the nearest caller that is not this package."""
    here = os.path.dirname(os.path.abspath(__file__))
    frame = sys._getframe(1)
    while frame.f_back is not None and (
        frame.f_code.co_filename.startswith(here) or frame.f_code.co_filename == contextlib.__file__
    ):
        frame = frame.f_back
    return frame.f_globals.get("__name__", ""), frame.f_code.co_filename, frame.f_lineno


def _caller() -> str:
    _, where, line = _outside()
    return f"{where}:{line}"


_guard = Guard()
_hooked = False
