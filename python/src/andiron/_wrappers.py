"""What the guard puts in the place of other libraries' loaders.

Each wrapper takes the guard and the original, and returns the replacement. A
private copy that was verified already passes through: the verified loads of this
package end in the same functions.
"""

from __future__ import annotations

import contextlib
import contextvars
import dataclasses
import functools
import importlib
import inspect
import io
import logging
import os
import stat
import sys
import types
import weakref
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, Final

from ._copy import CopyPath
from ._errors import FileAccessError, PolicyError
from ._load import Verified, finish
from ._reader import CopyReader
from ._source import MemorySource, Source, adopt, open_source
from ._torch import load_pickle

if TYPE_CHECKING:
    from ._decision import Operation
    from ._guard import Guard

Call = Callable[..., Any]
Wrapper = Callable[["Guard", Any], Any]

_MARK: Final = "__andiron_original__"

# Where torch.hub.load_state_dict_from_url says that a file came from.
_url: contextvars.ContextVar[str] = contextvars.ContextVar("andiron_url", default="")

# Who loads pickles that its own program wrote.
_INTERNAL: Final = (
    "multiprocessing",
    "concurrent",
    "copy",
    "copyreg",
    "torch.multiprocessing",
    "torch.utils.data",
    "joblib",
)


def is_internal(module: str) -> bool:
    """Tell whether a module loads pickles that its own program wrote."""
    return any(module == name or module.startswith(name + ".") for name in _INTERNAL)


def is_wrapped(function: object) -> bool:
    """Tell whether a function or a class is one of ours already."""
    return _MARK in getattr(function, "__dict__", {})


class _Builtin:
    """A function that stays one when it is the attribute of a class, as built-in ones do."""

    def __init__(self, function: Call) -> None:
        self.__wrapped_by_andiron__ = function

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self.__wrapped_by_andiron__(*args, **kwargs)

    def __reduce__(self) -> tuple[Call, tuple[str, str]]:
        return _attribute, (self.__module__.lstrip("_"), self.__name__)  # type: ignore[attr-defined]


def _attribute(module: str, name: str) -> Any:
    return getattr(importlib.import_module(module), name)


def _replaces(original: Any, replacement: Call) -> Any:
    made = _Builtin(replacement) if isinstance(original, types.BuiltinFunctionType) else replacement
    functools.update_wrapper(made, original)
    setattr(made, _MARK, original)
    return made


def _replaces_class(original: Any, replacement: Any) -> Any:
    for name in ("__name__", "__qualname__", "__module__", "__doc__"):
        setattr(replacement, name, getattr(original, name))
    setattr(replacement, _MARK, original)
    return replacement


def _passes(guard: Guard, file: object) -> bool:
    """Tell whether a file is a private copy of ours, or something that reads from one."""
    for _ in range(6):
        if guard.settings is None or isinstance(file, (CopyReader, CopyPath)):
            return True
        inner = file.raw if isinstance(file, io.BufferedReader) else _unpacked(file)
        if inner is None:
            break
        file = inner
    # A loader takes its archive apart and loads the parts from memory.
    return guard.is_verified() and isinstance(file, io.BytesIO)


# What unpacks, and the attribute with what it reads from.
_UNPACK: Final = (
    ("gzip", "GzipFile", "fileobj"),
    ("bz2", "BZ2File", "_fp"),
    ("lzma", "LZMAFile", "_fp"),
    ("zipfile", "ZipExtFile", "_fileobj"),
    ("zipfile", "_SharedFile", "_file"),
)


def _unpacked(file: object) -> object | None:
    """Return what a file object unpacks, or None if it is none that does."""
    for module, kind, inner in _UNPACK:
        if module in sys.modules and isinstance(file, getattr(sys.modules[module], kind)):
            return getattr(file, inner, None) or object()
    return None


@dataclasses.dataclass(frozen=True)
class _Case:
    """A call that is about to load: a verified copy, or in mode warn what to load."""

    verified: Verified | None
    again: Any  # what the original gets in mode warn
    file: _Position


@dataclasses.dataclass(frozen=True)
class _Position:
    """Where loading begins in the bytes, and the file object that is to follow."""

    at: int = 0
    base: int = 0
    file: Any = None

    def leave(self, at: int) -> None:
        """Put the file object where the original would have left it."""
        if self.file is not None:
            self.file.seek(self.base + at)


