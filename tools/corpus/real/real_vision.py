"""Vision and graph libraries: timm, torchvision, segmentation-models, ultralytics, torch_geometric, skorch, metric learning."""

from __future__ import annotations

import argparse
import copy
import datetime

import torch
from torch import nn


def both(out, framework: str, name: str, model: nn.Module) -> None:
    with out.trying(f"{framework}/{name}"):
        torch.save(model, out.path(framework, f"{name}_whole.pt"))
        torch.save(model.state_dict(), out.path(framework, f"{name}.pth"))


def timm(out) -> None:
    import timm as t
    from timm.optim import create_optimizer_v2
    from timm.scheduler import CosineLRScheduler
    from timm.utils import CheckpointSaver, ModelEmaV2

    tiny = {"vit_tiny_patch16_224": dict(embed_dim=16, depth=1, num_heads=2), "deit_tiny_patch16_224": dict(embed_dim=16, depth=1, num_heads=2), "resnet18": dict(channels=(8, 8, 8, 8)),
            "swin_tiny_patch4_window7_224": dict(embed_dim=8, depths=(1, 1), num_heads=(1, 2)), "convnext_atto": dict(dims=(8, 8, 8, 8), depths=(1, 1, 1, 1)), "mixer_s32_224": dict(embed_dim=16, num_blocks=1),
            "efficientnet_lite0": dict(channel_multiplier=0.1), "mobilenetv3_small_050": {}, "regnetx_002": {}, "mobilevit_xxs": {}, "levit_128s": {}, "poolformer_s12": {}, "densenet121": dict(growth_rate=4),
            "maxvit_rmlp_pico_rw_256": {}, "edgenext_xx_small": {}, "ghostnet_050": {}, "hardcorenas_a": {}, "lcnet_035": {}, "tinynet_e": {}, "cait_xxs24_224": dict(depth=1, embed_dim=16, num_heads=2),
            "beit_base_patch16_224": dict(embed_dim=16, depth=1, num_heads=2), "resmlp_12_224": dict(num_blocks=1, embed_dim=16), "coat_tiny": {}, "repvgg_a0": {}, "dla34": {}, "hrnet_w18_small": {}, "xcit_nano_12_p16_224": dict(depth=1)}
    for name, kw in tiny.items():
        with out.trying(f"timm/{name}"):
            both(out, "timm", name, t.create_model(name, num_classes=3, **kw))
    model = t.create_model("resnet18", num_classes=2, channels=(4, 4, 4, 4))
    optimizer = create_optimizer_v2(model, "adamw", lr=1e-3, weight_decay=0.1)
    args = argparse.Namespace(model="resnet18", lr=0.1, mean=(0.4, 0.4), aa=None)
    saver = CheckpointSaver(model, optimizer, args, ModelEmaV2(model), checkpoint_dir=str(out.folder("timm", "train")), recovery_dir=str(out.folder("timm", "train")))
    saver.save_checkpoint(0, 0.5)
    torch.save({"scheduler": CosineLRScheduler(optimizer, 10).state_dict(), "ema": ModelEmaV2(model)}, out.path("timm", "ema.pt"))
    torch.jit.save(torch.jit.script(model), out.path("timm", "resnet_script.pt"))
    torch.jit.save(torch.jit.trace(model.eval(), torch.ones(1, 3, 64, 64)), out.path("timm", "resnet_trace.pt"))
    torch.onnx.export(model, torch.ones(1, 3, 64, 64), out.path("timm", "resnet.onnx"))


