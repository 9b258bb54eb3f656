"""Loaders are what the recipe says, and batches come as the step wants them."""

from dataclasses import replace

import pytest
import torch

import fasttricks
from fasttricks.errors import DataError
from fasttricks.train.config import AugmentConfig, MixConfig
from fasttricks.train.data import (
    augmentation,
    eval_loader,
    mixes,
    picture_size,
    train_loader,
)
from fasttricks.train.distributed import World
from tests.train import tiny

CPU = World(device=torch.device("cpu"), threads=1)


def test_the_global_batch_is_shared_out(picture_folder, tmp_path):
    recipe = tiny.recipe(picture_folder, tmp_path, accumulate=2)
    world = World(rank=1, size=2, device=torch.device("cpu"), threads=3)
    with train_loader(recipe, world) as loader:
        o = loader.options
        assert (o.batch_size, o.rank, o.world_size, o.train) == (2, 1, 2, True)
        assert o.num_threads == 1  # the recipe's, before the process's
    uneven = replace(recipe, data=replace(recipe.data, batch_size=10))
    with pytest.raises(ValueError, match="10 cannot be divided evenly by 2 processes"):
        train_loader(uneven, world)


def test_pictures_come_in_the_precision_of_the_step(picture_folder, tmp_path):
    recipe = tiny.recipe(picture_folder, tmp_path, precision="bfloat16")
    with train_loader(recipe, CPU) as loader, eval_loader(recipe, CPU) as evaluation:
        for it in (loader, evaluation):
            images, _ = next(iter(it))
            assert images.dtype == torch.bfloat16
            assert images.is_contiguous(memory_format=torch.channels_last)
        assert not evaluation.options.train


def test_what_is_trained_on_is_not_evaluated_on_in_silence(picture_folder, tmp_path):
    recipe = tiny.recipe(picture_folder, tmp_path)
    with pytest.raises(DataError, match="no val inside"):
        eval_loader(replace(recipe, data=replace(recipe.data, val="")), CPU)
    assert eval_loader(replace(recipe, data=replace(recipe.data, val="none")), CPU) is None


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"data": {"batch_size": 64}}, r"\(37 pictures\); change --data\.batch-size$"),
        (
            {"mix": MixConfig(kind="cutmix", group=3)},
            r"groups of 3, .* 8 at a time; change --data\.batch-size or --mix\.group \(such as 1",
        ),
    ],
)
def test_a_batch_that_does_not_fit_is_told_in_flags(picture_folder, tmp_path, changes, told):
    recipe = tiny.recipe(picture_folder, tmp_path, **changes)
    with pytest.raises(ValueError, match=told) as error:
        train_loader(recipe, CPU)
    assert not {"drop_last", "mix_group"} & set(str(error.value).split())


def test_augmentation_is_what_the_recipe_says():
    assert augmentation(AugmentConfig()) == fasttricks.Augment()
    made = augmentation(AugmentConfig(area=0.25, jitter=0.1, policy="trivial", crop_ratio=1.0))
    assert made.interpolation == "bilinear"
    assert augmentation(AugmentConfig(interpolation="bicubic")).interpolation == "bicubic"
    assert made.area == (0.25, 1.0)
    assert made.hue == made.saturation == made.brightness == made.contrast == (0.9, 1.1)
    assert made.policy == fasttricks.TrivialAugment()
    assert made.crop_ratio == 1.0


@pytest.mark.parametrize(
    ("config", "expected"),
    [
        (MixConfig(), ()),
        (MixConfig(kind="mixup"), (fasttricks.Mixup(0.2),)),
        (
            MixConfig(kind="mixup", alpha=0.4, pairing="halves", per="batch"),
            (fasttricks.Mixup(0.4, per="batch", pairing="halves"),),
        ),
        (
            MixConfig(kind="mixup-or-cutmix", cutmix_share=0.25, probability=0.9, per="batch"),
            (
                fasttricks.OneOf(
                    fasttricks.Mixup(0.2, per="batch"),
                    fasttricks.CutMix(1.0, per="batch"),
                    weights=(0.75, 0.25),
                    probability=0.9,
                    per="batch",
                ),
            ),
        ),
        (
            MixConfig(kind="mixup-or-cutmix", alpha=0.4, cutmix_alpha=0.7, erasing=0.1),
            (
                fasttricks.OneOf(fasttricks.Mixup(0.4), fasttricks.CutMix(0.7), weights=(0.5, 0.5)),
                fasttricks.RandomErasing(0.1),
            ),
        ),
        (
            MixConfig(kind="ricap", per="sample", probability=0.5),
            (fasttricks.OneOf(fasttricks.RICAP(0.3, per="sample"), probability=0.5),),
        ),
        (MixConfig(kind="cutmix", cutout=8), (fasttricks.CutMix(1.0), fasttricks.Cutout(8))),
        (MixConfig(kind="ricap"), (fasttricks.RICAP(0.3, per="batch"),)),
        (MixConfig(kind="ricap", per="sample"), (fasttricks.RICAP(0.3, per="sample"),)),
        (MixConfig(erasing=0.5), (fasttricks.RandomErasing(0.5),)),
    ],
)
def test_mixes_are_what_the_recipe_says(config, expected):
    assert mixes(config) == expected


def test_repeated_augmentation_shows_every_picture_several_times(picture_folder, tmp_path):
    recipe = tiny.recipe(picture_folder, tmp_path, data={"batch_size": 12, "views": 3})
    with train_loader(recipe, CPU) as loader:
        assert loader.options.batch_size == 4
        images, targets = next(iter(loader))
        assert len(images) == 12
        assert torch.equal(targets, targets[:4].repeat(3))  # row r shows picture r % 4
        first = images[0::4].flatten(1)
        assert torch.cdist(first, first).fill_diagonal_(1).min() > 0.1


def test_pictures_may_grow(picture_folder, tmp_path):
    recipe = tiny.recipe(picture_folder, tmp_path, data={"progressive": (32, 64)})
    assert [picture_size(recipe)(epoch) for epoch in range(3)] == [32, 32, 64]
    with train_loader(recipe, CPU) as loader:
        loader.set_epoch(2)
        images, _ = next(iter(loader))
        assert images.shape[-1] == 64
