"""Writes internal/kernel/resize/testdata/pillow.json: CRC-32 of what Pillow's
Image.resize gives. Made with Pillow 12.3.0, Python 3.11.

    python3 tools/golden/resize.py [folder of photos.png] > internal/kernel/resize/testdata/pillow.json

Not with Pillow 13: it makes the vertical pass first for some sizes, see
docs/decisions/0041. Photos are PNG only, so that no JPEG decoder takes part.
"""

import json
import os
import sys
import zlib

import PIL
from PIL import Image

FILTERS = {"bilinear": Image.Resampling.BILINEAR, "bicubic": Image.Resampling.BICUBIC, "area": Image.Resampling.BOX}

# (input width, height, output width, height)
SIZES = [
    (400, 533, 224, 224), (533, 400, 224, 224), (640, 480, 299, 299), (1, 1, 7, 5), (1, 300, 224, 224),
    (300, 1, 224, 224), (3, 2, 224, 224), (224, 224, 224, 224), (224, 300, 224, 224), (300, 224, 224, 224),
    (100, 90, 224, 224), (1023, 769, 31, 17), (2000, 40, 8, 380), (97, 89, 1, 1), (223, 225, 224, 224), (448, 448, 224, 224),
]
PHOTO_SIZES = [(224, 224), (299, 299), (380, 100), (800, 900)]
# (input width, height, output width, height, part: left, top, right, bottom)
PARTS = [
    (64, 48, 64, 48, (3.25, 2.5, 60.75, 40.125)), (64, 48, 31, 97, (0, 0, 64, 47.5)), (97, 61, 97, 30, (0, 1.5, 97, 60.5)), (97, 61, 40, 61, (10.375, 0, 80, 61)),
    (400, 533, 224, 224, (20.5, 31.25, 391.75, 500)), (224, 224, 224, 224, (30.5, 20.25, 200.5, 190.25)), (9, 9, 50, 40, (4, 4, 5, 5)),
]
PHOTOS = ["coffee.png", "chelsea.png", "astronaut.png"]
CROP = (31, 17, 331, 287)  # left, top, right, bottom


def noise(w, h):
    """A linear congruential generator: 3*w*h bytes, the top ones of its states;
    every fourth row is 0 or 255, so that sums reach both ends."""
    state, out = w * 1000003 + h, bytearray()
    for y in range(h):
        for _ in range(3 * w):
            state = (state * 1664525 + 1013904223) & 0xFFFFFFFF
            v = state >> 24
            out.append(v if y % 4 else (255 if v > 127 else 0))
    return Image.frombytes("RGB", (w, h), bytes(out))


def crc(image):
    return zlib.crc32(image.tobytes())


def rows(name, image, sizes):
    for filter_name, resample in FILTERS.items():
        for w, h in sizes:
            yield {"input": name, "in": image.size, "in_crc": crc(image), "out": (w, h), "filter": filter_name,
                   "crc": crc(image.resize((w, h), resample))}


def main():
    if int(PIL.__version__.split(".")[0]) > 12:
        sys.exit("Pillow %s orders the passes otherwise: use 12.3.0" % PIL.__version__)
    cases = []
    for w, h, ow, oh in SIZES:
        cases += rows("noise", noise(w, h), [(ow, oh)])
    for w, h, ow, oh, part in PARTS:
        image = noise(w, h)
        for filter_name, resample in FILTERS.items():
            cases.append({"input": "noise", "in": (w, h), "in_crc": crc(image), "out": (ow, oh), "filter": filter_name, "part": part,
                          "crc": crc(image.resize((ow, oh), resample, part))})
    for photo in PHOTOS:
        image = Image.open(os.path.join(sys.argv[1], photo)).convert("RGB")
        cases += rows(photo, image, PHOTO_SIZES)
        cases += rows(photo + " crop", image.crop(CROP), PHOTO_SIZES)
    print('{"pillow": "%s", "crop": %s, "cases": [' % (PIL.__version__, list(CROP)))
    print(",\n".join(json.dumps(c) for c in cases))
    print("]}")


main()
