"""Writes internal/golden/testdata/training: what one training step of Keras
networks gives, from the weights and pictures of keras_nets.py.

    python3 tools/golden/keras_training.py internal/golden/testdata

NAME_HxW.npz holds, without dropout:

    loss       cross-entropy of three pictures against the labels 1, 8, 15
    gradients  [trainable weights, 10] as stats there, in Keras' order
    moving     [moving means and variances, 10] after the step
    smooth     gradients where every ReLU is a swish instead: docs/decisions/0102
    exponents, versions as there
"""

import os
import sys

from keras_nets import BATCH, NETWORKS, SMALL, fill, normalise_as_published, pictures, statistics, text

import keras
import numpy as np
import tensorflow as tf

# Sizes at which rounding leaves every maximum of a pool where it is.
SIZES = {"inception-v3": (171, 142), "efficientnet-b0": SMALL, "resnet50": (123, 118)}
LABELS = [1 + 7 * i for i in range(BATCH)]


def build(name, size, exponents, smooth):
    keras.backend.clear_session()
    model = NETWORKS[name][0](weights=None, input_shape=(*size, 3))
    number, exponents = 0, list(exponents)
    for layer in model.layers:
        kind = type(layer).__name__
        if kind == "Normalization":
            normalise_as_published(layer)
        elif layer.weights:
            number += 1
            fill(layer, number, exponents.pop(0) if kind in ("BatchNormalization", "Dense") else 0)
        elif kind == "Dropout":
            layer.rate = 0
        elif kind == "Activation" and smooth:
            # ResNet pads with zeros what it then takes maxima of: that stays positive.
            layer.activation = keras.activations.sigmoid if layer.name == "conv1_relu" else keras.activations.silu
    assert not exponents
    return model


def row(v):
    return statistics(np.asarray(v).reshape(1, -1))[0]


def step(name, size, exponents, smooth=False):
    """The loss, rows of the gradients and rows of the moving statistics."""
    model = build(name, size, exponents, smooth)
    x = tf.constant(NETWORKS[name][1].preprocess_input(pictures(BATCH, *size).astype(np.float64)))
    with tf.GradientTape() as tape:
        p = model(x, training=True)
        loss = -tf.reduce_mean(tf.math.log(tf.gather(p, LABELS, axis=1, batch_dims=1)))
    layers = [layer for layer in model.layers if type(layer).__name__ != "Normalization"]
    gradients = tape.gradient(loss, [v.value for layer in layers for v in layer.trainable_weights])
    moving = [v for layer in layers for v in layer.non_trainable_weights]
    return np.float32([loss]), np.stack([row(g) for g in gradients]), np.stack([row(v) for v in moving])


def write(folder, name, size):
    inference = np.load(os.path.join(folder, "%s_%dx%d.npz" % (name, *SMALL)))
    exponents = inference["exponents"].astype(int)
    loss, gradients, moving = step(name, size, exponents)
    _, smooth, _ = step(name, size, exponents, smooth=True)
    path = os.path.join(folder, "training", "%s_%dx%d.npz" % (name, *size))
    np.savez_compressed(path, loss=loss, gradients=gradients, moving=moving, smooth=smooth,
                        exponents=inference["exponents"], versions=inference["versions"])
    print("%s: loss %.4f, %d gradients" % (path, loss[0], len(gradients)), flush=True)


def main():
    keras.config.set_floatx("float64")
    folder = sys.argv[1]
    os.makedirs(os.path.join(folder, "training"), exist_ok=True)
    for name, size in SIZES.items():
        write(folder, name, size)


main()
