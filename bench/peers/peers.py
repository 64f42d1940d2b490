"""A peer's side of the comparison, a process that answers as `peers serve` does:

    python peers.py LIBRARY FOLDER NETWORK infer|train|check
    python peers.py onnx FOLDER NETWORK     writes files for gomlx

LIBRARY is onnxruntime, openvino, torch, torch-compile or tensorflow; torch-own and
torch-own-compile are torchvision's or timm's own network of that name with weights
of its own, only to show that ours in torch is no slower.
"""

import json
import math
import os
import sys
import time

import numpy as np

from network import Network

THREADS = len(os.sched_getaffinity(0))
CLASSES, RATE = 1000, 1e-5
BETA1, BETA2, EPSILON = 0.9, 0.999, 1e-7


def labels(batch):
    return np.array([i * 37 % CLASSES for i in range(batch)])


class OnnxGraph:
    """The network as an ONNX model, NCHW, norms folded."""

    def __init__(self, net):
        from onnx import TensorProto, checker, helper

        self.helper, self.nodes, self.weights = helper, [], []
        # Conv, pools and Gemm have been stable since opset 13.
        y = self.layer(net.root, "x")
        n = net.size
        graph = helper.make_graph(
            self.nodes, "network",
            [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["batch", 3, n, n])],
            [helper.make_tensor_value_info(y, TensorProto.FLOAT, ["batch", CLASSES])], self.weights)
        self.model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=10)
        checker.check_model(self.model)

    def op(self, kind, inputs, **attributes):
        out = f"t{len(self.nodes)}"
        self.nodes.append(self.helper.make_node(kind, inputs, [out], **attributes))
        return out

    def constant(self, v):
        from onnx import numpy_helper

        name = f"w{len(self.weights)}"
        self.weights.append(numpy_helper.from_array(np.ascontiguousarray(v, np.float32), name))
        return name

    def act(self, kind, x):
        match kind:
            case "linear":
                return x
            case "relu":
                return self.op("Relu", [x])
            case "relu6":
                return self.op("Clip", [x, self.constant(np.float32(0)), self.constant(np.float32(6))])
            case "sigmoid":
                return self.op("Sigmoid", [x])
            case "swish":
                return self.op("Mul", [x, self.op("Sigmoid", [x])])
            case "softmax":
                return self.op("Softmax", [x], axis=1)
        raise NotImplementedError(kind)

    def layer(self, l, x):
        match l.kind:
            case "seq":
                for part in l.parts:
                    x = self.layer(part, x)
                return x
            case "concat":
                return self.op("Concat", [self.layer(p, x) for p in l.parts], axis=1)
            case "add":
                first, rest = self.layer(l.parts[0], x), [self.layer(p, x) for p in l.parts[1:]]
                assert l.scale == 1
                for y in rest:
                    first = self.op("Add", [first, y])
                return self.act(l.act, first)
            case "gate":
                return self.op("Mul", [x, self.layer(l.body, x)])
            case "conv":
                kernel = l.kernel.transpose(2, 3, 0, 1) if l.deep else l.kernel.transpose(3, 2, 0, 1)
                y = self.op(
                    "Conv", [x, self.constant(kernel), self.constant(l.bias)], group=l.cin if l.deep else 1,
                    strides=[l.stride] * 2, pads=[l.pads[i] for i in (0, 2, 1, 3)], kernel_shape=kernel.shape[2:])
                return self.act(l.act, y)
            case "act":
                return self.act(l.act, x)
            case "pool":
                how = dict(kernel_shape=[l.window] * 2, strides=[l.stride] * 2, pads=[l.pads[i] for i in (0, 2, 1, 3)])
                if l.avg:
                    return self.op("AveragePool", [x], count_include_pad=int(l.count), **how)
                return self.op("MaxPool", [x], **how)
            case "globalpool":
                return self.op("GlobalAveragePool", [x])
            case "dense":
                flat = self.op("Flatten", [x])
                return self.act(l.act, self.op("Gemm", [flat, self.constant(l.kernel), self.constant(l.bias)]))
            case "dropout":
                return x
        raise NotImplementedError(l.kind)


