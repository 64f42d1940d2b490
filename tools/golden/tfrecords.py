"""Writes the records that package tfrecord is held against, as TensorFlow makes them.

usage: python tfrecords.py ../../tfrecord/testdata      (tensorflow==2.21.0)
"""

import os
import sys

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
import tensorflow as tf  # noqa: E402

out = sys.argv[1]


def ints(*v):
    return tf.train.Feature(int64_list=tf.train.Int64List(value=v))


def floats(*v):
    return tf.train.Feature(float_list=tf.train.FloatList(value=v))


def text(*v):
    return tf.train.Feature(bytes_list=tf.train.BytesList(value=v))


example = tf.train.Example(features=tf.train.Features(feature={
    "label": ints(3),
    "ints": ints(0, 1, -1, 2**63 - 1, -(2**63), 300),
    "floats": floats(0.0, 1.5, -2.25, 3.4e38, float("inf")),
    "bytes": text(b"", b"\x00\xff", b"class"),
    "no ints": ints(),
    "no floats": floats(),
    "no bytes": text(),
    "no kind": tf.train.Feature(),
    "\u00fcber": ints(7),
}))
sequence = tf.train.SequenceExample(
    context=tf.train.Features(feature={"length": ints(2)}),
    feature_lists=tf.train.FeatureLists(feature_list={
        "frames": tf.train.FeatureList(feature=[text(b"one"), text(b"two")]),
        "none": tf.train.FeatureList(),
    }))
records = [
    b"",
    b"a record",
    bytes(range(256)) * 20,
    example.SerializeToString(deterministic=True),
    sequence.SerializeToString(deterministic=True),
]
for name, compression in ("plain.tfrecord", ""), ("gzip.tfrecord.gz", "GZIP"), ("zlib.tfrecord.z", "ZLIB"):
    with tf.io.TFRecordWriter(os.path.join(out, name), compression) as w:
        for r in records:
            w.write(r)
