"""Writes the small HDF5 files that internal/hdf5 and internal/keras are tested on.

Versions: Python 3.11, h5py 3.16.0, numpy 2.4.6.

    python3 tools/golden/h5.py internal/hdf5/testdata internal/keras/testdata

Element i of every numeric dataset is i/4 - 3 (whole types: i mod 100, less 3
where signed), row-major, which every type used holds exactly.
"""

import ctypes
import glob
import sys

import h5py
import numpy as np


def ramp(shape, dtype):
    i = np.arange(int(np.prod(shape)))
    if np.dtype(dtype).kind == "f":
        return (i / 4 - 3).astype(dtype).reshape(shape)
    i = i % 100
    return (i - 3 if np.dtype(dtype).kind == "i" else i).astype(dtype).reshape(shape)


def compact(group, name, data):
    plist = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
    plist.set_layout(h5py.h5d.COMPACT)
    kind = h5py.h5t.py_create(data.dtype)
    d = h5py.h5d.create(group.id, name.encode(), kind, h5py.h5s.create_simple(data.shape), plist)
    d.write(h5py.h5s.ALL, h5py.h5s.ALL, data)


FLOATS = ["<f2", "<f4", "<f8", ">f2", ">f4", ">f8"]
WHOLE = ["i1", "<i2", "<i4", "<i8", ">i8", "u1", "<u2", ">u4", "<u8"]
X = ramp((5, 7, 3), "<f4")


def old(path):
    """What h5py writes by default."""
    with h5py.File(path, "w") as f:
        for t in FLOATS + WHOLE:
            f["plain/" + t] = ramp((2, 3, 5), t)
        f["plain/bool"] = np.array([True, False, True])
        f["plain/scalar"] = np.float32(-3)
        f["plain/empty"] = np.zeros((0, 4), "f4")
        f["plain/text"] = np.array([b"no", b"number"])
        compact(f["plain"], "compact", ramp((3, 4), "<f4"))
        g = f.create_group("chunks")
        g.create_dataset("one", data=X, chunks=(5, 7, 3))
        g.create_dataset("raw", data=X, chunks=(2, 3, 3))
        g.create_dataset("gzip", data=X, chunks=(2, 3, 2), compression="gzip")
        g.create_dataset("both", data=X, chunks=(2, 7, 1), compression="gzip", shuffle=True)
        g.create_dataset("shuffle", data=X.astype("<f8"), chunks=(4, 4, 2), shuffle=True)
        g.create_dataset("many", data=ramp((2000,), "<f2"), chunks=(10,), compression="gzip", shuffle=True)
        g = f.create_group("refused")
        g.create_dataset("absent", shape=(10,), dtype="f4")
        g.create_dataset("absent chunks", shape=(10,), dtype="f4", chunks=(5,))
        g.create_dataset("checksum", data=X, chunks=(5, 7, 3), fletcher32=True)
        g["soft"] = h5py.SoftLink("/plain")
        g["complex"] = np.array([1j])
        a = f.create_group("attributes").attrs
        a["fixed"] = np.array([b"stem_conv", b"", b"top"])
        a["variable"] = np.array(["stem_conv", "", "tüp"], dtype=h5py.string_dtype())
        a["one fixed"] = np.bytes_(b"tensorflow")
        a["one variable"] = "2.4.0"
        a["long"] = "x" * 5000
        a["numbers"] = ramp((2, 3), "<f8")
        a["whole"] = np.int64(7)
        a["none"] = np.array([])
        a["null"] = h5py.Empty("f4")


def new(path):
    """The structures of HDF5 1.10, as long as they are compact."""
    with h5py.File(path, "w", libver="v110") as f:
        for t in FLOATS:
            f["plain/" + t] = ramp((2, 3, 5), t)
        compact(f["plain"], "compact", ramp((3, 4), "<f4"))
        f.create_dataset("chunks/one", data=X, chunks=(5, 7, 3))
        f.create_dataset("chunks/both", data=X, chunks=(5, 7, 3), compression="gzip", shuffle=True)
        f.create_dataset("refused/many", data=X, chunks=(2, 3, 3))
        a = f.create_group("attributes").attrs
        a["fixed"] = np.array([b"stem_conv", b"", b"top"])
        a["variable"] = np.array(["stem_conv", "", "tüp"], dtype=h5py.string_dtype())
        a["numbers"] = ramp((2, 3), "<f8")
    with h5py.File(path, "a", libver="v110") as f:
        for i in range(5):
            f["plain"].attrs["more %d" % i] = np.arange(100)  # needs a continuation


