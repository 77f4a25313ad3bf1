"""The public functions that load a file after it was verified."""

from __future__ import annotations

import dataclasses
import functools
import hashlib
import logging
import os
import re
import warnings
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final, ParamSpec, TypeVar, Union

from . import _decision, _safetensors, _torch
from ._copy import CHUNK, Copy, copy_source
from ._decision import Answer, Operation, Request
from ._errors import AndironError, AndironSecurityWarning, DigestMismatchError, PolicyError, RefusedError
from ._record import emit
from ._source import Source, open_source

if TYPE_CHECKING:
    import torch

_log = logging.getLogger("andiron.load")

Path = Union[str, "os.PathLike[str]"]
_P = ParamSpec("_P")
_T = TypeVar("_T")

# What torch.load takes and a verified load does not, and why.
_REFUSED: Final = {
    "pickle_module": "another unpickler would undo the verification",
    "weights_only": "it is always on; load_unsafe(path, reason=...) switches it off",
    "pickle_load_args": "they are for unpicklers that are not used",
    "encoding": "it is for unpicklers that are not used",
    "mmap": "bytes that are mapped from the file can change after the check; they are read once instead",
}


def explained(function: Callable[_P, _T]) -> Callable[_P, _T]:
    """Say why a parameter of torch.load is none of ours, instead of only that."""
    return explaining(_REFUSED)(function)


def explaining(refused: dict[str, str]) -> Callable[[Callable[_P, _T]], Callable[_P, _T]]:
    """Do so with the reasons of one function."""

    def decorate(function: Callable[_P, _T]) -> Callable[_P, _T]:
        @functools.wraps(function)
        def checked(*args: _P.args, **kwargs: _P.kwargs) -> _T:
            for name in kwargs:
                if name in refused:
                    raise TypeError(f"{function.__name__}() has no parameter {name!r}: {refused[name]}")
            return function(*args, **kwargs)

        return checked

    return decorate


@dataclasses.dataclass(frozen=True)
class Verified:
    """A private copy that may be loaded."""

    path: str
    copy: Copy
    answer: Answer


def request(
    operation: Operation,
    project: Path | None = None,
    sha256: str | None = None,
    url: str | None = None,
    upload: bool = False,
) -> Request:
    """Build a request, and check what the caller gave."""
    digest = (sha256 or "").lower().removeprefix("sha256:")
    if sha256 is not None and not re.fullmatch("[0-9a-f]{64}", digest):
        raise ValueError(f"sha256 must be 64 hexadecimal digits, not {sha256!r}")
    folder = os.fspath(project) if project is not None else ""
    return Request(operation, folder, url or "", digest, bool(upload))


def verify(source: Source, req: Request, *, named: bool = False) -> Verified:
    """Decide about an open file, and return a copy of the bytes that were decided about."""
    early = _decision.at_open(req, source)
    copy = copy_source(source, named=named or early.needs_bytes)
    try:
        answer = _decision.at_bytes(req, source, copy)
    except BaseException:
        copy.close()
        raise
    _tell(req, source, copy, answer)
    return Verified(source.path, copy, answer)


def _tell(req: Request, source: Source, copy: Copy, answer: Answer) -> None:
    emit(
        _log, logging.INFO, "verified", operation=req.operation, path=source.path, sha256=copy.sha256,
        format=answer.format, verdict=answer.verdict, source=answer.source,
    )  # fmt: skip
    for warning in answer.warnings:
        emit(_log, logging.WARNING, "warning", path=source.path, what=warning)


@explained
def load(
    path: Path,
    *,
    map_location: Any = None,
    project: Path | None = None,
    sha256: str | None = None,
    url: str | None = None,
    upload: bool = False,
) -> Any:
    """Load a checkpoint after its very bytes were verified.

    The file is opened once and read once, into memory of this process that
    nobody else can write to. Its digest, and if the policy asks for it its
    signature and what loading it would do, are judged on that copy, and the copy
    is what is loaded: ``.safetensors`` as :func:`load_safetensors` does, anything
    else by ``torch.load`` with ``weights_only=True``, always.

    path: the file; a name, because what is trusted is a place or a digest.
    map_location: as for torch.load; for safetensors a device.
    project: the folder with andiron.lock and andiron.yaml; without it, the first
        one from the current folder upwards.
    sha256: the digest that the bytes must have. Without a lock entry it makes
        the file trusted, and the bytes must then also pass the scanner.
    url: where the file was fetched from, for policies that trust addresses.
    upload: whether the file comes from a user; policies deny that by default.

    Raises a RefusedError (UntrustedModelError, DigestMismatchError, PolicyError,
    SignatureError, ScanError) for what must not be loaded, FileAccessError,
    FormatError or LoadError for what cannot be, BinaryError if nobody could say,
    and ValueError or TypeError for arguments that make no sense. Nothing of the
    file has been executed by then.

    >>> state = andiron.load("models/backbone.pt", map_location="cpu")
    """
    with open_source(path) as source:
        verified = verify(source, request("load", project, sha256, url, upload))
    return finish(verified, map_location)


