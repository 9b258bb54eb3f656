"""Reading a sample and deciding, before any back end sees it, whether and how it is decoded."""

from __future__ import annotations

from dataclasses import dataclass

from fasttricks.data.pixels import Pixels, decode_rgb
from fasttricks.data.probe import Kind, Probe, probe_and_decode
from fasttricks.data.samples import Samples, Stamp
from fasttricks.errors import BadSampleError, DataError
from fasttricks.pipelines.job import Replaced


@dataclass(frozen=True, slots=True)
class Fetched:
    """The bytes that stand for an asked-for index."""

    index: int
    """The sample that the bytes belong to: the one asked for, or its replacement."""
    data: bytes
    probe: Probe
    stamp: Stamp
    """Size and time of the file when it was read: whether what an index says of it still holds."""
    pixels: Pixels | None
    """uint8 [H, W, 3] of an odd picture, which had to be decoded to tell; None of a plain one."""
    replaced: Replaced | None


def none_good(samples: Samples, index: int, cause: str) -> DataError:
    """What to raise where a sample is bad, and so are all that could take its place."""
    return DataError(
        f"none of the {len(samples)} pictures can be decoded; "
        f"sample {index} ({samples.name(index)}): {cause}"
    )


class Fetcher:
    """Reads samples; with `on_error="replace"` goes on to the next good one, cyclically.

    The replacement of a sample depends only on the data set, so every pipeline, rank and
    epoch agrees on it. What was found bad is remembered and not read again.
    """

    def __init__(self, samples: Samples, on_error: str) -> None:
        self.samples = samples
        self.replace = on_error == "replace"
        self.bad: dict[int, str] = {}

    def mark(self, index: int, cause: str) -> None:
        """Remember that a sample cannot be decoded; a back end may find it out after the probe."""
        self.bad[index] = cause

    def __call__(self, index: int, epoch: int = 0) -> Fetched:
        """Read one sample.

        Raises:
            BadSampleError: it is bad and `on_error` is "raise".
            DataError: no sample of the whole set is good.
        """
        candidate = index
        for _ in range(len(self.samples)):
            found = self._good(candidate)
            if found is not None:
                data, stamp, facts, pixels = found
                replaced = self._replaced(index, candidate, epoch)
                return Fetched(candidate, data, facts, stamp, pixels, replaced)
            if not self.replace:
                raise BadSampleError(index, self.samples.name(index), self.bad[index])
            candidate = (candidate + 1) % len(self.samples)
        raise none_good(self.samples, index, self.bad[index])

    def decoded(self, index: int, epoch: int = 0) -> tuple[Fetched, Pixels]:
        """As calling it, with all pixels, uint8 [H, W, 3], as PIL decodes them; what turns out bad
        only then is treated like what was found bad before."""
        while True:
            found = self(index, epoch)
            try:
                return found, decode_rgb(found.data) if found.pixels is None else found.pixels
            except DataError as error:
                self.mark(found.index, str(error))

    def _good(self, index: int) -> tuple[bytes, Stamp, Probe, Pixels | None] | None:
        if index in self.bad:
            return None
        try:
            data, stamp = self.samples.read_stamped(index)
        except BadSampleError as error:
            self.mark(index, error.cause)
            return None
        facts, pixels = probe_and_decode(data)
        if facts.kind == Kind.BAD:
            self.mark(index, facts.reason)
            return None
        return data, stamp, facts, pixels

    def _replaced(self, index: int, replacement: int, epoch: int) -> Replaced | None:
        if index == replacement:
            return None
        return Replaced(epoch, index, self.samples.name(index), self.bad[index], replacement)
