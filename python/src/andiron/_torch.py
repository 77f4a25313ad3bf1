"""Everything that touches torch; imported by nothing at start.

# Specification

torch/serialization.py of torch 1.13 to 2.14: what ``torch.load`` does with a
file-like object, and torch/csrc/jit/serialization for ``torch.jit.load``.
"""

from __future__ import annotations

import contextlib
import importlib
import io
import pickle
import re
import zipfile
from collections.abc import Iterator
from typing import Any, Final

from . import _safetensors
from ._copy import Copy
from ._errors import AndironError, FormatError, LoadError, PolicyError, ScanError
from ._reader import CopyReader

_OLDEST: Final = (1, 13)
_MMAP_SINCE: Final = (2, 1)

# By its first four bytes torch.load takes a file for a zip.
_ZIP: Final = b"PK\x03\x04"

DTYPES: Final = {
    "BOOL": "bool", "F4": "float4_e2m1fn_x2",
    "U8": "uint8", "I8": "int8", "F8_E5M2": "float8_e5m2", "F8_E4M3": "float8_e4m3fn",
    "F8_E8M0": "float8_e8m0fnu", "F8_E4M3FNUZ": "float8_e4m3fnuz", "F8_E5M2FNUZ": "float8_e5m2fnuz",
    "I16": "int16", "U16": "uint16", "F16": "float16", "BF16": "bfloat16",
    "I32": "int32", "U32": "uint32", "F32": "float32",
    "C64": "complex64", "F64": "float64", "I64": "int64", "U64": "uint64",
}  # fmt: skip

# How the unpickler of weights_only=True says that it was asked for more than it
# allows, in the words of 1.13 to 2.14.
_FORBIDDEN = re.compile(r"unsupported|unrecognized|blocked|not allowed|not an allowed|can only", re.IGNORECASE)


def torch_module() -> Any:
    """Import torch. Raises LoadError if it is missing or too old to load safely."""
    try:
        torch = importlib.import_module("torch")
    except ImportError as exc:
        raise LoadError("torch cannot be imported", why=str(exc), hint="install torch 1.13 or newer") from exc
    if version(torch) < _OLDEST:
        raise LoadError(
            f"torch {torch.__version__} cannot load with weights_only=True", hint="install torch 1.13 or newer"
        )
    return torch


def version(torch: Any) -> tuple[int, int]:
    """Return major and minor of a torch, whatever else its version says."""
    found = re.match(r"(\d+)\.(\d+)", str(torch.__version__))
    return (int(found[1]), int(found[2])) if found else (0, 0)


def load_pickle(copy: Copy, where: str, map_location: Any, reader: CopyReader | None = None) -> Any:
    """Load a torch.save file with weights_only=True, from reader if there is one."""
    torch = torch_module()
    whole, reader = reader is None, reader or CopyReader(copy)
    with errors(where):
        refuse_torchscript(torch, reader, where)
        if whole and can_map(torch, copy):
            # The sealed copy itself becomes the tensors' memory.
            return torch.load(copy.path, map_location=map_location, weights_only=True, mmap=True)
        return torch.load(reader, map_location=map_location, weights_only=True)


def load_code(copy: Copy, map_location: Any, where: str) -> Any:
    """Load a TorchScript archive from a copy that has a path."""
    torch = torch_module()
    with errors(where):
        if not _is_torchscript(torch, copy):
            raise FormatError(
                "is not TorchScript",
                where=where,
                why="it is no archive with a record constants.pkl",
                hint="use andiron.load, which takes checkpoints and safetensors",
            )
        return torch.jit.load(copy.path, map_location=map_location)


def load_anything(copy: Copy, map_location: Any, where: str) -> Any:
    """Load with weights_only=False: what the file says is executed."""
    torch = torch_module()
    with errors(where):
        return torch.load(CopyReader(copy), map_location=map_location, weights_only=False)


def refuse_torchscript(torch: Any, reader: CopyReader, where: str) -> None:
    """Refuse what torch.load hands over to torch.jit.load.

    Before 2.6 it does so in spite of weights_only=True (CVE-2025-32434). The
    archive is listed by the very reader that torch.load uses, on the same bytes.
    """
    at = reader.tell()
    if reader.peek(4)[:4] != _ZIP:
        return
    torchscript = _has_constants(torch, reader)
    reader.seek(at)
    if torchscript:
        raise PolicyError(
            "is TorchScript, whose code torch.load would run",
            where=where,
            why="the archive has a record constants.pkl",
            hint="use andiron.jit_load, which judges the code",
        )


