"""Writes Keras files and what Keras makes of pictures with them.

    python keras_files.py small DIR   the files of internal/keras/testdata/models
    python keras_files.py large DIR [NAME …]   the networks of applications, for make keras

Run with each of the versions below in an environment of its own; a file is
named after what wrote it. Beside FILE stands FILE.npz: x, pictures of 8 bits;
y, the probabilities; f, the features; scaling, the number of argus.Scaling.

    keras1    Python 3.6, Keras 1.2.2, TensorFlow 1.15.0, h5py 2.10.0
    keras2    Python 3.7, Keras 2.2.5, TensorFlow 1.15.5, h5py 2.10.0, efficientnet 1.0.0
    tfkeras   Python 3.11, TensorFlow 2.15.1 with Keras 2.15.0, h5py 3.16.0, efficientnet 1.1.1
    keras3    Python 3.11, Keras 3.15.1, TensorFlow 2.21.0, h5py 3.14.0
"""

import os
import sys
import warnings

warnings.filterwarnings("ignore")
os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
os.environ["TF_USE_LEGACY_KERAS"] = "0"

import numpy as np

try:
    import tensorflow as tf

    if tf.__version__.startswith("2.15"):
        keras, BY = tf.keras, "tfkeras"
    else:
        import keras

        BY = "keras" + keras.__version__[0]
except ImportError:
    import keras

    BY = "keras3"

if BY == "keras1":
    import tensorflow.python.ops.control_flow_ops

    tf.python = tensorflow.python
L = keras.layers
K = keras.backend
Model = keras.models.Model
UNIT, SYMMETRIC, TORCH, CAFFE, RAW, LITE = 1, 2, 3, 4, 5, 6  # the last is not of argus: (x - 127) / 128


def scaled(x, scaling):
    x = x.astype("float32")
    if scaling == UNIT:
        return x / 255
    if scaling == SYMMETRIC:
        return x / 127.5 - 1
    if scaling == TORCH:
        return (x / 255 - [0.485, 0.456, 0.406]) / [0.229, 0.224, 0.225]
    if scaling == LITE:
        return (x - 127) / 128
    if scaling == CAFFE:
        return x[..., ::-1] - [103.939, 116.779, 123.68]
    return x


def flat(model):
    for layer in model.layers:
        if hasattr(layer, "layers"):
            for inner in flat(layer):
                yield inner
        else:
            yield layer


def fill(model):
    """Weights that keep the numbers of a deep network in bounds."""
    r = np.random.RandomState(7)
    pairs = []
    for layer in flat(model):
        values = []
        names = [w.name.split("/")[-1].split(":")[0] for w in layer.weights]
        if layer.__class__.__name__ == "Normalization":
            continue
        for name, v in zip(names, layer.get_weights()):
            if v.ndim > 1:
                fan = np.prod(v.shape[:-1]) if "depthwise" not in name and v.shape[-1] > 1 else np.prod(v.shape[:2])
                v = r.normal(0, np.sqrt(1.5 / fan), v.shape)
            elif name.endswith("gamma"):
                v = r.uniform(0.7, 1.3, v.shape)
            elif name.endswith("variance") or name.endswith("std"):
                v = r.uniform(0.6, 1.4, v.shape)
            else:
                v = r.normal(0, 0.1, v.shape)
            values.append(v.astype("float32"))
        pairs += zip(layer.weights, values)
    if BY == "keras3":
        for w, v in pairs:
            w.assign(v)
    else:
        K.batch_set_value(pairs)


def pictures(n, size):
    """Coarse blots, so that the networks have something to see."""
    r = np.random.RandomState(3)
    coarse = r.randint(0, 256, (n, 5, 5, 3))
    at = np.arange(size) * 5 // size
    return np.clip(coarse[:, at][:, :, at] + r.randint(-20, 21, (n, size, size, 3)), 0, 255).astype("uint8")


def reference(path, model, features, scaling, size):
    x = pictures(2, size)
    y = model.predict(scaled(x, scaling))
    f = features.predict(scaled(x, scaling)).reshape(len(x), -1)
    np.savez_compressed(path + ".npz", x=x, y=y.astype("float32"), f=f.astype("float32"), scaling=np.float32([scaling]))
    print(path, y.max(axis=1), y.std(), f.std())


