"""The TensorFlow side of bench/records: does what a line of JSON on its standard input says
and answers with the seconds it took.       (tensorflow==2.21.0)"""

import json
import os
import sys
import time

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
os.environ["CUDA_VISIBLE_DEVICES"] = "-1"
import numpy as np  # noqa: E402
import tensorflow as tf  # noqa: E402


def write(job, records):
    for path in job["files"]:
        with tf.io.TFRecordWriter(path, job["compression"]) as w:
            for i in range(job["count"]):
                w.write(records[i % len(records)])


def read(job):
    # What an input pipeline does with records: batches, as many files at a time as there are threads.
    data = tf.data.TFRecordDataset(job["files"], compression_type=job["compression"], num_parallel_reads=job["threads"])
    options = tf.data.Options()
    options.threading.private_threadpool_size = job["threads"]
    options.deterministic = False
    data = data.batch(64).with_options(options)
    total = data.reduce(np.int64(0), lambda n, b: n + tf.shape(b, out_type=tf.int64)[0])
    assert int(total) == job["count"] * len(job["files"]), total


for line in sys.stdin:
    job = json.loads(line)
    threads = job["threads"]
    if job["op"] == "start":
        tf.config.threading.set_intra_op_parallelism_threads(threads)
        tf.config.threading.set_inter_op_parallelism_threads(threads)
        answer = {"version": tf.__version__}
    elif job["op"] == "write":
        with open(job["records"], "rb") as f:
            raw = f.read()
        size = job["size"]
        records = [raw[i * size:(i + 1) * size] for i in range(len(raw) // size)]
        start = time.perf_counter()
        write(job, records)
        answer = {"seconds": time.perf_counter() - start}
    else:
        start = time.perf_counter()
        read(job)
        answer = {"seconds": time.perf_counter() - start}
    print(json.dumps(answer), flush=True)
