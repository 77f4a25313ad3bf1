"""Writes the models that the tests learn from. Run once by each torch:

    python3 gen.py FOLDER

1.13 writes ONNX, by the exporter that needs no other package; 2.6 and later write
.pt2. The files are committed; this is how they came about.
"""

import sys

import torch
from torch import nn


class Text(nn.Module):
    def __init__(self):
        super().__init__()
        self.tokens = nn.Embedding(50, 4)
        self.out = nn.Linear(4, 3)

    def forward(self, input_ids, attention_mask):
        x = self.tokens(input_ids) * attention_mask.unsqueeze(-1)
        return self.out(x.sum(1))


class Image(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(3, 2, 3, stride=2)
        self.fc = nn.Linear(2, 5)

    def forward(self, image):
        return self.fc(torch.relu(self.conv(image)).mean((2, 3)))


class Pool(nn.Module):
    def forward(self, image, row):
        return nn.functional.avg_pool2d(image, 2), torch.cat([row, row])


def main(folder):
    torch.manual_seed(0)
    version = ".".join(torch.__version__.split(".")[:2])
    text, image = Text().eval(), Image().eval()
    ids, mask, pixels = torch.arange(8).reshape(2, 4), torch.ones(2, 4), torch.rand(2, 3, 8, 8)
    if version == "1.13":
        names = {"input_ids": {0: "batch", 1: "sequence"}, "attention_mask": {0: "batch", 1: "sequence"}, "logits": {0: "batch"}}
        torch.onnx.export(text, (ids, mask), f"{folder}/text-{version}.onnx", input_names=["input_ids", "attention_mask"], output_names=["logits"], dynamic_axes=names, opset_version=14)
        torch.onnx.export(image, (pixels,), f"{folder}/image-{version}.onnx", input_names=["image"], output_names=["scores"], opset_version=14)
    torch.jit.script(image).save(f"{folder}/image-{version}.script.pt")
    torch.jit.script(text).save(f"{folder}/text-{version}.script.pt")
    if version == "1.13":
        torch.save(text.state_dict(), f"{folder}/text.state.pt")
        torch.save(image.state_dict(), f"{folder}/image.state.pt")
        return
    batch, sequence = torch.export.Dim("batch", max=16), torch.export.Dim("sequence", min=2, max=128)
    dynamic = {"input_ids": {0: batch, 1: sequence}, "attention_mask": {0: batch, 1: sequence}}
    torch.export.save(torch.export.export(text, (ids, mask), dynamic_shapes=dynamic), f"{folder}/text-{version}.pt2")
    height = torch.export.Dim("half", min=4, max=64) * 2
    free = {"image": {0: torch.export.Dim("batch"), 2: height}}
    torch.export.save(torch.export.export(image, (pixels,), dynamic_shapes=free), f"{folder}/image-{version}.pt2")
    side = torch.export.Dim("side", min=2, max=64)
    computed = {"image": {2: 2 * side, 3: 2 * side}, "row": {0: side - 1}}
    torch.export.save(torch.export.export(Pool(), (torch.rand(1, 1, 8, 8), torch.rand(3)), dynamic_shapes=computed), f"{folder}/pool-{version}.pt2")


main(sys.argv[1])
