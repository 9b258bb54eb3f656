"""DALI's own ImageNet recipe: file reader, random-crop decoder, resize, crop_mirror_normalize.

Source: NVIDIA/DALI, `docs/examples/use_cases/pytorch/resnet50/main.py`. Crops are drawn with the
operator's defaults (area 0.08 to 1, aspect 3/4 to 4/3), as in all other rows, where that script
has area 0.1 to 1 and aspect 0.8 to 1.25.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import torch
from nvidia.dali import fn, pipeline_def, types
from nvidia.dali.plugin.pytorch import DALIGenericIterator, LastBatchPolicy

if TYPE_CHECKING:
    from fasttricks.bench.child import Facts, Settings

MEAN = [0.485 * 255, 0.456 * 255, 0.406 * 255]
STD = [0.229 * 255, 0.224 * 255, 0.225 * 255]
PREFETCH = 2
DOES = (
    "decode of the crop, resize, flip",
    "decode, resize, centre crop",
    "color_twist (brightness, saturation, hue), no PCA lighting",
)


@pipeline_def
def graph(settings: Settings) -> Any:
    """The recipe's graph up to the level of work; gives pictures only."""
    size, train = settings["size"], settings["train"]
    decoder, device = ("mixed", "gpu") if settings["device"] == "cuda" else ("cpu", "cpu")
    encoded, _ = fn.readers.file(
        file_root=settings["root"],
        random_shuffle=train,
        pad_last_batch=True,
        dont_use_mmap=settings["cold"],
        name="Reader",
    )
    flip: Any = False
    if train:
        images = fn.decoders.image_random_crop(
            encoded,
            device=decoder,
            output_type=types.RGB,
            random_area=[0.08, 1.0],
            random_aspect_ratio=[3 / 4, 4 / 3],
            num_attempts=100,
        )
        interpolation = types.INTERP_TRIANGULAR
        images = fn.resize(images, resize_x=size, resize_y=size, interp_type=interpolation)
        flip = fn.random.coin_flip(probability=0.5)
    else:
        images = fn.decoders.image(encoded, device=decoder, output_type=types.RGB)
        images = fn.resize(
            images,
            size=round(size / 0.875),
            mode="not_smaller",
            interp_type=types.INTERP_TRIANGULAR,
        )
    if settings["work"] == "decode":
        if train:
            return fn.flip(images, horizontal=flip)
        return fn.crop(images, crop=(size, size))
    if settings["work"] == "full" and train:
        images = fn.color_twist(
            images,
            brightness=fn.random.uniform(range=(0.6, 1.4)),
            saturation=fn.random.uniform(range=(0.6, 1.4)),
            hue=fn.random.uniform(range=(-72.0, 72.0)),
        )
    half = settings["dtype"] == "float16"
    return fn.crop_mirror_normalize(
        images,
        device=device,
        dtype=types.FLOAT16 if half else types.FLOAT,
        output_layout="CHW",
        crop=(size, size),
        mean=MEAN,
        std=STD,
        mirror=flip,
    )


def batches(settings: Settings, facts: Facts) -> Iterator[torch.Tensor]:
    """The pipeline through DALI's PyTorch iterator; its reader goes round by itself."""
    facts["does"] = DOES
    facts["ahead"] = 2 * PREFETCH + 2
    pipeline = graph(
        settings,
        batch_size=settings["batch_size"],
        num_threads=settings["threads"],
        device_id=0 if settings["device"] == "cuda" else None,
        prefetch_queue_depth=PREFETCH,
        seed=0,
    )
    # Without a size or a reader's name the iterator never ends an epoch.
    loader = DALIGenericIterator(
        pipeline, ["images"], size=-1, last_batch_policy=LastBatchPolicy.FILL
    )
    for outputs in loader:
        yield outputs[0]["images"]
