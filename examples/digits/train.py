"""Train a small network on handwritten digits twice, without and with adversarial
examples, and say how both do under attack.

    python train.py [--epochs 40] [--seed 0] [--save FOLDER]
"""

import argparse
import pathlib

import numpy as np
import torch
from torch import nn

from andiron import adversarial

HERE = pathlib.Path(__file__).parent


class Digits(nn.Module):
    """[B, 1, 8, 8] from 0 to 1 -> [B, 10]."""

    def __init__(self):
        super().__init__()
        self.layers = nn.Sequential(
            nn.Conv2d(1, 16, 3, padding=1), nn.ReLU(),
            nn.Conv2d(16, 32, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
            nn.Flatten(), nn.Linear(32 * 4 * 4, 128), nn.ReLU(), nn.Linear(128, 10),
        )  # fmt: skip

    def forward(self, x):
        return self.layers(x)


def data():
    """Return inputs and labels to train on, and 540 to test on."""
    with np.load(HERE / "digits.npz") as archive:
        x = torch.from_numpy(archive["images"]).float()[:, None] / 16
        y = torch.from_numpy(archive["labels"]).long()
    order = torch.randperm(len(x), generator=torch.Generator().manual_seed(1))
    test, train = order[:540], order[540:]
    return x[train], y[train], x[test], y[test]


def batches(x, y, size, generator):
    for part in torch.randperm(len(x), generator=generator).split(size):
        yield x[part], y[part]


def train(x, y, eps=0.0, epochs=40, seed=0):
    """Train a network, on adversarial examples if eps is above 0."""
    torch.manual_seed(seed)
    generator = torch.Generator().manual_seed(seed)
    model = Digits()
    optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)
    for _ in range(epochs):
        epoch = batches(x, y, 64, generator)
        if eps:
            epoch = adversarial.AdversarialBatches(epoch, model, eps)
        for inputs, labels in epoch:
            optimizer.zero_grad()
            nn.functional.cross_entropy(model(inputs), labels).backward()
            optimizer.step()
    return model.eval()


def save(folder, name, model, x, y):
    """Write what `andiron robust eval` takes."""
    folder.mkdir(parents=True, exist_ok=True)
    torch.save(model.state_dict(), folder / f"{name}.pt")
    np.save(folder / "x.npy", x.numpy())
    np.save(folder / "y.npy", y.numpy())


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--epochs", type=int, default=40)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--save", type=pathlib.Path)
    args = parser.parse_args()
    torch.set_num_threads(1)
    x, y, x_test, y_test = data()
    for name, eps in ("standard", 0.0), ("adversarial", 0.1):
        model = train(x, y, eps, args.epochs, args.seed)
        print(f"{name} training")
        print(adversarial.evaluate(model, x_test, y_test, eps=[0.05, 0.1, 0.2]))
        if args.save:
            save(args.save, name, model, x_test, y_test)


if __name__ == "__main__":
    main()
