"""Colour modes and policies through every pipeline: the same steps on the same pixels."""

import numpy as np
import pytest
import torch

from fasttricks import Augment, AutoAugment, Mixup, RandAugment, TrivialAugment
from fasttricks.kernels import reference
from fasttricks.kernels.ops.batch import apply_ops_batch
from fasttricks.kernels.plan import plan_batch
from fasttricks.kernels.plan_ops import plan_ops_batch
from tests.pipelines.agreement import NAMES

AUGMENTS = [
    Augment(color="reference"),
    Augment(color="hsv-literal"),
    Augment(policy=AutoAugment()),
    Augment(policy=AutoAugment(levels="torchvision"), color="reference"),
    Augment(policy=RandAugment()),
    Augment(policy=TrivialAugment(), color="none"),
]


def first_batch(open_loader, name, samples, epoch=0, **options):
    with open_loader(name, samples, **options) as loader:
        loader.set_epoch(epoch)
        images, _ = next(iter(loader))
        return images.clone(), loader.indices(epoch, 0), loader.options


def by_hand(pixels, indices, options, sizes, epoch=0):
    """The ops on uint8 pixels that were seen, then the matrix, float64 [B, 3, H, W]."""
    views = options.views
    rows, view = np.tile(indices, views), np.repeat(np.arange(views), len(indices))
    ops = plan_ops_batch(options.seed, epoch, rows, view, options.ops_at(epoch))
    done = apply_ops_batch(pixels.permute(0, 2, 3, 1).contiguous(), ops)
    heights, widths = np.array([sizes[index] for index in rows]).T
    args = options.seed, epoch, rows, view, heights, widths
    _, matrices = plan_batch(*args, options.params_at(epoch))
    upright = np.zeros(len(rows), np.uint8)
    return torch.from_numpy(reference.finish(done.numpy(), matrices, upright)), ops


@pytest.fixture(scope="module")
def sizes(pictures):
    from fasttricks.data.probe import probe

    facts = [probe(pictures.read(index)) for index in range(len(pictures))]
    return [(fact.height, fact.width) for fact in facts]


@pytest.mark.parametrize("augment", AUGMENTS, ids=str)
@pytest.mark.parametrize("name", NAMES)
def test_ops_are_done_to_the_pipelines_own_pixels(name, augment, pictures, sizes, open_loader):
    pixels, indices, _ = first_batch(open_loader, name, pictures, views=2, work="decode")
    options = {"views": 2, "augment": augment}
    got, same, settings = first_batch(open_loader, name, pictures, **options)
    assert np.array_equal(indices, same)
    want, ops = by_hand(pixels, indices, settings, sizes)
    assert ops["op"].any()
    # float32 products of at most 255 with a few roundings, divided by a std of 57.
    torch.testing.assert_close(got.double(), want, rtol=1e-5, atol=1e-4)
    plain, _, _ = first_batch(open_loader, name, pictures, views=2)
    assert (got - plain).abs().max() > 0.1


@pytest.mark.parametrize("name", NAMES)
def test_every_epoch_draws_other_ops(name, pictures, sizes, open_loader):
    augment = Augment(policy=RandAugment(), color="reference")
    pixels, indices, _ = first_batch(open_loader, name, pictures, epoch=3, work="decode")
    got, _, settings = first_batch(open_loader, name, pictures, epoch=3, augment=augment)
    want, ops = by_hand(pixels, indices, settings, sizes, epoch=3)
    torch.testing.assert_close(got.double(), want, rtol=1e-5, atol=1e-4)
    _, others = by_hand(pixels, indices, settings, sizes)
    assert not np.array_equal(ops, others)


@pytest.mark.parametrize("name", NAMES)
def test_evaluation_and_normalise_do_nothing_to_pixels(name, pictures, open_loader):
    augment = Augment(policy=AutoAugment(), color="reference")
    for options in ({"train": False}, {"work": "normalise"}):
        got, _, _ = first_batch(open_loader, name, pictures, augment=augment, **options)
        plain, _, _ = first_batch(open_loader, name, pictures, **options)
        assert torch.equal(got, plain)


@pytest.mark.parametrize("name", NAMES)
def test_ops_come_before_mixing(name, pictures, open_loader):
    options = {"augment": Augment(policy=AutoAugment()), "mix_group": 8}
    plain, _, _ = first_batch(open_loader, name, pictures, **options)
    mixed, _, settings = first_batch(open_loader, name, pictures, mix=Mixup(), **options)
    from fasttricks.kernels.mix.plan import Place, plan_mix

    place = Place(settings.seed, 0, 0, 0, 8)
    drawn = plan_mix(settings.mix, place, 8, 1, *plain.shape[2:])
    weights = torch.from_numpy(drawn.weights).double()
    pictures_of = plain.double()[torch.from_numpy(drawn.rows)]
    want = (pictures_of * weights[:, :, None, None, None]).sum(1)
    torch.testing.assert_close(mixed.double(), want, rtol=0, atol=2e-5)


@pytest.mark.parametrize("name", NAMES)
def test_threads_and_resuming_change_nothing(name, pictures, open_loader):
    augment = Augment(policy=AutoAugment(), color="reference")
    one, _, _ = first_batch(open_loader, name, pictures, augment=augment)
    two, _, _ = first_batch(open_loader, name, pictures, augment=augment, num_threads=2)
    assert torch.equal(one, two)
