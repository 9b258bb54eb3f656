"""How long a training takes on several GPUs, from what `fasttricks bench --train` measured on one.

    python -m fasttricks.bench.estimate one-gpu.json --gpus 8 [--efficiency 0.95]

An estimate, with these assumptions: the measurement had one GPU's share of the batch and of the
cores; disk and memory carry all processes at once; a step on all GPUs takes 1 / efficiency times
as long as on one. Evaluation, checkpoints and compilation come on top.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import tyro
from rich.console import Console

from fasttricks.bench import report, script
from fasttricks.bench.report import ResultRow
from fasttricks.bench.table import write_table
from fasttricks.bench.train.measure import CACHED, TRAINING
from fasttricks.errors import DataError
from fasttricks.train.config import Recipe
from fasttricks.train.overrides import with_settings
from fasttricks.train.recipes import RECIPES

IMAGENET = 1_281_167
"""Training pictures of ILSVRC2012."""
HEADER = ("pipeline", "images/s", "epoch, s", "all, h", "all, h, loader free")
KEYS = frozenset({"kind", "pipeline", "step_ms", "device", "batch_size", "recipe", "settings"})


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
        for name in ("gpus", "pictures", "epochs"):
            if (value := getattr(self, name)) is not None and value < 1:
                raise ValueError(f"--{name} must be at least 1; got {value}")
        if not 0 < self.efficiency <= 1:
            raise ValueError(f"--efficiency must lie in (0, 1]; got {self.efficiency}")


def recipe_of(row: ResultRow) -> Recipe:
    """The recipe as it was measured, with what --set changed."""
    return with_settings(RECIPES[row["recipe"]].make(), row["settings"])


def estimates(rows: Sequence[ResultRow], config: Config) -> list[ResultRow]:
    """For each pipeline that was measured with the step: `pipeline`, `images_per_s` of all GPUs,
    `epoch_s` of training alone, `hours` of all epochs, and `unfed_hours`, the same if loading cost
    nothing: what a better loader could win at most."""
    recipe = recipe_of(rows[0])
    batch = rows[0]["batch_size"] * config.gpus
    # A short batch is left out.
    steps = config.pictures // (batch * recipe.mix.pictures_per_output)
    if not steps:
        raise ValueError(f"{config.pictures} pictures are fewer than one batch of all GPUs")
    hours = (config.epochs or recipe.schedule.epochs) * steps / 3600
    alone_s = next(_step_s(row, config) for row in rows if row["kind"] == CACHED)
    return [
        {
            "pipeline": row["pipeline"],
            "images_per_s": batch / _step_s(row, config),
            "epoch_s": steps * _step_s(row, config),
            "hours": hours * _step_s(row, config),
            "unfed_hours": hours * alone_s,
        }
        for row in rows
        if row["kind"] == TRAINING
    ]


def _step_s(row: ResultRow, config: Config) -> float:
    return float(row["step_ms"]) / 1e3 / config.efficiency


def main(config: Config) -> None:
    """Read, compute, print.

    Raises:
        DataError: the file cannot be read, or holds no training measured on a GPU.
        ValueError: a number is out of range.
    """
    config.check()
    rows = report.read(config.results, KEYS)
    first = rows[0]
    if first["device"] != "cuda":
        raise DataError(
            f"{config.results} was measured on {first['device']}, where loader and step share the "
            "cores; an estimate for GPUs needs --device cuda"
        )
    found = estimates(rows, config)
    print(
        f"recipe {' '.join([first['recipe'], *first['settings']])}: {first['model']}, "
        f"{first['size']} px, {first['precision']}, {config.gpus} x {first['batch_size']} pictures "
        f"a step, {config.pictures:,} an epoch, efficiency {config.efficiency:g} (assumed)"
    )
    if recipe_of(first).data.progressive:
        print(f"pictures grow in this recipe; every epoch is taken as one of {first['size']} px")
    lines = [
        [
            one["pipeline"],
            f"{one['images_per_s']:,.0f}",
            f"{one['epoch_s']:,.1f}",
            f"{one['hours']:,.2f}",
            f"{one['unfed_hours']:,.2f}",
        ]
        for one in found
    ]
    write_table(Console(), HEADER, lines)


if __name__ == "__main__":
    script.run(main, Config, __doc__)
