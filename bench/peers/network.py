"""The networks that `peers export` wrote, with every name, default and pad filled
in: what the layers of package nn mean, said once for all peers."""

import json
import os
from types import SimpleNamespace

import numpy as np


class Network:
    """A tree of layers, each with its kind, its place in shapes (h, w, c) and its weights.

    With fold, batch norm is folded into kernel and bias, in float64."""

    def __init__(self, folder, name, suffix="", fold=True):
        from safetensors.numpy import load_file

        with open(os.path.join(folder, name + suffix + ".json")) as f:
            model = json.load(f)
        tensors = load_file(os.path.join(folder, name + ".safetensors"))
        self.tensors = {k: v.astype(np.float32) for k, v in tensors.items()}
        self.x, self.y = self.tensors.pop("x"), self.tensors.pop("y")
        self.size, self.fold = model["Input"]["Size"], fold
        whole = {"seq": [model["Body"], model["Top"]]}
        self.root, self.out = self.resolve(whole, "", {}, (self.size, self.size, 3))

    def resolve(self, node, path, counts, shape):
        """A layer for an input of the given shape, and its output's shape."""
        (kind, d), = node.items()
        return getattr(self, kind)(d, path, counts, shape)

    def seq(self, d, path, counts, shape):
        parts = []
        for node in d:
            part, shape = self.resolve(node, path, counts, shape)
            parts.append(part)
        return SimpleNamespace(kind="seq", parts=parts), shape

    def concat(self, d, path, counts, shape):
        parts, shapes = zip(*[self.resolve(n, path, counts, shape) for n in d])
        return SimpleNamespace(kind="concat", parts=parts), (*shapes[0][:2], sum(s[2] for s in shapes))

    def add(self, d, path, counts, shape):
        parts, shapes = zip(*[self.resolve(n, path, counts, shape) for n in d["Branches"]])
        return SimpleNamespace(kind="add", parts=parts, scale=d.get("Scale", 1), act=d.get("Act", "linear")), shapes[0]

    def gate(self, d, path, counts, shape):
        body, _ = self.resolve(d["Body"], path, counts, shape)
        return SimpleNamespace(kind="gate", body=body), shape

    def block(self, d, path, counts, shape):
        return self.resolve(d["Body"], path + d["Name"] + "/", {}, shape)

    @staticmethod
    def name(d, path, counts, kind):
        if d.get("Name"):
            return path + d["Name"]
        counts[kind] = counts.get(kind, 0) + 1
        return f"{path}{kind}{counts[kind]}"

    @staticmethod
    def window(d, kernel, shape):
        """Pads (top, bottom, left, right) and the output's height and width."""
        stride, how = d.get("Stride", 1), d.get("Pad", "same")
        pads = list(d.get("Pads", (0, 0, 0, 0)))
        if how == "same":
            for axis in range(2):
                need = max(0, (-(-shape[axis] // stride) - 1) * stride + kernel[axis] - shape[axis])
                pads[2 * axis:2 * axis + 2] = need // 2, need - need // 2
        out = [(shape[i] + pads[2 * i] + pads[2 * i + 1] - kernel[i]) // stride + 1 for i in range(2)]
        return stride, pads, how, out

    def conv(self, d, path, counts, shape):
        name, kind = self.name(d, path, counts, "conv"), d.get("Kind", "full")
        if kind == "separable":
            raise NotImplementedError(kind)
        stride, pads, how, out = self.window(d, d["Kernel"], shape)
        t = self.tensors
        kernel, bias, norm = t[name + "/kernel"], t.get(name + "/bias"), None
        deep = kind == "depthwise"
        channels = shape[2] if deep else d["Filters"]
        if d.get("Norm", {}).get("Eps"):
            norm = self.moments(name + "/norm", d["Norm"], channels)
        if self.fold and norm:
            factor = norm.gamma.astype(np.float64) / np.sqrt(norm.variance.astype(np.float64) + norm.eps)
            bias = (0 if bias is None else bias) * factor + norm.beta - norm.mean * factor
            kernel = kernel * (factor[:, None] if deep else factor)
            kernel, bias, norm = kernel.astype(np.float32), bias.astype(np.float32), None
        return SimpleNamespace(
            kind="conv", deep=deep, kernel=kernel, bias=bias, norm=norm, act=d.get("Act", "linear"),
            stride=stride, pads=pads, how=how, cin=shape[2], cout=channels), (*out, channels)

    def moments(self, name, d, channels):
        t, ones, zeros = self.tensors, np.ones(channels, np.float32), np.zeros(channels, np.float32)
        return SimpleNamespace(
            eps=d["Eps"], momentum=d.get("Momentum", 0.99), scale=not d.get("NoScale"), center=not d.get("NoCenter"),
            gamma=t.get(name + "/gamma", ones), beta=t.get(name + "/beta", zeros),
            mean=t[name + "/moving_mean"], variance=t[name + "/moving_variance"])

    def act(self, d, path, counts, shape):
        return SimpleNamespace(kind="act", act=d["Kind"]), shape

    def pool(self, d, path, counts, shape):
        k = d["Window"]
        stride, pads, how, out = self.window(d, (k, k), shape)
        return SimpleNamespace(
            kind="pool", avg=d.get("Kind", "max") == "avg", window=k, stride=stride, pads=pads, how=how,
            count=d.get("CountPad", False)), (*out, shape[2])

    def globalpool(self, d, path, counts, shape):
        if d.get("Kind", "max") != "avg":
            raise NotImplementedError("global maximum")
        return SimpleNamespace(kind="globalpool"), (1, 1, shape[2])

    def dense(self, d, path, counts, shape):
        name = self.name(d, path, counts, "dense")
        kernel = self.tensors[name + "/kernel"]
        bias = self.tensors.get(name + "/bias", np.zeros(kernel.shape[1], np.float32))
        return SimpleNamespace(kind="dense", kernel=kernel, bias=bias, act=d.get("Act", "linear")), (1, 1, d["Units"])

    def dropout(self, d, path, counts, shape):
        return SimpleNamespace(kind="dropout", rate=d["Rate"], path=d.get("Path", False)), shape
