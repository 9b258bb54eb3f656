"""Where a picture's time goes in the ffcv pipeline, measured step by step on one core."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from fasttricks.data.pixels import decode_rgb
from fasttricks.pipelines.beton.file import JPG, RAW
from fasttricks.pipelines.cutter import Cutter, needed
from fasttricks.pipelines.decode import stages, turbojpeg
from fasttricks.pipelines.stages import StageClock

if TYPE_CHECKING:
    from fasttricks.pipelines.ffcv.ops import Epoch


def measure(epoch: Epoch, indices: npt.NDArray[np.int64]) -> dict[str, float]:
    """Milliseconds per picture and stage; "read" is copying out of the page cache."""
    tables, options = epoch.tables, epoch.options
    tables.learn(indices, epoch.threads, epoch.workspace.workers)
    cutter = Cutter(tables.samples, options.index if tables.has_jpegs else False)
    size = options.params_at(0).size

    def opened(index: int, clock: StageClock) -> stages.Opened:
        entry = tables.entries[index]
        mode, sides = entry["mode"], (int(entry["height"]), int(entry["width"]))
        found = epoch.fetch(index) if mode != RAW else None
        with clock("read"):
            data = tables.stored(index).copy()

        def decode(plan: Any) -> stages.Part:
            part = None
            if mode == JPG and found is not None:
                with clock("slice"):
                    part = cutter.cut(found, *needed(plan, size))
            with clock("decode"):
                if part is not None:
                    pixels = turbojpeg.decode(part.data, part.height, part.width)
                    return pixels, part.top, part.left
                if mode == JPG:
                    return turbojpeg.decode(data, *sides), 0, 0
                if found is not None:
                    return decode_rgb(found.data), 0, 0
                return data.reshape(*sides, 3), 0, 0

        return stages.Opened(index, *sides, decode)

    return stages.measure(opened, indices, options)
