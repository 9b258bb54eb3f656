"""The arithmetic of head-room, with seconds that are given; and what is said about it."""

from __future__ import annotations

import io
from typing import Any

import pytest
from rich.console import Console

from fasttricks.bench.train.measure import (
    CACHED,
    LOADER,
    SYNTHETIC,
    TRAINING,
    TrainEntry,
    results,
)
from fasttricks.bench.train.show import show


def entry(kind: str, pipeline: str, *seconds: float) -> TrainEntry:
    return TrainEntry(
        label=f"{kind} {pipeline}".strip(),
        kind=kind,
        pipeline=pipeline,
        once=lambda: None,
        settle=lambda: None,
        seconds=list(seconds),
    )


def entries(load: float, training: float) -> list[TrainEntry]:
    return [
        entry(SYNTHETIC, "", 0.05, 0.05, 0.05),
        entry(CACHED, "", 0.1, 0.1, 0.2),
        entry(LOADER, "roi", load, load, 2 * load),
        entry(TRAINING, "roi", training, training, 2 * training),
    ]


@pytest.mark.parametrize(("shared", "bound"), [(True, 0.15 / 0.16), (False, 0.1 / 0.16)])
def test_what_is_possible_depends_on_whether_cores_are_shared(shared: bool, bound: float) -> None:
    rows = {row["kind"]: row for row in results(entries(0.05, 0.16), 32, shared_cores=shared)}
    training = rows[TRAINING]
    assert training["to_bound"] == {
        key: pytest.approx(bound, abs=1e-4) for key in ("ratio", "p20", "p80")
    }
    assert training["to_cached"]["ratio"] == pytest.approx(0.1 / 0.16, abs=1e-4)
    assert training["images_per_s"] == 200
    assert rows[LOADER]["images_per_s"] == 640
    assert rows[SYNTHETIC]["to_cached"] == {"ratio": 2, "p20": 2, "p80": pytest.approx(3.2)}
    assert all(rows[kind]["to_bound"] is None for kind in (SYNTHETIC, CACHED, LOADER))
    assert training["row"] == "training roi"


def told(device: str, load: float, training: float) -> str:
    about: dict[str, Any] = {
        "device": device, "recipe": "cpu-small", "model": "resnet18", "size": 96,
        "batch_size": 32, "precision": "float32", "threads": 2, "torch_threads": 2,
        "files": 692, "data": "pictures", "seconds": 1.0,
        "machine": {"cpu": "A CPU", "cores": 8, "usable_cores": 2, "gpus": []},
        "versions": {"python": "3.12.1", "torch": "2.15", "PIL": "pillow-simd 12"},
    }  # fmt: skip
    rows = results(entries(load, training), 32, shared_cores=device == "cpu")
    out = io.StringIO()
    show([row | about for row in rows], Console(file=out))
    return " ".join(out.getvalue().split())


@pytest.mark.parametrize(
    ("device", "load", "training", "words"),
    [
        (
            "cpu",
            0.002,
            0.102,
            "the step; the loader is 2% of the work; together they reach 1.000",
        ),
        ("cpu", 0.025, 0.150, "is the step, and the loader with 20% of the work; together they"),
        ("cpu", 0.025, 0.150, "reach 0.833 of what is possible: threads of both get in"),
        ("cpu", 0.300, 0.400, "is the loader: 75% of the work; together they reach 1.000"),
        ("cuda", 0.050, 0.102, "is the step; alone the loader is 2.00 x as fast; together they"),
        ("cuda", 0.050, 0.200, "reach 0.500 of what is possible: the loader's copies and kernels"),
        ("cuda", 0.200, 0.200, "is the loader: 160 images/s alone, where the step takes 320; tog"),
    ],
)
def test_what_holds_training_back_is_said(
    device: str, load: float, training: float, words: str
) -> None:
    assert words in told(device, load, training)
