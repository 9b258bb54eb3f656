"""torchvision's own ImageNet recipe: ImageFolder, RandomResizedCrop and DataLoader workers.

Source: pytorch/examples, `imagenet/main.py` (transforms and loader). That recipe has no colour; for
`--work full` torchvision's ColorJitter is added. Workers stay alive between epochs.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import TYPE_CHECKING

import torch
from torch.utils.data import DataLoader
from torchvision import transforms
from torchvision.datasets import ImageFolder

if TYPE_CHECKING:
    from fasttricks.bench.child import Facts, Settings

NORMALISE = transforms.Normalize(mean=[0.485, 0.456, 0.406], std=[0.229, 0.224, 0.225])
DOES = (
    "decode, crop, resize, flip",
    "decode, resize, centre crop",
    "ColorJitter (brightness, saturation, hue), no PCA lighting",
)


def transform(settings: Settings) -> transforms.Compose:
    """The transform of the recipe up to the level of work."""
    size = settings["size"]
    if settings["train"]:
        steps = [transforms.RandomResizedCrop(size), transforms.RandomHorizontalFlip()]
    else:
        steps = [transforms.Resize(round(size / 0.875)), transforms.CenterCrop(size)]
    if settings["work"] == "decode":
        return transforms.Compose([*steps, transforms.PILToTensor()])
    if settings["work"] == "full" and settings["train"]:
        steps.append(transforms.ColorJitter(brightness=0.4, saturation=0.4, hue=0.2))
    return transforms.Compose([*steps, transforms.ToTensor(), NORMALISE])


def batches(settings: Settings, facts: Facts) -> Iterator[torch.Tensor]:
    """Epoch after epoch of the recipe's DataLoader."""
    facts["does"] = DOES
    dataset = ImageFolder(settings["root"], transform(settings))
    dataset.samples = dataset.samples * settings["repeat"]
    on_gpu = settings["device"] == "cuda"
    loader = DataLoader(
        dataset,
        batch_size=settings["batch_size"],
        shuffle=settings["train"],
        num_workers=settings["threads"],
        pin_memory=on_gpu,
        drop_last=settings["train"],
        persistent_workers=True,
    )
    facts["ahead"] = 2 * settings["threads"] + 2
    for _ in itertools.count():
        for images, _ in loader:
            yield images.to("cuda", non_blocking=True) if on_gpu else images
