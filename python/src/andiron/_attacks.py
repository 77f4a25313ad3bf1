"""The attacks. Everything is computed on the device of the inputs.

A perturbation has a norm of at most ``eps`` for each sample, and what comes out lies
within ``bounds``. The model is attacked as it is used: in evaluation mode, which is
put back afterwards; its parameters' gradients are not touched.
"""

from __future__ import annotations

import contextlib
import importlib
import math
from collections.abc import Callable, Iterator
from typing import Any, Final

from ._errors import AndironError
from ._torch import torch_module

Model = Callable[[Any], Any]
Bounds = tuple[float, float]
# Loss takes outputs and labels, and returns one number for each sample.
Loss = Callable[[Any, Any], Any]

NORMS: Final = ("linf", "l2")


def fgsm(
    model: Model,
    x: Any,
    y: Any,
    eps: float,
    *,
    norm: str = "linf",
    bounds: Bounds = (0.0, 1.0),
    loss: Loss | None = None,
) -> Any:
    """Return inputs that one step of the size ``eps`` has moved away from their labels.

    ``x`` is a batch of floating-point inputs within ``bounds``, ``y`` its labels. Raises
    ValueError for arguments that make no sense, and for gradients that are not finite.
    """
    search = Search(x, y, eps, norm, bounds, loss)
    with frozen(model):
        gradient = search.gradient(model, search.x)
    return search.inside(search.x + search.direction(gradient) * eps)


def pgd(
    model: Model,
    x: Any,
    y: Any,
    eps: float,
    *,
    norm: str = "linf",
    steps: int = 40,
    step_size: float | None = None,
    restarts: int = 1,
    random_start: bool = True,
    bounds: Bounds = (0.0, 1.0),
    loss: Loss | None = None,
    seed: int | None = None,
) -> Any:
    """Return the worst inputs within ``eps`` that projected gradient ascent finds.

    Each restart begins at a random place, of ``seed`` if there is one. ``step_size`` is
    2.5 * eps / steps unless given. Of all inputs on the way the worst is kept: one that
    is misclassified, then the one with the greatest loss.
    """
    if steps < 1 or restarts < 1:
        raise ValueError(f"steps={steps} and restarts={restarts} must be at least 1")
    if step_size is not None and not 0 < step_size < math.inf:
        raise ValueError(f"step_size={step_size} is not above 0")
    search = Search(x, y, eps, norm, bounds, loss)
    size = 2.5 * eps / steps if step_size is None else step_size
    generator = search.generator(seed)
    with frozen(model):
        for _ in range(restarts):
            at = search.start(generator) if random_start else search.x
            for _ in range(steps):
                gradient = search.gradient(model, at)
                at = search.inside(at + search.direction(gradient) * size)
            search.look(model, at)
    return search.best


def margin(output: Any, y: Any) -> Any:
    """Return how far the best wrong class is ahead of the right one, for each sample."""
    right = output.gather(1, y[:, None])[:, 0]
    wrong = output.scatter(1, y[:, None], -math.inf).amax(1)
    return wrong - right


