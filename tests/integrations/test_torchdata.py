"""State, as users of StatefulDataLoader and of nodes expect it."""

import numpy as np
import pytest
import torch

from fasttricks import Samples, make_loader
from tests.pictures import jpeg

COUNT, BATCH = 20, 4
STEPS = COUNT // BATCH


@pytest.fixture(scope="module")
def samples():
    return Samples([jpeg(40, 40, seed=i) for i in range(COUNT)], np.arange(COUNT))


@pytest.fixture
def stateful(example):
    return example("torchdata_stateful", "torchdata")


def order(loader, steps):
    """Sample ids of so many steps from epoch 0 on."""
    return [loader.indices(*divmod(step, STEPS)).tolist() for step in range(steps)]


def test_it_is_stateful(samples, pipeline):
    protocol = pytest.importorskip(
        "torchdata.stateful_dataloader.stateful", reason="torchdata is not installed"
    )
    with make_loader(pipeline, samples, batch_size=BATCH) as loader:
        assert isinstance(loader, protocol.Stateful)


@pytest.mark.parametrize("nodes", [False, True])
@pytest.mark.parametrize("first", [2, STEPS, STEPS + 1])
def test_a_second_run_goes_on_where_the_first_ended(
    stateful, samples, pipeline, tmp_path, first, nodes
):
    settings = {"pipeline": pipeline, "batch_size": BATCH, "size": 16, "nodes": nodes}
    taken = []
    for steps in first, 2 * STEPS - first:
        taken += stateful.main(samples, steps, tmp_path / "state.pt", **settings)
    with make_loader(pipeline, samples, batch_size=BATCH) as loader:
        assert [targets.tolist() for targets in taken] == order(loader, 2 * STEPS)


@pytest.mark.parametrize(
    ("taken", "ours_next", "theirs_next"),
    [(0, STEPS, STEPS), (2, STEPS - 2, STEPS - 2), (STEPS, STEPS, 0)],
)
def test_the_next_iteration_beside_that_of_a_stateful_dataloader(
    stateful, samples, pipeline, taken, ours_next, theirs_next
):
    """A state of before, within and at the end of an epoch, and then two iterations."""
    from torchdata.stateful_dataloader import StatefulDataLoader

    ours = [make_loader(pipeline, samples, batch_size=BATCH, size=16) for _ in range(2)]
    theirs = [StatefulDataLoader(torch.arange(COUNT), batch_size=BATCH) for _ in range(2)]
    lengths = []
    for before, after in ours, theirs:
        iterator = iter(before)
        for _ in range(taken):
            next(iterator)
        after.load_state_dict(before.state_dict())
        lengths.append([len(list(after)) for _ in range(2)])
    assert lengths == [[ours_next, STEPS], [theirs_next, STEPS]]
    for loader in ours:
        loader.close()
