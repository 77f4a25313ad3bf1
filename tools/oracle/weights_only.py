#!/usr/bin/env python3
"""Says which files real torch loads with weights_only=True.

    weights_only.py DIR      under a Python with torch: one JSON line per file of
                             the benign corpus, {"file", "torch", "loads", "error"}

Only files that our own generators made are given to it.
"""

import json
import os
import sys
import warnings

import torch

warnings.simplefilter("ignore")


def answer(path):
    try:
        torch.load(path, weights_only=True, map_location="cpu")
    except Exception as error:  # whatever torch raises is the answer
        return False, "%s: %s" % (type(error).__name__, str(error)[:160])
    return True, None


def main(root):
    with open(os.path.join(root, "manifest.json"), encoding="utf-8") as f:
        files = sorted(json.load(f))
    for name in files:
        if not name.endswith((".pt", ".pth", ".ckpt", ".bin")):
            continue
        loads, error = answer(os.path.join(root, name))
        print(json.dumps({"file": name, "torch": torch.__version__, "loads": loads, "error": error}))


if __name__ == "__main__":
    main(sys.argv[1])
