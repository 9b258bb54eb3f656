"""Where a picture's time goes in the resident pipeline, measured step by step on one core."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import torch

from fasttricks.kernels.finish import finish
from fasttricks.kernels.plan import plan_batch
from fasttricks.pipelines.decode.picture import resize_part
from fasttricks.pipelines.options import Options
from fasttricks.pipelines.resident.rows import memory_for, near_part, picture_at
from fasttricks.pipelines.stages import StageClock


def measure(
    places: npt.NDArray[np.void], indices: npt.NDArray[np.int64], options: Options
) -> dict[str, float]:
    """Milliseconds per picture and stage; of samples that must be good, of pictures PLACE [N]."""
    params = options.params_at(0)
    kept = np.empty((1, params.size, params.size, 3), np.uint8)
    upright = torch.zeros(1, dtype=torch.bool)
    memory = memory_for(places, params.size)
    for _ in range(2):  # the first pass warms up
        clock = StageClock()
        for index in indices:
            address, height, width = places[index % len(places)].item()
            pixels = picture_at(np.uint64(address), height, width)
            here = [index], [0], [height], [width]
            plans, matrices = plan_batch(options.seed, 0, *here, params)
            with clock("copy"):
                part, top, left = near_part(pixels, params.size, plans[0], memory.near)
            with clock("resize"):
                resize_part(part, top, left, plans[0], kept[0], memory.scratch)
            if options.work != "decode":
                with clock("finish"):
                    matrix = torch.from_numpy(matrices)
                    finish(torch.from_numpy(kept), matrix, upright, dtype=options.dtype)
    return clock.per_image(len(indices))
