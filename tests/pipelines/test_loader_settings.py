"""What a loader is told, and what it says of itself and of mistakes."""

import numpy as np
import pytest
import torch

from fasttricks import Mixup
from fasttricks.errors import DataError, UnknownNameError
from fasttricks.kernels.augment import Augment
from fasttricks.pipelines.options import Options
from tests.pipelines.echo import Echo, echo, shown


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"batch_size": 0}, "batch_size"),
        ({"rank": 2, "world_size": 2}, "rank"),
        ({"dtype": torch.float64}, "float32, torch.float16, torch.bfloat16"),
        ({"work": "half"}, "decode, normalise, full"),
        ({"on_error": "ignore"}, "raise, replace"),
        ({"size": 0}, "size"),
        ({"seed": -1}, "seed"),
        ({"device": torch.device("meta")}, "cpu or cuda"),
        ({"batch_size": 104}, "larger than the data set"),
    ],
)
def test_bad_settings_are_named(wrong, message):
    with pytest.raises(ValueError, match=message):
        echo(**wrong)
    assert issubclass(UnknownNameError, ValueError)


def test_a_batch_that_is_too_large_is_counted_in_samples():
    with pytest.raises(ValueError, match=r"of 128 \(64 samples a step x world_size 2\) is larger"):
        echo(batch_size=32, rank=0, world_size=2, mix=(Mixup(pairing="two-batches"),))


@pytest.mark.parametrize(
    "wrong",
    [
        {"area": (0, 1)},
        {"area": (0.5, 1.5)},
        {"aspect": (2, 1)},
        {"hue": (0.5, float("nan"))},
        {"flip": 1.1},
        {"color": "sepia"},
        {"std": (1, 0, 1)},
        {"lighting": -1},
        {"crop_ratio": 0},
    ],
)
def test_bad_augmentation_is_named(wrong):
    with pytest.raises(ValueError, match=f"Augment.{next(iter(wrong))}"):
        Augment(**wrong)


def test_a_closed_loader_says_so():
    loader = echo()
    next(iter(loader))
    loader.close()
    loader.close()
    with pytest.raises(RuntimeError, match="this loader is closed"):
        iter(loader)


@pytest.mark.parametrize("epoch", ["1", 1.0, None, -1, 2**32])
def test_what_is_no_epoch_is_refused(epoch):
    with pytest.raises(ValueError, match=r"epoch must be an integer in \[0, 2\*\*32\); got"):
        echo().set_epoch(epoch)


@pytest.mark.parametrize("step", ["1", 1.0, None, True])
def test_what_is_no_step_is_refused(step):
    with pytest.raises(ValueError, match="step must be an integer; got"):
        echo().indices(0, step)


@pytest.mark.parametrize("step", [-1, 12])
def test_a_step_that_there_is_not_is_refused(step):
    with pytest.raises(IndexError, match=rf"step must lie in \[0, 12\); got {step}"):
        echo().indices(0, step)


def test_what_is_no_state_is_refused():
    with pytest.raises(ValueError, match="not a loader state: a NoneType, not a dict"):
        echo().load_state_dict(None)


def test_numpys_integers_are_epochs_and_positions():
    loader, other = echo(), echo()
    loader.set_epoch(np.int64(3))
    other.set_epoch(3)
    assert shown(loader) == shown(other)
    state = loader.state_dict()
    assert all(type(value) is int for value in state.values())
    loader.load_state_dict({name: np.int64(value) for name, value in state.items()})
    assert loader.state_dict() == state


def test_it_shows_what_it_is():
    assert repr(echo(200)) == "Echo(200 samples, batch 8, train, cpu)"
    assert repr(echo(train=False)) == "Echo(103 samples, batch 8, eval, cpu)"


@pytest.mark.parametrize("data", [[1, 2], torch.utils.data.TensorDataset(torch.zeros(3))])
def test_another_librarys_data_set_is_told_how_to_become_samples(data):
    with pytest.raises(DataError, match=rf"got {type(data).__name__}.*Samples\(paths, targets\)"):
        Echo.open(data, Options(batch_size=1))
