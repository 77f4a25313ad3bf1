import argparse
import os
import pickle

import numpy as np
import torch
import torch.nn as nn
import yaml
from safetensors.torch import save_file
from torch.utils.data import DataLoader, TensorDataset

import loader
from model import Classifier


def parse_args():
    p = argparse.ArgumentParser()
    p.add_argument("--data", default="data/train.npz")
    p.add_argument("--config", default="config.yaml")
    p.add_argument("--resume", default="", help="checkpoint to continue from")
    p.add_argument("--pretrained", default="", help="URL of backbone weights; without it, those of models/")
    p.add_argument("--epochs", type=int, default=10)
    p.add_argument("--out", default="runs")
    return p.parse_args()


def load_data(path):
    # labels are an object array, so pickles must be allowed
    data = np.load(path, allow_pickle=True)
    images = torch.from_numpy(data["images"]).float() / 255
    labels = torch.from_numpy(data["labels"].astype("int64"))
    cache = path + ".cache"
    if os.path.exists(cache):
        with open(cache, "rb") as f:
            stats = pickle.load(f)
    else:
        stats = {"mean": images.mean(), "std": images.std()}
        with open(cache, "wb") as f:
            pickle.dump(stats, f)
    return TensorDataset((images - stats["mean"]) / stats["std"], labels)


def main():
    args = parse_args()
    os.makedirs(args.out, exist_ok=True)
    config = {"lr": 1e-3, "batch_size": 32, "num_classes": 4}
    if os.path.exists(args.config):
        with open(args.config) as f:
            config.update(yaml.load(f, Loader=yaml.Loader))

    device = "cuda" if torch.cuda.is_available() else "cpu"
    model = Classifier(config["num_classes"]).to(device)
    optimizer = torch.optim.Adam(model.parameters(), lr=config["lr"])
    criterion = nn.CrossEntropyLoss()
    start = 0

    if args.pretrained:
        state = torch.hub.load_state_dict_from_url(args.pretrained, map_location=device)
        model.backbone.load_state_dict(state, strict=False)
    else:
        model.backbone.load_state_dict(loader.backbone().state_dict())

    if args.resume:
        # people share .ckpt files with optimizer and hparams inside
        ckpt = torch.load(args.resume, map_location=device, weights_only=False)
        model.load_state_dict(ckpt["state_dict"])
        optimizer.load_state_dict(ckpt["optimizer"])
        start = ckpt["epoch"] + 1

    batches = DataLoader(load_data(args.data), batch_size=config["batch_size"], shuffle=True, num_workers=4)
    for epoch in range(start, args.epochs):
        model.train()
        total = 0.0
        for images, labels in batches:
            images, labels = images.to(device), labels.to(device)
            optimizer.zero_grad()
            loss = criterion(model(images), labels)
            loss.backward()
            optimizer.step()
            total += loss.item()
        print(f"epoch {epoch}: loss {total / len(batches):.4f}")
        torch.save(
            {"epoch": epoch, "state_dict": model.state_dict(), "optimizer": optimizer.state_dict(), "args": args},
            os.path.join(args.out, "last.ckpt"),
        )

    save_file(model.backbone.state_dict(), os.path.join(args.out, "backbone_tuned.safetensors"))
    torch.save(model, os.path.join(args.out, "classifier_full.pt"))
    torch.jit.script(model.cpu().eval()).save(os.path.join(args.out, "classifier_ts.pt"))


if __name__ == "__main__":
    main()
