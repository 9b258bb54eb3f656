"""How long indexing and cutting take, and what decoding gains from it.

    python -m fasttricks.bench.cut_speed [--data PICTURES] [--check] [--json FILE]

One thread, files in memory, one training crop of 224 pixels from each file that can be cut. The
pictures are gone through in slices, and everything is measured on a slice before the next one, so
that a noisy machine slows all of it; a ratio is the median over slices and rounds. `--check` first
compares the pixels of several cuts of every file with those of the whole file.
"""

from __future__ import annotations

import datetime
import io
import json
import statistics
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import tyro
from numpy.typing import NDArray
from PIL import Image

from fasttricks.bench.machine import commit, describe, machine
from fasttricks.bench.stats import quantile
from fasttricks.data.synthetic import make_synthetic
from fasttricks.kernels.augment import Augment
from fasttricks.kernels.jit import kernel
from fasttricks.kernels.jpeg.bits import PAD, copy_bits, stuff, unstuff
from fasttricks.kernels.jpeg.cut import cut, cut_bound, workspace_bytes
from fasttricks.kernels.jpeg.seek import FRAME, SEEK, TILE_PIXELS, inspect, seek_points
from fasttricks.kernels.jpeg.segments import REASONS
from fasttricks.kernels.plan import plan_batch
from fasttricks.versions import versions

Bytes = NDArray[np.uint8]
Box = tuple[int, int, int, int]

_SLICE = 25
_CHECKS = 4  # cuts of each file that are compared


@dataclass(frozen=True, kw_only=True)
class Config:
    """What to run."""

    data: Path | None = None
    """A folder with JPEG files, at any depth; without one, generated pictures."""
    rounds: int = 7
    tile_pixels: int = TILE_PIXELS
    """Area of picture for one seek point."""
    check: bool = False
    """Compare pixels first."""
    json: Path | None = None
    """Write the results to this file."""


@dataclass(frozen=True, kw_only=True)
class Item:
    """One file and its crop."""

    data: Bytes
    frame: NDArray[np.void]
    """FRAME [1]"""
    points: NDArray[np.void]
    box: Box
    """top, left, height, width"""


def read_items(folder: Path, tile_pixels: int) -> tuple[list[Item], Counter[str]]:
    """The files that can be cut, and how many cannot for which reason."""
    found, refused = [], Counter[str]()
    paths = sorted(p for p in folder.rglob("*") if p.suffix.lower() in (".jpg", ".jpeg"))
    for number, path in enumerate(paths):
        data = np.fromfile(path, np.uint8)
        frame = np.zeros(1, FRAME)
        points = np.zeros(inspect(data, tile_pixels, frame[0]), SEEK)
        if points.size == 0 or seek_points(data, frame[0], points):
            refused[REASONS[frame[0]["status"]]] += 1
            continue
        box = crops(number, 1, frame)[0]
        found.append(Item(data=data, frame=frame, points=points, box=box))
    if not found:
        raise SystemExit(f"no JPEG files that can be cut in {folder}")
    return found, refused


def crops(index: int, views: int, frame: NDArray[np.void]) -> list[Box]:
    """Training crops of a sample."""
    params = Augment().params(size=224, train=True, work="decode")
    height, width = (np.full(views, int(frame[0][name])) for name in ("height", "width"))
    samples = np.full(views, index)
    plans, _ = plan_batch(0, 0, samples, np.arange(views), height, width, params)
    return [(int(p["top"]), int(p["left"]), int(p["height"]), int(p["width"])) for p in plans]


class Cutter:
    """Cuts in memory that is used again."""

    def __init__(self, items: list[Item]) -> None:
        self._out = np.empty(max(cut_bound(i.frame[0]) for i in items), np.uint8)
        self._workspace = np.empty(max(workspace_bytes(i.frame[0]) for i in items), np.uint8)

    def __call__(self, item: Item, box: Box) -> tuple[bytes, Box]:
        """The cut, and the box of the picture that it holds."""
        size, *part = cut(item.data, item.frame[0], item.points, *box, self._out, self._workspace)
        if size == 0:
            raise RuntimeError(f"a box cannot be cut: {box} of {item.frame[0]}")
        top, left, height, width = part
        return self._out[:size].tobytes(), (top, left, height, width)

    def seconds(self, item: Item, times: int) -> float:
        """Seconds for one cut, without what a call from Python costs."""
        begin = time.perf_counter()
        _cut_often(times, item.data, item.frame, item.points, item.box, self._out, self._workspace)
        return (time.perf_counter() - begin) / times


@kernel
def _cut_often(
    times: int,
    data: Bytes,
    frame: NDArray[np.void],
    points: NDArray[np.void],
    box: Box,
    out: Bytes,
    workspace: Bytes,
) -> int:
    total = 0
    for _ in range(times):
        total += cut(data, frame[0], points, box[0], box[1], box[2], box[3], out, workspace)[0]
    return total


def decode(data: bytes) -> NDArray[np.uint8]:
    """The pixels as PIL decodes them, grey as grey."""
    return np.asarray(Image.open(io.BytesIO(data)))