class Search:
    """The inputs within reach of a batch, and the worst of those looked at."""

    def __init__(self, x: Any, y: Any, eps: float, norm: str, bounds: Bounds, loss: Loss | None) -> None:
        self.torch = torch_module()
        check(self.torch, x, y, eps, norm, bounds)
        self.x, self.y, self.eps, self.norm, self.bounds = x.detach(), y.detach(), eps, norm, bounds
        self.loss = loss or cross_entropy
        self.counts = loss is None or loss is margin  # what is misclassified is known
        self.best = self.x
        self.worst: tuple[Any, Any] | None = None  # whether it is wrong, and the loss

    def generator(self, seed: int | None) -> Any:
        """Return a source of random numbers, or None for that of torch."""
        if seed is None:
            return None
        return self.torch.Generator(device=self.x.device).manual_seed(seed)

    def start(self, generator: Any) -> Any:
        """Return a random place within reach."""
        torch = self.torch
        if self.norm == "linf":
            noise = torch.empty_like(self.x).uniform_(-self.eps, self.eps, generator=generator)
            return self.inside(self.x + noise)
        noise = self.direction(torch.empty_like(self.x).normal_(generator=generator))
        share = torch.empty(len(self.x), device=self.x.device).uniform_(0, 1, generator=generator)
        # Uniform in the radius: in many dimensions nearly all of a ball is its surface,
        # from where ascent finds less.
        return self.inside(self.x + noise * self.spread(self.eps * share))

    def gradient(self, model: Model, at: Any) -> Any:
        """Return where the loss grows, and look at what the model says there."""
        torch = self.torch
        at = at.detach().requires_grad_(True)
        with torch.enable_grad():
            output = model(at)
            losses = self.judge(output)
            (gradient,) = torch.autograd.grad(losses.sum(), [at])
        if not torch.isfinite(gradient).all():
            raise ValueError("the model's gradient is not finite, so nothing can be said about its robustness")
        self.keep(at.detach(), output.detach(), losses.detach())
        return gradient

    def look(self, model: Model, at: Any) -> None:
        """Keep those of at that are worse than what was found so far."""
        with self.torch.no_grad():
            output = model(at)
            self.keep(at, output, self.judge(output))

    def judge(self, output: Any) -> Any:
        if not self.torch.is_tensor(output) or output.dim() < 1 or len(output) != len(self.x):
            raise ValueError(f"the model returned {kind(output)}, not one row for each of {len(self.x)} inputs")
        if self.counts:
            check_classes(self.torch, output, self.y)
        losses = self.loss(output, self.y)
        if losses.shape != (len(self.x),):
            raise ValueError(f"the loss has the shape {tuple(losses.shape)}, not one number for each sample")
        return losses

    def keep(self, at: Any, output: Any, losses: Any) -> None:
        torch = self.torch
        wrong = output.argmax(1) != self.y if self.counts else torch.zeros_like(losses, dtype=torch.bool)
        if self.worst is None:
            self.best, self.worst = at.clone(), (wrong, losses)
            return
        was_wrong, was = self.worst
        worse = (wrong & ~was_wrong) | ((wrong == was_wrong) & (losses > was))
        self.best = torch.where(self.spread(worse), at, self.best)
        self.worst = torch.where(worse, wrong, was_wrong), torch.where(worse, losses, was)

    def direction(self, gradient: Any) -> Any:
        """Return the steepest step of the norm 1."""
        if self.norm == "linf":
            return gradient.sign()
        length = gradient.flatten(1).norm(dim=1).clamp_min(1e-30)
        return gradient / self.spread(length)

    def inside(self, at: Any) -> Any:
        """Return the nearest place within reach and within bounds."""
        delta = (at - self.x).detach()
        if self.norm == "linf":
            delta = delta.clamp(-self.eps, self.eps)
        else:
            length = delta.flatten(1).norm(dim=1).clamp_min(1e-30)
            delta = delta * self.spread((self.eps / length).clamp_max(1))
        return (self.x + delta).clamp(*self.bounds)

    def spread(self, each: Any) -> Any:
        """Return one number for each sample in a shape that goes with the inputs."""
        return each.reshape(-1, *([1] * (self.x.dim() - 1)))


def cross_entropy(output: Any, y: Any) -> Any:
    return torch_module().nn.functional.cross_entropy(output, y, reduction="none")


def check(torch: Any, x: Any, y: Any, eps: float, norm: str, bounds: Bounds) -> None:
    """Raise ValueError unless an attack makes sense."""
    if not torch.is_tensor(x) or not x.is_floating_point() or x.dim() < 2 or not len(x):
        raise ValueError(f"x is {kind(x)}, not a batch of floating-point inputs")
    if not torch.is_tensor(y) or y.dim() < 1 or len(y) != len(x):
        raise ValueError(f"y is {kind(y)}, not one label for each of {len(x)} inputs")
    if norm not in NORMS:
        raise ValueError(f"norm={norm!r} is neither {' nor '.join(map(repr, NORMS))}")
    if not 0 <= eps < math.inf:
        raise ValueError(f"eps={eps} is not a number from 0")
    low, high = bounds
    if not low < high:
        raise ValueError(f"bounds={bounds} are not two numbers that rise")
    if bool(x.isnan().any()):
        raise ValueError("x has NaN in it, which no attack can start from")
    if not bool(((x >= low) & (x <= high)).all()):
        raise ValueError(f"x is not within bounds={bounds}: give the bounds of your inputs, before normalisation")


def check_classes(torch: Any, output: Any, y: Any) -> None:
    if output.dim() != 2 or output.shape[1] < 2 or y.dim() != 1 or y.dtype != torch.int64:
        raise ValueError(
            f"the model returned {kind(output)} and y is {kind(y)}: without a loss of your own they must be "
            "scores of at least two classes, [samples, classes], and int64 numbers of classes, [samples]"
        )


def kind(value: Any) -> str:
    shape = getattr(value, "shape", None)
    if shape is None:
        return f"a {type(value).__name__}"
    return f"{value.dtype} of shape {list(shape)}".replace("torch.", "")


@contextlib.contextmanager
def frozen(model: Model) -> Iterator[None]:
    """Have a module in evaluation mode, part by part, and put it back afterwards."""
    modules = [m for m in getattr(model, "modules", tuple)() if m.training]
    for module in modules:
        module.training = False
    try:
        yield
    finally:
        for module in modules:
            module.training = True


