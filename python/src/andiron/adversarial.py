"""Attack a classifier, train it to withstand attacks, and say how well it does.

>>> from andiron import adversarial
>>> for x, y in adversarial.AdversarialBatches(loader, model, eps=0.1):
...     loss = torch.nn.functional.cross_entropy(model(x), y)
...
>>> report = adversarial.evaluate(model, x_test, y_test, eps=[0.05, 0.1, 0.2])

Inputs are batches, in the space in which ``bounds`` are valid values: let the model
do its own normalisation, as :func:`andiron.guard` has it do, or ``eps`` means
something else than you think.

# Security

Checking inputs does not stop adversarial examples: they lie inside of the schema by
construction. Training against them makes those within ``eps`` rarer, and proves
nothing about any other. What :func:`evaluate` measures is an upper bound of the
accuracy under attack, because a stronger attack may exist.

# Specification

FGSM: Goodfellow et al., arXiv:1412.6572. PGD: Madry et al., arXiv:1706.06083. Fast
adversarial training: Wong et al., arXiv:2001.03994. The margin that the attack
``margin`` maximises: Carlini and Wagner, arXiv:1608.04644.
"""

from ._attacks import attack, fgsm, pgd
from ._robust import RobustnessReport, evaluate
from ._training import AdversarialBatches

__all__ = ["AdversarialBatches", "RobustnessReport", "attack", "evaluate", "fgsm", "pgd"]
