"""Climb a ladder: every rung with every seed, each a run in a folder of its own.

What is done is in the folders, so a ladder goes on where it was left: finished runs are read, an
unfinished one continues from its newest checkpoint.
"""

from __future__ import annotations

import json
import statistics
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import torch

from fasttricks.errors import DataError
from fasttricks.files import replacing
from fasttricks.models.config import ResNetConfig
from fasttricks.models.names import model_config
from fasttricks.train.build import Build, build_model
from fasttricks.train.config import ModelConfig, Recipe
from fasttricks.train.data import pictures_at_once
from fasttricks.train.distributed import join
from fasttricks.train.diverged import DivergedElsewhere, DivergedError
from fasttricks.train.ladder import Ladder, Planned
from fasttricks.train.log import FILE as LOG
from fasttricks.train.log import read_log
from fasttricks.train.overrides import with_settings
from fasttricks.train.resume import ResumeError, differences
from fasttricks.train.trainer import train

RESULT = "result.json"


@dataclass(frozen=True, kw_only=True)
class Result:
    """What came of a rung with one seed."""

    rung: str
    seed: int
    top1: float | None
    """Of the last epoch, 0 to 1; None where the loss diverged."""
    count: int
    """Pictures that it was evaluated on."""
    images_per_s: float | None
    """Of training, median over the times that the log looked; only the first process knows it."""
    problem: str = ""
    """What the trainer said, in the first process, when the loss diverged."""


def first_recipe(ladder: Ladder, base: Recipe, model: str, settings: Sequence[str]) -> Recipe:
    """The recipe of the ladder's first rung, with another network and settings.

    Args:
        base: the ladder's own, at the length that is wanted.
        model: stands in for the paper's ResNet-50; "" for that itself.
        settings: see `with_settings`.
    """
    if model:
        base = replace(base, model=_stand_in(model, base.model))
    cuda = torch.cuda.is_available() and base.device != "cpu"
    if not cuda:  # the papers' 16 bits are for GPUs; --set precision=... means it all the same
        base = replace(base, device="cpu", precision="float32")
    base = with_settings(base, settings)
    config = model_config(base.model.name, **base.model.overrides())
    if not isinstance(config, ResNetConfig) or config.variant == ladder.variant:
        return base
    options = {**base.model.options, "variant": ladder.variant}
    return replace(base, model=replace(base.model, options=options))


def _stand_in(name: str, model: ModelConfig) -> ModelConfig:
    try:
        return replace(model, name=name)
    except ValueError:  # no residual branches whose gamma could be 0
        return ModelConfig(name=name)


def check_folder(out: Path, *, resume: bool) -> None:
    """Raises ResumeError if there are runs in a folder that are not to be gone on with."""
    if not resume and any(out.glob(f"*/seed-*/{LOG}")):
        raise ResumeError(
            f"{out} holds runs already: go on with them (--resume auto), or choose another folder "
            "(--out)"
        )


def climb_all(
    plan: Sequence[Planned],
    seeds: Sequence[int],
    out: Path,
    *,
    tell: Callable[[str], None] = print,
    build: Build = build_model,
) -> Iterator[Result]:
    """Run whatever is not finished in `out`, all rungs with one seed before the next.

    So what there is when one looks early is the whole ladder with fewer seeds. It ends early
    where a run is asked to stop, and raises what training raises, but that a diverged loss is a
    result, too.

    Under torchrun all processes must call it: they make every run together, in the same order, and
    each gets every result; the first one writes.

    Raises:
        ResumeError: a run in the folder has other settings than it would have now.
        ValueError: a rung's batch cannot be shared out among this many processes.
    """
    runs = [(seed, planned) for seed in seeds for planned in plan if not planned.skipped]
    # One group of processes for all runs: torch may wait without end for one that is made again
    # after another.
    with join(plan[0].recipe.device) as world:
        _check_batches(plan, world.size)
        for number, (seed, planned) in enumerate(runs, 1):
            recipe = run_recipe(planned, seed, out)
            result = finished(recipe, planned.name, seed)
            if result is None:
                what = f"{planned.name} ({planned.rung.what}), seed {seed}"
                tell(f"run {number} of {len(runs)}: {what}")
                result = _run(recipe, planned.name, seed, build, first=world.first)
            if result is None:  # asked to stop
                return
            yield result


def _check_batches(plan: Sequence[Planned], processes: int) -> None:
    """Say before the first rung is trained what the loader would say when a later one begins."""
    for planned in plan:
        try:
            pictures_at_once(planned.recipe, processes)
        except ValueError as error:
            raise ValueError(f"{planned.name}: {error}") from None


def run_recipe(planned: Planned, seed: int, out: Path) -> Recipe:
    """The recipe of one run; only its last epoch is evaluated."""
    return replace(
        planned.recipe,
        name=planned.name,
        seed=seed,
        out=str(out / planned.name / f"seed-{seed}"),
        resume="auto",
        keep=1,
        eval_every=planned.recipe.schedule.epochs,
    )


def finished(recipe: Recipe, rung: str, seed: int) -> Result | None:
    """What came of a run if it has ended.

    Raises:
        ResumeError: it was run with other settings.
        DataError: its result cannot be read.
    """
    path = Path(recipe.folder) / RESULT
    if not path.exists():
        return None
    try:
        kept = json.loads(path.read_text())
        then, values = kept["recipe"], kept["result"]
        result = Result(**{**values, "rung": rung, "seed": seed})
    except (ValueError, KeyError, TypeError) as error:
        raise DataError(f"{path} is no result of `fasttricks ablate`: {error!r}") from error
    if changes := list(differences(then, _plain(recipe))):
        raise ResumeError(
            f"{recipe.folder} was run with other settings: {'; '.join(changes)}; choose another "
            "folder (--out)"
        )
    return result


def _run(recipe: Recipe, rung: str, seed: int, build: Build, *, first: bool) -> Result | None:
    """Train to the end and keep what came of it; None if it was asked to stop.

    Args:
        first: whether this process is the one that writes.
    """
    result = Result(rung=rung, seed=seed, top1=None, count=0, images_per_s=None)
    try:
        outcome = train(recipe, build)
    except (DivergedError, DivergedElsewhere) as error:
        result = replace(result, problem=str(error))
    else:
        if outcome.stopped:
            return None
        if outcome.metrics is None:
            raise DataError("a ladder needs pictures to evaluate on: --val")
        result = replace(result, top1=outcome.metrics.top1, count=outcome.metrics.count)
    if first:
        rate = None if result.problem else _rate(Path(recipe.folder))
        result = replace(result, images_per_s=rate)
        _keep(recipe, result)
    return result


def _keep(recipe: Recipe, result: Result) -> None:
    """Write the result; the file appears complete or not at all."""
    with replacing(Path(recipe.folder) / RESULT) as part:
        part.write_text(json.dumps({"recipe": _plain(recipe), "result": asdict(result)}, indent=1))


def _plain(recipe: Recipe) -> dict[str, Any]:
    """A recipe as JSON gives it back."""
    values: dict[str, Any] = json.loads(json.dumps(recipe.as_dict()))
    return values


def _rate(folder: Path) -> float | None:
    rates = [line["images_per_s"] for line in read_log(folder) if line["kind"] == "step"]
    return statistics.median(rates) if rates else None
