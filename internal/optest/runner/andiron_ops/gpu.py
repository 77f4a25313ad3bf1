"""Calls with tensors on a GPU.

CUDA does not survive a fork, so that nothing here may be called before the process is
the one that makes the calls. An error that a kernel makes is seen when one waits for it,
and ends all that the process may ask of the GPU: then the process ends too.
"""

from __future__ import annotations

import gc
import json
import os
import re
import sys
import time

import torch

from andiron_ops import cases as making
from andiron_ops import recipe

LOST = 71  # exit code of a process that can ask nothing more of the GPU
SAID = "andiron: the CUDA context is lost: "
MOST = 12 << 30  # bytes of the GPU's memory that a process may take
SMALL = 1 << 20
LARGE = 5 << 20
ROUND = 100  # calls
ELEMENTS = 1 << 22  # of a result that is looked at
MODERATE = 1e4


def placed(case, device):
    """A case with its tensors on the GPU, those that are where a test had them; or on the CPU."""

    def of(r):
        if r["k"] == "list":
            return dict(r, v=[of(e) for e in r["v"]])
        return dict(r, device=device) if r["k"] == "tensor" and r["device"] in ("cpu", "cuda") else r

    if "sequence" in case:
        return dict(case, sequence=[placed(c, device) for c in case["sequence"]])
    given = [*case["args"], *case.get("kwargs", {}).values()]
    if device == "cuda" and any(r["device"] == "cuda" for r in recipe.tensors(given)):
        return case
    return dict(case, args=[of(r) for r in case["args"]], kwargs={k: of(r) for k, r in case.get("kwargs", {}).items()})


def start():
    """Makes the GPU known to this process, with a bound on its memory."""
    torch.zeros(1, device="cuda")
    free, total = torch.cuda.mem_get_info()
    torch.cuda.set_per_process_memory_fraction(min(MOST, free // 4 * 3) / total)
    settled()


def settled():
    """Waits for all kernels. Returns the error of a launch that nobody asked about."""
    try:
        torch.zeros(1, device="cuda")  # an own launch sees what an earlier one left
        torch.cuda.synchronize()
        return ""
    except Exception as e:
        left = first_line(e)
    try:
        torch.zeros(1, device="cuda")
        torch.cuda.synchronize()
    except Exception as e:
        lost(first_line(e))
    return left


def lost(text):
    print(SAID + text, file=sys.stderr, flush=True)
    os._exit(LOST)


def nature(text):
    """What two errors share that come of one mistake: a wild address may be any."""
    return "CUDA error: " + next((w for w in ("device-side assert", "misaligned") if w in text), "invalid access")


def first_line(e):
    text = str(e).strip().splitlines()
    return re.sub(r"^CUDA error: ", "", text[0]) if text else type(e).__name__


def perturb(pattern):
    """Has the memory that tensors are made in next hold a pattern."""
    torch.cuda.empty_cache()
    held = [torch.empty(size, dtype=torch.uint8, device="cuda").fill_(pattern) for size in [SMALL] * 4 + [LARGE] * 4]
    del held


def moderate(values):
    """Whether no number is one with which two processors may well differ."""
    for v in values:
        if isinstance(v, (list, tuple)) and not moderate(v):
            return False
        if isinstance(v, float) and not abs(v) <= MODERATE:
            return False
        if isinstance(v, torch.Tensor) and v.is_floating_point() and v.numel():
            v = v.detach()
            if v.numel() > ELEMENTS or not bool((v.abs() <= MODERATE).all()):
                return False
    return True


def kept_memory(call):
    """Bytes of tensors that each of many calls keeps at least."""
    rounds, at = [], None
    for n in (8, ROUND, ROUND, ROUND):
        for _ in range(n):
            call()
        gc.collect()
        torch.cuda.synchronize()
        now = torch.cuda.memory_allocated()
        if at is not None:
            rounds.append(now - at)
        at = now
    return max(min(rounds), 0) // ROUND


# Calls under compute-sanitizer, many in one process.

SMALLER = 12  # simpler cases that are tried of one
ENOUGH = 3  # calls of an operator that something was said of
FLOOD = 4 << 20  # bytes that are said of one entry
WAITS = 0.02


def watched(plan, operators):
    """Makes calls, each in a function whose name says which it is."""
    end = time.monotonic() + plan["seconds"]
    torch.zeros(1, device="cuda")
    torch.cuda.synchronize()
    out = open(plan["result"], "w", encoding="utf-8")  # noqa: SIM115

    def say(**line):
        out.write(json.dumps(line) + "\n")
        out.flush()

    number, spoken = 0, {}
    for at, entry in enumerate(plan["calls"]):
        if at < plan["first"]:
            continue
        said = size(plan["log"])
        for case in variants(entry):
            if time.monotonic() > end:
                say(end="time")
                return
            if size(plan["log"]) - said > FLOOD or (not plan["smaller"] and spoken.get(entry["op"], 0) >= ENOUGH):
                break
            before = size(plan["log"])
            say(n=number, entry=at, case=case if plan["smaller"] else None)
            status = call(number, operators[entry["op"]], case, plan["times"])
            after = still(plan["log"])
            spoken[entry["op"]] = spoken.get(entry["op"], 0) + (after > before)
            say(n=number, entry=at, status=status, log=after)
            if status == "lost":
                say(end="lost", entry=at)
                return
            number += 1
    say(end="all")


def variants(entry):
    """A case, and simpler ones where that is asked for."""
    yield entry["case"]
    if entry.get("smaller"):
        for i, case in enumerate(making.smaller(entry["case"])):
            if i >= SMALLER:
                break
            yield case


def call(number, operator, case, times):
    name = f"andiron_call_{number}"
    space = {}
    exec(compile(f"def {name}(do):\n    return do()\n", f"{name}.py", "exec"), space)  # noqa: S102
    try:
        made, keywords, _ = operator.arguments(case)
        status = [space[name](lambda: attempt(operator, made, keywords)) for _ in range(times)][-1]
    except Exception:  # the arguments cannot be made, or the context is lost
        status = "raised"
    return status if usable() else "lost"


def usable():
    """Whether this process may still ask something of the GPU, now or when asked again."""
    return answers() or answers()


def answers():
    try:
        torch.zeros(1, device="cuda")
        torch.cuda.synchronize()
    except Exception:
        return False
    return True


def attempt(operator, made, keywords):
    torch.manual_seed(0)
    try:
        operator.function(*made, **keywords)
    except Exception:
        return "raised"
    torch.cuda.synchronize()
    return "valid"


def size(log):
    try:
        return os.stat(log).st_size
    except OSError:
        return 0


def still(log):
    """The size of the log when nothing is added to it any more."""
    have = size(log)
    time.sleep(0.002)
    now = size(log)
    while now != have:
        have = now
        time.sleep(WAITS)
        now = size(log)
    return now


def facts():
    """What torch knows of GPUs."""
    from torch.utils import cpp_extension

    try:
        available = torch.cuda.is_available()
        name = torch.cuda.get_device_name(0) if available else ""
    except Exception as e:
        available, name = False, first_line(e)
    return {
        "torch": torch.__version__,
        "cuda": torch.version.cuda or "",
        "available": available,
        "name": name,
        "home": cpp_extension.CUDA_HOME or "",
    }
