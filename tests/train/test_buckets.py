"""Three processes, the fewest where it matters in which order gradients are added."""

import json

import pytest
import torch

from tests.train.by_torchrun import run_by_torchrun

KINDS = {
    "static": {"net": "normed", "data": {"batch_size": 12}},
    "parts": {"net": "normed", "data": {"batch_size": 12}, "accumulate": 2},
}
RUNS = {
    name: {**changes, **more}
    for kind, changes in KINDS.items()
    for name, more in {
        kind: {},
        f"{kind}-stopped": {"max_steps": 5},
        f"{kind}-stopped+resumed": {"resume": "auto"},
    }.items()
}


@pytest.fixture(scope="module")
def by_three(picture_folder, tmp_path_factory):
    """The folder in which three processes have made all of RUNS, one after the other."""
    folder = tmp_path_factory.mktemp("three")
    run_by_torchrun("ddp_run.py", picture_folder, folder, json.dumps(RUNS), processes=3)
    return folder


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("rank", range(3))
def test_resumed_processes_end_like_unbroken_ones_to_the_bit(by_three, kind, rank):
    """Dropout's random numbers and BatchNorm's own statistics are as they were, too."""
    whole, resumed = (
        torch.load(by_three / name / f"rank-{rank}.pt") for name in (kind, f"{kind}-stopped")
    )
    assert whole.keys() == resumed.keys()
    assert all(torch.equal(whole[name], resumed[name]) for name in whole)
