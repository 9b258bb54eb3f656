"""Time the CPU kernels against what they replace: Pillow's resize and an eager torch chain.

    python -m fasttricks.bench.kernels_cpu [--json FILE] [--rounds 60]

One thread. The two sides of a row take turns within each round, so a noisy machine slows both; a
ratio is the median over rounds of (ours / theirs). Results are compared before anything is timed.
"""

from __future__ import annotations

import datetime
import json
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
import tyro
from PIL import Image

from fasttricks.bench.machine import commit, describe, machine, versions
from fasttricks.bench.stats import quantile
from fasttricks.kernels.finish import finish
from fasttricks.kernels.resize import resize, scratch_bytes

BOXES = ((290, 300), (900, 1200), (80, 100))
"""(height, width): a usual crop, a large one, and one that is enlarged."""
SIZE = 224
BATCH = 32
DTYPES = (torch.float32, torch.float16, torch.bfloat16)


@dataclass(frozen=True, kw_only=True)
class Config:
    """What to run."""

    json: Path | None = None
    """Write one JSON object per row to this file."""
    rounds: int = 60
    """How often the two sides take turns."""
    round_ms: float = 10.0
    """About how long each side runs per turn, milliseconds."""


@dataclass(frozen=True, kw_only=True)
class Row:
    """Two ways to do the same."""

    name: str
    images: int
    """Pictures that one call makes."""
    megabytes: float
    """Read and written once by one call, 10^6 bytes."""
    ours: Callable[[], object]
    theirs: Callable[[], object]
    peer: str


def resize_row(height: int, width: int) -> Row:
    """`kernels.resize` against `PIL.Image.resize`, the picture in the cache as after decoding."""
    box = np.random.default_rng(0).integers(0, 256, (height, width, 3)).astype(np.uint8)
    picture = Image.fromarray(box)
    out = np.empty((SIZE, SIZE, 3), np.uint8)
    scratch = np.empty(scratch_bytes(height, width, SIZE, SIZE), np.uint8)

    def ours() -> None:
        resize(box, 0, 0, height, width, SIZE, SIZE, 0, 0, 0, out, scratch)

    def theirs() -> Image.Image:
        return picture.resize((SIZE, SIZE), Image.Resampling.BILINEAR)

    ours()
    # Each is within 1 of the exact result.
    if np.abs(out.astype(int) - np.asarray(theirs()).astype(int)).max() > 2:
        raise RuntimeError("kernels.resize and PIL disagree: nothing was timed")
    return Row(
        name=f"resize {width} x {height} to {SIZE} x {SIZE}",
        images=1,
        megabytes=(box.nbytes + out.nbytes) / 1e6,
        ours=ours,
        theirs=theirs,
        peer="PIL",
    )


def finish_row(dtype: torch.dtype) -> Row:
    """`kernels.finish` against flip by `torch.where`, `float()`, `einsum`, add, `to(dtype)`."""
    generator = torch.Generator().manual_seed(0)
    pixels = torch.randint(0, 256, (BATCH, SIZE, SIZE, 3), dtype=torch.uint8, generator=generator)
    matrix = torch.randn(BATCH, 3, 4, generator=generator) / 60
    flip = torch.randint(0, 2, (BATCH,), generator=generator).bool()
    out = torch.empty(BATCH, SIZE, SIZE, 3, dtype=dtype).permute(0, 3, 1, 2)

    def ours() -> torch.Tensor:
        return finish(pixels, matrix, flip, dtype, out)

    def theirs() -> torch.Tensor:
        mirrored = torch.where(flip[:, None, None, None], pixels.flip(2), pixels).float()
        coloured = torch.einsum("bck,bhwk->bchw", matrix[:, :, :3], mirrored)
        return (coloured + matrix[:, :, 3, None, None]).to(dtype)

    if not torch.allclose(ours().float(), theirs().float(), rtol=2**-7, atol=1e-4):
        raise RuntimeError("kernels.finish and the eager chain disagree: nothing was timed")
    return Row(
        name=f"finish {BATCH} x {SIZE} x {SIZE} to {str(dtype).removeprefix('torch.')}",
        images=BATCH,
        megabytes=pixels.numel() * (1 + dtype.itemsize) / 1e6,
        ours=ours,
        theirs=theirs,
        peer="eager torch",
    )


def seconds_per_call(call: Callable[[], object], calls: int) -> float:
    """Mean over `calls` calls in a row."""
    begin = time.perf_counter()
    for _ in range(calls):
        call()
    return (time.perf_counter() - begin) / calls


def measure(row: Row, config: Config) -> dict[str, Any]:
    """Medians with p20 and p80 in microseconds per picture, their ratio, GB/s of ours."""
    sides = (row.ours, row.theirs)
    turns: list[int] = []
    for side in sides:
        once = min(seconds_per_call(side, 3) for _ in range(2))
        turns.append(max(1, round(config.round_ms / 1e3 / once)))
    times: tuple[list[float], list[float]] = ([], [])
    for _ in range(config.rounds):
        for side, calls, seen in zip(sides, turns, times, strict=True):
            seen.append(seconds_per_call(side, calls) / row.images * 1e6)
    ratio = statistics.median(a / b for a, b in zip(*times, strict=True))
    return {
        "row": row.name,
        "peer": row.peer,
        "ours_us": _spread(times[0]),
        "peer_us": _spread(times[1]),
        "ratio": round(ratio, 3),
        "gb_per_s": round(row.megabytes / row.images / statistics.median(times[0]) * 1e3, 2),
    }


def _spread(times: list[float]) -> dict[str, float]:
    shares = {"p20": 0.2, "median": 0.5, "p80": 0.8}
    return {name: round(quantile(times, share), 2) for name, share in shares.items()}


def copy_bandwidth() -> float:
    """GB/s that `torch` reads and writes when it copies 40 MB, the best of 30 times."""
    source = torch.ones(10_000_000)
    target = torch.empty_like(source)
    best = min(seconds_per_call(lambda: target.copy_(source), 1) for _ in range(30))
    return round(2 * source.nbytes / best / 1e9, 1)


def line(result: dict[str, Any]) -> str:
    """One row of the table."""
    ours, theirs = (
        f"{side['median']:8.1f} ({side['p20']:.1f}-{side['p80']:.1f})".ljust(26)
        for side in (result["ours_us"], result["peer_us"])
    )
    name = f"{result['row']}, against {result['peer']}".ljust(58)
    return f"{name}{ours}{theirs}{result['ratio']:6.3f}{result['gb_per_s']:8.1f}"


def main(config: Config) -> None:
    """Measure every row, print a table, write the JSON."""
    torch.set_num_threads(1)
    facts = {"machine": machine(), "versions": versions()}
    bandwidth = copy_bandwidth()
    print(describe(facts["machine"], facts["versions"]))
    print(f"one thread; copying runs at {bandwidth} GB/s (read + written)")
    head = "microseconds per picture, median (p20-p80)".ljust(62)
    print(f"{head}{'ours'.ljust(26)}{'theirs'.ljust(24)}ratio    GB/s")
    results = []
    for make, given in [(resize_row, box) for box in BOXES] + [(finish_row, (d,)) for d in DTYPES]:
        results.append(measure(make(*given), config))
        print(line(results[-1]), flush=True)
    if config.json:
        date = datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
        common = {"copy_gb_per_s": bandwidth, **facts, "date": date, "commit": commit()}
        config.json.write_text("".join(json.dumps({**row, **common}) + "\n" for row in results))


if __name__ == "__main__":
    main(tyro.cli(Config, description=__doc__))
