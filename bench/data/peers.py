"""Rows of bench/data in other libraries: python peers.py LIBRARY large.jpg small.jpg

Reads "row<TAB>seconds" lines and answers "pictures seconds", in seconds of the
process on one core, "0 0" for a row that the library does not have.
"""

import io
import os
import sys
import time

for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[name] = "1"
os.environ["CUDA_VISIBLE_DEVICES"], os.environ["TF_CPP_MIN_LOG_LEVEL"], os.environ["NO_ALBUMENTATIONS_UPDATE"] = "", "3", "1"
SIZE = 224


def pillow(large, small):
    import random
    from PIL import Image, ImageEnhance, ImageFilter, ImageOps

    def load(data, draft=True):
        image = Image.open(io.BytesIO(data))
        if draft:
            image.draft("RGB", (SIZE, SIZE))
        return image.convert("RGB").resize((SIZE, SIZE), Image.Resampling.BILINEAR)

    x, bilinear = load(small), Image.Resampling.BILINEAR
    around = lambda by=.2: 1 + random.uniform(-by, by)

    def crop():
        w, h = random.uniform(.7, 1) * SIZE, random.uniform(.7, 1) * SIZE
        left, top = random.uniform(0, SIZE - w), random.uniform(0, SIZE - h)
        return x.resize((SIZE, SIZE), bilinear, (left, top, left + w, top + h))

    def jpeg():
        b = io.BytesIO()
        x.save(b, "JPEG", quality=random.randint(30, 90))
        return Image.open(b).convert("RGB")

    return {
        "decode+resize 1500x1000": lambda: load(large),
        "decode+resize 400x533": lambda: load(small),
        "flip": lambda: ImageOps.mirror(x),
        "crop": crop,
        "rotate": lambda: x.rotate(random.uniform(-10, 10), bilinear),
        "affine": lambda: x.transform((SIZE, SIZE), Image.Transform.AFFINE, (1, random.uniform(-.1, .1), 3, random.uniform(-.1, .1), 1.1, -5), bilinear),
        "perspective": lambda: x.transform((SIZE, SIZE), Image.Transform.PERSPECTIVE, (1, .1, 3, .05, 1.1, -5, 2e-4, random.uniform(0, 2e-4)), bilinear),
        "brightness": lambda: ImageEnhance.Brightness(x).enhance(around()),
        "contrast": lambda: ImageEnhance.Contrast(x).enhance(around()),
        "saturation": lambda: ImageEnhance.Color(x).enhance(around()),
        "sharpen": lambda: ImageEnhance.Sharpness(x).enhance(random.uniform(1, 2)),
        "grey": lambda: ImageOps.grayscale(x).convert("RGB"),
        "posterize": lambda: ImageOps.posterize(x, 4),
        "solarize": lambda: ImageOps.solarize(x, 128),
        "autocontrast": lambda: ImageOps.autocontrast(x),
        "equalize": lambda: ImageOps.equalize(x),
        "blur": lambda: x.filter(ImageFilter.GaussianBlur(1)),
        "jpeg": jpeg,
        "chain light": lambda: ImageOps.mirror(crop()),
        "chain usual": lambda: ImageEnhance.Color(ImageEnhance.Contrast(ImageEnhance.Brightness(
            ImageOps.mirror(crop()).rotate(random.uniform(-10, 10), bilinear)).enhance(around())).enhance(around())).enhance(around()),
    }


