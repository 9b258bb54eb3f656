"""Whole runs of tiny networks."""

import json
import os
import shutil
import signal
from dataclasses import replace

import pytest
import torch
from torch import nn

from fasttricks.errors import DataError
from fasttricks.train.checkpoint import Checkpoints
from fasttricks.train.checkpoint_file import load
from fasttricks.train.config import LossConfig, MixConfig
from fasttricks.train.ladder import Skip
from fasttricks.train.resume import ResumeError
from fasttricks.train.rungs import float16
from fasttricks.train.trainer import train
from tests.train import tiny


def state_of(folder):
    return load(Checkpoints(folder).latest())["state"]


def lines(folder, kind):
    found = [json.loads(line) for line in (folder / "log.jsonl").read_text().splitlines()]
    return [line for line in found if line["kind"] == kind]


def same(one, other):
    """Equal to the bit, NaN included, through dicts and lists."""
    if isinstance(one, torch.Tensor):
        return one.dtype == other.dtype and torch.equal(one, other)
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(same(one[key], other[key]) for key in one)
    if isinstance(one, list | tuple):
        return len(one) == len(other) and all(map(same, one, other))
    return one == other


def test_a_run_learns_logs_evaluates_and_is_saved(picture_folder, tmp_path, capsys):
    recipe = tiny.recipe(picture_folder, tmp_path, schedule={"epochs": 6})
    outcome = train(recipe, tiny.normed)
    assert outcome.steps == 24
    assert (outcome.ended, outcome.stopped) == ("complete", "")
    assert outcome.metrics is not None
    assert (outcome.metrics.count, outcome.metrics.size) == (37, 32)

    steps = lines(tmp_path, "step")
    assert [line["step"] for line in steps] == list(range(2, 25, 2))
    assert all(0 <= line["data_wait"] <= 1 and line["images_per_s"] > 0 for line in steps)
    evaluations = lines(tmp_path, "evaluation")
    assert [line["epoch"] for line in evaluations] == [1, 2, 3, 4, 5, 6]
    assert evaluations[-1]["loss"] < evaluations[0]["loss"]
    assert lines(tmp_path, "start")[0]["recipe"]["optim"]["lr"] == 0.05

    said = capsys.readouterr()
    assert "images/s" not in said.err  # no bar where nobody looks
    assert said.out.count("at 32 px") == 6
    assert "What held training back" in said.out
    assert "images/s" in said.out

    state = state_of(tmp_path)
    assert state["num_classes"] == 3
    assert state["classes"] == ["class_0", "class_1", "class_2"]
    assert state["recipe"]["model"]["overrides"] == {}
    assert state["loader"]["epoch"] == 6
    assert f"{max(line['top1'] for line in evaluations):.6f}" in Checkpoints(tmp_path).best().name


MIXED = {"mix": MixConfig(kind="mixup", group=8), "loss": LossConfig(smoothing=0.1)}


@pytest.mark.parametrize(
    ("changes", "stop"),
    [
        ({}, 4),  # between two epochs
        ({}, 7),
        ({"ema": 0.9, **MIXED}, 7),
        ({"accumulate": 2, "precision": "bfloat16", "optim": {"fold_lr": True}}, 7),
        ({"optim": {"kind": "adabound", "lr": 1e-3}, "data": {"views": 2}}, 7),
    ],
)
def test_a_resumed_run_ends_like_the_unbroken_one_to_the_bit(
    picture_folder, tmp_path, changes, stop
):
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    train(tiny.recipe(picture_folder, whole, **changes), tiny.normed)
    first = train(tiny.recipe(picture_folder, broken, max_steps=stop, **changes), tiny.normed)
    assert (first.steps, first.stopped) == (stop, f"max_steps {stop}")
    assert first.ended == "max-steps"
    second = train(tiny.recipe(picture_folder, broken, resume="auto", **changes), tiny.normed)
    expected, got = state_of(whole), state_of(broken)
    assert second.steps == load(Checkpoints(whole).latest())["step"]
    for part in ("model", "optimizer", "scaler", "ema", "loader", "rng"):
        assert same(expected[part], got[part]), part


