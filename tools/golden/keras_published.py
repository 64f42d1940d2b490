"""Writes files such as those published for Keras, of drawn weights, and what Keras
makes of a photograph with them. internal/pretrained downloads and runs them:

    pip install -r tools/golden/requirements.txt pillow==12.3.0
    python3 tools/golden/keras_published.py FOLDER PHOTO [network ...]
    ARGUS_KERAS_PUBLISHED=FOLDER go test -count=1 -v -run Keras ./internal/pretrained

For each network FOLDER has NAME.h5 and NAME_notop.h5 in Keras' legacy form, and
NAME.npz with pixels [1, H, W, 3] (the photograph resized by Pillow), features and
probabilities. Keras computes these in float64, by its own path for
weights="imagenet": only its download is replaced. Norms take the statistics of
pictures made of the photograph, so that no layer's output vanishes. FOLDER/photo.png is PHOTO.

    python3 tools/golden/keras_published.py internal/pretrained/testdata

writes the files of a network of one convolution that every test runs on.
"""

import os
import shutil
import sys

os.environ.setdefault("KERAS_BACKEND", "tensorflow")

import h5py
import keras
import numpy as np
from keras import applications as apps
from keras.src.applications import efficientnet, imagenet_utils
from keras.src.legacy.saving import legacy_h5_format
from keras.src.utils import file_utils
from PIL import Image

MEAN, STD = np.array([0.485, 0.456, 0.406]), np.array([0.229, 0.224, 0.225])


def torch(x):
    return imagenet_utils.preprocess_input(x, mode="torch")


class Bare:
    """EfficientNet as the package efficientnet has it: no layers before the
    stem, and a top called probs."""

    def __init__(self, make):
        self.make = make

    def __call__(self, **kwargs):
        layers, dense = efficientnet.layers, efficientnet.layers.Dense
        rescaling, normalization = layers.Rescaling, layers.Normalization
        layers.Rescaling = layers.Normalization = lambda *a, **k: lambda x: x
        layers.Dense = lambda units, name, **k: dense(units, name="probs", **k)
        try:
            return self.make(**kwargs)
        finally:
            layers.Rescaling, layers.Normalization, layers.Dense = rescaling, normalization, dense


NETWORKS = {  # name: maker, preprocessing, size
    "inception-v3": (apps.InceptionV3, apps.inception_v3.preprocess_input, 299),
    "inception-resnet-v2": (apps.InceptionResNetV2, apps.inception_resnet_v2.preprocess_input, 299),
    "xception": (apps.Xception, apps.xception.preprocess_input, 299),
    "resnet50": (apps.ResNet50, apps.resnet.preprocess_input, 224),
    "efficientnet-b0": (apps.EfficientNetB0, apps.efficientnet.preprocess_input, 224),
    "efficientnet-b0-package": (Bare(apps.EfficientNetB0), torch, 224),
    "efficientnet-v2-b0": (apps.EfficientNetV2B0, apps.efficientnet_v2.preprocess_input, 224),
    "efficientnet-v2-s": (apps.EfficientNetV2S, apps.efficientnet_v2.preprocess_input, 384),
}


def save(model, path):
    with h5py.File(path, "w") as f:
        legacy_h5_format.save_weights_to_hdf5_group(f, model)


def published(make, path, **kwargs):
    """The network as Keras makes it with the file at path."""
    get_file = file_utils.get_file
    file_utils.get_file = lambda *a, **k: path
    try:
        return make(weights="imagenet", **kwargs)
    finally:
        file_utils.get_file = get_file


