"""Loads what nobody trusts, in the sandbox of the binary.

# Security

The file is opened once and handed over as an open descriptor; a process that the
kernel holds loads it. What comes back is a file in memory that nobody can change any
more, of which this module makes sure, and its header is read as strictly as that of
any safetensors file. What held the tensors is rebuilt from text as dicts, lists,
tuples and plain values: there is no pickle on this side, and no object is made that
the file names.

A pool is asked only if it belongs to this user or to root.

# Specification

docs/spec/sandbox-v1.md: the protocol of pools, and ``andiron.tree``.
"""

from __future__ import annotations

import contextlib
import json
import logging
import mmap
import numbers
import os
import shutil
import socket
import struct
import sys
import tempfile
import threading
from collections.abc import Iterator
from typing import Any, Final

from . import _binary, _safetensors, _torch
from ._copy import Copy
from ._errors import (
    AndironError,
    BinaryError,
    ContainedError,
    DigestMismatchError,
    FormatError,
    PolicyError,
    SandboxError,
)
from ._load import Path, explaining, request
from ._record import emit
from ._source import Source, open_source, reason

_log = logging.getLogger("andiron.load")

_MOST_ANSWER: Final = 64 << 20
_DEEP: Final = 250  # levels; the worker writes 200
# Above all that the binary waits for by itself: a worker, its start, and the load. What is
# asked for the load comes on top.
_PATIENCE: Final = 300.0
_MOST_SECONDS: Final = 1_000_000  # of the protocol
_MOST_BYTES: Final = (1 << 63) - 1
# What every worker may take at least while it imports torch.
_START_MEMORY: Final = 1 << 30

# What torch.load takes and a load in the sandbox does not, and why.
_REFUSED: Final = {
    "map_location": "what comes back is on the CPU; move it from there",
    "pickle_module": "the torch.load of the sandbox has its own",
    "weights_only": "it is tried with True first, and with False where that does not do, under the same filter",
    "pickle_load_args": "the sandbox loads as torch.load does by itself",
    "encoding": "the sandbox loads as torch.load does by itself",
    "mmap": "the sandbox reads the file as suits it",
}

_TREE: Final = "andiron.tree"
_POLICY: Final = "andiron.yaml"


@explaining(_REFUSED)
def load_untrusted(
    path: Path,
    *,
    sha256: str | None = None,
    pool: str | os.PathLike[str] | None = None,
    python: str | os.PathLike[str] | None = None,
    project: Path | None = None,
    max_time: float | None = None,
    max_memory: int | None = None,
    max_result: int | None = None,
) -> Any:
    """Load a checkpoint that nobody trusts, and get its tensors.

    ``torch.load`` runs in a process that the kernel holds: it can read this file,
    take memory and write its answer. What comes back is dicts, lists, tuples, plain
    values and tensors on the CPU, which view one file in memory; of a module, its
    ``state_dict``. No object that the file names is made. That nothing forbidden was
    tried does not make a model benign. Needs Linux.

    path: the file. A link is followed, as caches of models are full of them; what it
        leads to is opened once. andiron sandbox load follows none.
    sha256: the digest that the bytes must have.
    pool: the socket of an ``andiron sandbox pool``, whose workers have imported torch
        already. Without it a process is started, which imports torch first.
    python: the interpreter with the torch that loads; without it, this one. A pool
        has its own.
    project: the folder whose andiron.yaml says what must hold the process and what
        it may import; without it, the first one from the current folder upwards that
        is a project, where one that has code run (sandbox.python, runsc and path) is
        refused, as nobody named it. A pool has its own.
    max_time, max_memory, max_result: seconds, and bytes of memory and of tensors. By
        default a minute, 1 GiB and twice the size of the file, 64 MiB and eight times the
        size. What andiron.yaml says beneath sandbox.limits is the most; of a pool, what
        it was started with. The processor has its own limit, sandbox.limits.cpu.

    Raises ContainedError if the file tried what it may not, DigestMismatchError,
    SandboxError if there is no result for another reason, FileAccessError, FormatError,
    PolicyError if the folder of the project cannot be entered, BinaryError, and
    ValueError or TypeError for arguments that make no sense.

    >>> state = andiron.load_untrusted("downloads/model.ckpt")
    """
    if not sys.platform.startswith("linux"):
        raise SandboxError(
            "the sandbox needs Linux", hint="andiron convert takes the tensors out without running anything"
        )
    req = request("load", project, sha256)
    limits = _limits(max_time, max_memory, max_result)
    asked = {"sha256": req.sha256, "limits": limits}
    with open_source(path) as source:
        if pool is not None:
            connection = _connect(os.fspath(pool))
        else:
            wanted_python = sys.executable if python is None else shutil.which(python) or os.fspath(python)
            connection = _start(wanted_python, source.size, req.project, limits)
        with connection as ask:
            answer, tensors = ask({"name": source.path, **asked}, source.fd)
    with contextlib.closing(_Descriptor(tensors)):
        record = _record(answer, source, asked, warm=pool is not None)
        value = _rebuild(tensors, source.path, str(record["output"]["sha256"]))
    _tell(source, record)
    return value


