"""Which decoded pictures a batch shows: those asked for, or what stands in for bad ones."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from fasttricks.data.samples import Samples
from fasttricks.errors import BadSampleError
from fasttricks.pipelines.fetch import none_good
from fasttricks.pipelines.job import Indices, Replaced
from fasttricks.pipelines.resident.pictures import ODD, REPAIRED

_COUNTED = ("odd", ODD), ("repaired", REPAIRED)


class Shown(NamedTuple):
    """A batch of b samples."""

    indices: Indices
    """int64 [b], after replacing."""
    numbers: Indices
    """int64 [b], which decoded pictures these are."""
    replaced: list[Replaced]
    counts: dict[str, int]
    """For `Loader.stats`."""


class Lookup:
    """Finds the pictures of samples, as `fetch.Fetcher` does, for whole batches at once.

    Args:
        samples: of which the decoded pictures are those of `samples.base`.
        causes: why a picture is bad, by its number.
        by_pil: [N], ODD or REPAIRED for what PIL has decoded, else 0; see `pictures.ENTRY`.
        on_error: "raise" or "replace".
    """

    def __init__(
        self, samples: Samples, causes: dict[int, str], by_pil: npt.NDArray[np.int64], on_error: str
    ) -> None:
        self._samples, self._causes, self._by_pil = samples, causes, by_pil
        self._replace = on_error == "replace"
        numbers = np.arange(len(by_pil))
        good = np.delete(numbers, list(causes))
        self._any_good = len(good) > 0
        self._ahead = np.zeros(len(by_pil), np.int64)
        """How far ahead, cyclically, the next good picture is."""
        if self._any_good:
            following = good[np.searchsorted(good, numbers) % len(good)]
            self._ahead = (following - numbers) % len(numbers)

    def __call__(self, indices: Indices, epoch: int) -> Shown:
        """What to show for samples, int64 [b].

        Raises:
            BadSampleError: one of them is bad and `on_error` is "raise"; it is the first one.
            DataError: no picture of the whole set is good.
        """
        replaced = []
        ahead = self._ahead[indices % len(self._by_pil)]
        if self._causes:
            shown = (indices + ahead) % len(self._samples)
            bad = np.flatnonzero(ahead) if self._any_good else np.arange(len(indices))
            replaced = [self._replaced(int(indices[i]), int(shown[i]), epoch) for i in bad]
            indices = shown
        numbers = indices % len(self._by_pil)
        by_pil = self._by_pil[numbers]
        counted = {name: int((by_pil == why).sum()) for name, why in _COUNTED}
        counts = {name: count for name, count in counted.items() if count}
        return Shown(indices, numbers, replaced, counts)

    def _replaced(self, index: int, replacement: int, epoch: int) -> Replaced:
        name, cause = self._samples.name(index), self._causes[index % len(self._by_pil)]
        if not self._replace:
            raise BadSampleError(index, name, cause)
        if not self._any_good:
            raise none_good(self._samples, index, cause)
        return Replaced(epoch, index, name, cause, replacement)