def save(d, name, model, features, scaling, size, kinds):
    fill(model)
    for kind in kinds:
        path = os.path.join(d, "%s-%s%s" % (name, BY, kind))
        if kind.endswith("weights.h5"):
            model.save_weights(path)
        else:
            model.save(path)
        reference(path, model, features, scaling, size)


if BY == "keras1":

    def conv(n, kh, kw, stride=1, pad="same", name=None, bias=False):
        return L.Convolution2D(n, kh, kw, subsample=(stride, stride), border_mode=pad, bias=bias, name=name)

    def concat(xs, name=None):
        return L.merge(xs, mode="concat", concat_axis=3, name=name)

    def add(xs, name=None):
        return L.merge(xs, mode="sum", name=name)

    sep, pool, norm = L.SeparableConvolution2D, L.MaxPooling2D, lambda scale, name=None: L.BatchNormalization(name=name)
    dense = L.Dense
else:

    def conv(n, kh, kw, stride=1, pad="same", name=None, bias=False):
        return L.Conv2D(n, (kh, kw), strides=stride, padding=pad, use_bias=bias, name=name)

    def concat(xs, name=None):
        return L.Concatenate(name=name)(xs)

    def add(xs, name=None):
        return L.Add(name=name)(xs)

    sep, pool, norm = L.SeparableConv2D, L.MaxPooling2D, lambda scale, name=None: L.BatchNormalization(scale=scale, name=name)
    dense = L.Dense


def act(kind):
    if kind == "swish" and BY == "keras2":
        import efficientnet.keras  # registers swish

    return L.Activation(kind)


def tiny(size=20):
    """A little of every network: Inception's branches, Xception's convolutions,
    ResNet's padding, EfficientNet's gates, Inception-ResNet's scaled residual."""
    i = L.Input((size, size, 3))
    x = i
    if BY in ("keras3", "tfkeras"):
        x = L.Rescaling(1 / 2.0, offset=0.25)(x)
        x = L.Normalization(axis=-1)(x)
    x = L.ZeroPadding2D(1)(x) if BY != "keras1" else L.ZeroPadding2D((1, 1))(x)
    x = conv(6, 3, 3, 2, "valid", bias=True)(x)
    x = norm(True)(x)
    x = act("relu")(x)
    x = L.ZeroPadding2D(((1, 1), (1, 1)))(x) if BY != "keras1" else L.ZeroPadding2D((1, 1))(x)
    x = pool((3, 3), strides=(2, 2))(x)
    split = act("relu")(norm(False)(conv(4, 1, 1)(x)))
    mixed = L.AveragePooling2D((3, 3), strides=(1, 1), **{("border_mode" if BY == "keras1" else "padding"): "same"})(x)
    x = concat(
        [
            act("relu")(norm(False)(conv(3, 1, 1)(x))),
            concat([act("relu")(norm(False)(conv(4, 1, 3)(split))), conv(2, 3, 1, bias=True)(split)]),
            act("relu")(norm(False)(conv(3, 1, 1)(mixed))),
        ],
        name="mixed0",
    )
    if BY == "keras1":
        y = norm(True)(sep(12, 3, 3, border_mode="same", bias=False)(x))
        x = act("relu")(add([x, y]))
    else:
        y = norm(True, "block2b_bn")(L.DepthwiseConv2D(3, padding="same", use_bias=False, name="block2b_dwconv")(x))
        y = act("swish")(y)
        g = L.Reshape((1, 1, 12))(L.GlobalAveragePooling2D(name="block2b_se_squeeze")(y))
        g = L.Conv2D(3, 1, activation="relu", name="block2b_se_reduce")(g)
        g = L.Conv2D(12, 1, activation="sigmoid", name="block2b_se_expand")(g)
        y = L.Multiply(name="block2b_se_excite")([y, g])
        y = L.Dropout(0.1, noise_shape=(None, 1, 1, 1), name="block2b_drop")(norm(True)(conv(12, 1, 1)(y)))
        x = add([y, x], name="block2b_add")
        y = norm(True)(sep(12, (3, 3), padding="same", use_bias=False)(x))
        z = norm(True)(conv(12, 1, 1, 2)(x))
        x = add([pool((3, 3), strides=(2, 2), padding="same")(y), z])
        up = conv(12, 1, 1, bias=True, name="block35_1_conv")(act("relu")(norm(False)(conv(5, 3, 3)(x))))
        if BY == "keras3":
            from keras.src.applications.inception_resnet_v2 import CustomScaleLayer

            x = CustomScaleLayer(scale=0.17)([x, up])
        else:
            x = L.Lambda(lambda inputs, scale: inputs[0] + inputs[1] * scale, output_shape=K.int_shape(x)[1:], arguments={"scale": 0.17}, name="block35_1")([x, up])
        x = act("relu")(x)
    return Model(i, x) if BY != "keras1" else Model(input=i, output=x)