def finish(verified: Verified, map_location: Any) -> Any:
    """Load a verified copy by what its bytes are, which its name must agree with."""
    with verified.copy as copy:
        safe = _safetensors.looks_like(copy.buffer[:9], copy.size)
        named = verified.path.lower().endswith(".safetensors")
        if safe != named:
            raise _disagreement(verified.path, safe)
        if safe:
            return _tensors(copy, verified.path, "cpu" if map_location is None else map_location)
        return _torch.load_pickle(copy, verified.path, map_location)


def _disagreement(path: str, safe: bool) -> PolicyError:
    if safe:
        return PolicyError(
            "is safetensors, and its name says otherwise",
            where=path,
            why="loaders decide by the name, so they would read it differently",
            hint="rename it to .safetensors, or use andiron.load_safetensors",
        )
    return PolicyError(
        "is not safetensors, though its name says so",
        where=path,
        why="the first bytes are no safetensors header",
        hint="rename it after what it is; andiron scan says what that is",
    )


def _tensors(copy: Copy, path: str, device: Any) -> dict[str, Any]:
    if callable(device) or isinstance(device, dict):
        raise TypeError("for safetensors, map_location must be a device")
    header = _safetensors.parse(lambda begin, end: copy.buffer[begin:end], copy.size, path)
    return _torch.tensors(copy, header, path, device)


@explained
def load_safetensors(
    path: Path,
    device: Any = "cpu",
    *,
    project: Path | None = None,
    sha256: str | None = None,
    url: str | None = None,
    upload: bool = False,
) -> dict[str, torch.Tensor]:
    """Load a safetensors file after its very bytes were verified.

    As :func:`load`, and the header is read strictly: a key that is given twice,
    a hole, an overlap, bytes after the end, an unknown field are refused. On the
    CPU the tensors are views of the verified copy, so memory holds the file once.

    Raises what :func:`load` raises; FormatError for a file that is not
    well-formed safetensors.

    >>> weights = andiron.load_safetensors("models/embeddings.safetensors")
    """
    with open_source(path) as source:
        verified = verify(source, request("load_safetensors", project, sha256, url, upload))
    with verified.copy as copy:
        return _tensors(copy, verified.path, device)


@explained
def jit_load(
    path: Path,
    map_location: Any = None,
    *,
    project: Path | None = None,
    sha256: str | None = None,
    url: str | None = None,
    upload: bool = False,
) -> Any:
    """Load a TorchScript archive after its very bytes were verified.

    ``torch.jit.load`` runs code of the archive before it returns, and has no safe
    mode. So the code is judged first, unless andiron.lock has these bytes with a
    verdict that passes, and what may run code at load time is a ScanError.

    Raises what :func:`load` raises.

    >>> model = andiron.jit_load("models/classifier_ts.pt", map_location="cpu")
    """
    with open_source(path) as source:
        verified = verify(source, request("jit_load", project, sha256, url, upload), named=True)
    with verified.copy as copy:
        return _torch.load_code(copy, map_location, verified.path)


@explained
def load_unsafe(
    path: Path, *, reason: str, map_location: Any = None, project: Path | None = None, sha256: str | None = None
) -> Any:
    """Load a file that the policy does not allow, and let it run what it says.

    **This executes what the file contains.** It exists so that the exception is
    spelled out, found by audits, and recorded: reason is what the record says.
    Still, the file is read once, and bytes that differ from ``sha256`` or from the
    digest that andiron.lock has for the path are refused, because a changed
    trusted file is an attack whatever the reason.

    Warns with AndironSecurityWarning, and logs to ``andiron.load``. Raises
    ValueError without a reason, DigestMismatchError, FileAccessError, LoadError
    or BinaryError.
    """
    if not isinstance(reason, str) or not reason.strip():
        raise ValueError("load_unsafe() needs a reason: say why this file may run code here")
    req = request("load", project, sha256)
    with open_source(path) as source:
        copy = copy_source(source, named=True)
    with copy:
        refused = _refusal(req, source, copy)
        if isinstance(refused, DigestMismatchError):
            raise refused
        emit(
            _log, logging.WARNING, "load_unsafe", path=source.path, sha256=copy.sha256, reason=reason,
            refused=str(refused) if refused else "",
        )  # fmt: skip
        warnings.warn(
            f"{source.path} is loaded without protection, and may run any code: {reason}",
            AndironSecurityWarning,
            stacklevel=3,
        )
        return _torch.load_anything(copy, map_location, source.path)


def _refusal(req: Request, source: Source, copy: Copy) -> AndironError | None:
    try:
        _decision.at_bytes(req, source, copy)
    except RefusedError as exc:
        return exc
    return None


@explained
def hash_file(path: Path) -> str:
    """Return the SHA-256 of a regular file, in hexadecimal.

    The file is read from beginning to end, with a megabyte in memory. Raises
    FileAccessError.
    """
    digest = hashlib.sha256()
    with open_source(path) as source, memoryview(bytearray(CHUNK)) as buffer:
        at = 0
        while n := source.read_at(buffer, at):
            digest.update(buffer[:n])
            at += n
    return digest.hexdigest()
