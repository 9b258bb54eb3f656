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
        self._good = np.empty(0, np.int64)
        """The good samples, where there are bad ones."""
        if causes:
            numbers = samples.numbers(np.arange(len(samples)))
            self._good = np.flatnonzero(~np.isin(numbers, list(causes)))

    def __call__(self, indices: Indices, epoch: int) -> Shown:
        """What to show for samples, int64 [b].

        Raises:
            BadSampleError: one of them is bad and `on_error` is "raise"; it is the first one.
            DataError: no picture of the whole set is good.
        """
        replaced = []
        if self._causes:
            shown = self._next_good(indices)
            bad = np.flatnonzero(shown != indices)
            replaced = [self._replaced(int(indices[i]), int(shown[i]), epoch) for i in bad]
            indices = shown
        numbers = self._samples.numbers(indices)
        by_pil = self._by_pil[numbers]
        counted = {name: int((by_pil == why).sum()) for name, why in _COUNTED}
        counts = {name: count for name, count in counted.items() if count}
        return Shown(indices, numbers, replaced, counts)

    def _next_good(self, indices: Indices) -> Indices:
        """The first good sample from each on, cyclically; -1 where none is good."""
        if not len(self._good):
            return np.full_like(indices, -1)
        return self._good[np.searchsorted(self._good, indices) % len(self._good)]

    def _replaced(self, index: int, replacement: int, epoch: int) -> Replaced:
        name, cause = self._samples.name(index), self._causes[self._samples.number(index)]
        if not self._replace:
            raise BadSampleError(index, name, cause)
        if not len(self._good):
            raise none_good(self._samples, index, cause)
        return Replaced(epoch, index, name, cause, replacement)
