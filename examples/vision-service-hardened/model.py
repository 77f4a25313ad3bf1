"""The classifier. loader.guarded() holds what reaches it against its schema."""

import torch.nn as nn
import torch.nn.functional as F


def conv_bn(cin, cout, stride=1):
    return nn.Sequential(
        nn.Conv2d(cin, cout, 3, stride=stride, padding=1, bias=False),
        nn.BatchNorm2d(cout),
        nn.ReLU(inplace=True),
    )


class Backbone(nn.Module):
    """Small conv net, 1/8 resolution features."""

    def __init__(self, width=8):
        super().__init__()
        self.stem = conv_bn(3, width, stride=2)
        self.block1 = conv_bn(width, width * 2, stride=2)
        self.block2 = conv_bn(width * 2, width * 2, stride=2)

    def forward(self, x):
        return self.block2(self.block1(self.stem(x)))


class Classifier(nn.Module):
    def __init__(self, num_classes=4, width=8):
        super().__init__()
        self.backbone = Backbone(width)
        self.fc = nn.Linear(width * 2, num_classes)

    def forward(self, image):
        x = self.backbone(image)
        x = F.adaptive_avg_pool2d(x, (1, 1)).flatten(1)
        return self.fc(x)
