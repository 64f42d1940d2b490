"""Writes internal/torch/testdata: python testdata.py FOLDER, with torch of requirements.txt."""

import collections
import os
import sys

import torch

folder = sys.argv[1]
torch.manual_seed(1)

w = torch.arange(24, dtype=torch.float32).reshape(2, 3, 4) / 8
state = collections.OrderedDict([
    ("conv.weight", w),
    ("t", w.permute(2, 0, 1)),
    ("part", w[1:, 1:, ::2]),
    ("bn.num_batches_tracked", torch.tensor(7)),
    ("half", w.half()[0]),
    ("bf", w.bfloat16()[0].clone()),
    ("double", w.double()[0, 0].clone()),
    ("scalar", torch.tensor(2.5)),
    ("param", torch.nn.Parameter(torch.tensor([1.0, -2.0]))),
    ("empty", torch.zeros(0, 3)),
])
torch.save(state, os.path.join(folder, "zip.pth"))
torch.save(state, os.path.join(folder, "legacy.pth"), _use_new_zipfile_serialization=False)


class Small(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = torch.nn.Conv2d(2, 3, 1)
        self.bn = torch.nn.BatchNorm2d(3)

    def forward(self, x):
        return self.conv(x)


small = Small()
optimizer = torch.optim.SGD(small.parameters(), lr=0.1, momentum=0.9)
small(torch.ones(1, 2, 1, 1)).sum().backward()
optimizer.step()
small.bn.reset_running_stats()
state = {"epoch": 3, "acc": 0.5, "best": None, "optimizer": optimizer.state_dict(), "state_dict": torch.nn.DataParallel(small).state_dict()}
torch.save(state, os.path.join(folder, "checkpoint.pth"))
torch.save(state, os.path.join(folder, "checkpoint.legacy.pth"), _use_new_zipfile_serialization=False)