@contextlib.contextmanager
def _case(
    guard: Guard, call: str, file: Any, operation: Operation = "guard", *, named: bool = False
) -> Iterator[_Case]:
    with contextlib.ExitStack() as stack:
        try:
            source, position = _open(stack, file)
        except FileAccessError as exc:
            if isinstance(exc.__cause__, OSError):
                raise exc.__cause__ from None  # as the original would, for whoever expects that
            guard.refuse(call, exc, exc.where)
            yield _Case(None, file, _Position())
            return
        again = _again(file, source, position)
        verified = guard.verified(call, source, operation, _url.get(), named=named)
        if verified is not None:
            stack.enter_context(verified.copy)
            stack.enter_context(guard.loading_verified())
        yield _Case(verified, again, position)


def _open(stack: contextlib.ExitStack, file: Any) -> tuple[Source, _Position]:
    """Give the source that a path or a file object stands for, and its position.

    What is neither a path nor an open regular file is read into memory.
    """
    if isinstance(file, bytes):
        file = os.fsdecode(file)
    if isinstance(file, (str, os.PathLike)):
        return stack.enter_context(open_source(file)), _Position()
    if (fd := _regular(file)) is not None:
        source = stack.enter_context(adopt(fd, _real_name(fd, file)))
        return source, _Position(at=file.tell(), file=file)
    base, follows = (file.tell(), file) if file.seekable() else (0, None)
    return stack.enter_context(MemorySource(bytes(file.read()))), _Position(base=base, file=follows)


def _again(file: Any, source: Source, position: _Position) -> Any:
    if not isinstance(source, MemorySource):
        return file
    if position.file is None:
        return io.BytesIO(source.data())
    position.leave(0)
    return file


def _regular(file: Any) -> int | None:
    """Return the descriptor of a file object that reads a regular file as it is.

    Decompressors have the descriptor of what they decompress, and do not count.
    """
    module = type(file).__module__
    if module == "tempfile":
        file = getattr(file, "file", file)
    elif module == "fsspec.implementations.local":
        file = getattr(file, "f", file)
    raw = file.raw if isinstance(file, (io.BufferedReader, io.BufferedRandom)) else file
    if not isinstance(raw, io.FileIO) or raw.closed:
        return None
    fd = raw.fileno()
    return fd if stat.S_ISREG(os.fstat(fd).st_mode) else None


def _real_name(fd: int, file: Any) -> str:
    """Return the name that the kernel has for an open file, or the one it was opened by."""
    try:
        return os.readlink(f"/proc/self/fd/{fd}")
    except OSError:
        name = getattr(file, "name", "")
        return name if isinstance(name, str) and name else "<file>"


class _Redirect:
    """Verified copies of file objects at a pickle, kept while the file object lives.

    A file may hold many pickles, and each is loaded by a call of its own.
    """

    def __init__(self, guard: Guard) -> None:
        self._guard = guard
        self._readers: weakref.WeakKeyDictionary[Any, CopyReader] = weakref.WeakKeyDictionary()

    def reader(self, call: str, file: Any) -> CopyReader | None:
        """Return what to read instead of file, or None to read file itself."""
        if _passes(self._guard, file):
            return None
        if _unpacked(file) is not None:
            self._guard.refuse(call, _compressed(file))
            return None
        if _regular(file) is None:
            self._guard.in_memory(call)
            return None
        if (known := self._readers.get(file)) is not None:
            known.seek(file.tell())
            return known
        return self._verified(call, file)

    def _verified(self, call: str, file: Any) -> CopyReader | None:
        with _case(self._guard, call, file) as case:
            if case.verified is None:
                return None
            reader = CopyReader(case.verified.copy, once=False)
            reader.seek(case.file.at)
            self._readers[file] = reader
            return reader


def _compressed(file: Any) -> PolicyError:
    return PolicyError(
        "a pickle that is compressed or in an archive cannot be verified",
        where=str(getattr(file, "name", "")),
        hint="unpack it into a file, and let andiron.lock list that",
    )


def _pickle_load(call: str) -> Wrapper:
    """For functions whose first parameter is a file object at a pickle."""

    def wrap(guard: Guard, original: Call) -> Any:
        redirect = _Redirect(guard)

        def load(file: Any, *args: Any, **kwargs: Any) -> Any:
            reader = redirect.reader(call, file)
            if reader is None:
                return original(file, *args, **kwargs)
            with guard.loading_verified():
                value = original(reader, *args, **kwargs)
            file.seek(reader.tell())
            return value

        return _replaces(original, load)

    return wrap