def torchvision(large, small):
    import torch
    from torchvision import io as tio
    from torchvision.transforms import v2

    torch.set_num_threads(1)
    torch.manual_seed(1)
    data = {name: torch.frombuffer(bytearray(b), dtype=torch.uint8) for name, b in (("large", large), ("small", small))}
    bilinear = v2.InterpolationMode.BILINEAR
    resize = v2.Resize((SIZE, SIZE), antialias=True)
    load = lambda name: resize(tio.decode_jpeg(data[name], tio.ImageReadMode.RGB))
    x = load("small")
    ops = {
        "flip": v2.RandomHorizontalFlip(1),
        "crop": v2.RandomResizedCrop(SIZE, (.5, 1), (.87, 1.15), antialias=True),
        "rotate": v2.RandomRotation(10, bilinear),
        "affine": v2.RandomAffine(10, (.1, .1), (.9, 1.1), 6, bilinear),
        "perspective": v2.RandomPerspective(.4, 1, bilinear),
        "elastic": v2.ElasticTransform(),
        "erase": v2.RandomErasing(1, (.02, .25)),
        "brightness": v2.ColorJitter(brightness=.2),
        "contrast": v2.ColorJitter(contrast=.2),
        "saturation": v2.ColorJitter(saturation=.2),
        "hue": v2.ColorJitter(hue=.05),
        "gamma": lambda x: v2.functional.adjust_gamma(x, 1.2),
        "grey": v2.Grayscale(3),
        "posterize": v2.RandomPosterize(4, 1),
        "solarize": v2.RandomSolarize(128, 1),
        "autocontrast": v2.RandomAutocontrast(1),
        "equalize": v2.RandomEqualize(1),
        "blur": v2.GaussianBlur(7, (1, 1)),
        "sharpen": v2.RandomAdjustSharpness(1.5, 1),
        "jpeg": v2.JPEG((30, 90)),
        "randaugment": v2.RandAugment(interpolation=bilinear),
        "trivialaugment": v2.TrivialAugmentWide(interpolation=bilinear),
    }
    jitter = v2.ColorJitter(.2, .2, .2)
    ops["chain light"] = v2.Compose([ops["crop"], ops["flip"]])
    ops["chain usual"] = v2.Compose([ops["crop"], ops["flip"], ops["rotate"], jitter])
    ops["chain heavy"] = v2.Compose([ops["affine"], ops["elastic"], v2.ColorJitter(.2, .2), ops["blur"], ops["erase"]])
    rows = {name: (lambda op=op: op(x)) for name, op in ops.items()}
    rows["decode+resize 1500x1000"], rows["decode+resize 400x533"] = lambda: load("large"), lambda: load("small")
    return rows


def albumentations(large, small):
    import albumentations as A
    import cv2
    import numpy as np

    cv2.setNumThreads(1)
    arrays = {"large": np.frombuffer(large, np.uint8), "small": np.frombuffer(small, np.uint8)}

    def load(name):
        rgb = cv2.cvtColor(cv2.imdecode(arrays[name], cv2.IMREAD_COLOR), cv2.COLOR_BGR2RGB)
        return cv2.resize(rgb, (SIZE, SIZE), interpolation=cv2.INTER_AREA)  # antialiased, as the others are

    x = load("small")
    reflect = dict(border_mode=cv2.BORDER_REFLECT, p=1)
    ops = {
        "flip": A.HorizontalFlip(p=1),
        "crop": A.RandomResizedCrop((SIZE, SIZE), (.5, 1), (.87, 1.15), p=1),
        "rotate": A.Rotate(10, **reflect),
        "affine": A.Affine(scale=(.9, 1.1), translate_percent=.1, rotate=10, shear=6, **reflect),
        "perspective": A.Perspective((.05, .2), **reflect),
        "grid distortion": A.GridDistortion(4, p=1),
        "elastic": A.ElasticTransform(alpha=50, sigma=10, approximate=True, p=1),
        "erase": A.Erasing((.02, .25), fill="random", p=1),
        "brightness": A.RandomBrightnessContrast(.2, 0, p=1),
        "contrast": A.RandomBrightnessContrast(0, .2, p=1),
        "saturation": A.ColorJitter((1, 1), (1, 1), (.8, 1.2), (0, 0), p=1),
        "hue": A.ColorJitter((1, 1), (1, 1), (1, 1), (-.05, .05), p=1),
        "gamma": A.RandomGamma((67, 150), p=1),
        "grey": A.ToGray(p=1),
        "posterize": A.Posterize(4, p=1),
        "solarize": A.Solarize((.5, .5), p=1),
        "autocontrast": A.AutoContrast(p=1),
        "equalize": A.Equalize(p=1),
        "blur": A.GaussianBlur(7, (1, 1), p=1),
        "sharpen": A.Sharpen(p=1),
        "noise": A.GaussNoise((0, .05), p=1),
        "jpeg": A.ImageCompression(quality_range=(30, 90), p=1),
    }
    ops["chain light"] = A.Compose([ops["crop"], ops["flip"]])
    ops["chain usual"] = A.Compose([ops["crop"], ops["flip"], ops["rotate"], A.ColorJitter((.8, 1.2), (.8, 1.2), (.8, 1.2), (0, 0), p=1)])
    ops["chain heavy"] = A.Compose([ops["affine"], ops["elastic"], A.RandomBrightnessContrast(.2, .2, p=1), ops["blur"], ops["erase"]])
    rows = {name: (lambda op=op: op(image=x)["image"]) for name, op in ops.items()}
    rows["decode+resize 1500x1000"], rows["decode+resize 400x533"] = lambda: load("large"), lambda: load("small")
    return rows


