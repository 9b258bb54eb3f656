"""Stems: where the strides sit, what comes out, what anti-aliasing changes."""

import pytest
import torch
from torch import nn

from fasttricks.models.blur import BlurPool
from fasttricks.models.config import AntiAlias, ResNetConfig
from fasttricks.models.stem import make_stem


def convolutions(stem: nn.Module) -> list[tuple[int, int, int]]:
    """(out channels, kernel, stride) of each."""
    return [
        (m.out_channels, m.kernel_size[0], m.stride[0])
        for m in stem.modules()
        if isinstance(m, nn.Conv2d)
    ]


@pytest.mark.parametrize("variant", ["original", "b"])
def test_plain_stem(variant: str) -> None:
    stem = make_stem(ResNetConfig(variant=variant))  # type: ignore[arg-type]
    assert convolutions(stem) == [(64, 7, 2)]


@pytest.mark.parametrize("variant", ["c", "d"])
def test_deep_stem_strides_once(variant: str) -> None:
    stem = make_stem(ResNetConfig(variant=variant))  # type: ignore[arg-type]
    assert convolutions(stem) == [(32, 3, 2), (32, 3, 1), (64, 3, 1)]
    steps = [type(step) for step in stem]
    assert steps == 3 * [nn.Conv2d, nn.BatchNorm2d, nn.ReLU] + [nn.MaxPool2d]


@pytest.mark.parametrize("variant", ["b", "d"])
def test_maps_of_the_stem(variant: str) -> None:
    with torch.device("meta"):
        stem = make_stem(ResNetConfig(variant=variant))  # type: ignore[arg-type]
        x = torch.empty(2, 3, 224, 224)
    assert stem[:-1](x).shape == (2, 64, 112, 112)
    assert stem(x).shape == (2, 64, 56, 56)


def test_small_stem_keeps_the_size() -> None:
    stem = make_stem(ResNetConfig(stem="small"))
    assert convolutions(stem) == [(64, 3, 1)]
    assert stem(torch.randn(1, 3, 31, 32)).shape == (1, 64, 31, 32)


def test_antialiased_max_pool_blurs_the_dense_maximum() -> None:
    antialias = AntiAlias(filter_size=3, positions=("maxpool",))
    stem = make_stem(ResNetConfig(variant="b", antialias=antialias)).eval()
    pool = stem.get_submodule("pool")
    x = torch.randn(1, 64, 9, 12)
    dense = nn.MaxPool2d(3, stride=1, padding=1)(x)
    assert torch.equal(pool(x), BlurPool(64, filter_size=3, stride=2)(dense))
    assert pool(x).shape == nn.MaxPool2d(3, stride=2, padding=1)(x).shape


def test_other_positions_leave_the_stem_alone() -> None:
    antialias = AntiAlias(positions=("sconv", "proj"))
    stem = make_stem(ResNetConfig(variant="b", antialias=antialias))
    assert not any(isinstance(m, BlurPool) for m in stem.modules())
