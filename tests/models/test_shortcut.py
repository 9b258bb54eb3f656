"""Path B: the identity, the strided projection, the pools of D and Big-Little, the blur."""

from typing import Any

import pytest
import torch
from torch import Tensor, nn

from fasttricks.models.blur import BlurPool
from fasttricks.models.config import AntiAlias, BigLittle, DropBlock, ResNetConfig
from fasttricks.models.layers import Options
from fasttricks.models.shortcut import make_shortcut


def shortcut(in_channels: int, out_channels: int, stride: int, **fields: Any) -> nn.Module:
    options = Options(ResNetConfig(**fields), stage=3)
    return make_shortcut(options, in_channels, out_channels, stride).eval()


def unweighted(path: nn.Module, x: Tensor) -> Tensor:
    """What path B makes of x if its projection copies the first channel."""
    conv = path.get_submodule("conv")
    assert isinstance(conv, nn.Conv2d)
    nn.init.zeros_(conv.weight)
    nn.init.ones_(conv.weight[:, 0])
    out: Tensor = path(x)
    return out


@pytest.mark.parametrize("variant", ["original", "b", "c", "d"])
def test_nothing_changes_nothing_is_done(variant: str) -> None:
    assert isinstance(shortcut(8, 8, 1, variant=variant), nn.Identity)


@pytest.mark.parametrize("variant", ["original", "b", "c", "d"])
def test_without_a_stride_there_is_no_pool(variant: str) -> None:
    steps = [type(step) for step in shortcut(8, 16, 1, variant=variant).children()]
    assert steps == [nn.Conv2d, nn.BatchNorm2d]


@pytest.mark.parametrize("variant", ["original", "b", "c"])
def test_strided_projection_sees_every_second_pixel(variant: str) -> None:
    x = torch.randn(2, 3, 7, 10)
    out = unweighted(shortcut(3, 5, 2, variant=variant), x)
    torch.testing.assert_close(out[:, 4], x[:, 0, ::2, ::2], rtol=1e-4, atol=1e-4)


def test_d_averages_all_pixels() -> None:
    x = torch.randn(2, 3, 8, 10)
    out = unweighted(shortcut(3, 5, 2, variant="d"), x)
    means = x[:, 0].reshape(2, 4, 2, 5, 2).mean((2, 4))
    torch.testing.assert_close(out[:, 1], means, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("size", [(8, 8), (7, 8), (9, 5), (1, 1)])
def test_d_keeps_the_mean_of_a_constant_picture(size: tuple[int, int]) -> None:
    """At odd sizes too: the last row and column are averages of what there is."""
    out = unweighted(shortcut(1, 2, 2, variant="d"), torch.full((1, 1, *size), 3.0))
    assert out.shape == (1, 2, -(-size[0] // 2), -(-size[1] // 2))
    torch.testing.assert_close(out, torch.full_like(out, 3.0), rtol=1e-4, atol=1e-4)


def test_big_little_pools_3_x_3_with_zeros_around() -> None:
    out = unweighted(shortcut(1, 2, 2, big_little=BigLittle()), torch.ones(1, 1, 6, 6))
    expected = torch.tensor([[4.0, 6.0, 6.0], [6.0, 9.0, 9.0], [6.0, 9.0, 9.0]]) / 9
    torch.testing.assert_close(out[0, 0], expected, rtol=1e-4, atol=1e-4)


def test_big_little_projects_always_or_where_channels_change() -> None:
    always = BigLittle(projection="always")
    changed = BigLittle(projection="changed")
    assert isinstance(shortcut(8, 8, 1, big_little=changed), nn.Identity)
    assert isinstance(shortcut(8, 8, 2, big_little=changed), nn.AvgPool2d)
    for stride, pools in ((1, 0), (2, 1)):
        steps = [type(s) for s in shortcut(8, 8, stride, big_little=always).children()]
        assert steps == pools * [nn.AvgPool2d] + [nn.Conv2d, nn.BatchNorm2d]


@pytest.mark.parametrize("variant", ["original", "b", "c", "d"])
def test_antialiased_projection_blurs_instead(variant: str) -> None:
    antialias = AntiAlias(filter_size=5, positions=("proj",))
    path = shortcut(3, 5, 2, variant=variant, antialias=antialias)
    x = torch.randn(2, 3, 9, 12)
    blurred = BlurPool(3, filter_size=5, stride=2)(x)[:, 0]
    torch.testing.assert_close(unweighted(path, x)[:, 0], blurred, rtol=1e-4, atol=1e-4)
    untouched = AntiAlias(positions=("maxpool",))
    path = shortcut(3, 5, 2, variant=variant, antialias=untouched)
    assert not any(isinstance(m, BlurPool) for m in path.modules())


def test_dropblock_is_behind_the_projections_norm() -> None:
    steps = [name for name, _ in shortcut(4, 8, 2, dropblock=DropBlock()).named_children()]
    assert steps == ["pool", "conv", "norm", "drop"]
