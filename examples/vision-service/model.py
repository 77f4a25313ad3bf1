import torch
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

    def __init__(self, width=16):
        super().__init__()
        self.stem = conv_bn(3, width, stride=2)
        self.block1 = conv_bn(width, width * 2, stride=2)
        self.block2 = conv_bn(width * 2, width * 2, stride=2)

    def forward(self, x):
        return self.block2(self.block1(self.stem(x)))


class Detector(nn.Module):
    """Backbone + ROI pooling + a linear head per region."""

    def __init__(self, num_classes=4, width=16, pooled=4):
        super().__init__()
        self.pooled = pooled
        self.backbone = Backbone(width)
        self.cls = nn.Linear(width * 2 * pooled * pooled, num_classes)
        self.box = nn.Linear(width * 2 * pooled * pooled, 4)

    def forward(self, images, rois):
        features = self.backbone(images)
        regions = roi_pool(features, rois, self.pooled)
        flat = regions.flatten(1)
        return self.cls(flat), self.box(flat)


class Classifier(nn.Module):
    def __init__(self, num_classes=4, width=16):
        super().__init__()
        self.backbone = Backbone(width)
        self.fc = nn.Linear(width * 2, num_classes)

    def forward(self, x):
        x = self.backbone(x)
        x = F.adaptive_avg_pool2d(x, (1, 1)).flatten(1)
        return self.fc(x)


def roi_pool(features, rois, size):
    """rois: [N, 5] of (batch index, x1, y1, x2, y2) on the feature map."""
    try:
        import roi_pool_ext

        return roi_pool_ext.forward(features, rois, size, size)
    except ImportError:
        # slow fallback when the extension is not built
        out = []
        for r in rois.long():
            crop = features[r[0], :, r[2] : r[4] + 1, r[1] : r[3] + 1]
            out.append(F.adaptive_max_pool2d(crop, (size, size)))
        return torch.stack(out)
