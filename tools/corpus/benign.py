#!/usr/bin/env python3
"""Writes the benign corpus: what honest people save, made by the real libraries.

    benign.py OUT PRODUCER

Makes every file that the libraries of this interpreter allow (torch, numpy,
scikit-learn, joblib, pandas, omegaconf, safetensors) into OUT/PRODUCER, and adds
them to OUT/manifest.json, {file: kind}. `make.sh` runs it under each interpreter
that tools/env sets up. Classes of large frameworks (Lightning, transformers,
ultralytics, torchvision) are stand-ins of the same module and name, made at save
time; their files name them as the real ones do.
"""

from __future__ import annotations

import importlib.util
import json
import sys
import warnings
from pathlib import Path

SECTIONS = [
    ("benign_python", ()),
    ("benign_numpy", ("numpy",)),
    ("benign_sklearn", ("sklearn", "joblib")),
    ("benign_torch", ("torch",)),
    ("benign_modules", ("torch",)),
    ("benign_frameworks", ("torch",)),
]


class Out:
    """Where the files go. kind names what a file is, for the manifest."""

    def __init__(self, folder: Path, prefix: str) -> None:
        self.folder, self.prefix = folder, prefix
        self.kinds: dict[str, str] = {}
        (folder / prefix).mkdir(parents=True, exist_ok=True)

    def path(self, name: str, kind: str) -> str:
        """The path of a new file, recorded under kind."""
        key = f"{self.prefix}/{name}"
        if key in self.kinds:
            raise ValueError(f"two files are named {key!r}")
        self.kinds[key] = kind
        return str(self.folder / key)

    def write(self, name: str, kind: str, data: bytes) -> None:
        Path(self.path(name, kind)).write_bytes(data)


def main(argv: list[str]) -> int:
    if len(argv) != 3:
        print(__doc__, file=sys.stderr)
        return 2
    warnings.simplefilter("ignore")
    folder = Path(argv[1])
    out = Out(folder, argv[2])
    for section, needs in SECTIONS:
        missing = [n for n in needs if importlib.util.find_spec(n) is None]
        if missing:
            print(f"{section}: left out, no {', '.join(missing)} here")
            continue
        before = len(out.kinds)
        __import__(section).make(out)
        print(f"{section}: {len(out.kinds) - before} files")
    manifest = folder / "manifest.json"
    kinds = json.loads(manifest.read_text()) if manifest.exists() else {}
    kinds = {k: v for k, v in kinds.items() if not k.startswith(out.prefix + "/")}
    kinds.update(out.kinds)
    manifest.write_text(json.dumps(dict(sorted(kinds.items())), indent=1) + "\n")
    print(f"{len(out.kinds)} files in {argv[2]}, {len(kinds)} in all")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv))
