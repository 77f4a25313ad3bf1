"""Benign checkpoints of larger frameworks, with stand-ins for their classes.

A stand-in has the module, name and shape of state of the real class, as real
checkpoints show them, so the file names what a real one names. No framework is
imported; only torch (and omegaconf where installed) does the writing.
"""

from __future__ import annotations

import argparse
import collections
import enum
import importlib.util
import pathlib
import sys
import types

import torch
from torch import nn

from benign_torch import conv_net, seeded


def stand_in(module: str, name: str, *bases: type, **members) -> type:
    """A class that pickles as module.name."""
    parts = module.split(".")
    for i in range(1, len(parts) + 1):
        sys.modules.setdefault(".".join(parts[:i]), types.ModuleType(".".join(parts[:i])))
    cls = types.new_class(name, bases, {}, lambda body: body.update({"__module__": module, "__qualname__": name, **members}))
    setattr(sys.modules[module], name, cls)
    return cls


def stand_in_enum(module: str, name: str, base: type, values: dict) -> type:
    stand_in(module, name)
    cls = enum.Enum(name, values, module=module, qualname=name, type=base)
    setattr(sys.modules[module], name, cls)
    return cls


def lightning_base() -> dict:
    net = seeded(conv_net)
    optimizer = torch.optim.Adam(net.parameters(), lr=1e-3)
    net(torch.ones(2, 3, 3, 3)).sum().backward()
    optimizer.step()
    return {
        "epoch": 3, "global_step": 120, "pytorch-lightning_version": "2.1.0", "state_dict": net.state_dict(), "optimizer_states": [optimizer.state_dict()],
        "lr_schedulers": [{"step_size": 2, "gamma": 0.1, "last_epoch": 3, "_last_lr": [0.1]}], "loops": {"fit_loop": {"state_dict": {}}},
        "callbacks": {"ModelCheckpoint{'monitor': 'val_loss', 'mode': 'min'}": {"best_model_score": torch.tensor(0.25), "best_model_path": "runs/1.ckpt"}},
        "MixedPrecision": {"scale": 65536.0, "_growth_tracker": 0},
    }


def lightning(out) -> None:
    def save(name: str, **changes) -> None:
        torch.save({**lightning_base(), **changes}, out.path(f"lightning_{name}.ckpt", "lightning"))

    save("plain")
    save("dict_hparams", hparams_name="kwargs", hyper_parameters={"lr": 0.1, "layers": [64, 64]})
    save("namespace", hparams_name="hparams", hyper_parameters=argparse.Namespace(lr=0.1, data=pathlib.PosixPath("data"), gpus=None))
    for package in ("pytorch_lightning", "lightning.pytorch", "lightning_fabric"):
        attributes = stand_in(f"{package}.utilities.{'data' if package == 'lightning_fabric' else 'parsing'}", "AttributeDict", dict)
        save(f"attributes_{package.replace('.', '_')}", hyper_parameters=attributes(lr=0.1, name="run"))
    checkpoint = stand_in("pytorch_lightning.callbacks.model_checkpoint", "ModelCheckpoint")
    stopping = stand_in("pytorch_lightning.callbacks.early_stopping", "EarlyStopping")
    save("callback_types", callbacks={checkpoint: {"best_model_score": torch.tensor(0.5)}, stopping: {"wait_count": 0, "patience": 3}})
    save("ordered", hyper_parameters=collections.OrderedDict(lr=0.1), callbacks=collections.defaultdict(dict))
    save("loss_module", hyper_parameters={"loss": nn.CrossEntropyLoss(), "activation": nn.ReLU})
    if importlib.util.find_spec("omegaconf"):
        from omegaconf import OmegaConf

        config = OmegaConf.create({"model": {"lr": 0.1, "layers": [1, 2], "name": "net", "drop": None}, "data": {"root": "/data"}})
        save("omegaconf", hyper_parameters=config)
        save("omegaconf_inside", hyper_parameters={"cfg": config, "tags": OmegaConf.create(["a", "b"])})
        torch.save({"cfg": config, "args": None, "model": seeded(conv_net).state_dict(), "extra_state": {"epoch": 1}},
                   out.path("fairseq_cfg.pt", "fairseq"))


