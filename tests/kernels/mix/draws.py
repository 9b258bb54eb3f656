"""Many draws of a mix, and checks of their distributions within 5 standard deviations."""

import numpy as np

from fasttricks.kernels.mix.kinds import as_mixes
from fasttricks.kernels.mix.plan import Place, plan_mix

COUNT = 20_480
HERE = Place(seed=3, epoch=1, first=640, batch=512)


def drawn(mix, count=COUNT, views=1, height=224, width=224, place=HERE):
    return plan_mix(as_mixes(mix), place, count, views, height, width)


def mean_is(values, expected, rounding=0.0):
    """The mean of independent values is `expected`."""
    allowed = 5 * values.std() / np.sqrt(len(values)) + rounding
    assert abs(values.mean() - expected) <= allowed


def uniform(values, low=0.0, high=1.0, rounding=0.0):
    """Independent values are uniform in [low, high]: by Kolmogorov and Smirnov, whose distance D of
    n values is above c / sqrt(n) in 2 exp(-2 c^2) of all cases, as rare as 5 standard deviations
    for c = 2.75. `rounding` is how far values are off."""
    place = (np.sort(values) - low) / (high - low)
    steps = np.arange(len(values) + 1) / len(values)
    distance = max((steps[1:] - place).max(), (place - steps[:-1]).max())
    assert distance <= 2.75 / np.sqrt(len(values)) + rounding / (high - low)


def apart(rows):
    """Independent values [k, n]: no row is correlated with another."""
    found = np.corrcoef(rows) - np.eye(len(rows))
    assert abs(found).max() < 5 / np.sqrt(rows.shape[1])


def equally_often(begins, rooms):
    """Integers `begins` [n] are uniform in [0, room], the first and the last included."""
    assert (begins >= 0).all()
    assert (begins <= rooms).all()
    for room in np.unique(rooms):
        counts = np.bincount(begins[rooms == room], minlength=room + 1)
        share = 1 / (room + 1)
        allowed = 5 * np.sqrt(counts.sum() * share * (1 - share))
        assert abs(counts - counts.sum() * share).max() <= allowed
