"""Everything that andiron raises, in one tree.

::

    AndironError
    ├── FileAccessError          the path is no regular file that can be read
    ├── RefusedError             the file was looked at, and must not be loaded
    │   ├── UntrustedModelError  nothing says that this file is trusted
    │   ├── DigestMismatchError  the bytes are not those that are trusted
    │   ├── PolicyError          andiron.yaml forbids it: place, size, format, age
    │   ├── SignatureError       the signature is missing or does not verify
    │   └── ScanError            loading these bytes could run code
    ├── FormatError              the bytes break their format
    │   └── SchemaError          a tensor schema is wrong (also a builtin value error)
    ├── TensorValidationError    tensors are not as their schema says (also a builtin value error)
    ├── LoadError                torch could not load the verified bytes
    ├── SandboxError             the sandbox gave no tensors: record, events
    │   └── ContainedError       it stopped what loading the file does (also one that refuses)
    └── BinaryError              the andiron binary gave no answer
        └── BinaryNotFoundError  the andiron binary is not installed
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ._tensor._violation import Violation


class AndironError(Exception):
    """The root of the tree; carries what, where, why and a hint.

    ``what`` is true of this file, in one sentence. ``where`` is the file, the
    rule or the option that it is about. ``why`` is how that is known, and
    ``hint`` what to do; any of the three may be empty.
    """

    what: str
    where: str
    why: str
    hint: str

    def __init__(self, what: str, *, where: str = "", why: str = "", hint: str = "") -> None:
        super().__init__(what)
        self.what = what
        self.where = where
        self.why = why
        self.hint = hint

    def __str__(self) -> str:
        text = f"{self.where}: {self.what}" if self.where else self.what
        if self.why:
            text += f" ({self.why})"
        if self.hint:
            text += f"\nhint: {self.hint}"
        return text

    def __reduce__(self) -> tuple[object, ...]:
        # The default would call the class with args alone and lose the rest on
        # the way through multiprocessing.
        return _rebuild, (type(self), self.what, dict(self.__dict__))


def _rebuild(kind: type[AndironError], what: str, state: dict[str, object]) -> AndironError:
    error = kind(what)
    error.__dict__.update(state)
    return error


class FileAccessError(AndironError):
    """The path cannot be opened, is no regular file, or changed while it was read."""


class RefusedError(AndironError):
    """The file was looked at and must not be loaded.

    ``rules`` are the ids of the rules that refuse it; ``andiron rules ID``
    explains one.
    """

    rules: tuple[str, ...]

    def __init__(self, what: str, *, where: str = "", why: str = "", hint: str = "", rules: Sequence[str] = ()) -> None:
        super().__init__(what, where=where, why=why, hint=hint)
        self.rules = tuple(rules)


class UntrustedModelError(RefusedError):
    """Neither andiron.lock nor a source in andiron.yaml says that the file is trusted."""


class DigestMismatchError(RefusedError):
    """The bytes are not those whose digest is trusted.

    ``expected`` and ``actual`` are SHA-256 in hexadecimal; ``expected`` is empty
    where the lock has several, and ``actual`` where the size is another already.
    """

    expected: str = ""
    actual: str = ""


class PolicyError(RefusedError):
    """The policy forbids it: the place, the owner, the size, the format or the age."""


class SignatureError(RefusedError):
    """A signature is required, and is missing or does not verify."""


class ScanError(RefusedError):
    """Loading these bytes could run code, or that could not be ruled out.

    ``verdict`` is the scanner's: ``unknown``, ``suspicious``, ``dangerous`` or
    ``unreadable``.
    """

    verdict: str = ""


class FormatError(AndironError):
    """The bytes break the format that they claim to have."""


class SchemaError(FormatError, ValueError):
    """A tensor schema or a short form is wrong; ``line`` is 0 where it is about all of it."""

    line: int

    def __init__(self, what: str, *, where: str = "", why: str = "", hint: str = "", line: int = 0) -> None:
        super().__init__(what, where=where, why=why, hint=hint)
        self.line = line


class TensorValidationError(AndironError, ValueError):
    """Tensors are not as their schema says.

    ``violations`` has each way in which they are not: code, input, index, flat_index,
    got, want, count, of, hint. No message has more of the data than one number.
    """

    violations: tuple[Violation, ...]

    def __init__(
        self, what: str, *, where: str = "", why: str = "", hint: str = "", violations: Sequence[Violation] = ()
    ) -> None:
        super().__init__(what, where=where, why=why, hint=hint)
        self.violations = tuple(violations)


class LoadError(AndironError):
    """torch could not load the verified bytes; its own error is ``__cause__``."""


class SandboxError(AndironError):
    """The sandbox gave no tensors.

    ``record`` is what is known of the load (docs/spec/sandbox-v1.md), and empty where
    it did not come to one; ``events`` are the system calls that were refused.
    """

    record: dict[str, Any]

    def __init__(
        self, what: str, *, where: str = "", why: str = "", hint: str = "", record: dict[str, Any] | None = None
    ) -> None:
        AndironError.__init__(self, what, where=where, why=why, hint=hint)
        self.record = record or {}

    @property
    def events(self) -> tuple[str, ...]:
        events = self.record.get("events") or ()
        return tuple(str(event.get("call")) for event in events if isinstance(event, dict))


class ContainedError(SandboxError, RefusedError):
    """Loading the file did what it may not, and was stopped; ``events`` say what."""

    def __init__(
        self, what: str, *, where: str = "", why: str = "", hint: str = "", record: dict[str, Any] | None = None
    ) -> None:
        super().__init__(what, where=where, why=why, hint=hint, record=record)
        self.rules = ()


class BinaryError(AndironError):
    """The andiron binary gave no usable answer, so nothing was loaded."""


class BinaryNotFoundError(BinaryError):
    """The andiron binary that belongs to this package is not where it was installed."""


class AndironSecurityWarning(UserWarning):
    """A protection was switched off on purpose, or the guard saw an unverified load."""
