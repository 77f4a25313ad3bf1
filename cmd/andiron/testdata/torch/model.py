"""Models that convert --to is tried on; nothing here needs more than torch."""

import os
import sys
import time
from typing import Dict, NamedTuple, Tuple

import neighbour
import torch
from torch import Tensor, nn


class Plain(nn.Module):
    def __init__(self, width: int = 8):
        super().__init__()
        self.a = nn.Linear(4, width)
        self.norm = nn.BatchNorm1d(width)
        self.drop = nn.Dropout(0.5)
        self.b = nn.Linear(width, 3)

    def forward(self, x: Tensor) -> Tensor:
        return self.b(self.drop(torch.relu(self.norm(self.a(x)))))


class Pair(NamedTuple):
    first: Tensor
    second: Tensor


class Nested(nn.Module):
    """Returns what the original and the converted model spell differently."""

    def forward(self, x: Tensor, y: Tensor) -> Tuple[Dict[str, Tensor], Tensor, Tensor]:
        return {"sum": x + y, "half": (x * y).half()}, x > 0, x.argmax(1)


class Named(nn.Module):
    def forward(self, x: Tensor) -> Tuple[Pair, int, float, str]:
        return Pair(x + 1, x * 2), x.size(0), 0.5, "text"


class Embed(nn.Module):
    def __init__(self):
        super().__init__()
        self.table = nn.Embedding(1000, 4)
        self.out = nn.Linear(4, 1000, bias=False)

    def forward(self, ids: Tensor) -> Tensor:
        return self.out(self.table(ids))


def tied():
    model = Embed()
    model.out.weight = model.table.weight
    return model


class Branch(nn.Module):
    """What a trace of it does depends on what it was traced on."""

    def forward(self, x: Tensor) -> Tensor:
        if x.sum() > 0:
            return x * 2
        return x - 1


class Counter(nn.Module):
    """What Python counts is a constant in a trace."""

    calls = 0

    def forward(self, x: Tensor) -> Tensor:
        Counter.calls += 1
        return x + torch.full_like(x, Counter.calls)


class Root(nn.Module):
    """NaN where the signs are turned, in both models alike."""

    def forward(self, x: Tensor) -> Tensor:
        return x.sqrt()


class Count(nn.Module):
    """Counts its calls in a buffer; the file must hold the count from before."""

    def __init__(self):
        super().__init__()
        self.register_buffer("calls", torch.zeros(1))

    def forward(self, x: Tensor) -> Tensor:
        self.calls += 1
        return x + self.calls


class Reader(nn.Module):
    """Has a method that maps a file; nothing here calls it."""

    def forward(self, x: Tensor) -> Tensor:
        return x

    @torch.jit.export
    def peek(self) -> Tensor:
        return torch.from_file("none", False, 1)


class Args(nn.Module):
    def __init__(self, scale: float, *, name: str = "x"):
        super().__init__()
        assert name == "y"
        self.scale = scale

    def forward(self, x: Tensor) -> Tensor:
        return x * self.scale


class Group:
    Inner = Plain


def raises():
    raise ValueError("\x1b[31mred\x1b[0m")


def leaves():
    os._exit(5)


def quits():
    sys.exit("no")


def sleeps():
    if os.fork() == 0:
        time.sleep(600)
    time.sleep(600)


def number():
    return neighbour.ANSWER
