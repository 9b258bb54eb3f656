"""Are the synthetic pictures like real ones? Sizes, bytes and the time to decode, side by side.

    python -m fasttricks.bench.synthetic_check --data REAL_PICTURES [--json FILE]

Decoding is `PIL.Image.open(...).convert("RGB")` of bytes already in memory, on one thread, in CPU
time. Both sets are cut into slices that are decoded in turn (real, synthetic, real, ...), so that
whatever else the machine is doing falls on both; each round passes over both sets once.
"""

from __future__ import annotations

import io
import statistics
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, JpegImagePlugin, features
from rich.console import Console

from fasttricks.bench import script
from fasttricks.bench.machine import provenance
from fasttricks.bench.table import write_table
from fasttricks.data.synthetic import make_synthetic
from fasttricks.errors import DataError
from fasttricks.files import check_writable, write_json

_SLICES = 20
_FEWEST = 10  # files of one layout in each set, to say anything about them
_SAMPLING = {0: "4:4:4", 1: "4:2:2", 2: "4:2:0"}

HEADER = ("", "real", "synthetic", "ratio")


@dataclass(frozen=True, kw_only=True)
class Config:
    """What to compare."""

    data: Path
    """Folder of real JPEG files."""
    synthetic: Path | None = None
    """Folder of those to compare; default: make some."""
    count: int = 2000
    """Synthetic files to make."""
    seed: int = 0
    """Of these."""
    rounds: int = 5
    """How often all files are decoded."""
    json: Path | None = None
    """Also write the result to this file."""


@dataclass(frozen=True)
class JpegFile:
    """One JPEG file: its bytes and what its header says."""

    data: bytes
    width: int
    height: int
    layout: str
    """4:4:4, 4:2:2, 4:2:0, grey or other."""

    @property
    def bytes_per_pixel(self) -> float:
        return len(self.data) / (self.width * self.height)


def read_files(folder: Path) -> list[JpegFile]:
    """All JPEG files under `folder`, in the order of their names. DataError if there are none."""
    paths = sorted(p for p in folder.rglob("*") if p.suffix.lower() in (".jpg", ".jpeg"))
    files = []
    for path in paths:
        data = path.read_bytes()
        with Image.open(io.BytesIO(data)) as picture:
            if picture.format != "JPEG":
                continue
            grey = picture.mode == "L"
            sampling = "grey" if grey else _SAMPLING.get(JpegImagePlugin.get_sampling(picture))
            width, height = picture.size
            files.append(JpegFile(data, width, height, sampling or "other"))
    if not files:
        raise DataError(f"no JPEG files under {folder}")
    return files


def describe(files: Sequence[JpegFile]) -> dict[str, float]:
    """Means, quantiles and shares that the two sets are compared by."""
    rows: dict[str, float] = {"files": len(files)}
    columns = {
        "width": np.array([f.width for f in files]),
        "height": np.array([f.height for f in files]),
        "bytes": np.array([len(f.data) for f in files]),
        "bytes/pixel": np.array([f.bytes_per_pixel for f in files]),
    }
    for name, values in columns.items():
        rows[f"{name}, mean"] = float(values.mean())
        for percent in (5, 25, 50, 75, 95):
            label = "median" if percent == 50 else f"p{percent}"
            rows[f"{name}, {label}"] = float(np.percentile(values, percent))
    rows["width, largest"] = float(columns["width"].max())
    rows["height, largest"] = float(columns["height"].max())
    for layout in ("4:4:4", "4:2:0", "4:2:2", "grey", "other"):
        rows[f"share {layout}"] = sum(f.layout == layout for f in files) / len(files)
    return rows


def _decode_seconds(files: Sequence[JpegFile]) -> float:
    start = time.thread_time()
    for file in files:
        Image.open(io.BytesIO(file.data)).convert("RGB")
    return time.thread_time() - start


def decode_ms(
    real: Sequence[JpegFile], synthetic: Sequence[JpegFile], rounds: int
) -> list[tuple[float, float]]:
    """(real, synthetic) CPU milliseconds a picture, one pair a round, slices interleaved."""
    result = []
    for round_ in range(-1, rounds):
        seconds = [0.0, 0.0]
        for part in range(_SLICES):
            for side, files in enumerate((real, synthetic)):
                seconds[side] += _decode_seconds(files[part::_SLICES])
        if round_ >= 0:  # the first pass warms up
            result.append((seconds[0] / len(real) * 1e3, seconds[1] / len(synthetic) * 1e3))
    return result


def summarise(pairs: Sequence[tuple[float, float]]) -> dict[str, float]:
    """Medians over rounds, and the spread of the rounds' ratios synthetic / real."""
    ratios = [synthetic / real for real, synthetic in pairs]
    return {
        "real_ms": statistics.median(real for real, _ in pairs),
        "synthetic_ms": statistics.median(synthetic for _, synthetic in pairs),
        "ratio": statistics.median(ratios),
        "ratio_min": min(ratios),
        "ratio_max": max(ratios),
    }


def compare(real: Sequence[JpegFile], synthetic: Sequence[JpegFile], rounds: int) -> dict[str, Any]:
    """Everything the table shows, ready for JSON."""
    decode = {"all": summarise(decode_ms(real, synthetic, rounds))}
    for layout in ("4:4:4", "4:2:0", "grey"):
        first, second = ([f for f in files if f.layout == layout] for files in (real, synthetic))
        if min(len(first), len(second)) >= _FEWEST:
            decode[layout] = summarise(decode_ms(first, second, rounds))
    about = provenance()
    about["versions"]["libjpeg-turbo"] = features.version("libjpeg_turbo")
    return {
        "real": describe(real),
        "synthetic": describe(synthetic),
        "decode": decode,
        "rounds": rounds,
        **about,
    }


def lines_of(result: dict[str, Any]) -> list[list[str]]:
    """One line a property under HEADER."""
    lines = []
    for name, real in result["real"].items():
        synthetic = result["synthetic"][name]
        digits = 3 if name.startswith(("bytes/pixel", "share")) else 0
        ratio = f"{synthetic / real:.2f}" if real and name != "files" else ""
        lines.append([name, f"{real:,.{digits}f}", f"{synthetic:,.{digits}f}", ratio])
    for subset, ms in result["decode"].items():
        spread = f"{ms['ratio']:.3f} ({ms['ratio_min']:.3f} to {ms['ratio_max']:.3f})"
        values = f"{ms['real_ms']:.2f}", f"{ms['synthetic_ms']:.2f}"
        lines.append([f"decode, CPU ms a picture, {subset}", *values, spread])
    return lines


def main(config: Config) -> None:
    """Compare, print, write the JSON.

    Raises:
        DataError: there are no pictures, or the JSON cannot be written.
        ValueError: a number is out of range.
    """
    if config.rounds < 1:
        raise ValueError(f"--rounds must be at least 1; got {config.rounds}")
    if config.json:
        check_writable(config.json)
    real = read_files(config.data)
    made = config.synthetic or make_synthetic(count=config.count, seed=config.seed, progress=True)
    result = compare(real, read_files(made), config.rounds)
    write_table(Console(), HEADER, lines_of(result))
    if config.json:
        write_json(config.json, result)


if __name__ == "__main__":
    script.run(main, Config, __doc__)
