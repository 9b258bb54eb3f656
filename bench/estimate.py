"""How long a training takes on several GPUs, from what `fasttricks bench --train` measured on one.

    python -m fasttricks.bench.estimate one-gpu.json --gpus 8 [--efficiency 0.95]

An estimate, with these assumptions: the measurement had one GPU's share of the batch and of the
cores; disk and memory carry all processes at once; a step on all GPUs takes 1 / efficiency times
as long as on one. Evaluation, checkpoints and compilation come on top.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import tyro

from fasttricks.bench.train.measure import CACHED, TRAINING
from fasttricks.errors import DataError, FasttricksError
from fasttricks.train.recipes import RECIPES

IMAGENET = 1_281_167
"""Training pictures of ILSVRC2012."""
HEADER = ("pipeline", "images/s", "epoch, s", "all, h", "all, h, loader free")


@dataclass(frozen=True)
class Config:
    """What is estimated."""

    results: tyro.conf.Positional[Path]
    """A file that `fasttricks bench --train --device cuda --json` wrote on one GPU."""
    gpus: int = 8
    """That train together, each with a batch as large as the one that was measured."""
    pictures: int = IMAGENET
    """Of an epoch."""
    epochs: int | None = None
    """Of the training; default: the recipe's."""
    efficiency: float = 1.0
    """Step time on one GPU over that on all, in (0, 1]. 1 means that exchanging gradients costs
    nothing, so the estimate is a lower bound of the time."""

    def check(self) -> None:
        """Raises ValueError: a number is out of range."""
        for name in ("gpus", "pictures"):
            if getattr(self, name) < 1:
                raise ValueError(f"--{name} must be at least 1; got {getattr(self, name)}")
        if self.epochs is not None and self.epochs < 1:
            raise ValueError(f"--epochs must be at least 1; got {self.epochs}")
        if not 0 < self.efficiency <= 1:
            raise ValueError(f"--efficiency must lie in (0, 1]; got {self.efficiency}")


@dataclass(frozen=True)
class Estimate:
    """Of one pipeline."""

    pipeline: str
    images_per_s: float
    """Of all GPUs together."""
    epoch_s: float
    """Training alone."""
    hours: float
    """All epochs."""
    unfed_hours: float
    """The same if loading cost nothing: what a better loader could win at most."""


def read(path: Path) -> list[dict[str, Any]]:
    """The rows of a measurement of training on a GPU.

    Raises:
        DataError: it cannot be read, or is something else.
    """
    try:
        rows = [json.loads(line) for line in path.read_text().splitlines()]
    except (OSError, ValueError) as error:
        raise DataError(f"cannot read {path}: {error}") from error
    if not rows or not all(isinstance(row, dict) and "step_ms" in row for row in rows):
        raise DataError(f"{path} was not written by fasttricks bench --train")
    if rows[0]["device"] != "cuda":
        raise DataError(
            f"{path} was measured on {rows[0]['device']}, where loader and step share the cores; "
            "an estimate for GPUs needs --device cuda"
        )
    return rows


def estimates(rows: Sequence[dict[str, Any]], config: Config) -> list[Estimate]:
    """One for each pipeline that was measured with the step."""
    recipe = RECIPES[rows[0]["recipe"]].make()
    a_step = rows[0]["batch_size"] * config.gpus * recipe.mix.pictures_per_output
    steps = config.pictures // a_step  # a short batch is left out
    if not steps:
        raise ValueError(f"{config.pictures} pictures are fewer than one batch of all GPUs")
    epochs = config.epochs or recipe.schedule.epochs
    alone = next(row["step_ms"] for row in rows if row["kind"] == CACHED)
    found = []
    for row in rows:
        if row["kind"] == TRAINING:
            step_s, unfed_s = (ms / 1e3 / config.efficiency for ms in (row["step_ms"], alone))
            found.append(
                Estimate(
                    pipeline=row["pipeline"],
                    images_per_s=row["batch_size"] * config.gpus / step_s,
                    epoch_s=steps * step_s,
                    hours=epochs * steps * step_s / 3600,
                    unfed_hours=epochs * steps * unfed_s / 3600,
                )
            )
    return found


def main(config: Config) -> None:
    """Read, compute, print."""
    from rich.console import Console

    from fasttricks.bench.table import write_table

    config.check()
    rows = read(config.results)
    found = estimates(rows, config)
    first = rows[0]
    print(
        f"recipe {first['recipe']}: {first['model']}, {first['size']} px, {first['precision']}, "
        f"{config.gpus} x {first['batch_size']} pictures a step, {config.pictures:,} an epoch, "
        f"efficiency {config.efficiency:g} (assumed)"
    )
    lines = [
        [
            one.pipeline,
            f"{one.images_per_s:,.0f}",
            f"{one.epoch_s:,.1f}",
            f"{one.hours:,.2f}",
            f"{one.unfed_hours:,.2f}",
        ]
        for one in found
    ]
    write_table(Console(), HEADER, lines)


if __name__ == "__main__":
    try:
        main(tyro.cli(Config))
    except (FasttricksError, ValueError) as error:
        sys.exit(f"fasttricks: error: {error}")