def transformers(out) -> None:
    where = "transformers.trainer_utils"
    interval = stand_in_enum(where, "IntervalStrategy", str, {"NO": "no", "STEPS": "steps", "EPOCH": "epoch"})
    scheduler = stand_in_enum(where, "SchedulerType", str, {"LINEAR": "linear", "COSINE": "cosine"})
    hub = stand_in_enum(where, "HubStrategy", str, {"EVERY_SAVE": "every_save", "END": "end"})
    optimizer = stand_in_enum("transformers.training_args", "OptimizerNames", str, {"ADAMW_TORCH": "adamw_torch"})
    distributed = stand_in_enum("accelerate.utils.dataclasses", "DistributedType", str, {"NO": "NO"})
    partial_state = stand_in("accelerate.state", "PartialState")
    accelerator = stand_in("transformers.trainer_pt_utils", "AcceleratorConfig")
    fields = {"output_dir": "out", "learning_rate": 5e-5, "num_train_epochs": 3.0, "save_strategy": interval.STEPS, "evaluation_strategy": interval.EPOCH,
              "lr_scheduler_type": scheduler.LINEAR, "hub_strategy": hub.EVERY_SAVE, "optim": optimizer.ADAMW_TORCH, "seed": 42, "_n_gpu": 1,
              "report_to": ["tensorboard"], "logging_dir": "out/runs", "__cached__setup_devices": torch.device("cpu")}
    for name in ("TrainingArguments", "Seq2SeqTrainingArguments"):
        module = "transformers.training_args" + ("_seq2seq" if name.startswith("Seq2Seq") else "")
        args = stand_in(module, name)()
        args.__dict__.update(fields)
        torch.save(args, out.path(f"{name.lower()}.bin", "transformers"))
    state, config = partial_state(), accelerator()
    state.__dict__.update({"_cpu": True, "backend": None, "device": torch.device("cpu"), "num_processes": 1, "distributed_type": distributed.NO})
    config.__dict__.update({"split_batches": False, "dispatch_batches": None, "even_batches": True})
    args = sys.modules["transformers.training_args"].TrainingArguments()
    args.__dict__.update({**fields, "distributed_state": state, "accelerator_config": config})
    torch.save(args, out.path("training_args_accelerate.bin", "transformers"))
    net = seeded(nn.TransformerEncoderLayer, 8, 2, 16)
    torch.save({f"bert.{k}": v for k, v in net.state_dict().items()}, out.path("pytorch_model.bin", "transformers"))
    torch.save(torch.optim.AdamW(net.parameters()).state_dict(), out.path("optimizer.pt", "transformers"))
    random_state = {"python": (3, tuple(range(5)), None), "cpu": torch.get_rng_state()}
    if importlib.util.find_spec("numpy"):
        import numpy as np

        random_state["numpy"] = np.random.RandomState(0).get_state()
    torch.save(random_state, out.path("rng_state.pth", "transformers"))


def module_of(module: str, name: str, **parts) -> nn.Module:
    """A whole module of a stand-in class, with submodules and attributes."""
    cls = getattr(sys.modules.get(module), name, None) or stand_in(module, name, nn.Module)
    made = cls()
    for key, value in parts.items():
        setattr(made, key, value)
    return made


