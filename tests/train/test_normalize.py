"""Normalisation by name."""

from typing import get_args

import pytest

from fasttricks.kernels.augment import Augment
from fasttricks.train.config import AugmentConfig
from fasttricks.train.data import augmentation
from fasttricks.train.normalize import CONSTANTS, Normalize


def test_every_name_has_its_constants():
    assert set(get_args(Normalize)) == set(CONSTANTS)


def test_the_usual_ones_are_those_of_augment():
    assert CONSTANTS["bag-of-tricks"] == (Augment().mean, Augment().std)


@pytest.mark.parametrize("name", CONSTANTS)
def test_a_recipe_takes_them_by_name(name):
    made = augmentation(AugmentConfig(normalize=name))
    assert (made.mean, made.std) == CONSTANTS[name]
