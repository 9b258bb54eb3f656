"""Where a picture's time goes in the ffcv pipeline, measured step by step on one core."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import torch

from fasttricks.data.pixels import decode_rgb
from fasttricks.kernels.finish import finish
from fasttricks.kernels.plan import plan_batch
from fasttricks.pipelines.beton.file import JPG, RAW
from fasttricks.pipelines.cutter import Cutter, needed
from fasttricks.pipelines.decode import turbojpeg
from fasttricks.pipelines.ffcv.decode import draw
from fasttricks.pipelines.stages import StageClock

if TYPE_CHECKING:
    from fasttricks.pipelines.ffcv.ops import Epoch


def measure(epoch: Epoch, indices: npt.NDArray[np.int64]) -> dict[str, float]:
    """Milliseconds per picture and stage; "read" is copying out of the page cache."""
    tables, options = epoch.tables, epoch.options
    tables.learn(indices, epoch.threads, epoch.workspace.workers)
    cutter = Cutter(tables.samples, options.index if tables.has_jpegs else False)
    params = options.params_at(0)
    kept = np.empty((1, params.size, params.size, 3), np.uint8)
    unflipped = torch.zeros(1, dtype=torch.bool)
    for _ in range(2):  # the first pass warms up
        clock = StageClock()
        for index in indices:
            entry = tables.entries[index]
            mode, sides = entry["mode"], (int(entry["height"]), int(entry["width"]))
            found = epoch.fetch(int(index)) if mode != RAW else None
            with clock("read"):
                data = tables.stored(index).copy()
            one, view, height, width = (np.array([n]) for n in (index, 0, *sides))
            plans, matrices = plan_batch(options.seed, 0, one, view, height, width, params)
            part = None
            if mode == JPG and found is not None:
                with clock("slice"):
                    part = cutter.cut(found, *needed(plans[0], params.size))
            top, left = (part.top, part.left) if part is not None else (0, 0)
            with clock("decode"):
                if part is not None:
                    pixels = turbojpeg.decode(part.data, part.height, part.width)
                elif mode == JPG:
                    pixels = turbojpeg.decode(data, *sides)
                elif found is not None:
                    pixels = decode_rgb(found.data)
                else:
                    pixels = data.reshape(*sides, 3)
            with clock("resize"):
                draw(pixels, plans[0], kept[0], top, left)
            if options.work != "decode":
                with clock("finish"):
                    matrix = torch.from_numpy(matrices)
                    finish(torch.from_numpy(kept), matrix, unflipped, dtype=options.dtype)
    return clock.per_image(len(indices))