def _pickle_loads(call: str) -> Wrapper:
    def wrap(guard: Guard, original: Call) -> Any:
        def loads(*args: Any, **kwargs: Any) -> Any:
            guard.in_memory(call)
            return original(*args, **kwargs)

        return _replaces(original, loads)

    return wrap


def _unpickler(guard: Guard, original: Any) -> Any:
    redirect = _Redirect(guard)

    class Unpickler(original):  # type: ignore[misc]
        def __init__(self, file: Any, *args: Any, **kwargs: Any) -> None:
            self.__file = file
            self.__reader = redirect.reader("pickle.Unpickler", file)
            super().__init__(file if self.__reader is None else self.__reader, *args, **kwargs)

        def load(self) -> Any:
            if self.__reader is None:
                return super().load()
            with guard.loading_verified():
                value = super().load()
            self.__file.seek(self.__reader.tell())
            return value

    return _replaces_class(original, Unpickler)


def _any_call(_: dict[str, Any]) -> bool:
    return True


def _allows_pickle(arguments: dict[str, Any]) -> bool:
    # A memory-mapped array is never a pickle.
    return bool(arguments.get("allow_pickle")) and not arguments.get("mmap_mode")


def _file_or_path(
    call: str, adapt: Callable[[Any, dict[str, Any]], None], runs: Callable[[dict[str, Any]], bool] = _any_call
) -> Wrapper:
    """For functions that take a path, and read a file object as well.

    runs tells from the arguments by name whether the call can run code; adapt
    changes them for a file object in the place of the path.
    """

    def wrap(guard: Guard, original: Call) -> Any:
        def load(file: Any, *args: Any, **kwargs: Any) -> Any:
            arguments = _by_name(original, (file, *args), kwargs)
            if _passes(guard, file) or not runs(arguments):
                return original(file, *args, **kwargs)
            if isinstance(file, str) and "://" in file:
                guard.refuse(call, _fetched(file))
                return original(file, *args, **kwargs)
            with _case(guard, call, file) as case:
                if case.verified is None:
                    return original(case.again, *args, **kwargs)
                reader = CopyReader(case.verified.copy, once=False)
                reader.seek(case.file.at)
                arguments[next(iter(arguments))] = buffered = io.BufferedReader(reader)
                adapt(file, arguments)
                value = original(**arguments)
                if not buffered.closed:
                    case.file.leave(buffered.tell())
                return value

        return _replaces(original, load)

    return wrap


def _fetched(url: str) -> PolicyError:
    return PolicyError("is fetched and loaded in one go", where=url, hint="fetch it to a file first")


def _by_name(function: Call, args: tuple[Any, ...], kwargs: dict[str, Any]) -> dict[str, Any]:
    bound = inspect.signature(function).bind(*args, **kwargs)
    arguments = dict(bound.arguments)
    for name, parameter in inspect.signature(function).parameters.items():
        if parameter.kind is inspect.Parameter.VAR_KEYWORD:
            arguments.update(arguments.pop(name, {}))
    return arguments


def _adapt_nothing(file: Any, arguments: dict[str, Any]) -> None:
    del file, arguments


def _adapt_joblib(file: Any, arguments: dict[str, Any]) -> None:
    del file
    arguments.pop("mmap_mode", None)  # it maps the file itself


def _adapt_pandas(file: Any, arguments: dict[str, Any]) -> None:
    arguments.pop("storage_options", None)
    if arguments.get("compression", "infer") == "infer" and isinstance(file, (str, os.PathLike)):
        kinds = {".gz": "gzip", ".bz2": "bz2", ".zip": "zip", ".xz": "xz", ".zst": "zstd"}
        arguments["compression"] = kinds.get(os.path.splitext(os.fspath(file))[1].lower())


