"""Repeated augmentation: several different augmentations of each picture in one batch.

"Augment your batch" (Hoffer et al., arXiv 1901.09335) adds copies to the batch; MultiGrain (Berman
et al., arXiv 1902.05509) keeps the batch and takes fewer pictures. Both are `views` of a loader.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class RepeatedAugmentation:
    """`repeats` augmentations of every picture of a batch.

    A batch is decoded from fewer files, but not for less: every view has its own crop. An epoch
    still shows every picture, `repeats` times, so it has `repeats` times as many steps at the same
    batch: the same work is a `repeats`-th of the epochs.

    Raises:
        ValueError: repeats < 1.
    """

    repeats: int = 3

    def __post_init__(self) -> None:
        if self.repeats < 1:
            raise ValueError(f"repeats must be at least 1; got {self.repeats}")

    def loader_options(self, batch_size: int) -> dict[str, Any]:
        """What to give `make_loader` so that a step has `batch_size` rows on this rank.

        The rows are view-major: row r shows picture r % (batch_size / repeats).

        Raises:
            ValueError: the batch cannot be divided.
        """
        if batch_size < 1 or batch_size % self.repeats:
            raise ValueError(
                f"a batch of {batch_size} cannot hold {self.repeats} views of every picture; "
                f"make it a multiple of {self.repeats}"
            )
        return {"batch_size": batch_size // self.repeats, "views": self.repeats}