def torchvision(out) -> None:
    import torchvision as tv

    names = ["squeezenet1_1", "mobilenet_v3_small", "shufflenet_v2_x0_5", "mnasnet0_5", "efficientnet_b0", "regnet_y_400mf", "googlenet", "densenet121", "resnet18"]
    for name in names:
        with out.trying(name):
            kw = {"init_weights": False} if name == "googlenet" else {}
            both(out, "torchvision", name, getattr(tv.models, name)(num_classes=2, **kw))
    with out.trying("vit"):
        both(out, "torchvision", "vit", tv.models.VisionTransformer(32, 16, 1, 2, 16, 32, num_classes=2))
        both(out, "torchvision", "swin", tv.models.SwinTransformer([4, 4], 8, [1, 1], [1, 2], [4, 4], num_classes=2))
    with out.trying("detection"):
        both(out, "torchvision", "ssdlite", tv.models.detection.ssdlite320_mobilenet_v3_large(weights=None, weights_backbone=None, num_classes=2))
        backbone = tv.models.squeezenet1_1().features
        backbone.out_channels = 512
        both(out, "torchvision", "fasterrcnn", tv.models.detection.FasterRCNN(backbone, 2, rpn_anchor_generator=tv.models.detection.rpn.AnchorGenerator(((32,),), ((1.0,),)),
                                                                              box_roi_pool=tv.ops.MultiScaleRoIAlign(["0"], 7, 2), box_head=tv.models.detection.faster_rcnn.TwoMLPHead(512 * 49, 8),
                                                                              box_predictor=tv.models.detection.faster_rcnn.FastRCNNPredictor(8, 2)))
        both(out, "torchvision", "lraspp", tv.models.segmentation.lraspp_mobilenet_v3_large(weights=None, weights_backbone=None, num_classes=2))
    with out.trying("transforms"):
        t = tv.transforms
        torch.save(t.Compose([t.Resize(8), t.RandomCrop(4), t.ToTensor(), t.Normalize([0.5], [0.5]), t.RandomApply([t.ColorJitter(0.1)]), t.RandomHorizontalFlip(), t.AutoAugment(), t.RandomErasing()]), out.path("torchvision", "transforms.pt"))
    with out.trying("weights"):
        torch.save({"weights": tv.models.ResNet18_Weights.DEFAULT, "categories": ["a"]}, out.path("torchvision", "weights_enum.pt"))
    with out.trying("quantized"):
        both(out, "torchvision", "quantized", tv.models.quantization.mobilenet_v3_large(quantize=False, num_classes=2))
        model = tv.models.quantization.mobilenet_v2(quantize=False, num_classes=2, width_mult=0.1).eval()
        model.fuse_model()
        model.qconfig = torch.quantization.get_default_qconfig("fbgemm")
        torch.quantization.prepare(model, inplace=True)
        both(out, "torchvision", "mobilenet_prepared", model)
        model(torch.ones(1, 3, 64, 64))
        both(out, "torchvision", "mobilenet_int8", torch.quantization.convert(model))
        torch.jit.save(torch.jit.script(torch.quantization.convert(model)), out.path("torchvision", "mobilenet_int8_script.pt"))
    with out.trying("feature extractor"):
        both(out, "torchvision", "features", tv.models.feature_extraction.create_feature_extractor(tv.models.squeezenet1_1(), ["features"]))
    with out.trying("package"):
        with torch.package.PackageExporter(out.path("torchvision", "package.pt")) as p:
            p.extern(["torch.**", "torchvision.**", "numpy.**"])
            p.save_pickle("model", "model.pkl", tv.models.squeezenet1_1(num_classes=2))


def segmentation(out) -> None:
    import segmentation_models_pytorch as smp

    for name in ("Unet", "UnetPlusPlus", "FPN", "DeepLabV3Plus", "Linknet", "MAnet", "PAN", "PSPNet"):
        with out.trying(name):
            both(out, "segmentation-models", name, getattr(smp, name)("mobilenet_v2" if name != "PAN" else "resnet18", encoder_weights=None, classes=1))
    torch.save({"loss": smp.losses.DiceLoss("binary"), "focal": smp.losses.FocalLoss("binary"), "jaccard": smp.losses.JaccardLoss("binary")}, out.path("segmentation-models", "losses.pt"))
    both(out, "segmentation-models", "timm", smp.Unet("timm-mobilenetv3_small_minimal_100", encoder_weights=None))