def headed(base, classes, layers=1, nested=False, kind="tanh", units=6):
    """The head of the image-classification tool, and the features below it."""
    make = (lambda i, o: Model(input=i, output=o)) if BY == "keras1" else Model
    if nested:
        i = L.Input(K.int_shape(base.input)[1:] if BY != "keras3" else base.input.shape[1:])
        x = base(i)
    else:
        i, x = base.input, base.output
    x = L.GlobalAveragePooling2D()(x)
    f = x
    for _ in range(layers):
        x = dense(units)(x)
        x = act(kind)(x)
        x = L.BatchNormalization()(x)
        x = L.Dropout(0.3)(x)
    x = dense(classes, activation="softmax")(x)
    return make(i, x), make(i, f)


def normalize(model):
    for layer in flat(model):
        if layer.__class__.__name__ == "Normalization":
            values = layer.get_weights()
            layer.set_weights([np.float32([0.4, 0.5, 0.6]), np.float32([0.25, 0.3, 0.35]), values[2]])
            layer.finalize_state()


def compiled(model):
    """Trained for a step, so that there are weights of an optimizer."""
    model.compile("adam", "categorical_crossentropy")
    shape = model.input_shape[1:]
    args = dict(verbose=0)
    args["nb_epoch" if BY == "keras1" else "epochs"] = 1
    model.fit(np.zeros((4,) + tuple(shape), "float32"), np.eye(model.output_shape[-1], dtype="float32")[[0, 1, 0, 1]], **args)


def small(d):
    kinds = {"keras1": [".h5"], "keras2": [".h5"]}.get(BY, [".h5", ".keras", ".weights.h5"])
    for name, nested in [("flat", False), ("nested", True)]:
        m, f = headed(tiny(), 3, 1 + nested, nested, "swish" if BY != "keras1" else "tanh")
        if nested:
            for layer in list(flat(m))[:12]:
                layer.trainable = False
        compiled(m)
        normalize(m)
        save(d, name, m, f, UNIT, 20, kinds if not nested else kinds[:2])
    if BY == "keras1":
        return
    m = keras.models.Sequential([L.Conv2D(4, 3, input_shape=(12, 12, 3), padding="same"), L.ReLU(6.0), L.MaxPooling2D(), L.Flatten(), L.Dense(5, activation="relu"), L.Dropout(0.5), L.Dense(4, activation="softmax")])
    compiled(m)
    f = Model(m.inputs[0], m.layers[-3].output)
    save(d, "sequential", m, f, SYMMETRIC, 12, kinds[:2])


def applications():
    """name, how, base, scaling, size, head layers, nested"""
    a = keras.applications
    kw = dict(include_top=False, weights=None)
    yield "inceptionv3", a.inception_v3.InceptionV3, UNIT, 139, 1, False, kw
    yield "xception", a.xception.Xception, UNIT, 107, 2, True, kw
    yield "resnet50", a.resnet50.ResNet50, UNIT, 97, 3, False, kw
    yield "inceptionresnetv2", a.inception_resnet_v2.InceptionResNetV2, UNIT, 139, 1, True, kw
    if BY == "keras3":
        for n in "B0", "B3", "B5":
            yield "efficientnet" + n.lower(), getattr(a, "EfficientNet" + n), RAW, 96, 1, False, kw
    else:
        import importlib

        efn = importlib.import_module("efficientnet.keras" if BY == "keras2" else "efficientnet.tfkeras")
        for n in "B0", "B3", "B5":
            yield "efficientnet" + n.lower(), getattr(efn, "EfficientNet" + n), UNIT, 96, 1, n == "B3", kw


