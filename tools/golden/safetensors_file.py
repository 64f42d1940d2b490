"""Writes internal/safetensors/testdata/reference.safetensors, a small file by
the reference implementation.

Versions: Python 3.11, safetensors 0.8.0, numpy 2.4.6.

    python3 tools/golden/safetensors_file.py internal/safetensors/testdata
"""

import sys

import numpy as np
from safetensors.numpy import save_file

save_file(
    {
        "block/kernel": np.arange(24, dtype=np.float32).reshape(2, 3, 4) / 7,
        "block/gamma": np.array([1, -0.5, 6e-8, 65504], dtype=np.float16),
        "wide": np.array([[1e-3, 2.5]], dtype=np.float64),
        "scalar": np.array(3.25, dtype=np.float32),
        "empty": np.zeros((0, 5), dtype=np.float32),
        "count": np.array([1, 2, 3], dtype=np.int64),
    },
    sys.argv[1] + "/reference.safetensors",
    {"format": "np", "note": 'quote " and umlaut ü'},
)
