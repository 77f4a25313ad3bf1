"""Finds and runs the andiron binary that was installed with this package.

# Security

The binary decides what is trusted, so which one runs must not depend on what an
attacker may set. There is deliberately no environment variable for it, and PATH
is not searched: the binary is the one that the package's own installation record
names, or the one in the scripts folder that belongs to this installation.
"""

from __future__ import annotations

import os
import subprocess
import sysconfig
from collections.abc import Iterator, Sequence
from typing import IO

from ._errors import BinaryError, BinaryNotFoundError

_NAME = "andiron.exe" if os.name == "nt" else "andiron"

# What the binary may know of the environment: where people keep their files.
# Variables that steer the Go runtime are not among it.
_ENVIRONMENT = (
    "HOME", "XDG_CACHE_HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME", "TMPDIR", "TEMP", "TMP",
    "SYSTEMROOT", "USERPROFILE", "APPDATA", "LOCALAPPDATA",
)  # fmt: skip

_found: str | None = None


def find() -> str:
    """Return the path of the binary.

    Raises BinaryNotFoundError if this installation has none.
    """
    global _found
    if _found is None:
        _found = next((path for path in _candidates() if _usable(path)), None)
    if _found is None:
        raise BinaryNotFoundError(
            "the andiron binary is not installed beside the package andiron",
            where=os.path.dirname(os.path.abspath(__file__)),
            hint="install the wheel, which carries it: pip install andiron, or pip install ./python in a checkout",
        )
    return _found


def _candidates() -> Iterator[str]:
    yield from _recorded()
    # pip install --target puts scripts here, and a record that does not say so.
    yield os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "bin", _NAME)
    yield os.path.join(sysconfig.get_path("scripts"), _NAME)


def _recorded() -> Iterator[str]:
    from importlib import metadata

    here = os.path.realpath(os.path.dirname(os.path.abspath(__file__)))
    for distribution in metadata.distributions(name="andiron"):
        # Any folder on sys.path may claim to be andiron; ours holds this file.
        if os.path.realpath(str(distribution.locate_file("andiron"))) != here:
            continue
        for file in distribution.files or ():
            if file.name == _NAME and file.parent.name in ("bin", "Scripts"):
                yield os.path.normpath(str(file.locate()))


def _usable(path: str) -> bool:
    return os.path.isfile(path) and os.access(path, os.X_OK)


def _environment() -> dict[str, str]:
    return {name: os.environ[name] for name in _ENVIRONMENT if name in os.environ}


def start(
    args: Sequence[str], *, stderr: IO[bytes], pass_fds: Sequence[int], folder: str | None
) -> subprocess.Popen[bytes]:
    """Start the binary, in a folder if one is given.

    Raises BinaryError if it cannot be started.
    """
    binary = find()
    try:
        return subprocess.Popen(  # noqa: S603 - our own binary, no shell
            [binary, *args],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=stderr,
            env=_environment(),
            cwd=folder,
            pass_fds=pass_fds,
        )
    except (OSError, subprocess.SubprocessError) as exc:
        raise _not_run(binary, exc) from exc


def _not_run(binary: str, exc: Exception) -> BinaryError:
    return BinaryError(
        "the andiron binary could not be run",
        where=binary,
        why=str(exc),
        hint="install the package again, or try again",
    )


def run(args: Sequence[str], stdin: bytes, *, timeout: float, pass_fds: Sequence[int] = ()) -> bytes:
    """Run the binary and return what it wrote to its output.

    Raises BinaryError if it cannot be started, ends with an error or takes longer
    than timeout seconds.
    """
    binary = find()
    env = _environment()
    try:
        done = subprocess.run(  # noqa: S603 - our own binary, no shell
            [binary, *args], input=stdin, capture_output=True, env=env, timeout=timeout, check=False, pass_fds=pass_fds
        )
    except (OSError, subprocess.SubprocessError) as exc:
        raise _not_run(binary, exc) from exc
    if done.returncode != 0:
        lines = done.stderr.decode("utf-8", "replace").strip().splitlines()
        raise BinaryError(
            f"the andiron binary ended with code {done.returncode}",
            where=binary,
            why="; ".join(lines[:3]),
            hint="the package and the binary must come from the same wheel"
            if done.returncode == 2
            else "nothing was loaded; if it stays so, report it with what the binary said",
        )
    return done.stdout
