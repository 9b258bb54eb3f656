"""What `fasttricks eval` does: weights, pictures, one pass, the numbers."""

from __future__ import annotations

import json
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from fasttricks.errors import DataError
from fasttricks.files import check_writable, replacing
from fasttricks.kernels.augment import Augment
from fasttricks.pipelines.loader import Loader
from fasttricks.pipelines.registry import make_loader
from fasttricks.train.checkpoint import Checkpoints
from fasttricks.train.data import DTYPES
from fasttricks.train.distributed import World, join
from fasttricks.train.evaluate import evaluate, throughput
from fasttricks.train.weights import Trained, load_trained
from fasttricks.versions import versions

if TYPE_CHECKING:
    from fasttricks.commands.eval import Eval

TORCH_MEAN = (123.675, 116.28, 103.53)
TORCH_STD = (58.395, 57.12, 57.375)
"""What torchvision's and timm's ResNets were trained with; up to 0.5 from the paper's."""


def run(options: Eval) -> int:
    """Evaluate, print and write the numbers."""
    if options.json is not None:
        check_writable(options.json)
    path = file_of(options.checkpoint, best=options.best)
    trained = load_trained(path, options.model, average=options.average)
    with join(options.device) as world:
        model = trained.model.to(world.device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        with loader_of(
            trained,
            options.data,
            world,
            pipeline=options.pipeline,
            batch_size=options.batch_size,
            size=options.size,
            dtype=options.dtype,
            crop=options.crop,
        ) as loader:
            check_classes(trained, loader)
            metrics = evaluate(model, loader, dtype=options.dtype, flip=options.flip)
        facts: dict[str, Any] = {
            "mode": "eval",
            "checkpoint": str(path),
            "data": str(options.data),
            "model": trained.name,
            "averaged": trained.averaged,
            "flip": options.flip,
            "dtype": options.dtype,
            **asdict(metrics),
            "device": world.device.type,
            "processes": world.size,
            "versions": versions(),
        }
        if options.throughput:
            facts["inference_images_per_s"] = throughput(model, metrics.size, dtype=options.dtype)
        if world.first:
            if options.json is not None:  # before a pipe that is closed can end the command
                with replacing(options.json) as part:
                    part.write_text(json.dumps(facts) + "\n")
            print(report(facts, str(metrics)))
    return 0


def report(facts: dict[str, Any], metrics: str) -> str:
    """The numbers in words."""
    how = [
        "averaged weights" if facts["averaged"] else "",
        "mean of each picture and its mirror image" if facts["flip"] else "",
        facts["dtype"] if facts["dtype"] != "float32" else "",
    ]
    lines = [
        f"{facts['model']} of {facts['checkpoint']}: {metrics}",
        *(f"  {', '.join(filter(None, how))}" for _ in range(any(how))),
        f"  {_rate(facts['images_per_s'])} images/s, loading included",
    ]
    if "inference_images_per_s" in facts:
        rate = _rate(facts["inference_images_per_s"])
        lines.append(f"  {rate} images/s inference alone, batch 64 at {facts['size']} px")
    return "\n".join(lines)


def _rate(images_per_s: float) -> str:
    return f"{images_per_s:.0f}" if images_per_s >= 1 else "<1"


def file_of(path: Path, *, best: bool) -> Path:
    """A file as it is; of a run's folder the best checkpoint, or the newest.

    Raises:
        DataError: there is nothing at `path`, or no checkpoint in the folder.
    """
    if not path.exists():
        raise DataError(f"there is nothing at {path}")
    if not path.is_dir():
        return path
    checkpoints = Checkpoints(path)
    found = (checkpoints.best() if best else None) or checkpoints.latest()
    if found is None:
        raise DataError(f"there is no checkpoint in {path}")
    return found


def loader_of(
    trained: Trained,
    data: Any,
    world: World,
    *,
    pipeline: str,
    batch_size: int,
    size: int,
    dtype: str,
    crop: float = 0.0,
) -> Loader:
    """Pictures of this process, as they are, normalised as those that the weights were made with.

    Args:
        data: as `make_loader` takes it.
        batch_size: over all processes.
        size, crop: 0: as in the recipe, else the model's own side and 0.875.
    """
    recipe = trained.recipe
    augment = Augment() if recipe else Augment(mean=TORCH_MEAN, std=TORCH_STD)
    crop_ratio = crop or recipe.get("augment", {}).get("crop_ratio", augment.crop_ratio)
    own = getattr(trained.model, "input_size", 224)
    return make_loader(
        pipeline,
        data,
        batch_size=max(1, batch_size // world.size),
        train=False,
        size=size or recipe.get("data", {}).get("eval_size") or own,
        device=world.device,
        dtype=DTYPES[dtype],
        augment=replace(augment, crop_ratio=crop_ratio),
        rank=world.rank,
        world_size=world.size,
        num_threads=world.threads,
    )


def check_classes(trained: Trained, loader: Loader) -> None:
    """Whether labels mean the same to the weights and to the data.

    Raises:
        DataError: they do not, or targets are no class indices; says where they differ first.
    """
    targets, classes = loader.dataset.targets, loader.dataset.classes
    if targets.ndim != 1 or targets.dtype.kind not in "iu":
        raise DataError("evaluation needs one class index per picture as target")
    if trained.classes and classes and trained.classes != classes:
        pairs = zip(trained.classes, classes, strict=False)
        where = next((i for i, (a, b) in enumerate(pairs) if a != b), None)
        told = (
            f"{len(trained.classes)} classes there, {len(classes)} here"
            if where is None
            else f"class {where} is {trained.classes[where]} there and {classes[where]} here"
        )
        raise DataError(f"the weights were trained for other classes: {told}")
    outputs = _outputs(trained)
    if len(targets) and int(targets.max()) >= outputs:
        raise DataError(f"the data has label {int(targets.max())}, the model {outputs} classes")


def _outputs(trained: Trained) -> int:
    classifier: Any = trained.model.classifier
    return int(classifier.out_features)
