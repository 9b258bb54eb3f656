"""Are the synthetic pictures like real ones? Sizes, bytes and the time to decode, side by side.

    python -m fasttricks.bench.synthetic_check --data REAL_PICTURES [--json FILE]

Decoding is `PIL.Image.open(...).convert("RGB")` of bytes already in memory, on one thread, in CPU
time. Both sets are cut into slices that are decoded in turn (real, synthetic, real, ...), so that
whatever else the machine is doing falls on both; each round passes over both sets once.
"""

from __future__ import annotations

import argparse
import datetime
import io
import json
import statistics
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, JpegImagePlugin, features

from fasttricks.bench.machine import commit, machine
from fasttricks.data.synthetic import make_synthetic
from fasttricks.errors import DataError
from fasttricks.versions import versions

_SLICES = 20
_FEWEST = 10  # files of one layout in each set, to say anything about them
_SAMPLING = {0: "4:4:4", 1: "4:2:2", 2: "4:2:0"}


@dataclass(frozen=True)
class Facts:
    """One JPEG file: its bytes and what its header says."""

    data: bytes
    width: int
    height: int
    layout: str
    """4:4:4, 4:2:2, 4:2:0, grey or other."""

    @property
    def bytes_per_pixel(self) -> float:
        return len(self.data) / (self.width * self.height)


def read_facts(folder: Path) -> list[Facts]:
    """All JPEG files under `folder`, in the order of their names. DataError if there are none."""
    paths = sorted(p for p in folder.rglob("*") if p.suffix.lower() in (".jpg", ".jpeg"))
    facts = []
    for path in paths:
        data = path.read_bytes()
        with Image.open(io.BytesIO(data)) as picture:
            if picture.format != "JPEG":
                continue
            grey = picture.mode == "L"
            sampling = "grey" if grey else _SAMPLING.get(JpegImagePlugin.get_sampling(picture))
            width, height = picture.size
            facts.append(Facts(data, width, height, sampling or "other"))
    if not facts:
        raise DataError(f"no JPEG files under {folder}")
    return facts


def describe(files: Sequence[Facts]) -> dict[str, float]:
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


def _decode_seconds(files: Sequence[Facts]) -> float:
    start = time.thread_time()
    for file in files:
        Image.open(io.BytesIO(file.data)).convert("RGB")
    return time.thread_time() - start


def decode_ms(
    real: Sequence[Facts], synthetic: Sequence[Facts], rounds: int
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


def compare(data: Path, synthetic: Path, rounds: int) -> dict[str, Any]:
    """Everything the table shows, ready for JSON."""
    real_files, synthetic_files = read_facts(data), read_facts(synthetic)
    decode = {"all": summarise(decode_ms(real_files, synthetic_files, rounds))}
    for layout in ("4:4:4", "4:2:0", "grey"):
        subsets = [[f for f in fs if f.layout == layout] for fs in (real_files, synthetic_files)]
        if all(len(subset) >= _FEWEST for subset in subsets):
            decode[layout] = summarise(decode_ms(subsets[0], subsets[1], rounds))
    return {
        "real": describe(real_files),
        "synthetic": describe(synthetic_files),
        "decode": decode,
        "rounds": rounds,
        "machine": machine(),
        "versions": {**versions(), "libjpeg-turbo": features.version("libjpeg_turbo")},
        "date": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "commit": commit(),
    }


def format_table(result: dict[str, Any]) -> str:
    """Markdown: one line a property, real | synthetic | ratio."""
    lines = ["| | real | synthetic | ratio |", "|---|---:|---:|---:|"]
    for name, real in result["real"].items():
        synthetic = result["synthetic"][name]
        digits = 3 if name.startswith(("bytes/pixel", "share")) else 0
        ratio = f"{synthetic / real:.2f}" if real and name != "files" else ""
        lines.append(f"| {name} | {real:,.{digits}f} | {synthetic:,.{digits}f} | {ratio} |")
    for subset, ms in result["decode"].items():
        spread = f"{ms['ratio']:.3f} ({ms['ratio_min']:.3f} to {ms['ratio_max']:.3f})"
        values = f"{ms['real_ms']:.2f} | {ms['synthetic_ms']:.2f}"
        lines.append(f"| decode, CPU ms a picture, {subset} | {values} | {spread} |")
    return "\n".join(lines)


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m fasttricks.bench.synthetic_check", description=__doc__.splitlines()[0]
    )
    parser.add_argument("--data", type=Path, required=True, help="folder of real JPEG files")
    parser.add_argument("--synthetic", type=Path, help="folder to compare; default: make one")
    parser.add_argument("--count", type=int, default=2000, help="synthetic files to make")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--json", type=Path, help="also write the result to this file")
    options = parser.parse_args(argv)
    try:
        folder = options.synthetic or make_synthetic(
            count=options.count, seed=options.seed, progress=True
        )
        result = compare(options.data, folder, options.rounds)
    except DataError as error:
        print(f"synthetic_check: {error}", file=sys.stderr)
        return 2
    print(format_table(result))
    if options.json:
        options.json.write_text(json.dumps(result, indent=1) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
