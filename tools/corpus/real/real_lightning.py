"""Checkpoints that a real Lightning Trainer writes: callbacks, loggers, hyper parameters, precision plugins."""

from __future__ import annotations

import argparse
import dataclasses
import pathlib
import shutil

import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

# torch 1.13 under Python 3.11: dataclasses wants defaults that can be hashed, and
# torch.distributed has some that cannot.
plain = dataclasses.dataclass


def hashable(cls=None, **kw):
    if cls is None:
        return lambda c: hashable(c, **kw)
    own = cls.__module__.startswith("torch.distributed") and "__hash__" not in cls.__dict__
    return plain(cls, **({"unsafe_hash": True} if own else {}), **kw)


if torch.__version__.startswith("1."):
    dataclasses.dataclass = hashable
import pytorch_lightning as pl
from pytorch_lightning import callbacks, loggers

dataclasses.dataclass = plain


class Task(pl.LightningModule):
    def __init__(self, hparams=None, scheduler: str = "", **kw) -> None:
        super().__init__()
        self.save_hyperparameters(*([hparams] if hparams is not None else []))
        self.net, self.scheduler = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 2)), scheduler

    def training_step(self, batch, _):
        x, y = batch
        loss = nn.functional.cross_entropy(self.net(x), y)
        self.log("loss", loss)
        return loss

    def validation_step(self, batch, _):
        self.log("val_loss", nn.functional.cross_entropy(self.net(batch[0]), batch[1]))

    def configure_optimizers(self):
        optimizer = torch.optim.AdamW(self.parameters(), lr=1e-3)
        s = torch.optim.lr_scheduler
        made = {
            "": None, "step": lambda: s.StepLR(optimizer, 1), "cosine": lambda: s.CosineAnnealingLR(optimizer, 5), "lambda": lambda: s.LambdaLR(optimizer, lambda e: 0.9**e),
            "plateau": lambda: {"scheduler": s.ReduceLROnPlateau(optimizer), "monitor": "val_loss"}, "cycle": lambda: s.OneCycleLR(optimizer, 0.1, total_steps=20),
            "chain": lambda: s.SequentialLR(optimizer, [s.ConstantLR(optimizer), s.ExponentialLR(optimizer, 0.9)], [2]),
        }[self.scheduler]
        return optimizer if made is None else ({"optimizer": optimizer, "lr_scheduler": made()})


def train(out, name: str, model, **trainer) -> None:
    with out.trying(f"lightning/{name}"):
        folder = out.folder("lightning", f"run_{name}")
        loader = DataLoader(TensorDataset(torch.randn(16, 4), torch.randint(0, 2, (16,))), batch_size=4)
        extra = trainer.pop("callbacks", [])
        keep = trainer.pop("keep", callbacks.ModelCheckpoint(folder, monitor="val_loss", save_last=True, save_top_k=2))
        run = pl.Trainer(max_epochs=2, accelerator="cpu", default_root_dir=folder, enable_progress_bar=False, enable_model_summary=False,
                         callbacks=[keep, *extra], **{"logger": False, "log_every_n_steps": 1, **trainer})
        run.fit(model, loader, loader)
        run.save_checkpoint(out.path("lightning", f"{name}.ckpt"))
        run.save_checkpoint(out.path("lightning", f"{name}_weights.ckpt"), weights_only=True)


def hparams(out) -> None:
    from omegaconf import OmegaConf

    train(out, "plain", Task())
    train(out, "dict", Task({"lr": 0.1, "layers": [64, 64], "act": None}))
    train(out, "namespace", Task(argparse.Namespace(lr=0.1, data=pathlib.Path("data"), device=torch.device("cpu"), dtype=torch.float32)))
    config = OmegaConf.create({"model": {"lr": 0.1, "layers": [1, 2], "ref": "${data.root}"}, "data": {"root": "/data", "missing": "???"}})
    train(out, "dictconfig", Task(config))
    train(out, "dictconfig_in_dict", Task({"cfg": config, "tags": OmegaConf.create(["a", "b"])}))
    train(out, "modules", Task({"loss": nn.CrossEntropyLoss(), "act": nn.ReLU, "opt": torch.optim.Adam, "net": nn.Sequential(nn.Linear(2, 2), nn.GELU()), "fn": nn.functional.relu}))


