"""What may change between two parts of a run, and what may not."""

from dataclasses import replace

import pytest
import torch

from fasttricks.train.checkpoint import Checkpoints
from fasttricks.train.config import OptimConfig, Recipe, ScheduleConfig
from fasttricks.train.resume import ResumeError, differences
from fasttricks.train.trainer import train
from tests.train import tiny


def test_differences_name_what_matters_to_learning():
    before = Recipe(optim=OptimConfig(lr=0.1), out="a", log_every=5)
    now = Recipe(optim=OptimConfig(lr=0.4), out="b", seed=3)
    assert list(differences(before.as_dict(), now.as_dict())) == [
        "optim.lr: 0.1, now 0.4",
        "seed: 0, now 3",
    ]


def test_tuples_may_have_become_lists():
    values = Recipe().as_dict()
    kept = {**values, "schedule": {**values["schedule"], "drops": [0.25, 0.5, 0.75]}}
    assert list(differences(kept, values)) == []


@pytest.fixture
def begun(picture_folder, tmp_path):
    recipe = tiny.recipe(picture_folder, tmp_path, max_steps=2)
    train(recipe, tiny.plain)
    return replace(recipe, resume="auto", max_steps=None)


def test_another_batch_is_another_run(begun):
    with pytest.raises(ResumeError, match=r"data.batch_size: 8, now 4"):
        train(replace(begun, data=replace(begun.data, batch_size=4)), tiny.plain)


def test_another_network_does_not_fit(begun):
    with pytest.raises(ResumeError, match="cannot go on"):
        train(begun, tiny.normed)


def test_other_data_is_told(begun, tmp_path_factory, picture_folder):
    fewer = tmp_path_factory.mktemp("fewer")
    for picture in sorted(picture_folder.glob("*/*"))[:26]:
        target = fewer / picture.relative_to(picture_folder)
        target.parent.mkdir(exist_ok=True)
        target.write_bytes(picture.read_bytes())
    data = replace(begun.data, path=str(fewer), val=str(fewer))
    with pytest.raises(ResumeError, match="another data set"):
        train(replace(begun, data=data), tiny.plain)


def test_a_changed_schedule_is_followed_and_told(begun, capsys):
    schedule = ScheduleConfig(epochs=2, kind="constant", warmup_epochs=1.0)
    outcome = train(replace(begun, schedule=schedule), tiny.plain)
    assert outcome.steps == 8
    said = capsys.readouterr().out
    assert "changed since the checkpoint: schedule.kind: cosine, now constant" in said


def test_an_average_may_begin_with_the_second_part(begun):
    train(replace(begun, ema=0.9), tiny.plain)
    state = Checkpoints(begun.folder).load_latest()["state"]
    assert state["ema"]["updates"] == 10
    gaps = [(state["ema"]["model"][k] - v).abs().max() for k, v in state["model"].items()]
    assert 0 < torch.stack(gaps).max() < 0.1
