"""Results as the bench writes them, with numbers made up."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from tests.bench.test_table import row as loader_row

COMMON = {
    "machine": {"cpu": "A CPU", "cores": 8, "usable_cores": 2, "gpus": []},
    "versions": {"python": "3.12.1", "fasttricks": "0.1.0", "PIL": "pillow-simd 12"},
    "date": "2026-01-02T03:04:05+00:00",
    "commit": "0123456789abcdef",
    "command": "fasttricks bench --pipeline <all>",
}

Row = dict[str, Any]


def loader(name: str = "roi", rate: float = 1000.0, **changes: Any) -> Row:
    """A row of the loaders with three rounds around `rate`."""
    given = {
        "row": name,
        "images_per_s": rate,
        "p20": 0.9 * rate,
        "p80": 1.1 * rate,
        "images_per_s_per_core": rate / 2,
        "rates": [0.9 * rate, rate, 1.1 * rate],
        "stages": {"read": 0.1, "decode": 0.6},
        **COMMON,
    }
    return loader_row(**{**given, **changes})


def loaders() -> list[Row]:
    """Two pipelines of ours, a variant and two peers."""
    own = {"row": "roi", "ratio": 0.5, "p20": 0.45, "p80": 0.55}
    return [
        loader("torchvision", 500.0, stages={"decode": 1.0, "finish": 0.5}),
        loader("roi", 1000.0),
        loader("roi:whole", 600.0, own=own),
        loader("stock-dali", 400.0, stages={}),
        loader("stock-ffcv", 450.0, stages={}, pixels="encoded again"),
    ]


def kernel(way: str = "fasttricks", **changes: Any) -> Row:
    return {
        "row": "finish 32 x 224 x 224",
        "way": way,
        "us": {"p20": 80.0, "median": 100.0, "p80": 200.0},
        "gb_per_s": 12.0,
        "copy_share": 0.5,
        "copy_gb_per_s": 24.0,
        "ratio": 1.0,
        "differs": "",
        "failed": [],
        "device": "cpu",
        "seconds": 1.0,
        "rounds": 3,
        **COMMON,
        **changes,
    }


def model(library: str = "fasttricks", **changes: Any) -> Row:
    spread = {"ratio": 1.25, "p20": 1.2, "p80": 1.3}
    return {
        "row": "training eager",
        "library": library,
        "library_model": "resnet50",
        "slowdown": None,
        "differs": "",
        "model": "resnet50b",
        "images_per_s": 100.0,
        "p20": 90.0,
        "p80": 110.0,
        "rates": [90.0, 100.0, 110.0],
        "ours_to_it": None if library == "fasttricks" else spread,
        "to_eager": None,
        "mb_per_image": 300.0,
        "gb_per_s": 12.0,
        "copy_share": 0.5,
        "device": "cpu",
        "dtype": "float32",
        "batch_size": 8,
        "size": 64,
        "seconds": 1.0,
        "rounds": 7,
        **COMMON,
        **changes,
    }


def memory(*epochs: float) -> Row:
    found = [{"rss_mb": value, "anonymous_mb": value / 2} for value in epochs]
    result = {"pipeline": "roi", "pictures": 500, "epochs": found, "peak_mb": 543.0}
    return {"asked": {"batch_size": 256, "large": 0}, "results": [result], **COMMON}


def train(kind: str, pipeline: str = "", rate: float = 100.0, **changes: Any) -> Row:
    return {
        "row": f"{kind} {pipeline}".strip(),
        "kind": kind,
        "pipeline": pipeline,
        "images_per_s": rate,
        "p20": 0.9 * rate,
        "p80": 1.1 * rate,
        "rates": [0.9 * rate, rate, 1.1 * rate],
        "step_ms": 6400 / rate,
        "to_cached": {"ratio": 1.0, "p20": 0.9, "p80": 1.1},
        "to_bound": None,
        "recipe": "cpu-small",
        "model": "resnet18",
        "device": "cpu",
        "precision": "float32",
        "batch_size": 64,
        "size": 64,
        "threads": 1,
        "files": 500,
        "seconds": 1.0,
        "rounds": 7,
        **COMMON,
        **changes,
    }


def trains() -> list[Row]:
    bound = {"ratio": 0.9, "p20": 0.85, "p80": 0.95}
    return [
        train("step, cached batch"),
        train("loader", "roi", 300.0),
        train("training", "roi", 70.0, to_bound=bound),
    ]


def rung(name: str, mean: float | None = 70.0, **changes: Any) -> Row:
    return {
        "row": name,
        "ladder": "assemble",
        "model": "resnet50",
        "size": 64,
        "epochs": 2,
        "skipped": "",
        "mean": mean,
        "std": None,
        "min": mean,
        "max": mean,
        "top1": {} if mean is None else {"0": mean},
        "delta": None,
        "spread": None,
        "in_spread": None,
        "paper_top1": 76.3,
        "paper_delta": None,
        **COMMON,
        **changes,
    }


def write(path: Path, *rows: Row) -> Path:
    """As JSON lines."""
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path