def draw(model, x, seed):
    """Draws the weights, and gives norms the statistics of what they see of x."""
    r = np.random.default_rng(seed)
    norms = [l for l in model.layers if type(l).__name__ == "BatchNormalization"]
    for l in model.layers:
        if type(l).__name__ == "Normalization":
            continue
        for v in l.weights:
            if v.name == "gamma":
                v.assign(r.uniform(0.8, 1.2, v.shape))
            elif v.name in ("beta", "bias"):  # below 0: else pictures grow alike from layer to layer, and roundings with them
                v.assign(r.normal(-0.2 if v.name == "beta" else 0, 0.1, v.shape))
    for l in norms:
        l.momentum = 0.0
    model(x, training=True)
    for l in norms:
        l.momentum = 0.99
        l.moving_variance.assign(l.moving_variance + 1e-3)
    top = model.layers[-1]  # far from uniform
    features = keras.Model(model.inputs, top.input)(x, training=False)
    logits = np.asarray(features) @ np.asarray(top.kernel)
    top.kernel.assign(top.kernel * (2 / logits.std()))


def variants(photo):
    """Pictures that differ, [6, H, W, 3]: norms set to one alone would magnify roundings."""
    turned = photo.swapaxes(0, 1)
    return np.stack([photo, 255 - photo, np.roll(photo, 1, 2), turned[::-1], 255 - turned, photo // 4]).astype(np.float32)


def write(folder, name, photo):
    make, preprocess, size = NETWORKS[name]
    pixels = np.asarray(photo.resize((size, size), Image.BILINEAR))[None]
    x = preprocess(pixels.astype(np.float32))
    whole, body = (os.path.join(folder, name + end) for end in (".h5", "_notop.h5"))

    keras.config.set_floatx("float32")
    keras.backend.clear_session()
    model = make(weights=None)
    for l in model.layers:
        if type(l).__name__ == "Normalization" and l.weights:
            l.set_weights([MEAN, STD, np.int64(0)])  # as published: the deviation in place of the variance
    save(model, whole)
    model = published(make, whole)
    draw(model, preprocess(variants(pixels[0])), len(name))
    save(model, whole)
    bare = make(weights=None, include_top=False, pooling="avg", input_shape=(size, size, 3))
    bare.set_weights([v.numpy() for v in model.weights[: len(bare.weights)]])
    save(bare, body)

    keras.config.set_floatx("float64")
    keras.backend.clear_session()
    x = preprocess(pixels.astype(np.float64))
    top = published(make, whole).predict(x, verbose=0)
    kwargs = dict(include_top=False, pooling="avg", input_shape=(size, size, 3))
    features = published(make, body, **kwargs).predict(x, verbose=0)
    np.savez(os.path.join(folder, name + ".npz"), pixels=pixels, features=np.float32(features), top=np.float32(top))
    print("%s: features of rms %.3f, probabilities to %.3f, Keras %s" % (
        name, np.sqrt(np.mean(features**2)), top.max(), keras.__version__), flush=True)


def write_small(folder):
    keras.utils.set_random_seed(1)
    x = keras.Input((8, 8, 3))
    normalization = keras.layers.Normalization(name="normalization")
    y = keras.layers.Rescaling(1 / 255, name="rescaling")(x)
    y = keras.layers.Conv2D(4, 3, padding="same", use_bias=False, name="conv")(normalization(y))
    y = keras.layers.BatchNormalization(name="conv_bn")(y)
    y = keras.layers.GlobalAveragePooling2D(name="avg_pool")(keras.layers.Activation("relu", name="conv_relu")(y))
    normalization.set_weights([MEAN, STD, np.int64(0)])
    save(keras.Model(x, y), os.path.join(folder, "small_notop.h5"))
    save(keras.Model(x, keras.layers.Dense(1000, name="predictions")(y)), os.path.join(folder, "small.h5"))


def main():
    if len(sys.argv) == 2:
        return write_small(sys.argv[1])
    folder, photo, names = sys.argv[1], sys.argv[2], sys.argv[3:] or list(NETWORKS)
    os.makedirs(folder, exist_ok=True)
    shutil.copyfile(photo, os.path.join(folder, "photo.png"))
    for name in names:
        write(folder, name, Image.open(photo).convert("RGB"))


if __name__ == "__main__":
    main()