class OnnxRuntime:
    def __init__(self, folder, network, mode):
        import onnxruntime

        self.version = onnxruntime.__version__
        net = Network(folder, network)
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads, options.inter_op_num_threads = THREADS, 1
        self.session = onnxruntime.InferenceSession(
            OnnxGraph(net).model.SerializeToString(), options, providers=["CPUExecutionProvider"])
        self.x, self.y = np.ascontiguousarray(net.x.transpose(0, 3, 1, 2)), net.y

    def run(self, n):
        return self.session.run(None, {"x": self.x[:n]})[0]


class OpenVino:
    def __init__(self, folder, network, mode):
        import openvino

        self.version = openvino.__version__.split("-")[0]
        net = Network(folder, network)
        self.core, self.compiled = openvino.Core(), {}
        self.model = OnnxGraph(net).model.SerializeToString()
        self.x, self.y = np.ascontiguousarray(net.x.transpose(0, 3, 1, 2)), net.y

    def run(self, n):
        if n not in self.compiled:
            model = self.core.read_model(self.model, b"")
            model.reshape([n, *self.x.shape[1:]])
            self.compiled[n] = self.core.compile_model(model, "CPU", {
                "INFERENCE_PRECISION_HINT": "f32", "PERFORMANCE_HINT": "LATENCY",
                "INFERENCE_NUM_THREADS": THREADS}).create_infer_request()
        return self.compiled[n].infer({0: self.x[:n]}, share_inputs=True, share_outputs=True)[0]


def torch_module(net, training):
    """The network as modules of torch."""
    import torch
    from torch import nn
    from torch.nn import functional as F
    from torchvision.ops import StochasticDepth

    acts = {"relu": lambda: nn.ReLU(inplace=True), "relu6": lambda: nn.ReLU6(inplace=True),
            "swish": lambda: nn.SiLU(inplace=True), "sigmoid": nn.Sigmoid, "softmax": lambda: nn.Softmax(1)}

    class Pad(nn.Module):
        def __init__(self, pads, value):
            super().__init__()
            self.pads, self.value = [pads[2], pads[3], pads[0], pads[1]], value

        def forward(self, x):
            return F.pad(x, self.pads, value=self.value)

    class Add(nn.Module):
        def __init__(self, parts, act):
            super().__init__()
            self.parts, self.act = nn.ModuleList(parts), nn.Sequential(*act)

        def forward(self, x):
            first, *rest = [p(x) for p in self.parts]
            for y in rest:
                first = first + y
            return self.act(first)

    class Concat(nn.Module):
        def __init__(self, parts):
            super().__init__()
            self.parts = nn.ModuleList(parts)

        def forward(self, x):
            return torch.cat([p(x) for p in self.parts], 1)

    class Gate(nn.Module):
        def __init__(self, body):
            super().__init__()
            self.body = body

        def forward(self, x):
            return x * self.body(x)

    class GlobalAverage(nn.Module):
        def forward(self, x):
            return x.mean((2, 3), keepdim=True)

    def act(kind):
        return [] if kind == "linear" else [acts[kind]()]

    def even(l):
        return l.pads[0] == l.pads[1] and l.pads[2] == l.pads[3]

    def parameter(v):
        return nn.Parameter(torch.tensor(v))

    def conv(l):
        kernel = l.kernel.transpose(2, 3, 0, 1) if l.deep else l.kernel.transpose(3, 2, 0, 1)
        c = nn.Conv2d(l.cin, l.cout, kernel.shape[2:], l.stride, (l.pads[0], l.pads[2]) if even(l) else 0,
                      groups=l.cin if l.deep else 1, bias=l.bias is not None)
        c.weight = parameter(np.ascontiguousarray(kernel))
        if l.bias is not None:
            c.bias = parameter(l.bias)
        parts = [c] if even(l) else [Pad(l.pads, 0.0), c]
        if l.norm:
            b = nn.BatchNorm2d(l.cout, eps=l.norm.eps, momentum=1 - l.norm.momentum)
            b.weight, b.bias = parameter(l.norm.gamma), parameter(l.norm.beta)
            b.weight.requires_grad, b.bias.requires_grad = l.norm.scale, l.norm.center
            b.running_mean, b.running_var = torch.tensor(l.norm.mean), torch.tensor(l.norm.variance)
            parts.append(b)
        return nn.Sequential(*parts, *act(l.act))

    def make(l):
        match l.kind:
            case "seq":
                return nn.Sequential(*[make(p) for p in l.parts])
            case "concat":
                return Concat([make(p) for p in l.parts])
            case "add":
                assert l.scale == 1
                return Add([make(p) for p in l.parts], act(l.act))
            case "gate":
                return Gate(make(l.body))
            case "conv":
                return conv(l)
            case "act":
                return nn.Sequential(*act(l.act))
            case "pool":
                pad = (l.pads[0], l.pads[2]) if even(l) else 0
                if l.avg:
                    assert even(l)
                    return nn.AvgPool2d(l.window, l.stride, pad, count_include_pad=l.count)
                pool = nn.MaxPool2d(l.window, l.stride, pad)
                return pool if even(l) else nn.Sequential(Pad(l.pads, -math.inf), pool)
            case "globalpool":
                return GlobalAverage()
            case "dense":
                d = nn.Linear(*l.kernel.shape)
                d.weight, d.bias = parameter(np.ascontiguousarray(l.kernel.T)), parameter(l.bias)
                return nn.Sequential(nn.Flatten(), d, *act(l.act))
            case "dropout":
                return StochasticDepth(l.rate, "row") if l.path else nn.Dropout(l.rate)
        raise NotImplementedError(l.kind)

    module = make(net.root).train(training)
    return module if training else module.requires_grad_(False)


