"""Names that no pickle has an honest use for: they run commands or code.

A net for unpicklers that the guard does not see being called. It stops nothing
that is put together from harmless names; the scanner is for that.
"""

from __future__ import annotations

from typing import Final

_SYSTEM: Final = ("system", "popen", "exec", "spawn", "posix_spawn", "startfile", "fork", "remove", "unlink", "rmdir")

# Modules whose names begin like this, or all of them for an empty tuple.
_MODULES: Final[dict[str, tuple[str, ...]]] = {
    "os": _SYSTEM, "posix": _SYSTEM, "nt": _SYSTEM,
    "builtins": ("eval", "exec", "compile", "__import__", "open", "breakpoint"),
    "__builtin__": ("eval", "exec", "compile", "__import__", "open", "breakpoint"),
    "subprocess": ("Popen", "run", "call", "check_", "getoutput", "getstatusoutput"),
    "pty": ("spawn",), "shutil": ("rmtree", "move"), "runpy": (), "commands": (), "popen2": (),
    "platform": ("popen",), "code": (), "timeit": (), "pdb": (), "bdb": (), "pip": (), "webbrowser": (),
    "ctypes": ("CDLL", "PyDLL", "cdll", "pydll"), "importlib": ("import_module",),
    "torch.hub": ("load",), "torch.jit": ("load",), "torch.serialization": ("load",),
}  # fmt: skip


def is_sink(module: str, name: str) -> bool:
    """Tell whether a global of a pickle is one of these names."""
    # Protocol 4 writes a.b for the attribute b of a; the first part is the function.
    prefixes = _MODULES.get(module)
    return prefixes is not None and (not prefixes or name.startswith(prefixes))
