"""The mode as a whole, with a network small enough for a test."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from fasttricks.bench import run as bench
from fasttricks.bench.config import BenchConfig
from fasttricks.bench.train.run import recipe_of, run_train
from fasttricks.errors import DataError, FasttricksError, UnknownNameError
from tests.train import tiny


def settings(data: Path | None, **changes: Any) -> BenchConfig:
    given: dict[str, Any] = {
        "train": True,
        "data": data,
        "pipeline": "resident,torchvision",
        "threads": "1",
        "seconds": 0.01,
        "warmup": 0.0,
        "settings": ("data.size=32", "data.batch-size=8"),
    }
    return BenchConfig(**(given | changes))


def test_step_loaders_and_both_are_measured_shown_and_written(
    picture_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "t.json"
    config = settings(picture_folder, json=path)
    config.check()
    assert run_train(config, tiny.plain) == 0
    rows = [json.loads(line) for line in path.read_text().splitlines()]
    assert [row["row"] for row in rows] == [
        "step, made-up pictures", "step, cached batch", "loader resident", "training resident",
        "loader torchvision", "training torchvision",
    ]  # fmt: skip
    for row in rows:
        assert row["rounds"] == len(row["rates"]) == 7  # though --rounds says 5
        assert row["images_per_s"] > 0
        assert (row["recipe"], row["size"], row["batch_size"]) == ("cpu-small", 32, 8)
        assert (row["to_bound"] is None) == (row["kind"] != "training")
        assert (row["files"], row["classes"], row["threads"]) == (37, 3, 1)
        assert {"machine", "versions", "date", "commit", "command"} <= row.keys()
    said = capsys.readouterr()
    assert "resident: what holds training back is the" in said.out
    assert "torchvision: what holds training back is the" in said.out
    assert "opening torchvision" in said.err


def test_all_leaves_out_what_cannot_read_the_pictures(
    picture_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: Any
) -> None:
    from fasttricks.bench.train import run

    installed = {name: run.pipelines()[name] for name in ("ffcv", "resident")}
    monkeypatch.setattr(run, "pipelines", lambda: installed)
    path = tmp_path / "t.json"
    assert run_train(settings(picture_folder, pipeline="all", json=path), tiny.plain) == 0
    assert "left out: ffcv: " in capsys.readouterr().err
    rows = [json.loads(line) for line in path.read_text().splitlines()]
    assert {row["pipeline"] for row in rows} == {"", "resident"}
    with pytest.raises(FasttricksError):  # one that is named must work
        run_train(settings(picture_folder, pipeline="ffcv"), tiny.plain)


def test_the_recipe_is_changed_by_the_command_line() -> None:
    recipe = recipe_of(settings(None, recipe="efficient", settings=("precision=bfloat16",)))
    assert (recipe.name, recipe.precision, recipe.device) == ("efficient", "bfloat16", "cpu")
    assert recipe.data.threads == 1


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"recipe": "fastest"}, "unknown recipe 'fastest'; did you mean fast"),
        ({"peers": "timm"}, "--train takes no --peers"),
        ({"model": "resnet18"}, "--model and --train are measured one at a time"),
        ({"threads": "1,2"}, "--train takes one count of --threads"),
        ({"pipeline": ""}, "nothing to measure: give --pipeline"),
        ({"batch_size": 8}, r"--train takes no --batch-size: the recipe says .* \(--set\)"),
        ({"dtype": "bfloat16"}, "--train takes no --dtype"),
        ({"train": False}, "--(set|recipe) is for --train"),
        ({"settings": ("optim.lr",)}, "--set takes NAME=VALUE"),
    ],
)
def test_mistakes_are_found_first(
    picture_folder: Path, changes: dict[str, Any], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        bench.run(settings(picture_folder, **changes))


def test_other_mistakes(picture_folder: Path, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="cannot write"):
        bench.run(settings(picture_folder, json=tmp_path / "no" / "t.json"))
    with pytest.raises(DataError, match="does not exist"):
        bench.run(settings(tmp_path / "nowhere"))
    with pytest.raises(UnknownNameError, match="unknown pipeline 'dalli'"):
        bench.run(settings(picture_folder, pipeline="dalli"))