def _limits(max_time: float | None, max_memory: int | None, max_result: int | None) -> dict[str, float]:
    """Return those that were given, as a request spells them."""
    limits: dict[str, float] = {}
    if max_time is not None:
        _within("max_time", max_time, numbers.Real, _MOST_SECONDS)
        limits["seconds"] = max(float(max_time), 1e-9)
    for argument, name, value in (
        ("max_memory", "memory_bytes", max_memory),
        ("max_result", "result_bytes", max_result),
    ):
        if value is not None:
            _within(argument, value, numbers.Integral, _MOST_BYTES)
            limits[name] = int(value)
    return limits


def _within(argument: str, value: Any, kind: Any, most: float) -> None:
    if isinstance(value, bool) or not isinstance(value, kind):
        number = "a whole number" if kind is numbers.Integral else "a number"
        raise TypeError(f"{argument} must be {number}, not {type(value).__name__}")
    if not 0 < value <= most:
        raise ValueError(f"{argument} must be above zero, and at most {most}")


def _flags(limits: dict[str, float]) -> Iterator[str]:
    """Raise the limits of a worker to those, as a request only lowers them."""
    if "seconds" in limits:
        yield f"--max-time={round(limits['seconds'] * 1e9)}ns"
    # The flag binds the import of torch as well, which less may not be enough for.
    if limits.get("memory_bytes", 0) > _START_MEMORY:
        yield f"--max-memory={limits['memory_bytes']}"
    if "result_bytes" in limits:
        yield f"--max-result={limits['result_bytes']}"


class _Descriptor:
    def __init__(self, fd: int) -> None:
        self.fd = fd

    def close(self) -> None:
        if self.fd >= 0:
            os.close(self.fd)


class _Asker:
    """One connection, which takes one request."""

    def __init__(self, connection: socket.socket, where: str) -> None:
        self._connection = connection
        self._where = where

    def __call__(self, asked: dict[str, Any], fd: int) -> tuple[dict[str, Any], int]:
        body = json.dumps({key: value for key, value in asked.items() if value}).encode()
        received = -1
        self._connection.settimeout(_PATIENCE + asked["limits"].get("seconds", 0))
        try:
            socket.send_fds(self._connection, [len(body).to_bytes(4, "little") + body], [fd])
            head, received = self._head()
            answer = json.loads(self._exactly(int.from_bytes(head, "little")))
            if not isinstance(answer, dict) or (answer.get("error") is None) != (received >= 0):
                raise ValueError("an answer with neither or both of tensors and an error")
        except (OSError, ValueError, RecursionError) as exc:
            _Descriptor(received).close()
            raise BinaryError(
                "the sandbox gave no answer",
                where=self._where,
                why=str(exc) or type(exc).__name__,
                hint="nothing was loaded; andiron sandbox doctor tries each part",
            ) from exc
        return answer, received

    def _head(self) -> tuple[bytes, int]:
        head, received = b"", -1
        while len(head) < 4:
            data, fds, _, _ = socket.recv_fds(self._connection, 4 - len(head), 1, socket.MSG_CMSG_CLOEXEC)
            for fd in fds:
                _Descriptor(received).close()
                received = fd
            if not data:
                _Descriptor(received).close()
                raise ConnectionError("the other side ended")
            head += data
        return head, received

    def _exactly(self, size: int) -> bytes:
        if size > _MOST_ANSWER:
            raise ValueError(f"an answer of {size} bytes")
        data = bytearray()
        while len(data) < size:
            piece = self._connection.recv(min(size - len(data), 1 << 20))
            if not piece:
                raise ConnectionError("the other side ended in the middle")
            data += piece
        return bytes(data)


