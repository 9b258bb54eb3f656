"""What the papers say of mixup, checked on what a trainer gets; see also tests/kernels."""

import math

import pytest
import torch

from fasttricks import Mixup, mix
from fasttricks.tricks.soft_targets import cross_entropy


def mixed(how, count=64, seed=0, size=2):
    """Pictures whose every pixel is their own number."""
    numbers = torch.arange(count, dtype=torch.float32)
    images = numbers[:, None, None, None].expand(count, 3, size, size).contiguous()
    labels = torch.arange(count) % 10
    return mix(images, labels, how, torch.Generator().manual_seed(seed))


PAIRINGS = ["permutation", "two-batches", "halves"]


@pytest.mark.parametrize("pairing", PAIRINGS)
def test_picture_and_target_have_the_same_share_and_mass_one(pairing):
    images, targets = mixed(Mixup(pairing=pairing))
    told = (targets.weights * targets.indices).sum(1)
    torch.testing.assert_close(images[:, 0, 0, 0], told)
    torch.testing.assert_close(targets.weights.sum(1), torch.ones(len(images)))
    torch.testing.assert_close(targets.soft(10, 0.1).sum(1), torch.ones(len(images)))


def test_a_share_of_one_is_the_picture_alone():
    images, targets = mixed(Mixup(alpha=0.001), count=256)
    alone = targets.weights[:, 0] == 1
    assert alone.sum() > 50
    assert torch.equal(images[alone, 0, 0, 0], targets.indices[alone, 0].float())


def test_shares_are_drawn_from_beta():
    """Beta(0.2, 0.2): mean 1/2, variance 0.25 / 1.4 = 0.1786."""
    shares = torch.cat([mixed(Mixup(0.2), 512, seed)[1].weights[:, 0] for seed in range(20)])
    error = 5 / math.sqrt(len(shares))  # shares lie in [0, 1], so their deviations below 1/2
    assert shares.mean().item() == pytest.approx(0.5, abs=error / 2)
    assert shares.var().item() == pytest.approx(0.1786, abs=error / 4)


def test_type_1_uses_every_picture_of_two_batches_once():
    images, targets = mixed(Mixup(pairing="two-batches"))
    assert len(images) == 32
    assert targets.indices.flatten().sort().values.tolist() == list(range(64))


@pytest.mark.parametrize("pairing", PAIRINGS)
def test_the_mean_of_what_comes_out_is_that_of_what_goes_in(pairing):
    means = [mixed(Mixup(pairing=pairing), 64, seed)[0].mean() for seed in range(200)]
    # A mean of 64 numbers, each off by at most 63 / 2 with a share of its own: 200 of them.
    assert torch.stack(means).mean().item() == pytest.approx(
        31.5, abs=5 * 31.5 / math.sqrt(32 * 200)
    )


def test_mixing_targets_is_mixing_losses():
    """As in the authors' code (facebookresearch/mixup-cifar10), smoothing included."""
    _, targets = mixed(Mixup())
    logits = torch.randn(64, 10, generator=torch.Generator().manual_seed(1))
    each = [
        targets.weights[:, k]
        * torch.nn.functional.cross_entropy(
            logits, targets.labels[:, k], label_smoothing=0.1, reduction="none"
        )
        for k in range(2)
    ]
    torch.testing.assert_close(cross_entropy(logits, targets, 0.1), sum(each).mean())