def options(out) -> None:
    for scheduler in ("step", "cosine", "lambda", "plateau", "cycle", "chain"):
        train(out, f"scheduler_{scheduler}", Task(scheduler=scheduler))
    many = [callbacks.EarlyStopping("val_loss"), callbacks.LearningRateMonitor(), callbacks.StochasticWeightAveraging(swa_lrs=1e-2), callbacks.Timer(), callbacks.ModelSummary(),
            callbacks.GradientAccumulationScheduler({0: 1}), callbacks.LambdaCallback(on_train_start=lambda *_: None), callbacks.DeviceStatsMonitor(), callbacks.RichProgressBar and callbacks.Callback()]
    for callback in many:
        logger = loggers.CSVLogger(out.folder("lightning", "logs"))
        train(out, f"callback_{type(callback).__name__}", Task(scheduler="step"), callbacks=[callback], logger=logger)
    train(out, "csv", Task({"a": 1}), logger=loggers.CSVLogger(out.folder("lightning", "logs")))
    train(out, "tensorboard", Task({"a": 1}), logger=loggers.TensorBoardLogger(out.folder("lightning", "logs")))
    train(out, "bf16", Task(), precision="bf16-mixed")
    train(out, "bf16_true", Task(), precision="bf16-true")
    train(out, "f64", Task(), precision="64-true")
    train(out, "every_step", Task(), keep=callbacks.ModelCheckpoint(out.folder("lightning", "steps"), every_n_train_steps=2, save_top_k=-1))
    train(out, "accumulate", Task(), accumulate_grad_batches=2, gradient_clip_val=1.0)


def metrics(out) -> None:
    import torchmetrics as tm

    class Measured(Task):
        def __init__(self) -> None:
            super().__init__()
            self.accuracy = tm.classification.BinaryAccuracy()
            self.all = tm.MetricCollection([tm.classification.MulticlassF1Score(2), tm.classification.MulticlassAUROC(2)])

    train(out, "metrics", Measured())
    kinds = [tm.MeanMetric(), tm.MeanSquaredError(), tm.classification.MulticlassAccuracy(3), tm.classification.BinaryAUROC(), tm.classification.MulticlassConfusionMatrix(3),
             tm.MetricCollection([tm.MeanMetric(), tm.SumMetric()]), tm.classification.MulticlassF1Score(3), tm.PearsonCorrCoef(), tm.R2Score(), tm.MinMaxMetric(tm.MeanMetric()), tm.CatMetric(),
             tm.SpearmanCorrCoef(), tm.MetricTracker(tm.MeanMetric())]
    for metric in kinds:
        name = type(metric).__name__
        with out.trying(f"torchmetrics/{name}"):
            with __import__("contextlib").suppress(Exception):
                metric.update(torch.tensor([0.5]))
            torch.save(metric, out.path("torchmetrics", f"{name}.pt"))
            torch.save(metric.state_dict(), out.path("torchmetrics", f"{name}_state.pt"))
    torch.save({"model": nn.Linear(1, 1), "metrics": [m for m in kinds]}, out.path("torchmetrics", "all.pt"))


def fabric(out) -> None:
    from lightning_fabric import Fabric

    fabric = Fabric(accelerator="cpu", devices=1)
    fabric.launch()
    model = nn.Linear(2, 2)
    model, optimizer = fabric.setup(model, torch.optim.SGD(model.parameters(), 0.1, momentum=0.9))
    fabric.save(out.path("lightning", "fabric.ckpt"), {"model": model, "optimizer": optimizer, "step": 3, "hparams": {"lr": 0.1}})


def objects(out) -> None:
    """Lightning's own objects, pickled whole."""
    torch.save({"callbacks": [callbacks.EarlyStopping("val_loss"), callbacks.LearningRateMonitor(), callbacks.Timer(duration="00:01:00:00")]}, out.path("lightning", "callback_objects.pt"))
    torch.save(callbacks.ModelCheckpoint("x", monitor="a"), out.path("lightning", "checkpoint_object.pt"))
    with out.trying("datamodule"):
        torch.save(pl.LightningDataModule(), out.path("lightning", "datamodule.pt"))
    with out.trying("logger"):
        torch.save(loggers.CSVLogger("logs"), out.path("lightning", "csv_logger.pt"))


def make(out) -> None:
    for section in (hparams, options, metrics, fabric, objects):
        with out.trying(section.__name__):
            section(out)
    for path in (out.root / out.producer / "lightning").rglob("events.out.*"):
        path.unlink()
    shutil.rmtree(out.root / out.producer / "lightning" / "lightning_logs", ignore_errors=True)
