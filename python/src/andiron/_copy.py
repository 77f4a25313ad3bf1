"""Private copies of a file's bytes, made while they are hashed.

# Security

Whatever was judged must be what is loaded, and a file can be written to by
somebody else at any time. So the file is read exactly once, into memory that
nobody else can reach, and everything after that (digest, decision, loading) is
about this copy. There are three kinds:

* anonymous memory, which no other process can name;
* a sealed memfd, for when another process (the scanner) or a loader that wants a
  path must see it: the kernel refuses every write after sealing;
* where there is no memfd, a file in a folder that only this user may enter.

# Limits

A copy takes as much memory as the file has bytes. The readers of this package
give pages back as soon as they were consumed.
"""

from __future__ import annotations

import contextlib
import hashlib
import mmap
import os
import queue
import shutil
import sys
import tempfile
import threading
from types import TracebackType
from typing import Any, Final

from ._errors import AndironError, FileAccessError
from ._source import Source

# Large enough that the costs per piece vanish, small enough that the piece which
# was read is still in the processor's cache when it is hashed.
CHUNK: Final = 1 << 20

_MADV_HUGEPAGE: int | None = getattr(mmap, "MADV_HUGEPAGE", None)


class Copy:
    """Bytes that nobody else can change, and their SHA-256.

    ``buffer`` may be written to by its owner: what is written stays in this
    process. ``path`` names the bytes for another process that inherits ``fd``,
    and is empty for anonymous memory.
    """

    def __init__(self, buffer: mmap.mmap, sha256: str, path: str = "", fd: int = -1, folder: str = "") -> None:
        self.buffer = buffer
        self.size = len(buffer)
        self.sha256 = sha256
        self.path = CopyPath(path)
        self.fd = fd
        self._folder = folder

    @property
    def pass_fds(self) -> tuple[int, ...]:
        return (self.fd,) if self.fd >= 0 else ()

    @property
    def releasable(self) -> bool:
        """Whether giving pages of the buffer back frees memory."""
        return not self.path

    def close(self) -> None:
        """Forget the name and the descriptor. The buffer lives while somebody uses it."""
        if self.fd >= 0:
            os.close(self.fd)
            self.fd = -1
        if self._folder:
            shutil.rmtree(self._folder, ignore_errors=True)
            self._folder = ""

    def __enter__(self) -> Copy:
        return self

    def __exit__(self, kind: type[BaseException] | None, exc: BaseException | None, tb: TracebackType | None) -> None:
        self.close()
        if exc is not None:
            # The traceback holds this object; it need not hold the memory, too.
            with contextlib.suppress(BufferError):
                self.buffer.close()


class CopyPath(str):
    """The path of a private copy; the guard lets it pass."""


def copy_source(source: Source, *, named: bool) -> Copy:
    """Read source to its end, once.

    named asks for a copy that has a path. Raises FileAccessError if the file is
    empty, cannot be read, or does not end where it did when it was opened.
    """
    if source.size == 0:
        raise FileAccessError("is empty", where=source.path, hint="fetch or write the file again")
    try:
        return _named(source) if named else _anonymous(source)
    except (OSError, MemoryError, OverflowError, ValueError) as exc:
        raise FileAccessError(
            f"its {source.size} bytes could not be copied into memory",
            where=source.path,
            why=str(exc),
            hint="the whole file has to fit into memory, once",
        ) from exc


def _anonymous(source: Source) -> Copy:
    buffer = mmap.mmap(-1, source.size, **_private())
    _huge(buffer)
    return Copy(buffer, fill(source, buffer))


def _huge(buffer: mmap.mmap) -> None:
    """Ask for large pages, which make filling memory several times cheaper."""
    if _MADV_HUGEPAGE is not None:
        with contextlib.suppress(OSError):  # a kernel without them
            buffer.madvise(_MADV_HUGEPAGE)


def _private() -> dict[str, Any]:
    if os.name == "nt":
        return {}
    return {"flags": mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS}


def _named(source: Source) -> Copy:
    if sys.platform == "linux":
        return _sealed(source)
    return _filed(source)


if sys.platform == "linux":
    import fcntl

    # Numbers of Linux's fcntl.h, which module fcntl of Python has.
    _SEALS: Final = fcntl.F_SEAL_WRITE | fcntl.F_SEAL_GROW | fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_SEAL

    def _sealed(source: Source) -> Copy:
        fd = os.memfd_create("andiron", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
        try:
            sha256 = _fill_file(fd, source)
            # Refused by the kernel while anything could still write.
            fcntl.fcntl(fd, fcntl.F_ADD_SEALS, _SEALS)
            buffer = mmap.mmap(fd, source.size, access=mmap.ACCESS_COPY)
        except BaseException:
            os.close(fd)
            raise
        return Copy(buffer, sha256, f"/proc/self/fd/{fd}", fd)

else:

    def _sealed(source: Source) -> Copy:
        return _filed(source)


def _filed(source: Source) -> Copy:
    folder = tempfile.mkdtemp(prefix="andiron-")
    try:
        path = os.path.join(folder, "copy")
        fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0), 0o600)
        try:
            sha256 = _fill_file(fd, source)
            os.chmod(path, 0o400)
            buffer = mmap.mmap(fd, source.size, access=mmap.ACCESS_COPY)
        finally:
            os.close(fd)
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    return Copy(buffer, sha256, path, folder=folder)


def _fill_file(fd: int, source: Source) -> str:
    os.ftruncate(fd, source.size)
    with mmap.mmap(fd, source.size) as buffer:
        _huge(buffer)
        return fill(source, buffer)


def fill(source: Source, buffer: mmap.mmap) -> str:
    """Read source into buffer and return the SHA-256 of what buffer then holds.

    One thread reads, another hashes what has been read.
    """
    with memoryview(buffer) as view, _Hasher(view) as hasher:
        at = 0
        while at < source.size:
            with view[at : at + CHUNK] as piece:
                n = source.read_at(piece, at)
            if n == 0:
                raise _changed(source, f"ended after {at} bytes")
            at += n
            hasher.reached(at)
    if source.read_at(memoryview(bytearray(1)), source.size):
        raise _changed(source, f"has more than {source.size} bytes")
    return hasher.hexdigest()


def _changed(source: Source, what: str) -> AndironError:
    return FileAccessError(
        "changed while it was read",
        where=source.path,
        why=f"it had {source.size} bytes when it was opened, and {what}",
        hint="load files that nothing writes to; write a new file and rename it",
    )


class _Hasher:
    """A thread that hashes a buffer up to where it was filled."""

    def __init__(self, view: memoryview) -> None:
        self._view = view
        self._hash = hashlib.sha256()
        self._ends: queue.SimpleQueue[int] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._run, name="andiron-sha256", daemon=True)

    def __enter__(self) -> _Hasher:
        if len(self._view) > CHUNK:
            with contextlib.suppress(RuntimeError):  # no more threads: hash at the end
                self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, exc: BaseException | None, tb: TracebackType | None) -> None:
        self._ends.put(-1)
        if self._thread.ident is None:
            self._run()
        else:
            self._thread.join()

    def reached(self, end: int) -> None:
        self._ends.put(end)

    def hexdigest(self) -> str:
        return self._hash.hexdigest()

    def _run(self) -> None:
        done = 0
        while (end := self._ends.get()) >= 0:
            with self._view[done:end] as piece:
                self._hash.update(piece)
            done = end