def lite(width, depth, size):
    """EfficientNet-Lite by its table, with the names of Keras' EfficientNet."""

    def channels(c):
        n = max(8, int(c * width + 4) // 8 * 8)
        return n + 8 if n < 0.9 * c * width else n

    def step(x, layer, name, norm_name, relu=True):
        x = L.BatchNormalization(name=norm_name)(layer(x))
        return L.ReLU(6.0, name=name + "_activation")(x) if relu else x

    i = L.Input((size, size, 3))
    x = step(i, L.Conv2D(32, 3, 2, "same", use_bias=False, name="stem_conv"), "stem", "stem_bn")
    rows = [(3, 1, 1, 16, 1), (3, 2, 6, 24, 2), (5, 2, 6, 40, 2), (3, 2, 6, 80, 3), (5, 1, 6, 112, 3), (5, 2, 6, 192, 4), (3, 1, 6, 320, 1)]
    last = 32
    for r, (kernel, stride, expand, out, repeat) in enumerate(rows):
        n = repeat if r in (0, 6) else int(np.ceil(depth * repeat))
        for k in range(n):
            b = "block%d%s_" % (r + 1, chr(97 + k))
            y = x
            if expand != 1:
                y = step(y, L.Conv2D(last * expand, 1, use_bias=False, name=b + "expand_conv"), b + "expand", b + "expand_bn")
            y = step(y, L.DepthwiseConv2D(kernel, stride, "same", use_bias=False, name=b + "dwconv"), b, b + "bn")
            y = step(y, L.Conv2D(channels(out), 1, use_bias=False, name=b + "project_conv"), b, b + "project_bn", False)
            x, last, stride = (L.Add(name=b + "add")([y, x]) if k else y), channels(out), 1
    x = step(x, L.Conv2D(1280, 1, use_bias=False, name="top_conv"), "top", "top_bn")
    f = L.GlobalAveragePooling2D(name="avg_pool")(x)
    x = L.Dense(1000, activation="softmax", name="predictions")(L.Dropout(0.2)(f))
    return Model(i, x), Model(i, f)


def large(d, *names):
    def wanted(name):
        return not names or name in names

    for name, build, scaling, size, layers, nested, kw in applications():
        if not wanted(name):
            continue
        K.clear_session()
        base = build(input_shape=(size, size, 3), **kw)
        m, f = headed(base, 5, layers, nested, "relu", 32)
        kinds = [".h5"] + ([".keras"] if BY == "keras3" or BY == "tfkeras" and "resnetv2" not in name and "efficient" not in name else [])
        save(d, name, m, f, scaling, size, kinds)
    for name, width, depth, size in [("lite1", 1.0, 1.1, 240), ("lite2", 1.1, 1.2, 260)]:
        if BY == "keras3" and wanted(name):
            K.clear_session()
            m, f = lite(width, depth, size)
            save(d, "weights-efficientnet-" + name, m, f, LITE, size, [".h5", ".weights.h5"])
    # Weights of whole networks, top and all, in names from 0 or from 1.
    for name, build, scaling, size in [("inception-v3", keras.applications.inception_v3.InceptionV3, SYMMETRIC, 299), ("inception-resnet-v2", keras.applications.inception_resnet_v2.InceptionResNetV2, SYMMETRIC, 299), ("resnet50", keras.applications.resnet50.ResNet50, CAFFE, 224), ("xception", keras.applications.xception.Xception, SYMMETRIC, 299)]:
        if not wanted("weights-" + name):
            continue
        K.clear_session()
        m = build(weights=None, classes=1000)
        f = Model(m.inputs[0], m.layers[-2].output)
        save(d, "weights-" + name, m, f, scaling, size, [".weights.h5"])
        if BY == "keras3":
            path = os.path.join(d, "weights-%s-%s.legacy.h5" % (name, BY))
            m.save(path)
            reference(path, m, f, scaling, size)


if __name__ == "__main__":
    {"small": small, "large": large}[sys.argv[1]](*sys.argv[2:])
