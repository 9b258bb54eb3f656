"""The mode as a whole, with networks small enough for a test."""

from __future__ import annotations

import functools
import json
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from fasttricks.bench import run as bench
from fasttricks.bench.config import BenchConfig
from fasttricks.bench.models import run
from fasttricks.bench.models.peers import Library
from fasttricks.errors import DataError, UnknownNameError


def small() -> nn.Module:
    return nn.Sequential(
        nn.Conv2d(3, 4, 3, padding=1),
        nn.BatchNorm2d(4),
        nn.ReLU(),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(4, 1000),
    )


@pytest.fixture
def small_networks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody's network is large, and compiling takes no time."""

    def libraries(name: str) -> list[Library]:
        return [
            Library(name="fasttricks", model=name, build=small),
            Library(name="timm", model="theirs", build=small, differs="it is somebody else's"),
        ]

    monkeypatch.setattr(run, "libraries", libraries)
    monkeypatch.setattr(torch, "compile", functools.partial(torch.compile, backend="eager"))


def settings(**changes: Any) -> BenchConfig:
    given = {"model": "resnet18", "seconds": 0.01, "batch_size": 2, "size": 16}
    return BenchConfig(**{**given, **changes})


def test_the_command_measures_shows_and_writes(
    small_networks: None, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "m.json"
    before = torch.get_num_threads()
    assert bench.run(settings(json=path, threads="1", dtype="bfloat16")) == 0
    assert torch.get_num_threads() == before
    rows = [json.loads(line) for line in path.read_text().splitlines()]
    table = capsys.readouterr().out
    assert [(row["row"], row["library"]) for row in rows] == [
        (row, library) for row in run.ROWS for library in ("fasttricks", "timm")
    ]
    for row in rows:
        assert row["rounds"] == len(row["rates"]) == 7  # though --rounds says 5
        assert row["images_per_s"] > 0
        assert row["gb_per_s"] > 0
        assert row["copy_share"] > 0
        assert (row["threads"], row["dtype"], row["device"]) == (1, "bfloat16", "cpu")
        assert (row["ours_to_it"] is None) == (row["library"] == "fasttricks")
        assert (row["to_eager"] is None) == row["row"].endswith("eager")
        assert {"machine", "versions", "date", "commit", "command", "macs"} <= row.keys()
    by_name = {row["row"]: row["mb_per_image"] for row in rows}
    assert by_name["training compiled"] < by_name["training eager"]
    assert by_name["inference eager"] < by_name["training eager"]
    assert "resnet18, 16 px, batch 2, bfloat16, channels_last, cpu, CPU threads 1" in table
    assert "timm theirs ~: another network: it is somebody else's" in table


def test_only_chooses_rows(small_networks: None, tmp_path: Path) -> None:
    path = tmp_path / "m.json"
    assert bench.run(settings(json=path, only="inference eager", rounds=8)) == 0
    rows = [json.loads(line) for line in path.read_text().splitlines()]
    assert {row["row"] for row in rows} == {"inference eager"}
    assert {row["rounds"] for row in rows} == {8}
    assert run.chosen_rows(["training"]) == ["training eager", "training compiled"]
    with pytest.raises(UnknownNameError, match="unknown row 'compiled'; known: training eager, "):
        run.chosen_rows(["compiled"])


def test_a_size_that_is_impossible_is_told_with_the_models_name() -> None:
    with pytest.raises(ValueError, match=r"--size 100: bl_resnet50 cannot take it"):
        bench.run(settings(model="bl_resnet50", size=100))


def test_mistakes_are_found_first(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="unknown model 'resnet51'; known: resnet18, "):
        bench.run(settings(model="resnet51"))
    with pytest.raises(DataError, match="cannot write"):
        bench.run(settings(json=tmp_path / "no" / "m.json"))