OWN = {"inception-v3": "inception_v3", "efficientnet-b0": "efficientnet_b0", "efficientnet-b3": "efficientnet_b3",
       "resnet50": "resnet50", "efficientnet-lite0": "efficientnet_lite0"}


def own_module(network, size, training):
    """The network as torchvision has it, else timm: another padding, other weights."""
    import timm
    import torchvision

    name = OWN[network]
    if name in ("inception_v3", "resnet50"):
        extra = dict(aux_logits=False, init_weights=True) if name == "inception_v3" else {}
        return torchvision.models.get_model(name, weights=None, **extra).train(training)
    return timm.create_model(name, drop_path_rate=0.2 if training else 0).train(training)


class Torch:
    def __init__(self, folder, network, mode, compiled=False, own=False):
        import torch

        torch.set_num_threads(THREADS)
        torch.set_num_interop_threads(1)
        self.torch, self.version, self.training = torch, torch.__version__.split("+")[0], mode != "infer"
        if compiled and not self.training:
            import torch._inductor.config as config

            config.freezing = True
        net = Network(folder, network, "." + mode if self.training else "", fold=not self.training)
        module = own_module(network, net.size, self.training) if own else torch_module(net, self.training)
        self.module = module.to(memory_format=torch.channels_last)
        self.x = torch.tensor(net.x.transpose(0, 3, 1, 2)).contiguous(memory_format=torch.channels_last)
        self.y = net.y
        if self.training:
            weights = [p for p in self.module.parameters() if p.requires_grad]
            self.adam = torch.optim.Adam(weights, RATE, (BETA1, BETA2), EPSILON, fused=True)
        self.forward = torch.compile(self.module, dynamic=False) if compiled else self.module

    def run(self, n):
        with self.torch.inference_mode():
            return self.forward(self.x[:n]).numpy()

    def step(self, n):
        torch = self.torch
        self.adam.zero_grad(set_to_none=True)
        loss = torch.nn.functional.cross_entropy(self.forward(self.x[:n]), torch.tensor(labels(n)))
        loss.backward()
        self.adam.step()
        return float(loss)