def deep(path):
    """More links than B-trees of three levels of the smallest nodes hold."""
    plist = h5py.h5p.create(h5py.h5p.FILE_CREATE)
    library = ctypes.CDLL(glob.glob(h5py.__path__[0] + "/../h5py.libs/libhdf5-*.so*")[0])
    assert library.H5Pset_sym_k(ctypes.c_int64(plist.id), 2, 1) >= 0
    access = h5py.h5p.create(h5py.h5p.FILE_ACCESS)
    access.set_libver_bounds(h5py.h5f.LIBVER_EARLIEST, h5py.h5f.LIBVER_LATEST)
    with h5py.File(h5py.h5f.create(path.encode(), h5py.h5f.ACC_TRUNC, plist, access)) as f:
        f["layer_0"] = np.float32(-3)
        for i in range(1, 60):
            f["layer_%d" % i] = f["layer_0"]


def small(hdf5):
    with h5py.File(hdf5 + "/dense.h5", "w", libver="latest") as f:
        for i in range(12):
            f.create_group("layer_%d" % i)
    with h5py.File(hdf5 + "/dense_attributes.h5", "w", libver="latest") as f:
        for i in range(12):
            f.attrs["a%d" % i] = i
    with h5py.File(hdf5 + "/userblock.h5", "w", userblock_size=1024) as f:
        f["a/b"] = ramp((4,), "f4")
    with h5py.File(hdf5 + "/loop.h5", "w") as f:
        f["a/b/c"] = ramp((4,), "f4")
        f["a/b/up"] = f["a"]


LAYERS = [
    ("input_1", []),
    ("conv", [("kernel", (1, 1, 3, 2)), ("bias", (2,))]),
    ("bn", [("gamma", (2,)), ("beta", (2,)), ("moving_mean", (2,)), ("moving_variance", (2,))]),
    ("dense", [("kernel", (2, 5)), ("bias", (5,))]),
]


def keras(group, names="fixed", split=False, suffix=":0", dtype="<f4"):
    """Writes LAYERS as Keras' legacy format does."""

    def put(attrs, key, values):
        if names == "variable":
            values = np.array(values, dtype=h5py.string_dtype()) if values else np.array([])
        else:
            values = np.array([v.encode() for v in values])
        if split and len(values) > 1:
            for i, part in enumerate(np.array_split(values, 2)):
                attrs[key + str(i)] = part
        else:
            attrs[key] = values

    put(group.attrs, "layer_names", [name for name, _ in LAYERS])
    group.attrs["backend"] = b"tensorflow"
    group.attrs["keras_version"] = b"2.4.0"
    for name, weights in LAYERS:
        g = group.create_group(name)
        put(g.attrs, "weight_names", [name + "/" + w + suffix for w, _ in weights])
        for w, shape in weights:
            g[name + "/" + w + suffix] = ramp(shape, dtype)


def main(hdf5, keras_dir):
    old(hdf5 + "/old.h5")
    new(hdf5 + "/new.h5")
    deep(hdf5 + "/deep.h5")
    small(hdf5)
    with h5py.File(keras_dir + "/weights.h5", "w") as f:
        keras(f)
    with h5py.File(keras_dir + "/split.h5", "w") as f:
        keras(f, names="variable", split=True, suffix="", dtype="<f2")
    with h5py.File(keras_dir + "/model.h5", "w") as f:
        f.attrs["model_config"] = '{"class_name": "Functional"}'
        keras(f.create_group("model_weights"))
        f.create_group("optimizer_weights")


main(*sys.argv[1:])
