"""A small ladder trained: finished, interrupted, diverged, changed."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from fasttricks.errors import DataError
from fasttricks.train import ablate
from fasttricks.train.ablate import RESULT, check_folder, climb_all, first_recipe, run_recipe
from fasttricks.train.ladder import Rung, climb
from fasttricks.train.resume import ResumeError
from fasttricks.train.rungs import LADDERS, smoothing
from fasttricks.train.trainer import train
from tests.train import tiny


def plan(folder, **changes):
    rungs = (
        Rung(name="start", what="nothing", change=lambda recipe: recipe, top1=70.0),
        Rung(name="no", what="nothing again", change=lambda recipe: recipe, top1=71.0),
        Rung(name="smoothing", what="+ smoothing", change=smoothing, top1=72.0),
    )
    schedule = {"epochs": 2} | changes.pop("schedule", {})
    return list(climb(rungs, tiny.recipe(folder, "unused", schedule=schedule, **changes)))


def climbed(steps, seeds, out, told=None):
    tell = (told if told is not None else []).append
    return list(climb_all(steps, seeds, out, tell=tell, build=tiny.plain))


def test_every_rung_with_one_seed_before_the_next_seed(picture_folder, tmp_path):
    told = []
    results = climbed(plan(picture_folder), [3, 5], tmp_path, told)
    assert [(r.rung, r.seed) for r in results] == [
        ("start", 3), ("smoothing", 3), ("start", 5), ("smoothing", 5),
    ]  # fmt: skip
    assert all(0 <= r.top1 <= 1 and r.count == 37 and r.images_per_s > 0 for r in results)
    assert len(told) == 4
    assert told[1] == "run 2 of 4: smoothing (+ smoothing), seed 3"


def test_a_run_of_the_ladder_is_the_run_that_train_would_make(picture_folder, tmp_path):
    steps = plan(picture_folder)
    (first, *_) = climbed(steps, [4], tmp_path / "ladder")
    alone = replace(steps[0].recipe, seed=4, out=str(tmp_path / "alone"))
    assert train(alone, tiny.plain).metrics.top1 == first.top1


def test_what_is_finished_is_read_and_the_rest_goes_on(picture_folder, tmp_path, monkeypatch):
    steps = plan(picture_folder)
    climb_it = climb_all(steps, [0], tmp_path, tell=lambda text: None, build=tiny.plain)
    kept = next(climb_it)
    climb_it.close()
    # The second run is killed in its second epoch; what it kept is a checkpoint of the first.
    stopped = replace(run_recipe(steps[2], 0, tmp_path), max_steps=5)
    assert train(stopped, tiny.plain).stopped
    before = (tmp_path / "start" / "seed-0" / "log.jsonl").read_bytes()

    started = []
    real = ablate.train
    monkeypatch.setattr(ablate, "train", lambda r, b: started.append(r.name) or real(r, b))
    first, second = climbed(steps, [0], tmp_path)
    assert started == ["smoothing"]
    assert first == kept
    assert (tmp_path / "start" / "seed-0" / "log.jsonl").read_bytes() == before
    log = (tmp_path / "smoothing" / "seed-0" / "log.jsonl").read_text().splitlines()
    starts = [line["step"] for line in map(json.loads, log) if line["kind"] == "start"]
    assert starts == [0, 5]

    unbroken = climbed(steps, [0], tmp_path / "again")
    assert unbroken[1].top1 == second.top1


def test_a_run_that_is_asked_to_stop_ends_the_ladder(picture_folder, tmp_path):
    assert climbed(plan(picture_folder, max_steps=3), [0, 1], tmp_path) == []
    assert not list(tmp_path.glob(f"*/*/{RESULT}"))


def test_a_diverged_run_is_a_result(picture_folder, tmp_path):
    steps = plan(picture_folder, optim={"lr": 1000.0, "weight_decay": 1.0})
    results = climbed(steps, [0], tmp_path)
    assert [r.top1 for r in results] == [None, None]
    assert "the loss is not finite" in results[0].problem
    assert climbed(steps, [0], tmp_path) == results  # and is not tried again


def test_other_settings_in_the_same_folder_are_refused(picture_folder, tmp_path):
    climbed(plan(picture_folder), [0], tmp_path)
    with pytest.raises(ResumeError, match=r"other settings: optim.lr: 0.05, now 0.1;"):
        climbed(plan(picture_folder, optim={"lr": 0.1}), [0], tmp_path)
    with pytest.raises(ResumeError, match="holds runs already"):
        check_folder(tmp_path, resume=False)
    check_folder(tmp_path, resume=True)
    check_folder(tmp_path / "elsewhere", resume=False)


def test_a_damaged_result_is_named(picture_folder, tmp_path):
    climbed(plan(picture_folder), [0], tmp_path)
    path = tmp_path / "start" / "seed-0" / RESULT
    path.write_text(path.read_text()[:40])
    with pytest.raises(DataError, match="is no result of"):
        climbed(plan(picture_folder), [0], tmp_path)


def test_a_log_with_a_broken_line_has_a_rate(picture_folder, tmp_path):
    """As a full disk leaves one, after which the run goes on."""
    folder = tmp_path / "start" / "seed-0"
    folder.mkdir(parents=True)
    (folder / "log.jsonl").write_text('{"kind": "step", "st')
    first, _ = climbed(plan(picture_folder), [0], tmp_path)
    assert first.images_per_s > 0


def test_nothing_to_evaluate_on_is_told(picture_folder, tmp_path):
    steps = plan(picture_folder)
    data = replace(steps[0].recipe.data, val="none")
    steps = [replace(step, recipe=replace(step.recipe, data=data)) for step in steps]
    with pytest.raises(DataError, match="needs pictures to evaluate on"):
        climbed(steps, [0], tmp_path)


def test_first_recipe_takes_a_stand_in_settings_and_the_device():
    ladder = LADDERS["assemble"]
    base = replace(ladder.base(), device="cpu")
    assert base.precision == "float16"
    recipe = first_recipe(ladder, base, "resnet18", ["optim.lr=0.3", "model.options=width 0.5"])
    assert (recipe.precision, recipe.optim.lr) == ("float32", 0.3)
    assert dict(recipe.model.options) == {"width": 0.5, "variant": "b"}
    assert recipe.model.overrides()["zero_gamma"] is True
    assert first_recipe(ladder, base, "", ["precision=bfloat16"]).precision == "bfloat16"
    other = first_recipe(LADDERS["bag-of-tricks"], base, "mobilenet_v1", [])
    assert (other.model.name, other.model.overrides()) == ("mobilenet_v1", {})
    d = first_recipe(LADDERS["bag-of-tricks"], base, "resnet50d", [])
    assert dict(d.model.options) == {"variant": "original"}
