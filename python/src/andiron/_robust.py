"""How well a classifier does under attack, and whether the figures can be believed."""

from __future__ import annotations

import dataclasses
import itertools
import json
import math
from collections.abc import Sequence
from typing import Any, Final

from ._attacks import METHODS, Bounds, Model, Search, attack, check, frozen, kind
from ._torch import torch_module

FORM: Final = "andiron/robustness/v1"


@dataclasses.dataclass(frozen=True)
class Rate:
    """A share of samples, with the interval that holds it with 95 % probability."""

    right: int
    samples: int

    @property
    def share(self) -> float:
        return self.right / self.samples

    @property
    def interval(self) -> tuple[float, float]:
        """Wilson's interval, which is right for shares near 0 and 1 as well."""
        z, n, p = 1.959964, self.samples, self.share
        middle = (p + z * z / (2 * n)) / (1 + z * z / n)
        half = z / (1 + z * z / n) * math.sqrt(p * (1 - p) / n + z * z / (4 * n * n))
        return max(0.0, middle - half), min(1.0, middle + half)

    def plain(self) -> dict[str, Any]:
        low, high = self.interval
        return {
            "right": self.right, "samples": self.samples, "accuracy": round(self.share, 6),
            "low": round(low, 6), "high": round(high, 6),
        }  # fmt: skip


@dataclasses.dataclass(frozen=True)
class Row:
    """The accuracy under one attack. Under ``worst`` a sample has to withstand all of them."""

    eps: float
    attack: str
    rate: Rate


@dataclasses.dataclass(frozen=True)
class Sanity:
    """One sign of whether the figures can be believed."""

    name: str
    ok: bool
    detail: str


@dataclasses.dataclass(frozen=True)
class RobustnessReport:
    """Accuracy without and under attack. ``str()`` is a table, ``json()`` what audits read."""

    clean: Rate
    rows: tuple[Row, ...]
    sanity: tuple[Sanity, ...]
    settings: dict[str, Any]

    def accuracy(self, eps: float, attack: str = "worst") -> float:
        """Return the accuracy under an attack that was part of the evaluation."""
        for row in self.rows:
            if row.eps == eps and row.attack == attack:
                return row.rate.share
        raise KeyError(f"eps={eps} with attack={attack!r} was not evaluated")

    @property
    def believable(self) -> bool:
        """Whether all signs are good."""
        return all(sign.ok for sign in self.sanity)

    def plain(self) -> dict[str, Any]:
        """Return the report as plain values."""
        return {
            "schema": FORM,
            "settings": self.settings,
            "clean": self.clean.plain(),
            "rows": [{"eps": row.eps, "attack": row.attack, **row.rate.plain()} for row in self.rows],
            "sanity": [dataclasses.asdict(sign) for sign in self.sanity],
        }

    def json(self) -> str:
        return json.dumps(self.plain(), indent=2, allow_nan=False) + "\n"

    def __str__(self) -> str:
        attacks = list(dict.fromkeys(row.attack for row in self.rows))
        lines = ["eps".rjust(8) + "".join(name.rjust(10) for name in attacks)]
        lines.append("0".rjust(8) + f"{self.clean.share:10.3f}" * len(attacks))
        for eps in dict.fromkeys(row.eps for row in self.rows):
            lines.append(f"{eps:8.4g}" + "".join(f"{self.accuracy(eps, name):10.3f}" for name in attacks))
        lines += [f"not to be believed: {sign.name}: {sign.detail}" for sign in self.sanity if not sign.ok]
        return "\n".join(lines)


def evaluate(
    model: Model,
    x: Any,
    y: Any,
    eps: Sequence[float],
    *,
    attacks: Sequence[str] = METHODS,
    norm: str = "linf",
    steps: int = 40,
    restarts: int = 1,
    bounds: Bounds = (0.0, 1.0),
    batch_size: int = 256,
    seed: int = 0,
    backend: str = "andiron",
) -> RobustnessReport:
    """Return the accuracy of a classifier on ``x`` without and under attack.

    ``x`` is all of the inputs, within ``bounds``; ``y`` their classes, as int64. Each
    attack of ``attacks`` (``fgsm``, ``pgd``, ``margin``) runs at each ``eps``; a sample
    counts as right under ``worst`` if it withstands all of them, every restart
    included. The same seed gives the same report on the same machine.
    """
    torch = torch_module()
    sizes = sorted(set(map(float, eps)))
    if not sizes or sizes[0] <= 0:
        raise ValueError(f"eps={list(eps)} must be numbers above 0")
    if not attacks or not set(attacks) <= set(METHODS):
        raise ValueError(f"attacks={list(attacks)} must be some of {', '.join(METHODS)}")
    if restarts < 1 or batch_size < 1:
        raise ValueError(f"restarts={restarts} and batch_size={batch_size} must be at least 1")
    check(torch, x, y, sizes[-1], norm, bounds)
    run = Evaluation(torch, model, x, y, norm, bounds, batch_size, seed)
    with frozen(model):
        clean = run.right(lambda x, _: x)
        rows: list[Row] = []
        for size in sizes:
            rows += run.rows(size, attacks, steps, restarts, backend, clean)
        sanity = run.sanity(clean, rows, sizes, attacks)
    settings = {
        "norm": norm, "bounds": list(map(float, bounds)), "attacks": list(attacks), "steps": steps,
        "restarts": restarts, "seed": seed, "backend": backend, "torch": str(torch.__version__),
    }  # fmt: skip
    return RobustnessReport(run.rate(clean), tuple(rows), tuple(sanity), settings)


