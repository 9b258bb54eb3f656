"""Make the batch in argv[1] (.npz) with `resident_triton`, interpreted, and write it to argv[2]."""

import sys

import numpy as np
import torch

from fasttricks.kernels import resident_triton

given = np.load(sys.argv[1])
size, made = int(given["size"]), {}
pixels, matrix = torch.from_numpy(given["pixels"]), torch.from_numpy(given["matrix"])
rows = resident_triton.describe(given["plans"], given["offsets"], given["widths"])
how = int(given["plans"]["interpolation"][0])
for dtype in (torch.uint8, torch.float32):
    out = torch.empty((len(rows), size, size, 3), dtype=dtype)
    resident_triton.make(pixels, rows, None if dtype == torch.uint8 else matrix, out, how)
    made[str(dtype).removeprefix("torch.")] = out.numpy()
np.savez(sys.argv[2], **made)
