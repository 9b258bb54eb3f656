"""What cannot be trained or evaluated is told before the first step."""

from dataclasses import replace

import pytest
import torch
from torch import nn

from fasttricks.train.data import eval_loader, train_loader
from fasttricks.train.distributed import World
from fasttricks.train.preflight import check_device, check_pictures
from tests.train import tiny

WORLD = World(device=torch.device("cpu"), threads=1)


def check(model, recipe):
    with train_loader(recipe, WORLD) as train, eval_loader(recipe, WORLD) as evaluation:
        check_pictures(model, train, evaluation, recipe.schedule.epochs)


class Picky(nn.Sequential):
    """Takes pictures of 32 pixels only."""

    def forward(self, x):
        if x.shape[-1] != 32:
            raise ValueError(f"32 only; got {x.shape[-1]}")
        return super().forward(x)


class Looks(Picky):
    """Looks at a value on its way, which there is none of in shapes only."""

    def forward(self, x):
        return super().forward(x * (2 if x.sum().item() else 1))


@pytest.fixture
def recipe(picture_folder, tmp_path):
    return tiny.recipe(picture_folder, tmp_path)


@pytest.mark.parametrize("kind", [Picky, Looks])
@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"eval_size": 50}, r"50 pixels \(--data.eval-size\): 32 only; got 50"),
        ({"size": 48}, r"48 pixels \(--data.size\): 32 only; got 48"),
        ({"progressive": (32, 64)}, r"64 pixels \(--data.size\): 32 only; got 64"),
    ],
)
def test_sizes_that_a_network_cannot_take(recipe, kind, changes, told):
    model = kind(tiny.plain(recipe, 3))
    check(model, recipe)
    with pytest.raises(ValueError, match=told):
        check(model, replace(recipe, data=replace(recipe.data, **changes)))


def test_pictures_that_vanish_in_a_network(recipe):
    model = nn.Sequential(nn.Conv2d(3, 3, 40), nn.AdaptiveAvgPool2d(1), nn.Flatten())
    with pytest.raises(ValueError, match=r"cannot take pictures of 32 pixels .*[Kk]ernel size"):
        check(model, recipe)


def test_what_only_training_calls_is_called(recipe):
    """The auxiliary head of Inception-V3 takes larger pictures than the rest."""

    class Helped(nn.Sequential):
        def forward(self, x):
            if self.training and x.shape[-1] < 40:
                raise ValueError("the second head takes 40 or more")
            return super().forward(x)

    model = Helped(*tiny.normed(recipe, 3))
    statistics = model[1].running_mean.clone()
    with pytest.raises(ValueError, match=r"32 pixels \(--data.size\): the second head takes 40"):
        check(model, recipe)
    check(model, replace(recipe, data=replace(recipe.data, size=64)))
    assert torch.equal(model[1].running_mean, statistics)


def test_batch_norm_of_one_value(recipe):
    model = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.BatchNorm2d(3), nn.Flatten())
    check(model, recipe)
    told = r"batch norm would get one value .* 1 a process at once .*--accumulate"
    with pytest.raises(ValueError, match=told):
        check(model, replace(recipe, accumulate=8))
    model(torch.rand(2, 3, 4, 4))  # no hook is left
    assert model.training


def test_what_a_device_cannot_do(recipe):
    with pytest.raises(ValueError, match="cuda_graph is for one process on a CUDA device"):
        check_device(replace(recipe, cuda_graph=True), WORLD)
    with pytest.raises(ValueError, match="float16 is for GPUs"):
        check_device(replace(recipe, precision="float16"), WORLD)
