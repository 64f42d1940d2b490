"""Writes the small HDF5 files of libver='latest' that internal/hdf5 is tested on.

Versions: Python 3.11, h5py 3.14.0 (HDF5 1.14.6), numpy 2.4.6.

    python3 tools/golden/h5_latest.py internal/hdf5/testdata

Element i of every dataset is i/4 - 3, row-major.
"""

import sys

import h5py
import numpy as np

SHAPE = (5, 7, 3)


def ramp(shape, dtype="<f4"):
    return (np.arange(int(np.prod(shape))) / 4 - 3).astype(dtype).reshape(shape)


def early(group, name, data, chunks):
    """Chunks without filters whose place is fixed at once: an implicit index."""
    plist = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
    plist.set_chunk(chunks)
    plist.set_alloc_time(h5py.h5d.ALLOC_TIME_EARLY)
    kind = h5py.h5t.py_create(data.dtype)
    d = h5py.h5d.create(group.id, name.encode(), kind, h5py.h5s.create_simple(data.shape), plist)
    d.write(h5py.h5s.ALL, h5py.h5s.ALL, data)


def latest(path):
    with h5py.File(path, "w", libver="latest") as f:
        g = f.create_group("chunks")
        g.create_dataset("array", data=ramp(SHAPE), chunks=(2, 3, 3))
        g.create_dataset("filtered", data=ramp(SHAPE, "<f8"), chunks=(2, 3, 2), compression="gzip", shuffle=True)
        g.create_dataset("pages", data=ramp((1100,)), chunks=(1,))
        early(g, "implicit", ramp(SHAPE), (2, 3, 2))
        g = f.create_group("refused")
        g.create_dataset("growing", data=ramp(SHAPE), chunks=(2, 3, 3), maxshape=(None, 7, 3))
        g["link"] = h5py.ExternalLink("other.h5", "/a")
        g.create_dataset("external", shape=(4,), dtype="<f4", external=[("/etc/hostname", 0, h5py.h5f.UNLIMITED)])
        virtual = h5py.VirtualLayout((4,), "<f4")
        virtual[:] = h5py.VirtualSource("other.h5", "a", (4,))
        g.create_virtual_dataset("virtual", virtual)
        a = f.create_group("attributes").attrs
        for i in range(30):
            a["attribute_%d" % i] = np.array([b"name_%d_%d" % (i, j) for j in range(20)])
        f.create_group("huge").attrs["attribute"] = np.zeros(66000, "u1")


def dense(path):
    """More links than an index of two levels holds."""
    with h5py.File(path, "w", libver="latest") as f:
        f["layer_0"] = ramp((1,))
        for i in range(1, 2000):
            f["layer_%d" % i] = f["layer_0"]


def ordered(path):
    """Links by order of creation, as h5py writes them with track_order."""
    with h5py.File(path, "w", libver="v108", track_order=True) as f:
        for i in range(30):
            f.create_group("layer_%d" % (29 - i))


latest(sys.argv[1] + "/latest.h5")
dense(sys.argv[1] + "/dense_deep.h5")
ordered(sys.argv[1] + "/ordered.h5")
