"""Wraps modules when somebody imports them, and imports none itself."""

from __future__ import annotations

import importlib.abc
import importlib.machinery
import sys
import threading
from collections.abc import Callable, Collection, Sequence
from types import ModuleType
from typing import Any

Then = Callable[[ModuleType], None]


class Finder(importlib.abc.MetaPathFinder):
    """Finds modules as all others do, and has something done when they were executed."""

    def __init__(self, names: Collection[str], then: Then) -> None:
        self._names = names
        self._then = then
        self._thread = threading.local()

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        if fullname not in self._names or getattr(self._thread, "looking", False):
            return None
        self._thread.looking = True
        try:
            spec = self._others(fullname, path, target)
        finally:
            self._thread.looking = False
        if spec is not None and spec.loader is not None:
            spec.loader = _Loader(spec.loader, self._then)
        return spec

    def _others(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None
    ) -> importlib.machinery.ModuleSpec | None:
        for other in list(sys.meta_path):
            find = getattr(other, "find_spec", None)
            if other is self or find is None:
                continue
            spec: importlib.machinery.ModuleSpec | None = find(fullname, path, target)
            if spec is not None:
                return spec
        return None


class _Loader(importlib.abc.Loader):
    """The real loader, and what is to be done after it."""

    def __init__(self, inner: Any, then: Then) -> None:
        self._inner = inner
        self._then = then

    def create_module(self, spec: importlib.machinery.ModuleSpec) -> ModuleType | None:
        module: ModuleType | None = self._inner.create_module(spec)
        return module

    def exec_module(self, module: ModuleType) -> None:
        # What asks the module for its loader later gets the real one.
        if module.__spec__ is not None:
            module.__spec__.loader = self._inner
        module.__loader__ = self._inner
        self._inner.exec_module(module)
        self._then(module)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)
