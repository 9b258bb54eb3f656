"""By how much pixels change when pictures are shrunk while they are decoded (`exact=False`).

    python -m fasttricks.bench.scaled_pixels --data DIR [--size 224] [--json FILE]

Makes every picture of the set in both ways, in training and in evaluation, and compares the levels
(0 to 255) of those that were shrunk.
"""

from __future__ import annotations

import datetime
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
import tyro

from fasttricks.bench.machine import command_line, commit, describe, machine
from fasttricks.data.open import open_data
from fasttricks.data.samples import Samples
from fasttricks.pipelines.registry import make_loader
from fasttricks.versions import versions

LEVELS = 256


@dataclass(frozen=True, kw_only=True)
class Config:
    """What to run."""

    data: Path
    """Folder of class folders, or a pack of tar shards."""
    size: int = 224
    """Side of the output, in pixels."""
    epochs: int = 4
    """Of training: each has other crops."""
    json: Path | None = None
    """Also write the results to this file."""


def compare(samples: Samples, *, train: bool, size: int, epochs: int) -> dict[str, Any]:
    """Share of pictures that were shrunk, and of their levels: mean, 99.9th percentile and most of
    the difference, and its mean with its sign."""
    options: dict[str, Any] = {"batch_size": min(64, len(samples)), "size": size, "work": "decode"}
    options |= {"train": train, "drop_last": False}
    histogram = torch.zeros(2 * LEVELS, dtype=torch.int64)
    pictures = shrunk = 0
    with (
        make_loader("roi", samples, **options) as exact,
        make_loader("roi", samples, exact=False, **options) as scaled,
    ):
        for _ in range(epochs):
            for (want, _), (got, _) in zip(exact, scaled, strict=True):
                difference = got.to(torch.int64) - want.to(torch.int64)
                changed = difference[(difference != 0).flatten(1).any(1)]
                histogram += torch.bincount(changed.flatten() + LEVELS, minlength=2 * LEVELS)
                pictures, shrunk = pictures + len(want), shrunk + len(changed)
    return {"pictures": pictures, "shrunk": shrunk, **summary(histogram)}


def summary(histogram: torch.Tensor) -> dict[str, float]:
    """Of how often each difference from -256 to 255 occurs, int64 [512]."""
    total = int(histogram.sum())
    if total == 0:
        return {"mean": 0.0, "p999": 0.0, "most": 0.0, "bias": 0.0}
    levels = torch.arange(-LEVELS, LEVELS)
    sizes = torch.bincount(levels.abs(), weights=histogram.double())
    up_to = sizes.cumsum(0) / total
    return {
        "mean": float((sizes * torch.arange(len(sizes))).sum() / total),
        "p999": float(torch.searchsorted(up_to, 0.999)),
        "most": float(sizes.nonzero().max()),
        "bias": float((histogram * levels).sum() / total),
    }


def main(config: Config) -> None:
    """Compare, print, write the JSON."""
    samples = open_data(config.data, train=True)
    results = {
        "train": compare(samples, train=True, size=config.size, epochs=config.epochs),
        "eval": compare(samples, train=False, size=config.size, epochs=1),
    }
    facts = {"machine": machine(), "versions": versions()}
    print(describe(facts["machine"], facts["versions"]))
    for name, found in results.items():
        print(
            f"{name}: {found['shrunk']:,} of {found['pictures']:,} pictures shrunk; there, levels "
            f"differ by {found['mean']:.2f} on average, 99.9 % by {found['p999']:.0f} at most, all "
            f"by {found['most']:.0f}; bias {found['bias']:+.3f}"
        )
    if config.json:
        date = datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
        asked = {"data": config.data.name, "size": config.size, "epochs": config.epochs}
        result = {"command": command_line(), "asked": asked, **results, **facts}
        config.json.write_text(json.dumps({**result, "date": date, "commit": commit()}) + "\n")


if __name__ == "__main__":
    main(tyro.cli(Config, description=__doc__))
