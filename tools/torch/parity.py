"""Writes networks of torchvision and timm with random weights, and what they give.

python parity.py [--quick] FOLDER [NAME...], with the versions of requirements.txt; the Go side is
TestNetworksEqualTorchsOwn in internal/torchnet, with ARGUS_TORCH=FOLDER. Nothing is downloaded.
--quick takes the last size of each network only. Networks that are in FOLDER already stay in its index.

For each network: the state_dict as NAME.safetensors, NAME.pth (zip) and NAME.legacy.pth; for each
size NAME.SIZE.bin, float32 little-endian: the input [size, size, 3], and as torch computes them in
float64 the features before the last layer and what the last layer makes of them.
"""

import copy
import json
import os
import sys

import numpy as np
import timm
import torch
import torchvision
from safetensors.torch import save_file

NETWORKS = [  # name, sizes
    ("torchvision/resnet50", (224, 149)),
    ("torchvision/resnet101", (224,)),
    ("torchvision/inception_v3", (299, 150)),
    ("torchvision/efficientnet_b0", (224, 149)),
    ("torchvision/efficientnet_b5", (149,)),
    ("torchvision/efficientnet_v2_s", (224, 149)),
    ("timm/resnet50", (224, 149)),
    ("timm/inception_v3", (299, 150)),
    ("timm/inception_resnet_v2", (299, 150)),
    ("timm/legacy_xception", (299, 150)),
    ("timm/efficientnet_b0", (224, 149)),
    ("timm/efficientnet_lite0", (224, 149)),
    ("timm/tf_efficientnet_b0", (224, 149)),
    ("timm/tf_efficientnet_lite0", (224, 149)),
    ("timm/tf_efficientnet_lite1", (240, 149)),
    ("timm/tf_efficientnetv2_b0", (224, 149)),
    ("timm/tf_efficientnetv2_b3", (149,)),
    ("timm/tf_efficientnetv2_s", (149,)),
]


CONDITION = 5e-5  # torch's float32 from its float64: weights that make more of rounding are drawn anew


def make(name):
    source, net = name.split("/")
    if source == "timm":
        return timm.create_model(net)
    extra = {"init_weights": False} if net == "inception_v3" else {}
    return getattr(torchvision.models, net)(weights=None, **extra)


def randomise(model, generator):
    """Random weights, and statistics near to what a random batch has. Biases are as large as scales: where
    they are smaller, a deep network of random weights makes differences in the last digit grow from block
    to block."""
    norms = [m for m in model.modules() if isinstance(m, torch.nn.BatchNorm2d)]
    for m in norms:
        m.weight.data.uniform_(0.25, 0.75, generator=generator)
        m.bias.data.normal_(0, 0.5, generator=generator)
        m.reset_running_stats()
        m.train()
        momentum, m.momentum = m.momentum, None
    with torch.no_grad():
        model(torch.randn(2, 3, 128, 128, generator=generator))
    for m in norms:
        m.eval()
        m.momentum = momentum
        m.running_var.clamp_(min=0.1 * float(m.running_var.mean()))  # a channel of zeros would count 1/√ε
        m.running_mean += m.running_var.sqrt() * torch.empty_like(m.running_mean).normal_(0, 0.1, generator=generator)
        m.running_var *= torch.empty_like(m.running_var).uniform_(0.8, 1.25, generator=generator)


def run(model, last, x):
    features = []
    hook = last.register_forward_pre_hook(lambda _, args: features.append(args[0].flatten(1)))
    with torch.no_grad():
        logits = model(x)
    hook.remove()
    return features[0], logits


def draw(name, sizes, seed):
    """A network of random weights, and pictures."""
    torch.manual_seed(seed)  # make draws kernels
    generator = torch.Generator().manual_seed(seed)
    model = make(name).eval()
    randomise(model, generator)
    last = last_of(model)
    inputs = [torch.randn(1, 3, size, size, generator=generator) for size in sizes]
    features, _ = run(model, last, inputs[0])
    last.weight.data.normal_(0, float(1 / features.norm()), generator=generator)  # logits around 1
    last.bias.data.normal_(0, 0.3, generator=generator)
    return model, inputs


def last_of(model):
    return [m for m in model.modules() if isinstance(m, torch.nn.Linear)][-1]


def write(folder, name, sizes, seed):
    """Draws weights until torch's own float32 is near to its float64, which is the reference."""
    for n in range(20):
        model, inputs = draw(name, sizes, seed + 1000 * n)
        double = copy.deepcopy(model).double()
        exact = [run(double, last_of(double), x.double()) for x in inputs]
        far = 0.0
        for x, (want, _) in zip(inputs, exact):
            features, _ = run(model, last_of(model), x)
            far = max(far, float((features - want).abs().max() / want.pow(2).mean().sqrt()))
        print(f"{name}: draw {n}: float32 differs from float64 by {far:.1e} of the rms", flush=True)
        if far <= CONDITION:
            break
    else:
        sys.exit(f"{name}: no draw is well-conditioned")

    stem = name.replace("/", "-")
    state = model.state_dict()
    save_file(state, os.path.join(folder, stem + ".safetensors"))
    torch.save(state, os.path.join(folder, stem + ".pth"))
    torch.save(state, os.path.join(folder, stem + ".legacy.pth"), _use_new_zipfile_serialization=False)
    for size, x, (features, logits) in zip(sizes, inputs, exact):
        parts = [x[0].permute(1, 2, 0), features[0], logits[0]]
        data = np.concatenate([p.contiguous().numpy().astype("<f4").ravel() for p in parts])
        data.tofile(os.path.join(folder, f"{stem}.{size}.bin"))
    return {"name": name, "file": stem, "sizes": sizes}


def main():
    torch.set_num_threads(2)
    arguments = sys.argv[1:]
    quick = "--quick" in arguments
    folder, *only = [a for a in arguments if a != "--quick"]
    os.makedirs(folder, exist_ok=True)
    path = os.path.join(folder, "index.json")
    index = {"versions": {m.__name__: m.__version__ for m in (torch, torchvision, timm, np)}, "networks": []}
    if os.path.exists(path):
        with open(path) as f:
            old = json.load(f)
        if old["versions"] == index["versions"]:
            index = old
    for seed, (name, sizes) in enumerate(NETWORKS):
        if only and name not in only:
            continue
        made = write(folder, name, sizes[-1:] if quick else sizes, seed)
        index["networks"] = [n for n in index["networks"] if n["name"] != name] + [made]
        with open(path, "w") as f:
            json.dump(index, f, indent=1)


main()
