"""How much memory loaders take, and whether it grows from epoch to epoch.

    python -m fasttricks.bench.memory --data DIR [--pipeline roi,dali] [--large 64] [--json FILE]

Each pipeline runs in a process of its own, whose start is when torch and fasttricks are imported
and no loader is made yet. A process before it has compiled and indexed what there is to compile and
index: that happens once on a machine. Workers count as well, pages that several processes share
once in each.
"""

from __future__ import annotations

import datetime
import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import tyro

from fasttricks.bench.machine import command_line, commit, describe, machine
from fasttricks.errors import FasttricksError, UnknownNameError
from fasttricks.versions import versions

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


def memory_mb(pid: str) -> dict[str, float]:
    """A process's resident memory, 10^6 bytes: all, and which of it is no page of a file."""
    found = {}
    for line in Path("/proc", pid, "smaps_rollup").read_text().splitlines()[1:]:
        name, value = line.split(":")
        found[name] = int(value.split()[0]) * 1024 / 1e6
    return {"rss_mb": found["Rss"], "anonymous_mb": found["Anonymous"]}


def family(pid: str = "self") -> Iterator[str]:
    """A process and all that it has started."""
    yield pid
    for thread in Path("/proc", pid, "task").iterdir():
        for child in (thread / "children").read_text().split():
            yield from family(child)


def total_mb() -> dict[str, float]:
    """The memory of this process and its workers."""
    parts = [memory_mb(pid) for pid in family()]
    return {name: round(sum(part[name] for part in parts), 1) for name in parts[0]}


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

    names = [name.strip() for name in config.pipeline.split(",")]
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
            large = map(str, enlarged(paths_of(data), config.large, Path(folder)))
            order["large"] = list(large)
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
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        reason = (done.stderr.strip().splitlines() or ["no message"])[-1]
        raise FasttricksError(f"{order['pipeline']}: {reason}")
    result: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return result


def main(config: Config) -> None:
    """Measure, print, write the JSON."""
    results = run(config)
    facts = {"machine": machine(), "versions": versions()}
    print(describe(facts["machine"], facts["versions"]))
    print("MB over the process's start: all (of which no pages of files)")
    for result in results:
        print(f"{result['pipeline']}, {result['pictures']:,} pictures, batch {config.batch_size}:")
        for epoch, now in enumerate(result["epochs"], 1):
            print(f"  epoch {epoch:2}  {now['rss_mb']:7.1f} ({now['anonymous_mb']:.1f})")
        print(f"  peak      {result['peak_mb']:7.1f}")
    if config.json:
        date = datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
        asked = {name: value for name, value in asdict(config).items() if name != "json"}
        asked |= {"data": config.data.name}
        result = {"command": command_line(), "asked": asked, "results": results, **facts}
        result |= {"date": date, "commit": commit()}
        config.json.write_text(json.dumps(result, indent=1) + "\n")


if __name__ == "__main__":
    if sys.argv[1:2] == ["--measure"]:
        print(json.dumps(measure(json.loads(sys.argv[2]))))
    else:
        main(tyro.cli(Config, description=__doc__))
