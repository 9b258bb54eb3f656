"""Which pictures can be cut, for FFCV's compiled code: checked once, then remembered.

The seek index is mapped into memory and compiled code looks into the map. What it finds there was
held against its checksum and against the picture before: by Python, ahead of the first batch that
has the picture in it.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from fasttricks.data.samples import Samples
from fasttricks.data.seek.file import SeekIndex
from fasttricks.kernels.jit import kernel
from fasttricks.kernels.jpeg.cut import cut_bound
from fasttricks.pipelines.decode.picture import workspace_bytes

Indices = npt.NDArray[np.int64]

UNKNOWN, CUT, WHOLE, STALE, DAMAGED = range(5)


class Cuts:
    """What is known about cutting each picture.

    Attributes:
        known: uint8 [N], UNKNOWN until a picture was checked; then CUT, or why it is decoded whole:
            it cannot be cut, has changed since it was indexed, or its entry is damaged.
        records: RECORD [N] of the index, read-only.
        points: SEEK [P] of the index, read-only.
    """

    def __init__(self, samples: Samples, index: SeekIndex) -> None:
        self.known = np.zeros(len(samples), np.uint8)
        self.records, self.points = index.records, index.points
        self._samples, self._index = samples, index

    def check(self, indices: Indices) -> tuple[int, int]:
        """Look up the pictures among `indices` that are still unknown.

        Returns:
            Bytes that any part of these needs: (for the cut JPEG, for the workspace).
        """
        new = np.unique(indices[self.known[indices] == UNKNOWN])
        if len(new) == 0:
            return 0, 0
        self.known[new] = [self._check(index) for index in new.tolist()]
        return _room(self._index.frames[new[self.known[new] == CUT]])

    def _check(self, index: int) -> int:
        stamp = self._samples.stamp(index)
        if stamp is None:
            return WHOLE
        if self._index.lookup(index, *stamp) is not None:
            return CUT
        return {"stale": STALE, "damaged": DAMAGED}.get(self._index.rejected(index), WHOLE)

    def counts(self, indices: Indices) -> dict[str, int]:
        """How many of these have to be decoded whole for a reason that can be mended."""
        known = self.known[indices]
        return {
            "stale": int(np.count_nonzero(known == STALE)),
            "damaged": int(np.count_nonzero(known == DAMAGED)),
        }


@kernel
def _room(frames: npt.NDArray[np.void]) -> tuple[int, int]:
    """The largest (`cut_bound`, `workspace_bytes`) of FRAME [n]."""
    out, workspace = 0, 0
    for i in range(len(frames)):
        out = max(out, cut_bound(frames[i]))
        workspace = max(workspace, workspace_bytes(frames[i]))
    return out, workspace