def _torch_load(guard: Guard, original: Call) -> Any:
    def load(f: Any, map_location: Any = None, pickle_module: Any = None, **kwargs: Any) -> Any:
        if _passes(guard, f):
            return original(f, map_location, pickle_module, **kwargs)
        with _case(guard, "torch.load", f) as case:
            if case.verified is None:
                return original(case.again, map_location, pickle_module, **kwargs)
            _note_overridden(guard, case.verified, {"pickle_module": pickle_module, **kwargs})
            if case.file.file is None:
                return finish(case.verified, map_location)
            reader = CopyReader(case.verified.copy)
            reader.seek(case.file.at)
            value = load_pickle(case.verified.copy, case.verified.path, map_location, reader)
            case.file.leave(reader.tell())
            return value

    return _replaces(original, load)


def _note_overridden(guard: Guard, verified: Verified, arguments: dict[str, Any]) -> None:
    changed = [name for name, value in arguments.items() if name != "weights_only" and value not in (None, False)]
    if arguments.get("weights_only") is False:
        changed.append("weights_only")
    if changed:
        guard.record(logging.WARNING, "overridden", "torch.load", path=verified.path, parameters=sorted(changed))


def _by_path(call: str) -> Wrapper:
    """For functions that run code of the archive, and take its path."""

    def wrap(guard: Guard, original: Call) -> Any:
        def load(f: Any, *args: Any, **kwargs: Any) -> Any:
            return _with_path(guard, call, f, lambda path: original(path, *args, **kwargs))

        return _replaces(original, load)

    return wrap


def _with_path(guard: Guard, call: str, file: Any, use: Callable[[Any], Any]) -> Any:
    if _passes(guard, file):
        return use(file)
    with _case(guard, call, file, "jit_load", named=True) as case:
        return use(case.again if case.verified is None else case.verified.copy.path)


def _package_importer(guard: Guard, original: Any) -> Any:
    class PackageImporter(original):  # type: ignore[misc]
        def __init__(self, file_or_buffer: Any, *args: Any, **kwargs: Any) -> None:
            init = super().__init__
            _with_path(guard, "torch.package", file_or_buffer, lambda path: init(path, *args, **kwargs))

    return _replaces_class(original, PackageImporter)


def _hub(call: str) -> Wrapper:
    """For functions of torch.hub that fetch a repository and run its hubconf.py."""

    def wrap(guard: Guard, original: Call) -> Any:
        def load(*args: Any, **kwargs: Any) -> Any:
            arguments = _by_name(original, args, kwargs)
            if arguments.get("source") != "local":
                guard.refuse(call, _repository(next(iter(arguments.values()), "")))
            return original(*args, **kwargs)

        return _replaces(original, load)

    return wrap


def _repository(name: object) -> PolicyError:
    return PolicyError(
        "fetches a repository and runs its code",
        where=str(name),
        hint='keep a reviewed copy in the project, and load it with source="local"',
    )


def _hub_url(guard: Guard, original: Call) -> Any:
    del guard

    def load(url: str, *args: Any, **kwargs: Any) -> Any:
        # The file is loaded by torch.load, which asks the policy about this address.
        token = _url.set(url)
        try:
            return original(url, *args, **kwargs)
        finally:
            _url.reset(token)

    return _replaces(original, load)


# Where functions are defined, and where they are handed on.
TARGETS: Final[dict[str, dict[str, Wrapper]]] = {
    "pickle": {"load": _pickle_load("pickle.load"), "loads": _pickle_loads("pickle.loads"), "Unpickler": _unpickler},
    "cloudpickle": {"load": _pickle_load("cloudpickle.load"), "loads": _pickle_loads("cloudpickle.loads")},
    "dill": {"load": _pickle_load("dill.load"), "loads": _pickle_loads("dill.loads")},
    "joblib": {"load": _file_or_path("joblib.load", _adapt_joblib)},
    "numpy": {"load": _file_or_path("numpy.load", _adapt_nothing, _allows_pickle)},
    "pandas": {"read_pickle": _file_or_path("pandas.read_pickle", _adapt_pandas)},
    "torch.serialization": {"load": _torch_load},
    "torch": {"load": _torch_load},
    "torch.jit._serialization": {"load": _by_path("torch.jit.load")},
    "torch.jit": {"load": _by_path("torch.jit.load")},
    "torch.hub": {
        "load": _hub("torch.hub.load"),
        "list": _hub("torch.hub.list"),
        "help": _hub("torch.hub.help"),
        "load_state_dict_from_url": _hub_url,
    },
    "torch.package.package_importer": {"PackageImporter": _package_importer},
    "torch.package": {"PackageImporter": _package_importer},
    "torch.export": {"load": _by_path("torch.export.load")},
}
