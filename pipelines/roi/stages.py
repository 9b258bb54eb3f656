"""Where a picture's time goes in the roi pipeline, measured step by step on one core."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import torch

from fasttricks.kernels.finish import finish
from fasttricks.kernels.plan import plan_batch
from fasttricks.kernels.resize import scratch_bytes
from fasttricks.pipelines.cutter import Cutter, needed
from fasttricks.pipelines.decode.decoder import Decoder
from fasttricks.pipelines.decode.picture import resize_part
from fasttricks.pipelines.fetch import Fetcher
from fasttricks.pipelines.options import Options
from fasttricks.pipelines.stages import StageClock


def measure(
    fetch: Fetcher,
    cutter: Cutter,
    decoder: Decoder,
    options: Options,
    indices: npt.NDArray[np.int64],
) -> dict[str, float]:
    """Milliseconds per picture and stage, decoded at full scale."""
    params = options.params_at(0)
    kept = np.empty((1, params.size, params.size, 3), np.uint8)
    upright = torch.zeros(1, dtype=torch.bool)
    for _ in range(2):  # the first pass warms up
        clock = StageClock()
        for index in indices:
            with clock("read"):
                found = fetch(int(index))
            sides = found.probe.height, found.probe.width
            here = [found.index], [0], [sides[0]], [sides[1]]
            plans, matrices = plan_batch(options.seed, 0, *here, params)
            with clock("slice"):
                part = cutter.cut(found, *needed(plans[0], params.size))
            top, left = (part.top, part.left) if part else (0, 0)
            with clock("decode"):
                if found.pixels is not None:
                    pixels = found.pixels
                elif part is not None:
                    pixels = decoder.decode(part.data, part.height, part.width)
                else:
                    pixels = decoder.decode(found.data, *sides)
            scratch = np.empty(scratch_bytes(*sides, params.size, params.size), np.uint8)
            with clock("resize"):
                resize_part(pixels, top, left, plans[0], kept[0], scratch)
            if options.work != "decode":
                with clock("finish"):
                    matrix = torch.from_numpy(matrices)
                    finish(torch.from_numpy(kept), matrix, upright, dtype=options.dtype)
    return clock.per_image(len(indices))
