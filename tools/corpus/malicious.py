#!/usr/bin/env python3
"""Writes the malicious corpus: inert files of every class that andiron must see.

    malicious.py OUT

Standard library only. Nothing is imported by name, loaded or run; two runs write
the same bytes. OUT/manifest.json lists {"file", "class", "technique", "sink",
"note"}; "sink" is true when loading the file (for TorchScript and .pt2: by the
loader made for it) reaches a callable known to run code, start a program, write a
file or open a connection. Payloads touch a marker in a temporary folder, hosts
end in .invalid.
"""

from __future__ import annotations

import json
import re
import sys
from collections import Counter
from pathlib import Path

import hostile_containers
import hostile_pickles


def file_name(index: int, case: hostile_pickles.Case) -> str:
    slug = re.sub(r"[^a-z0-9]+", "_", case.technique.lower()).strip("_")[:48]
    return f"{case.cls}{index:03d}_{slug}{case.ext}"


def main(argv: list[str]) -> int:
    if len(argv) != 2:
        print(__doc__, file=sys.stderr)
        return 2
    out = Path(argv[1])
    out.mkdir(parents=True, exist_ok=True)
    manifest, seen = [], Counter()
    cases = [*hostile_pickles.all_cases(), *hostile_containers.all_cases()]
    for case in sorted(cases, key=lambda c: c.cls):
        seen[case.cls] += 1
        name = file_name(seen[case.cls], case)
        (out / name).write_bytes(case.data)
        manifest.append({"file": name, "class": case.cls, "technique": case.technique, "sink": case.sink, "note": case.note})
    (out / "manifest.json").write_text(json.dumps(manifest, indent=1) + "\n")
    total = sum(len(c.data) for c in cases)
    print(f"{len(manifest)} files, {sum(m['sink'] for m in manifest)} with a known sink, {total / 1e6:.1f} MB")
    print(" ".join(f"{k}:{n}" for k, n in sorted(seen.items())))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv))
