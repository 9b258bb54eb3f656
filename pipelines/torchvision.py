"""The honest baseline: PyTorch's DataLoader; PIL (pillow-simd) decodes, crops and resizes.

What torchvision's `RandomResizedCrop` does per sample, done per batch and by plan: a worker makes a
whole batch in one shared buffer and finishes it there, so the training process only receives it.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Generator, Iterable, Iterator
from dataclasses import dataclass
from multiprocessing import get_context
from multiprocessing.context import BaseContext
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from PIL import Image
from torch.utils.data import DataLoader, Dataset, Sampler, get_worker_info

from fasttricks.data.pixels import Pixels, opened
from fasttricks.data.samples import Samples
from fasttricks.errors import BadSampleError, DataError, FasttricksError
from fasttricks.kernels.filters import BICUBIC, BILINEAR
from fasttricks.pipelines.cutter import Cutter, needed
from fasttricks.pipelines.fetch import Fetched, Fetcher
from fasttricks.pipelines.finishing import Planned, finish_rows, joined, plan_rows
from fasttricks.pipelines.job import Batch, Job
from fasttricks.pipelines.loader import Loader
from fasttricks.pipelines.options import Options
from fasttricks.pipelines.profile import Clock
from fasttricks.pipelines.transfer import Transfer

PREFETCH = 2  # batches ahead, per worker
_NO_ROOM = (
    *("exited unexpectedly", "killed by signal", "shared memory"),
    *map(os.strerror, (errno.ENOSPC, errno.EROFS)),
)
"""What torch and the system say where a worker finds no shared memory."""
FILTERS = {BILINEAR: Image.Resampling.BILINEAR, BICUBIC: Image.Resampling.BICUBIC}

Origin = tuple[int, int]
Plans = npt.NDArray[np.void]


@dataclass(slots=True, kw_only=True)
class Result(Batch):
    """One batch from a worker: finished, or pixels for the GPU to finish by their plan."""

    planned: Planned
    flips: torch.Tensor

    def pin_memory(self) -> Result:
        """Called by DataLoader's pinning thread."""
        self.images = self.images.pin_memory()
        self.flips = self.flips.pin_memory()
        return self


def resample(image: Image.Image, origin: Origin, sample: np.void, size: int) -> Image.Image:
    """Carry out a plan's geometry (not its flip) on an RGB picture; gives size x size.

    The picture may be a part that begins at `origin` = (top, left) of the whole and holds all that
    the plan needs.
    """
    chosen = FILTERS[int(sample["interpolation"])]
    if sample["grid_height"] == size and sample["grid_width"] == size:
        top, left = int(sample["top"]) - origin[0], int(sample["left"]) - origin[1]
        height, width = int(sample["height"]), int(sample["width"])
        cropped = image.crop((left, top, left + width, top + height))
        return cropped.resize((size, size), chosen)
    # The window of the resized picture, given as the source box it comes from: PIL then computes
    # only the window, with the taps and weights that it would use for the whole.
    y_scale = sample["height"] / sample["grid_height"]
    x_scale = sample["width"] / sample["grid_width"]
    top = sample["grid_top"] * y_scale - origin[0]
    left = sample["grid_left"] * x_scale - origin[1]
    box = (left, top, left + size * x_scale, top + size * y_scale)
    return image.resize((size, size), chosen, box=box)


def load_rgb(data: bytes | Pixels) -> Image.Image:
    """A decoded picture as PIL's RGB. Raises DataError as `fasttricks.data.pixels.decode`."""
    with opened(data) as image:
        image.load()
        return image if image.mode == "RGB" else image.convert("RGB")


class PlannedBatches(Dataset[Any]):
    """Makes the batch of a job of one step; runs in DataLoader's workers."""

    def __init__(self, samples: Samples, options: Options) -> None:
        self.fetch = Fetcher(samples, options.on_error)
        self.cutter = Cutter(samples, options.index)
        self.views = options.views
        self.decode_only = options.work == "decode"
        self.finish_here = options.device.type == "cpu" and not self.decode_only
        self.dtype = options.dtype
        self.clock = Clock()

    def __getitem__(self, job: Job) -> Result | BadSampleError | DataError:
        try:
            return self._make(job)
        except (BadSampleError, DataError) as error:
            return error  # DataLoader would re-raise it without its fields

    def _make(self, job: Job) -> Result:
        size, count = job.params.size, len(job.batches[0])
        pixels = _shared((count * self.views, size, size, 3), torch.uint8)
        array = pixels.numpy()
        fetched, plans = [], []
        for position, index in enumerate(job.batches[0]):
            found, planned, pictures = self._pictures(int(index), job)
            fetched.append(found)
            plans.append(planned)
            with self.clock("copy"):
                for view, picture in enumerate(pictures):
                    array[view * count + position] = np.asarray(picture)
        return self._result(job, pixels, joined(plans), fetched)

    def _pictures(self, index: int, job: Job) -> tuple[Fetched, Planned, list[Image.Image]]:
        """All views of a sample; one that breaks while decoding is replaced like any bad one."""
        while True:
            with self.clock("read"):
                found = self.fetch(index, job.epoch)
            sides = [found.probe.height], [found.probe.width]
            planned = plan_rows(job, [found.index], *sides)
            try:
                return found, planned, self._views(found, planned.geometry, job)
            except DataError as error:
                self.fetch.mark(found.index, str(error))

    def _views(self, found: Fetched, plans: Plans, job: Job) -> list[Image.Image]:
        size, mirrors = job.params.size, self.mirrors(job)
        whole = None if found.pixels is None else Image.fromarray(found.pixels)
        pictures = []
        for plan in plans:
            image, origin = whole, (0, 0)
            if image is None:
                with self.clock("slice"):
                    part = self.cutter.cut(found, *needed(plan, size))
                with self.clock("decode"):
                    if part is not None:
                        image, origin = load_rgb(part.data), (part.top, part.left)
                    else:
                        image = whole = load_rgb(found.data)
            with self.clock("resize"):
                picture = resample(image, origin, plan, size)
                if mirrors and plan["flip"]:
                    picture = picture.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
            pictures.append(picture)
        return pictures

    def mirrors(self, job: Job) -> bool:
        """Whether pictures are mirrored here; else finishing does it, at no cost."""
        return self.decode_only or job.ops is not None

    def _result(
        self, job: Job, pixels: torch.Tensor, planned: Planned, fetched: list[Fetched]
    ) -> Result:
        flips = torch.from_numpy(planned.geometry["flip"].astype(np.uint8))
        if self.mirrors(job):
            flips.zero_()
        images, mixing = pixels.permute(0, 3, 1, 2), job.mixing(0)
        if self.finish_here:
            with self.clock("finish"):
                images = finish_rows(job, mixing, pixels, planned, self.dtype, flips, _shared)
        return Result(
            images=images,
            planned=planned,
            flips=flips,
            mixing=mixing,
            indices=np.array([f.index for f in fetched], np.int64),
            replaced=[f.replaced for f in fetched if f.replaced],
            counts=self.cutter.counts(fetched),
        )


