"""What `fasttricks eval` does: weights, pictures, one pass, the numbers."""

from __future__ import annotations

import json
from dataclasses import asdict, replace
from typing import TYPE_CHECKING, Any

from fasttricks.files import check_writable, replacing
from fasttricks.kernels.augment import Augment
from fasttricks.models.inception import InceptionV3
from fasttricks.pipelines.loader import Loader
from fasttricks.pipelines.registry import make_loader
from fasttricks.precision import Precision
from fasttricks.train.build import layout
from fasttricks.train.checkpoint import file_of
from fasttricks.train.classes import label_map
from fasttricks.train.config import AugmentConfig
from fasttricks.train.distributed import World, join
from fasttricks.train.evaluate import evaluate, throughput
from fasttricks.train.normalize import CONSTANTS
from fasttricks.train.weights import Trained, load_trained, outputs_of
from fasttricks.tricks.fixres import evaluation_size
from fasttricks.tricks.mixed_precision import MixedPrecision
from fasttricks.versions import versions

if TYPE_CHECKING:
    from fasttricks.commands.eval import Eval


def run(options: Eval) -> int:
    """Evaluate, print and write the numbers."""
    if options.json is not None:
        check_writable(options.json)
    path = file_of(options.checkpoint, best=options.best)
    trained = load_trained(path, options.model, average=options.average)
    with join(options.device) as world:
        model = layout(trained.model, world.device)
        with loader_of(
            trained,
            options.data,
            world,
            pipeline=options.pipeline,
            batch_size=options.batch_size,
            size=options.size,
            dtype=options.dtype,
            crop=options.crop,
            interpolation=options.interpolation,
            normalize=options.normalize,
        ) as loader:
            relabel = label_map(trained.classes, loader.dataset, outputs_of(trained))
            metrics = evaluate(
                model, loader, dtype=options.dtype, flip=options.flip, relabel=relabel
            )
        facts: dict[str, Any] = {
            "mode": "eval",
            "checkpoint": str(path),
            "data": str(options.data),
            "model": trained.name,
            "averaged": trained.averaged,
            "flip": options.flip,
            "dtype": options.dtype,
            "interpolation": loader.options.augment.interpolation,
            "mean": loader.options.augment.mean,
            "std": loader.options.augment.std,
            "size_as_trained": size_as_trained(trained),
            "crop_ratio": loader.options.augment.crop_ratio,
            **asdict(metrics),
            "device": world.device.type,
            "processes": world.size,
            "versions": versions(),
        }
        if options.throughput and world.first:  # of one device; the others wait at the end
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
        f"resized {facts['interpolation']}, crop {facts['crop_ratio']:g}",
        "averaged weights" if facts["averaged"] else "",
        "mean of each picture and its mirror image" if facts["flip"] else "",
        facts["dtype"] if facts["dtype"] != "float32" else "",
    ]
    lines = [
        f"{facts['model']} of {facts['checkpoint']}: {metrics}",
        f"  {', '.join(filter(None, how))}",
        f"  {_rate(facts['images_per_s'])} images/s, loading included",
    ]
    if facts.get("size_as_trained") not in (None, facts["size"]):
        lines.append(
            f"  objects look as large as in training at {facts['size_as_trained']} px: see --size "
            "and `fasttricks tricks fixres`"
        )
    if "inference_images_per_s" in facts:
        rate = _rate(facts["inference_images_per_s"])
        lines.append(f"  {rate} images/s inference alone, batch 64 at {facts['size']} px")
    return "\n".join(lines)


def _rate(images_per_s: float) -> str:
    return f"{images_per_s:.0f}" if images_per_s >= 1 else "<1"


def loader_of(
    trained: Trained,
    data: Any,
    world: World,
    *,
    pipeline: str,
    batch_size: int,
    size: int,
    dtype: Precision,
    crop: float = 0.0,
    interpolation: str = "auto",
    normalize: str = "auto",
) -> Loader:
    """Pictures of this process, as they are, normalised as those that the weights were made with.

    Args:
        data: as `make_loader` takes it.
        batch_size: over all processes.
        size, crop: 0: as in the recipe, else the model's own side and 0.875.
        interpolation: "auto": as in the recipe, else bilinear; recipes of older versions, too.
        normalize: a name in `CONSTANTS`, or "auto": as `normalization` says.
    """
    recipe = trained.recipe
    as_trained = recipe.get("augment", {})
    mean, std = CONSTANTS[normalization(trained) if normalize == "auto" else normalize]
    augment = Augment(mean=mean, std=std)
    filter_name = as_trained.get("interpolation", augment.interpolation)
    augment = replace(
        augment,
        crop_ratio=crop or as_trained.get("crop_ratio", augment.crop_ratio),
        interpolation=filter_name if interpolation == "auto" else interpolation,
    )
    own = getattr(trained.model, "input_size", 224)
    return make_loader(
        pipeline,
        data,
        batch_size=max(1, batch_size // world.size),
        train=False,
        size=size or recipe.get("data", {}).get("eval_size") or own,
        device=world.device,
        dtype=MixedPrecision(dtype, world.device.type).dtype,
        augment=augment,
        rank=world.rank,
        world_size=world.size,
        num_threads=world.threads,
    )


def normalization(trained: Trained) -> str:
    """The name in `CONSTANTS` of what the weights were trained with.

    Inception-V3 of torchvision (whose model makes that of torch's own, `transform_input`), of timm
    and of TensorFlow wants pixels in [-1, 1]; gluon-cv's (timm's `inception_v3.gluon_in1k`) does
    not, and its weights do not tell.
    """
    if trained.recipe:
        named = trained.recipe.get("augment", {}).get("normalize", AugmentConfig().normalize)
        return str(named)
    return "half" if isinstance(trained.model, InceptionV3) else "torch"


def size_as_trained(trained: Trained) -> int | None:
    """The evaluation size at which objects look as large as in training (FixRes); None if the
    recipe is not known."""
    recipe = trained.recipe
    data, augment = recipe.get("data", {}), recipe.get("augment", {})
    if "size" not in data:
        return None
    last = (data.get("progressive") or (data["size"],))[-1]
    usual = AugmentConfig()
    return evaluation_size(
        last,
        area=(augment.get("area", usual.area), 1.0),
        crop_ratio=augment.get("crop_ratio", usual.crop_ratio),
    )
