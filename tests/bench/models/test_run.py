"""The mode as a whole, with networks small enough for a test."""

from __future__ import annotations

import functools
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from fasttricks.bench import run as bench
from fasttricks.bench.config import BenchConfig
from fasttricks.bench.models import run
from fasttricks.bench.models.peers import Library
from fasttricks.errors import DataError, FasttricksError, UnknownNameError


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

    def libraries(name: str, against: Sequence[str]) -> list[Library]:
        return [
            *(Library(name="fasttricks", model=one, build=small) for one in (name, *against)),
            Library(name="timm", model="theirs", build=small, differs="it is somebody else's"),
        ]

    monkeypatch.setattr(run, "libraries", libraries)
    monkeypatch.setattr(torch, "compile", functools.partial(torch.compile, backend="eager"))


def settings(**changes: Any) -> BenchConfig:
    given = {"model": "resnet18", "seconds": 0.01, "warmup": 0.0, "batch_size": 2, "size": 16}
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


@pytest.mark.gpu
@pytest.mark.parametrize("dtype", ["bfloat16", "float16"])
def test_on_a_gpu(small_networks: None, tmp_path: Path, dtype: str) -> None:
    path = tmp_path / "m.json"
    assert bench.run(settings(json=path, device="cuda", dtype=dtype, against="resnet34")) == 0
    rows = [json.loads(line) for line in path.read_text().splitlines()]
    assert len(rows) == 3 * len(run.ROWS)
    assert {row["device"] for row in rows} == {"cuda"}


def test_other_networks_of_ours_take_turns_with_it(
    small_networks: None, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "m.json"
    others = ["resnet18d", "resnet34"]
    assert bench.run(settings(json=path, against=",".join(others), only="training eager")) == 0
    rows = [json.loads(line) for line in path.read_text().splitlines()]
    assert [row["library_model"] for row in rows] == ["resnet18", *others, "theirs"]
    assert [row["slowdown"] is None for row in rows] == [True, False, False, True]
    for row in rows[1:3]:
        found = row["slowdown"]
        assert found["p20"] <= found["time"] <= found["p80"]
        assert (found["bytes"], found["macs"], found["conv_outputs"]) == (0, 0, 0)  # all are small
        assert row["ours_to_it"] is not None
    told = capsys.readouterr().out
    assert all(f"training eager: resnet18 beside {name}: time" in told for name in others)


def test_more_networks_are_compiled_than_torch_would_by_itself(
    small_networks: None, tmp_path: Path
) -> None:
    class Same(nn.Module):
        def __init__(self, channels: int) -> None:
            super().__init__()
            self.linear = nn.Linear(channels, channels)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.linear(x)

    limit = torch._dynamo.config.recompile_limit
    with run.torch_set_up([]):
        for channels in range(1, limit + 3):
            net = torch.compile(Same(channels), dynamic=False, fullgraph=True)
            assert net(torch.zeros(1, channels)).shape == (1, channels)
    assert torch._dynamo.config.recompile_limit == limit


class Unwilling(nn.Module):
    """A network that cannot be trained."""

    def __init__(self) -> None:
        super().__init__()
        self.net = small()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if self.training and not x.is_meta:
            raise RuntimeError("out of memory\nand out of luck")
        logits: torch.Tensor = self.net(x)
        return logits


def test_a_row_that_fails_costs_no_other(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "m.json"
    ours = Library(name="fasttricks", model="resnet18", build=small)
    theirs = Library(name="timm", model="theirs", build=Unwilling)
    monkeypatch.setattr(run, "libraries", lambda name, against: [ours, theirs])
    eager = "training eager,inference eager"
    assert bench.run(settings(json=path, only=eager)) == 2
    rows = [json.loads(line) for line in path.read_text().splitlines()]
    assert [(row["row"], row["library"]) for row in rows] == [
        ("training eager", "fasttricks"),
        ("inference eager", "fasttricks"),
        ("inference eager", "timm"),
    ]
    told = capsys.readouterr().err.splitlines()
    assert "training eager, timm theirs failed: RuntimeError: out of memory" in told
    ours = Library(name="fasttricks", model="resnet18", build=Unwilling)
    monkeypatch.setattr(run, "libraries", lambda name, against: [ours])
    with pytest.raises(FasttricksError, match="no row of resnet18 works"):
        bench.run(settings(only="training eager"))


def test_only_chooses_rows(small_networks: None, tmp_path: Path) -> None:
    path = tmp_path / "m.json"
    assert bench.run(settings(json=path, only="inference eager", rounds=8)) == 0
    rows = [json.loads(line) for line in path.read_text().splitlines()]
    assert {row["row"] for row in rows} == {"inference eager"}
    assert {row["rounds"] for row in rows} == {8}
    with pytest.raises(
        UnknownNameError,
        match=r"unknown row 'compiled'; did you mean training compiled\? known: training eager, ",
    ):
        bench.run(settings(only="compiled"))


def test_a_size_that_is_impossible_is_told_with_the_models_name() -> None:
    with pytest.raises(ValueError, match=r"--size 100: bl_resnet50 cannot take it"):
        bench.run(settings(model="bl_resnet50", size=100))


def test_mistakes_are_found_first(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="unknown model 'resnet51'; did you mean resnet50"):
        bench.run(settings(model="resnet51"))
    with pytest.raises(DataError, match="cannot write"):
        bench.run(settings(json=tmp_path / "no" / "m.json"))