def ultralytics(out) -> None:
    torch.manual_seed(0)
    nested = stand_in("ultralytics.utils", "IterableSimpleNamespace", types.SimpleNamespace)

    def conv(a: int, b: int) -> nn.Module:
        return module_of("ultralytics.nn.modules.conv", "Conv", conv=nn.Conv2d(a, b, 3, bias=False), bn=nn.BatchNorm2d(b), act=nn.SiLU(inplace=True))

    def c2f() -> nn.Module:
        inner = module_of("ultralytics.nn.modules.block", "Bottleneck", cv1=conv(4, 4), cv2=conv(4, 4), add=True)
        return module_of("ultralytics.nn.modules.block", "C2f", c=4, cv1=conv(4, 8), cv2=conv(12, 4), m=nn.ModuleList([inner]))

    dfl = module_of("ultralytics.nn.modules.block", "DFL", conv=nn.Conv2d(16, 1, 1, bias=False), c1=16)
    detect = module_of("ultralytics.nn.modules.head", "Detect", nc=2, nl=1, reg_max=16, stride=torch.tensor([8.0]), dfl=dfl,
                       cv2=nn.ModuleList([nn.Sequential(conv(4, 4), nn.Conv2d(4, 64, 1))]))
    pool = module_of("ultralytics.nn.modules.block", "SPPF", cv1=conv(4, 2), cv2=conv(8, 4), m=nn.MaxPool2d(5, 1, 2))
    layers = [conv(3, 4), c2f(), pool, nn.Upsample(None, 2, "nearest"), module_of("ultralytics.nn.modules.conv", "Concat", d=1), detect]
    for index, layer in enumerate(layers):
        layer.i, layer.f, layer.type = index, -1, type(layer).__name__
    model = module_of("ultralytics.nn.tasks", "DetectionModel", model=nn.Sequential(*layers), yaml={"nc": 2, "backbone": [[-1, 1, "Conv", [4, 3, 2]]]},
                      save=[1, 2], names={0: "cat", 1: "dog"}, inplace=True, stride=torch.tensor([8.0]), args=nested(box=7.5, cls=0.5), nc=2)
    base = {"epoch": -1, "best_fitness": None, "model": model, "ema": None, "updates": None, "optimizer": None, "date": "2024-01-02T03:04:05",
            "train_args": {"task": "detect", "data": "coco.yaml"}, "version": "8.1.0", "license": "AGPL-3.0 (https://ultralytics.com/license)"}
    torch.save(base, out.path("yolov8n.pt", "ultralytics"))
    torch.save({**base, "train_args": nested(task="detect", imgsz=640)}, out.path("yolov8n_namespace.pt", "ultralytics"))
    torch.save({**base, "model": model.half(), "train_metrics": {"metrics/mAP50": 0.5}}, out.path("yolov8n_half.pt", "ultralytics"))


def torchvision(out) -> None:
    torch.manual_seed(0)
    where = "torchvision.models.resnet"
    block = module_of(where, "BasicBlock", conv1=nn.Conv2d(4, 4, 3, bias=False), bn1=nn.BatchNorm2d(4), relu=nn.ReLU(inplace=True), downsample=None, stride=1)
    resnet = module_of(where, "ResNet", _norm_layer=nn.BatchNorm2d, inplanes=4, conv1=nn.Conv2d(3, 4, 7), bn1=nn.BatchNorm2d(4), relu=nn.ReLU(inplace=True),
                       layer1=nn.Sequential(block), avgpool=nn.AdaptiveAvgPool2d((1, 1)), fc=nn.Linear(4, 2))
    torch.save(resnet, out.path("resnet18_whole.pt", "torchvision"))
    torch.save(resnet.state_dict(), out.path("resnet18-5c106cde.pth", "torchvision"))


def others(out) -> None:
    net = seeded(conv_net)
    torch.save({"args": argparse.Namespace(arch="transformer", lr=[0.0005]), "model": net.state_dict(), "optimizer_history": [{"num_updates": 3}]},
               out.path("fairseq_args.pt", "fairseq"))
    torch.save({"module": net.state_dict(), "ds_version": "0.12.0", "mp_world_size": 1, "dp_world_size": 2, "sparse_tensor_module_names": set()},
               out.path("mp_rank_00_model_states.pt", "deepspeed"))
    torch.save({"params_ema": net.state_dict()}, out.path("esrgan.pth", "community"))
    torch.save({"string_to_token": {"*": torch.tensor(265)}, "string_to_param": nn.ParameterDict({"*": nn.Parameter(torch.ones(1, 8))}), "name": "style",
                "step": 100, "sd_checkpoint": None}, out.path("embedding.pt", "community"))
    torch.save({"weight": [v for v in net.state_dict().values()], "config": [1025, 32, 192], "f0": 1, "version": "v2", "info": "20epoch"}, out.path("voice.pth", "community"))
    torch.save({"dims": {"n_mels": 80, "n_vocab": 51865}, "model_state_dict": net.state_dict()}, out.path("whisper_like.pt", "community"))


def make(out) -> None:
    for section in (lightning, transformers, ultralytics, torchvision, others):
        section(out)