def ultralytics(out) -> None:
    import ultralytics as u
    from ultralytics.nn.tasks import ClassificationModel, DetectionModel, OBBModel, PoseModel, SegmentationModel
    from ultralytics.utils import IterableSimpleNamespace

    made = {"yolov8n.yaml": DetectionModel, "yolov8n-seg.yaml": SegmentationModel, "yolov8n-pose.yaml": PoseModel, "yolov8n-cls.yaml": ClassificationModel, "yolov8n-obb.yaml": OBBModel,
            "yolov5n.yaml": DetectionModel, "yolov9t.yaml": DetectionModel, "yolov10n.yaml": u.nn.tasks.YOLOv10DetectionModel if hasattr(u.nn.tasks, "YOLOv10DetectionModel") else DetectionModel,
            "yolov6n.yaml": DetectionModel, "yolov3-tiny.yaml": DetectionModel, "yolov8n-world.yaml": u.nn.tasks.WorldModel, "yolov8n-ghost.yaml": DetectionModel, "rtdetr-resnet50.yaml": u.nn.tasks.RTDETRDetectionModel,
            "yolo11n.yaml": DetectionModel}
    for name, kind in made.items():
        with out.trying(f"ultralytics/{name}"):
            model = kind(name, verbose=False)
            model.args = IterableSimpleNamespace(box=7.5, cls=0.5, dfl=1.5)
            model.names = {0: "a"}
            stem = name.removesuffix(".yaml")
            both(out, "ultralytics", stem + "_model", model)
            torch.save({"date": datetime.datetime.now().isoformat(), "version": u.__version__, "epoch": -1, "best_fitness": None, "model": copy.deepcopy(model).half(), "ema": None,
                        "optimizer": None, "train_args": {"task": "detect"}, "train_metrics": {"fitness": 0.1}, "train_results": {"epoch": [1]}, "license": "AGPL-3.0", "docs": "https://docs.ultralytics.com"},
                       out.path("ultralytics", stem + ".pt"))
    model = DetectionModel("yolov8n.yaml", verbose=False)
    model.args = IterableSimpleNamespace(box=7.5, cls=0.5, dfl=1.5)
    model.criterion = model.init_criterion()
    torch.save({"model": model.fuse(verbose=False), "train_args": IterableSimpleNamespace(task="detect")}, out.path("ultralytics", "criterion.pt"))
    torch.save({"ema": u.utils.torch_utils.ModelEMA(model).ema, "updates": 3}, out.path("ultralytics", "ema.pt"))
    with out.trying("torchscript"):
        u.YOLO("yolov8n.yaml").export(format="torchscript", imgsz=64)
    with out.trying("trained"):
        from ultralytics.engine.trainer import BaseTrainer  # noqa: F401


def geometric(out) -> None:
    import torch_geometric as g
    from torch_geometric.data import Batch, Data, HeteroData

    edges = torch.tensor([[0, 1], [1, 0]])
    data = Data(x=torch.ones(2, 3), edge_index=edges, y=torch.tensor([0, 1]))
    hetero = HeteroData()
    hetero["a"].x = torch.ones(2, 3)
    hetero["a", "to", "a"].edge_index = edges
    torch.save(data, out.path("torch-geometric", "data.pt"))
    torch.save(hetero, out.path("torch-geometric", "hetero.pt"))
    torch.save(Batch.from_data_list([data, data]), out.path("torch-geometric", "batch.pt"))
    torch.save(g.data.InMemoryDataset.collate([data, data]), out.path("torch-geometric", "processed.pt"))
    for name, model in {"gcn": g.nn.GCNConv(3, 2), "gat": g.nn.GATConv(3, 2, heads=2), "sage": g.nn.GraphSAGE(3, 4, 2), "gin": g.nn.GIN(3, 4, 2), "seq": g.nn.Sequential("x, e", [(g.nn.GCNConv(3, 2), "x, e -> x"), nn.ReLU()]),
                        "models": g.nn.GAT(3, 4, 2)}.items():
        both(out, "torch-geometric", name, model)
    torch.save(g.transforms.Compose([g.transforms.NormalizeFeatures(), g.transforms.AddSelfLoops()]), out.path("torch-geometric", "transforms.pt"))


def others(out) -> None:
    import pickle

    import numpy as np
    from pytorch_metric_learning import losses, miners

    torch.save({"loss": losses.TripletMarginLoss(), "arcface": losses.ArcFaceLoss(2, 4), "miner": miners.MultiSimilarityMiner()}, out.path("metric-learning", "losses.pt"))
    with out.trying("skorch"):
        from skorch import NeuralNetClassifier

        net = NeuralNetClassifier(nn.Sequential, module__args=None, max_epochs=1, verbose=0) if False else NeuralNetClassifier(nn.Linear, module__in_features=3, module__out_features=2, criterion=nn.CrossEntropyLoss, max_epochs=1, verbose=0)
        net.fit(np.random.rand(20, 3).astype("float32"), np.arange(20) % 2)
        with open(out.path("skorch", "net.pkl"), "wb") as f:
            pickle.dump(net, f)
        net.save_params(out.path("skorch", "params.pt"), out.path("skorch", "optimizer.pt"), None, out.path("skorch", "history.json"))
    with out.trying("tensordict"):
        from tensordict import TensorDict

        torch.save(TensorDict({"a": torch.ones(2), "b": TensorDict({"c": torch.zeros(2)}, [2])}, [2]), out.path("tensordict", "plain.pt"))
        TensorDict({"a": torch.ones(2)}, [2]).memmap(str(out.folder("tensordict", "memmap")))


def make(out) -> None:
    # ultralytics comes last: from its import on, torch.save writes with dill.
    for section in (timm, torchvision, segmentation, geometric, others, ultralytics):
        with out.trying(section.__name__):
            section(out)
