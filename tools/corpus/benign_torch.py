"""Benign files of plain torch: state dicts, tensors, optimizers, TorchScript."""

from __future__ import annotations

import collections
import datetime
import functools
import importlib.util
import pathlib
import pickle

import torch
from torch import nn


def seeded(make, *args, **options) -> nn.Module:
    torch.manual_seed(0)
    return make(*args, **options)


def conv_net() -> nn.Module:
    return nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.Flatten(), nn.Linear(4, 2))


NETS = {
    "linear": functools.partial(nn.Linear, 4, 2), "conv_net": conv_net, "lstm": functools.partial(nn.LSTM, 4, 4, 2),
    "gru": functools.partial(nn.GRU, 4, 4), "embedding": functools.partial(nn.Embedding, 10, 4),
    "transformer": functools.partial(nn.TransformerEncoderLayer, 8, 2, 16), "attention": functools.partial(nn.MultiheadAttention, 8, 2),
    "layer_norm": functools.partial(nn.LayerNorm, 8), "conv1d": functools.partial(nn.Conv1d, 2, 2, 3),
}


def state_dicts(out) -> None:
    for name, make in NETS.items():
        torch.save(seeded(make).state_dict(), out.path(f"state_{name}.pt", "torch-state-dict"))
        torch.save(seeded(make).state_dict(), out.path(f"legacy_{name}.pth", "torch-legacy"), _use_new_zipfile_serialization=False)
    half = {k: v.half() for k, v in seeded(conv_net).state_dict().items()}
    torch.save(half, out.path("state_half.bin", "torch-state-dict"))
    for protocol in (2, 3, 4, 5):
        torch.save(seeded(conv_net).state_dict(), out.path(f"state_protocol_{protocol}.pt", "torch-state-dict"), pickle_protocol=protocol)


def tensors(out) -> None:
    base = torch.arange(12, dtype=torch.float32)
    values = {
        "scalar": torch.tensor(1.5), "empty": torch.zeros(0, 3), "views": {"a": base, "b": base[2:5], "c": base.view(3, 4).t()},
        "expanded": torch.ones(1, 3).expand(4, 3), "parameter": nn.Parameter(torch.ones(2)), "sparse": torch.eye(3).to_sparse(),
        "csr": torch.eye(3).to_sparse_csr(), "quantized": torch.quantize_per_tensor(base, 0.1, 0, torch.qint8),
        "per_channel": torch.quantize_per_channel(base.view(3, 4), torch.ones(3), torch.zeros(3), 0, torch.qint8),
        "size": base.view(3, 4).size(), "device": torch.device("cpu"), "dtype": torch.float16, "generator_state": torch.get_rng_state(),
        "list": [base, [base, (base,)]], "complex": torch.ones(2, dtype=torch.complex64), "version": torch.__version__,
    }
    for dtype in ("bfloat16", "float64", "int8", "int16", "int32", "int64", "uint8", "bool"):
        values[dtype] = torch.ones(3, dtype=getattr(torch, dtype))
    for name, value in values.items():
        torch.save(value, out.path(f"tensor_{name}.pt", "torch-value"))
    out.write("tensor_by_pickle.pkl", "torch-pickle", pickle.dumps({"w": base}))
    out.write("module_by_pickle.pkl", "torch-pickle", pickle.dumps(seeded(nn.Linear, 2, 2)))
    torch.save(base.untyped_storage() if hasattr(base, "untyped_storage") else base.storage(), out.path("tensor_storage.pt", "torch-value"))


def optimizers(out) -> None:
    kinds = {"sgd": (torch.optim.SGD, {"lr": 0.1, "momentum": 0.9}), "adam": (torch.optim.Adam, {"lr": 1e-3}), "adamw": (torch.optim.AdamW, {"lr": 1e-3}),
             "rmsprop": (torch.optim.RMSprop, {"lr": 1e-3}), "adagrad": (torch.optim.Adagrad, {"lr": 1e-2}), "lbfgs": (torch.optim.LBFGS, {})}
    schedulers = {"step": (torch.optim.lr_scheduler.StepLR, (2,)), "cosine": (torch.optim.lr_scheduler.CosineAnnealingLR, (10,)),
                  "plateau": (torch.optim.lr_scheduler.ReduceLROnPlateau, ()), "exponential": (torch.optim.lr_scheduler.ExponentialLR, (0.9,))}
    for name, (make, options) in kinds.items():
        net = seeded(nn.Linear, 4, 2)
        optimizer = make(net.parameters(), **options)
        net(torch.ones(1, 4)).sum().backward()
        if name != "lbfgs":
            optimizer.step()
        torch.save(optimizer.state_dict(), out.path(f"optimizer_{name}.pt", "torch-optimizer"))
        torch.save(optimizer, out.path(f"optimizer_{name}_whole.pt", "torch-optimizer-object"))
    for name, (make, rest) in schedulers.items():
        scheduler = make(torch.optim.SGD(seeded(nn.Linear, 2, 2).parameters(), lr=0.1), *rest)
        torch.save(scheduler.state_dict(), out.path(f"scheduler_{name}.pt", "torch-scheduler"))


