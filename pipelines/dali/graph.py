"""The DALI graph that carries out plans: one for training and evaluation, on the CPU and on CUDA.

Whatever differs from picture to picture comes in with the batch, so one graph serves all epochs and
all output sizes. Operators and their arguments: DALI's own documentation (2.x),
https://docs.nvidia.com/deeplearning/dali/user-guide/docs/operations/index.html.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Generator, Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import nvidia.dali.types as dali
import torch
from nvidia.dali import Pipeline, fn
from torch.utils.dlpack import from_dlpack

from fasttricks.errors import FasttricksError
from fasttricks.kernels.filters import radius
from fasttricks.pipelines.finishing import Planned
from fasttricks.pipelines.job import Indices, Replaced

DEPTH = 2  # batches in work at a time
FILTERS = {"bilinear": dali.INTERP_LINEAR, "bicubic": dali.INTERP_CUBIC}

Encoded = npt.NDArray[np.uint8]
Ints = npt.NDArray[np.int32]
Floats = npt.NDArray[np.float32]


class Region(NamedTuple):
    """Where the pixels of B pictures come from. All arrays are [B, 2]: vertical, horizontal.

    Of the stored picture `shape` pixels from `start` on are decoded; of these the part from `begin`
    to `end`, which need not be whole pixels, becomes `size` pixels. Where `end` is left of `begin`
    the picture is mirrored.
    """

    start: Ints
    shape: Ints
    begin: Floats
    end: Floats
    size: Floats


def regions(plans: npt.NDArray[np.void], size: int) -> Region:
    """What to decode and resize so that the result is the window of each plan's resized box.

    DALI repeats the edge pixel where its filter reaches out of what was decoded. So everything that
    the window depends on is decoded, up to the box, whose edge is the one to repeat.

    Args:
        plans: SAMPLE [B], see `fasttricks.kernels.plan`.
        size: side of the window.
    """
    corner = _pairs(plans, "top", "left")
    box = _pairs(plans, "height", "width")
    scale = box / _pairs(plans, "grid_height", "grid_width")
    begin = _pairs(plans, "grid_top", "grid_left") * scale
    end = begin + size * scale
    radii = np.array([radius(number) for number in plans["interpolation"]])
    reach = radii[:, None] * np.maximum(scale, 1.0)  # half the filter's width, in source pixels
    first = np.maximum(np.floor(begin - reach).astype(np.int32), 0)
    last = np.minimum(np.ceil(end + reach).astype(np.int32), box)
    part = np.stack([begin - first, end - first]).astype(np.float32)
    flip = plans["flip"] != 0
    part[:, flip, 1] = part[::-1, flip, 1]
    sizes = np.full(box.shape, size, np.float32)
    return Region(corner + first, last - first, part[0], part[1], sizes)


def _pairs(plans: npt.NDArray[np.void], vertical: str, horizontal: str) -> Ints:
    return np.stack([plans[vertical], plans[horizontal]], axis=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Feed:
    """A batch on its way through the graph: B rows, view-major, made from b samples."""

    encoded: list[Encoded]
    """B encoded pictures, uint8 [bytes]; views of a sample may share one array."""
    region: Region
    planned: Planned
    indices: Indices
    """int64 [b]: the samples."""
    replaced: list[Replaced]
    counts: dict[str, int]
    """For `Loader.stats`."""

    def row(self, row: int) -> Feed:
        """One picture of this batch, as a batch."""
        return Feed(
            encoded=self.encoded[row : row + 1],
            region=Region._make(array[row : row + 1] for array in self.region),
            planned=self.planned.row(row),
            indices=self.indices[[row % len(self.indices)]],
            replaced=[],
            counts={},
        )


@dataclass(frozen=True, kw_only=True)
class Spec:
    """What a graph is built for."""

    rows: int
    """The most pictures in a batch."""
    num_threads: int
    device: torch.device
    """The CPU, or a CUDA device with its index."""
    finish: torch.dtype | None
    """float32 or float16: colour and normalise in the graph too. None: stop at uint8."""
    interpolation: str = "bilinear"
    """One of FILTERS."""
    decode_only: bool = False
    """Give the shapes of what was decoded instead of pictures: to time decoding by itself."""

    @property
    def inputs(self) -> int:
        """How many of (encoded, start, shape, begin, end, size, matrices) the graph takes."""
        if self.decode_only:
            return 3
        return 6 if self.finish is None else 7


def build(spec: Spec, source: Source) -> Pipeline:
    """The pipeline object: encoded pictures to [B, size, size, 3]."""
    cuda = spec.device.type == "cuda"
    pipe = Pipeline(
        batch_size=spec.rows,
        num_threads=spec.num_threads,
        device_id=spec.device.index,
        prefetch_queue_depth=DEPTH,
        exec_dynamic=True,  # outputs are then never written to again, so no copy is needed
        seed=0,  # nothing is random
    )
    with pipe:
        encoded, start, shape, *rest = fn.external_source(
            source=source.inputs, num_outputs=spec.inputs, batch=True, no_copy=True
        )
        images = fn.decoders.image_slice(
            encoded,
            device="mixed" if cuda else "cpu",
            start=start,
            shape=shape,
            axes=[0, 1],
            adjust_orientation=False,
            output_type=dali.RGB,
            jpeg_fancy_upsampling=True,  # of nvJPEG, as libjpeg does it anyhow
        )
        if spec.decode_only:
            pipe.set_outputs(images.shape())
            return pipe
        begin, end, size, *matrices = rest
        images = fn.resize(
            images,
            size=size,
            roi_start=begin,
            roi_end=end,
            interp_type=FILTERS[spec.interpolation],
            antialias=True,
        )
        if spec.finish is not None:
            images = fn.coord_transform(images, MT=matrices[0], dtype=dali.FLOAT)
        if spec.finish == torch.float16:  # which coord_transform cannot write
            images = fn.cast(images, dtype=dali.FLOAT16)
        pipe.set_outputs(images)
    return pipe


class Source:
    """Hands batches to DALI and remembers them until their pictures are there.

    DALI reads our arrays later, where they lie: they are not written to again, and this keeps them.
    """

    def __init__(self, count: int) -> None:
        self.count = count
        self.feeds: Iterator[Feed] = iter(())
        self.error: FasttricksError | None = None
        self.in_flight: deque[Feed] = deque()

    def inputs(self) -> list[Any]:
        """Called by DALI whenever it starts on a batch, in the thread that runs the graph."""
        try:
            feed = next(self.feeds)
        except FasttricksError as error:
            self.error = error  # raised once the batches before it are out
            raise StopIteration from None
        self.in_flight.append(feed)
        return [feed.encoded, *feed.region, feed.planned.matrices][: self.count]


class GraphError(Exception):
    """DALI gave up; the graph is of no more use.

    Attributes:
        feeds: the batches in work, oldest first. One of them is to blame.
        cause: DALI's words without its traceback, on one line.
    """

    def __init__(self, message: str, feeds: list[Feed]) -> None:
        super().__init__(message)
        self.feeds = feeds
        reason = message.rpartition("encountered:")[2].partition("Current pipeline object")[0]
        self.cause = " ".join(reason.split()).rstrip(" :")


class Graph:
    """A built pipeline object, and running it."""

    def __init__(self, spec: Spec) -> None:
        self.usable = True
        """False once a run has failed; build another."""
        self._device = spec.device
        self._source = Source(spec.inputs)
        self._pipe = build(spec, self._source)

    def run(self, feeds: Iterator[Feed]) -> Generator[tuple[Feed, torch.Tensor]]:
        """Yield each batch with its pictures [B, size, size, 3], in order.

        The pictures are uint8, or what `Spec.finish` says; their memory is not written to again.
        Closing early leaves up to DEPTH batches in work; the next run waits for them first.

        Raises:
            GraphError: DALI failed.
            FasttricksError: whatever `feeds` raised, after the batches before it.
        """
        self.usable = False
        try:
            self._discard()
            self._source.feeds = feeds
            self._pipe.schedule_run()  # the first one starts DEPTH batches
            while (images := self._take()) is not None:
                feed = self._source.in_flight.popleft()
                self._pipe.schedule_run()
                yield feed, images
            self.usable = True
        except GeneratorExit:
            self.usable = True
            raise
        if self._source.error is not None:
            raise self._source.error

    def _take(self) -> torch.Tensor | None:
        """The pictures of the oldest batch in work; None if there is none."""
        try:
            if self._device.type == "cpu":
                (images,) = self._pipe.outputs()
                return from_dlpack(images.as_tensor())
            # Bound to torch's stream, DALI's memory is not used again before torch has read it.
            (images,) = self._pipe.outputs(cuda_stream=torch.cuda.current_stream(self._device))
            with torch.cuda.device(self._device):
                return from_dlpack(images.as_tensor())
        except StopIteration:
            return None
        except RuntimeError as error:
            raise GraphError(str(error), list(self._source.in_flight)) from error

    def _discard(self) -> None:
        """Wait for what an abandoned run left and throw it away."""
        self._source.feeds, self._source.error = iter(()), None
        if self._source.in_flight:
            self._pipe.schedule_run()  # lets DALI see that there is nothing more to come
            while self._take() is not None:
                pass
            self._source.in_flight.clear()
        self._pipe.reset()
