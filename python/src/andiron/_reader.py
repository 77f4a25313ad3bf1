"""A file-like object over a private copy, which gives back what was read."""

from __future__ import annotations

import bisect
import io
import mmap
from typing import TYPE_CHECKING, Final

from ._errors import LoadError

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

    from ._copy import Copy

# Reads below this are headers and pickles, which loaders read again.
_LARGE: Final = 1 << 20


class CopyReader(io.RawIOBase):
    """Reads a private copy from memory; there is no descriptor to get around it.

    A tensor's bytes are large and read once. Their pages go back to the system
    after that, so that the copy shrinks while the tensors grow. Reading them a
    second time is a LoadError: the system would give zeros.
    """

    def __init__(self, copy: Copy, *, once: bool = True) -> None:
        """Read copy; once says that large ranges are read no more than once."""
        self._buffer = copy.buffer
        self._size = copy.size
        self._at = 0
        self._release = once and copy.releasable and hasattr(mmap, "MADV_DONTNEED")
        self._gone: list[tuple[int, int]] = []  # disjoint, in order

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._at

    def seek(self, offset: int, whence: int = io.SEEK_SET, /) -> int:
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._size}[whence]
        if base + offset < 0:
            raise ValueError(f"negative position {base + offset}")
        self._at = base + offset
        return self._at

    def read(self, size: int | None = -1, /) -> bytes:
        return self._take(self._end(size))

    def readall(self) -> bytes:
        return self._take(self._size)

    def readline(self, size: int | None = -1, /) -> bytes:
        end = self._end(size)
        newline = self._buffer.find(b"\n", self._at, end)
        return self._take(end if newline < 0 else newline + 1)

    def readinto(self, into: WriteableBuffer, /) -> int:
        with memoryview(into).cast("B") as target:
            begin, end = self._at, self._end(len(target))
            self._check(begin, end)
            with memoryview(self._buffer) as view:
                target[: max(0, end - begin)] = view[begin:end]
        self._consumed(begin, end)
        return max(0, end - begin)

    def peek(self, size: int = 0, /) -> bytes:
        end = self._end(max(size, 64))
        self._check(self._at, end)
        return self._buffer[self._at : end]

    def _end(self, size: int | None) -> int:
        if size is None or size < 0:
            return self._size
        return min(self._size, self._at + size)

    def _take(self, end: int) -> bytes:
        begin = self._at
        self._check(begin, end)
        data = self._buffer[begin:end]
        self._consumed(begin, end)
        return data

    def _consumed(self, begin: int, end: int) -> None:
        self._at = max(begin, end)
        if self._release and end - begin >= _LARGE:
            self._drop(-(-begin // mmap.PAGESIZE) * mmap.PAGESIZE, end // mmap.PAGESIZE * mmap.PAGESIZE)

    def _drop(self, begin: int, end: int) -> None:
        # First noted, then done: an interruption between the two loses nothing.
        bisect.insort(self._gone, (begin, end))
        self._buffer.madvise(mmap.MADV_DONTNEED, begin, end - begin)

    def _check(self, begin: int, end: int) -> None:
        last = bisect.bisect_left(self._gone, (end, 0)) - 1
        if last >= 0 and self._gone[last][1] > begin and end > begin:
            raise LoadError(
                "the loader read the same tensor twice",
                why=f"bytes {begin} to {end} were already handed over and given back to the system",
                hint="report this with the version of torch",
            )
