"""timm's own training input: `create_dataset` and `create_loader` with its default transform.

Source: huggingface/pytorch-image-models, `train.py` and `timm/data/loader.py`: RandomResizedCrop
with an interpolation drawn per picture (bilinear or bicubic), flip, color jitter 0.4. On a GPU its
prefetcher normalises there; on the CPU it is switched off, as `train.py --no-prefetcher` does.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import timm
import torch
from timm.data import create_dataset, create_loader

if TYPE_CHECKING:
    from fasttricks.bench.child import Facts, Settings
DOES = (
    "decode, crop, resize (bilinear or bicubic), flip",
    "decode, resize, centre crop",
    "color jitter (brightness, contrast, saturation), no PCA lighting",
)


def batches(settings: Settings, facts: Facts) -> Iterator[torch.Tensor]:
    """Epoch after epoch of timm's loader."""
    facts["does"] = DOES
    facts["ahead"] = 2 * settings["threads"] + 3
    facts["versions"] = {"timm": timm.__version__}
    dataset = create_dataset("", root=settings["root"], is_training=settings["train"])
    dataset.reader.samples = dataset.reader.samples * settings["repeat"]
    on_gpu = settings["device"] == "cuda"
    loader: Any = create_loader(
        dataset,
        input_size=(3, settings["size"], settings["size"]),
        batch_size=settings["batch_size"],
        is_training=settings["train"],
        color_jitter=0.4 if settings["work"] == "full" else None,
        interpolation="random" if settings["train"] else "bilinear",
        num_workers=settings["threads"],
        pin_memory=on_gpu,
        img_dtype=getattr(torch, settings["dtype"]),
        device=torch.device(settings["device"]),
        # Its loader for the prefetcher hands over uint8: where work="decode" ends.
        use_prefetcher=on_gpu or settings["work"] == "decode",
    )
    if settings["work"] == "decode":
        loader = loader.loader  # without the prefetcher's normalisation
    for _ in itertools.count():
        for images, _ in loader:
            yield images.to(settings["device"], non_blocking=True)
