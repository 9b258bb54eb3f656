"""Where a picture's time goes in the resident pipeline, measured step by step on one core."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import torch

from fasttricks.kernels.finish import finish
from fasttricks.kernels.plan import plan_batch
from fasttricks.kernels.resize import scratch_bytes
from fasttricks.pipelines.options import Options
from fasttricks.pipelines.resident_rows import picture_at
from fasttricks.pipelines.roi_picture import resize_part
from fasttricks.pipelines.stages import StageClock


def measure(
    places: npt.NDArray[np.void], indices: npt.NDArray[np.int64], options: Options
) -> dict[str, float]:
    """Milliseconds per picture and stage; of samples that must be good, of pictures PLACE [N]."""
    params = options.params_at(0)
    kept = np.empty((1, params.size, params.size, 3), np.uint8)
    upright = torch.zeros(1, dtype=torch.bool)
    for _ in range(2):  # the first pass warms up
        clock = StageClock()
        for index in indices:
            address, *sides = places[index % len(places)].item()
            pixels = picture_at(np.uint64(address), *sides)
            here = [index], [0], [sides[0]], [sides[1]]
            plans, matrices = plan_batch(options.seed, 0, *here, params)
            scratch = np.empty(scratch_bytes(*sides, params.size, params.size), np.uint8)
            with clock("resize"):
                resize_part(pixels, 0, 0, plans[0], kept[0], scratch)
            if options.work != "decode":
                with clock("finish"):
                    matrix = torch.from_numpy(matrices)
                    finish(torch.from_numpy(kept), matrix, upright, dtype=options.dtype)
    return clock.per_image(len(indices))