def tfdata(large, small):
    import tensorflow as tf

    tf.config.threading.set_intra_op_parallelism_threads(1)
    tf.config.threading.set_inter_op_parallelism_threads(1)
    options = tf.data.Options()
    options.threading.private_threadpool_size = 1
    options.threading.max_intra_op_parallelism = 1
    resized = lambda x: tf.cast(tf.image.resize(x, (SIZE, SIZE), antialias=True) + .5, tf.uint8)
    load = lambda b: resized(tf.io.decode_jpeg(b, 3))
    x = load(small)

    def crop(x):
        # Half to all of the area, then back to the whole size.
        box = tf.image.sample_distorted_bounding_box((SIZE, SIZE, 3), tf.zeros((1, 0, 4)), area_range=(.5, 1), aspect_ratio_range=(.87, 1.15), use_image_if_no_bounding_boxes=True)
        return resized(tf.slice(x, box[0], box[1]))

    ops = {
        "flip": tf.image.flip_left_right,
        "crop": crop,
        "brightness": lambda x: tf.image.random_brightness(x, .2),
        "contrast": lambda x: tf.image.random_contrast(x, .8, 1.2),
        "saturation": lambda x: tf.image.random_saturation(x, .8, 1.2),
        "hue": lambda x: tf.image.random_hue(x, .05),
        "gamma": lambda x: tf.image.adjust_gamma(tf.image.convert_image_dtype(x, tf.float32), 1.2),
        "grey": lambda x: tf.image.grayscale_to_rgb(tf.image.rgb_to_grayscale(x)),
        "jpeg": lambda x: tf.image.random_jpeg_quality(x, 30, 90),
        "chain light": lambda x: tf.image.flip_left_right(crop(x)),
    }
    # The counter keeps what is mapped from being folded into a constant.
    maps = {name: (lambda i, op=op: op(x + tf.cast(i % 2, tf.uint8))) for name, op in ops.items()}
    for name, data in ("decode+resize 1500x1000", large), ("decode+resize 400x533", small):
        maps[name] = lambda i, data=data: load(tf.gather(tf.constant([data, data]), i % 2))
    streams = {}

    def row(name):
        if name not in streams:
            streams[name] = iter(tf.data.Dataset.counter().map(maps[name]).with_options(options))
        return next(streams[name])

    return {name: (lambda name=name: row(name)) for name in maps}


def main():
    large, small = (open(path, "rb").read() for path in sys.argv[2:])
    rows = globals()[sys.argv[1]](large, small)
    print("ready", flush=True)
    for line in sys.stdin:
        name, seconds = line.rstrip("\n").split("\t")
        n, took, row = 0, 0.0, rows.get(name)
        if row:
            row()
            start = time.process_time()
            while took < float(seconds):
                row()
                n += 1
                took = time.process_time() - start
        print(n, took, flush=True)


main()
