"""FFCV's own ImageNet recipe, from its own file at 500 px: half JPEGs of quality 90, half raw.

Source: libffcv/ffcv-imagenet, `train_imagenet.py` (loaders) and `write_imagenet.sh`. `--work full`
adds FFCV's RandomBrightness and RandomSaturation; it has no hue and no lighting.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from ffcv.fields.rgb_image import CenterCropRGBImageDecoder, RandomResizedCropRGBImageDecoder
from ffcv.loader import Loader, OrderOption
from ffcv.reader import Reader
from ffcv.transforms import (
    NormalizeImage,
    RandomBrightness,
    RandomHorizontalFlip,
    RandomSaturation,
    ToDevice,
    ToTensor,
    ToTorchImage,
)

if TYPE_CHECKING:
    from fasttricks.bench.child import Facts, Settings

MEAN = np.array([0.485, 0.456, 0.406]) * 255
STD = np.array([0.229, 0.224, 0.225]) * 255
AHEAD = 3
DOES = (
    "decode, crop, resize (area), flip",
    "decode, centre crop, resize",
    "brightness, saturation, no hue, no PCA lighting",
)


def batches(settings: Settings, facts: Facts) -> Iterator[torch.Tensor]:
    """Epoch after epoch of FFCV's Loader."""
    count = Reader(settings["pack"]).num_samples
    facts["does"] = DOES
    facts["ahead"] = AHEAD + 3
    loader = Loader(
        settings["pack"],
        batch_size=settings["batch_size"],
        num_workers=settings["threads"],
        order=OrderOption.RANDOM if settings["train"] else OrderOption.SEQUENTIAL,
        os_cache=True,
        drop_last=settings["train"],
        indices=np.tile(np.arange(count, dtype=np.uint64), settings["repeat"]),
        batches_ahead=AHEAD,
        pipelines={"image": _operations(settings), "label": None},
    )
    for _ in itertools.count():
        for (images,) in loader:
            yield images


def _operations(settings: Settings) -> list[Any]:
    shape = (settings["size"], settings["size"])
    on_gpu = settings["device"] == "cuda"
    if settings["train"]:
        operations = [RandomResizedCropRGBImageDecoder(shape), RandomHorizontalFlip()]
    else:
        operations = [CenterCropRGBImageDecoder(shape, ratio=224 / 256)]
    if settings["work"] == "full" and settings["train"]:
        operations += [RandomBrightness(0.4, p=1.0), RandomSaturation(0.4, p=1.0)]
    dtype = np.float16 if settings["dtype"] == "float16" else np.float32
    normalise = [] if settings["work"] == "decode" else [NormalizeImage(MEAN, STD, dtype)]
    if on_gpu:
        device = ToDevice(torch.device("cuda:0"), non_blocking=True)
        return [*operations, ToTensor(), device, ToTorchImage(), *normalise]
    return [*operations, *normalise, ToTensor(), ToTorchImage()]