def _is_torchscript(torch: Any, copy: Copy) -> bool:
    if bytes(copy.buffer[4:8]) == b"PTMF":  # for mobile, as flatbuffers
        return True
    if copy.buffer[:4] != _ZIP:
        return False
    return _has_constants(torch, CopyReader(copy))


def _has_constants(torch: Any, reader: CopyReader) -> bool:
    # Look-ups of this reader ignore case, so we do.
    return any(name.lower() == "constants.pkl" for name in torch._C.PyTorchFileReader(reader).get_all_records())


def can_map(torch: Any, copy: Copy) -> bool:
    """Tell whether tensors can be views of the copy instead of copies of it."""
    if not copy.path or version(torch) < _MMAP_SINCE or copy.buffer[:4] != _ZIP:
        return False
    try:
        # torch slices the file where a record lies, also where it is compressed.
        with zipfile.ZipFile(io.BufferedReader(CopyReader(copy))) as archive:
            return all(info.compress_type == zipfile.ZIP_STORED for info in archive.infolist())
    except (zipfile.BadZipFile, ValueError, NotImplementedError):
        return False


def tensors(copy: Copy, header: _safetensors.Header, where: str, device: Any) -> dict[str, Any]:
    """Make the tensors of a safetensors file, as views of the copy where that can be."""
    torch = torch_module()
    with errors(where):
        # torch keeps the object, not the buffer: only the view keeps it mapped.
        view = memoryview(copy.buffer)
        made = {t.name: _tensor(torch, view, t, where) for t in header.tensors}
        if str(device) == "cpu":
            return made
        return {name: made.pop(name).to(device) for name in list(made)}


def _tensor(torch: Any, view: memoryview, t: _safetensors.Tensor, where: str) -> Any:
    dtype = getattr(torch, DTYPES.get(t.dtype, ""), None)
    if dtype is None:
        raise LoadError(
            f"torch {torch.__version__} has no type for dtype {t.dtype}",
            where=where,
            why=f"tensor {t.name!r} has it",
            hint="a newer torch may have one",
        )
    shape = _shape(t, where)
    if t.begin == t.end:
        return torch.empty(shape, dtype=dtype)
    # One storage for each tensor, so that none of them seems to share memory.
    raw = torch.frombuffer(view, dtype=torch.uint8, count=t.end - t.begin, offset=t.begin)
    if t.begin % max(1, _safetensors.BITS[t.dtype] // 8):
        raw = raw.clone()  # not aligned in the file; a clone is
    return raw.view(dtype).view(shape)


def _shape(t: _safetensors.Tensor, where: str) -> tuple[int, ...]:
    if t.dtype != "F4":
        return t.shape
    if not t.shape or t.shape[-1] % 2:
        raise LoadError(
            "torch packs two F4 numbers in a byte, along the last dimension",
            where=where,
            why=f"tensor {t.name!r} has the shape {list(t.shape)}",
            hint="write the file with an even last dimension",
        )
    return (*t.shape[:-1], t.shape[-1] // 2)


@contextlib.contextmanager
def errors(where: str) -> Iterator[None]:
    """Turn what torch raises into our tree, but not what says that memory is short."""
    try:
        yield
    except (AndironError, MemoryError):
        raise
    except pickle.UnpicklingError as exc:
        text = str(exc).rpartition("WeightsUnpickler error:")[2].strip()
        if _FORBIDDEN.search(text):
            raise ScanError(
                "holds more than tensors and plain values, and torch refused it with weights_only=True",
                where=where,
                why=text.partition("\n")[0][:300],
                hint="andiron scan says what loading it would run; andiron convert takes the tensors out",
            ) from exc
        raise _load_error(exc, text, where) from exc
    except Exception as exc:
        if type(exc).__name__ == "OutOfMemoryError":
            raise
        raise _load_error(exc, str(exc), where) from exc


def _load_error(exc: Exception, text: str, where: str) -> LoadError:
    first = text.strip().partition("\n")[0][:300]
    return LoadError(
        "torch could not load it",
        where=where,
        why=f"{type(exc).__name__}: {first}",
        hint="its own error is __cause__; another release of torch may read the file, or write it again",
    )
