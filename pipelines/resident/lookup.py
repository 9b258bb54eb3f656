"""Which decoded pictures a batch shows: those asked for, or what stands in for bad ones."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from fasttricks.data.samples import Samples
from fasttricks.errors import BadSampleError, DataError
from fasttricks.pipelines.job import Indices, Replaced


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
        odd: [N], whether a picture is good but only PIL decodes it surely.
        on_error: "raise" or "replace".
    """

    def __init__(
        self, samples: Samples, causes: dict[int, str], odd: npt.NDArray[np.bool_], on_error: str
    ) -> None:
        self._samples, self._causes, self._odd = samples, causes, odd
        self._replace = on_error == "replace"
        numbers = np.arange(len(odd))
        good = np.delete(numbers, list(causes))
        self._any_good = len(good) > 0
        self._ahead = np.zeros(len(odd), np.int64)
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
        ahead = self._ahead[indices % len(self._odd)]
        if self._causes:
            shown = (indices + ahead) % len(self._samples)
            bad = np.flatnonzero(ahead) if self._any_good else np.arange(len(indices))
            replaced = [self._replaced(int(indices[i]), int(shown[i]), epoch) for i in bad]
            indices = shown
        numbers = indices % len(self._odd)
        odd = int(self._odd[numbers].sum())
        return Shown(indices, numbers, replaced, {"odd": odd} if odd else {})

    def _replaced(self, index: int, replacement: int, epoch: int) -> Replaced:
        name, cause = self._samples.name(index), self._causes[index % len(self._odd)]
        if not self._replace:
            raise BadSampleError(index, name, cause)
        if not self._any_good:
            raise DataError(
                f"none of the {len(self._samples)} pictures can be decoded; "
                f"sample {index} ({name}): {cause}"
            )
        return Replaced(epoch, index, name, cause, replacement)
