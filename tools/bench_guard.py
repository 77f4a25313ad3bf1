#!/usr/bin/env python3
"""Times andiron.validate beside the checks that people write, and beside one look at memory.

One thread, the best of many short runs, so that other work on the machine matters
little. "usual" is isnan, isinf, min and max of torch, which finds less: no tiny values.
"one pass" is torch's maximum of the same bytes, which is what reading them costs.
The promise is 20 µs for a 1x3x224x224 float32 in [0, 1], and 20 times less than the usual
code. It has room for one look at memory. Zeros hide tiny values, and two signs have four
extremes: these take two to four further looks, and are printed and not promised.
Ends with 1 when a promise is missed by more than a quarter.

    tools/bench_guard.py          tensors on the host
    tools/bench_guard.py cuda     tensors on a device, to which the promise is not made
"""

from __future__ import annotations

import os
import sys
import timeit
from collections.abc import Callable
from typing import Any

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, os.path.join(ROOT, "python", "src"))

PROMISED_US = 20.0
PROMISED_RATIO = 20.0
SLACK = 1.25


def best(call: Callable[[], object]) -> float:
    """Return the microseconds of a call."""
    once = max(timeit.timeit(call, number=3) / 3, 1e-7)
    number = max(1, min(1000, int(0.0004 / once)))
    repeat = max(30, min(600, int(3 / (number * once))))
    return min(timeit.repeat(call, number=number, repeat=repeat)) / number * 1e6


def main() -> int:
    import andiron
    import torch

    device = sys.argv[1] if len(sys.argv) > 1 else "cpu"
    torch.set_num_threads(1)
    torch.manual_seed(0)
    print(f"torch {torch.__version__}, {device}, one thread, best of up to 600, µs")
    print(f"{'':34}{'one pass':>10}{'usual':>10}{'validate':>10}{'ratio':>8}")
    first = None
    for name, form, on_host in inputs(torch):
        x = on_host.to(device)
        checked = andiron.validate(form)(same)
        view = x.view({8: torch.int64, 4: torch.int32, 2: torch.int16, 1: torch.uint8}[x.element_size()])
        usual = best(lambda x=x: usual_checks(torch, x))
        took = best(lambda checked=checked, x=x: checked(x))
        print(f"{name:34}{best(lambda view=view: int(view.max())):10.1f}{usual:10.1f}{took:10.1f}{usual / took:8.1f}")
        first = first or (took, usual / took)
    checked, one = andiron.validate("float32[B]")(same), torch.ones(1, device=device)
    small = best(lambda: checked(one))
    print(f"{'a call without elements to speak of':34}{'':20}{small:10.1f}")
    if device != "cpu":
        return 0
    missed = first[0] > PROMISED_US * SLACK or first[1] < PROMISED_RATIO / SLACK if first else True
    return int(missed)


def same(x: Any) -> Any:
    return x


def usual_checks(torch: Any, x: Any) -> bool:
    if x.is_floating_point() and (torch.isnan(x).any() or torch.isinf(x).any()):
        return False
    return bool(x.min() >= 0 and x.max() <= 255)


def inputs(torch: Any) -> list[tuple[str, str, Any]]:
    image = torch.rand(1, 3, 224, 224) * 0.999 + 0.0005
    black = image.clone()
    black[:, :, ::3] = 0
    padded = (image - 0.45) / 0.225
    padded[:, :, ::3] = 0
    ids = torch.randint(0, 30522, (8, 512))
    return [
        ("1x3x224x224 float32 in [0, 1]", "float32[B, 3, H, W] in [0, 1]", image),
        ("  with black pixels", "float32[B, 3, H, W] in [0, 1]", black),
        ("  in [-4, 4]", "float32[B, 3, H, W] in [-4, 4]", (image - 0.45) / 0.225),
        ("  in [-4, 4] with zeros", "float32[B, 3, H, W] in [-4, 4]", padded),
        ("  float16", "float16[B, 3, H, W] in [0, 1]", image.half()),
        ("  uint8", "uint8[B, 3, H, W]", (image * 255).to(torch.uint8)),
        ("8x512 token ids", "int64[B, S] in [0, 30521]", ids),
        ("64x3x224x224 float32", "float32[B, 3, H, W] in [0, 1]", image.repeat(64, 1, 1, 1)),
    ]


if __name__ == "__main__":
    sys.exit(main())
