"""Writes internal/golden/testdata: what the networks of Keras applications
compute in float64, with weights and pictures that are formulas of float32.
docs/decisions/0101 says which formulas and why.

    pip install -r tools/golden/requirements.txt
    python3 tools/golden/keras_nets.py internal/golden/testdata [network ...]

NAME_HxW.npz holds, for N pictures of that size:

    taps       names of Keras layers, one a line, in Keras' order
    stats      [taps, N, 10] mean, standard deviation, and the values at
               (2j+1)*size//16 for j in 0..7 of a layer's output for a picture
    top        [N, 32] the first probabilities
    exponents  one for each layer with a norm or a dense kernel, in Keras' order
    versions   of Python, Keras, TensorFlow, NumPy
"""

import os
import platform
import sys

os.environ.setdefault("KERAS_BACKEND", "tensorflow")

import keras
import numpy as np
import tensorflow as tf
from keras import applications as apps

SMALL = (99, 110)  # not square, no multiple of 32; halved again and again they are odd and even by turns
BATCH = 3

# network of the Go module: maker, preprocessing, default size
NETWORKS = {
    "inception-v3": (apps.InceptionV3, apps.inception_v3, 299),
    "inception-resnet-v2": (apps.InceptionResNetV2, apps.inception_resnet_v2, 299),
    "xception": (apps.Xception, apps.xception, 299),
    "resnet50": (apps.ResNet50, apps.resnet, 224),
    "resnet101": (apps.ResNet101, apps.resnet, 224),
    "resnet152": (apps.ResNet152, apps.resnet, 224),
    "resnet50v2": (apps.ResNet50V2, apps.resnet_v2, 224),
    "resnet101v2": (apps.ResNet101V2, apps.resnet_v2, 224),
    "resnet152v2": (apps.ResNet152V2, apps.resnet_v2, 224),
    "efficientnet-b0": (apps.EfficientNetB0, apps.efficientnet, 224),
    "efficientnet-b1": (apps.EfficientNetB1, apps.efficientnet, 240),
    "efficientnet-b2": (apps.EfficientNetB2, apps.efficientnet, 260),
    "efficientnet-b3": (apps.EfficientNetB3, apps.efficientnet, 300),
    "efficientnet-b4": (apps.EfficientNetB4, apps.efficientnet, 380),
    "efficientnet-b5": (apps.EfficientNetB5, apps.efficientnet, 456),
    "efficientnet-b6": (apps.EfficientNetB6, apps.efficientnet, 528),
    "efficientnet-b7": (apps.EfficientNetB7, apps.efficientnet, 600),
    "efficientnet-v2-b0": (apps.EfficientNetV2B0, apps.efficientnet_v2, 224),
    "efficientnet-v2-b1": (apps.EfficientNetV2B1, apps.efficientnet_v2, 240),
    "efficientnet-v2-b2": (apps.EfficientNetV2B2, apps.efficientnet_v2, 260),
    "efficientnet-v2-b3": (apps.EfficientNetV2B3, apps.efficientnet_v2, 300),
    "efficientnet-v2-s": (apps.EfficientNetV2S, apps.efficientnet_v2, 384),
    "efficientnet-v2-m": (apps.EfficientNetV2M, apps.efficientnet_v2, 480),
    "efficientnet-v2-l": (apps.EfficientNetV2L, apps.efficientnet_v2, 480),
}

TAPS = {"Activation", "MaxPooling2D", "AveragePooling2D", "GlobalAveragePooling2D", "Add", "Concatenate", "CustomScaleLayer", "Multiply"}


def bits(key, n):
    """n numbers of 64 bits: splitmix64 from the state key << 32."""
    with np.errstate(over="ignore"):
        z = (np.arange(1, n + 1, dtype=np.uint64) + np.uint64(key << 32)) * np.uint64(0x9E3779B97F4A7C15)
        z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        return z ^ (z >> np.uint64(31))


def unit(key, n):
    """n numbers in [0, 1), multiples of 2^-24."""
    return (bits(key, n) >> np.uint64(40)).astype(np.float32) * np.float32(2.0**-24)


def pictures(n, h, w):
    """Bytes of noise, [n, h, w, 3]."""
    return (bits(0, n * h * w * 3) >> np.uint64(56)).astype(np.float32).reshape(n, h, w, 3)


def formula(layer, index, name, shape, exponent):
    """Weight number index of layer number layer (from 1, of those with weights)."""
    u = unit(8 * layer + index, int(np.prod(shape)))
    scale = np.float32(2.0**exponent)
    if name.endswith("kernel"):
        fan = np.prod(shape[:-2]) if shape[-1] == 1 else np.prod(shape[:-1])
        limit = np.float32(np.sqrt(6 / float(fan)))
        v = (2 * u - 1) * limit * scale
    elif name == "gamma":
        v = np.float32(0.75) + u / 2
    elif name == "moving_variance":
        v = (np.float32(0.5) + u) * scale * scale
    elif name == "moving_mean":
        v = (u - np.float32(0.5)) / 2 * scale
    else:  # beta, bias
        v = (u - np.float32(0.5)) / 2
    return v.reshape(shape)


