"""Reads shards with TensorFlow and writes their records again: the other half of
TestTensorFlowReadsAndWritesTheSameRecords in package tfrecord.

usage: python tfrecord_interop.py IN OUT      (tensorflow==2.21.0)

IN has shards called NAME, NAME.GZIP and NAME.ZLIB. OUT gets report.json, the
hashes of what TensorFlow read, and the shards as TFRecordWriter makes them.
"""

import hashlib
import json
import os
import sys

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
import tensorflow as tf  # noqa: E402


def digest(b):
    return hashlib.sha256(b).hexdigest()


source, out = sys.argv[1:]
report = {}
for name in sorted(os.listdir(source)):
    compression = name.rpartition(".")[2] if name.endswith(("GZIP", "ZLIB")) else ""
    records = []
    with tf.io.TFRecordWriter(os.path.join(out, name), compression) as writer:
        for record in tf.data.TFRecordDataset(os.path.join(source, name), compression_type=compression):
            raw = record.numpy()
            writer.write(raw)
            example = tf.io.parse_single_example(record, {
                "image": tf.io.FixedLenFeature([], tf.string),
                "label": tf.io.FixedLenFeature([], tf.int64),
                "class": tf.io.FixedLenFeature([], tf.string),
                "path": tf.io.FixedLenFeature([], tf.string),
                "width": tf.io.FixedLenFeature([], tf.int64),
                "height": tf.io.FixedLenFeature([], tf.int64),
            })
            pixels = tf.io.decode_jpeg(example["image"], channels=3)
            parsed = tf.train.Example.FromString(raw)
            records.append({
                "record": digest(raw),
                "again": digest(parsed.SerializeToString(deterministic=True)),
                "image": digest(example["image"].numpy()),
                "label": int(example["label"]),
                "class": example["class"].numpy().decode(),
                "path": example["path"].numpy().decode(),
                "size": [int(example["width"]), int(example["height"])],
                "pixels": [pixels.shape[1], pixels.shape[0]],
            })
    report[name] = records
with open(os.path.join(out, "report.json"), "w") as f:
    json.dump(report, f)
