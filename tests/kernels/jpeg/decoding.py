"""Decoding a box as a user of the kernel does, in buffers exactly large enough, and guarded."""

import io

import numpy as np
from PIL import Image

from fasttricks.kernels.jpeg.decode import decode, workspace_bound
from fasttricks.kernels.jpeg.planes import SPILL
from tests.kernels.jpeg.cuts import as_array, guarded, stored


def in_rgb(data):
    """All pixels, as PIL has them."""
    return np.asarray(Image.open(io.BytesIO(data)).convert("RGB"))


def run_decode(data, frame, points, box):
    """The box's pixels, or None."""
    _, _, height, width = box
    size = 3 * max(height, 0) * max(width, 0)
    out, out_untouched = guarded(size + SPILL if size < 2**30 else SPILL)
    workspace, workspace_untouched = guarded(workspace_bound(frame))
    good = decode(as_array(data), frame, stored(points), *box, out, workspace)
    assert out_untouched()
    assert workspace_untouched()
    return out[:size].reshape(height, width, 3) if good else None
