import json

import pytest

from fasttricks.bench.scripts.steps import steps_ours, steps_timm, steps_torchvision


@pytest.mark.parametrize(
    ("line", "steps"),
    [
        ("Epoch: [0]  [  0/100]  eta: 0:01:40  lr: 0.1  img/s: 9.0", 1),
        ("Epoch: [0]  [ 30/100]  eta: 0:01:10  lr: 0.1", 31),
        ("Epoch: [2]  [9/100]  eta: 0:01:31", 210),
        ("Epoch: [0] Total time: 0:00:12", None),
        ("Test:   [ 0/10]  eta: 0:00:01  loss: 2.3", None),
        ("", None),
    ],
)
def test_torchvision(line, steps):
    assert steps_torchvision(line) == steps


@pytest.mark.parametrize(
    ("line", "steps"),
    [
        ("Train: 0 [   0/100 (  1%)]  Loss: 2.31 (2.31)  Time: 0.9s", 1),
        ("Train: 0 [  50/100 ( 51%)]  Loss: 2.31 (2.31)", 51),
        ("Train: 3 [  99/100 (100%)]  Loss: 2.31 (2.31)", 400),
        ("Test: [   0/9]  Time: 0.5 (0.5)  Loss: 2.3", None),
        ("Scheduled epochs: 1 (epochs + cooldown_epochs).", None),
    ],
)
def test_timm(line, steps):
    assert steps_timm(line) == steps


def test_ours():
    assert steps_ours(json.dumps({"kind": "step", "time": 1.5, "step": 7})) == 7
    assert steps_ours(json.dumps({"kind": "start", "step": 0})) is None
    assert steps_ours(json.dumps({"kind": "evaluation", "step": 9})) is None
    assert steps_ours('{"kind": "step", "ste') is None
    assert steps_ours('not JSON, though it has "step"') is None
