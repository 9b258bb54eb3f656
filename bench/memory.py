"""How much memory loaders take, and whether it grows from epoch to epoch.

    python -m fasttricks.bench.memory --data DIR [--pipeline roi,dali] [--large 64] [--json FILE]

Each pipeline runs in a process of its own, whose start is when torch and fasttricks are imported
and no loader is made yet. A process before it has compiled and indexed what there is to compile and
index: that happens once on a machine. Workers count as well, pages that several processes share
once in each.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from fasttricks.bench import guard, script
from fasttricks.bench.config import words
from fasttricks.bench.machine import describe, provenance
from fasttricks.bench.process import kilobytes
from fasttricks.errors import FasttricksError, UnknownNameError
from fasttricks.files import check_writable, write_json

if TYPE_CHECKING:
    from fasttricks.data.samples import Samples

PIPELINES = ("roi", "dali", "torchvision")
LARGE_SIDES = 2400, 1632
STEPS = 8
"""Batches of an epoch, at least: the set is repeated, so that there is a next one to make."""


@dataclass(frozen=True, kw_only=True)
class Config:
    """What to run."""

    data: Path
    """Folder of class folders, or a pack of tar shards."""
    pipeline: str = "roi"
    """Which, separated by commas: roi, dali, torchvision."""
    batch_size: int = 256
    """Pictures per batch, in float32."""
    epochs: int = 20
    """How often the set is gone through."""
    threads: int = 2
    """Decoding threads, or workers."""
    large: int = 0
    """So many pictures of 2400 x 1632 pixels are added, enlarged from those of the set."""
    json: Path | None = None
    """Also write the results to this file."""


def total_mb() -> dict[str, float]:
    """Resident memory of this process and its workers, 10^6 bytes: all, and which of it is no page
    of a file."""
    rollups = [folder / "smaps_rollup" for folder in guard.members({os.getpgrp()})]
    return {
        name: round(sum(kilobytes(file, field) for file in rollups) / 1000, 1)
        for name, field in (("rss_mb", "Rss:"), ("anonymous_mb", "Anonymous:"))
    }


def enlarged(paths: list[Path], count: int, folder: Path) -> list[Path]:
    """`count` pictures of 2400 x 1632 pixels with noise, so that they have the bytes of photos."""
    from PIL import Image

    rng, made = np.random.default_rng(0), []
    for number in range(count):
        small = Image.open(paths[number * len(paths) // count]).convert("RGB")
        pixels = np.asarray(small.resize(LARGE_SIDES, Image.Resampling.BICUBIC)).astype(np.int16)
        noisy = pixels + rng.integers(-6, 7, (*pixels.shape[:2], 1))
        made.append(folder / f"large-{number}.jpg")
        picture = Image.fromarray(np.clip(noisy, 0, 255).astype(np.uint8))
        picture.save(made[-1], quality=92)
    return made


def measure(order: dict[str, Any]) -> dict[str, Any]:
    """Run one pipeline in this process; memory over that at the start, in 10^6 bytes."""
    import torch

    import fasttricks

    # numba and what it brings belong to a loader.
    assert "numba" not in sys.modules
    start = total_mb()
    from fasttricks.data.open import open_data

    data = open_data(order["data"], train=True)
    if order["large"]:
        data = with_large(data, order["large"])
    options = {name: order[name] for name in ("batch_size", "num_threads", "index")}
    pictures = len(data)
    data = data.repeat(-(-STEPS * order["batch_size"] // pictures))
    after, peak = [], 0.0
    with fasttricks.make_loader(order["pipeline"], data, dtype=torch.float32, **options) as loader:
        made = total_mb()
        for _ in range(order["epochs"]):
            for _ in loader:
                now = total_mb()
                peak = max(peak, now["rss_mb"])
            after.append(now)
        if not order["epochs"]:
            next(iter(loader))
    return {
        "pictures": pictures,
        "steps": len(loader),
        "start": start,
        "made": _over(start, made),
        "epochs": [_over(start, now) for now in after],
        "peak_mb": round(peak - start["rss_mb"], 1),
    }


def _over(start: dict[str, float], now: dict[str, float]) -> dict[str, float]:
    return {name: round(now[name] - start[name], 1) for name in now}


def with_large(samples: Samples, large: list[str]) -> Samples:
    """The files of a data set and some more."""
    from fasttricks.data.samples import Samples

    return Samples([*paths_of(samples), *large])


def paths_of(samples: Samples) -> list[Path]:
    """The pictures' files. FasttricksError if they are not files."""
    paths = [path for i in range(len(samples)) if (path := samples.path(i))]
    if len(paths) < len(samples):
        raise FasttricksError("--large needs a folder of picture files")
    return paths


def run(config: Config) -> list[dict[str, Any]]:
    """One result for each pipeline.

    Raises:
        UnknownNameError: no such pipeline.
        FasttricksError: one of them fails.
    """
    from fasttricks.data.open import open_data
    from fasttricks.data.seek.build import build_index

    names = words(config.pipeline)
    for name in names:
        if name not in PIPELINES:
            raise UnknownNameError("pipeline", name, list(PIPELINES))
    with tempfile.TemporaryDirectory() as folder:
        order: dict[str, Any] = {
            "data": str(config.data),
            "batch_size": config.batch_size,
            "num_threads": config.threads,
            "large": [],
            "index": True,
        }
        if config.large:
            data = open_data(config.data, train=True)
            large = enlarged(paths_of(data), config.large, Path(folder))
            order["large"] = list(map(str, large))
            index = build_index(with_large(data, order["large"]), Path(folder, "large.seek"))
            order["index"] = str(index)
        results = []
        for name in names:
            _in_a_process({**order, "pipeline": name, "epochs": 0})
            found = _in_a_process({**order, "pipeline": name, "epochs": config.epochs})
            results.append({"pipeline": name, **found})
    return results


def _in_a_process(order: dict[str, Any]) -> dict[str, Any]:
    command = [sys.executable, "-m", "fasttricks.bench.memory", "--measure", json.dumps(order)]
    # In a group of its own, by which its workers are found.
    done = subprocess.run(command, capture_output=True, text=True, process_group=0)
    if done.returncode:
        reason = (done.stderr.strip().splitlines() or ["no message"])[-1]
        raise FasttricksError(f"{order['pipeline']}: {reason}")
    result: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return result


def main(config: Config) -> None:
    """Measure, print, write the JSON."""
    if config.json:
        check_writable(config.json)
    results = run(config)
    about = provenance()
    print(describe(about["machine"], about["versions"]))
    print("MB over the process's start: all (of which no pages of files)")
    for result in results:
        print(f"{result['pipeline']}, {result['pictures']:,} pictures, batch {config.batch_size}:")
        for epoch, now in enumerate(result["epochs"], 1):
            print(f"  epoch {epoch:2}  {now['rss_mb']:7.1f} ({now['anonymous_mb']:.1f})")
        print(f"  peak      {result['peak_mb']:7.1f}")
    if config.json:
        asked = {name: value for name, value in asdict(config).items() if name != "json"}
        asked |= {"data": config.data.name}
        write_json(config.json, {"asked": asked, "results": results, **about})


if __name__ == "__main__":
    if sys.argv[1:2] == ["--measure"]:
        print(json.dumps(measure(json.loads(sys.argv[2]))))
    else:
        script.run(main, Config, __doc__)
