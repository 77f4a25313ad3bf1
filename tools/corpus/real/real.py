#!/usr/bin/env python3
"""Writes files with real frameworks, for the search for false positives.

    real.py [--lib DIR] OUT PRODUCER SECTION...

Each section (real_SECTION.py beside this file) has make(out). One that its
interpreter cannot import, and each file that its library cannot write, is said
on stderr and left out; OUT/manifest.json says what was made, {file: framework}.
Nothing is downloaded: models are tiny and random.
"""

from __future__ import annotations

import contextlib
import importlib
import json
import os
import sys
import traceback
import warnings
from pathlib import Path


class Out:
    """Where the files go: OUT/PRODUCER/FRAMEWORK/NAME."""

    def __init__(self, folder: Path, producer: str) -> None:
        self.root, self.producer = folder, producer
        self.failed = 0

    def folder(self, framework: str, name: str = "") -> Path:
        path = self.root / self.producer / framework / name
        path.mkdir(parents=True, exist_ok=True)
        return path

    def path(self, framework: str, name: str) -> str:
        return str(self.folder(framework) / name)

    @contextlib.contextmanager
    def trying(self, what: str):
        """One file or group of files; what a library cannot do is said and left out."""
        try:
            yield
        except Exception as err:  # any library error
            self.failed += 1
            where = traceback.extract_tb(err.__traceback__)[-1]
            print(f"left out {self.producer}/{what}: {type(err).__name__}: {str(err)[:200]} ({where.filename}:{where.lineno})", file=sys.stderr)

    def manifest(self) -> dict[str, str]:
        files = {}
        for path in sorted((self.root / self.producer).rglob("*")):
            if path.is_file():
                parts = path.relative_to(self.root).parts
                files["/".join(parts)] = parts[1]
        return files


def main(argv: list[str]) -> int:
    if argv[1:2] == ["--lib"]:  # unpacked packages, for the chroot
        sys.path.insert(1, os.path.abspath(argv[2]))
        del argv[1:3]
    if len(argv) < 4:
        print(__doc__, file=sys.stderr)
        return 2
    warnings.simplefilter("ignore")
    os.environ.update(HF_HUB_OFFLINE="1", TRANSFORMERS_OFFLINE="1", YOLO_OFFLINE="1", CUDA_VISIBLE_DEVICES="")
    root, producer = Path(argv[1]).resolve(), argv[2]
    out = Out(root, producer)
    for section in argv[3:]:
        with out.trying(section):
            importlib.import_module(f"real_{section}").make(out)
    made = out.manifest()
    manifest = root / "manifest.json"
    kinds = json.loads(manifest.read_text()) if manifest.exists() else {}
    kinds = {k: v for k, v in kinds.items() if not k.startswith(producer + "/")} | made
    manifest.write_text(json.dumps(dict(sorted(kinds.items())), indent=1) + "\n")
    print(f"{producer}: {len(made)} files, {out.failed} left out; {len(kinds)} in all")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv))
