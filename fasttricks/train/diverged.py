"""The end of a run whose loss or weights are not finite any more: what is kept, what is said."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

import numpy as np

from fasttricks.errors import FasttricksError
from fasttricks.train.checkpoint import Checkpoints
from fasttricks.train.step import NEVER

if TYPE_CHECKING:
    from fasttricks.train.trainer import Trainer

FOLDER = "diverged"
SHOWN = 16
"""Samples that the message names; the log and the checkpoint name all."""


class DivergedError(FasttricksError):
    """Loss or weights are not finite any more. The message names step, samples and checkpoints."""


class DivergedElsewhere(SystemExit):
    """The same in the other processes, which it ends without a word: one speaks for all."""


def stop_diverged(trainer: Trainer) -> NoReturn:
    """Save what there is, say with which samples it began, and raise; in all processes at once.

    The checkpoint lies apart from the others, so that --resume does not go on from broken weights.

    Raises:
        DivergedError: in the first process.
        DivergedElsewhere: in the others.
    """
    world, recipe, training = trainer.world, trainer.recipe, trainer.training
    firsts = [n for n in world.gather(training.train_step.losses.first_bad()) if n != NEVER]
    step = min(firsts, default=trainer.steps_done - 1)  # or the last one broke the weights
    epoch, within = divmod(step, training.steps_per_epoch)
    parts = range(within * recipe.accumulate, (within + 1) * recipe.accumulate)
    batches = [training.loader.indices(epoch, part) for part in parts]
    samples = [int(i) for one in world.gather(np.concatenate(batches)) for i in one]
    apart = Checkpoints(Path(recipe.folder) / FOLDER, keep=1)
    saved = trainer.save(into=apart, diverged={"step": step, "samples": samples})
    trainer.log.write("diverged", step=step, epoch=epoch, samples=samples)
    if not world.first:
        raise DivergedElsewhere(2)
    trainer.checkpoints.drop(trainer.steps_done)
    what = "the loss is" if firsts else "the weights, or the losses that they give, are"
    where = "at" if firsts else "after"
    raise DivergedError(
        f"{what} not finite {where} step {step} (epoch {epoch}), whose batch has the samples "
        f"{_shortened(samples)}; the weights after {trainer.steps_done} steps are in {saved}, the "
        f"last good checkpoint is {trainer.checkpoints.latest() or 'none yet'}: try a smaller "
        "learning rate or a longer warm-up"
    )


def _shortened(numbers: list[int]) -> str:
    shown = ", ".join(map(str, numbers[:SHOWN]))
    return shown if len(numbers) <= SHOWN else f"{shown}, ... ({len(numbers)} in all)"
