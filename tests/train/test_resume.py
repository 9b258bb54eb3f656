"""What may change between two parts of a run, and what may not."""

import shutil
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

from fasttricks.data import open_data
from fasttricks.train import data
from fasttricks.train.checkpoint import Checkpoints
from fasttricks.train.config import OptimConfig, Recipe, ScheduleConfig
from fasttricks.train.distributed import World
from fasttricks.train.resume import ResumeError, differences, latest, load_optimizer
from fasttricks.train.trainer import train
from fasttricks.tricks.mixed_precision import MixedPrecision
from fasttricks.tricks.nesterov import fused_sgd
from tests.train import tiny


def test_differences_name_what_matters_to_learning():
    before = Recipe(optim=OptimConfig(lr=0.1), out="a", log_every=5)
    now = Recipe(optim=OptimConfig(lr=0.4), out="b", seed=3)
    assert list(differences(before.as_dict(), now.as_dict())) == [
        "optim.lr: 0.1, now 0.4",
        "seed: 0, now 3",
    ]


def test_checkpoints_from_before_a_run_could_begin_elsewhere_are_of_the_same_run():
    before = Recipe().as_dict()
    del before["init"]
    assert list(differences(before, Recipe().as_dict())) == []


def test_tuples_may_have_become_lists():
    values = Recipe().as_dict()
    kept = {**values, "schedule": {**values["schedule"], "drops": [0.25, 0.5, 0.75]}}
    assert list(differences(kept, values)) == []


def test_parts_of_a_batch_are_told(begun, capsys):
    """A mix that draws per batch draws for each part, and BatchNorm sees one part at a time."""
    train(replace(begun, accumulate=2, max_steps=3), tiny.plain)
    assert "changed since the checkpoint: accumulate: 1, now 2" in capsys.readouterr().out


@pytest.fixture(scope="module")
def kept(picture_folder, tmp_path_factory):
    """A run that has begun, for tests that leave it as it is."""
    recipe = tiny.recipe(picture_folder, tmp_path_factory.mktemp("kept"), max_steps=2)
    train(recipe, tiny.plain)
    return replace(recipe, resume="auto", max_steps=None)


@pytest.fixture
def begun(picture_folder, tmp_path):
    recipe = tiny.recipe(picture_folder, tmp_path, max_steps=2)
    train(recipe, tiny.plain)
    return replace(recipe, resume="auto", max_steps=None)


def test_another_batch_is_another_run(begun):
    with pytest.raises(ResumeError, match=r"data.batch_size: 8, now 4"):
        train(replace(begun, data=replace(begun.data, batch_size=4)), tiny.plain)


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"kind": "adabound"}, "optim.kind: nesterov, now adabound"),
        ({"kind": "sgd"}, "optim.kind: nesterov, now sgd"),
        ({"fold_lr": True}, "optim.fold_lr: False, now True"),
        ({"decay_rule": "weights-only"}, "optim.decay_rule: all, now weights-only"),
    ],
)
def test_another_optimiser_is_another_run(kept, changes, told):
    optim = replace(kept.optim, **changes)
    with pytest.raises(ResumeError, match=f"^cannot go on: {told}; that would be another run"):
        train(replace(kept, optim=optim), tiny.plain)


def test_changed_options_of_the_optimiser_are_followed(begun, capsys):
    optim = replace(begun.optim, weight_decay=0.3, momentum=0.5)
    train(replace(begun, optim=optim, max_steps=3), tiny.plain)
    said = capsys.readouterr().out
    assert "changed since the checkpoint: optim.momentum: 0.9, now 0.5" in said
    assert "changed since the checkpoint: optim.weight_decay: 0.0001, now 0.3" in said
    state = Checkpoints(begun.folder).load_latest()["state"]
    for group in state["optimizer"]["param_groups"]:
        assert (group["weight_decay"], group["momentum"]) == (0.3, 0.5)


def test_what_an_optimiser_has_gathered_is_kept_and_what_it_lacks_begins_anew():
    def made(momentum):
        w = torch.ones(3, requires_grad=True)
        optimizer = fused_sgd([w], 0.1, momentum=momentum, weight_decay=momentum, nesterov=True)
        w.grad = torch.ones(3)
        optimizer.step()
        return w, optimizer

    _, before = made(0.9)
    gathered = before.state_dict()["state"][0]["momentum_buffer"].clone()
    w, now = made(0.5)
    load_optimizer(now, before.state_dict())
    assert torch.equal(now.state[w]["momentum_buffer"], gathered)
    assert now.param_groups[0]["momentum"] == 0.5
    w, now = made(0.5)
    fresh = now.state[w]["momentum_buffer"].clone()
    load_optimizer(now, {**before.state_dict(), "state": {}})
    assert torch.equal(now.state[w]["momentum_buffer"], fresh)


def test_loss_scaling_goes_on_or_begins_anew(begun, monkeypatch, capsys):
    """As float16 has it; a CPU, which is refused that, can scale float32."""
    monkeypatch.setattr(MixedPrecision, "scaler", lambda self: torch.amp.GradScaler("cpu"))
    train(replace(begun, max_steps=3), tiny.plain)  # from a checkpoint without
    scaler = Checkpoints(begun.folder).load_latest()["state"]["scaler"]
    assert (scaler["scale"], scaler["_growth_tracker"]) == (2.0**16, 1)
    assert (
        "changed since the checkpoint: loss scaling, which begins again" in capsys.readouterr().out
    )
    train(replace(begun, max_steps=5), tiny.plain)
    assert "changed since" not in capsys.readouterr().out
    scaler = Checkpoints(begun.folder).load_latest()["state"]["scaler"]
    assert scaler["_growth_tracker"] == 3
    monkeypatch.undo()
    assert train(replace(begun, max_steps=6), tiny.plain).steps == 6  # and without again