def attack(
    model: Model,
    x: Any,
    y: Any,
    eps: float,
    *,
    method: str = "pgd",
    backend: str = "andiron",
    norm: str = "linf",
    steps: int = 40,
    bounds: Bounds = (0.0, 1.0),
    seed: int | None = None,
) -> Any:
    """Return adversarial inputs, by ``fgsm``, ``pgd`` or ``margin``, of a library of your choice.

    ``backend`` is ``andiron``, ``foolbox``, ``torchattacks`` or ``art`` (the package
    adversarial-robustness-toolbox); the last three are imported when they are asked
    for, and ``margin`` is ours alone. Whatever a library returns is brought back within
    reach, so that all of them keep to ``eps`` and ``bounds``.
    """
    if method not in METHODS:
        raise ValueError(f"method={method!r} is none of {', '.join(METHODS)}")
    if backend not in BACKENDS:
        raise ValueError(f"backend={backend!r} is none of {', '.join(BACKENDS)}")
    if backend == "andiron":
        return own(model, x, y, eps, method, norm, steps, bounds, seed)
    if method == "margin":
        raise ValueError(f"backend={backend!r} has no attack 'margin'")
    search = Search(x, y, eps, norm, bounds, None)
    if seed is not None:
        search.torch.manual_seed(seed)
    with frozen(model):
        return search.inside(BACKENDS[backend](model, x, y, eps, method, norm, steps, bounds).to(x.dtype))


def own(
    model: Model, x: Any, y: Any, eps: float, method: str, norm: str, steps: int, bounds: Bounds, seed: int | None
) -> Any:
    if method == "fgsm":
        return fgsm(model, x, y, eps, norm=norm, bounds=bounds)
    loss = margin if method == "margin" else None
    return pgd(model, x, y, eps, norm=norm, steps=steps, bounds=bounds, loss=loss, seed=seed)


def library(name: str, package: str) -> Any:
    """Import an optional library."""
    try:
        return importlib.import_module(name)
    except ImportError as exc:
        raise AndironError(f"{package} cannot be imported", why=str(exc), hint=f"pip install {package}") from exc


def by_foolbox(model: Any, x: Any, y: Any, eps: float, method: str, norm: str, steps: int, bounds: Bounds) -> Any:
    fb = library("foolbox", "foolbox")
    kinds = {
        ("fgsm", "linf"): fb.attacks.LinfFastGradientAttack,
        ("fgsm", "l2"): fb.attacks.L2FastGradientAttack,
        ("pgd", "linf"): lambda: fb.attacks.LinfPGD(steps=steps, abs_stepsize=2.5 * eps / steps),
        ("pgd", "l2"): lambda: fb.attacks.L2PGD(steps=steps, abs_stepsize=2.5 * eps / steps),
    }
    wrapped = fb.PyTorchModel(model, bounds=bounds, device=x.device)
    _, clipped, _ = kinds[method, norm]()(wrapped, x, y, epsilons=eps)
    return clipped


def by_torchattacks(model: Any, x: Any, y: Any, eps: float, method: str, norm: str, steps: int, bounds: Bounds) -> Any:
    ta = library("torchattacks", "torchattacks")
    if tuple(bounds) != (0.0, 1.0):
        raise ValueError(f"torchattacks knows inputs from 0 to 1 only, not bounds={bounds}")
    kinds = {
        ("fgsm", "linf"): lambda: ta.FGSM(model, eps=eps),
        ("pgd", "linf"): lambda: ta.PGD(model, eps=eps, alpha=2.5 * eps / steps, steps=steps),
        ("pgd", "l2"): lambda: ta.PGDL2(model, eps=eps, alpha=2.5 * eps / steps, steps=steps),
    }
    if (method, norm) not in kinds:
        raise ValueError(f"torchattacks has no {method} for norm={norm!r}")
    return kinds[method, norm]()(x, y)


def by_art(model: Any, x: Any, y: Any, eps: float, method: str, norm: str, steps: int, bounds: Bounds) -> Any:
    package = "adversarial-robustness-toolbox"
    torch = torch_module()
    estimators = library("art.estimators.classification", package)
    evasion = library("art.attacks.evasion", package)
    with torch.no_grad():
        classes = model(x[:1]).shape[1]
    wrapped = estimators.PyTorchClassifier(
        model=model, loss=torch.nn.CrossEntropyLoss(), input_shape=tuple(x.shape[1:]), nb_classes=classes,
        clip_values=bounds, device_type="gpu" if x.is_cuda else "cpu",
    )  # fmt: skip
    order = {"linf": math.inf, "l2": 2}[norm]
    if method == "fgsm":
        method_ = evasion.FastGradientMethod(wrapped, norm=order, eps=eps)
    else:
        method_ = evasion.ProjectedGradientDescent(
            wrapped, norm=order, eps=eps, eps_step=2.5 * eps / steps, max_iter=steps, num_random_init=1, verbose=False
        )
    found = method_.generate(x=x.detach().cpu().numpy(), y=y.detach().cpu().numpy())
    return torch.from_numpy(found).to(x.device)


METHODS: Final = ("fgsm", "pgd", "margin")
BACKENDS: Final[dict[str, Any]] = {
    "andiron": None, "foolbox": by_foolbox, "torchattacks": by_torchattacks, "art": by_art,
}  # fmt: skip
