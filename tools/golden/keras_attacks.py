"""Writes weights files that would harm a trusting reader, for internal/keras.

Versions: Python 3.11, h5py 3.14.0, numpy 2.4.6.

    python3 tools/golden/keras_attacks.py internal/keras/testdata

All are of a network of one Dense(4) over 3 numbers, in the form of Keras 3.
"""

import sys
import zlib

import h5py
import numpy as np


def write(name, change, bias=True, **kw):
    with h5py.File("%s/%s.weights.h5" % (sys.argv[1], name), "w", **kw) as f:
        v = f.create_group("layers/dense/vars")
        if bias:
            v["1"] = np.arange(4, dtype="<f4")
        change(f, v)


def kernel(v):
    v["0"] = np.arange(12, dtype="<f4").reshape(3, 4)


def external(f, v):  # CVE-2026-1669
    v.create_dataset("0", shape=(3, 4), dtype="<f4", external=[("/etc/passwd", 0, 48)])


def link(f, v):  # CVE-2026-1669
    v["0"] = h5py.ExternalLink("/etc/passwd", "/0")


def virtual(f, v):
    layout = h5py.VirtualLayout((3, 4), "<f4")
    layout[:] = h5py.VirtualSource("/etc/passwd", "0", (3, 4))
    v.create_virtual_dataset("0", layout)


def shape(f, v):  # CVE-2026-0897
    v.create_dataset("0", shape=(50_000_000, 50_000_000), dtype="<f4", chunks=(1000, 1000), compression="gzip")


def expands(f, v):
    d = v.create_dataset("0", shape=(3, 4), dtype="<f4", chunks=(3, 4), compression="gzip")
    d.id.write_direct_chunk((0, 0), zlib.compress(bytes(10_000_000), 9))


def loop(f, v):
    kernel(v)
    f["layers/model"] = f.create_group("again")
    f["again/layers"] = f["layers"]


def many(f, v):
    kernel(v)
    g = f.create_group("large")
    for i in range(1000):
        g["name_%d" % i] = v["0"]
    for i in range(1000):
        f["layers/layer_%d" % i] = g


write("external", external)
write("link", link)
write("virtual", virtual, libver="latest")
write("shape", shape)
write("expands", expands)
write("loop", loop)
write("many", many, libver="latest")
write("good", lambda f, v: kernel(v))
write("missing", lambda f, v: kernel(v), bias=False)
