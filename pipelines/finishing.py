"""From uint8 pictures to what the network eats: the same last steps for every pipeline."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import torch

from fasttricks.kernels.finish import finish
from fasttricks.kernels.mix.description import words
from fasttricks.kernels.mix.kinds import has_noise, pictures_per_output
from fasttricks.kernels.mix.plan import Mixing
from fasttricks.kernels.ops.batch import apply_ops_batch
from fasttricks.kernels.plan import SAMPLE, plan_batch
from fasttricks.kernels.plan_ops import plan_ops_batch
from fasttricks.pipelines.job import Job, view_rows
from fasttricks.pipelines.transfer import Transfer

_NONE = np.empty(0, SAMPLE)


class Planned(NamedTuple):
    """The plan of R rows, view-major, of r samples."""

    matrices: npt.NDArray[np.float32]
    """[R, 3, 4]"""
    ops: npt.NDArray[np.void] | None = None
    """STEP [R, STEPS]: what is done to the uint8 pixels; None: nothing, to none of them."""
    geometry: npt.NDArray[np.void] = _NONE
    """SAMPLE [R]; finishing does not look at it."""

    def row(self, row: int) -> Planned:
        """The plan of one row."""
        return Planned(*(None if part is None else part[row : row + 1] for part in self))  # type: ignore[arg-type]


def plan_rows(
    job: Job, samples: npt.ArrayLike, heights: npt.ArrayLike, widths: npt.ArrayLike
) -> Planned:
    """Plan samples of pictures of these sizes, int64 [r] each, in all of their views."""
    rows, views = view_rows(np.asarray(samples, np.int64), job.views)
    sides = np.tile(heights, job.views), np.tile(widths, job.views)
    geometry, matrices = plan_batch(job.seed, job.epoch, rows, views, *sides, job.params)
    return Planned(matrices, plan_ops_of(job, samples), geometry)


def plan_ops_of(job: Job, samples: npt.ArrayLike) -> npt.NDArray[np.void] | None:
    """What is done to the uint8 pixels of samples, int64 [r], in all views: `Planned.ops`."""
    if job.ops is None:
        return None
    rows = view_rows(np.asarray(samples, np.int64), job.views)
    return plan_ops_batch(job.seed, job.epoch, *rows, job.ops)


def joined(plans: list[Planned]) -> Planned:
    """The plan of several samples from the plans of one each, all of as many views."""
    geometry = np.stack([plan.geometry for plan in plans], 1).reshape(-1)
    matrices = np.stack([plan.matrices for plan in plans], 1).reshape(-1, 3, 4)
    drawn = [plan.ops for plan in plans if plan.ops is not None]
    ops = np.stack(drawn, 1).reshape(len(geometry), -1) if drawn else None
    return Planned(matrices, ops, geometry)


def finish_rows(
    job: Job,
    mixing: Mixing | None,
    pixels: torch.Tensor,
    planned: Planned,
    dtype: torch.dtype,
    flip: torch.Tensor | None = None,
    empty: Callable[[tuple[int, ...], torch.dtype], torch.Tensor] | None = None,
    threads: Threads | None = None,
    transfer: Transfer | None = None,
) -> torch.Tensor:
    """Finish the pictures of a step: operations on uint8, colour, normalise, mix.

    Args:
        job: which one the step belongs to.
        mixing: what the job drew for the step.
        pixels: uint8 [R, size, size, 3] on any device; changed by `ops`.
        planned: of all rows of the step.
        dtype: float32, float16 or bfloat16.
        flip: uint8 [R], which to mirror; None if they are already, as `ops` need them.
        empty: gives memory for the result, of a shape and dtype on the CPU; by default torch's.
        threads: to share the work on the CPU; by default it is done in the calling thread.
        transfer: takes what is on the CPU to its device, where it is finished.

    Returns:
        [B, 3, size, size], channels_last, on the device of the pixels, or of the transfer.
    """
    if flip is None:
        flip = torch.zeros(len(pixels), dtype=torch.uint8, device="cpu")
    inputs = [pixels, torch.from_numpy(planned.matrices), flip]
    if mixing is not None:
        inputs.append(torch.from_numpy(words(mixing.mixes)))
    if transfer is not None:
        inputs = transfer(*inputs)
    pixels = inputs[0]
    matrices, flip, *mix = (one.to(pixels.device, non_blocking=True) for one in inputs[1:])
    ops = planned.ops
    if ops is not None:
        pixels = pixels.contiguous()
        in_parts(
            lambda rows: apply_ops_batch(pixels[rows], ops[rows]),
            len(pixels),
            threads,
        )
    samples = len(pixels) // job.views
    made = job.views * -(-samples // pictures_per_output(job.mix)), *pixels.shape[1:]
    if empty is None or pixels.device.type != "cpu":
        room = torch.empty(made, dtype=dtype, device=pixels.device)
    else:
        room = empty(made, dtype)
    out = room.permute(0, 3, 1, 2)

    def part(rows: slice) -> None:
        if not mix:
            finish(pixels[rows], matrices[rows], flip[rows], dtype, out[rows])
        else:
            noise = has_noise(job.mix)
            finish(
                pixels, matrices, flip, dtype, out[rows], mix[0][rows], noise=noise, checked=True
            )

    in_parts(part, len(out), threads)
    return out


class Threads(NamedTuple):
    """Threads of a pool that a batch is shared among."""

    pool: ThreadPoolExecutor
    number: int


def in_parts(do: Callable[[slice], object], rows: int, threads: Threads | None) -> None:
    """Do all rows, in contiguous parts whose sizes differ by at most one."""
    if threads is None:
        do(slice(0, rows))
        return
    ends = [rows * part // threads.number for part in range(threads.number + 1)]
    list(threads.pool.map(do, [slice(begin, end) for begin, end in pairwise(ends)]))
