"""The protocol that all back ends share, with a back end that only reports what it was given."""

import copy
import pickle
from itertools import islice

import numpy as np
import pytest
import torch

from fasttricks import Samples, make_loader
from fasttricks.kernels.plan import PLAN_VERSION
from fasttricks.pipelines.job import own_part
from fasttricks.pipelines.options import Options
from tests.pictures import jpeg
from tests.pipelines.echo import echo, shown


def test_an_epoch_is_a_permutation_and_the_next_another():
    loader = echo(drop_last=False)
    first, second = sum(shown(loader), []), sum(shown(loader), [])
    assert sorted(first) == sorted(second) == list(range(103))
    assert first != second
    loader.set_epoch(0)
    assert sum(shown(loader), []) == first


def test_lengths():
    assert len(echo()) == len(shown(echo())) == 12
    assert len(echo(drop_last=False)) == len(shown(echo(drop_last=False))) == 13
    assert len(echo(train=False, drop_last=False, world_size=4)) == 4


def test_targets_follow_the_pictures():
    for images, targets in echo(views=2):
        assert images.shape == (16, 3, 1, 1)
        assert torch.equal(images[:, 0].flatten() * 10, targets)
        assert torch.equal(*images.chunk(2))


def test_a_global_batch_does_not_depend_on_the_world_size():
    whole = shown(echo(batch_size=8))
    for world in (2, 4):
        ranks = [shown(echo(batch_size=8 // world, world_size=world, rank=r)) for r in range(world)]
        assert [sum(parts, []) for parts in zip(*ranks, strict=True)] == whole


@pytest.mark.parametrize("world", [1, 3, 8])
def test_evaluation_shows_every_sample_once_in_equal_steps(world):
    ranks = [
        shown(echo(world_size=world, rank=r, train=False, drop_last=False)) for r in range(world)
    ]
    assert len({len(steps) for steps in ranks}) == 1
    assert sorted(sum((sum(steps, []) for steps in ranks), [])) == list(range(103))


def test_an_empty_part_is_an_empty_batch():
    loader = echo(count=9, train=False, drop_last=False, world_size=8, rank=0, batch_size=1)
    sizes = [(tuple(images.shape), len(targets)) for images, targets in loader]
    assert sizes == [((1, 3, 1, 1), 1), ((0, 3, 32, 32), 0)]


def test_parts_differ_by_at_most_one():
    for n in range(20):
        parts = [own_part(np.arange(n), r, 6) for r in range(6)]
        assert np.concatenate(parts).tolist() == list(range(n))
        assert max(map(len, parts)) - min(map(len, parts)) <= 1


@pytest.mark.parametrize("stop", [0, 1, 5, 11, 12])
def test_resume_continues_exactly(stop):
    unbroken = echo()
    expected = shown(unbroken) + shown(unbroken)
    first = echo()
    got = []
    state = first.state_dict()
    for i, (images, _) in enumerate(first):
        if i == stop:
            break
        got.append(images[:, 0].flatten().tolist())
        state = first.state_dict()
    second = echo(seed=99)
    second.load_state_dict(state)
    second.set_epoch(0)
    assert got + shown(second) + shown(second) == expected


def test_resume_with_another_world_size():
    expected = sum(shown(echo(batch_size=8)), [])
    first = echo(batch_size=8)
    iterator = iter(first)
    for _ in range(3):
        next(iterator)
    ranks = []
    for rank in range(2):
        loader = echo(batch_size=4, world_size=2, rank=rank)
        loader.load_state_dict(first.state_dict())
        ranks.append(shown(loader))
    assert sum((a + b for a, b in zip(*ranks, strict=True)), []) == expected[24:]


def test_a_state_of_another_plan_is_refused():
    loader = echo()
    with pytest.raises(ValueError, match="plan version"):
        loader.load_state_dict({**loader.state_dict(), "plan_version": PLAN_VERSION + 1})
    with pytest.raises(ValueError, match="lacks consumed, epoch, samples"):
        loader.load_state_dict({"plan_version": PLAN_VERSION, "seed": 0})


@pytest.mark.parametrize("wrong", [None, 3, "state", [("seed", 0)]], ids=repr)
def test_what_is_no_state_is_refused(wrong):
    with pytest.raises(ValueError, match=f"not a loader state: a {type(wrong).__name__}, not a"):
        echo().load_state_dict(wrong)


@pytest.mark.parametrize("copied", [pickle.dumps, copy.copy, copy.deepcopy])
def test_a_loader_is_not_copied(copied):
    with pytest.raises(TypeError, match="cannot be pickled or copied; open one where it is used"):
        copied(echo())


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"samples": 104}, "104 samples, this data set has 103"),
        ({"consumed": -3}, "consumed"),
        ({"consumed": 104}, "consumed"),
        ({"seed": -1}, "seed"),
        ({"epoch": 2**32}, "epoch"),
        ({"epoch": "1"}, "epoch"),
    ],
)
def test_an_impossible_state_is_refused(wrong, message):
    loader = echo()
    with pytest.raises(ValueError, match=message):
        loader.load_state_dict(loader.state_dict() | wrong)


def test_choosing_a_position_ends_the_iteration_under_way():
    loader, expected = echo(), shown(echo())
    state = loader.state_dict()
    for choose, why in (
        (lambda: loader.set_epoch(0), "set_epoch was called"),
        (lambda: loader.load_state_dict(state), "a state was loaded"),
    ):
        iterator = iter(loader)
        next(iterator)
        choose()
        with pytest.raises(RuntimeError, match=f"ended early: {why}"):
            next(iterator)
        assert shown(loader) == expected
        loader.set_epoch(0)


