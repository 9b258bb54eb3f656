"""Where a picture's time goes, measured step by step on one core: for roi, resident and ffcv.

They read and decode in ways of their own; all that follows, the plan, `resize_part` and `finish`,
is the same and stands here.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import torch

from fasttricks.kernels.finish import finish
from fasttricks.kernels.plan import plan_batch
from fasttricks.kernels.resize import scratch_bytes
from fasttricks.pipelines.decode.picture import Bytes, resize_part
from fasttricks.pipelines.options import Options
from fasttricks.pipelines.stages import StageClock

Part = tuple[Bytes, int, int]
"""uint8 [h, w, 3], and where in the picture it begins: top, left."""


class Opened(NamedTuple):
    """A sample that was read and is not decoded yet."""

    sample: int
    height: int
    width: int
    decode: Callable[[Any], Part]
    """Gives at least what a plan, a record of SAMPLE, needs of the picture."""


def measure(
    open_: Callable[[int, StageClock], Opened],
    indices: npt.NDArray[np.int64],
    options: Options,
    cold: bool = False,
) -> dict[str, float]:
    """Milliseconds per picture and stage.

    Args:
        open_: reads a sample; it and `Opened.decode` time what they do by the clock.
        indices: int64 [n], the samples, good ones.
        options: the loader's; of its epoch 0.
        cold: as for `resize_part`.
    """
    params = options.params_at(0)
    size = params.size
    picture = np.empty((1, size, size, 3), np.uint8)
    upright = torch.zeros(1, dtype=torch.bool)
    scratch = np.empty(0, np.uint8)
    for _ in range(2):  # the first pass warms up
        clock = StageClock()
        for index in indices.tolist():
            opened = open_(index, clock)
            here = [opened.sample], [0], [opened.height], [opened.width]
            plans, matrices = plan_batch(options.seed, 0, *here, params)
            pixels, top, left = opened.decode(plans[0])
            needed = scratch_bytes(opened.height, opened.width, size, size)
            if len(scratch) < needed:
                scratch = np.empty(needed, np.uint8)
            with clock("resize"):
                resize_part(pixels, top, left, plans[0], picture[0], scratch, cold)
            if options.work != "decode":
                with clock("finish"):
                    matrix = torch.from_numpy(matrices)
                    finish(torch.from_numpy(picture), matrix, upright, dtype=options.dtype)
    return clock.per_image(len(indices))
