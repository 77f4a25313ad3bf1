"""Asks the andiron binary whether a file may be loaded.

The answer comes in two stages. At stage ``open`` nothing has been read: path,
size and owner may already be reason enough to refuse, and the answer says what
the next stage needs. At stage ``bytes`` the private copy exists, and the answer
is about its bytes alone.

# Security

Whatever is not a well-formed answer that allows the load is a refusal.

# Specification

The request and the answer are one JSON object each, version 1:
``andiron trust decide``.
"""

from __future__ import annotations

import dataclasses
import json
import os
from typing import Any, Literal

from . import _binary
from ._copy import Copy
from ._errors import (
    BinaryError,
    DigestMismatchError,
    FileAccessError,
    PolicyError,
    RefusedError,
    ScanError,
    SignatureError,
    UntrustedModelError,
)
from ._source import Source

Operation = Literal["load", "jit_load", "load_safetensors", "guard"]

# Starting the binary and reading a lock takes milliseconds.
_OPEN_SECONDS = 60.0
# A scan reads headers and pickles, however large the file.
_BYTES_SECONDS = 600.0

_VERSION = 1

_ERRORS: dict[str, type[RefusedError]] = {
    "untrusted": UntrustedModelError,
    "digest": DigestMismatchError,
    "policy": PolicyError,
    "signature": SignatureError,
    "verdict": ScanError,
    "unreadable": ScanError,  # what could not be looked at is not known to be safe
}


@dataclasses.dataclass(frozen=True)
class Request:
    """What the caller wants, and what they say about the file."""

    operation: Operation
    project: str = ""
    url: str = ""
    sha256: str = ""
    upload: bool = False


@dataclasses.dataclass(frozen=True)
class Answer:
    """What the binary said. An Answer that was not raised allows the load."""

    need: tuple[str, ...]
    format: str
    verdict: str
    source: str
    warnings: tuple[str, ...]

    @property
    def needs_bytes(self) -> bool:
        return "bytes" in self.need


def at_open(request: Request, source: Source) -> Answer:
    """Ask before anything is read. Raises a RefusedError for a refusal."""
    body = _body(request, source.path, "open")
    body.update(size=source.size, mode=source.mode, uid=source.uid)
    return _judge(body, _ask(body, (), _OPEN_SECONDS))


def at_bytes(request: Request, source: Source, copy: Copy) -> Answer:
    """Ask about the bytes of a private copy. Raises a RefusedError for a refusal."""
    if request.sha256 and request.sha256 != copy.sha256:
        raise _mismatch(source.path, request.sha256, copy.sha256, "the caller gave the digest")
    body = _body(request, source.path, "bytes")
    body.update(size=source.size, mode=source.mode, uid=source.uid, sha256=copy.sha256, file=copy.path)
    return _judge(body, _ask(body, copy.pass_fds, _BYTES_SECONDS))


def _body(request: Request, path: str, stage: str) -> dict[str, Any]:
    return {
        "v": _VERSION,
        "operation": request.operation,
        "path": path,
        "project": os.path.abspath(request.project) if request.project else "",
        "stage": stage,
        "url": request.url,
        "expect_sha256": request.sha256,
        "upload": request.upload,
    }


def _ask(body: dict[str, Any], pass_fds: tuple[int, ...], timeout: float) -> dict[str, Any]:
    try:
        request = json.dumps(body, ensure_ascii=False).encode("utf-8")
    except UnicodeEncodeError as exc:  # surrogates of a name that is not UTF-8
        raise FileAccessError("has a name that is not UTF-8", where=repr(body["path"]), hint="rename it") from exc
    output = _binary.run(("trust", "decide"), request, timeout=timeout, pass_fds=pass_fds)
    try:
        answer = json.loads(output)
    except ValueError as exc:
        raise _nonsense(f"not JSON: {output[:200]!r}") from exc
    if not isinstance(answer, dict) or answer.get("v") != _VERSION or not isinstance(answer.get("allowed"), bool):
        raise _nonsense(f"not an answer of version {_VERSION}: {output[:200]!r}")
    return answer


def _nonsense(why: str) -> BinaryError:
    return BinaryError(
        "the andiron binary gave an answer that is not understood",
        where=_binary.find(),
        why=why,
        hint="the package and the binary must come from the same wheel",
    )


def _judge(body: dict[str, Any], answer: dict[str, Any]) -> Answer:
    if not answer["allowed"]:
        raise _refusal(body, answer)
    if answer.get("code") != "ok":
        raise _nonsense(f"allowed with code {answer.get('code')!r}")
    return Answer(
        need=_texts(answer, "need"),
        format=_text(answer, "format"),
        verdict=_text(answer, "verdict"),
        source=_text(answer, "source"),
        warnings=_texts(answer, "warnings"),
    )


def _refusal(body: dict[str, Any], answer: dict[str, Any]) -> RefusedError:
    code = _text(answer, "code")
    what = _text(answer, "what") or "must not be loaded"
    about = {
        "where": _text(answer, "where") or body["path"],
        "why": _text(answer, "why"),
        "hint": _text(answer, "hint"),
    }
    kind = _ERRORS.get(code, PolicyError)  # a code of a newer binary is still a refusal
    error = kind(what, **about, rules=_texts(answer, "rules"))
    if isinstance(error, DigestMismatchError):
        error.expected = _text(answer, "expected_sha256")
        error.actual = body.get("sha256", "")
    if isinstance(error, ScanError):
        error.verdict = _text(answer, "verdict") or "unreadable"
    return error


def _mismatch(where: str, expected: str, actual: str, why: str) -> DigestMismatchError:
    error = DigestMismatchError(
        f"its SHA-256 is {actual}, not {expected}",
        where=where,
        why=why,
        hint="if the file was meant to change, find out by whom, and give the new digest",
    )
    error.expected, error.actual = expected, actual
    return error


def _text(answer: dict[str, Any], key: str) -> str:
    value = answer.get(key, "")
    return value if isinstance(value, str) else ""


def _texts(answer: dict[str, Any], key: str) -> tuple[str, ...]:
    value = answer.get(key)
    return tuple(item for item in value if isinstance(item, str)) if isinstance(value, list) else ()