@pytest.mark.parametrize("drop_last", [True, False])
def test_counting_to_the_length_advances_the_epoch(drop_last):
    """As trainers do that never ask for more, and so never see the iteration end."""
    whole, counted = echo(drop_last=drop_last), echo(drop_last=drop_last)
    expected = [shown(whole) for _ in range(3)]
    assert [shown(islice(counted, len(counted))) for _ in range(3)] == expected
    counted.set_epoch(1)
    assert shown(islice(counted, len(counted))) == expected[1]
    counted.set_epoch(1)  # chosen again: shown again
    assert shown(counted) == expected[1]
    assert shown(counted) == expected[2]


def test_making_an_iterator_twice_advances_once():
    loader, expected = echo(), echo()
    expected.set_epoch(1)
    list(islice(loader, len(loader)))
    iter(loader)
    assert shown(loader) == shown(expected)


@pytest.mark.parametrize("rewind", [False, True])
def test_a_state_of_after_the_last_batch_goes_on_with_the_next_epoch(rewind):
    unbroken, first = echo(), echo()
    _, second, third = (shown(unbroken) for _ in range(3))
    iterator = iter(first)
    for _ in range(len(first)):
        next(iterator)
    resumed = echo(seed=99)
    resumed.load_state_dict(first.state_dict())
    if rewind:  # the trainer's own count of epochs may not have moved on yet
        resumed.set_epoch(0)
        assert shown(resumed) == []
    assert [shown(resumed), shown(resumed)] == [second, third]


def test_what_cannot_fill_a_batch_of_another_size_is_left_out_once():
    """96 of 103 are done: 7 are left, of which 16 make no batch."""
    first, resumed = echo(), echo(batch_size=16)
    list(islice(first, len(first)))
    resumed.load_state_dict(first.state_dict())
    expected = echo(batch_size=16)
    expected.set_epoch(1)
    assert shown(resumed) == shown(expected)


def test_leaving_early_closes_the_back_end_and_starts_the_epoch_again():
    loader = echo()
    expected = shown(echo())
    for _ in loader:
        break
    assert loader.closed == 1
    assert loader.state_dict()["consumed"] == 8
    assert shown(loader) == expected
    stale = iter(loader)
    next(stale)
    shown(loader)
    assert loader.closed == 4
    with pytest.raises(RuntimeError, match="another iteration of this loader has begun"):
        next(stale)


def test_one_loader_twice_at_a_time_is_not_an_epoch_without_steps():
    loader = echo()
    with pytest.raises(RuntimeError, match="another iteration"):
        next(zip(loader, loader, strict=True))


def test_an_iteration_that_gave_all_just_ends_whatever_comes_next():
    loader = echo()
    steps = iter(loader)
    for _ in range(len(loader)):
        next(steps)
    loader.set_epoch(1)
    assert next(steps, None) is None
    steps = iter(loader)
    assert sum(1 for _ in steps) == len(loader)
    next(iter(loader))
    assert next(steps, None) is None


def test_a_loaded_seed_is_the_loaders():
    loader, expected = echo(seed=3), echo(seed=7)
    loader.load_state_dict(expected.state_dict())
    assert loader.options.seed == loader.state_dict()["seed"] == 7
    assert shown(loader) == shown(expected)


def test_indices_tell_what_a_step_shows():
    loader = echo(world_size=2, rank=1)
    steps = shown(loader)
    assert [loader.indices(0, step).tolist() for step in range(len(loader))] == steps
    with pytest.raises(IndexError, match="step"):
        loader.indices(0, len(loader))
    with pytest.raises(ValueError, match=r"epoch must be .*; got -1"):
        loader.indices(-1, 0)


def test_size_may_follow_the_epoch():
    loader = echo(size=lambda epoch: 32 + epoch)
    assert {int(images[0, 2]) for images, _ in loader} == {32}
    assert {int(images[0, 2]) for images, _ in loader} == {33}


def test_torchrun_environment_is_the_default(monkeypatch):
    monkeypatch.setenv("RANK", "3")
    monkeypatch.setenv("WORLD_SIZE", "4")
    options = Options(batch_size=1)
    assert (options.rank, options.world_size) == (3, 4)


def test_a_back_end_need_not_say_what_it_keeps_compiles_or_measures():
    loader = echo()
    assert (loader.bytes, loader.decoder, loader.compile_seconds) == (0, "", 0.0)
    assert loader.stages(3) == {}


def test_rows_that_stand_for_bad_samples_can_be_left_out_of_an_evaluation():
    """As docs/concepts.md does it."""
    pictures = [b"bad" if i in (3, 7, 10) else jpeg(30, 30, seed=i) for i in range(11)]
    samples = Samples(pictures, np.arange(11))
    settings = {"batch_size": 4, "size": 8, "num_threads": 1, "work": "decode"}
    shown, good = [], []
    with make_loader("torchvision", samples, train=False, on_error="replace", **settings) as val:
        for step, (_, targets) in enumerate(val):
            bad = [replaced.index for replaced in val.errors]
            shown += targets.tolist()
            good += targets[torch.from_numpy(~np.isin(val.indices(0, step), bad))].tolist()
    assert len(shown) == 11
    assert good == [0, 1, 2, 4, 5, 6, 8, 9]
