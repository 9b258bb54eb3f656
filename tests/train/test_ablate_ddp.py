"""A ladder climbed by two processes, started by torchrun."""

import json
from dataclasses import replace

import pytest

from fasttricks.train.ablate import climb_all
from fasttricks.train.config import MixConfig
from fasttricks.train.ladder import Rung, climb
from tests.train import ablate_run, tiny
from tests.train.by_torchrun import run_by_torchrun

RUNS = [(rung, seed) for seed in (0, 1) for rung in ("start", "broken", "smoothing")]


@pytest.fixture(scope="module")
def by_two(picture_folder, tmp_path_factory):
    """(folder, what was printed) of the command as two processes ran it."""
    folder = tmp_path_factory.mktemp("ladder")
    printed = run_by_torchrun("ablate_run.py", picture_folder, folder)
    return folder, printed


def of_rank(folder, rank):
    return json.loads((folder / f"rank-{rank}.json").read_text())


def test_both_make_the_same_runs_in_the_same_order(by_two):
    folder, _ = by_two
    (code, first), (other_code, second) = of_rank(folder, 0), of_rank(folder, 1)
    assert code == other_code == 0
    assert [(r["rung"], r["seed"]) for r in first] == RUNS
    for key in ("rung", "seed", "top1", "count"):
        assert [r[key] for r in first] == [r[key] for r in second]
    assert {r["count"] for r in first if r["rung"] != "broken"} == {37}  # of both parts together


def test_a_diverged_run_is_a_result_and_the_others_follow(by_two):
    folder, _ = by_two
    for rank in (0, 1):
        _, results = of_rank(folder, rank)
        assert [r["rung"] for r in results if r["top1"] is None] == ["broken"] * 2
    rows = map(json.loads, (folder / "ladder.json").read_text().splitlines())
    assert [(row["row"], row["diverged"]) for row in rows] == [
        ("start", []),
        ("broken", [0, 1]),
        ("smoothing", []),
    ]


def test_one_process_writes_and_speaks(by_two):
    folder, said = by_two
    told = [line for line in said.splitlines() if line.startswith("run ")]
    assert [line.split(":")[0] for line in told] == [f"run {n} of 6" for n in range(1, 7)]
    assert said.count(str(folder / "ladder.json")) == 1
    for rung, seed in RUNS:
        lines = (folder / rung / f"seed-{seed}" / "log.jsonl").read_text().splitlines()
        starts = [line for line in map(json.loads, lines) if line["kind"] == "start"]
        assert [start["world"] for start in starts] == [2]


def test_one_process_reads_what_two_have_made(by_two, picture_folder, monkeypatch):
    folder, _ = by_two
    results = ablate_run.patched(monkeypatch.setattr)
    logs = {path: path.read_bytes() for path in folder.glob("*/*/log.jsonl")}
    assert ablate_run.command(picture_folder, folder, resume="auto").run() == 0
    assert results == of_rank(folder, 0)[1]
    assert {path: path.read_bytes() for path in logs} == logs  # nothing was trained


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        (
            {"accumulate": 3},
            "^last: data.batch_size 8 cannot be divided evenly by 1 processes",
        ),
        (
            {"mix": MixConfig(kind="mixup", group=32)},
            "^last: pictures are mixed in groups of 32, and a process takes 8 at a time; "
            r"change --data.batch-size or --mix.group \(such as 8\)$",
        ),
        ({"mix": MixConfig(kind="mixup", pairing="two-batches", group=32)}, "takes 16 at a time"),
    ],
)
def test_what_no_process_could_load_is_said_before_the_first_run(
    picture_folder, tmp_path, changes, said
):
    rungs = (
        Rung(name="first", what="-", change=lambda recipe: recipe, top1=70.0),
        Rung(name="last", what="-", change=lambda recipe: replace(recipe, **changes), top1=70.0),
    )
    plan = list(climb(rungs, tiny.recipe(picture_folder, "unused")))
    told = []
    with pytest.raises(ValueError, match=said):
        list(climb_all(plan, [0], tmp_path, tell=told.append, build=tiny.plain))
    assert told == []
