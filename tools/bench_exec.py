#!/usr/bin/env python3
"""What andiron exec adds: to importing torch, and to one open.

    tools/bench_exec.py bin/andiron [PYTHON]

Each round runs the program alone and under exec, one after the other; the ratio is of
medians. The cost of an open is the difference of two loops.
"""

import json
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROUNDS = 9
LOOP = """
import os, sys, time
path, n = sys.argv[1], 20000
best = 1e9
for _ in range(5):
    begun = time.perf_counter()
    for _ in range(n):
        os.close(os.open(path, os.O_RDONLY))
    best = min(best, (time.perf_counter() - begun) / n)
print(best * 1e6)
"""


def seconds(command: list[str], cwd: str) -> float:
    begun = time.perf_counter()
    subprocess.run(command, cwd=cwd, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    return time.perf_counter() - begun


def loop(command: list[str], cwd: str) -> float:
    done = subprocess.run(command, cwd=cwd, check=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    return float(done.stdout)


def main() -> None:
    andiron = str(Path(sys.argv[1]).resolve())
    python = sys.argv[2] if len(sys.argv) > 2 else "/usr/bin/python3"
    with tempfile.TemporaryDirectory() as cwd:
        Path(cwd, "andiron.yaml").write_text("version: 1\n")
        Path(cwd, "settings.json").write_text('{"a": 1}\n' * 100)
        held = [andiron, "exec", "--", python]
        out: dict[str, object] = {}
        for name, code in (("pass", "pass"), ("import torch", "import torch")):
            plain, under = [], []
            for _ in range(ROUNDS):
                plain.append(seconds([python, "-c", code], cwd))
                under.append(seconds([*held, "-c", code], cwd))
            a, b = statistics.median(plain), statistics.median(under)
            out[name] = {"plain_s": round(a, 3), "exec_s": round(b, 3), "ratio": round(b / a, 3)}
        time.sleep(2)  # the file has then been left alone for long enough to be remembered
        for path in ("/usr/lib/os-release", "/usr/lib/python3/dist-packages/torch/version.py", f"{cwd}/settings.json"):
            a, b = loop([python, "-c", LOOP, path], cwd), loop([*held, "-c", LOOP, path], cwd)
            out[f"open {Path(path).name}"] = {"plain_us": round(a, 2), "exec_us": round(b, 2), "adds_us": round(b - a, 2)}
    print(json.dumps(out, indent=2))


if __name__ == "__main__":
    main()
