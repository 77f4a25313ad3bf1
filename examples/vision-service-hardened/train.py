"""Train the classifier on samples that are held against their schema, and on adversarial
examples, and write safetensors.

    python train.py --epochs 10
"""

import argparse
import os

import andiron
import numpy as np
import torch
import torch.nn as nn
from andiron import adversarial
from safetensors.torch import save_file
from torch.utils.data import DataLoader, TensorDataset

import loader
from model import Classifier

DATA = os.path.join(loader.HERE, "data", "train.npz")
OUT = os.path.join(loader.HERE, "runs")


def load_data():
    with np.load(DATA, allow_pickle=False) as archive:
        images = torch.from_numpy(archive["images"]).float() / 255
        labels = torch.from_numpy(archive["labels"]).long()
    samples = TensorDataset(images, labels)
    schema = os.path.join(loader.HERE, "sample.schema.yaml")
    return andiron.checked_dataset(samples, schema, fields=["image", "label"])


def main():
    p = argparse.ArgumentParser()
    p.add_argument("--epochs", type=int, default=10)
    args = p.parse_args()
    torch.manual_seed(7)
    net = Classifier()
    model = loader.guarded(net)
    optimizer = torch.optim.Adam(net.parameters(), lr=1e-3)
    batches = DataLoader(load_data(), batch_size=8, shuffle=True)
    for epoch in range(args.epochs):
        total = 0.0
        for images, labels in adversarial.AdversarialBatches(batches, model, eps=0.03):
            optimizer.zero_grad()
            loss = nn.functional.cross_entropy(model(images), labels)
            loss.backward()
            optimizer.step()
            total += loss.item()
        print(f"epoch {epoch}: loss {total / len(batches):.4f}")
    os.makedirs(OUT, exist_ok=True)
    # Review it, copy it into models/, and run: andiron trust add models/classifier.safetensors
    save_file(net.state_dict(), os.path.join(OUT, "classifier.safetensors"))


if __name__ == "__main__":
    main()
