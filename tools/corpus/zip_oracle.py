#!/usr/bin/env python3
"""Says what real torch reads out of zips whose structure is odd.

    zip_oracle.py make DIR     writes the archives (standard library only)
    zip_oracle.py run DIR      under a Python with torch: one JSON line per file,
                               {"file", "torch", "loads", "which", "error"}

Every record that could be taken for the object is a pickle of {"which": label}
that names the copy, so the answer tells which one torch meant. Nothing in the
archives calls or imports anything. Each file is read in a process of its own,
because torch may abort on a broken archive.
"""

from __future__ import annotations

import itertools
import json
import os
import sys
from pathlib import Path
from typing import Iterator

import zipraw
from assemble import stream
from zipraw import Entry, entry

VERSION = entry("archive/version", b"3\n")


def copy(label: str) -> bytes:
    return stream({"which": label}, 2)


def filler(count: int, letter: str) -> list[Entry]:
    """Records around the interesting ones: they move torch's binary search."""
    return [entry(f"archive/{letter}{i}", b"x") for i in range(count)]


def collisions() -> Iterator[tuple[str, bytes]]:
    """Records that torch's lookup may hold for the same one."""
    variants = {"plain": b"archive/data.pkl", "upper": b"archive/DATA.PKL", "title": b"archive/Data.pkl", "nul": b"archive/data.pkl\0x",
                "nulend": b"archive/data.pkl\0", "root": b"ARCHIVE/data.pkl", "slash": b"archive//data.pkl", "dot": b"archive/./data.pkl",
                "back": b"archive\\data.pkl", "space": b"archive/data.pkl ", "sharp": "archive/data.p\u212al".encode()}
    for name, raw in variants.items():
        yield f"alone_{name}", zipraw.write([Entry(raw, copy(name)), VERSION])
    for a, b in itertools.product(variants, repeat=2):
        records = [Entry(variants[a], copy(f"first {a}")), Entry(variants[b], copy(f"second {b}"))]
        yield f"pair_{a}_{b}", zipraw.write([*records, VERSION])
    for before, after in itertools.product((0, 1, 2, 5), repeat=2):
        for a, b in (("plain", "plain"), ("plain", "upper"), ("upper", "plain"), ("plain", "nul"), ("nul", "plain")):
            records = [Entry(variants[a], copy(f"first {a}")), Entry(variants[b], copy(f"second {b}"))]
            yield f"around_{a}_{b}_{before}_{after}", zipraw.write([*filler(before, "a"), *records, *filler(after, "z"), VERSION])
    for order in itertools.permutations(("plain", "upper", "title")):
        records = [Entry(variants[v], copy(f"{i} {v}")) for i, v in enumerate(order)]
        yield f"triple_{'_'.join(order)}", zipraw.write([*records, VERSION])
    for count in (3, 4, 5, 8):
        records = [Entry(variants["plain"], copy(f"number {i}")) for i in range(count)]
        yield f"same_{count}_times", zipraw.write([*records, VERSION])


def headers() -> Iterator[tuple[str, bytes]]:
    """One object; local and central headers that disagree, or odd fields."""
    name, data = "archive/data.pkl", copy("only")

    def one(label: str, **options) -> tuple[str, bytes]:
        return label, zipraw.write([entry(name, data, **options), VERSION])

    yield one("good")
    for local in (b"archive/other", b"", b"archive/data.pkl.bak", b"archive/DATA.PKL"):
        yield one(f"local_name_{local.decode().replace('/', '-') or 'empty'}", local_name=local)
    for bit in range(16):
        yield one(f"local_flag_{bit}", local_flags=0x800 ^ (1 << bit))
        yield one(f"central_flag_{bit}", flags=0x800 ^ (1 << bit), local_flags=0x800)
    for method in (0, 8, 9, 12, 14, 93, 95, 99):
        yield one(f"method_{method}", method=method)
    yield one("crc_wrong", crc=1)
    yield one("crc_local_wrong", local_crc=1)
    yield one("crc_zero", crc=0)
    for size in (0, len(data) - 1, len(data) + 1, 2**31, 2**32 - 2):
        yield one(f"size_{size}", size=size)
    yield one("extra_large", extra=b"FB\x5c\xea" + b"Z" * 59996)
    yield one("symlink", attributes=0o120777 << 16)
    yield one("directory", attributes=0x10)
    yield "crc_wrong_deflated", zipraw.write([entry(name, data, method=8, crc=1), VERSION])


