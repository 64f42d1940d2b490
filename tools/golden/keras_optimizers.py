"""Writes internal/train/testdata/optimizers.npz: where 50 steps of Keras'
optimizers lead, on gradients that are a formula.

    pip install -r tools/golden/requirements.txt
    python3 tools/golden/keras_optimizers.py internal/train/testdata/optimizers.npz

Every array NAME is [50, 6]: the weights after each step; NAME+average what use_ema
makes of them.
"""

import os
import platform
import sys

os.environ.setdefault("KERAS_BACKEND", "tensorflow")

import keras
import numpy as np
import tensorflow as tf

STEPS, N, RATE = 50, 6, 0.01


def gradient(step):
    """Of changing sign and size, and one that is always 0."""
    i = np.arange(N)
    return (np.sin(1.7 * step + i) * 10.0 ** (i - 3) * (i < N - 1)).astype(np.float32)


OPTIMIZERS = {
    "sgd": lambda: keras.optimizers.SGD(RATE),
    "momentum": lambda: keras.optimizers.SGD(RATE, momentum=0.9),
    "nesterov": lambda: keras.optimizers.SGD(RATE, momentum=0.9, nesterov=True),
    "adam": lambda: keras.optimizers.Adam(RATE),
    "adamw": lambda: keras.optimizers.AdamW(RATE, weight_decay=0.04),
    "rmsprop": lambda: keras.optimizers.RMSprop(RATE),
    "rmsprop momentum": lambda: keras.optimizers.RMSprop(RATE, rho=0.8, momentum=0.9),
    "clipped": lambda: keras.optimizers.Adam(RATE, global_clipnorm=0.5),
    "averaged": lambda: keras.optimizers.Adam(RATE, use_ema=True, ema_momentum=0.9),
    "cosine": lambda: keras.optimizers.SGD(keras.optimizers.schedules.CosineDecay(RATE, STEPS, alpha=0.1)),
}


def run(make):
    optimizer = make()
    w = keras.Variable(np.linspace(-1, 1, N, dtype=np.float32), name="kernel")
    optimizer.build([w])
    out, average = [], []
    for step in range(STEPS):
        optimizer.apply([tf.constant(gradient(step))])
        out.append(np.array(w))
        if optimizer.use_ema:
            average.append(np.array(optimizer._model_variables_moving_average[0]))
    return np.stack(out), average


def main():
    arrays = {}
    for name, make in OPTIMIZERS.items():
        arrays[name], average = run(make)
        if average:
            arrays[name + "+average"] = np.stack(average)
    versions = "Python %s, Keras %s, TensorFlow %s, NumPy %s" % (
        platform.python_version(), keras.__version__, tf.__version__, np.__version__)
    np.savez_compressed(sys.argv[1], versions=np.frombuffer(versions.encode(), np.uint8), **arrays)


if __name__ == "__main__":
    main()