class Evaluation:
    """One evaluation: what it is about, and how its samples are gone through."""

    def __init__(
        self, torch: Any, model: Model, x: Any, y: Any, norm: str, bounds: Bounds, batch_size: int, seed: int
    ) -> None:
        self.torch, self.model, self.x, self.y = torch, model, x, y
        self.norm, self.bounds, self.batch_size, self.seed = norm, bounds, batch_size, seed

    def right(self, change: Any) -> Any:
        """Return which samples are classified right once they have been changed."""
        found = []
        for begin in range(0, len(self.x), self.batch_size):
            x, y = self.x[begin : begin + self.batch_size], self.y[begin : begin + self.batch_size]
            changed = change(x, y)
            with self.torch.no_grad():
                output = self.model(changed)
            if not self.torch.is_tensor(output) or output.dim() != 2 or len(output) != len(x):
                raise ValueError(f"the model returned {kind(output)}, not scores of classes, [samples, classes]")
            # An answer with a NaN is no answer.
            finite = self.torch.isfinite(output).all(1)
            found.append((output.argmax(1) == y) & finite)
        return self.torch.cat(found).cpu()

    def rate(self, right: Any) -> Rate:
        return Rate(int(right.sum()), len(right))

    def rows(
        self, eps: float, attacks: Sequence[str], steps: int, restarts: int, backend: str, clean: Any
    ) -> list[Row]:
        """Return what is left under each attack, and under all of them."""
        worst, rows = clean, []
        for method in attacks:
            stands = clean
            # One step has no random start, so it need not be repeated.
            for restart in range(1 if method == "fgsm" else restarts):
                stands = stands & self.right(self.by(method, eps, steps, backend, self.seed + restart))
            worst = worst & stands
            rows.append(Row(eps, method, self.rate(stands)))
        return [*rows, Row(eps, "worst", self.rate(worst))]

    def by(self, method: str, eps: float, steps: int, backend: str, seed: int) -> Any:
        # Another library has no attack on the margin: that one stays ours.
        backend = "andiron" if method == "margin" else backend

        def change(x: Any, y: Any) -> Any:
            return attack(
                self.model, x, y, eps,
                method=method, backend=backend, norm=self.norm, steps=steps, bounds=self.bounds, seed=seed,
            )  # fmt: skip

        return change

    def noise(self, eps: float) -> Any:
        """Return a change by noise of the same size, which no model should mind much."""

        def change(x: Any, y: Any) -> Any:
            search = Search(x, y, eps, self.norm, self.bounds, None)
            generator = search.generator(self.seed)
            step = search.direction(self.torch.empty_like(x).normal_(generator=generator)) * eps
            return search.inside(x + step)

        return change

    def sanity(self, clean: Any, rows: list[Row], sizes: list[float], attacks: Sequence[str]) -> list[Sanity]:
        """Return the signs of masked gradients, of a random model and of overfitting."""
        again = self.right(lambda x, _: x)
        signs = [
            Sanity(
                "deterministic", bool((again == clean).all()),
                f"{int((again != clean).sum())} of {len(clean)} answers differ between two runs on the same inputs",
            ),
            self.monotone(rows, attacks, len(clean)),
            self.noisy(rows, clean, sizes),
            self.unbounded(attacks),
        ]  # fmt: skip
        if "fgsm" in attacks and "pgd" in attacks:
            signs.append(self.steps_help(rows, len(clean)))
        return signs

    def slack(self, samples: int) -> float:
        """Return how much chance alone may change a rate by: two in a hundred, or a sample."""
        return max(0.02, 1 / samples)

    def monotone(self, rows: list[Row], attacks: Sequence[str], samples: int) -> Sanity:
        rises = []
        for method in attacks:
            shares = [(row.eps, row.rate.share) for row in rows if row.attack == method]
            # One step may overshoot, so it may rise.
            if method != "fgsm":
                rises += [b[0] for a, b in itertools.pairwise(shares) if b[1] > a[1] + self.slack(samples)]
        detail = f"accuracy rises with eps at {rises}" if rises else "more eps, less accuracy"
        return Sanity("monotone", not rises, detail)

    def noisy(self, rows: list[Row], clean: Any, sizes: list[float]) -> Sanity:
        eps = sizes[-1]
        noise = self.rate(self.right(self.noise(eps))).share
        worst = next(row.rate.share for row in rows if row.eps == eps and row.attack == "worst")
        detail = f"accuracy {noise:.3f} under noise of eps {eps:g}, {worst:.3f} under attack"
        return Sanity("attack-beats-noise", worst <= noise + self.slack(len(clean)), detail)

    def unbounded(self, attacks: Sequence[str]) -> Sanity:
        """An attack that may do anything must succeed: where it does not, gradients are masked."""
        low, high = self.bounds
        eps = high - low
        if self.norm == "l2":
            eps *= math.sqrt(self.x[0].numel())
        method = "pgd" if "pgd" in attacks else attacks[-1]
        left = self.rate(self.right(self.by(method, eps, 40, "andiron", self.seed)))
        detail = f"accuracy {left.share:.3f} where any input is allowed; above 0.05 the gradients are masked"
        return Sanity("unbounded-attack-succeeds", left.share <= max(0.05, 1 / left.samples), detail)

    def steps_help(self, rows: list[Row], samples: int) -> Sanity:
        worse = []
        for eps in dict.fromkeys(row.eps for row in rows):
            share = {row.attack: row.rate.share for row in rows if row.eps == eps}
            if share["pgd"] > share["fgsm"] + self.slack(samples):
                worse.append(eps)
        detail = f"many steps do worse than one at {worse}" if worse else "many steps do at least as well as one"
        return Sanity("steps-help", not worse, detail)