def _shared(shape: tuple[int, ...], dtype: torch.dtype) -> torch.Tensor:
    """An empty tensor that a worker can hand over without copying (as default_collate does it)."""
    if get_worker_info() is None:
        return torch.empty(shape, dtype=dtype)
    count = int(np.prod(shape))
    storage = torch.UntypedStorage._new_shared(count * dtype.itemsize)  # type: ignore[no-untyped-call]
    return torch.empty(0, dtype=dtype).set_(storage).view(-1)[:count].view(shape)


def _workers_context() -> BaseContext:
    """Workers fork from a server that has imported what they need: they start in milliseconds.

    Not from this process: forking one that has threads, CUDA or numba running can hang. As always
    with `forkserver`, a script that is run needs `if __name__ == "__main__":` around what it does.
    """
    context = get_context("forkserver")
    context.set_forkserver_preload([__name__])
    return context


def _received(batches: Iterable[Result]) -> Iterator[Result]:
    """What the workers hand over. FasttricksError if one is gone or has no room for that."""
    try:
        yield from batches
    except (RuntimeError, OSError) as error:
        said = str(error).strip().splitlines()[-1].partition(". ")[0]
        if not any(sign in str(error) for sign in _NO_ROOM):
            raise
        raise FasttricksError(
            f"torchvision's workers cannot go on ({said}). They hand batches over in /dev/shm: if "
            "it is small (df -h /dev/shm), start the container with a larger --shm-size, or take "
            "fewer workers (num_threads), or roi, which needs none; if not, memory ran out"
        ) from None


class Steps(Sampler[Job]):
    """What the next iteration is to make; set before DataLoader is iterated."""

    def __init__(self) -> None:
        self.jobs: list[Job] = []

    def __iter__(self) -> Iterator[Job]:
        return iter(self.jobs)

    def __len__(self) -> int:
        return len(self.jobs)


class TorchvisionLoader(Loader):
    """PIL in DataLoader workers (`forkserver`), one worker per thread asked for."""

    name = "torchvision"
    edge = "renormalise"
    clip = "each"

    def __init__(self, samples: Samples, options: Options) -> None:
        super().__init__(samples, options)
        self._steps = Steps()
        self._transfer = Transfer(options.device)
        self._loader: DataLoader[Result] | None = DataLoader(
            PlannedBatches(samples, options),
            batch_size=None,
            sampler=self._steps,
            num_workers=options.num_threads,
            multiprocessing_context=_workers_context(),
            persistent_workers=True,
            prefetch_factor=PREFETCH,
            pin_memory=options.device.type == "cuda",
        )

    def _run(self, job: Job) -> Generator[Batch]:
        if self._loader is None:
            raise RuntimeError("this loader is closed")
        self._steps.jobs = [job.only(step) for step in range(len(job.batches))]
        for result in _received(self._loader):
            if isinstance(result, Exception):
                raise result
            result.images = self._on_device(job, result)
            yield result

    def _on_device(self, job: Job, result: Result) -> torch.Tensor:
        if self.options.device.type == "cpu":
            return result.images
        if self.options.work == "decode":
            return self._transfer(result.images)[0]
        return finish_rows(
            job,
            result.mixing,
            result.images.permute(0, 2, 3, 1),
            result.planned,
            self.options.dtype,
            result.flips,
            transfer=self._transfer,
        )

    def stages(self, count: int) -> dict[str, float]:
        """As `Loader.stages`."""
        batches = PlannedBatches(self.dataset, self.options)
        job = self._job(0, self._slices(0, 0)[: -(-count // self.options.samples_per_step)])
        for _ in range(2):  # the first pass warms up
            batches.clock = Clock()
            for step in range(len(job.batches)):
                result = batches[job.only(step)]
                if isinstance(result, Exception):
                    raise result
        return batches.clock.per_image(sum(map(len, job.batches)) * self.options.views)

    def close(self) -> None:
        """Stop the workers."""
        super().close()
        self._loader = None
