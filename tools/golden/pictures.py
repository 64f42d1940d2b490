"""Writes small files of every format into internal/picture/testdata, and
pictures.json: the CRC-32 of the upright RGB pixels that Pillow reads from them
(null for lossy ones, where decoders may differ). Made with Pillow 12.3.0.

    python3 tools/golden/pictures.py internal/picture/testdata
"""

import json
import os
import sys
import zlib

from PIL import Image, ImageOps

W, H = 13, 9


def scene(mode):
    image = Image.new("RGBA", (W, H))
    for y in range(H):
        for x in range(W):
            image.putpixel((x, y), (x * 19, y * 28, (x * y) % 256, 255))
    return image.convert(mode)


def exif(orientation):
    e = Image.Exif()
    e[274] = orientation
    return e


def files():
    rgb = scene("RGB")
    for mode in ["1", "L", "P", "RGB", "RGBA"]:
        yield f"{mode}.png", scene(mode), {}
        if mode != "RGBA":
            yield f"{mode}.bmp", scene(mode), {}
            yield f"{mode}.gif", scene(mode), {}
        if mode != "1":
            yield f"{mode}-lzw.tiff", scene(mode), {"compression": "tiff_lzw"}
    yield "deflate.tiff", rgb, {"compression": "tiff_adobe_deflate"}
    yield "packbits.tiff", rgb, {"compression": "packbits"}
    yield "CMYK.jpg", scene("CMYK"), {}
    yield "L.jpg", scene("L"), {}
    yield "progressive.jpg", rgb, {"progressive": True}
    yield "444.jpg", rgb, {"subsampling": 0}
    yield "lossy.webp", rgb, {}
    yield "lossless.webp", rgb, {"lossless": True}
    yield "alpha.webp", scene("RGBA"), {"lossless": True}
    for o in range(1, 9):
        yield f"orientation{o}.jpg", rgb, {"exif": exif(o)}
        yield f"orientation{o}.png", rgb, {"exif": exif(o)}
        yield f"orientation{o}.tiff", rgb, {"exif": exif(o)}
        yield f"orientation{o}.webp", rgb, {"exif": exif(o), "lossless": True, "exact": True}


def main():
    folder, golden = sys.argv[1], {}
    for name, image, options in files():
        path = os.path.join(folder, name)
        image.save(path, **options)
        lossy = name.endswith(".jpg") or name == "lossy.webp"
        upright = ImageOps.exif_transpose(Image.open(path))
        golden[name] = {"size": upright.size, "crc": None if lossy else zlib.crc32(upright.convert("RGB").tobytes())}
    with open(os.path.join(folder, "pictures.json"), "w") as f:
        json.dump(golden, f, indent=0, sort_keys=True)


main()
