"""The command as a whole, with a network small enough for a test."""

from __future__ import annotations

import functools
import json
from pathlib import Path
from typing import Any

import pytest

from fasttricks.bench.ablation import run
from fasttricks.commands.ablate import Ablate
from fasttricks.errors import UnknownNameError
from fasttricks.report import figure
from fasttricks.train import ablate
from fasttricks.train.resume import ResumeError
from tests.train import tiny


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    climb_all = functools.partial(ablate.climb_all, build=tiny.plain)
    monkeypatch.setattr(run, "climb_all", climb_all)


def command(data: Path, out: Path, **changes: Any) -> Ablate:
    given: dict[str, Any] = {
        "ladder": "bag-of-tricks",
        "epochs": 2,
        "seeds": "0,1",
        "model": "resnet18",
        "size": 32,
        "batch_size": 8,
        "pipeline": "resident",
        "val": str(data),
        "device": "cpu",
        "settings": ("data.threads=1", "augment.color=none", "optim.lr=0.01"),
    }
    return Ablate(data=str(data), out=out, **(given | changes))


def test_the_ladder_is_climbed_shown_and_written(
    small: None, picture_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    it = command(picture_folder, tmp_path / "l")
    assert it.run() == 0
    table = capsys.readouterr().out
    rows = {r["row"]: r for r in map(json.loads, (it.out / "ladder.json").read_text().splitlines())}
    assert len(rows) == 14
    ran = {name for name, row in rows.items() if not row["skipped"]}
    assert len(ran) == 10
    assert all(set(rows[name]["top1"]) == {"0", "1"} for name in ran)
    assert all(rows[name]["std"] is not None for name in ran)
    assert rows["linear-scaling"]["batch_size"] == 32
    assert rows["mixup"]["epochs"] == 3
    assert {"machine", "versions", "commit", "command", "date"} <= rows["baseline"].keys()
    assert "+ cosine decay" in table
    assert "+0.75" in table
    assert "float16 is for GPUs" in table
    if figure.installed():
        assert (it.out / "ladder.png").read_bytes().startswith(b"\x89PNG")
    else:
        assert "no plot: pip install" in table

    with pytest.raises(ResumeError, match="--resume auto"):
        it.run()
    before = (it.out / "ladder.json").read_text()
    again = command(picture_folder, it.out, seeds="1", resume="auto")
    assert again.run() == 0
    assert (it.out / "ladder.json").read_text() != before


def test_a_ladder_that_was_stopped_says_so(
    small: None, picture_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    it = command(picture_folder, tmp_path, settings=("data.threads=1", "max-steps=2"))
    assert it.run() == 130
    assert "0 of 20 runs are done; --resume auto goes on" in capsys.readouterr().out


def test_the_plan_trains_nothing(
    picture_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert command(picture_folder, tmp_path / "l", plan=True, teacher="t.npy").run() == 0
    assert "data.batch_size: 8, now 32" in capsys.readouterr().out
    assert not (tmp_path / "l").exists()


@pytest.mark.parametrize("seeds", ["", "one", "1,-2"])
def test_seeds_are_numbers(seeds: str, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="--seeds takes numbers"):
        command(tmp_path, tmp_path, seeds=seeds).run()


def test_unknown_models_are_told(tmp_path: Path) -> None:
    with pytest.raises(UnknownNameError, match="unknown model 'resnet19'"):
        command(tmp_path, tmp_path, model="resnet19").run()
