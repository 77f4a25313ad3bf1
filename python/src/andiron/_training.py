"""Batches that are attacked before a model learns from them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

from ._attacks import Bounds, Loss, Model, Search, frozen, pgd

_METHODS: Final = ("fast", "pgd")


class AdversarialBatches:
    """Iterate over batches whose inputs are adversarial examples for the model as it is now.

    >>> for x, y in AdversarialBatches(loader, model, eps=0.1):
    ...     optimizer.zero_grad()
    ...     torch.nn.functional.cross_entropy(model(x), y).backward()
    ...     optimizer.step()

    A batch is a sequence whose first two items are inputs and labels, or a mapping that
    has them under ``keys``; whatever else is in it stays as it is. ``method`` is
    ``fast``, one step of 1.25 * eps from a random start, which costs one more forward
    and backward pass for each batch, or ``pgd`` with ``steps`` of them. ``share`` is how
    much of each batch is attacked; the rest stays clean. Inputs and labels come on the
    device of the model's parameters.

    Training of one step can collapse: it then withstands one step and nothing else
    (catastrophic overfitting). :func:`evaluate` says when PGD does far better than FGSM.
    """

    def __init__(
        self,
        batches: Iterable[Any],
        model: Model,
        eps: float,
        *,
        method: str = "fast",
        norm: str = "linf",
        steps: int = 7,
        share: float = 1.0,
        bounds: Bounds = (0.0, 1.0),
        keys: tuple[str, str] | None = None,
        loss: Loss | None = None,
    ) -> None:
        if method not in _METHODS:
            raise ValueError(f"method={method!r} is neither {' nor '.join(map(repr, _METHODS))}")
        if not 0 < share <= 1:
            raise ValueError(f"share={share} is not above 0 and at most 1")
        if steps < 1:
            raise ValueError(f"steps={steps} must be at least 1")
        self._batches, self._model, self._eps = batches, model, eps
        self._method, self._norm, self._steps, self._share = method, norm, steps, share
        self._bounds, self._keys, self._loss = bounds, keys, loss

    def __len__(self) -> int:
        return len(self._batches)  # type: ignore[arg-type]

    def __iter__(self) -> Iterator[Any]:
        for batch in self._batches:
            x, y = map(self._moved, self._parts(batch))
            yield self._with(batch, self._attacked(x, y), y)

    def _moved(self, tensor: Any) -> Any:
        """Return a tensor on the device of the model, if the model has one."""
        first = next(iter(getattr(self._model, "parameters", tuple)()), None)
        return tensor if first is None or tensor.device == first.device else tensor.to(first.device)

    def _parts(self, batch: Any) -> tuple[Any, Any]:
        if self._keys is not None:
            if not isinstance(batch, Mapping) or not all(key in batch for key in self._keys):
                raise TypeError(f"a batch is a {type(batch).__name__} without {self._keys[0]!r} and {self._keys[1]!r}")
            return batch[self._keys[0]], batch[self._keys[1]]
        if isinstance(batch, (str, bytes)) or not isinstance(batch, Sequence) or len(batch) < 2:
            raise TypeError(
                f"a batch is a {type(batch).__name__}, not inputs and labels; name those of a mapping by keys"
            )
        return batch[0], batch[1]

    def _with(self, batch: Any, x: Any, y: Any) -> Any:
        if self._keys is not None:
            return {**batch, self._keys[0]: x, self._keys[1]: y}
        rest = [x, y, *batch[2:]]
        return type(batch)(*rest) if hasattr(batch, "_fields") else type(batch)(rest)

    def _attacked(self, x: Any, y: Any) -> Any:
        count = max(1, round(len(x) * self._share))
        if count == len(x):
            return self._attack(x, y)
        torch = Search(x, y, self._eps, self._norm, self._bounds, self._loss).torch
        return torch.cat([self._attack(x[:count], y[:count]), x[count:]])

    def _attack(self, x: Any, y: Any) -> Any:
        if self._method == "pgd":
            return pgd(
                self._model, x, y, self._eps,
                norm=self._norm, steps=self._steps, bounds=self._bounds, loss=self._loss,
            )  # fmt: skip
        search = Search(x, y, self._eps, self._norm, self._bounds, self._loss)
        with frozen(self._model):
            at = search.start(None)
            gradient = search.gradient(self._model, at)
        return search.inside(at + search.direction(gradient) * (1.25 * self._eps))
