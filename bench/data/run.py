"""Runs bench/data beside Pillow, torchvision, albumentations and tf.data and
prints a table: python run.py ./data photo.jpg [rounds]

Every library has a process; they take turns, row by row, and the median over the
rounds counts. Seconds are those of the processor, so that other programs on the
machine disturb little.
"""

import os
import statistics
import subprocess
import sys
import tempfile

from PIL import Image

LIBRARIES = ["pillow", "torchvision", "albumentations", "tfdata"]
ROWS = """decode+resize 1500x1000,decode+resize 400x533,flip,crop,rotate,affine,perspective,grid distortion,elastic,erase,
brightness,contrast,saturation,hue,gamma,grey,posterize,solarize,autocontrast,equalize,blur,sharpen,noise,jpeg,
randaugment,trivialaugment,chain light,chain usual,chain heavy""".replace("\n", "").split(",")
SECONDS = .1


class Process:
    def __init__(self, *command):
        self.p = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)

    def rate(self, row):
        print(row, SECONDS, sep="\t", file=self.p.stdin, flush=True)
        answer = self.p.stdout.readline().split()
        if not answer:
            sys.exit(f"{self.p.args} ended at {row}")
        n, took = answer
        return int(n) / float(took) if int(n) else None


def main():
    binary, photo = sys.argv[1:3]
    rounds = int(sys.argv[3]) if len(sys.argv) > 3 else 5
    with tempfile.TemporaryDirectory() as dir:
        large, small = os.path.join(dir, "large.jpg"), os.path.join(dir, "small.jpg")
        with Image.open(photo) as image:
            image.convert("RGB").resize((1500, 1000), Image.Resampling.BICUBIC).save(large, quality=90)
            image.convert("RGB").resize((400, 533), Image.Resampling.BICUBIC).save(small, quality=90)
        ours = Process(binary, large, small)
        peers = {}
        for name in LIBRARIES:
            python = os.environ.get("TF_PYTHON", sys.executable) if name == "tfdata" else sys.executable
            p = Process(python, os.path.join(os.path.dirname(os.path.abspath(__file__)), "peers.py"), name, large, small)
            if p.p.stdout.readline().strip() == "ready":
                peers[name] = p
            else:
                print(name, "does not start", file=sys.stderr)
        print("| row | argus |", " | ".join(peers), "| of the fastest |")
        print("|---|--:|" + "--:|" * len(peers) + "--:|")
        shares, only = [], os.environ.get("ROWS")
        for row in only.split(",") if only else ROWS:
            rates = {name: [] for name in ["argus", *peers]}
            for _ in range(rounds):
                for name, p in {"argus": ours, **peers}.items():
                    rates[name].append(p.rate(row))
            got = {name: statistics.median(r) for name, r in rates.items() if r[0]}
            best = max((v for name, v in got.items() if name != "argus"), default=None)
            shares.append(got["argus"] / best)
            cells = [f"{got[name]:,.0f}" if name in got else "" for name in ["argus", *peers]]
            print("|", row, "|", " | ".join(cells), f"| {shares[-1]:.2f} |", flush=True)
        print(f"\nGeometric mean of the last column: {statistics.geometric_mean(shares):.2f}")


main()
