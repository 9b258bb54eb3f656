"""Repeated augmentation."""

import pytest
import torch

from fasttricks import Samples, make_loader
from fasttricks.tricks.repeated_augmentation import RepeatedAugmentation
from tests.pictures import jpeg


def test_a_batch_holds_every_picture_several_times_differently():
    pictures = [jpeg(40, 50, seed=seed) for seed in range(6)]
    repeated = RepeatedAugmentation(3)
    options = repeated.loader_options(6)
    assert options == {"batch_size": 2, "views": 3}
    samples = Samples(pictures, list(range(6)))
    with make_loader("torchvision", samples, size=16, num_threads=1, **options) as loader:
        batches = list(loader)
    assert [len(images) for images, _ in batches] == [6, 6, 6]
    for images, targets in batches:
        assert torch.equal(targets, targets[:2].repeat(3))  # row r shows picture r % 2
        first = images[0::2].flatten(1)
        assert torch.cdist(first, first).fill_diagonal_(1).min() > 0.1
    seen = torch.cat([targets for _, targets in batches])
    assert torch.bincount(seen).tolist() == [3] * 6


def test_what_is_wrong_is_said():
    with pytest.raises(ValueError, match="repeats"):
        RepeatedAugmentation(0)
    with pytest.raises(ValueError, match="multiple of 3"):
        RepeatedAugmentation(3).loader_options(256)
