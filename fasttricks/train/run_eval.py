"""What `fasttricks eval` does: weights, pictures, one pass, the numbers."""

from __future__ import annotations

from dataclasses import asdict, replace
from typing import TYPE_CHECKING, Any

from fasttricks.files import check_writable, replacing
from fasttricks.kernels.augment import Augment
from fasttricks.pipelines.loader import Loader
from fasttricks.pipelines.registry import make_loader
from fasttricks.train.build import layout
from fasttricks.train.checkpoint import file_of
from fasttricks.train.classes import label_map
from fasttricks.train.distributed import World, join
from fasttricks.train.evaluate import counted_once, evaluate, throughput
from fasttricks.train.log import as_json
from fasttricks.train.normalize import CONSTANTS
from fasttricks.train.weights import Trained, load_trained, outputs_of
from fasttricks.tricks.fixres import evaluation_size
from fasttricks.tricks.mixed_precision import MixedPrecision
from fasttricks.versions import versions

if TYPE_CHECKING:
    from fasttricks.commands.eval import Eval
    from fasttricks.commands.of_trained import OfTrained


def run(options: Eval) -> int:
    """Evaluate, print and write the numbers."""
    if options.json is not None:
        check_writable(options.json)
    path = file_of(options.checkpoint, best=options.best)
    trained = load_trained(path, options.model, average=options.average)
    with join(options.device) as world:
        model = layout(trained.model, world.device)
        augment, on_error = augment_of(trained, options), options.on_error
        with loader_of(trained, options.data, options, world, augment, on_error) as loader:
            relabel = label_map(trained.classes, loader.dataset, outputs_of(trained))
            metrics = evaluate(
                model,
                counted_once(loader),
                size=loader.options.size_at(0),
                dtype=options.dtype,
                flip=options.flip,
                relabel=relabel,
            )
            left_out = sum(world.gather(len(loader.errors)))
        facts: dict[str, Any] = {
            "mode": "eval",
            "checkpoint": str(path),
            "data": str(options.data),
            "model": trained.name,
            "averaged": trained.averaged,
            "flip": options.flip,
            "dtype": options.dtype,
            "interpolation": augment.interpolation,
            "mean": augment.mean,
            "std": augment.std,
            "size_as_trained": size_as_trained(trained),
            "crop_ratio": augment.crop_ratio,
            **asdict(metrics),
            "left_out": left_out,
            "device": world.device.type,
            "processes": world.size,
            "versions": versions(),
        }
        if options.throughput and world.first:  # of one device; the others wait at the end
            facts["inference_images_per_s"] = throughput(model, metrics.size, dtype=options.dtype)
        if world.first:
            if options.json is not None:  # before a pipe that is closed can end the command
                with replacing(options.json) as part:
                    part.write_text(as_json(facts) + "\n")
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
    if facts["left_out"]:
        pictures = "picture" if facts["left_out"] == 1 else "pictures"
        lines.append(f"  without {facts['left_out']:,} {pictures} that could not be decoded")
    if facts["size_as_trained"] not in (None, facts["size"]):
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


def augment_of(trained: Trained, options: Eval) -> Augment:
    """What the weights were trained to see, but for what the command line says of it."""
    changes: dict[str, Any] = {}
    if options.crop:
        changes["crop_ratio"] = options.crop
    if options.interpolation != "auto":
        changes["interpolation"] = options.interpolation
    if options.normalize != "auto":
        changes["mean"], changes["std"] = CONSTANTS[options.normalize]
    return replace(trained.augment, **changes)


def loader_of(
    trained: Trained,
    data: Any,
    options: OfTrained,
    world: World,
    augment: Augment | None = None,
    on_error: str = "raise",
) -> Loader:
    """Pictures of this process, each once and as it is.

    Args:
        data: as `make_loader` takes it.
        options: size 0 is that of the recipe's evaluation, else the model's own.
        augment: None: what the weights were trained to see.
    """
    return make_loader(
        options.pipeline,
        data,
        batch_size=max(1, options.batch_size // world.size),
        train=False,
        size=options.size or trained.size,
        device=world.device,
        dtype=MixedPrecision(options.dtype, world.device.type).dtype,
        augment=augment or trained.augment,
        rank=world.rank,
        world_size=world.size,
        num_threads=world.threads,
        on_error=on_error,
    )


def size_as_trained(trained: Trained) -> int | None:
    """The evaluation size at which objects look as large as in training (FixRes); None if the
    recipe is not known."""
    if not trained.recipe:
        return None
    data, augment = trained.recipe["data"], trained.recipe["augment"]
    last = (data["progressive"] or (data["size"],))[-1]
    return evaluation_size(last, area=(augment["area"], 1.0), crop_ratio=augment["crop_ratio"])
