#!/usr/bin/env python3
"""Times loads in the sandbox beside plain ones, in turns, and prints medians.

Cold is `andiron sandbox load` beside `python -c "torch.load(...)"` of the same
state dict of 200 MB; warm is a pool's answer to a client that keeps the tensors in
memory, beside the digest of the file. What is written goes to memory (/dev/shm),
because a disk takes what it takes. Each line has the wall time and, of cold loads,
the processor time, which a busy machine changes less. Ends with 1 when a target is
missed by more than a quarter.

    python3 tools/bench_sandbox.py [PYTHON]     a Python with torch; /usr/bin/python3
"""

from __future__ import annotations

import json
import os
import resource
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
ANDIRON = os.environ.get("ANDIRON_BENCH_BINARY", os.path.join(ROOT, "bin", "andiron"))
PYTHON = sys.argv[1] if len(sys.argv) > 1 else "/usr/bin/python3"
COLD_RUNS = int(os.environ.get("ANDIRON_BENCH_RUNS", "7"))
WARM_RUNS = 3 * COLD_RUNS
SETTLE = float(os.environ.get("ANDIRON_BENCH_SETTLE", "3"))  # seconds
SLACK = 1.25
COLD_TARGET, SMALL_TARGET, LARGE_TARGET = 1.15, 0.005, 0.25

MAKE = """
import sys, torch
torch.save({"layer%d.weight" % i: torch.randn(1024, 1024) for i in range(50)}, sys.argv[1])
torch.save({"weight": torch.randn(8, 8), "bias": torch.randn(8)}, sys.argv[2])
"""


def main() -> int:
    with tempfile.TemporaryDirectory(dir="/dev/shm") as work:
        large, small = os.path.join(work, "large.pt"), os.path.join(work, "small.pt")
        subprocess.run([PYTHON, "-c", MAKE, large, small], check=True)
        missed = cold(large, os.path.join(work, "out.safetensors"))
        return int(warm(work, small, large) or missed)


def cold(large: str, out: str) -> bool:
    load = [ANDIRON, "sandbox", "load", large, "-o", out, "--python", PYTHON]
    times = turns(
        {
            "import torch": lambda: timed([PYTHON, "-c", "import torch"]),
            "plain": lambda: timed([PYTHON, "-c", "import sys, torch; torch.load(sys.argv[1])", large]),
            "by reference": lambda: timed(load),
            "in full": lambda: timed([*load, "--mode", "full"]),
        },
        COLD_RUNS,
    )
    walls = {name: statistics.median(wall for wall, _ in runs) for name, runs in times.items()}
    for name, runs in times.items():
        cpu = statistics.median(cpu for _, cpu in runs)
        print(f"cold  {name:14} {walls[name]:7.3f} s  {cpu:7.3f} s of processor  {walls[name] / walls['plain']:5.2f}")
    return walls["by reference"] > COLD_TARGET * SLACK * walls["plain"]


def timed(argv: list[str]) -> tuple[float, float]:
    before, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    subprocess.run(argv, stdout=subprocess.DEVNULL, check=True)
    wall, after = time.perf_counter() - start, resource.getrusage(resource.RUSAGE_CHILDREN)
    return wall, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def turns(what: dict[str, Callable[[], tuple[float, float]]], runs: int) -> dict[str, list[tuple[float, float]]]:
    times: dict[str, list[tuple[float, float]]] = {name: [] for name in what}
    for _ in range(runs):
        for name, function in what.items():
            times[name].append(function())
    return times


def warm(work: str, small: str, large: str) -> bool:
    path = os.path.join(work, "pool", "s")
    pool = subprocess.Popen(
        [ANDIRON, "sandbox", "pool", "--python", PYTHON, "--socket", path, "--size", "1", "--log", os.devnull],
        stdout=subprocess.PIPE,
    )
    try:
        assert pool.stdout is not None
        pool.stdout.readline()
        medians = {}
        for name, file in (("small", small), ("200 MB", large)):
            medians[name] = statistics.median(ask(path, file) for _ in range(WARM_RUNS))
            print(f"warm  {name:14} {medians[name]:7.4f} s")
    finally:
        pool.terminate()
        pool.wait()
    print(f"targets: cold {COLD_TARGET} of plain, warm {SMALL_TARGET} s and {LARGE_TARGET} s")
    return medians["small"] > SMALL_TARGET * SLACK or medians["200 MB"] > LARGE_TARGET * SLACK


def ask(path: str, file: str) -> float:
    """Ask once, and return how long it took from a worker that waits to tensors in memory."""
    time.sleep(SETTLE)  # until the next worker has imported torch
    body = json.dumps({"name": file}).encode()
    with open(file, "rb") as source, socket.socket(socket.AF_UNIX) as connection:
        start = time.perf_counter()
        connection.connect(path)
        socket.send_fds(connection, [len(body).to_bytes(4, "little") + body], [source.fileno()])
        head, fds, _, _ = socket.recv_fds(connection, 4, 1)
        left, answer = int.from_bytes(head, "little"), b""
        while len(answer) < left:
            answer += connection.recv(1 << 16)
        took = time.perf_counter() - start
    if not fds:
        raise SystemExit(answer.decode())
    os.close(fds[0])
    return took


if __name__ == "__main__":
    sys.exit(main())