def checkpoints(out) -> None:
    net = seeded(conv_net)
    plain = {"epoch": 3, "model": net.state_dict(), "best_acc": 0.75, "optimizer": torch.optim.SGD(net.parameters(), lr=0.1).state_dict()}
    torch.save(plain, out.path("checkpoint_plain.pth.tar", "torch-checkpoint"))
    rich = {**plain, "started": datetime.datetime(2024, 1, 2), "out": pathlib.PosixPath("runs/1"), "names": {0: "cat", 1: "dog"},
            "history": collections.defaultdict(list, {"loss": [0.5]}), "seen": {1, 2}, "counts": collections.Counter("ab"), "blob": b"\x00\xff"}
    torch.save(rich, out.path("checkpoint_rich.pt", "torch-checkpoint"))
    partials = {"gelu": functools.partial(nn.functional.gelu, approximate="tanh"), "norm": functools.partial(nn.LayerNorm, eps=1e-6),
                "init": functools.partial(nn.init.normal_, std=0.02)}
    for name, value in partials.items():
        torch.save({"model": net.state_dict(), "fn": value}, out.path(f"checkpoint_partial_{name}.pt", "torch-checkpoint"))
    if importlib.util.find_spec("numpy"):
        import numpy as np

        torch.save({**plain, "mean": np.array([0.5, 0.4]), "acc": np.float64(0.9), "rng": np.random.RandomState(0).get_state()},
                   out.path("checkpoint_numpy.pt", "torch-checkpoint"))
    if importlib.util.find_spec("safetensors"):
        from safetensors.torch import save_file

        save_file(net.state_dict(), out.path("conv_net.safetensors", "safetensors"), {"format": "pt"})


class Doubler(nn.Module):
    """A module that is scripted, so that its class name lands in the archive."""

    def __init__(self) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.ones(3))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if x.dim() > 1:
            x = x.sum(0)
        return torch.relu(x * self.scale)


def scripts(out) -> None:
    net = seeded(conv_net).eval()
    x = torch.ones(1, 3, 3, 3)
    torch.jit.script(Doubler()).save(out.path("script_module.pt", "torchscript"))
    torch.jit.trace(net, x).save(out.path("script_trace.pt", "torchscript"))
    torch.jit.freeze(torch.jit.script(net)).save(out.path("script_frozen.pt", "torchscript"))
    torch.jit.script(seeded(nn.LSTM, 4, 4)).save(out.path("script_lstm.pt", "torchscript"))
    torch.jit.script(seeded(nn.TransformerEncoderLayer, 8, 2, 16)).save(out.path("script_transformer.pt", "torchscript"))
    torch.jit.save(torch.jit.script(net), out.path("script_extra.pt", "torchscript"), _extra_files={"labels.txt": "cat\ndog\n"})
    dynamic = torch.ao.quantization.quantize_dynamic(nn.Sequential(seeded(nn.Linear, 4, 4)), {nn.Linear}, dtype=torch.qint8)
    torch.save(dynamic.state_dict(), out.path("quantized_dynamic.pt", "torch-quantized"))
    torch.jit.script(dynamic).save(out.path("script_quantized.pt", "torchscript"))
    torch.jit.script(net)._save_for_lite_interpreter(out.path("script_mobile.ptl", "torchscript"))


def exports(out) -> None:
    """torch.export exists from 2.1 on."""
    if not hasattr(torch, "export") or not hasattr(torch.export, "save"):
        return
    net = seeded(nn.Linear, 4, 2).eval()
    batch = torch.export.Dim("batch")
    torch.export.save(torch.export.export(net, (torch.ones(3, 4),)), out.path("export_static.pt2", "pt2"))
    program = torch.export.export(net, (torch.ones(3, 4),), dynamic_shapes={"input": {0: batch}})
    torch.export.save(program, out.path("export_dynamic.pt2", "pt2"))


def make(out) -> None:
    for section in (state_dicts, tensors, optimizers, checkpoints, scripts, exports):
        section(out)