def check(items: list[Item], cutter: Cutter) -> int:
    """Compare the pixels of cuts with those of whole files; how many were compared.

    Raises:
        RuntimeError: some differ.
    """
    compared = 0
    for number, item in enumerate(items):
        whole = decode(item.data.tobytes())
        bottom, right = whole.shape[0] - 1, whole.shape[1] - 1
        corners = [(0, 0, 1, 1), (bottom, 0, 1, 1), (0, right, 1, 1), (bottom, right, 1, 1)]
        for box in [item.box, *crops(number, _CHECKS, item.frame), *corners]:
            data, (top, left, _, _) = cutter(item, box)
            down, across = box[0] - top, box[1] - left
            here = decode(data)[down : down + box[2], across : across + box[3]]
            if not np.array_equal(here, whole[box[0] :, box[1] :][: box[2], : box[3]]):
                raise RuntimeError(f"cut {box} of {item.frame[0]} has other pixels")
            compared += 1
    return compared


def seconds(call: Callable[[Any], object], items: list[Any]) -> float:
    begin = time.perf_counter()
    for item in items:
        call(item)
    return time.perf_counter() - begin


def measure(items: list[Item], config: Config) -> dict[str, Any]:
    """Times per picture in microseconds, rates in 10^6 bytes of whole files per second."""
    cutter = Cutter(items)
    times: dict[str, list[float]] = {"index": [], "cut": [], "decode": [], "whole": []}
    gains = []

    def make_index(item: Item) -> None:
        frame = np.zeros(1, FRAME)
        points = np.empty(inspect(item.data, config.tile_pixels, frame[0]), SEEK)
        seek_points(item.data, frame[0], points)

    cutter.seconds(items[0], 1)  # compiles
    slices = [items[at : at + _SLICE] for at in range(0, len(items), _SLICE)]
    sums = {name: [0.0] * config.rounds for name in times}
    for turn in range(config.rounds):
        for part in slices:
            small = [cutter(item, item.box)[0] for item in part]
            whole = [item.data.tobytes() for item in part]
            now = {
                "index": seconds(make_index, part),
                "cut": sum(cutter.seconds(item, 3) for item in part),
                "decode": seconds(decode, small),
                "whole": seconds(decode, whole),
            }
            gains.append(now["whole"] / (now["cut"] + now["decode"]))
            for name, value in now.items():
                sums[name][turn] += value
    count, total = len(items), sum(item.data.size for item in items)
    result: dict[str, Any] = {"pictures": count, "mb": total / 1e6}
    for name, values in sums.items():
        times[name] = [value / count * 1e6 for value in values]
        result[f"{name}_us"] = _spread(times[name])
    parts = [cutter(item, item.box) for item in items]
    result["index_mb_per_s"] = total / count / statistics.median(times["index"])
    result["cut_mb_per_s"] = sum(len(p) for p, _ in parts) / count / statistics.median(times["cut"])
    result["index_percent"] = 100 * sum(i.points.nbytes + i.frame.nbytes for i in items) / total
    result["pixels_over_box"] = sum(h * w for _, (_, _, h, w) in parts) / sum(
        item.box[2] * item.box[3] for item in items
    )
    result["whole_over_cut_and_decode"] = statistics.median(gains)
    return result


def _spread(values: list[float]) -> dict[str, float]:
    shares = {"p20": 0.2, "median": 0.5, "p80": 0.8}
    return {name: round(quantile(values, share), 1) for name, share in shares.items()}


def passes(size: int = 60_000) -> dict[str, float]:
    """GB/s of the three passes over a cut's bytes, and of a plain copy, in the cache."""
    raw = np.random.default_rng(0).integers(0, 256, size).astype(np.uint8).tobytes()
    stuffed = np.frombuffer(raw.replace(b"\xff", b"\xff\0"), np.uint8).copy()
    clean, out = np.zeros(2 * size + PAD, np.uint8), np.zeros(2 * size + PAD, np.uint8)
    unstuff(stuffed, 0, stuffed.size, clean, 0)
    calls: dict[str, Callable[[], object]] = {
        "unstuff": lambda: unstuff(stuffed, 0, stuffed.size, clean, 0),
        "copy_bits": lambda: copy_bits(clean, 3, 8 * size - 5, out, 6),
        "stuff": lambda: stuff(clean, size, out, 0),
        "numpy copy": lambda: np.copyto(out[:size], clean[:size]),
    }
    best = dict.fromkeys(calls, float("inf"))
    for _ in range(200):
        for name, call in calls.items():
            out[0] = 0
            begin = time.perf_counter()
            call()
            best[name] = min(best[name], time.perf_counter() - begin)
    return {name: round(size / least / 1e9, 1) for name, least in best.items()}


def main(config: Config) -> None:
    """Measure, print, write the JSON."""
    folder = config.data or make_synthetic(progress=True)
    items, refused = read_items(folder, config.tile_pixels)
    facts = {"machine": machine(), "versions": versions()}
    print(describe(facts["machine"], facts["versions"]))
    print(f"{len(items)} pictures of {folder}; cannot be cut: {dict(refused) or 'none'}")
    if config.check:
        print(f"{check(items, Cutter(items))} cuts have the pixels of the whole file, bit for bit")
    result = {**measure(items, config), "gb_per_s": passes()}
    for name, value in result.items():
        text = f"{value:.4g}" if isinstance(value, float) else str(value)
        print(f"{name:28}{text}")
    if config.json:
        date = datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
        report = {**result, **facts, "data": str(folder), "date": date, "commit": commit()}
        config.json.write_text(json.dumps(report, indent=1) + "\n")


if __name__ == "__main__":
    main(tyro.cli(Config, description=__doc__))
