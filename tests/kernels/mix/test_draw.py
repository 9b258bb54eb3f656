"""The random numbers of outputs: each output's own, whatever is drawn beside it."""

import numpy as np
import pytest

from fasttricks.kernels.mix.draw import Draw, Place

PLACES = [Place(5, 2, first, first // 64 * 64, group=8) for first in (0, 64, 200)]


def numbers(draw):
    """Everything that it gives, [B, ...] each."""
    return [
        draw.own,
        draw.view,
        draw.share(0.4, "sample"),
        draw.share(0.4, "batch", which=1),
        draw.uniform(3),
        draw.uniform(3, "batch"),
        draw.choice((1, 2), 0.7, "sample"),
        draw.choice((1, 2), 0.7, "batch"),
        draw.noise_keys(),
        draw.partners(),
        draw.partners(2),
    ]


@pytest.mark.parametrize("views", [1, 3])
def test_some_outputs_get_what_they_get_among_all(views):
    draw = Draw(PLACES, 20, views, 1, 9, 9)
    some = np.flatnonzero(np.arange(len(draw.own)) % 3 == 1)
    for all_, part in zip(numbers(draw), numbers(draw.only(some)), strict=True):
        assert len(all_) == 3 * views * 20
        assert np.array_equal(part, all_[some])
    for none in numbers(draw.only(some[:0])):
        assert len(none) == 0


@pytest.mark.parametrize("views", [1, 3])
def test_several_batches_are_drawn_as_each_alone(views):
    together = numbers(Draw(PLACES, 20, views, 1, 9, 9))
    alone = [numbers(Draw([place], 20, views, 1, 9, 9)) for place in PLACES]
    for all_, *parts in zip(together, *alone, strict=True):
        assert np.array_equal(all_, np.concatenate(parts))


def test_streams_do_not_meet():
    """Numbers that are drawn for different things are not the same ones."""
    draw = Draw(PLACES, 20, 1, 1, 9, 9)
    uniforms = [
        draw.uniform(0),
        draw.uniform(1),
        draw.uniform(0, stream=39),
        draw.uniform(0, "batch"),
    ]
    flat = np.stack([one.ravel() for one in uniforms])
    assert (abs(np.corrcoef(flat) - np.eye(4)) < 5 / np.sqrt(flat.shape[1])).all()


@pytest.mark.parametrize("weights", [(0, 1, 0), (3, 0, 1), (1e-300, 1), (0.1,) * 10])
def test_what_weighs_nothing_is_never_chosen(weights):
    draw = Draw([Place(1, 0, 0, 0)], 5000, 1, 1, 9, 9)
    found = draw.choice(weights, 1.0, "sample")
    counts = np.bincount(found, minlength=len(weights))
    share = np.array(weights) / sum(weights)
    assert len(counts) == len(weights)
    assert (counts[np.array(weights) == 0] == 0).all()
    assert (abs(counts / 5000 - share) <= 5 * np.sqrt(share * (1 - share) / 5000)).all()