def test_without_its_random_state_a_resumed_run_ends_elsewhere(
    picture_folder, tmp_path, monkeypatch
):
    """So the test above would notice if it were not restored."""
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    train(tiny.recipe(picture_folder, whole), tiny.normed)
    train(tiny.recipe(picture_folder, broken, max_steps=7), tiny.normed)
    monkeypatch.setattr("fasttricks.train.training.set_rng_state", lambda state: None)
    train(tiny.recipe(picture_folder, broken, resume="auto"), tiny.normed)
    assert not same(state_of(whole)["model"], state_of(broken)["model"])


def test_with_a_teacher_the_loss_of_the_labels_is_logged_apart(picture_folder, tmp_path):
    teacher = tmp_path / "teacher"
    small = tiny.recipe(picture_folder, teacher, max_steps=2, model=tiny.MOBILENET)
    train(small)
    assert "label_loss" not in lines(teacher, "step")[0]
    student = replace(small, out=str(tmp_path / "student"), log_every=1)
    train(replace(student, loss=LossConfig(teacher=str(teacher), temperature=20.0)))
    plain = replace(student, out=str(tmp_path / "plain"))
    train(plain)
    first, alone = lines(tmp_path / "student", "step")[0], lines(tmp_path / "plain", "step")[0]
    assert first["label_loss"] == alone["loss"]  # of the same weights and pictures
    assert first["loss"] > 100 * first["label_loss"]  # T^2 log 3 = 439 is the teacher's


def test_a_finished_run_is_not_trained_again(picture_folder, tmp_path):
    train(tiny.recipe(picture_folder, tmp_path), tiny.plain)
    before = state_of(tmp_path)
    again = train(tiny.recipe(picture_folder, tmp_path, resume="auto"), tiny.plain)
    assert again.steps == 12
    assert again.metrics is not None
    assert same(before["model"], state_of(tmp_path)["model"])


def test_float16_on_a_cpu_is_refused_as_by_the_ladder(picture_folder, tmp_path):
    recipe = tiny.recipe(picture_folder, tmp_path, precision="float16")
    with pytest.raises(ValueError, match=r"float16 is for GPUs; .*: give --precision float32"):
        train(recipe, tiny.plain)
    with pytest.raises(Skip, match="float16 is for GPUs; "):
        float16(recipe)


def test_a_new_run_does_not_overwrite_an_old_one(picture_folder, tmp_path):
    train(tiny.recipe(picture_folder, tmp_path, max_steps=1), tiny.plain)
    with pytest.raises(ResumeError, match="--resume auto"):
        train(tiny.recipe(picture_folder, tmp_path), tiny.plain)


def test_sigterm_saves_and_ends(picture_folder, tmp_path):
    class Terminated(nn.Sequential):
        calls = 0

        def forward(self, x):
            Terminated.calls += self.training and not x.is_meta  # where there are only shapes
            if Terminated.calls == 3 and self.training:
                os.kill(os.getpid(), signal.SIGTERM)
            return super().forward(x)

    recipe = tiny.recipe(picture_folder, tmp_path, log_every=50)
    outcome = train(recipe, lambda r, k: Terminated(tiny.plain(r, k)))
    assert (outcome.steps, outcome.stopped, outcome.ended) == (3, "SIGTERM", "signal")
    checkpoint = load(Checkpoints(tmp_path).latest())
    assert checkpoint["step"] == 3
    assert checkpoint["state"]["loader"]["consumed"] == 24
    assert "--resume auto" in outcome.summary[0]


def test_a_failing_evaluation_does_not_lose_the_epoch(picture_folder, tmp_path, monkeypatch):
    def broken(*_, **__):
        raise DataError("a broken picture")

    recipe = tiny.recipe(picture_folder, tmp_path)
    with monkeypatch.context() as patched:
        patched.setattr("fasttricks.train.trainer.evaluate", broken)
        with pytest.raises(DataError, match="a broken picture"):
            train(recipe, tiny.plain)
    assert Checkpoints(tmp_path).latest().name == "step-00000004.pt"
    train(replace(recipe, resume="auto", max_steps=8), tiny.plain)
    assert [line["step"] for line in lines(tmp_path, "evaluation")] == [4, 8]
    assert Checkpoints(tmp_path).best() is not None
    train(replace(recipe, resume="auto"), tiny.plain)  # what was evaluated is not again
    assert [line["step"] for line in lines(tmp_path, "evaluation")] == [4, 8, 12]


