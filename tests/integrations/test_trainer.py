"""TrainerLoader, against the ways in which trainers treat a loader."""

import numpy as np
import pytest
import torch

from fasttricks import Samples, make_loader
from fasttricks.integrations.trainer import TrainerLoader
from tests.pictures import jpeg

COUNT, BATCH = 20, 4


@pytest.fixture
def loader(pipeline):
    samples = Samples([jpeg(40, 40, seed=i) for i in range(COUNT)], np.arange(COUNT))
    settings = {"batch_size": BATCH, "size": 16, "num_threads": 1}
    with make_loader(pipeline, samples, **settings) as loader:
        yield loader


def ids(batches):
    return [targets.tolist() for _, targets in batches]


def plan(loader, epoch):
    return [loader.indices(epoch, step).tolist() for step in range(len(loader))]


def test_it_has_what_trainers_look_for(loader):
    wrapped = TrainerLoader(loader)
    assert (len(wrapped), wrapped.batch_size, len(wrapped.dataset)) == (5, BATCH, COUNT)
    assert wrapped.batch_sampler is None
    assert wrapped.state_dict() == loader.state_dict()


@pytest.mark.parametrize("wrong", [None, torch.utils.data.DataLoader([1, 2])])
def test_what_is_no_loader_is_refused(wrong):
    name = type(wrong).__name__
    with pytest.raises(ValueError, match=rf"^TrainerLoader: give what .*make_loader .* a .*{name}"):
        TrainerLoader(wrong)


def test_an_epoch_chosen_after_the_iterator_was_made_counts(loader):
    wrapped = TrainerLoader(loader)
    iterator = iter(wrapped)
    wrapped.sampler.set_epoch(3)
    assert ids(iterator) == plan(loader, 3)


def test_a_state_loaded_before_and_an_epoch_set_after_the_iterator_was_made(loader):
    wrapped = TrainerLoader(loader)
    wrapped.set_epoch(2)
    iterator = iter(wrapped)
    begun = [next(iterator)[1].tolist() for _ in range(2)]
    state = wrapped.state_dict()
    del iterator

    wrapped.load_state_dict(state)
    rest = iter(wrapped)
    wrapped.sampler.set_epoch(2)
    assert begun + ids(rest) == plan(loader, 2)


def test_epochs_that_are_never_read_to_their_end(loader):
    """As Lightning does: it counts to len(loader) and asks for no more."""
    wrapped = TrainerLoader(loader)
    for epoch in range(3):
        iterator = iter(wrapped)
        wrapped.sampler.set_epoch(epoch)
        assert [next(iterator)[1].tolist() for _ in range(len(wrapped))] == plan(loader, epoch)
