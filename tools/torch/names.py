"""Writes internal/torchnet/testdata: python names.py FOLDER, with the versions of requirements.txt.

names.json.gz has names and shapes of all tensors of the networks that argus knows, as torchvision and
timm have them. tiny.* are two small networks with the same names, and what they give.
"""

import gzip
import json
import os
import sys

import numpy as np
import timm
import torch
import torchvision
from safetensors.torch import save_file
from timm.models._efficientnet_builder import decode_arch_def
from timm.models.efficientnet import EfficientNet

VISION = ["resnet50", "resnet101", "resnet152", "inception_v3"] + [f"efficientnet_b{i}" for i in range(8)] + [f"efficientnet_v2_{c}" for c in "sml"]
TIMM = (
    ["resnet50", "resnet101", "resnet152", "inception_v3", "inception_resnet_v2", "legacy_xception", "efficientnet_lite0"]
    + [f"efficientnet_b{i}" for i in range(6)]
    + [f"tf_efficientnet_b{i}" for i in range(8)]
    + [f"tf_efficientnet_lite{i}" for i in range(5)]
    + [f"tf_efficientnetv2_{c}" for c in ("b0", "b1", "b2", "b3", "s", "m", "l")]
)


def names(model):
    norms = {m.eps for m in model.modules() if isinstance(m, torch.nn.BatchNorm2d)}
    assert len(norms) == 1
    return {"eps": norms.pop(), "tensors": {k: list(v.shape) for k, v in model.state_dict().items()}}


class Bottleneck(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1 = torch.nn.Conv2d(5, 3, 1, bias=False)
        self.bn1 = torch.nn.BatchNorm2d(3)
        self.conv2 = torch.nn.Conv2d(3, 3, 3, stride=2, padding=1, bias=False)
        self.bn2 = torch.nn.BatchNorm2d(3)
        self.conv3 = torch.nn.Conv2d(3, 7, 1, bias=False)
        self.bn3 = torch.nn.BatchNorm2d(7)
        self.downsample = torch.nn.Sequential(torch.nn.Conv2d(5, 7, 1, stride=2, bias=False), torch.nn.BatchNorm2d(7))

    def forward(self, x):
        y = torch.relu(self.bn1(self.conv1(x)))
        y = torch.relu(self.bn2(self.conv2(y)))
        return torch.relu(self.bn3(self.conv3(y)) + self.downsample(x))


class ResNet(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1 = torch.nn.Conv2d(3, 5, 7, stride=2, padding=3, bias=False)
        self.bn1 = torch.nn.BatchNorm2d(5)
        self.layer1 = torch.nn.Sequential(Bottleneck())
        self.fc = torch.nn.Linear(7, 4)

    def forward(self, x):
        x = torch.nn.functional.max_pool2d(torch.relu(self.bn1(self.conv1(x))), 3, 2, 1)
        return self.fc(self.layer1(x).mean((2, 3)))


def tiny(folder, name, model):
    generator = torch.Generator().manual_seed(len(name))
    for key, v in model.state_dict().items():
        if v.dtype == torch.float32:
            v.copy_(torch.rand(v.shape, generator=generator) + 0.5 if key.endswith("running_var") else torch.randn(v.shape, generator=generator) / 2)
    x = torch.randn(1, 3, 33, 33, generator=generator)
    with torch.no_grad():
        y = model.eval()(x)[0]
    save_file(model.state_dict(), os.path.join(folder, f"{name}.safetensors"))
    torch.save(model.state_dict(), os.path.join(folder, f"{name}.pth"))
    np.concatenate([x[0].permute(1, 2, 0).numpy().ravel(), y.numpy()]).astype("<f4").tofile(os.path.join(folder, f"{name}.bin"))


def main():
    folder = sys.argv[1]
    os.makedirs(folder, exist_ok=True)
    torch.set_default_device("meta")
    extra = {"inception_v3": {"init_weights": False}}
    all_names = {"torchvision/" + n: names(getattr(torchvision.models, n)(weights=None, **extra.get(n, {}))) for n in VISION}
    all_names |= {"timm/" + n: names(timm.create_model(n)) for n in TIMM}
    torch.set_default_device("cpu")
    with gzip.GzipFile(os.path.join(folder, "names.json.gz"), "wb", mtime=0) as f:
        f.write(json.dumps(all_names, separators=(",", ":")).encode())
    tiny(folder, "tiny-resnet", ResNet())
    blocks = decode_arch_def([["ds_r1_k3_s1_e1_c8_se0.25"], ["ir_r1_k5_s2_e2_c12_se0.25"]])
    tiny(folder, "tiny-efficientnet", EfficientNet(blocks, num_classes=4, num_features=9, stem_size=8, fix_stem=True))


main()
