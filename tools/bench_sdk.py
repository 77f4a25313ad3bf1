#!/usr/bin/env python3
"""Times andiron.load beside hashing the file and loading it plainly.

Writes a checkpoint of a GiB in each format with real torch, lists it in a lock,
and measures with the page cache warm: sha256 of the file, the plain load, and
andiron.load, in turns, the best of several. The promise is 1.15 times the sum of
the first two. Peak memory is that of a process that does nothing else, as a
multiple of the file. Ends with 1 when a target is missed by more than a quarter,
because machines differ by less.
"""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
WORK = os.path.join(ROOT, ".bench", "sdk")
ANDIRON = os.path.join(ROOT, "bin", "andiron")
SIZE = int(os.environ.get("ANDIRON_BENCH_BYTES", str(1 << 30)))
RUNS = 7
TARGET = 1.15
PEAK_TARGET = 1.15
SLACK = 1.25

sys.path.insert(0, os.path.join(ROOT, "python", "src"))

FILES = ("zip.pt", "legacy.pt", "model.safetensors")
PROMISED = ("zip.pt", "model.safetensors")  # nobody writes legacy files any more


def main() -> int:
    if len(sys.argv) == 3:
        return child(*sys.argv[1:])
    make()
    missed = False
    print(f"{'file':18} {'sha256':>8} {'plain':>8} {'andiron':>8} {'ratio':>6} {'peak':>6} {'plain':>6}")
    for name in FILES:
        times = json.loads(run("time", name))
        peaks = [int(run(mode, name)) / SIZE for mode in ("peak", "plain-peak")]
        ratio = times["andiron"] / (times["sha256"] + times["plain"])
        print(
            f"{name:18} {times['sha256']:7.3f}s {times['plain']:7.3f}s {times['andiron']:7.3f}s {ratio:6.2f} "
            f"{peaks[0]:6.2f} {peaks[1]:6.2f}"
        )
        missed |= (ratio > TARGET * SLACK and name in PROMISED) or peaks[0] > PEAK_TARGET * SLACK
    print(f"targets: ratio {TARGET}, peak {PEAK_TARGET} times the file")
    return int(missed)


def run(mode: str, name: str) -> str:
    argv = [sys.executable, os.path.abspath(__file__), mode, name]
    return subprocess.run(argv, stdout=subprocess.PIPE, text=True, check=True).stdout


def make() -> None:
    import torch
    from safetensors.torch import save_file

    os.makedirs(WORK, mode=0o755, exist_ok=True)
    tensors = {f"layer{n}.weight": torch.randn(SIZE // 16 // 4096 // 4, 4096) for n in range(16)}
    torch.save(tensors, path_of("zip.pt"))
    torch.save(tensors, path_of("legacy.pt"), _use_new_zipfile_serialization=False)
    save_file(tensors, path_of("model.safetensors"))
    subprocess.run([ANDIRON, "trust", "add", *FILES], cwd=WORK, stdout=subprocess.DEVNULL, check=True)


def path_of(name: str) -> str:
    return os.path.join(WORK, name)


def child(mode: str, name: str) -> int:
    """Do one measurement in a process of its own."""
    import andiron
    import torch
    from andiron import _binary

    _binary._found = ANDIRON  # the package is not installed here
    torch.set_num_threads(1)
    os.chdir(WORK)
    plain = plain_load(torch, name)
    if mode == "time":
        print(
            json.dumps(turns({"sha256": lambda: sha256(name), "plain": plain, "andiron": lambda: andiron.load(name)}))
        )
        return 0
    before = peak()
    loaded = andiron.load(name) if mode == "peak" else plain()
    print(peak() - before)
    del loaded
    return 0


def plain_load(torch: Any, name: str) -> Callable[[], Any]:
    if name.endswith(".safetensors"):
        from safetensors.torch import load_file

        return lambda: load_file(name)
    return lambda: torch.load(name, weights_only=True)


def sha256(name: str) -> str:
    digest = hashlib.sha256()
    with open(name, "rb", buffering=0) as file, memoryview(bytearray(1 << 20)) as buffer:
        while n := file.readinto(buffer):
            digest.update(buffer[:n])
    return digest.hexdigest()


def turns(what: dict[str, Callable[[], Any]]) -> dict[str, float]:
    """Time each several times, in turns, and return the best."""
    best = dict.fromkeys(what, float("inf"))
    for _ in range(RUNS):
        for name, function in what.items():
            start = time.perf_counter()
            value = function()
            best[name] = min(best[name], time.perf_counter() - start)
            del value
    return best


def peak() -> int:
    with open("/proc/self/status", encoding="ascii") as status:
        for line in status:
            if line.startswith("VmHWM"):
                return int(line.split()[1]) << 10
    raise AssertionError("no VmHWM")


if __name__ == "__main__":
    sys.exit(main())
