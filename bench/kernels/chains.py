"""What people run instead of the finish: chains of operators, each of which reads and writes all.

They take a `finish.Batch` and give [B, 3, size, size] of a dtype. Those that draw random numbers of
their own (torchvision, kornia, DALI) do so in every call, as in training.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cache
from typing import TYPE_CHECKING, Any

import torch
from torch.utils.dlpack import from_dlpack
from torchvision.transforms import v2

from fasttricks.bench.kernels.case import Scale, Way
from fasttricks.installed import is_installed
from fasttricks.kernels.augment import Augment

if TYPE_CHECKING:
    from fasttricks.bench.kernels.finish import Batch

MEAN, STD = Augment().mean, Augment().std
MEAN_1 = [value / 255 for value in MEAN]
STD_1 = [value / 255 for value in STD]
"""On the scale where white is 1."""

OPTIONAL = "kornia", "nvidia.dali", "timm"
"""Packages whose chains are left out where they are not installed."""

Chain = Callable[["Batch"], torch.Tensor]


def chains(scale: Scale, dtype: torch.dtype) -> Iterator[Way]:
    """Those that can be had here and give this dtype."""
    yield Way(name="torch", call=eager(dtype))
    yield Way(
        name="torchvision v2",
        call=torchvision_v2(dtype),
        differs="one draw for the whole batch, HSV colours in uint8, no lighting, NCHW",
    )
    if is_installed("kornia"):
        yield Way(
            name="kornia",
            call=built_when_called(lambda: kornia(scale, dtype)),
            differs="its own draws, HSV colours, no lighting, NCHW",
        )
    if is_installed("nvidia.dali") and dtype != torch.bfloat16:  # which it lacks
        yield Way(
            name="DALI graph",
            call=built_when_called(lambda: dali(scale, dtype)),
            differs="its own draws, colours rounded to uint8, no lighting",
        )


def built_when_called(build: Callable[[], Chain]) -> Chain:
    """A chain that is built by its first call: what its package may fail at is its own failure."""
    built = cache(build)
    return lambda batch: built()(batch)


def eager(dtype: torch.dtype) -> Chain:
    """The same numbers by plain torch operators, in NCHW."""

    def chain(batch: Batch) -> torch.Tensor:
        pixels, matrix = batch.pixels, batch.matrix
        mirrored = torch.where(batch.flip[:, None, None, None], pixels.flip(2), pixels).float()
        coloured = torch.einsum("bck,bhwk->bchw", matrix[:, :, :3], mirrored)
        return (coloured + matrix[:, :, 3, None, None]).to(dtype)

    return chain


def torchvision_v2(dtype: torch.dtype) -> Chain:
    """`torchvision.transforms.v2` on the batch."""
    steps = v2.Compose(
        [
            v2.RandomHorizontalFlip(),
            v2.ColorJitter(brightness=0.4, saturation=0.4, hue=0.2),
            v2.ToDtype(torch.float32, scale=True),
            v2.Normalize(MEAN_1, STD_1),
            v2.ToDtype(dtype),
        ]
    )
    return lambda batch: steps(batch.pixels.permute(0, 3, 1, 2))


def kornia(scale: Scale, dtype: torch.dtype) -> Chain:
    """kornia's augmentations, which draw for each picture."""
    from kornia import augmentation

    steps = augmentation.AugmentationSequential(
        augmentation.RandomHorizontalFlip(),
        augmentation.ColorJiggle(brightness=0.4, saturation=0.4, hue=0.2, p=1.0),
        augmentation.Normalize(torch.tensor(MEAN_1), torch.tensor(STD_1)),
    ).to(scale.device)
    return lambda batch: steps(batch.pixels.permute(0, 3, 1, 2).float() / 255).to(dtype)


def dali(scale: Scale, dtype: torch.dtype) -> Chain:
    """A DALI graph from the pixels on: `color_twist`, then `crop_mirror_normalize`."""
    on_gpu = scale.device.type == "cuda"
    graph = _pipeline(scale, dtype)

    def chain(batch: Batch) -> torch.Tensor:
        stream = torch.cuda.current_stream(scale.device) if on_gpu else None
        pixels = batch.pixels if on_gpu else batch.pixels.numpy()
        (images,) = graph.run(stream, pixels=pixels)
        result: torch.Tensor = from_dlpack(images.as_tensor())
        return result.permute(0, 3, 1, 2)

    return chain


def _pipeline(scale: Scale, dtype: torch.dtype) -> Any:
    from nvidia.dali import Pipeline, fn, types

    device = "gpu" if scale.device.type == "cuda" else "cpu"
    pipeline = Pipeline(
        batch_size=scale.batch_size,
        num_threads=1,
        device_id=scale.device.index,
        prefetch_queue_depth=1,
        exec_dynamic=True,  # outputs are not written again
        seed=0,
    )
    with pipeline:
        pixels = fn.external_source(
            name="pixels", device=device, batch=True, no_copy=True, layout="HWC"
        )
        images = fn.color_twist(
            pixels,
            brightness=fn.random.uniform(range=(0.6, 1.4)),
            saturation=fn.random.uniform(range=(0.6, 1.4)),
            hue=fn.random.uniform(range=(-72.0, 72.0)),
        )
        images = fn.crop_mirror_normalize(
            images,
            mirror=fn.random.coin_flip(),
            mean=list(MEAN),
            std=list(STD),
            dtype=types.FLOAT16 if dtype == torch.float16 else types.FLOAT,
            output_layout="HWC",
        )
        pipeline.set_outputs(images)
    return pipeline