def fill(layer, number, exponent):
    layer.set_weights([formula(number, i, v.name, v.shape, exponent) for i, v in enumerate(layer.weights)])


def normalise_as_published(layer):
    """What the normalization of the published weights and rescaling_1 come to."""
    if layer.weights:  # v1; v2 has constants
        layer.set_weights([np.array([0.485, 0.456, 0.406]), np.square([0.229, 0.224, 0.225]), np.int64(0)])
        layer.finalize_state()


def log2(x):
    return int(np.round(np.log2(np.sqrt(np.mean(np.square(x, dtype=np.float64))))))


def is_tap(layer):
    name = type(layer).__name__
    if name == "BatchNormalization":
        return all(type(node.operation).__name__ != "Activation" for node in layer._outbound_nodes)
    return name in TAPS


def statistics(y):
    y = np.asarray(y)
    y = y.reshape(len(y), -1)
    at = [(2 * j + 1) * y.shape[1] // 16 for j in range(8)]
    moments = [y.mean(1, dtype=np.float64), y.std(1, dtype=np.float64)]
    return np.column_stack(moments + [y[:, i] for i in at]).astype(np.float32)


class Network:
    def __init__(self, make, exponents, *size):
        keras.backend.clear_session()
        self.model = make(weights=None, input_shape=(*size, 3))
        self.exponents = exponents
        self.numbers = {}
        for layer in self.model.layers:
            if type(layer).__name__ == "Normalization":
                normalise_as_published(layer)
            elif layer.weights:
                self.numbers[layer.name] = len(self.numbers) + 1

    def call(self, layer, *args, **kwargs):
        """Fills the layer, runs it, and keeps what is to be known of its output."""
        if layer.name in self.numbers:
            number = self.numbers[layer.name]
            if layer.name not in self.exponents:
                self.exponents[layer.name] = self.exponent(layer, number, *args)
            fill(layer, number, self.exponents[layer.name] or 0)
        if layer._call_has_training_arg:
            kwargs["training"] = False
        y = layer(*args, **kwargs)
        if is_tap(layer):
            self.stats[layer.name] = statistics(y)
        return y

    def exponent(self, layer, number, x):
        """The power of two that brings a norm's input, or a dense layer's output, near 1."""
        if type(layer).__name__ == "BatchNormalization":
            return log2(x)
        if type(layer).__name__ == "Dense":
            fill(layer, number, 0)
            return 1 - log2(x @ layer.kernel + layer.bias)
        return None

    def run(self, x):
        self.stats = {}
        y = self.model._run_through_graph(tf.constant(x), call_fn=self.call)
        self.taps = [layer.name for layer in self.model.layers if layer.name in self.stats]
        again = self.model.predict(x, verbose=0)
        assert np.allclose(y, again, rtol=1e-9, atol=1e-12), np.abs(y - again).max()
        return np.asarray(y)


def text(s):
    return np.frombuffer(s.encode(), np.uint8)


def write(folder, name, n, size, exponents):
    make, module, _ = NETWORKS[name]
    network = Network(make, exponents, *size)
    tops, stats = [], []
    for picture in pictures(n, *size):  # one by one: the largest networks keep 20 GB of outputs for three
        tops.append(network.run(module.preprocess_input(picture[None].astype(np.float64))))
        stats.append(np.stack([network.stats[tap] for tap in network.taps]))
    top, stats = np.concatenate(tops), np.concatenate(stats, axis=1)
    assert np.isfinite(stats).all()
    path = os.path.join(folder, "%s_%dx%d.npz" % (name, *size))
    np.savez_compressed(
        path, taps=text("\n".join(network.taps)), stats=stats, top=np.float32(top[:, :32]),
        exponents=np.int8([network.exponents[k] for k in network.numbers if network.exponents[k] is not None]),
        versions=text("Python %s, Keras %s, TensorFlow %s, NumPy %s" % (
            platform.python_version(), keras.__version__, tf.__version__, np.__version__)))
    print("%s: %d taps, %d bytes, probabilities to %.3f, exponents %d..%d" % (
        path, len(stats), os.path.getsize(path), top.max(), min(e for e in exponents.values() if e is not None),
        max(e for e in exponents.values() if e is not None)), flush=True)


def main():
    keras.config.set_floatx("float64")
    folder, names = sys.argv[1], sys.argv[2:] or list(NETWORKS)
    for name in names:
        size = NETWORKS[name][2]
        exponents = {}  # of the first size, for both
        write(folder, name, BATCH, (size, size), exponents)
        write(folder, name, BATCH, SMALL, exponents)


if __name__ == "__main__":
    main()