class TensorFlow:
    def __init__(self, folder, network, mode):
        os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
        os.environ["CUDA_VISIBLE_DEVICES"] = ""
        import tensorflow as tf

        tf.config.threading.set_intra_op_parallelism_threads(THREADS)
        tf.config.threading.set_inter_op_parallelism_threads(int(os.environ.get("PEERS_TF_INTER", "1")))
        self.tf, self.version, self.training = tf, tf.__version__, mode != "infer"
        self.net = net = Network(folder, network, "." + mode if self.training else "", fold=not self.training)
        self.x, self.y, self.functions = net.x, net.y, {}
        self.weights, self.moving = [], []
        if self.training:
            self.layer(net.root, tf.constant(net.x[:2]))  # makes the variables
            self.moments = [[tf.Variable(tf.zeros_like(w), trainable=False) for w in self.weights] for _ in range(2)]
            self.powers = [tf.Variable(b, trainable=False) for b in (BETA1, BETA2)]

    def weight(self, holder, name, value, trainable=True):
        """A constant, or when training a variable kept in holder."""
        if not self.training or not trainable:
            return self.tf.constant(value)
        variable = getattr(holder, "_" + name, None)
        if variable is None:
            variable = self.tf.Variable(value)
            setattr(holder, "_" + name, variable)
            self.weights.append(variable)
        return variable

    def act(self, kind, x):
        nn = self.tf.nn
        return {"linear": lambda x: x, "relu": nn.relu, "relu6": nn.relu6, "swish": nn.silu,
                "sigmoid": self.tf.sigmoid, "softmax": nn.softmax}[kind](x)

    def pad(self, l):
        if l.how == "same":
            return "SAME"
        return [[0, 0], l.pads[:2], l.pads[2:], [0, 0]] if any(l.pads) else "VALID"

    def layer(self, l, x):
        tf = self.tf
        match l.kind:
            case "seq":
                for part in l.parts:
                    x = self.layer(part, x)
                return x
            case "concat":
                return tf.concat([self.layer(p, x) for p in l.parts], 3)
            case "add":
                assert l.scale == 1
                first, *rest = [self.layer(p, x) for p in l.parts]
                for y in rest:
                    first = first + y
                return self.act(l.act, first)
            case "gate":
                return x * self.layer(l.body, x)
            case "conv":
                return self.conv(l, x)
            case "act":
                return self.act(l.act, x)
            case "pool":
                pool = tf.nn.avg_pool2d if l.avg else tf.nn.max_pool2d
                return pool(x, l.window, l.stride, self.pad(l))
            case "globalpool":
                return tf.reduce_mean(x, [1, 2], keepdims=True)
            case "dense":
                y = tf.matmul(tf.reshape(x, [-1, l.kernel.shape[0]]), self.weight(l, "kernel", l.kernel))
                return self.act(l.act, tf.nn.bias_add(y, self.weight(l, "bias", l.bias)))
            case "dropout":
                if not self.training:
                    return x
                return tf.nn.dropout(x, l.rate, noise_shape=[tf.shape(x)[0], 1, 1, 1] if l.path else None)
        raise NotImplementedError(l.kind)

    def conv(self, l, x):
        tf, kernel = self.tf, self.weight(l, "kernel", l.kernel)
        if l.deep:
            x = tf.nn.depthwise_conv2d(x, kernel, [1, l.stride, l.stride, 1], self.pad(l))
        else:
            x = tf.nn.conv2d(x, kernel, l.stride, self.pad(l))
        if l.bias is not None:
            x = tf.nn.bias_add(x, self.weight(l, "bias", l.bias))
        if l.norm:
            gamma = self.weight(l.norm, "gamma", l.norm.gamma, l.norm.scale)
            beta = self.weight(l.norm, "beta", l.norm.beta, l.norm.center)
            x, mean, variance = tf.compat.v1.nn.fused_batch_norm(x, gamma, beta, epsilon=l.norm.eps, is_training=True)
            if not hasattr(l.norm, "_mean"):
                l.norm._mean, l.norm._variance = tf.Variable(l.norm.mean, trainable=False), tf.Variable(l.norm.variance, trainable=False)
            else:
                for v, new in (l.norm._mean, mean), (l.norm._variance, variance):
                    v.assign_sub((v - new) * (1 - l.norm.momentum))
        return self.act(l.act, x)

    def function(self, n):
        if n not in self.functions:
            tf = self.tf
            if self.training:
                self.functions[n] = tf.function(self.training_step, autograph=False).get_concrete_function(
                    tf.TensorSpec([n, *self.x.shape[1:]]), tf.TensorSpec([n], tf.int64)), tf.constant(self.x[:n]), tf.constant(labels(n))
            else:
                self.functions[n] = tf.function(lambda x: self.layer(self.net.root, x), autograph=False).get_concrete_function(
                    tf.TensorSpec([n, *self.x.shape[1:]])), tf.constant(self.x[:n])
        return self.functions[n]

    def training_step(self, x, y):
        tf = self.tf
        with tf.GradientTape() as tape:
            logits = self.layer(self.net.root, x)
            loss = tf.reduce_mean(tf.nn.sparse_softmax_cross_entropy_with_logits(y, logits))
        for w, g, m, v in zip(self.weights, tape.gradient(loss, self.weights), *self.moments):
            tf.raw_ops.ResourceApplyAdam(
                var=w.handle, m=m.handle, v=v.handle, beta1_power=self.powers[0], beta2_power=self.powers[1],
                lr=RATE, beta1=BETA1, beta2=BETA2, epsilon=EPSILON, grad=g)
        for power, beta in zip(self.powers, (BETA1, BETA2)):
            power.assign(power * beta)
        return loss

    def run(self, n):
        f, x = self.function(n)
        return f(x).numpy()

    def step(self, n):
        f, x, y = self.function(n)
        return float(f(x, y))


