"""Writes clean/testdata: pictures in forms that Go's encoders do not write.

Pillow 12.3.0. Run from the repository root: python tools/golden/clean.py
"""
import random

from PIL import Image

random.seed(3)


def scene(mode, w=96, h=96):
    m = Image.new(mode, (w, h))
    bands = len(m.getbands())
    for _ in range(40):
        x, y = random.randrange(w - 8), random.randrange(h - 8)
        colour = tuple(random.randrange(256) for _ in range(bands))
        m.paste(colour, (x, y, x + random.randrange(4, 30), y + random.randrange(4, 30)))
    return m


at = "clean/testdata/"
scene("CMYK").save(at + "cmyk.jpg", quality=85)
scene("CMYK").save(at + "cmyk.tif", compression="tiff_lzw")
scene("RGB").save(at + "rgb.tif", compression="tiff_lzw")
scene("RGB").save(at + "pages.tif", compression="tiff_lzw", save_all=True, append_images=[scene("RGB")])
scene("RGB").save(at + "rgb.webp", lossless=True)
scene("RGBA").save(at + "alpha.webp", lossless=True)
scene("RGBA").save(at + "alpha-lossy.webp", quality=80)
scene("RGB").save(at + "animated.webp", save_all=True, append_images=[scene("RGB")], duration=50)