def test_each_state_is_written_once(picture_folder, tmp_path, monkeypatch):
    written, save = [], Checkpoints.save
    monkeypatch.setattr(
        Checkpoints, "save", lambda *a, **k: (written.append(k["step"]), save(*a, **k))[1]
    )
    recipe = tiny.recipe(picture_folder, tmp_path, save_every=3)
    train(recipe, tiny.plain)
    assert written == [3, 4, 6, 8, 9, 12]
    train(replace(recipe, resume="auto"), tiny.plain)
    assert written == [3, 4, 6, 8, 9, 12]
    written.clear()
    data = replace(recipe.data, val="none")
    train(replace(recipe, out=str(tmp_path / "none"), data=data, save_every=0), tiny.plain)
    assert written == [4, 8, 12]


def test_sigterm_while_evaluating_ends_it_and_the_next_part_makes_it(
    picture_folder, tmp_path, monkeypatch, capfd
):
    from fasttricks.train import evaluate as module

    batches, logits = [], module._logits

    def terminated(*given):
        batches.append(1)
        if len(batches) == 2:
            os.kill(os.getpid(), signal.SIGTERM)
        return logits(*given)

    recipe = tiny.recipe(picture_folder, tmp_path, data={"eval_batch_size": 8})
    with monkeypatch.context() as patched:
        patched.setattr(module, "_logits", terminated)
        outcome = train(recipe, tiny.plain)
    assert len(batches) == 2  # of 5
    assert (outcome.steps, outcome.ended, outcome.metrics) == (4, "signal", None)
    assert "stopping after this batch" in capfd.readouterr().err
    assert Checkpoints(tmp_path).load_latest()["step"] == 4
    train(replace(recipe, resume="auto"), tiny.plain)
    assert [line["step"] for line in lines(tmp_path, "evaluation")] == [4, 8, 12]


def test_a_run_that_another_process_trains_is_refused(picture_folder, tmp_path):
    from fasttricks.train.log import Log

    with (
        Log(tmp_path, 1, first=True),
        pytest.raises(DataError, match="another process trains into"),
    ):
        train(tiny.recipe(picture_folder, tmp_path), tiny.plain)


def test_data_that_cannot_be_trained_on_is_told(picture_folder, tmp_path):
    recipe = tiny.recipe(picture_folder, tmp_path)
    with pytest.raises(DataError, match="no val inside"):
        train(replace(recipe, data=replace(recipe.data, val="")), tiny.plain)
    with pytest.raises(ValueError, match="larger than the data set"):
        train(tiny.recipe(picture_folder, tmp_path, data={"batch_size": 64}), tiny.plain)
    with pytest.raises(ValueError, match="cuda_graph"):
        train(tiny.recipe(picture_folder, tmp_path, cuda_graph=True), tiny.plain)


def test_bad_pictures_are_named_and_not_evaluated(picture_folder, tmp_path, capsys):
    folder = tmp_path / "pictures"
    shutil.copytree(picture_folder, folder)
    for name in ("class_0/bad.jpg", "class_2/worse.jpg"):
        (folder / name).write_bytes(b"no picture")
    recipe = tiny.recipe(
        folder, tmp_path / "run", schedule={"epochs": 2}, data={"on_error": "replace"}
    )
    outcome = train(recipe, tiny.plain)
    assert outcome.metrics.count == 37
    told = [line for line in outcome.summary if "could not be decoded" in line]
    assert len(told) == 1
    assert told[0].startswith("2 pictures")
    assert told[0] in capsys.readouterr().out
    (end,) = lines(tmp_path / "run", "end")
    assert {name.rsplit("/", 1)[1] for name in end["bad"]} == {"bad.jpg", "worse.jpg"}
