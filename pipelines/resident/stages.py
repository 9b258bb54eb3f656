"""Where a picture's time goes in the resident pipeline, measured step by step on one core."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from fasttricks.pipelines.decode import stages
from fasttricks.pipelines.options import Options
from fasttricks.pipelines.resident.rows import picture_at
from fasttricks.pipelines.stages import StageClock


def measure(
    places: npt.NDArray[np.void], indices: npt.NDArray[np.int64], options: Options
) -> dict[str, float]:
    """Milliseconds per picture and stage; of samples that must be good, of pictures PLACE [N]."""

    def opened(index: int, _: StageClock) -> stages.Opened:
        address, height, width = places[index % len(places)].item()
        pixels = picture_at(np.uint64(address), height, width)
        return stages.Opened(index, height, width, lambda plan: (pixels, 0, 0))

    return stages.measure(opened, indices, options, cold=True)
