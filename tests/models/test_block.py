"""Path A of the blocks: where strides, attention, blur and DropBlock stand."""

from typing import Any

import pytest
import torch
from torch import Tensor, nn

from fasttricks.models.attention import SelectiveKernel
from fasttricks.models.block import Block, make_group
from fasttricks.models.blur import BlurPool
from fasttricks.models.config import SE, SK, AntiAlias, DropBlock, ResNetConfig
from fasttricks.models.layers import Options


def group(count: int = 1, *, stride: int = 2, dilation: int = 1, **fields: Any) -> list[Block]:
    """Blocks 32 wide from 64 channels, in evaluation mode; in stage 3, where DropBlock is on."""
    options = Options(ResNetConfig(**fields), stage=3)
    blocks = make_group(options, 64, 32, count, stride=stride, dilation=dilation).eval()
    return [block for block in blocks if isinstance(block, Block)]


def first_path(**fields: Any) -> nn.Sequential:
    return group(**fields)[0].path_a


def names(path: nn.Sequential) -> str:
    return " ".join(name for name, _ in path.named_children())


def seen_pixels(path: nn.Module) -> Tensor:
    """Which pixels of a 16 x 16 map the path's output depends on."""
    x = torch.randn(1, 64, 16, 16, requires_grad=True)
    (gradient,) = torch.autograd.grad(path.eval()(x).sum(), x)
    return gradient[0].abs().sum(0) > 0


def test_the_original_looks_at_one_pixel_in_four() -> None:
    lattice = torch.zeros(16, 16, dtype=torch.bool)
    lattice[::2, ::2] = True
    block = group(variant="original")[0]
    assert torch.equal(seen_pixels(block.path_a), lattice)
    assert torch.equal(seen_pixels(block.path_b), lattice)


@pytest.mark.parametrize("variant", ["b", "c", "d"])
def test_the_tweaked_look_at_all(variant: str) -> None:
    block = group(variant=variant)[0]
    assert seen_pixels(block.path_a).all()
    assert seen_pixels(block.path_b).all() == (variant == "d")


def test_where_the_strides_sit() -> None:
    def strides(**fields: Any) -> list[int]:
        return [m.stride[0] for m in first_path(**fields).modules() if isinstance(m, nn.Conv2d)]

    assert strides(variant="original") == [2, 1, 1]
    assert strides(variant="b") == strides(variant="d") == [1, 2, 1]
    assert strides(depth=18, variant="original") == strides(depth=18) == [2, 1]
    assert strides(antialias=AntiAlias()) == [1, 1, 1]
    assert strides(attention=SK()) == [1, 2, 1]
    assert strides(attention=SK(), antialias=AntiAlias()) == [1, 1, 1]


DROP = DropBlock()
ORDERS: list[tuple[dict[str, Any], str]] = [
    ({}, "conv1 norm1 relu1 conv2 norm2 relu2 conv3 norm3"),
    (
        {"attention": SE(), "antialias": AntiAlias(), "dropblock": DROP},
        "conv1 norm1 drop1 relu1 conv2 norm2 drop2 relu2 blur conv3 norm3 drop3 se",
    ),
    (
        {"attention": SK(), "antialias": AntiAlias(), "dropblock": DROP},
        "conv1 norm1 drop1 relu1 select drop2 blur conv3 norm3 drop3",
    ),
    ({"depth": 18}, "conv1 norm1 relu1 conv2 norm2"),
    (
        {"depth": 18, "attention": SE(), "antialias": AntiAlias(), "dropblock": DROP},
        "conv1 norm1 drop1 relu1 blur conv2 norm2 drop2 se",
    ),
]


@pytest.mark.parametrize(("fields", "order"), ORDERS)
def test_what_stands_where(fields: dict[str, Any], order: str) -> None:
    assert names(first_path(**fields)) == order


def test_only_strided_blocks_blur() -> None:
    blocks = group(3, antialias=AntiAlias(positions=("sconv", "proj")))
    blurs = [sum(isinstance(m, BlurPool) for m in block.modules()) for block in blocks]
    assert blurs == [2, 0, 0]
    (unstrided,) = group(stride=1, antialias=AntiAlias(positions=("sconv", "proj")))
    assert not any(isinstance(m, BlurPool) for m in unstrided.modules())


@pytest.mark.parametrize("filter_size", range(2, 8))
def test_all_filters_keep_the_shapes(filter_size: int) -> None:
    antialias = AntiAlias(filter_size=filter_size, positions=("sconv", "proj"))
    for size in ((8, 8), (7, 9), (1, 2)):
        x = torch.randn(1, 64, *size)
        assert group(antialias=antialias)[0](x).shape == group()[0](x).shape


def test_a_block_is_the_relu_of_the_sum_of_its_paths() -> None:
    for channels, block in zip((64, 128), group(2, attention=SE()), strict=True):
        x = torch.randn(2, channels, 6, 6)
        assert torch.equal(block(x), (block.path_a(x) + block.path_b(x)).relu())


def test_without_its_last_relu_a_group_has_negative_outputs() -> None:
    options = Options(ResNetConfig(), stage=0)
    blocks = make_group(options, 64, 32, 3, last_relu=False).eval()
    x = torch.randn(2, 64, 6, 6)
    assert blocks(x).min() < 0
    assert blocks[:2](x).min() >= 0


def test_the_last_norm_is_that_of_the_branch() -> None:
    cases: list[tuple[dict[str, Any], str]] = [
        ({"attention": SK()}, "norm3"),
        ({"attention": SE(), "dropblock": DROP}, "norm3"),
        ({"depth": 18}, "norm2"),
    ]
    for fields, last in cases:
        (block,) = group(**fields)
        assert block.last_norm is block.path_a.get_submodule(last)


def test_an_original_selective_kernel_is_twice_as_wide() -> None:
    path = first_path(attention=SK(kind="original", ratio=16), variant="b")
    kernels = [m for m in path.modules() if isinstance(m, SelectiveKernel)]
    assert len(kernels) == 1
    dilations = {m.dilation[0] for m in kernels[0].modules() if isinstance(m, nn.Conv2d)}
    assert dilations == {1, 2}
    assert path.get_submodule("conv3").in_channels == 64
    assert path(torch.randn(2, 64, 8, 8)).shape == (2, 128, 4, 4)


def test_dilation_reaches_the_convolutions_behind_the_stride_it_stands_for() -> None:
    def dilations(**fields: Any) -> list[list[int]]:
        blocks = group(2, stride=1, dilation=4, **fields)
        return [
            [m.dilation[0] for m in b.path_a if isinstance(m, nn.Conv2d) and m.kernel_size[0] == 3]
            for b in blocks
        ]

    assert dilations(depth=50, variant="b") == [[2], [4]]
    assert dilations(depth=50, variant="original") == [[4], [4]]
    assert dilations(depth=18) == [[2, 4], [4, 4]]
