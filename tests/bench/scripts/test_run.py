"""The mode as a whole, with scripts that train nothing; and with the real ones where they are."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

import pytest

from fasttricks.bench.config import BenchConfig, words
from fasttricks.bench.files import open_files
from fasttricks.bench.process import Guard
from fasttricks.bench.scripts import commands
from fasttricks.bench.scripts.config import Config
from fasttricks.bench.scripts.pictures import CLASSES, lay_out
from fasttricks.bench.scripts.run import environment, main, trainers_of
from fasttricks.bench.scripts.script import Script, find_scripts
from fasttricks.bench.scripts.watch import Reading, watch
from fasttricks.bench.scripts.window import Window
from fasttricks.errors import DataError, FasttricksError
from tests.bench.scripts.stand_in import OURS, clone_timm, clone_torchvision


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Links go to a folder of the test's; compiled kernels stay where they are."""
    monkeypatch.setattr("fasttricks.bench.scripts.pictures.cache_dir", lambda: tmp_path / "cache")


def settings(tmp_path: Path, data: Path, **changes: Any) -> Config:
    for clone, name in ((clone_torchvision, "vision"), (clone_timm, "timm")):
        if not (tmp_path / name).exists():
            clone(tmp_path / name)
    given: dict[str, Any] = {
        "torchvision": tmp_path / "vision",
        "timm": tmp_path / "timm",
        "data": data,
        "pipeline": "resident,torchvision",
        "threads": 1,
        "size": 32,
        "batch_size": 2,
        "model": "resnet18",
        "max_steps": 10,
    }
    return Config(**(given | changes))


def test_all_take_turns_are_shown_and_written(
    tmp_path: Path,
    picture_folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def ours(job: commands.Job, pipeline: str, out: Path) -> list[str]:
        return [sys.executable, "-c", OURS, str(out / commands.RUN), "10"]

    monkeypatch.setattr(commands, "ours", ours)
    monkeypatch.setattr("fasttricks.bench.scripts.watch.POLL_S", 0.0005)
    path = tmp_path / "s.json"
    main(settings(tmp_path, picture_folder, json=path))
    rows = [json.loads(line) for line in path.read_text().splitlines()]
    names = ["fasttricks resident", "fasttricks torchvision", "torchvision", "timm"]
    assert [row["row"] for row in rows] == names
    for row in rows:
        assert row["rounds"] == len(row["rates"]) == len(row["wholes"]) == 7
        assert (row["steps"], row["timed"], row["classes"], row["threads"]) == (10, 2, CLASSES, 1)
        assert (row["model"], row["size"]) == ("resnet18", 32)
        assert {"machine", "versions", "date", "commit", "command", "differs"} <= row.keys()
        assert set(row["to"]) == ({"torchvision", "timm"} if row["row"] in names[:2] else set())
    assert rows[3]["scripts"]["timm"]["version"] == "0.0.stand-in"
    assert "--batch-size 2" in rows[2]["command_line"]
    said, told = capsys.readouterr()
    later = [f"round {number} of 7" for number in range(2, 8)]
    assert told.splitlines() == [*(f"{name}: round 1 of 7" for name in names), *later]
    assert "equal for all: resnet18 of 10 classes, 32 px, batch 2" in said
    assert "fasttricks resident: " in said
    assert "torchvision also: computes top-1" in said


def reading(config: Config, scripts: list[Script], number: int) -> Reading:
    """What is seen of one run of one trainer."""
    window = Window(warm=4, timed=2, rest=4)
    files = open_files(BenchConfig(data=config.data, batch_size=1))
    data = lay_out(files.paths, files.key, window.steps * config.batch_size)
    job = commands.Job(recipe=config.recipe, data=data, classes=CLASSES, threads=1)
    trainer = trainers_of(words(config.pipeline), job, scripts)[number]
    out = data.parent / "out"
    out.mkdir()
    with Guard() as guard:
        return watch(trainer, out, window, environment(), guard)


def test_our_own_trainer_is_timed(tmp_path: Path, picture_folder: Path) -> None:
    config = settings(tmp_path, picture_folder, pipeline="torchvision")
    seen = reading(config, find_scripts({"timm": config.timm}), 0)
    assert seen.steps == 2
    assert 0 < seen.seconds < seen.whole_s


@pytest.mark.parametrize("name", ["torchvision", "timm"])
def test_the_real_scripts_take_our_flags(tmp_path: Path, picture_folder: Path, name: str) -> None:
    folder = os.environ.get(f"FASTTRICKS_CLONE_OF_{name.upper()}")
    if not folder:
        pytest.skip(f"$FASTTRICKS_CLONE_OF_{name.upper()} is not set")
    scripts = find_scripts({name: Path(folder)})
    config = settings(tmp_path, picture_folder)
    seen = reading(config, scripts, -1)
    assert seen.steps == 2
    assert 0 < seen.seconds < seen.whole_s


def test_a_script_that_fails_is_quoted_in_one_line(
    tmp_path: Path, picture_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def ours(job: commands.Job, pipeline: str, out: Path) -> list[str]:
        return [sys.executable, "-c", "import sys; sys.exit('out of memory')"]

    monkeypatch.setattr(commands, "ours", ours)
    with pytest.raises(FasttricksError, match=r"fasttricks resident failed: .* out of memory"):
        main(settings(tmp_path, picture_folder))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"timm": Path("/no/such/place")}, r"expected train\.py with timm/version\.py"),
        ({"torchvision": None, "timm": None}, "name a clone"),
        ({"pipeline": "dalli"}, "unknown pipeline 'dalli'"),
        ({"max_steps": 3}, "at least 10 are needed"),
        ({"precision": "bfloat16"}, "on a GPU only"),
    ],
)
def test_mistakes_are_found_first(
    tmp_path: Path, picture_folder: Path, changes: dict[str, Any], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        main(settings(tmp_path, picture_folder, **changes))


def test_a_pack_is_refused(tmp_path: Path, picture_pack: Path) -> None:
    with pytest.raises(DataError, match="is a pack; the scripts read folders"):
        main(settings(tmp_path, picture_pack))


def test_all_start_alone_with_the_same_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SLURM_PROCID", "3")
    monkeypatch.setenv("OMP_NUM_THREADS", "5")
    monkeypatch.delenv("OMP_WAIT_POLICY", raising=False)
    env = environment()
    assert "SLURM_PROCID" not in env
    assert (env["OMP_NUM_THREADS"], env["OMP_WAIT_POLICY"]) == ("5", "PASSIVE")
    monkeypatch.setenv("OMP_WAIT_POLICY", "ACTIVE")
    assert environment()["OMP_WAIT_POLICY"] == "ACTIVE"