LIBRARIES = {
    "onnxruntime": OnnxRuntime,
    "openvino": OpenVino,
    "tensorflow": TensorFlow,
    "torch": Torch,
    "torch-compile": lambda *a: Torch(*a, compiled=True),
    "torch-own": lambda *a: Torch(*a, own=True),
    "torch-own-compile": lambda *a: Torch(*a, compiled=True, own=True),
}


def write_onnx(folder, network):
    """NETWORK.onnx, and .raw: a picture, NCHW, and its probabilities."""
    net = Network(folder, network)
    path = os.path.join(folder, network)
    with open(path + ".onnx", "wb") as f:
        f.write(OnnxGraph(net).model.SerializeToString())
    with open(path + ".raw", "wb") as f:
        f.write(np.ascontiguousarray(net.x[0].transpose(2, 0, 1)).astype("<f4").tobytes() + net.y[0].astype("<f4").tobytes())


def main():
    if sys.argv[1] == "onnx":
        return write_onnx(*sys.argv[2:])
    library, folder, network, mode = sys.argv[1:]
    replies = os.fdopen(os.dup(1), "w")  # libraries print
    os.dup2(2, 1)
    side = LIBRARIES[library](folder, network, mode)
    call = side.run if mode == "infer" else side.step

    def reply(value):
        print(json.dumps(value), file=replies, flush=True)

    reply({"library": library, "version": side.version})
    for line in sys.stdin:
        command, *numbers = line.split()
        batch, count = [*map(int, numbers), 1][:2]
        if command == "check" and mode == "infer":
            y = side.y[:batch]
            reply([float(np.abs(call(batch) - y).max() / np.abs(y).max())])
        elif command == "check":
            reply([call(batch) for _ in range(3)])
        else:
            times = []
            for _ in range(count):
                start = time.perf_counter()
                call(batch)
                times.append(time.perf_counter() - start)
            reply(times)


main()
