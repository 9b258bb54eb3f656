"""Where a picture's time goes in the roi pipeline, measured step by step on one core."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from fasttricks.pipelines.cutter import Cutter, needed
from fasttricks.pipelines.decode import stages
from fasttricks.pipelines.decode.decoder import Decoder
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
    size = options.params_at(0).size

    def opened(index: int, clock: StageClock) -> stages.Opened:
        with clock("read"):
            found = fetch(index)
        sides = found.probe.height, found.probe.width

        def decode(plan: Any) -> stages.Part:
            with clock("slice"):
                part = cutter.cut(found, *needed(plan, size))
            with clock("decode"):
                if found.pixels is not None:
                    return found.pixels, 0, 0
                if part is not None:
                    pixels = decoder.decode(part.data, part.height, part.width)
                    return pixels, part.top, part.left
                return decoder.decode(found.data, *sides), 0, 0

        return stages.Opened(found.index, *sides, decode)

    return stages.measure(opened, indices, options)