def surroundings() -> Iterator[tuple[str, bytes]]:
    """Roots, what comes before and after, and records that must exist."""
    data = copy("only")
    whole = [entry("archive/data.pkl", data), VERSION]
    good, other = zipraw.write(whole), zipraw.write([entry("archive/data.pkl", copy("other")), VERSION])
    yield "tail_zeros", good + b"\0" * 100
    yield "tail_64k", good + b"\0" * 70000
    yield "tail_zip", good + other
    yield "comment", zipraw.write(whole, comment=b"hello")
    yield "comment_eocd", zipraw.write(whole, comment=b"PK\x05\x06" + b"\0" * 18)
    yield "prefix_junk", b"JUNK" * 4 + good
    yield "prefix_local_header", b"PK\x03\x04" + b"\0" * 40 + good
    yield "prefix_zip", other[:-22] + good
    yield "truncated", good[:-10]
    for root in ("x", "..", "a.b", "\u00fc", "A", "data.pkl", "a b"):
        yield f"root_{root.encode().hex()}", zipraw.torch_zip(data, root)
    yield "root_two_levels", zipraw.torch_zip(data, "a/b")
    yield "no_root", zipraw.write([entry("data.pkl", data), entry("version", b"3\n")])
    yield "two_roots", zipraw.write([entry("a/data.pkl", copy("a")), entry("b/data.pkl", copy("b")), entry("a/version", b"3\n"), entry("b/version", b"3\n")])
    yield "two_roots_second_only", zipraw.write([entry("a/version", b"3\n"), entry("b/data.pkl", copy("b"))])
    yield "root_of_first_record_elsewhere", zipraw.write([entry("b/x", b"x"), entry("a/data.pkl", copy("a")), entry("a/version", b"3\n")])
    yield "no_version", zipraw.write([entry("archive/data.pkl", data)])
    for text in (b"0\n", b"1", b"3", b"10\n", b"11\n", b"-1", b"x", b"", b" 3", b"3junk"):
        yield f"version_{text.hex() or 'empty'}", zipraw.write([entry("archive/data.pkl", data), entry("archive/version", text)])
    yield "data_version", zipraw.write([entry("archive/data.pkl", data), entry("archive/.data/version", b"3\n")])
    yield "upper_version", zipraw.write([entry("archive/data.pkl", data), entry("archive/VERSION", b"3\n")])
    for name in ("constants.pkl", "CONSTANTS.PKL", "constants.pkl\0", "x/constants.pkl"):
        yield f"torchscript_{name.encode().hex()}", zipraw.write([*whole, entry(f"archive/{name}", stream((), 2))])
    for text in (b"little", b"big", b"LITTLE", b"little\n", b"x"):
        yield f"byteorder_{text.hex()}", zipraw.write([*whole, entry("archive/byteorder", text)])
    yield "hidden_record", zipraw.write([entry("archive/data.pkl", copy("hidden"), central=False), *whole])
    yield "directory_record", zipraw.write([entry("archive/", b""), *whole])
    yield "outside_record", zipraw.write([*whole, entry("../../outside", b"x")])
    yield "long_name", zipraw.write([*whole, entry("archive/" + "n" * 600, b"x")])
    yield "empty_name", zipraw.write([*whole, Entry(b"", b"x")])


def make(folder: Path) -> int:
    folder.mkdir(parents=True, exist_ok=True)
    count = 0
    for section in (collisions, headers, surroundings):
        for name, data in section():
            (folder / f"{name}.pt").write_bytes(data)
            count += 1
    print(f"{count} archives")
    return 0


def answer(torch, path: Path) -> dict:
    """What torch.load says about one file."""
    try:
        value = torch.load(str(path), weights_only=True)
    except Exception as err:
        return {"loads": False, "which": None, "error": f"{type(err).__name__}: {err}".splitlines()[0][:200]}
    which = value.get("which") if isinstance(value, dict) else None
    return {"loads": True, "which": which, "error": None if which else f"not a copy: {type(value).__name__}"}


def isolated(torch, path: Path) -> dict:
    """answer in a child process, so that an abort is an answer too."""
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(read)
        with os.fdopen(write, "w") as pipe:
            json.dump(answer(torch, path), pipe)
        os._exit(0)
    os.close(write)
    with os.fdopen(read) as pipe:
        text = pipe.read()
    status = os.waitpid(child, 0)[1]
    if not text:
        return {"loads": False, "which": None, "error": f"process ended with status {status}"}
    return json.loads(text)


def run(folder: Path) -> int:
    import torch

    for path in sorted(folder.glob("*.pt")):
        row = {"file": path.name, "torch": str(torch.__version__).split("+")[0], **isolated(torch, path)}
        print(json.dumps(row), flush=True)
    return 0


def main(argv: list[str]) -> int:
    actions = {"make": make, "run": run}
    if len(argv) != 3 or argv[1] not in actions:
        print(__doc__, file=sys.stderr)
        return 2
    return actions[argv[1]](Path(argv[2]))


if __name__ == "__main__":
    sys.exit(main(sys.argv))
