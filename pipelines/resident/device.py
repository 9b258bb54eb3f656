"""Decoded pictures in a GPU's memory, and batches made from them there."""

from __future__ import annotations

from collections.abc import Callable
from importlib.util import find_spec

import numpy as np
import torch

from fasttricks.errors import DataError, FasttricksError
from fasttricks.kernels.mix.plan import Mixing
from fasttricks.pipelines.finishing import finish_rows, plan_rows
from fasttricks.pipelines.job import Job
from fasttricks.pipelines.options import Options
from fasttricks.pipelines.resident.lookup import Shown
from fasttricks.pipelines.resident.pictures import ADVICE, Decoded
from fasttricks.pipelines.transfer import Transfer

_PIECE = 256 << 20
"""Bytes that are copied to the device at a time."""
_LARGEST = 2**31
"""Bytes of a picture: the kernel has 32 bits for where in it a pixel is."""


class DeviceSet:
    """All pictures of a set as one block of device memory.

    Args:
        decoded: in host memory; not needed any more afterwards.
        device: where they go. Anything but CUDA is for Triton's interpreter.

    Raises:
        DataError: a picture has 2 GiB or more.
        FasttricksError: Triton is not installed.
    """

    def __init__(self, decoded: Decoded, device: torch.device) -> None:
        if find_spec("triton") is None:
            raise FasttricksError("resident on CUDA needs Triton: pip install triton")
        entries = decoded.entries
        self._heights, self._widths = (entries[s].astype(np.int64) for s in ("height", "width"))
        if (3 * self._heights * self._widths).max() >= _LARGEST:
            raise DataError(f"a decoded picture has 2 GiB or more; {ADVICE}")
        self._transfer = Transfer(device)
        begin = int(entries["offset"].min())
        self._offsets = entries["offset"] - begin
        self._pixels = _copied(decoded.bytes[begin : decoded.size], device)

    @staticmethod
    def limit(device: torch.device) -> Callable[[int], None]:
        """What raises DataError for a set whose size in bytes does not fit."""

        def check(size: int) -> None:
            free, _ = torch.cuda.mem_get_info(device)
            if size > free:
                raise DataError(
                    f"the decoded pictures need {size / 1e9:,.3f} GB and {device} has "
                    f"{free / 1e9:,.3f} GB free; {ADVICE}, or keep them in host memory (device "
                    '"cpu")'
                )

        return check

    def make(self, job: Job, mixing: Mixing | None, shown: Shown, options: Options) -> torch.Tensor:
        """The images of a step, [B, 3, size, size] channels_last; queued, not waited for.

        mixing: what was drawn for it.
        """
        from fasttricks.kernels import resident_triton

        device, size = self._pixels.device, job.params.size
        heights, widths = self._heights[shown.numbers], self._widths[shown.numbers]
        planned = plan_rows(job, shown.indices, heights, widths)
        offsets = np.tile(self._offsets[shown.numbers], job.views)
        rows = resident_triton.describe(planned.geometry, offsets, np.tile(widths, job.views))
        # What comes after waits for all pixels, or there is nothing to come.
        apart = options.work == "decode" or job.ops is not None or bool(job.mix)
        dtype = torch.uint8 if apart else options.dtype
        out = torch.empty((len(rows), size, size, 3), dtype=dtype, device=device)
        sent, matrix = self._transfer(rows, torch.from_numpy(planned.matrices))
        how = job.params.interpolation
        resident_triton.make(self._pixels, sent, None if apart else matrix, out, how)
        if apart and options.work != "decode":
            return finish_rows(job, mixing, out, planned, options.dtype, transfer=self._transfer)
        return out.permute(0, 3, 1, 2)


def _copied(pixels: np.ndarray, device: torch.device) -> torch.Tensor:
    result = torch.empty(len(pixels), dtype=torch.uint8, device=device)
    for first in range(0, len(pixels), _PIECE):
        piece = np.array(pixels[first : first + _PIECE])  # torch wants memory that can be written
        result[first : first + len(piece)] = torch.from_numpy(piece)
    return result
