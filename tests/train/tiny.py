"""Networks and recipes small enough to train in a test."""

from dataclasses import replace

from torch import nn

from fasttricks.train.config import (
    AugmentConfig,
    DataConfig,
    ModelConfig,
    OptimConfig,
    Recipe,
    ScheduleConfig,
)

MOBILENET = ModelConfig(name="mobilenet_v1_025")
"""A network that our checkpoints can be loaded into, for lack of a smaller one."""


def plain(recipe, classes):
    """No BatchNorm, so that the parts of a batch do not see each other."""
    return nn.Sequential(
        nn.Conv2d(3, 8, 5, stride=4), nn.ReLU(), nn.AdaptiveAvgPool2d(2), nn.Flatten(),
        nn.Linear(32, classes),
    )  # fmt: skip


def normed(recipe, classes):
    """With BatchNorm and dropout: statistics and random numbers that must survive."""
    return nn.Sequential(
        nn.Conv2d(3, 8, 5, stride=4), nn.BatchNorm2d(8), nn.ReLU(), nn.Dropout(0.2),
        nn.AdaptiveAvgPool2d(2), nn.Flatten(), nn.Linear(32, classes),
    )  # fmt: skip


def recipe(folder, out, **changes):
    """4 steps an epoch of 8 pictures of 32 pixels each, on the 37 of `picture_folder`."""
    schedule = {"epochs": 3, "kind": "cosine", "warmup_epochs": 1.0}
    given = {
        "data": {"batch_size": 8, "size": 32, "eval_size": 32, "eval_batch_size": 16},
        "optim": {"lr": 0.05},
        "schedule": schedule,
    }
    for part in given:
        given[part] |= changes.pop(part, {})
    base = Recipe(
        name="tiny",
        out=str(out),
        device="cpu",
        log_every=2,
        data=DataConfig(
            path=str(folder), val=str(folder), pipeline="resident", threads=1, **given["data"]
        ),
        augment=AugmentConfig(color="none"),
        optim=OptimConfig(**given["optim"]),
        schedule=ScheduleConfig(**given["schedule"]),
    )
    return replace(base, **changes)
