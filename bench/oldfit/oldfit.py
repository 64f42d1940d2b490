"""What main.go times, in Keras as the Python system had it: pictures are decoded
and, with "augment", changed in every epoch; the frozen base is run in every epoch.

    pip install -r tools/golden/requirements.txt
    python3 oldfit.py FOLDER EPOCHS [augment]
"""

import json
import os
import sys
import time

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import tensorflow as tf
from keras import layers

tf.config.threading.set_intra_op_parallelism_threads(len(os.sched_getaffinity(0)))


def rows(folder, split):
    data = keras.utils.image_dataset_from_directory(
        os.path.join(folder, split), image_size=(299, 299), batch_size=20, label_mode="categorical", shuffle=split == "train", seed=1, verbose=False)
    return data.map(lambda x, y: (x / 127.5 - 1, y), num_parallel_calls=tf.data.AUTOTUNE)


def main():
    folder, epochs, augment = sys.argv[1], int(sys.argv[2]), sys.argv[3:] == ["augment"]
    train, val = rows(folder, "train"), rows(folder, "val")
    if augment:
        draw = keras.Sequential([layers.RandomFlip(), layers.RandomRotation(0.5), layers.RandomTranslation(0.1, 0.1), layers.RandomZoom((-0.1, 0.5))])
        train = train.map(lambda x, y: (draw(x, training=True), y), num_parallel_calls=tf.data.AUTOTUNE)
    train, val = train.prefetch(2), val.prefetch(2)
    base = keras.applications.InceptionV3(weights=None, include_top=False, input_shape=(299, 299, 3))
    base.trainable = False
    x = layers.GlobalAveragePooling2D()(base.output)
    model = keras.Model(base.input, layers.Dense(5, activation="softmax")(layers.Dropout(0.5)(x)))
    start = time.time()
    model.compile(keras.optimizers.Adam(1e-4), "categorical_crossentropy", metrics=["accuracy"])
    model.fit(train, epochs=epochs, validation_data=val, verbose=0)
    for layer in base.layers[249:]:
        layer.trainable = True
    model.compile(keras.optimizers.Adam(1e-5), "categorical_crossentropy", metrics=["accuracy"])
    model.fit(train, epochs=epochs, validation_data=val, verbose=0)
    print(json.dumps({"who": "keras", "augment": augment, "epochs": epochs, "seconds": time.time() - start}), flush=True)


if __name__ == "__main__":
    main()
