"""The task of main.go in Keras: EfficientNet-Lite0, the head on features and then
everything from block6a on, batch norm frozen, the part before computed once.

    pip install -r tools/golden/requirements.txt pillow
    python3 rotation.py TURNED efficientnetlite0.h5 SEED...

Prints a line of JSON for each seed, as main.go does.
"""

import glob
import json
import os
import sys
import time

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
threads = len(os.sched_getaffinity(0))

import h5py
import keras
import numpy as np
import tensorflow as tf
from keras import layers
from PIL import Image

tf.config.threading.set_intra_op_parallelism_threads(threads)

# kernel stride filters expand repeat: Table 1 of arXiv:1905.11946
STAGES = [(3, 1, 16, 1, 1), (3, 2, 24, 6, 2), (5, 2, 40, 6, 2), (3, 2, 80, 6, 3), (5, 1, 112, 6, 3), (5, 2, 192, 6, 4), (3, 1, 320, 6, 1)]


def norm_act(x, name, act=True):
    x = layers.BatchNormalization(epsilon=1e-3, name=name)(x)
    return layers.ReLU(6.0)(x) if act else x


def block(x, name, kernel, stride, filters, expand):
    y = x
    if expand > 1:
        y = norm_act(layers.Conv2D(x.shape[-1] * expand, 1, use_bias=False, name=name + "_expand_conv")(y), name + "_expand_bn")
    y = norm_act(layers.DepthwiseConv2D(kernel, stride, padding="same", use_bias=False, name=name + "_dwconv")(y), name + "_bn")
    y = norm_act(layers.Conv2D(filters, 1, use_bias=False, name=name + "_project_conv")(y), name + "_project_bn", act=False)
    return layers.Add()([x, y]) if y.shape == x.shape else y


def lite0(first, last, shape):
    """The stages first to last as a model; 0 is the stem, 8 the top."""
    x = entry = keras.Input(shape)
    if first == 0:
        x = norm_act(layers.Conv2D(32, 3, 2, padding="same", use_bias=False, name="stem_conv")(x), "stem_bn")
    for i, (kernel, stride, filters, expand, repeat) in enumerate(STAGES, 1):
        for j in range(repeat if first <= i <= last else 0):
            x = block(x, "block%d%s" % (i, chr(97 + j)), kernel, stride if j == 0 else 1, filters, expand)
    if last == 8:
        x = norm_act(layers.Conv2D(1280, 1, use_bias=False, name="top_conv")(x), "top_bn")
        x = layers.GlobalAveragePooling2D()(x)
    return keras.Model(entry, x)


def load(model, path):
    with h5py.File(path) as f:
        for layer in model.layers:
            if layer.weights:
                names = f[layer.name].attrs["weight_names"]
                layer.set_weights([f[layer.name][n] for n in names])


def read(folder, split):
    xs, ys = [], []
    for label, position in enumerate(sorted(os.listdir(os.path.join(folder, split)))):
        for path in sorted(glob.glob(os.path.join(folder, split, position, "*"))):
            xs.append(np.asarray(Image.open(path).convert("RGB")))
            ys.append(label)
    return np.stack(xs), np.array(ys)


def features(model, x, batch=32):
    return np.concatenate([model.predict_on_batch(x[i : i + batch]) for i in range(0, len(x), batch)])


def head():
    return keras.Sequential([keras.Input((1280,)), layers.Dropout(0.5), layers.Dense(4)])


class Clock(keras.callbacks.Callback):
    def on_train_begin(self, logs=None):
        self.seconds, self.last = [], time.time()

    def on_epoch_end(self, epoch, logs=None):
        self.seconds.append(time.time() - self.last)
        self.last = time.time()


def compiled(model, rate):
    model.compile(keras.optimizers.Adam(rate), keras.losses.SparseCategoricalCrossentropy(from_logits=True), metrics=["accuracy"])
    return model


def main():
    folder, weights, seeds = sys.argv[1], sys.argv[2], [int(s) for s in sys.argv[3:]]
    data = {split: read(folder, split) for split in ("train", "val", "test")}
    for seed in seeds:
        keras.utils.set_random_seed(seed)
        before, after = lite0(0, 5, (224, 224, 3)), lite0(6, 8, (14, 14, 112))
        load(before, weights)
        load(after, weights)
        start = time.time()
        cut = {s: (features(before, (x.astype(np.float32) - 127) / 128), y) for s, (x, y) in data.items()}
        frozen = time.time() - start
        rows = {s: (features(after, x), y) for s, (x, y) in cut.items()}
        top = compiled(head(), 3e-3)
        top.fit(*rows["train"], batch_size=32, epochs=20, validation_data=rows["val"], verbose=0,
                callbacks=[keras.callbacks.EarlyStopping("val_loss", patience=10, restore_best_weights=True)])
        plain = top.evaluate(*rows["test"], verbose=0)[1]
        for layer in after.layers:
            if isinstance(layer, layers.BatchNormalization):
                layer.trainable = False  # moving statistics, and no training of scale and shift
        entry = keras.Input((14, 14, 112))
        whole = compiled(keras.Model(entry, top(after(entry))), 1e-4)
        clock = Clock()
        whole.fit(*cut["train"], batch_size=32, epochs=5, validation_data=cut["val"], verbose=0,
                  callbacks=[clock])
        tuned = whole.evaluate(*cut["test"], verbose=0)[1]
        print(json.dumps({"who": "keras", "seed": seed, "head": plain, "tuned": tuned, "frozen_seconds": frozen, "epoch_seconds": clock.seconds}), flush=True)


if __name__ == "__main__":
    main()
