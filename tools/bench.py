#!/usr/bin/env python3
"""Times andiron, whole process, beside picklescan on the same files.

Makes the files once (real torch writes the checkpoint), runs every command a
few times with the page cache warm, and prints the best wall time, the peak
resident memory and the ratio to andiron. Figures are of this machine; the
ratios travel.
"""

import hashlib
import io
import os
import pickle
import random
import re
import shutil
import subprocess
import sys
import time

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
CACHE = os.environ.get("ANDIRON_CACHE", os.path.expanduser("~/.cache/andiron"))
WORK = os.path.join(ROOT, ".bench")
ANDIRON = os.path.join(ROOT, "bin", "andiron")
PICKLESCAN = os.path.join(CACHE, "peers", "bin", "picklescan")
TORCH_PYTHON = "/usr/bin/python3"
RUNS = 7

MAKE_CHECKPOINT = """
import sys, collections, torch
state = collections.OrderedDict(
    ("layer.%d.weight" % i, torch.zeros(1072813673 // 300 // 4)) for i in range(300))
torch.save(state, sys.argv[1])
"""


def make_files():
    os.makedirs(WORK, exist_ok=True)
    checkpoint = os.path.join(WORK, "checkpoint.pt")
    if not os.path.exists(checkpoint):
        subprocess.run([TORCH_PYTHON, "-c", MAKE_CHECKPOINT, checkpoint + ".tmp"], check=True)
        os.rename(checkpoint + ".tmp", checkpoint)
    big = os.path.join(WORK, "million.pkl")
    if not os.path.exists(big):
        with open(big, "wb") as f:
            f.write(million_opcodes())
    many = os.path.join(WORK, "many")
    if not os.path.isdir(many):
        os.makedirs(many)
        rng = random.Random(1)
        for i in range(1000):
            words = {"key%d" % k: [rng.random() for _ in range(40)] for k in range(25)}
            with open(os.path.join(many, "%04d.pkl" % i), "wb") as f:
                pickle.dump(words, f, protocol=4)
    return checkpoint, big, many


def million_opcodes():
    """A list of dicts of short strings and numbers: about 18 MB."""
    rng = random.Random(2)
    rows = [
        {"name": "row-%d-%s" % (i, hashlib.md5(b"%d" % i).hexdigest()), "note": "x" * 30 + str(i), "n": i, "x": rng.random()}
        for i in range(105_000)
    ]
    out = io.BytesIO()
    pickle.dump(rows, out, protocol=4)
    return out.getvalue()


def run_once(argv):
    with open(os.devnull, "wb") as null:
        start = time.perf_counter()
        child = subprocess.Popen(argv, stdout=null, stderr=null)
        _, status, usage = os.wait4(child.pid, 0)
        wall = time.perf_counter() - start
    child.returncode = os.waitstatus_to_exitcode(status)
    return wall, usage.ru_maxrss / 1024, child.returncode


def best(argv, codes, runs=RUNS):
    results = [run_once(argv) for _ in range(runs)]
    for _, _, code in results:
        if code not in codes:
            sys.exit("bench: %r ended with exit code %d" % (argv, code))
    return min(r[0] for r in results), max(r[1] for r in results)


def openssl_rate():
    """Bytes a second that openssl hashes on one core, 16 KiB blocks."""
    out = subprocess.run(
        ["openssl", "speed", "-seconds", "2", "-bytes", "16384", "-evp", "sha256"],
        check=True, capture_output=True, text=True).stdout
    found = re.findall(r"([0-9.]+)k", out)
    return float(found[-1]) * 1000


def main():
    for need in (ANDIRON, PICKLESCAN):
        if not os.path.exists(need):
            sys.exit("bench: %s is missing: run make bench" % need)
    checkpoint, big, many = make_files()
    cases = [
        ("1 GiB checkpoint, 300 tensors", checkpoint, 0.020, 20),
        ("18 MB pickle, one million opcodes", big, 0.150, 64),
        ("1,000 pickles of 10 KB", many, 0.150, None),
    ]
    print("%-36s %12s %10s %12s %10s %8s" % ("", "andiron", "peak", "picklescan", "peak", "ratio"))
    missed = []
    for name, path, want, mb in cases:
        wall, rss = best([ANDIRON, "scan", "--quiet", path], {0})
        peer, peer_rss = best([PICKLESCAN, "-p", path], {0, 1, 2}, runs=3)
        print("%-36s %9.1f ms %7.1f MB %9.1f ms %7.1f MB %7.1fx"
              % (name, wall * 1e3, rss, peer * 1e3, peer_rss, peer / wall))
        if wall > want or mb and rss > mb:
            missed.append("%s: wanted %.0f ms%s" % (name, want * 1e3, " and %d MB" % mb if mb else ""))
    rate = openssl_rate()
    size = os.path.getsize(checkpoint)
    wall, rss = best([ANDIRON, "scan", "--quiet", "--sha256", checkpoint], {0}, runs=3)
    share = size / wall / rate
    print("%-36s %9.1f ms %7.1f MB   %.0f %% of openssl's %.2f GB/s"
          % ("--sha256 of the checkpoint", wall * 1e3, rss, share * 100, rate / 1e9))
    if share < 0.9:
        missed.append("--sha256: wanted 90 % of openssl speed")
    for line in missed:
        print("missed: " + line)
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
