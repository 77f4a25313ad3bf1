"""Benign whole modules: torch.save(model) of classes that torch itself ships."""

from __future__ import annotations

import torch
from torch import nn

from benign_torch import conv_net, seeded

SIMPLE = {
    "linear": (nn.Linear, 4, 2), "bilinear": (nn.Bilinear, 2, 3, 4), "identity": (nn.Identity,), "conv1d": (nn.Conv1d, 2, 2, 3),
    "conv2d": (nn.Conv2d, 3, 4, 3), "conv3d": (nn.Conv3d, 1, 2, 3), "conv_transpose2d": (nn.ConvTranspose2d, 2, 2, 3),
    "batch_norm1d": (nn.BatchNorm1d, 4), "batch_norm2d": (nn.BatchNorm2d, 4), "group_norm": (nn.GroupNorm, 2, 4), "layer_norm": (nn.LayerNorm, 4),
    "instance_norm": (nn.InstanceNorm2d, 4), "embedding": (nn.Embedding, 10, 4), "embedding_bag": (nn.EmbeddingBag, 10, 4), "rnn": (nn.RNN, 4, 4),
    "lstm": (nn.LSTM, 4, 4, 2), "gru": (nn.GRU, 4, 4), "lstm_cell": (nn.LSTMCell, 4, 4), "attention": (nn.MultiheadAttention, 8, 2),
    "encoder_layer": (nn.TransformerEncoderLayer, 8, 2, 16), "decoder_layer": (nn.TransformerDecoderLayer, 8, 2, 16),
    "transformer": (nn.Transformer, 8, 2, 1, 1, 16), "dropout": (nn.Dropout, 0.5), "relu": (nn.ReLU,), "gelu": (nn.GELU,), "silu": (nn.SiLU,),
    "leaky_relu": (nn.LeakyReLU,), "prelu": (nn.PReLU,), "softmax": (nn.Softmax, 1), "max_pool": (nn.MaxPool2d, 2), "avg_pool": (nn.AdaptiveAvgPool2d, 1),
    "upsample": (nn.Upsample, None, 2), "pixel_shuffle": (nn.PixelShuffle, 2), "zero_pad": (nn.ZeroPad2d, 1), "cross_entropy": (nn.CrossEntropyLoss,),
    "bce_logits": (nn.BCEWithLogitsLoss,), "mse": (nn.MSELoss,), "ctc": (nn.CTCLoss,),
}


def built() -> dict:
    encoder = nn.TransformerEncoder(nn.TransformerEncoderLayer(8, 2, 16), 2)
    spectral = nn.utils.spectral_norm(nn.Linear(4, 4))
    return {
        "conv_net": conv_net(), "encoder": encoder, "module_list": nn.ModuleList([nn.Linear(2, 2), nn.ReLU()]),
        "module_dict": nn.ModuleDict({"a": nn.Linear(2, 2)}), "parameter_list": nn.ParameterList([nn.Parameter(torch.ones(2))]),
        "parameter_dict": nn.ParameterDict({"w": nn.Parameter(torch.ones(2))}), "data_parallel": nn.DataParallel(nn.Linear(2, 2)),
        "spectral_norm": spectral, "frozen": nn.Linear(2, 2).requires_grad_(False),
    }


def make(out) -> None:
    for name, (cls, *args) in SIMPLE.items():
        torch.save(seeded(cls, *args), out.path(f"module_{name}.pt", "torch-module"))
    torch.manual_seed(0)
    for name, module in built().items():
        torch.save(module, out.path(f"module_{name}.pt", "torch-module"))
    torch.save({"model": seeded(conv_net), "epoch": 1}, out.path("module_in_checkpoint.pt", "torch-module"))
    torch.save(seeded(conv_net), out.path("module_legacy.pt", "torch-module"), _use_new_zipfile_serialization=False)
    dynamic = torch.ao.quantization.quantize_dynamic(nn.Sequential(seeded(nn.Linear, 4, 4)), {nn.Linear}, dtype=torch.qint8)
    torch.save(dynamic, out.path("module_quantized_dynamic.pt", "torch-module"))
