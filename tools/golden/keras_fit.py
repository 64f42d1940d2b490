"""Writes internal/train/testdata/fit.npz: the losses of Keras' training of a small
network, head and then all, from weights and on rows that are formulas, in the
order of internal/train/testdata/orders.txt, which a test of that package checks.

    pip install -r tools/golden/requirements.txt
    python3 tools/golden/keras_fit.py internal/train/testdata
"""

import os
import platform
import sys

os.environ.setdefault("KERAS_BACKEND", "tensorflow")

import keras
import numpy as np
import tensorflow as tf
from keras import layers

ROWS, VAL, CLASSES, BATCH, SHAPE = 24, 12, 3, 8, (8, 8, 3)


def wave(shape, step, scale):
    """sin(step·1), sin(step·2), … times scale."""
    n = int(np.prod(shape))
    return (np.sin(step * np.arange(1, n + 1)) * scale).astype(np.float32).reshape(shape)


def data(n, step):
    y = np.arange(n) % CLASSES
    x = wave((n, *SHAPE), step, 0.5)
    x[..., 0] += (y - 1)[:, None, None] * 0.5
    return x, y


def network():
    x = entry = keras.Input(SHAPE)
    for i, filters in enumerate((6, 8)):
        x = layers.Conv2D(filters, 3, 2, padding="same", use_bias=False, name="conv%d" % i)(x)
        x = layers.BatchNormalization(epsilon=1e-3, name="norm%d" % i)(x)
        x = layers.Activation("swish")(x)
    return keras.Model(entry, layers.GlobalAveragePooling2D()(x))


def fill(model):
    """What no one sets starts as Keras does: gamma 1, beta and mean 0, variance 1."""
    for i in range(2):
        model.get_layer("conv%d" % i).set_weights([wave(model.get_layer("conv%d" % i).kernel.shape, 0.7 + i, 0.5)])


def train(forward, variables, rate, rows, val, orders):
    optimizer = keras.optimizers.Adam(rate)
    optimizer.build(variables)
    cross = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    out = []
    for order in orders:
        losses = []
        for batch in np.split(order, ROWS // BATCH):
            with tf.GradientTape() as tape:
                loss = cross(rows[1][batch], forward(tf.constant(rows[0][batch])))
            optimizer.apply(tape.gradient(loss, [v.value for v in variables]))
            losses.append(float(loss))
        out.append((np.mean(losses), float(cross(val[1], forward(tf.constant(val[0]))))))
    return np.float32(out)


def main():
    folder = sys.argv[1]
    orders = np.loadtxt(os.path.join(folder, "orders.txt"), dtype=int)
    body = network()
    fill(body)
    head = keras.Sequential([keras.Input((8,)), layers.Dense(CLASSES)])
    head.layers[-1].set_weights([wave((8, CLASSES), 1.3, 0.5), np.zeros(CLASSES, np.float32)])
    rows, val = data(ROWS, 0.37), data(VAL, 0.91)
    features = [(np.array(body(x, training=False)), y) for x, y in (rows, val)]
    arrays = {"head": train(lambda x: head(x), head.trainable_variables, 1e-2, *features, orders[:3])}
    whole = lambda x: head(body(x, training=False))  # batch norm keeps its statistics
    arrays["tuned"] = train(whole, body.trainable_variables + head.trainable_variables, 1e-3, rows, val, orders[:2])
    versions = "Python %s, Keras %s, TensorFlow %s, NumPy %s" % (
        platform.python_version(), keras.__version__, tf.__version__, np.__version__)
    np.savez_compressed(os.path.join(folder, "fit.npz"), versions=np.frombuffer(versions.encode(), np.uint8), **arrays)


if __name__ == "__main__":
    main()
