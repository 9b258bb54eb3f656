"""Where a picture's time goes in the ffcv pipeline, measured step by step on one core."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import torch

from fasttricks.data.pixels import decode_rgb
from fasttricks.kernels.finish import finish
from fasttricks.kernels.plan import plan_batch
from fasttricks.pipelines import turbojpeg
from fasttricks.pipelines.beton_file import JPG, OTHER, Beton
from fasttricks.pipelines.ffcv_decode import draw
from fasttricks.pipelines.options import Options
from fasttricks.pipelines.stages import StageClock


def measure(samples: Beton, options: Options, indices: npt.NDArray[np.int64]) -> dict[str, float]:
    """Milliseconds per picture and stage; "read" includes copying out of the page cache."""
    params = options.params_at(0)
    kept = np.empty((1, params.size, params.size, 3), np.uint8)
    unflipped = torch.zeros(1, dtype=torch.bool)
    with open(samples.file, "rb") as file:
        for _ in range(2):  # the first pass warms up
            clock = StageClock()
            for index in indices:
                entry = samples.stored[index]
                sides = int(entry["height"]), int(entry["width"])
                with clock("read"):
                    file.seek(int(entry["data_ptr"]))
                    data = np.fromfile(file, np.uint8, int(samples.sizes[index]))
                with clock("decode"):
                    if entry["mode"] == JPG:
                        picture = turbojpeg.decode(data, *sides)
                    elif entry["mode"] == OTHER:
                        picture = decode_rgb(data)
                    else:
                        picture = data.reshape(*sides, 3)
                one, view, height, width = (np.array([n]) for n in (index, 0, *sides))
                plans, matrices = plan_batch(options.seed, 0, one, view, height, width, params)
                with clock("resize"):
                    draw(picture, plans[0], kept[0])
                if options.work != "decode":
                    with clock("finish"):
                        pixels, matrix = torch.from_numpy(kept), torch.from_numpy(matrices)
                        finish(pixels, matrix, unflipped, dtype=options.dtype)
    return clock.per_image(len(indices))