def wide(recipe, classes):
    """A network of as many channels as the recipe says."""
    width = recipe.model.options.get("width", 1.0)
    return nn.Sequential(
        nn.Conv2d(3, int(8 * width), 5, stride=4), nn.AdaptiveAvgPool2d(1), nn.Flatten(),
        nn.Linear(int(8 * width), classes),
    )  # fmt: skip


def test_another_network_is_told_by_its_setting_in_one_line(picture_folder, tmp_path):
    recipe = tiny.recipe(picture_folder, tmp_path, max_steps=1)
    train(recipe, wide)
    model = replace(recipe.model, options={"width": 0.5})
    told = r"^cannot go on: model.options.width: None, now 0.5; that is another network \(--out\)$"
    with pytest.raises(ResumeError, match=told):
        train(replace(recipe, model=model, resume="auto"), wide)


def test_another_network_of_ones_own_is_told_by_its_first_weight(kept):
    told = r"^cannot go on: 1.bias: not there, now \[8\]; that is another network"
    with pytest.raises(ResumeError, match=told):
        train(kept, tiny.normed)


def copy_of(data, folder):
    shutil.copytree(data, folder)
    return folder


def moved(recipe, folder):
    return replace(recipe, data=replace(recipe.data, path=str(folder), val=str(folder)))


def test_the_same_pictures_may_lie_elsewhere(begun, tmp_path):
    data = copy_of(begun.data.path, tmp_path / "data")
    assert train(moved(replace(begun, max_steps=3), data), tiny.plain).steps == 3


def test_renamed_classes_are_other_data(kept, tmp_path):
    data = copy_of(kept.data.path, tmp_path / "data")
    (data / "class_0").rename(data / "x")
    told = (
        "trained for other classes: class 0 is class_0 there and class_1 here; go on with the data"
    )
    with pytest.raises(ResumeError, match=told):
        train(moved(kept, data), tiny.plain)


def test_as_many_other_pictures_are_other_data(kept, tmp_path):
    data = copy_of(kept.data.path, tmp_path / "data")
    first = min((data / "class_1").iterdir())
    first.rename(first.with_name("zzz.jpg"))
    with pytest.raises(ResumeError, match="37 pictures, now 37, of other names"):
        train(moved(kept, data), tiny.plain)


def test_another_fold_of_as_many_pictures_is_other_data(picture_folder, tmp_path, monkeypatch):
    """Recipes name folders, so the loader is given the fold in its place."""
    given, held_out = data.make_loader, 0

    def of_a_fold(name, path, **options):
        samples = open_data(path, train=options["train"])
        chosen = np.arange(36) % 3 != held_out
        return given(name, samples.take(np.arange(36)[chosen]), **options)

    monkeypatch.setattr(data, "make_loader", of_a_fold)
    recipe = tiny.recipe(picture_folder, tmp_path, max_steps=2)
    train(recipe, tiny.plain)
    recipe = replace(recipe, resume="auto", max_steps=3)
    assert train(recipe, tiny.plain).steps == 3
    held_out = 1
    with pytest.raises(ResumeError, match="24 pictures, now 24, of other names or in another"):
        train(replace(recipe, max_steps=4), tiny.plain)


def test_one_picture_less_is_told_though_an_epoch_has_as_many_steps(kept, tmp_path):
    data = copy_of(kept.data.path, tmp_path / "data")
    min((data / "class_1").iterdir()).unlink()
    with pytest.raises(ResumeError, match=r"37 pictures, now 36, of .*: this is another data set"):
        train(moved(kept, data), tiny.plain)


def test_all_processes_must_find_the_same_checkpoint(kept):
    class Elsewhere(World):
        def gather(self, value):
            return [value, None]

    world = Elsewhere(device=torch.device("cpu"), threads=1)
    with pytest.raises(ResumeError, match=r"\(step 2, none\): all nodes must see the same folder"):
        latest(Checkpoints(kept.folder), world)


def test_a_new_run_does_not_mix_with_the_best_of_another(begun):
    checkpoints = Checkpoints(begun.folder)
    checkpoints.evaluated(2, {"top1": 0.5})
    checkpoints.drop(2)
    with pytest.raises(ResumeError, match=r"best-top1-0.500000-00000002.pt is of an earlier run"):
        train(replace(begun, resume="no"), tiny.plain)


def test_other_data_is_told(begun, tmp_path_factory, picture_folder):
    fewer = tmp_path_factory.mktemp("fewer")
    for picture in sorted(picture_folder.glob("*/*"))[:26]:
        target = fewer / picture.relative_to(picture_folder)
        target.parent.mkdir(exist_ok=True)
        target.write_bytes(picture.read_bytes())
    data = replace(begun.data, path=str(fewer), val=str(fewer))
    with pytest.raises(ResumeError, match=r"37 pictures, now 26, of .*: this is another data set"):
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
