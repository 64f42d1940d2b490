"""Writes internal/jpeg444/testdata/pillow.json: length and CRC-32 of the JPEGs that Pillow
makes of pictures that a test can make, too, at quality 100 without chroma
subsampling. Made with Pillow 12.3.0 (libjpeg-turbo 3.2.0).

    python3 tools/golden/jpeg444.py internal/jpeg444/testdata
"""

import io
import json
import os
import sys
import zlib

from PIL import Image


def picture(kind, w, h):
    """RGB bytes of a picture; internal/jpeg444/jpeg444_test.go has the same."""
    out = bytearray()
    state = 1
    for y in range(h):
        for x in range(w):
            for c in range(3):
                state = (state * 1103515245 + 12345) % 2**31
                out.append({
                    "noise": state >> 16 & 255,
                    "extremes": 255 * (state >> 16 & 1),
                    "smooth": (x * (3 + c) + y * (5 - c) + (state >> 16 & 7)) & 255,
                    "black": 0,
                    "white": 255,
                    "checks": 255 * ((x + y + c) & 1),
                }[kind])
    return bytes(out)


files = []
for kind in "noise", "extremes", "smooth", "black", "white", "checks":
    for w, h in (1, 1), (8, 8), (7, 9), (17, 3), (299, 31), (64, 64):
        b = io.BytesIO()
        Image.frombytes("RGB", (w, h), picture(kind, w, h)).save(b, "JPEG", quality=100, subsampling=0)
        files.append({"kind": kind, "w": w, "h": h, "bytes": len(b.getvalue()), "crc": zlib.crc32(b.getvalue())})
with open(os.path.join(sys.argv[1], "pillow.json"), "w") as f:
    f.write("[\n" + ",\n".join("  " + json.dumps(x) for x in files) + "\n]\n")