@contextlib.contextmanager
def _connect(pool: str) -> Iterator[_Asker]:
    """Ask a pool that listens."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        try:
            connection.connect(pool)
            credentials = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i"))
        except OSError as exc:
            raise SandboxError(
                "the pool cannot be reached",
                where=pool,
                why=str(exc),
                hint=f"start it: andiron sandbox pool --socket {pool}",
            ) from exc
        if struct.unpack("3i", credentials)[1] not in (0, os.geteuid()):
            raise SandboxError("the pool belongs to another user", where=pool, hint="start one of your own")
        yield _Asker(connection, pool)


@contextlib.contextmanager
def _start(python: str, size: int, folder: str, limits: dict[str, float]) -> Iterator[_Asker]:
    """Start a worker for one file."""
    if folder:
        _enter(folder)
    binary = _binary.find()
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
    with ours, tempfile.TemporaryFile() as said:
        with theirs:
            fd = theirs.fileno()
            args = ["sandbox", "pool", "--fd", str(fd), "--python", python, "--log", os.devnull]
            args += ["--max-input", str(max(1, size)), "--wait", "2m"]  # the start has a limit of its own
            args += _flags(limits)
            if folder and os.path.exists(os.path.join(folder, _POLICY)):
                args += ["--policy", _POLICY]  # its folder was named, so what it has run is the caller's
            process = _binary.start(args, stderr=said, pass_fds=(fd,), folder=folder or None)
        try:
            yield _Asker(ours, binary)
        except BinaryError as exc:
            ours.close()
            process.wait()
            said.seek(0)
            why, _, hint = said.read(4096).decode("utf-8", "replace").strip().partition("\nhint: ")
            exc.why, exc.hint = why or exc.why, hint or exc.hint
            raise
        finally:
            # It ends by itself; nobody need wait for that.
            threading.Thread(target=process.wait, name="andiron-sandbox", daemon=True).start()


def _enter(folder: str) -> None:
    """Make sure that the binary can be started in a folder."""
    try:
        os.stat(os.path.join(folder, "."))
    except (OSError, ValueError) as exc:
        raise PolicyError(
            "the project's folder cannot be entered",
            where=folder,
            why=reason(exc),
            hint="name the folder that holds andiron.yaml or andiron.lock",
        ) from exc


def _record(answer: dict[str, Any], source: Source, asked: dict[str, Any], *, warm: bool) -> dict[str, Any]:
    """Return the record of a load that gave tensors, and raise the error of another."""
    record = answer.get("record")
    error = answer.get("error")
    if error is None and isinstance(record, dict) and isinstance(record.get("output"), dict):
        return record
    if not isinstance(error, dict):
        raise BinaryError("the sandbox gave no record", hint="the package and the binary must come from the same wheel")
    record = record if isinstance(record, dict) else {}
    _tell(source, record)
    text = str(error.get("text")) + _lowered(asked["limits"], record, "the pool" if warm else "the policy")
    raise _error(error, text, record, source, asked["sha256"], warm=warm)


def _lowered(limits: dict[str, float], record: dict[str, Any], who: str) -> str:
    """Say which limits were lower than was asked for; 0 is one that did not come to be."""
    least = {name: (record.get("limits") or {}).get(name, 0) for name in limits}
    told = [
        f"{name}: {least[name]}, not {value}"
        for name, value in limits.items()
        if least[name] and value - least[name] > 1e-6  # times are cut to nanoseconds
    ]
    return f"; {who} has a lower limit: {', '.join(told)}" if told else ""


_LIMIT = "hostile files do that; max_time, max_memory and max_result give more to one that you expect to need it"


def _error(
    error: dict[str, Any], text: str, record: dict[str, Any], source: Source, wanted: str, *, warm: bool
) -> AndironError:
    kind, limit = str(error.get("kind")), error.get("limit") is True
    if kind == "digest":
        mismatch = DigestMismatchError(
            "is not the file that was expected",
            where=source.path,
            why=text,
            hint="fetch it again, or find out what the right digest is",
        )
        mismatch.expected, mismatch.actual = wanted, str(record.get("input", {}).get("sha256", ""))
        return mismatch
    if kind == "contained":
        return ContainedError(
            "what loading it does was stopped",
            where=source.path,
            why=text,
            hint=_LIMIT if limit else "do not load this file anywhere else",
            record=record,
        )
    if kind == "request":
        return BinaryError(
            "the sandbox does not understand this package",
            where=source.path,
            why=text,
            hint="the package and the binary must come from the same wheel",
        )
    return SandboxError(
        "the sandbox gave no tensors",
        where=source.path,
        why=text,
        hint=_LIMIT
        if limit
        else {
            "import": "see sandbox.path of the policy, which says where modules of your own lie; "
            "while one is imported it may read, and write to a temporary folder",
            "failed": "andiron convert reads checkpoints without running them",
            "needs": "allow what it needs in andiron.yaml, beneath sandbox, if you trust that",
            "changed": "load it again when nobody writes to it",
            "busy": "try again, or give the pool more workers"
            if warm
            else "name a Python that has torch: python=...; andiron sandbox doctor tries each part",
        }.get(kind, "andiron sandbox doctor says what is missing, and what helps"),
        record=record,
    )


def _tell(source: Source, record: dict[str, Any]) -> None:
    emit(
        _log, logging.INFO if not record.get("error") else logging.WARNING, "sandbox", path=source.path,
        observed=record.get("observed"), error=record.get("error"), record=record,
    )  # fmt: skip


def _rebuild(fd: int, where: str, sha256: str) -> Any:
    """Map the tensors, and build what held them."""
    buffer = _mapped(fd, where)
    copy = Copy(buffer, sha256)
    header = _safetensors.parse(lambda begin, end: buffer[begin:end], copy.size, where)
    made = _torch.tensors(copy, header, where, "cpu")
    builder = _Builder(made, where)
    try:
        return builder.node(json.loads((header.metadata or {}).get(_TREE, "")), 0)
    except (ValueError, RecursionError) as exc:
        raise builder.error(str(exc)) from exc


def _mapped(fd: int, where: str) -> mmap.mmap:
    import fcntl

    seals = fcntl.F_SEAL_WRITE | fcntl.F_SEAL_GROW | fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_SEAL
    try:
        if fcntl.fcntl(fd, fcntl.F_GET_SEALS) & seals != seals:
            raise OSError("it is not sealed")
        # Written to by its owner, a page becomes a copy that is this process's own.
        return mmap.mmap(fd, os.fstat(fd).st_size, access=mmap.ACCESS_COPY)
    except (OSError, ValueError) as exc:
        raise BinaryError(
            "what the sandbox gave cannot be used",
            where=where,
            why=str(exc),
            hint="the package and the binary must come from the same wheel",
        ) from exc


class _Builder:
    """Builds dicts, lists, tuples and plain values from ``andiron.tree``."""

    def __init__(self, tensors: dict[str, Any], where: str) -> None:
        self._tensors = tensors
        self._where = where

    def error(self, why: str) -> FormatError:
        return FormatError(
            "the sandbox gave tensors that do not fit together",
            where=self._where,
            why=why[:200],
            hint="do not load this file anywhere else",
        )

    def node(self, node: Any, depth: int) -> Any:
        if not isinstance(node, dict) or depth > _DEEP:
            raise self.error("a node is no object, or too deep")
        if set(node) in ({"d"}, {"m", "d"}):
            return self.dictionary(node["d"], depth + 1)
        if len(node) != 1:
            raise self.error(f"a node with {sorted(node)}")
        (kind,) = node
        return self.value(kind, node[kind], depth + 1)

    def dictionary(self, pairs: Any, depth: int) -> dict[Any, Any]:
        made: dict[Any, Any] = {}
        for pair in self.items(pairs):
            if not isinstance(pair, list) or len(pair) != 2 or type(pair[0]) not in (str, int, bool, float):
                raise self.error("an entry of a dictionary is no pair of a key and a node")
            made[pair[0]] = self.node(pair[1], depth)
        return made

    def items(self, value: Any) -> list[Any]:
        if not isinstance(value, list):
            raise self.error("no list where one is wanted")
        return value

    def value(self, kind: str, value: Any, depth: int) -> Any:
        if kind == "v" and (value is None or type(value) in (str, int, bool, float)):
            return value
        if kind == "f" and value in ("nan", "inf", "-inf"):
            return float(value)
        if kind == "t" and isinstance(value, str) and value in self._tensors:
            return self._tensors[value]
        if kind == "l":
            return [self.node(item, depth) for item in self.items(value)]
        if kind == "u":
            return tuple(self.node(item, depth) for item in self.items(value))
        if kind == "s" and isinstance(value, str):
            return self.named(value)
        raise self.error(f"a node of the kind {kind!r}")

    def named(self, text: str) -> Any:
        """Return a type or a device of torch."""
        torch = _torch.torch_module()
        dtype = getattr(torch, text.removeprefix("torch."), None)
        if text.startswith("torch.") and isinstance(dtype, torch.dtype):
            return dtype
        try:
            return torch.device(text)
        except RuntimeError as exc:
            raise self.error(f"{text!r} is no type and no device") from exc
