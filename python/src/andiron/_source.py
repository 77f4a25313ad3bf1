"""The file to load: opened once, and never looked up by name again."""

from __future__ import annotations

import os
import stat
from types import TracebackType

from ._errors import FileAccessError

# O_NONBLOCK keeps a FIFO without a writer from blocking the open; regular files
# ignore it. O_NOCTTY keeps a terminal from becoming ours.
_FLAGS = (
    os.O_RDONLY
    | getattr(os, "O_CLOEXEC", 0)
    | getattr(os, "O_NONBLOCK", 0)
    | getattr(os, "O_NOCTTY", 0)
    | getattr(os, "O_BINARY", 0)
)


class Source:
    """An open regular file, and what was true of it when it was opened."""

    def __init__(self, path: str, fd: int, status: os.stat_result) -> None:
        self.path = path
        self.fd = fd
        self.size = status.st_size
        self.mode = status.st_mode
        self.uid = status.st_uid

    def read_at(self, piece: memoryview, offset: int) -> int:
        """Fill piece from an offset, without moving anybody's position."""
        if hasattr(os, "preadv"):
            return os.preadv(self.fd, [piece], offset)
        os.lseek(self.fd, offset, os.SEEK_SET)
        data = os.read(self.fd, len(piece))
        piece[: len(data)] = data
        return len(data)

    def __enter__(self) -> Source:
        return self

    def __exit__(self, kind: type[BaseException] | None, exc: BaseException | None, tb: TracebackType | None) -> None:
        os.close(self.fd)


class MemorySource(Source):
    """Bytes that somebody handed over; to the policy, what a user uploads."""

    def __init__(self, data: bytes) -> None:
        self.path = os.path.abspath("<memory>")
        self.fd = -1
        self.size = len(data)
        self.mode = stat.S_IFREG | 0o600
        self.uid = os.getuid() if hasattr(os, "getuid") else 0
        self._data = memoryview(data)

    def data(self) -> bytes:
        """Return the bytes."""
        return bytes(self._data)

    def read_at(self, piece: memoryview, offset: int) -> int:
        data = self._data[offset : offset + len(piece)]
        piece[: len(data)] = data
        return len(data)

    def __exit__(self, kind: type[BaseException] | None, exc: BaseException | None, tb: TracebackType | None) -> None:
        self._data.release()


def open_source(path: str | os.PathLike[str]) -> Source:
    """Open path, which must be a regular file.

    Raises FileAccessError for anything else and TypeError for what is no path.
    """
    name = _name(path)
    try:
        fd = os.open(name, _FLAGS)
    except (OSError, ValueError) as exc:
        raise FileAccessError(
            "cannot be opened",
            where=name,
            why=reason(exc),
            hint="name a file that is there and may be read; a relative path begins at the current folder",
        ) from exc
    return _checked(name, fd)


def adopt(fd: int, name: str) -> Source:
    """Take a private descriptor of a file that somebody else has open."""
    return _checked(name, os.dup(fd))


def _checked(name: str, fd: int) -> Source:
    try:
        status = os.fstat(fd)
        if not stat.S_ISREG(status.st_mode):
            raise FileAccessError(
                f"is {_kind(status.st_mode)}, not a regular file", where=name, hint="give the path of one model file"
            )
        return Source(_absolute(name), fd, status)
    except BaseException:
        os.close(fd)
        raise


def _name(path: object) -> str:
    if isinstance(path, (str, os.PathLike)):
        name = os.fspath(path)
        if isinstance(name, str):
            return name
    raise TypeError(
        f"path must be str or os.PathLike, not {type(path).__name__}: "
        "what was opened elsewhere may have been read already, so andiron opens files itself"
    )


def _absolute(name: str) -> str:
    # Only the kernel can say what ".." means behind a symbolic link.
    if os.pardir in name.split(os.sep):
        return os.path.realpath(name)
    return os.path.abspath(name)


def _kind(mode: int) -> str:
    kinds = (
        (stat.S_ISDIR, "a folder"),
        (stat.S_ISFIFO, "a pipe"),
        (stat.S_ISCHR, "a device"),
        (stat.S_ISBLK, "a device"),
        (stat.S_ISSOCK, "a socket"),
    )
    return next((text for test, text in kinds if test(mode)), "something else")


def reason(exc: Exception) -> str:
    return (exc.strerror or str(exc)) if isinstance(exc, OSError) else str(exc)
